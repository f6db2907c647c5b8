/*
 * client_ms.c - see client_ms.h. One request is under way at a time. A Send is never answered: if
 * it was lost, the peer has no permission, Set Active Destination is refused for that (440), and
 * both are tried again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "auth/credential/base64.h"
#include "stun/attr.h"
#include "stun/ms_integrity.h"
#include "tools/client/client_ms_parts.h"

enum {
	STREAM_DEADLINE_MS = 10000,
	ATTEMPTS_MAX = 4,       /* refusals in a row that another try may mend */
	LIFETIME_DEFAULT = 600, /* seconds, of a server that does not say */
	REFRESH_EARLY_S = 60,   /* before the end of a lifetime of more than twice that */
};

void client_ms_fail(struct client_ms *client, int code, const char *what)
{
	if (client->failed)
		return;
	client->failed = true;
	client->kind = REQUEST_NONE;
	client_request_stop(&client->request);
	event_del(&client->upkeep);
	client->events.failed(client->events.arg, code, what);
}

/* --- requests ----------------------------------------------------------------------------- */

static void add_allocate(struct client_ms *client, struct ms_builder *b)
{
	client_ms_add_version(client, b);
	if (client->config.family == IP_V6)
		ms_add_family(b, IP_V6);
	if (client->kind == REQUEST_RELEASE)
		ms_add_u32(b, MS_LIFETIME, 0);
	if (!client->challenged)
		return;
	client_ms_add_username(client, b);
	ms_builder_add(b, MS_REALM, client->realm, client->realm_len);
	ms_builder_add(b, MS_NONCE, client->nonce, client->nonce_len);
}

static void add_activate(struct client_ms *client, struct ms_builder *b)
{
	client_ms_add_version(client, b);
	client_ms_add_username(client, b);
	client_ms_add_sequence(client, b);
	ms_add_address(b, MS_DESTINATION_ADDRESS, &client->peer);
}

/* Build and send the request of client->kind with a new transaction id. */
static void send_request(struct client_ms *client)
{
	bool activate = client->kind == REQUEST_ACTIVATE;
	struct ms_builder b;

	if (!client_ms_draw_txid(client, client->txid)) {
		client_ms_fail(client, 0, "the system has no random bytes");
		return;
	}
	/* If it does not get there, the answer to what follows tells. */
	if (activate)
		client_ms_send(client, &client->peer, (struct slice){NULL, 0});
	ms_builder_start(&b, client->request.bytes + client_ms_frame_room(client),
			 sizeof(client->request.bytes) - client_ms_frame_room(client),
			 activate ? MS_SET_ACTIVE_DESTINATION_REQUEST
				  : MS_ALLOCATE_REQUEST,
			 client->txid);
	if (activate)
		add_activate(client, &b);
	else
		add_allocate(client, &b);
	if (client->challenged)
		ms_add_integrity(&b, MS_INTEGRITY_SHA1, &client->key);
	client->request.len =
		client_ms_frame(client, client->request.bytes, ms_builder_finish(&b));
	if (client->request.len == 0) {
		client_ms_fail(client, 0,
			       "the request does not fit: the user name is too long");
		return;
	}
	client_request_send(&client->request);
}

static void start(struct client_ms *client, enum client_ms_request kind)
{
	client->kind = kind;
	client->attempts = 0;
	send_request(client);
}

static void next_request(struct client_ms *client)
{
	client->kind = REQUEST_NONE;
	if (client->want_activate) {
		client->want_activate = false;
		start(client, REQUEST_ACTIVATE);
	} else if (client->want_refresh) {
		client->want_refresh = false;
		start(client, REQUEST_REFRESH);
	}
}

/* --- upkeep ------------------------------------------------------------------------------- */

static void refresh_in_time(struct client_ms *client)
{
	uint32_t s = client->lifetime_s > 2 * REFRESH_EARLY_S
			     ? client->lifetime_s - REFRESH_EARLY_S
			     : client->lifetime_s / 2;
	struct timeval tv = {.tv_sec = s > 0 ? (time_t)s : 1};

	event_add(&client->upkeep, &tv);
}

static void upkeep_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct client_ms *client = arg;

	client->want_refresh = true;
	if (client->kind == REQUEST_NONE)
		next_request(client);
}

/* --- answers ------------------------------------------------------------------------------ */

