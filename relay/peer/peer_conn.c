/*
 * peer_conn.c - see peer_conn.h.
 */
#include "relay/peer/peer_conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "relay/core/allocation_table.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/dialect/dispatch.h"
#include "relay/loop.h"
#include "relay/peer/tcp_socket.h"
#include "relay/reload/relay_settings.h"

enum {
	AGAIN_MS = 250,  /* between two attempts to connect with a pair that is in use */
	FLUSH_MS = 5000, /* for the last bytes to a peer */
	FLUSHING_MAX = 256, /* connections of which only the last bytes are left */
	COARSE_MS = 20,     /* the coarse clock may be a tick behind a timer */
};

uint32_t tcp_port_slot(const struct tcp_port *port)
{
	size_t slot = (size_t)(port - port->owner->ports);

	assert(slot < port->owner->slots);
	return (uint32_t)slot;
}

struct tcp_relay_load tcp_port_load(const struct tcp_port *port)
{
	return (struct tcp_relay_load){port->connections, port->held, port->owner->held};
}

static void count(const struct peer_conn *conn, enum peer_event event)
{
	counter_add(&conn->owner->delivery->turn->counters.peer_events[event], 1);
}

static size_t queued(const struct peer_conn *conn)
{
	return conn->queue != NULL ? evbuffer_get_length(conn->queue) : 0;
}

static uint64_t patience_ends(const struct peer_conn *conn)
{
	const struct delivery *delivery = conn->owner->delivery;

	return delivery->loop->now_ms + delivery->settings->peer.timeout_ms;
}

static void wake(struct peer_conn *conn, uint64_t at_ms)
{
	loop_arm(conn->owner->delivery->loop, &conn->timer, at_ms);
}

static void client_wait(struct tcp_port *port, bool wait)
{
	struct delivery *delivery = port->owner->delivery;

	delivery->client_wait(delivery->self, tcp_port_slot(port), wait);
}

static void let_client_go_on(struct peer_conn *conn)
{
	if (!conn->client_waits)
		return;
	assert(conn->port->full > 0);
	conn->client_waits = false;
	event_del(&conn->timer);
	if (--conn->port->full == 0)
		client_wait(conn->port, false);
}

/* A connection that is still being made has its own deadline. */
static void let_client_wait(struct peer_conn *conn)
{
	if (conn->client_waits)
		return;
	conn->client_waits = true;
	if (conn->state == PEER_CONN_OPEN)
		wake(conn, patience_ends(conn));
	if (conn->port->full++ == 0)
		client_wait(conn->port, true);
}

/* Out of its list and of what is counted there. */
static void unlist(struct peer_conn *conn)
{
	LIST_REMOVE(conn, link);
	switch (conn->state) {
	case PEER_CONN_HELD:
		assert(conn->port->held > 0 && conn->owner->held > 0);
		conn->port->held--;
		conn->owner->held--;
		break;
	case PEER_CONN_CONNECTING:
	case PEER_CONN_WAITING:
	case PEER_CONN_OPEN:
		assert(conn->port->connections > 0);
		let_client_go_on(conn);
		conn->port->connections--;
		break;
	case PEER_CONN_FLUSHING:
		assert(conn->port == NULL && conn->owner->flushing_count > 0);
		conn->owner->flushing_count--;
		break;
	}
}

/* The connection has no socket then; the caller closes it. */
static int take_socket(struct peer_conn *conn)
{
	int fd = conn->fd;

	if (fd >= 0) {
		event_del(&conn->readable);
		event_del(&conn->writable);
	}
	conn->fd = -1;
	return fd;
}

/* reset: tell the peer that something is lost. */
static void conn_free(struct peer_conn *conn, bool reset)
{
	unlist(conn);
	event_del(&conn->timer);
	int fd = take_socket(conn);
	if (fd >= 0 && reset)
		tcp_socket_reset(fd);
	else if (fd >= 0)
		close(fd);
	if (conn->queue != NULL)
		evbuffer_free(conn->queue);
	free(conn);
}

void peer_conn_reset(struct peer_conn *conn, enum peer_event why)
{
	count(conn, why);
	conn_free(conn, true);
}

/* Nothing comes or may be added any more; what is queued still goes out. May be gone. */
static void flush(struct peer_conn *conn, enum peer_event why)
{
	struct relay_tcp *owner = conn->owner;

	assert(conn->state == PEER_CONN_OPEN);
	count(conn, why);
	if (queued(conn) == 0 || owner->flushing_count >= FLUSHING_MAX) {
		conn_free(conn, queued(conn) > 0);
		return;
	}
	unlist(conn);
	event_del(&conn->readable);
	conn->port = NULL;
	conn->state = PEER_CONN_FLUSHING;
	owner->flushing_count++;
	LIST_INSERT_HEAD(&owner->flushing, conn, link);
	wake(conn, owner->delivery->loop->now_ms + FLUSH_MS);
}

