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

enum {
	REFRESH_BINDING_S = 240, /* a permission lasts 300 s */
	ICMP_CODE_BITS = 9,      /* below the type */
};

static bool take_credential(struct client *client)
{
	const char *username = client->config.username,
		   *password = client->config.password;

	client->auth.username =
		(struct slice){(const uint8_t *)username, strlen(username)};
	client->auth.token = client->config.token;
	client->auth.password =
		client->auth.token.len > 0
			? client->config.session_key
			: (struct slice){(const uint8_t *)password, strlen(password)};
	return client->auth.token.len == 0 || client->auth.password.len <= STUN_KEY_MAX;
}

/* --- requests ----------------------------------------------------------------------------- */

static const struct {
	uint16_t method;
	const char *name;
} requests[] = {
	[REQUEST_NONE] = {0, ""},
	[REQUEST_ALLOCATE] = {TURN_ALLOCATE, "Allocate"},
	[REQUEST_REFRESH] = {TURN_REFRESH, "Refresh"},
	[REQUEST_MOVE] = {TURN_REFRESH, "Refresh with a ticket"},
	[REQUEST_BIND] = {TURN_CHANNEL_BIND, "ChannelBind"},
	[REQUEST_RELEASE] = {TURN_REFRESH, "Refresh with lifetime 0"},
};

static bool is_connect(const struct client *client)
{
	return client->kind == REQUEST_BIND && client->config.tcp_relay &&
	       !client->awaits;
}

static bool is_permission(const struct client *client)
{
	return client->kind == REQUEST_BIND && client->channel == 0 &&
	       !is_connect(client);
}

static const char *request_name(const struct client *client)
{
	return is_permission(client) ? "CreatePermission"
	       : is_connect(client)  ? "Connect"
				     : requests[client->kind].name;
}

static uint16_t method(const struct client *client)
{
	return is_permission(client) ? TURN_CREATE_PERMISSION
	       : is_connect(client)  ? TURN_CONNECT
				     : requests[client->kind].method;
}

static void add_allocate(const struct client *client, struct stun_builder *b)
{
	const struct client_config *config = &client->config;
	uint32_t transport = config->tcp_relay ? TURN_TRANSPORT_TCP : TURN_TRANSPORT_UDP;

	stun_add_u32(b, TURN_REQUESTED_TRANSPORT, transport << 24);
	/* The server answers a request for both with IPv4 and IPv6 (RFC 8656 section 7.1). */
	if (config->dual)
		stun_add_u32(b, TURN_ADDITIONAL_ADDRESS_FAMILY, (uint32_t)IP_V6 << 24);
	else if (config->family != IP_NONE)
		stun_add_u32(b, TURN_REQUESTED_ADDRESS_FAMILY,
			     (uint32_t)config->family << 24);
	if (config->dont_fragment)
		stun_builder_add(b, TURN_DONT_FRAGMENT, "", 0);
	if (config->mobility)
		stun_builder_add(b, TURN_MOBILITY_TICKET, "", 0);
}

static size_t build(struct client *client)
{
	struct stun_builder b;

	stun_builder_start(&b, client->request.bytes, sizeof(client->request.bytes),
			   method(client), STUN_REQUEST, client->txid);
	switch (client->kind) {
	case REQUEST_NONE:
	case REQUEST_REFRESH:
		break;
	case REQUEST_ALLOCATE:
		add_allocate(client, &b);
		break;
	case REQUEST_MOVE:
		stun_builder_add(&b, TURN_MOBILITY_TICKET, client->ticket,
				 client->ticket_len);
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
	client_auth_add(&client->auth, &b);
	return stun_builder_finish(&b);
}

static uint32_t refresh_after_s(uint32_t lifetime_s)
{
	return lifetime_s / 2 < REFRESH_BINDING_S ? lifetime_s / 2 : REFRESH_BINDING_S;
}

/* --- answers ------------------------------------------------------------------------------ */

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
			    (code == STUN_UNAUTHENTICATED && !client->auth.challenged);
	if (code == STUN_UNAUTHENTICATED && client->auth.token.len > 0)
		snprintf(hint, sizeof(hint),
			 " (does the server know that key id, and is the token still "
			 "valid?)");
	else if (code == STUN_UNAUTHENTICATED)
		client_credential_hint(client->auth.username, false, hint);
	else if (code == STUN_FORBIDDEN && client->kind == REQUEST_BIND)
		snprintf(hint, sizeof(hint), " (does the server permit peer %s?)",
			 endpoint_format(&client->peer, peer, sizeof(peer)));
	client_state_refused(client,
			     is_challenge && client_auth_challenge(&client->auth, msg),
			     code, stun_error_reason(code), hint);
}

/* The relayed addresses, at most one of each family (RFC 8656 section 7.3). */
static bool take_relayed(struct client *client, const struct stun_msg *msg)
{
	struct slice rest = msg->body;
	struct stun_attr attr;
	struct endpoint relayed;

	client->relayed = client->relayed_too = (struct endpoint){0};
	while (stun_attr_next(&rest, &attr)) {
		if (attr.type != TURN_XOR_RELAYED_ADDRESS ||
		    !stun_attr_xor_address(&attr, msg->txid, &relayed))
			continue;
		if (client->relayed.ip.family == IP_NONE)
			client->relayed = relayed;
		else
			client->relayed_too = relayed;
	}
	return client->relayed.ip.family != IP_NONE;
}

