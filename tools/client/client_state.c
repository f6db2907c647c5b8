/*
 * client_state.c - see client_state.h.
 */
#include "tools/client/client_state.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "stun/ms_registry.h"
#include "stun/registry.h"
#include "tools/client/client_loop.h"

enum {
	ATTEMPTS_MAX = 4, /* refusals in a row that another try may fix */
	AGAIN_MS = 50,
	TRIES_MAX = 200, /* ten seconds */
	LOOK_MS = 1000,
	SILENT_MAX = 3,
};

/* A client is told that it has no allocation by the same number in both dialects. */
static_assert((int)STUN_ALLOCATION_MISMATCH == (int)MS_NO_BINDING, "437");

void client_state_fail(struct client *client, int code, const char *what)
{
	if (client->failed)
		return;
	client->failed = true;
	client->kind = REQUEST_NONE;
	client_request_stop(&client->request);
	event_del(&client->upkeep);
	event_del(&client->again);
	client->events.failed(client->events.arg, code, what);
}

/* --- requests ----------------------------------------------------------------------------- */

/* Build and send the request of client->kind with a new transaction id. */
static void send_request(struct client *client)
{
	assert(client->kind != REQUEST_NONE);
	if (!client_loop_random(client->config.loop, client->txid,
				sizeof(client->txid))) {
		client_state_fail(client, 0, "no random bytes from the system");
		return;
	}
	if (client->kind == REQUEST_ALLOCATE && client->auth.challenged)
		client->holds = true;
	client->request.len = client->dialect->build(client);
	if (client->request.len == 0) {
		client_state_fail(
			client, 0,
			"the request is too long: shorten the user name, realm or nonce");
		return;
	}
	client_request_send(&client->request);
}

static struct client_link *other_link(struct client *client)
{
	return client->link == &client->links[0] ? &client->links[1] : &client->links[0];
}

static void start(struct client *client, enum client_request_kind kind)
{
	client->kind = kind;
	client->request.link = kind == REQUEST_MOVE ? other_link(client) : client->link;
	client->attempts = 0;
	send_request(client);
}

static void next_request(struct client *client)
{
	client->kind = REQUEST_NONE;
	if (client->want_move) {
		client->want_move = false;
		start(client, REQUEST_MOVE);
	} else if (client->want_refresh) {
		client->want_refresh = false;
		start(client, REQUEST_REFRESH);
	} else if (client->want_binding) {
		client->want_binding = false;
		start(client, REQUEST_BIND);
	}
}

static void upkeep_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct client *client = arg;

	client->want_refresh = true;
	client->want_binding |= client->bound && client->dialect->binding_expires &&
				!client->config.tcp_relay;
	if (client->kind == REQUEST_NONE && !client->coming_back)
		next_request(client);
}

static void refresh_in_time(struct client *client)
{
	uint32_t s = client->dialect->refresh_after_s(client->lifetime_s);
	struct timeval tv = {.tv_sec = s > 0 ? (time_t)s : 1};

	event_add(&client->upkeep, &tv);
}

/* --- coming back (RFC 8016) --------------------------------------------------------------- */

static void again_in(struct client *client, unsigned ms)
{
	const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	event_add(&client->again, &tv);
}

/* Over DTLS nobody says that the server has lost its keys. */
static void look_for_silence(struct client *client)
{
	client->tries = client->silent = 0;
	client->link->heard = false;
	if (client->config.come_back && client->config.transport == CLIENT_DTLS)
		again_in(client, LOOK_MS);
}

static bool can_come_back(const struct client *client)
{
	return client->config.come_back && client->ticket_len > 0 && client->holds &&
	       client->kind != REQUEST_RELEASE;
}

/* Not at once: a callback of the link is under way, which must not be closed in it. */
static void come_back(struct client *client)
{
	client_request_stop(&client->request);
	client->kind = REQUEST_NONE;
	client->want_move = client->moving = false;
	client->coming_back = true;
	again_in(client, client->tries == 0 ? 0 : AGAIN_MS);
}