/* False: it is gone. */
static bool send_queued(struct peer_conn *conn)
{
	bool flushing = conn->state == PEER_CONN_FLUSHING;

	while (queued(conn) > 0 && evbuffer_write(conn->queue, conn->fd) >= 0)
		;
	if (queued(conn) > 0 && errno != EAGAIN && errno != EINTR) {
		if (flushing)
			conn_free(conn, true);
		else
			peer_conn_reset(conn, PEER_BROKEN);
		return false;
	}
	if (queued(conn) > 0) {
		event_add(&conn->writable, NULL);
	} else if (flushing) {
		conn_free(conn, false);
		return false;
	} else {
		event_del(&conn->writable);
	}
	/* Half a queue of room, so that the client does not stop again at once. */
	if (!flushing && queued(conn) <= conn->owner->delivery->settings->peer.queue / 2)
		let_client_go_on(conn);
	return true;
}

/* False: it is gone. */
static bool open_conn(struct peer_conn *conn)
{
	event_del(&conn->timer);
	conn->state = PEER_CONN_OPEN;
	if (conn->client_waits)
		wake(conn, patience_ends(conn));
	if (!conn->port->peers_wait && !conn->port->throttled)
		peer_conn_read(conn);
	return send_queued(conn);
}

void peer_conn_read(struct peer_conn *conn)
{
	assert(conn->state == PEER_CONN_OPEN);
	event_add(&conn->readable, NULL);
}

/* All of its peers; relay_tcp_client_ready() ends it. */
static void let_peers_wait(struct tcp_port *port)
{
	struct peer_conn *conn;

	port->peers_wait = true;
	LIST_FOREACH(conn, &port->conns, link)
	{
		if (conn->state == PEER_CONN_OPEN)
			event_del(&conn->readable);
	}
}

static void readable(evutil_socket_t fd, short events, void *arg)
{
	(void)events;
	struct peer_conn *conn = arg;
	struct relay_tcp *owner = conn->owner;
	struct delivery *delivery = owner->delivery;
	uint32_t slot = tcp_port_slot(conn->port);
	uint8_t *piece = owner->buffer + FORWARD_HEADER_MAX;
	struct forward forward;

	loop_turn(delivery->loop);
	if (!delivery->client_takes(delivery->self, slot, sizeof(owner->buffer))) {
		let_peers_wait(conn->port);
		return;
	}
	ssize_t len = recv(fd, piece, PEER_PIECE_MAX, 0);
	if (len < 0) {
		if (errno != EAGAIN && errno != EINTR)
			peer_conn_reset(conn, PEER_BROKEN);
		return;
	}
	if (len == 0) {
		flush(conn, PEER_CLOSED);
		return;
	}
	dispatch_from_peer(delivery->turn, slot, &conn->peer,
			   (struct slice){piece, (size_t)len}, delivery->loop->now_ms,
			   &forward);
	if (forward.kind == FORWARD_TO_CLIENT)
		delivery->to_client(delivery->self, &forward, piece);
	else
		peer_conn_reset(conn, PEER_REVOKED);
}

static void connect_failed(struct peer_conn *conn, int error)
{
	peer_conn_reset(conn,
			error == -ETIMEDOUT ? PEER_CONNECT_TIMEOUT : PEER_CONNECT_FAILED);
}

static void writable(evutil_socket_t fd, short events, void *arg)
{
	(void)events;
	struct peer_conn *conn = arg;

	loop_turn(conn->owner->delivery->loop);
	if (conn->state != PEER_CONN_CONNECTING) {
		send_queued(conn);
		return;
	}
	int error = tcp_socket_connected(fd);
	if (error != 0) {
		connect_failed(conn, error);
		return;
	}
	count(conn, PEER_CONNECTED);
	open_conn(conn);
}

/* event_assign() fails only for nonsensical arguments. */
static void use_socket(struct peer_conn *conn, int fd)
{
	struct event_base *base = conn->owner->delivery->loop->base;

	assert(fd >= 0 && conn->fd < 0);
	conn->fd = fd;
	event_assign(&conn->readable, base, fd, EV_READ | EV_PERSIST, readable, conn);
	event_assign(&conn->writable, base, fd, EV_WRITE | EV_PERSIST, writable, conn);
}

/* False: it is gone. */
static bool try_connect(struct peer_conn *conn)
{
	struct delivery *delivery = conn->owner->delivery;
	int fd = tcp_socket_connect(&conn->port->local, &conn->peer,
				    delivery->settings->peer.timeout_ms);

	if (fd == -EADDRNOTAVAIL) {
		uint64_t again_ms = delivery->loop->now_ms + AGAIN_MS;
		conn->state = PEER_CONN_WAITING;
		wake(conn, again_ms < conn->until_ms ? again_ms : conn->until_ms);
		return true;
	}
	if (fd < 0) {
		connect_failed(conn, fd);
		return false;
	}
	conn->state = PEER_CONN_CONNECTING;
	use_socket(conn, fd);
	event_add(&conn->writable, NULL);
	wake(conn, conn->until_ms);
	return true;
}

