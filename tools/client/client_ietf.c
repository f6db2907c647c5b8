/*
 * client_ietf.c - see client_ietf.h.
 */
#include "tools/client/client_ietf.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "stun/attr.h"
#include "stun/chandata.h"
#include "stun/msg.h"
#include "tools/client/client_loop.h"

enum { REFRESH_BINDING_S = 240 }; /* a permission lasts 300 s */

static bool take_credential(struct client *client)
{
	const char *username = client->config.username,
		   *password = client->config.password;

	client->username = (struct slice){(const uint8_t *)username, strlen(username)};
	client->password = (struct slice){(const uint8_t *)password, strlen(password)};
	return true;
}

/* --- requests ----------------------------------------------------------------------------- */

static void add_credentials(const struct client *client, struct stun_builder *b)
{
	if (!client->challenged)
		return;
	stun_builder_add(b, STUN_USERNAME, client->username.data, client->username.len);
	stun_builder_add(b, STUN_REALM, client->realm, client->realm_len);
	stun_builder_add(b, STUN_NONCE, client->nonce, client->nonce_len);
	if (client->algorithms_len > 0) {
		static const uint8_t sha256[4] = {0, STUN_PASSWORD_SHA256, 0, 0};
		stun_builder_add(b, STUN_PASSWORD_ALGORITHMS, client->algorithms,
				 client->algorithms_len);
		stun_builder_add(b, STUN_PASSWORD_ALGORITHM, sha256, sizeof(sha256));
	}
	stun_add_integrity(b, client->integrity, &client->key);
}

static const struct {
	uint16_t method;
	const char *name;
} requests[] = {
	[REQUEST_NONE] = {0, ""},
	[REQUEST_ALLOCATE] = {TURN_ALLOCATE, "Allocate"},
	[REQUEST_REFRESH] = {TURN_REFRESH, "Refresh"},
	[REQUEST_BIND] = {TURN_CHANNEL_BIND, "ChannelBind"},
	[REQUEST_RELEASE] = {TURN_REFRESH, "Refresh with lifetime 0"},
};

static bool is_permission(const struct client *client)
{
	return client->kind == REQUEST_BIND && client->channel == 0;
}

static const char *request_name(const struct client *client)
{
	return is_permission(client) ? "CreatePermission" : requests[client->kind].name;
}

static size_t build(struct client *client)
{
	struct stun_builder b;

	stun_builder_start(&b, client->request.bytes, sizeof(client->request.bytes),
			   is_permission(client) ? TURN_CREATE_PERMISSION
						 : requests[client->kind].method,
			   STUN_REQUEST, client->txid);
	switch (client->kind) {
	case REQUEST_NONE:
	case REQUEST_REFRESH:
		break;
	case REQUEST_ALLOCATE:
		stun_add_u32(&b, TURN_REQUESTED_TRANSPORT,
			     (uint32_t)TURN_TRANSPORT_UDP << 24);
		if (client->config.family != IP_NONE)
			stun_add_u32(&b, TURN_REQUESTED_ADDRESS_FAMILY,
				     (uint32_t)client->config.family << 24);
		break;
	case REQUEST_BIND:
		if (client->channel != 0)
			stun_add_u32(&b, TURN_CHANNEL_NUMBER,
				     (uint32_t)client->channel << 16);
		stun_add_xor_address(&b, TURN_XOR_PEER_ADDRESS, &client->peer);
		break;
	case REQUEST_RELEASE:
		stun_add_u32(&b, TURN_LIFETIME, 0);
		break;
	}
	add_credentials(client, &b);
	return stun_builder_finish(&b);
}

static uint32_t refresh_after_s(uint32_t lifetime_s)
{
	return lifetime_s / 2 < REFRESH_BINDING_S ? lifetime_s / 2 : REFRESH_BINDING_S;
}

/* --- answers ------------------------------------------------------------------------------ */

static bool copy_text(const struct stun_msg *msg, uint16_t type, char *out, size_t *len)
{
	struct stun_attr attr;

	if (!stun_msg_find(msg, type, &attr) || attr.value.len > STUN_TEXT_MAX)
		return false;
	memcpy(out, attr.value.data, attr.value.len);
	*len = attr.value.len;
	return true;
}

static bool offers_sha256(struct slice algorithms)
{
	struct stun_password_entry entry;
	bool malformed = false;

	while (stun_password_next(&algorithms, &entry, &malformed)) {
		if (entry.algorithm == STUN_PASSWORD_SHA256)
			return true;
	}
	return false;
}

/* Take realm, nonce and algorithms of a 401 or 438. False if it is no challenge. */
static bool take_challenge(struct client *client, const struct stun_msg *msg)
{
	enum stun_password_algorithm algorithm = STUN_PASSWORD_MD5;
	struct stun_attr offer;

	client->challenged = false;
	if (!copy_text(msg, STUN_REALM, client->realm, &client->realm_len) ||
	    !copy_text(msg, STUN_NONCE, client->nonce, &client->nonce_len))
		return false;
	client->algorithms_len = 0;
	client->integrity = STUN_INTEGRITY_SHA1;
	if (stun_msg_find(msg, STUN_PASSWORD_ALGORITHMS, &offer) &&
	    offer.value.len <= sizeof(client->algorithms) && offers_sha256(offer.value)) {
		memcpy(client->algorithms, offer.value.data, offer.value.len);
		client->algorithms_len = offer.value.len;
		client->integrity = STUN_INTEGRITY_SHA256;
		algorithm = STUN_PASSWORD_SHA256;
	}
	client->challenged = stun_key_long_term(
		&client->key, algorithm, client->username,
		(struct slice){(const uint8_t *)client->realm, client->realm_len},
		client->password);
	return client->challenged;
}

