/*
 * client_ms.c - see client_ms.h. A Send is never answered: if it was lost, the peer has no
 * permission, Set Active Destination is refused for that (440), and both are sent again.
 *
 * On a stream every message is built behind room for the header of its frame.
 */
#include "tools/client/client_ms.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "auth/credential/base64.h"
#include "stun/attr.h"
#include "stun/framing.h"
#include "stun/ms_integrity.h"
#include "tools/client/client_loop.h"

enum {
	LIFETIME_DEFAULT = 600, /* seconds, of a server that does not say */
	REFRESH_EARLY_S = 60,   /* before the end of a lifetime of more than twice that */
};

static bool decode(const char *text, uint8_t *bytes, size_t size, struct slice *out)
{
	out->data = bytes;
	return base64_decode(text, strlen(text), bytes, size, &out->len) && out->len > 0;
}

static bool take_credential(struct client *client)
{
	return client->config.transport != CLIENT_TLS &&
	       decode(client->config.username, client->username_bytes,
		      sizeof(client->username_bytes), &client->auth.username) &&
	       decode(client->config.password, client->password_bytes,
		      sizeof(client->password_bytes), &client->auth.password);
}

/* --- every message ------------------------------------------------------------------------ */

/* Of the header in front of each message; 0 for datagrams. */
static size_t frame_room(const struct client *client)
{
	return client_link_is_stream(client->link) ? MS_FRAME_HEADER_LEN : 0;
}

static void start_message(const struct client *client, struct ms_builder *b,
			  uint8_t *bytes, size_t size, uint16_t type, const uint8_t *txid)
{
	ms_builder_start(b, bytes + frame_room(client), size - frame_room(client), type,
			 txid);
	/* Servers give IPv6 only to clients that say that they know of it. */
	ms_add_u32(b, MS_VERSION,
		   client->config.family == IP_V6 ? MS_VERSION_IPV6 : MS_VERSION_ICE2);
}

/* Adds the integrity and the header of the frame. Returns the length of it all, or 0. */
static size_t finish_message(const struct client *client, struct ms_builder *b,
			     uint8_t *bytes)
{
	if (client->auth.challenged)
		ms_add_integrity(b, MS_INTEGRITY_SHA1, &client->auth.key);
	size_t len = ms_builder_finish(b);
	if (frame_room(client) > 0 && len > 0)
		ms_frame_write_header(bytes, MS_FRAME_CONTROL, len);
	return len > 0 ? frame_room(client) + len : 0;
}

static void add_username(const struct client *client, struct ms_builder *b)
{
	ms_builder_add(b, MS_USERNAME, client->auth.username.data,
		       client->auth.username.len);
}

static void add_destination(struct client *client, struct ms_builder *b)
{
	add_username(client, b);
	if (client->numbered) {
		client->sequence.number++;
		ms_add_sequence(b, &client->sequence);
	}
	ms_add_address(b, MS_DESTINATION_ADDRESS, &client->peer);
}

/* --- to the peer -------------------------------------------------------------------------- */

static bool send_bare(struct client *client, struct slice payload)
{
	uint8_t headers[MS_FRAME_HEADER_LEN + PACKET_STREAM_HEADER_LEN];
	struct client_parts parts = {.payload = payload};

	if (!client_link_is_stream(client->link)) {
		parts = (struct client_parts){.head = payload};
		return client_link_send(client->link, &parts);
	}
	if (payload.len > MS_FRAME_PAYLOAD_MAX - PACKET_STREAM_HEADER_LEN) {
		errno = EMSGSIZE;
		return false;
	}
	ms_frame_write_header(headers, MS_FRAME_DATA,
			      PACKET_STREAM_HEADER_LEN + payload.len);
	packet_stream_header(headers + MS_FRAME_HEADER_LEN, payload.len);
	parts.head = (struct slice){headers, sizeof(headers)};
	return client_link_send(client->link, &parts);
}

/* On a stream behind its length, unless it is empty: that makes the server connect. */
static void add_data(const struct client *client, struct ms_builder *b,
		     struct slice payload)
{
	size_t room = client_link_is_stream(client->link) && payload.len > 0
			      ? PACKET_STREAM_HEADER_LEN
			      : 0;
	uint8_t *value = ms_builder_reserve(b, MS_DATA, room + payload.len);

	if (value == NULL)
		return;
	if (room > 0)
		packet_stream_header(value, payload.len);
	if (payload.len > 0)
		memcpy(value + room, payload.data, payload.len);
}