static void try_again(struct client *client)
{
	if (client->tries++ == TRIES_MAX)
		client_state_fail(client, 0,
				  "the client cannot come back: no connection");
	else if (!client_state_move(client))
		client_state_fail(client, 0, strerror(errno));
}

static void look(struct client *client)
{
	client->silent = client->link->heard ? 0 : client->silent + 1;
	client->link->heard = false;
	if (client->silent == SILENT_MAX && can_come_back(client)) {
		come_back(client);
		return;
	}
	/* Something that is answered. */
	client->want_refresh |= client->silent == 1;
	if (client->silent == 1 && client->kind == REQUEST_NONE)
		next_request(client);
	again_in(client, LOOK_MS);
}

static void again_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct client *client = arg;

	if (client->coming_back)
		try_again(client);
	else
		look(client);
}

/* --- answers ------------------------------------------------------------------------------ */

void client_state_refused(struct client *client, bool try_again, int code,
			  const char *reason, const char *hint)
{
	char what[320];

	client_request_stop(&client->request);
	if (client->kind == REQUEST_ALLOCATE || code == STUN_ALLOCATION_MISMATCH)
		client->holds = false;
	if (try_again && ++client->attempts < ATTEMPTS_MAX) {
		send_request(client);
		return;
	}
	snprintf(what, sizeof(what), "%s was refused: %d %s%s",
		 client->dialect->request_name(client), code, reason, hint);
	client_state_fail(client, code, what);
}

void client_state_granted(struct client *client)
{
	enum client_request_kind kind = client->kind;

	client_request_stop(&client->request);
	client->kind = REQUEST_NONE;
	switch (kind) {
	case REQUEST_NONE:
		break;
	case REQUEST_ALLOCATE:
		assert(client->relayed.ip.family != IP_NONE);
		client->holds = true;
		refresh_in_time(client);
		look_for_silence(client);
		client->events.ready(client->events.arg);
		break;
	case REQUEST_REFRESH:
		refresh_in_time(client);
		next_request(client);
		break;
	case REQUEST_MOVE:
		client->link = client->request.link;
		client->moving = client->coming_back = false;
		refresh_in_time(client);
		look_for_silence(client);
		if (client->events.moved != NULL)
			client->events.moved(client->events.arg);
		if (client->kind == REQUEST_NONE && !client->failed)
			next_request(client);
		break;
	case REQUEST_BIND:
		if (client->config.tcp_relay) {
			if (client->awaits && client->events.permitted != NULL)
				client->events.permitted(client->events.arg);
		} else if (!client->bound) {
			client->bound = true;
			client->events.bound(client->events.arg);
		}
		if (client->kind == REQUEST_NONE && !client->failed)
			next_request(client);
		break;
	case REQUEST_RELEASE:
		client->holds = false;
		event_del(&client->upkeep);
		client->events.released(client->events.arg);
		break;
	}
}

/* --- the connection with a peer (RFC 6062) ------------------------------------------------ */

static void data_bound(void *arg)
{
	struct client *client = arg;

	client->bound = true;
	client->events.bound(client->events.arg);
}

static void data_packet(void *arg, struct slice packet, uint64_t arrived_ns)
{
	struct client *client = arg;
	const struct client_data data = {
		.peer = client->peer, .payload = packet, .arrived_ns = arrived_ns};

	client->events.data(client->events.arg, &data);
}

/* A release ends it, too. */
static void data_lost(void *arg, int code, const char *what)
{
	struct client *client = arg;

	if (client->kind != REQUEST_RELEASE && client->holds)
		client_state_fail(client, code, what);
}

void client_state_connect_data(struct client *client, uint32_t id)
{
	const struct data_connection_events events = {
		.arg = client,
		.bound = data_bound,
		.packet = data_packet,
		.lost = data_lost,
	};

	if (client->data != NULL)
		return; /* one peer, one connection */
	client->data = data_connection_open(&client->config, &client->auth, id, &events);
	if (client->data == NULL)
		client_state_fail(client, 0, strerror(errno));
}

/* --- the way to the server ---------------------------------------------------------------- */

static void move_now(struct client *client)
{
	client->want_move = true;
	if (client->kind == REQUEST_NONE)
		next_request(client);
}

