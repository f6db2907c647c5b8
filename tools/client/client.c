/*
 * client.c - see client.h. One request is under way at a time.
 */
#include "tools/client/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "stun/attr.h"
#include "stun/chandata.h"
#include "stun/integrity.h"
#include "stun/msg.h"
#include "tools/client/client_link.h"
#include "tools/client/client_request.h"

enum {
	STREAM_DEADLINE_MS = 20000,
	ATTEMPTS_MAX = 4,        /* answers of 401 and 438 in a row */
	REFRESH_BINDING_S = 240, /* a permission lasts 300 s */
};

enum request_kind {
	REQUEST_NONE,
	REQUEST_ALLOCATE,
	REQUEST_REFRESH,
	REQUEST_BIND,
	REQUEST_PERMIT,
	REQUEST_RELEASE,
};

struct client {
	struct client_link link; /* first: the packet path needs no more */
	struct client_events events;
	struct client_config config;
	struct client_request request;
	struct event upkeep;

	enum request_kind kind;          /* under way */
	bool want_refresh, want_binding; /* due while another request is under way */
	int attempts;
	uint8_t txid[STUN_TXID_LEN];

	char realm[STUN_TEXT_MAX + 1], nonce[STUN_TEXT_MAX + 1];
	size_t realm_len, nonce_len;
	uint8_t algorithms[64]; /* PASSWORD-ALGORITHMS as offered, echoed */
	size_t algorithms_len;
	enum stun_integrity integrity; /* NONE until challenged */
	struct stun_key key;

	struct endpoint relayed, peer;
	uint16_t number; /* 0: permission only */
	bool bound;
	uint32_t lifetime_s;
	unsigned upkeeps;
	bool failed;
};

static void start(struct client *client, enum request_kind kind);

static void fail(struct client *client, int code, const char *what)
{
	if (client->failed)
		return;
	client->failed = true;
	client->kind = REQUEST_NONE;
	client_request_stop(&client->request);
	event_del(&client->upkeep);
	client->events.failed(client->events.arg, code, what);
}

static void add_credentials(struct client *client, struct stun_builder *b)
{
	if (client->integrity == STUN_INTEGRITY_NONE)
		return;
	stun_builder_add(b, STUN_USERNAME, client->config.username,
			 strlen(client->config.username));
	stun_builder_add(b, STUN_REALM, client->realm, client->realm_len);
	stun_builder_add(b, STUN_NONCE, client->nonce, client->nonce_len);
	if (client->algorithms_len > 0) {
		static const uint8_t sha256[4] = {0, STUN_PASSWORD_SHA256, 0, 0};
		stun_builder_add(b, STUN_PASSWORD_ALGORITHMS, client->algorithms,
				 client->algorithms_len);
		stun_builder_add(b, STUN_PASSWORD_ALGORITHM, sha256, sizeof(sha256));
	}
}

static void add_peer(struct client *client, struct stun_builder *b)
{
	stun_add_xor_address(b, TURN_XOR_PEER_ADDRESS, &client->peer);
}