static bool send_request(struct client *client, struct slice payload)
{
	uint8_t txid[MS_TXID_LEN], *bytes = client_loop_message(client->config.loop);
	struct ms_builder b;

	assert(client->auth.challenged);
	if (!client_loop_random(client->config.loop, txid, sizeof(txid)))
		return false;
	/* The loop has room for one message of any length; this one leaves some for its frame. */
	start_message(client, &b, bytes, MS_MSG_MAX, MS_SEND_REQUEST, txid);
	add_destination(client, &b);
	add_data(client, &b, payload);
	size_t len = finish_message(client, &b, bytes);
	if (len == 0) {
		errno = EMSGSIZE;
		return false;
	}
	struct client_parts parts = {.head = {bytes, len}};
	return client_link_send(client->link, &parts);
}

static bool send_packet(struct client *client, struct slice payload)
{
	return client->channel == CLIENT_ACTIVE ? send_bare(client, payload)
						: send_request(client, payload);
}

/* If it does not get there, the answer to what follows tells, or nothing does. */
static void permit(struct client *client)
{
	send_request(client, (struct slice){NULL, 0});
}

/* --- requests ----------------------------------------------------------------------------- */

static size_t build(struct client *client)
{
	bool bind = client->kind == REQUEST_BIND;
	struct ms_builder b;

	if (bind)
		permit(client);
	start_message(client, &b, client->request.bytes, sizeof(client->request.bytes),
		      bind ? MS_SET_ACTIVE_DESTINATION_REQUEST : MS_ALLOCATE_REQUEST,
		      client->txid);
	if (bind) {
		add_destination(client, &b);
		return finish_message(client, &b, client->request.bytes);
	}
	if (client->config.family == IP_V6)
		ms_add_family(&b, IP_V6);
	if (client->kind == REQUEST_RELEASE)
		ms_add_u32(&b, MS_LIFETIME, 0);
	if (client->auth.challenged) {
		add_username(client, &b);
		ms_builder_add(&b, MS_REALM, client->auth.realm, client->auth.realm_len);
		ms_builder_add(&b, MS_NONCE, client->auth.nonce, client->auth.nonce_len);
	}
	return finish_message(client, &b, client->request.bytes);
}

static const char *request_name(const struct client *client)
{
	static const char *const names[] = {
		[REQUEST_NONE] = "",
		[REQUEST_ALLOCATE] = "Allocate",
		[REQUEST_REFRESH] = "Allocate as a refresh",
		[REQUEST_BIND] = "Set Active Destination",
		[REQUEST_RELEASE] = "Allocate with lifetime 0",
	};
	return names[client->kind];
}

static uint32_t refresh_after_s(uint32_t lifetime_s)
{
	return lifetime_s > 2 * REFRESH_EARLY_S ? lifetime_s - REFRESH_EARLY_S
						: lifetime_s / 2;
}

/* --- answers ------------------------------------------------------------------------------ */

static bool copy_text(const struct ms_msg *msg, uint16_t type, char *out, size_t *len)
{
	struct stun_attr attr;
	struct slice text;

	static_assert((int)MS_TEXT_MAX <= (int)STUN_TEXT_MAX,
		      "ms_attr_text() gives no more");
	if (!ms_msg_find(msg, type, &attr) || !ms_attr_text(&attr, &text))
		return false;
	memcpy(out, text.data, text.len);
	*len = text.len;
	return true;
}

/* Take realm and nonce of a 401 or 438. False if it is no challenge. */
static bool take_challenge(struct client *client, const struct ms_msg *msg)
{
	client->auth.challenged =
		copy_text(msg, MS_REALM, client->auth.realm, &client->auth.realm_len) &&
		copy_text(msg, MS_NONCE, client->auth.nonce, &client->auth.nonce_len) &&
		ms_key(&client->auth.key, MS_INTEGRITY_SHA1, client->auth.username,
		       (struct slice){(const uint8_t *)client->auth.realm,
				      client->auth.realm_len},
		       client->auth.password);
	return client->auth.challenged;
}

static bool is_worth_another_try(struct client *client, const struct ms_msg *msg,
				 int code)
{
	if (code == MS_NO_DESTINATION)
		return client->kind == REQUEST_BIND;
	if (code == MS_STALE_NONCE ||
	    (code == MS_UNAUTHORIZED && !client->auth.challenged))
		return take_challenge(client, msg);
	return false;
}

static void refused(struct client *client, const struct ms_msg *msg)
{
	char hint[CLIENT_HINT_MAX] = "";
	struct stun_attr attr;
	struct slice reason;
	int code = 0;

	if (!ms_msg_find(msg, MS_ERROR_CODE, &attr) ||
	    !stun_attr_error_code(&attr, &code, &reason))
		code = 0;
	if (code == MS_INTEGRITY_CHECK_FAILURE || code == MS_UNKNOWN_USER ||
	    code == MS_STALE_CREDENTIALS)
		client_credential_hint(client->auth.username, true, hint);
	client_state_refused(client, is_worth_another_try(client, msg, code), code,
			     ms_error_reason(code), hint);
}