static bool copy_text(const struct ms_msg *msg, uint16_t type, uint8_t *out, size_t *len)
{
	struct stun_attr attr;
	struct slice text;

	if (!ms_msg_find(msg, type, &attr) || !ms_attr_text(&attr, &text))
		return false;
	memcpy(out, text.data, text.len);
	*len = text.len;
	return true;
}

/* Take realm and nonce of a 401 or 438. False if it is no challenge. */
static bool take_challenge(struct client_ms *client, const struct ms_msg *msg)
{
	client->challenged =
		copy_text(msg, MS_REALM, client->realm, &client->realm_len) &&
		copy_text(msg, MS_NONCE, client->nonce, &client->nonce_len) &&
		ms_key(&client->key, MS_INTEGRITY_SHA1,
		       (struct slice){client->username, client->username_len},
		       (struct slice){client->realm, client->realm_len},
		       (struct slice){client->password, client->password_len});
	return client->challenged;
}

static bool is_worth_another_try(struct client_ms *client, const struct ms_msg *msg,
				 int code)
{
	if (++client->attempts >= ATTEMPTS_MAX)
		return false;
	if (code == MS_NO_DESTINATION)
		return client->kind == REQUEST_ACTIVATE;
	if (code == MS_STALE_NONCE || (code == MS_UNAUTHORIZED && !client->challenged))
		return take_challenge(client, msg);
	return false;
}

static void refused(struct client_ms *client, const struct ms_msg *msg)
{
	static const char *const names[] = {
		[REQUEST_NONE] = "",
		[REQUEST_ALLOCATE] = "Allocate",
		[REQUEST_REFRESH] = "Allocate as a refresh",
		[REQUEST_ACTIVATE] = "Set Active Destination",
		[REQUEST_RELEASE] = "Allocate with lifetime 0",
	};
	struct stun_attr attr;
	struct slice reason;
	char what[160];
	int code = 0;

	if (!ms_msg_find(msg, MS_ERROR_CODE, &attr) ||
	    !stun_attr_error_code(&attr, &code, &reason))
		code = 0;
	if (is_worth_another_try(client, msg, code)) {
		send_request(client);
		return;
	}
	snprintf(what, sizeof(what), "%s was refused: %d %s%s", names[client->kind], code,
		 ms_error_reason(code),
		 code == MS_INTEGRITY_CHECK_FAILURE || code == MS_UNKNOWN_USER
			 ? " (is the user name or password wrong?)"
			 : "");
	client_ms_fail(client, code, what);
}

static void allocated(struct client_ms *client, const struct ms_msg *msg)
{
	struct stun_attr attr;

	client->lifetime_s = LIFETIME_DEFAULT;
	if (!ms_msg_find(msg, MS_MAPPED_ADDRESS, &attr) ||
	    !stun_attr_address(&attr, &client->relayed)) {
		client_ms_fail(client, 0,
			       "the server's Allocate answer has no relayed address");
		return;
	}
	if (client->config.family != IP_NONE &&
	    client->config.family != client->relayed.ip.family) {
		client_ms_fail(client, 0,
			       "the relayed address is of another family than the peers");
		return;
	}
	client->numbered = ms_msg_find(msg, MS_SEQUENCE_NUMBER, &attr) &&
			   ms_attr_sequence(&attr, &client->sequence);
	if (ms_msg_find(msg, MS_LIFETIME, &attr))
		stun_attr_u32(&attr, &client->lifetime_s);
	refresh_in_time(client);
	client->kind = REQUEST_NONE;
	client->events.ready(client->events.arg);
}

static void refreshed(struct client_ms *client, const struct ms_msg *msg)
{
	struct stun_attr attr;

	if (ms_msg_find(msg, MS_LIFETIME, &attr))
		stun_attr_u32(&attr, &client->lifetime_s);
	refresh_in_time(client);
	next_request(client);
}