/* Build and send the request of client->kind with a new transaction id. */
static void send_request(struct client *client)
{
	static const uint16_t methods[] = {
		[REQUEST_ALLOCATE] = TURN_ALLOCATE,
		[REQUEST_REFRESH] = TURN_REFRESH,
		[REQUEST_BIND] = TURN_CHANNEL_BIND,
		[REQUEST_PERMIT] = TURN_CREATE_PERMISSION,
		[REQUEST_RELEASE] = TURN_REFRESH,
	};
	const uint8_t *txid = client_loop_txid(client->config.loop);
	struct stun_builder b;

	if (txid == NULL) {
		fail(client, 0, "the system has no random bytes");
		return;
	}
	memcpy(client->txid, txid, sizeof(client->txid));
	stun_builder_start(&b, client->request.bytes, sizeof(client->request.bytes),
			   methods[client->kind], STUN_REQUEST, client->txid);
	switch (client->kind) {
	case REQUEST_NONE:
		return;
	case REQUEST_ALLOCATE:
		stun_add_u32(&b, TURN_REQUESTED_TRANSPORT,
			     (uint32_t)TURN_TRANSPORT_UDP << 24);
		if (client->config.family != IP_NONE)
			stun_add_u32(&b, TURN_REQUESTED_ADDRESS_FAMILY,
				     (uint32_t)client->config.family << 24);
		break;
	case REQUEST_REFRESH:
		break;
	case REQUEST_BIND:
		stun_add_u32(&b, TURN_CHANNEL_NUMBER, (uint32_t)client->number << 16);
		add_peer(client, &b);
		break;
	case REQUEST_PERMIT:
		add_peer(client, &b);
		break;
	case REQUEST_RELEASE:
		stun_add_u32(&b, TURN_LIFETIME, 0);
		break;
	}
	add_credentials(client, &b);
	stun_add_integrity(&b, client->integrity, &client->key);
	client->request.len = stun_builder_finish(&b);
	if (client->request.len == 0) {
		fail(client, 0,
		     "the request does not fit: user name, realm or nonce too long");
		return;
	}
	client_request_send(&client->request);
}

static void start(struct client *client, enum request_kind kind)
{
	client->kind = kind;
	client->attempts = 0;
	send_request(client);
}

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
	struct stun_attr algorithms;
	enum stun_password_algorithm algorithm = STUN_PASSWORD_MD5;

	if (!copy_text(msg, STUN_REALM, client->realm, &client->realm_len) ||
	    !copy_text(msg, STUN_NONCE, client->nonce, &client->nonce_len))
		return false;
	client->algorithms_len = 0;
	client->integrity = STUN_INTEGRITY_SHA1;
	if (stun_msg_find(msg, STUN_PASSWORD_ALGORITHMS, &algorithms) &&
	    algorithms.value.len <= sizeof(client->algorithms) &&
	    offers_sha256(algorithms.value)) {
		memcpy(client->algorithms, algorithms.value.data, algorithms.value.len);
		client->algorithms_len = algorithms.value.len;
		client->integrity = STUN_INTEGRITY_SHA256;
		algorithm = STUN_PASSWORD_SHA256;
	}
	const char *username = client->config.username,
		   *password = client->config.password;
	return stun_key_long_term(
		&client->key, algorithm,
		(struct slice){(const uint8_t *)username, strlen(username)},
		(struct slice){(const uint8_t *)client->realm, client->realm_len},
		(struct slice){(const uint8_t *)password, strlen(password)});
}

/* What may be the matter, in brackets, or "". */
static const char *suspicion(const struct client *client, int code, char *buf,
			     size_t size)
{
	char peer[ENDPOINT_TEXT_LEN];

	if (code == STUN_UNAUTHENTICATED)
		return " (is the user name or password wrong?)";
	if (code != STUN_FORBIDDEN ||
	    (client->kind != REQUEST_BIND && client->kind != REQUEST_PERMIT))
		return "";
	snprintf(buf, size, " (may clients of the server reach the peer %s?)",
		 endpoint_format(&client->peer, peer, sizeof(peer)));
	return buf;
}

static void refused(struct client *client, const struct stun_msg *msg)
{
	static const char *const names[] = {
		[REQUEST_NONE] = "",
		[REQUEST_ALLOCATE] = "Allocate",
		[REQUEST_REFRESH] = "Refresh",
		[REQUEST_BIND] = "ChannelBind",
		[REQUEST_PERMIT] = "CreatePermission",
		[REQUEST_RELEASE] = "Refresh with lifetime 0",
	};
	struct stun_attr attr;
	struct slice reason;
	char what[200], more[120];
	int code = 0;

	if (!stun_msg_find(msg, STUN_ERROR_CODE, &attr) ||
	    !stun_attr_error_code(&attr, &code, &reason))
		code = 0;
	bool first_challenge = code == STUN_UNAUTHENTICATED &&
			       client->integrity == STUN_INTEGRITY_NONE;
	if ((first_challenge || code == STUN_STALE_NONCE) &&
	    ++client->attempts < ATTEMPTS_MAX && take_challenge(client, msg)) {
		send_request(client);
		return;
	}
	snprintf(what, sizeof(what), "%s was refused: %d %s%s", names[client->kind], code,
		 stun_error_reason(code), suspicion(client, code, more, sizeof(more)));
	fail(client, code, what);
}