/* NULL, or what is wrong with the answer. */
static const char *take_allocation(struct client *client, const struct ms_msg *msg)
{
	struct stun_attr attr;

	client->lifetime_s = LIFETIME_DEFAULT;
	if (!ms_msg_find(msg, MS_MAPPED_ADDRESS, &attr) ||
	    !stun_attr_address(&attr, &client->relayed))
		return "the Allocate response has no relayed address";
	if (client->config.family != IP_NONE &&
	    client->config.family != client->relayed.ip.family)
		return "the relayed address and the peers are of different families";
	client->numbered = ms_msg_find(msg, MS_SEQUENCE_NUMBER, &attr) &&
			   ms_attr_sequence(&attr, &client->sequence);
	return NULL;
}

static void granted(struct client *client, const struct ms_msg *msg)
{
	const char *wrong =
		client->kind == REQUEST_ALLOCATE ? take_allocation(client, msg) : NULL;
	struct stun_attr attr;

	if (wrong != NULL) {
		client_state_fail(client, 0, wrong);
		return;
	}
	if (ms_msg_find(msg, MS_LIFETIME, &attr))
		stun_attr_u32(&attr, &client->lifetime_s);
	client_state_granted(client);
}

static void answered(struct client *client, const struct ms_msg *msg)
{
	uint16_t asked = client->kind == REQUEST_BIND ? MS_SET_ACTIVE_DESTINATION_REQUEST
						      : MS_ALLOCATE_REQUEST;

	if (client->kind == REQUEST_NONE ||
	    memcmp(msg->txid, client->txid, MS_TXID_LEN) != 0)
		return; /* the answer to a request that was sent twice */
	if (msg->type == (asked | 0x0110))
		refused(client, msg);
	/* A forged success is ignored; nobody but the server knows the key. */
	else if (msg->type == (asked | 0x0100) && client->auth.challenged &&
		 msg->integrity == MS_INTEGRITY_SHA1 && ms_verify(msg, &client->auth.key))
		granted(client, msg);
}

/* --- from the peer ------------------------------------------------------------------------ */

static void packet_found(void *arg, struct slice packet)
{
	struct client *client = arg;

	client->arriving.payload = packet;
	client->events.data(client->events.arg, &client->arriving);
}

/* Empty data only opens the way. On a stream data are pieces of packets. */
static void deliver(struct client *client, const struct client_data *data)
{
	if (data->payload.len == 0)
		return;
	if (!client_link_is_stream(client->link)) {
		client->events.data(client->events.arg, data);
		return;
	}
	/* Other peers have streams of their own, and we talk to one. */
	if (!endpoint_equal(&data->peer, &client->peer))
		return;
	client->arriving = *data;
	if (!packet_stream_take(&client->packets, data->payload, packet_found, client))
		client_state_fail(client, 0, "out of memory");
}

static void indicated(struct client *client, const struct ms_msg *msg,
		      uint64_t arrived_ns)
{
	struct client_data data = {.arrived_ns = arrived_ns};
	struct stun_attr attr;

	if (!ms_msg_find(msg, MS_REMOTE_ADDRESS, &attr) ||
	    !stun_attr_address(&attr, &data.peer) || !ms_msg_find(msg, MS_DATA, &attr))
		return;
	data.payload = attr.value;
	deliver(client, &data);
}

static void bare(void *arg, struct slice payload, uint64_t arrived_ns)
{
	struct client *client = arg;
	const struct client_data data = {
		.channel = CLIENT_ACTIVE,
		.peer = client->peer,
		.payload = payload,
		.arrived_ns = arrived_ns,
	};

	deliver(client, &data);
}

static void received(void *arg, struct slice message, uint64_t arrived_ns)
{
	struct client *client = arg;
	struct ms_msg msg;

	/* On a stream the type of the frame tells. */
	if (!ms_msg_begins(message)) {
		bare(client, message, arrived_ns);
		return;
	}
	if (ms_msg_parse(message, &msg) != MS_PARSE_OK)
		return;
	if (msg.type == MS_DATA_INDICATION)
		indicated(client, &msg, arrived_ns);
	else
		answered(client, &msg);
}

const struct client_dialect client_ms = {
	.stream_deadline_ms = 10000,
	.take_credential = take_credential,
	.build = build,
	.request_name = request_name,
	.refresh_after_s = refresh_after_s,
	.received = received,
	.bare = bare,
	.send = send_packet,
	.permit = permit,
};