static void granted(struct client_ms *client, const struct ms_msg *msg)
{
	switch (client->kind) {
	case REQUEST_NONE:
		break;
	case REQUEST_ALLOCATE:
		allocated(client, msg);
		break;
	case REQUEST_REFRESH:
		refreshed(client, msg);
		break;
	case REQUEST_ACTIVATE:
		client->kind = REQUEST_NONE;
		client->events.bound(client->events.arg);
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

static void answered(struct client_ms *client, const struct ms_msg *msg)
{
	uint16_t asked = client->kind == REQUEST_ACTIVATE
				 ? MS_SET_ACTIVE_DESTINATION_REQUEST
				 : MS_ALLOCATE_REQUEST;

	if (client->kind == REQUEST_NONE ||
	    memcmp(msg->txid, client->txid, MS_TXID_LEN) != 0)
		return; /* the answer to a request that was sent twice */
	if (msg->type == (asked | 0x0110)) {
		client_request_stop(&client->request);
		refused(client, msg);
		return;
	}
	/* A forged success is ignored; nobody but the server knows the key. */
	if (msg->type != (asked | 0x0100) || !client->challenged ||
	    msg->integrity != MS_INTEGRITY_SHA1 || !ms_verify(msg, &client->key))
		return;
	client_request_stop(&client->request);
	granted(client, msg);
}

static void received(void *arg, struct slice message, uint64_t arrived_ns)
{
	struct client_ms *client = arg;
	struct ms_msg msg;

	/* On a stream the type of the frame tells. */
	if (!ms_msg_begins(message)) {
		client_ms_bare(client, message, arrived_ns);
		return;
	}
	if (ms_msg_parse(message, &msg) != MS_PARSE_OK)
		return;
	if (msg.type == MS_DATA_INDICATION)
		client_ms_indicated(client, &msg, arrived_ns);
	else
		answered(client, &msg);
}

static void connected(void *arg)
{
	struct client_ms *client = arg;

	client_request_stop(&client->request);
	start(client, REQUEST_ALLOCATE);
}

/*
 * A stream that ends takes the allocation with it. Over UDP, once that is made, it may be a
 * server that restarts and knows us again: the next refresh will tell.
 */
static void lost(void *arg, const char *what)
{
	struct client_ms *client = arg;

	if (client_link_is_stream(&client->link) || client->kind == REQUEST_ALLOCATE)
		client_ms_fail(client, 0, what);
}

static void unanswered(void *arg, const char *what)
{
	client_ms_fail(arg, 0, what);
}

/* --- the client --------------------------------------------------------------------------- */

static bool decode(const char *text, uint8_t *out, size_t size, size_t *len)
{
	return base64_decode(text, strlen(text), out, size, len) && *len > 0;
}

struct client_ms *client_ms_new(const struct client_config *config,
				const struct client_events *events)
{
	struct client_ms *client = calloc(1, sizeof(*client));
	struct client_link_events link_events = {
		.arg = client,
		.connected = connected,
		.message = received,
		.bare = client_ms_bare,
		.lost = lost,
	};
	struct event_base *base = client_loop_base(config->loop);

	if (client == NULL)
		return NULL;
	client->config = *config;
	client->events = *events;
	if (config->transport == CLIENT_TLS ||
	    !decode(config->username, client->username, sizeof(client->username),
		    &client->username_len) ||
	    !decode(config->password, client->password, sizeof(client->password),
		    &client->password_len)) {
		free(client);
		errno = EINVAL;
		return NULL;
	}
	client->request.link = &client->link;
	client->request.stream_deadline_ms = STREAM_DEADLINE_MS;
	client->request.failed = unanswered;
	client->request.arg = client;
	client_request_init(&client->request, base);
	event_assign(&client->upkeep, base, -1, 0, upkeep_due, client);
	if (!client_link_open(&client->link, config, &link_events)) {
		int error = errno;
		free(client);
		errno = error;
		return NULL;
	}
	if (client_link_is_stream(&client->link))
		client_request_await_stream(&client->request);
	else
		start(client, REQUEST_ALLOCATE);
	return client;
}

void client_ms_free(struct client_ms *client)
{
	if (client == NULL)
		return;
	client_request_stop(&client->request);
	event_del(&client->upkeep);
	client_link_close(&client->link);
	packet_stream_clear(&client->packets);
	free(client);
}

void client_ms_bind(struct client_ms *client, const struct endpoint *peer, bool activate)
{
	client->peer = *peer;
	if (activate) {
		client->want_activate = true;
		if (client->kind == REQUEST_NONE)
			next_request(client);
		return;
	}
	client_ms_send(client, peer, (struct slice){NULL, 0});
	client->events.bound(client->events.arg);
}

void client_ms_release(struct client_ms *client)
{
	client->want_refresh = client->want_activate = false;
	client_request_stop(&client->request);
	start(client, REQUEST_RELEASE);
}

const struct endpoint *client_ms_relayed(const struct client_ms *client)
{
	return &client->relayed;
}