static void next_request(struct client *client)
{
	client->kind = REQUEST_NONE;
	if (client->want_refresh) {
		client->want_refresh = false;
		start(client, REQUEST_REFRESH);
	} else if (client->want_binding) {
		client->want_binding = false;
		start(client, client->number != 0 ? REQUEST_BIND : REQUEST_PERMIT);
	}
}

static void upkeep_every(struct client *client)
{
	unsigned s = client->lifetime_s / 2;
	struct timeval tv = {.tv_sec = s < 1                   ? 1
				       : s < REFRESH_BINDING_S ? s
							       : REFRESH_BINDING_S};

	event_add(&client->upkeep, &tv);
}

static void upkeep_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct client *client = arg;

	client->want_refresh = true;
	client->want_binding = client->bound;
	if (client->kind == REQUEST_NONE)
		next_request(client);
	if (!client->failed)
		upkeep_every(client);
}

static void allocated(struct client *client, const struct stun_msg *msg)
{
	struct stun_attr attr;

	client->lifetime_s = 600;
	if (!stun_msg_find(msg, TURN_XOR_RELAYED_ADDRESS, &attr) ||
	    !stun_attr_xor_address(&attr, msg->txid, &client->relayed)) {
		fail(client, 0, "the server's Allocate answer has no relayed address");
		return;
	}
	if (stun_msg_find(msg, TURN_LIFETIME, &attr))
		stun_attr_u32(&attr, &client->lifetime_s);
	upkeep_every(client);
	client->kind = REQUEST_NONE;
	client->events.ready(client->events.arg);
}

static void granted(struct client *client, const struct stun_msg *msg)
{
	enum request_kind kind = client->kind;

	switch (kind) {
	case REQUEST_NONE:
		break;
	case REQUEST_ALLOCATE:
		allocated(client, msg);
		break;
	case REQUEST_REFRESH:
		next_request(client);
		break;
	case REQUEST_BIND:
	case REQUEST_PERMIT:
		client->kind = REQUEST_NONE;
		if (!client->bound) {
			client->bound = true;
			client->events.bound(client->events.arg);
		}
		if (client->kind == REQUEST_NONE && !client->failed)
			next_request(client);
		break;
	case REQUEST_RELEASE:
		client->kind = REQUEST_NONE;
		event_del(&client->upkeep);
		client->events.released(client->events.arg);
		break;
	}
}

static void answered(struct client *client, const struct stun_msg *msg)
{
	if (client->kind == REQUEST_NONE ||
	    memcmp(msg->txid, client->txid, STUN_TXID_LEN) != 0)
		return; /* the answer to a request that was sent twice */
	if (msg->class == STUN_ERROR) {
		client_request_stop(&client->request);
		refused(client, msg);
		return;
	}
	/* A forged success would be ignored (RFC 8489 section 9.2.5). */
	if (client->integrity != STUN_INTEGRITY_NONE &&
	    !stun_verify(msg, client->integrity, &client->key))
		return;
	client_request_stop(&client->request);
	granted(client, msg);
}