/* A client may move once it has one; each Refresh brings the next (RFC 8016 section 3.2). */
static bool take_ticket(struct client *client, const struct stun_msg *msg)
{
	struct stun_attr attr;

	if (stun_msg_find(msg, TURN_MOBILITY_TICKET, &attr) &&
	    attr.value.len <= sizeof(client->ticket)) {
		memcpy(client->ticket, attr.value.data, attr.value.len);
		client->ticket_len = attr.value.len;
	}
	return client->ticket_len > 0;
}

static void granted(struct client *client, const struct stun_msg *msg)
{
	const char *missing = NULL;
	struct stun_attr attr;
	uint32_t id = 0;
	bool connects = is_connect(client);

	if (client->kind == REQUEST_ALLOCATE) {
		client->lifetime_s = 600;
		if (!take_relayed(client, msg))
			missing = "the Allocate response has no relayed address";
		if (stun_msg_find(msg, STUN_XOR_MAPPED_ADDRESS, &attr))
			stun_attr_xor_address(&attr, msg->txid, &client->mapped);
	}
	if (client->config.mobility && !take_ticket(client, msg))
		missing =
			"the server grants no MOBILITY-TICKET: it does not serve RFC 8016";
	if (connects && (!stun_msg_find(msg, TURN_CONNECTION_ID, &attr) ||
			 !stun_attr_u32(&attr, &id)))
		missing = "the Connect response has no CONNECTION-ID";
	if (missing != NULL) {
		client_state_fail(client, 0, missing);
		return;
	}
	if (stun_msg_find(msg, TURN_LIFETIME, &attr))
		stun_attr_u32(&attr, &client->lifetime_s);
	client_state_granted(client);
	if (connects && !client->failed)
		client_state_connect_data(client, id);
}

static void answered(struct client *client, const struct stun_msg *msg)
{
	if (client->kind == REQUEST_NONE ||
	    memcmp(msg->txid, client->txid, STUN_TXID_LEN) != 0)
		return; /* the answer to a request that was sent twice */
	if (msg->class == STUN_ERROR)
		refused(client, msg);
	/* A forged success is ignored (RFC 8489 section 9.2.5). */
	else if (!client->auth.challenged || client_auth_verify(&client->auth, msg))
		granted(client, msg);
}

/* --- data --------------------------------------------------------------------------------- */

static void icmp_received(const struct client *client, const struct stun_attr *attr,
			  const struct endpoint *peer)
{
	struct client_icmp icmp = {.peer = *peer};

	/* Two reserved bytes; type in 7 bits, code in 9; data (RFC 8656 section 18.13). */
	if (attr->value.len != 8 || client->events.icmp == NULL)
		return;
	uint16_t both = load_be16(attr->value.data + 2);
	icmp.type = (uint8_t)(both >> ICMP_CODE_BITS);
	icmp.code = both & ((1 << ICMP_CODE_BITS) - 1);
	icmp.data = load_be32(attr->value.data + 4);
	client->events.icmp(client->events.arg, &icmp);
}

static void attempted(struct client *client, const struct stun_msg *msg)
{
	struct stun_attr attr;
	struct endpoint peer;
	uint32_t id;

	if (!client->awaits || !stun_msg_find(msg, TURN_XOR_PEER_ADDRESS, &attr) ||
	    !stun_attr_xor_address(&attr, msg->txid, &peer) ||
	    !ip_addr_equal(&peer.ip, &client->peer.ip) ||
	    !stun_msg_find(msg, TURN_CONNECTION_ID, &attr) || !stun_attr_u32(&attr, &id))
		return;
	client->peer = peer;
	client_state_connect_data(client, id);
}

static void indicated(struct client *client, const struct stun_msg *msg,
		      uint64_t arrived_ns)
{
	struct client_data data = {.arrived_ns = arrived_ns};
	struct stun_attr attr;

	if (msg->method == TURN_CONNECTION_ATTEMPT)
		attempted(client, msg);
	if (msg->method != TURN_DATA ||
	    !stun_msg_find(msg, TURN_XOR_PEER_ADDRESS, &attr) ||
	    !stun_attr_xor_address(&attr, msg->txid, &data.peer))
		return;
	if (stun_msg_find(msg, TURN_ICMP, &attr)) {
		icmp_received(client, &attr, &data.peer);
	} else if (stun_msg_find(msg, TURN_DATA_ATTR, &attr)) {
		data.payload = attr.value;
		client->events.data(client->events.arg, &data);
	}
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
	if (client_link_is_stream(client->link))
		parts.padding = padded4(payload.len) - payload.len;
	chandata_write_header(header, client->channel, payload.len);
	return client_link_send(client->link, &parts);
}

static bool send_indication(struct client *client, struct slice payload)
{
	/* Everything up to DATA's value; its length and the message's are patched in. */
	uint8_t head[STUN_HEADER_LEN + STUN_ATTR_HEADER_LEN + 24 + STUN_ATTR_HEADER_LEN];
	uint8_t txid[STUN_TXID_LEN];
	size_t padded = padded4(payload.len);
	struct stun_builder b;

	if (!client_loop_random(client->config.loop, txid, sizeof(txid)))
		return false;
	stun_builder_start(&b, head, sizeof(head), TURN_SEND, STUN_INDICATION, txid);
	if (client->config.dont_fragment)
		stun_builder_add(&b, TURN_DONT_FRAGMENT, "", 0);
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
	return client_link_send(client->link, &parts);
}

static bool send_packet(struct client *client, struct slice payload)
{
	return client->data != NULL   ? data_connection_send(client->data, payload)
	       : client->channel != 0 ? send_channel(client, payload)
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