static void connected(void *arg)
{
	struct client *client = arg;

	if (client->connected) {
		move_now(client);
		return;
	}
	client_request_stop(&client->request);
	client->connected = true;
	start(client, REQUEST_ALLOCATE);
}

/*
 * A connection that ends takes the allocation with it, but not one that has been left, nor one that
 * is about to be. Over UDP, once there is an allocation, the server may be restarting and know us
 * afterwards: the next refresh will tell.
 */
static void lost(void *arg, const char *what)
{
	struct client *client = arg;
	bool ended = client->link->ended && client->kind != REQUEST_MOVE;
	bool cannot_move = client->moving &&
			   (other_link(client)->ended ||
			    (client->kind == REQUEST_MOVE && !client->link->ended));

	if (client->coming_back ? other_link(client)->ended
				: ended && can_come_back(client)) {
		come_back(client);
		return;
	}
	if (client->coming_back)
		return;
	if (ended)
		client->holds = false;
	if (ended || cannot_move || client->kind == REQUEST_ALLOCATE)
		client_state_fail(client, 0, what);
}

static void unanswered(void *arg, const char *what)
{
	client_state_fail(arg, 0, what);
}

static bool open_link(struct client *client, struct client_link *link)
{
	const struct client_link_events events = {
		.arg = client,
		.connected = connected,
		.message = client->dialect->received,
		.bare = client->dialect->bare,
		.lost = lost,
	};

	return client_link_open(link, &client->config, &events);
}

bool client_state_open(struct client *client)
{
	struct event_base *base = client_loop_base(client->config.loop);

	client->link = &client->links[0];
	client->request.link = client->link;
	client->request.stream_deadline_ms = client->dialect->stream_deadline_ms;
	client->request.failed = unanswered;
	client->request.arg = client;
	client_request_init(&client->request, base);
	event_assign(&client->upkeep, base, -1, 0, upkeep_due, client);
	event_assign(&client->again, base, -1, 0, again_due, client);
	if (!open_link(client, client->link))
		return false;
	if (client_link_connects(client->link)) {
		client_request_await_stream(&client->request);
	} else {
		client->connected = true;
		start(client, REQUEST_ALLOCATE);
	}
	return true;
}

/* If this datagram is lost, the allocation expires. */
static void release_unheard(struct client *client)
{
	struct client_parts parts = {0};

	client->kind = REQUEST_RELEASE;
	if (!client_loop_random(client->config.loop, client->txid, sizeof(client->txid)))
		return;
	parts.head =
		(struct slice){client->request.bytes, client->dialect->build(client)};
	if (parts.head.len > 0)
		client_link_send(client->link, &parts);
}

void client_state_close(struct client *client)
{
	if (client->holds && client->connected && !client_link_is_stream(client->link))
		release_unheard(client);
	client_request_stop(&client->request);
	event_del(&client->upkeep);
	event_del(&client->again);
	data_connection_close(client->data);
	client_link_close(&client->links[0]);
	client_link_close(&client->links[1]);
}

void client_state_bind(struct client *client)
{
	if (client->channel == 0 && client->dialect->permit != NULL) {
		client->dialect->permit(client);
		client->bound = true;
		client->events.bound(client->events.arg);
		return;
	}
	client->want_binding = true;
	if (client->kind == REQUEST_NONE)
		next_request(client);
}

void client_state_release(struct client *client)
{
	client->failed = false;
	client->want_refresh = client->want_binding = client->want_move = false;
	client->moving = client->coming_back = false;
	event_del(&client->again);
	client_request_stop(&client->request);
	start(client, REQUEST_RELEASE);
}

/* The link that is left stays open until the next move: its last packets may be on their way. */
bool client_state_move(struct client *client)
{
	struct client_link *to = other_link(client);

	if (client->kind == REQUEST_MOVE)
		return true; /* it is moving */
	client->want_move = false;
	client_link_close(to);
	client->moving = open_link(client, to);
	if (client->moving && !client_link_connects(to))
		move_now(client);
	return client->moving;
}