static void indicated(struct client *client, const struct stun_msg *msg,
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

static void channel_data(struct client *client, struct slice message, uint64_t arrived_ns)
{
	struct client_data data = {.arrived_ns = arrived_ns};

	if (chandata_parse(message, &data.channel, &data.payload))
		client->events.data(client->events.arg, &data);
}

static void received(void *arg, struct slice message, uint64_t arrived_ns)
{
	struct client *client = arg;
	struct stun_msg msg;

	if (message.len > 0 && message.data[0] >= 0x40) {
		channel_data(client, message, arrived_ns);
		return;
	}
	if (stun_msg_parse(message, &msg) != STUN_PARSE_OK)
		return;
	if (msg.class == STUN_SUCCESS || msg.class == STUN_ERROR)
		answered(client, &msg);
	else if (msg.class == STUN_INDICATION)
		indicated(client, &msg, arrived_ns);
}

static void connected(void *arg)
{
	struct client *client = arg;

	client_request_stop(&client->request);
	start(client, REQUEST_ALLOCATE);
}

static void lost(void *arg, const char *what)
{
	struct client *client = arg;

	/*
	 * A refusal over UDP ends the set-up, as nothing will come. Later it may be a server
	 * that restarts and knows us again: the requests that keep us fresh will tell.
	 */
	if (client_link_is_stream(&client->link) || client->kind == REQUEST_ALLOCATE)
		fail(client, 0, what);
}

static void unanswered(void *arg, const char *what)
{
	fail(arg, 0, what);
}

struct client *client_new(const struct client_config *config,
			  const struct client_events *events)
{
	struct client *client = calloc(1, sizeof(*client));
	struct client_link_events link_events = {
		.arg = client,
		.connected = connected,
		.message = received,
		.lost = lost,
	};
	struct event_base *base = client_loop_base(config->loop);

	if (client == NULL)
		return NULL;
	client->config = *config;
	client->events = *events;
	client->request.link = &client->link;
	client->request.stream_deadline_ms = STREAM_DEADLINE_MS;
	client->request.failed = unanswered;
	client->request.arg = client;
	client_request_init(&client->request, base);
	event_assign(&client->upkeep, base, -1, 0, upkeep_due, client);
	if (!client_link_open(&client->link, config, &link_events)) {
		free(client);
		return NULL;
	}
	if (client_link_is_stream(&client->link))
		client_request_await_stream(&client->request);
	else
		start(client, REQUEST_ALLOCATE);
	return client;
}

void client_free(struct client *client)
{
	if (client == NULL)
		return;
	client_request_stop(&client->request);
	event_del(&client->upkeep);
	client_link_close(&client->link);
	free(client);
}

void client_bind(struct client *client, uint16_t number, const struct endpoint *peer)
{
	client->number = number;
	client->peer = *peer;
	client->want_binding = true;
	if (client->kind == REQUEST_NONE)
		next_request(client);
}

void client_permit(struct client *client, const struct endpoint *peer)
{
	client_bind(client, 0, peer);
}

bool client_send_channel(struct client *client, uint16_t number, struct slice payload)
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
	chandata_write_header(header, number, payload.len);
	return client_link_send(&client->link, &parts);
}

bool client_send_indication(struct client *client, const struct endpoint *peer,
			    struct slice payload)
{
	/* Everything up to DATA's value; its length and the message's are patched in. */
	uint8_t head[STUN_HEADER_LEN + 24 + STUN_ATTR_HEADER_LEN];
	const uint8_t *txid = client_loop_txid(client->config.loop);
	size_t padded = padded4(payload.len);
	struct stun_builder b;

	if (txid == NULL)
		return false;
	stun_builder_start(&b, head, sizeof(head), TURN_SEND, STUN_INDICATION, txid);
	stun_add_xor_address(&b, TURN_XOR_PEER_ADDRESS, peer);
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

void client_release(struct client *client)
{
	client->want_refresh = client->want_binding = false;
	client_request_stop(&client->request);
	start(client, REQUEST_RELEASE);
}

const struct endpoint *client_relayed(const struct client *client)
{
	return &client->relayed;
}