bool peer_conn_judge(struct peer_conn *conn, uint64_t now_ms)
{
	struct tcp_port *port = conn->port;
	struct turn *turn = conn->owner->delivery->turn;
	struct tcp_relay_load load = tcp_port_load(port);

	assert(conn->state == PEER_CONN_HELD && port->held > 0);
	switch (tcp_relay_waiting(turn, allocation_at(turn->table, tcp_port_slot(port)),
				  &conn->peer, &load, conn->until_ms, now_ms)) {
	case TCP_RELAY_HOLD:
		return true;
	case TCP_RELAY_RESET:
		conn_free(conn, true);
		return false;
	case TCP_RELAY_ACCEPT:
		break;
	}
	port->held--;
	port->owner->held--;
	port->connections++;
	return open_conn(conn);
}

static void timer_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct peer_conn *conn = arg;

	loop_turn(conn->owner->delivery->loop);
	uint64_t now_ms = conn->owner->delivery->loop->now_ms + COARSE_MS;
	switch (conn->state) {
	case PEER_CONN_HELD:
		peer_conn_judge(conn, now_ms);
		break;
	case PEER_CONN_CONNECTING:
		peer_conn_reset(conn, PEER_CONNECT_TIMEOUT);
		break;
	case PEER_CONN_WAITING:
		if (conn->until_ms <= now_ms)
			peer_conn_reset(conn, PEER_CONNECT_TIMEOUT);
		else
			try_connect(conn);
		break;
	case PEER_CONN_OPEN:
		peer_conn_reset(conn, PEER_STALLED);
		break;
	case PEER_CONN_FLUSHING:
		conn_free(conn, true);
		break;
	}
}

static struct peer_conn *conn_new(struct tcp_port *port, const struct endpoint *peer,
				  enum peer_conn_state state)
{
	struct peer_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL)
		return NULL;
	conn->owner = port->owner;
	conn->port = port;
	conn->peer = *peer;
	conn->state = state;
	conn->fd = -1;
	event_assign(&conn->timer, port->owner->delivery->loop->base, -1, 0, timer_due,
		     conn);
	LIST_INSERT_HEAD(&port->conns, conn, link);
	return conn;
}

bool peer_conn_accepted(struct tcp_port *port, int fd, const struct endpoint *peer)
{
	struct peer_conn *conn = conn_new(port, peer, PEER_CONN_OPEN);

	if (conn == NULL)
		return false;
	port->connections++;
	use_socket(conn, fd);
	open_conn(conn);
	return true;
}

bool peer_conn_held(struct tcp_port *port, int fd, const struct endpoint *peer,
		    uint64_t until_ms)
{
	struct peer_conn *conn = conn_new(port, peer, PEER_CONN_HELD);

	if (conn == NULL)
		return false;
	port->held++;
	port->owner->held++;
	use_socket(conn, fd);
	conn->until_ms = until_ms;
	wake(conn, until_ms);
	return true;
}

struct peer_conn *peer_conn_connect(struct tcp_port *port, const struct endpoint *peer)
{
	struct peer_conn *conn = conn_new(port, peer, PEER_CONN_CONNECTING);

	if (conn == NULL)
		return NULL;
	port->connections++;
	conn->until_ms = patience_ends(conn);
	return try_connect(conn) ? conn : NULL;
}

void peer_conn_adopt(struct peer_conn *conn, int fd)
{
	assert(conn->state == PEER_CONN_CONNECTING || conn->state == PEER_CONN_WAITING);
	int old = take_socket(conn);

	if (old >= 0)
		close(old);
	use_socket(conn, fd);
	count(conn, PEER_CONNECTED);
	open_conn(conn);
}

static void enqueue(struct peer_conn *conn, struct slice payload)
{
	if (conn->queue == NULL)
		conn->queue = evbuffer_new();
	if (conn->queue == NULL ||
	    evbuffer_add(conn->queue, payload.data, payload.len) != 0) {
		peer_conn_reset(conn, PEER_BROKEN);
		return;
	}
	if (conn->state == PEER_CONN_OPEN)
		event_add(&conn->writable, NULL);
	if (queued(conn) > conn->owner->delivery->settings->peer.queue)
		let_client_wait(conn);
}

void peer_conn_send(struct peer_conn *conn, struct slice payload)
{
	assert(conn->state != PEER_CONN_HELD && conn->state != PEER_CONN_FLUSHING);
	if (conn->state == PEER_CONN_OPEN && queued(conn) == 0 && payload.len > 0) {
		ssize_t sent = send(conn->fd, payload.data, payload.len, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN && errno != EINTR) {
			peer_conn_reset(conn, PEER_BROKEN);
			return;
		}
		if (sent > 0)
			payload = slice_skip(payload, (size_t)sent);
	}
	if (payload.len > 0)
		enqueue(conn, payload);
}

void peer_conn_leave(struct peer_conn *conn)
{
	switch (conn->state) {
	case PEER_CONN_HELD:
		peer_conn_reset(conn, PEER_HELD_EXPIRED);
		break;
	case PEER_CONN_CONNECTING:
	case PEER_CONN_WAITING:
		peer_conn_reset(conn, PEER_CONNECT_FAILED);
		break;
	case PEER_CONN_OPEN:
		flush(conn, PEER_ENDED);
		break;
	case PEER_CONN_FLUSHING:
		conn_free(conn, true);
		break;
	}
}