static void refused(struct client *client, const struct stun_msg *msg)
{
	char hint[CLIENT_HINT_MAX] = "", peer[ENDPOINT_TEXT_LEN];
	struct stun_attr attr;
	struct slice reason;
	int code = 0;

	if (!stun_msg_find(msg, STUN_ERROR_CODE, &attr) ||
	    !stun_attr_error_code(&attr, &code, &reason))
		code = 0;
	bool is_challenge = code == STUN_STALE_NONCE ||
			    (code == STUN_UNAUTHENTICATED && !client->challenged);
	if (code == STUN_UNAUTHENTICATED)
		client_credential_hint(client->username, false, hint);
	else if (code == STUN_FORBIDDEN && client->kind == REQUEST_BIND)
		snprintf(hint, sizeof(hint), " (does the server permit peer %s?)",
			 endpoint_format(&client->peer, peer, sizeof(peer)));
	client_state_refused(client, is_challenge && take_challenge(client, msg), code,
			     stun_error_reason(code), hint);
}

static void granted(struct client *client, const struct stun_msg *msg)
{
	struct stun_attr attr;

	if (client->kind == REQUEST_ALLOCATE) {
		client->lifetime_s = 600;
		if (!stun_msg_find(msg, TURN_XOR_RELAYED_ADDRESS, &attr) ||
		    !stun_attr_xor_address(&attr, msg->txid, &client->relayed)) {
			client_state_fail(client, 0,
					  "the Allocate response has no relayed address");
			return;
		}
	}
	if (stun_msg_find(msg, TURN_LIFETIME, &attr))
		stun_attr_u32(&attr, &client->lifetime_s);
	client_state_granted(client);
}

static void answered(struct client *client, const struct stun_msg *msg)
{
	if (client->kind == REQUEST_NONE ||
	    memcmp(msg->txid, client->txid, STUN_TXID_LEN) != 0)
		return; /* the answer to a request that was sent twice */
	if (msg->class == STUN_ERROR)
		refused(client, msg);
	/* A forged success is ignored (RFC 8489 section 9.2.5). */
	else if (!client->challenged || stun_verify(msg, client->integrity, &client->key))
		granted(client, msg);
}

/* --- data --------------------------------------------------------------------------------- */

static void indicated(const struct client *client, const struct stun_msg *msg,
		      uint64_t arrived_ns)
{
	struct client_data data = {.arrived_ns = arrived_ns};
	struct stun_attr attr;

	if (msg->method != TURN_DATA ||
	    !stun_msg_find(msg, TURN_XOR_PEER_ADDRESS, &attr) ||
	    !stun_attr_xor_address(&attr, msg->txid, &data.peer) ||
	    !stun_msg_find(msg, TURN_DATA_ATTR, &attr))
		return;
	data.payload = attr.value;
	client->events.data(client->events.arg, &data);
}

static void received(void *arg, struct slice message, uint64_t arrived_ns)
{
	struct client *client = arg;
	struct client_data data = {.arrived_ns = arrived_ns};
	struct stun_msg msg;

	if (message.len > 0 && message.data[0] >= 0x40) {
		if (chandata_parse(message, &data.channel, &data.payload))
			client->events.data(client->events.arg, &data);
		return;
	}
	if (stun_msg_parse(message, &msg) != STUN_PARSE_OK)
		return;
	if (msg.class == STUN_SUCCESS || msg.class == STUN_ERROR)
		answered(client, &msg);
	else if (msg.class == STUN_INDICATION)
		indicated(client, &msg, arrived_ns);
}

static bool send_channel(struct client *client, struct slice payload)
{
	uint8_t header[CHANDATA_HEADER_LEN];
	struct client_parts parts = {.head = {header, sizeof(header)},
				     .payload = payload};

	if (payload.len > UINT16_MAX) {
		errno = EMSGSIZE;
		return false;
	}
	if (client_link_is_stream(&client->link))
		parts.padding = padded4(payload.len) - payload.len;
	chandata_write_header(header, client->channel, payload.len);
	return client_link_send(&client->link, &parts);
}

static bool send_indication(struct client *client, struct slice payload)
{
	/* Everything up to DATA's value; its length and the message's are patched in. */
	uint8_t head[STUN_HEADER_LEN + 24 + STUN_ATTR_HEADER_LEN];
	uint8_t txid[STUN_TXID_LEN];
	size_t padded = padded4(payload.len);
	struct stun_builder b;

	if (!client_loop_random(client->config.loop, txid, sizeof(txid)))
		return false;
	stun_builder_start(&b, head, sizeof(head), TURN_SEND, STUN_INDICATION, txid);
	stun_add_xor_address(&b, TURN_XOR_PEER_ADDRESS, &client->peer);
	stun_builder_add(&b, TURN_DATA_ATTR, "", 0);
	size_t len = stun_builder_finish(&b);
	if (len == 0 || len - STUN_HEADER_LEN + padded > UINT16_MAX) {
		errno = EMSGSIZE;
		return false;
	}
	store_be16(head + 2, (uint16_t)(len - STUN_HEADER_LEN + padded));
	store_be16(head + len - 2, (uint16_t)payload.len);

	struct client_parts parts = {{head, len}, payload, padded - payload.len};
	return client_link_send(&client->link, &parts);
}

static bool send_packet(struct client *client, struct slice payload)
{
	return client->channel != 0 ? send_channel(client, payload)
				    : send_indication(client, payload);
}

const struct client_dialect client_ietf = {
	.stream_deadline_ms = 20000,
	.binding_expires = true,
	.take_credential = take_credential,
	.build = build,
	.request_name = request_name,
	.refresh_after_s = refresh_after_s,
	.received = received,
	.send = send_packet,
};
