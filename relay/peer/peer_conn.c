/*
 * peer_conn.c - see peer_conn.h.
 */
#include "relay/peer/peer_conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/descriptors/connection_store.h"
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
	return peer_progress_queued(&conn->progress);
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

static struct saved_peer saved_as(const struct peer_conn *conn, enum saved_peer_kind kind)
{
	struct saved_peer saved = {
		.kind = kind,
		.local = conn->local,
		.peer = conn->peer,
		.start = conn->progress.start,
	};

	if (conn->port != NULL) {
		struct allocation_table *table = conn->owner->delivery->turn->table;

		saved.allocation = allocation_at(table, tcp_port_slot(conn->port))->id;
	}
	return saved;
}

static void save(struct peer_conn *conn, enum saved_peer_kind kind)
{
	const struct saved_peer saved = saved_as(conn, kind);

	peer_record_put(conn->owner->records, &conn->progress.record, &saved);
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
	peer_progress_release(conn->owner->records, &conn->progress);
	int fd = take_socket(conn);
	if (fd >= 0)
		fd_end(fd, reset);
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
	save(conn, SAVED_PEER_ENDING);
	wake(conn, owner->delivery->loop->now_ms + FLUSH_MS);
}

/* False: it is gone. */
static bool send_queued(struct peer_conn *conn)
{
	bool flushing = conn->state == PEER_CONN_FLUSHING;

	if (!peer_progress_flush(conn->owner->records, &conn->progress, conn->fd)) {
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
	if (conn->owner->delivery->state != NULL) {
		const struct saved_peer saved = saved_as(conn, SAVED_PEER_OPEN);

		peer_progress_start(conn->owner->records, &conn->progress, conn->fd,
				    &saved);
	}
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
	if (conn->progress.rest.data != NULL)
		event_active(&conn->readable, EV_READ, 0);
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

/* Bytes of the peer are where peers' are read. It may be gone. */
static void handle(struct peer_conn *conn, size_t len)
{
	struct delivery *delivery = conn->owner->delivery;
	uint8_t *piece = conn->owner->buffer + FORWARD_HEADER_MAX;
	struct forward forward;

	dispatch_from_peer(delivery->turn, tcp_port_slot(conn->port), &conn->peer,
			   (struct slice){piece, len}, delivery->loop->now_ms, &forward);
	if (forward.kind != FORWARD_TO_CLIENT) {
		peer_conn_reset(conn, PEER_REVOKED);
		return;
	}
	delivery->to_client(delivery->self, &forward, piece);
	peer_progress_handled(conn->owner->records, &conn->progress, len);
}

static void readable(evutil_socket_t fd, short events, void *arg)
{
	(void)events;
	struct peer_conn *conn = arg;
	struct relay_tcp *owner = conn->owner;
	struct delivery *delivery = owner->delivery;

	loop_turn(delivery->loop);
	if (!delivery->client_takes(delivery->self, tcp_port_slot(conn->port),
				    PEER_BUFFER_LEN)) {
		let_peers_wait(conn->port);
		return;
	}
	peer_progress_reads(owner->records, &conn->progress, delivery,
			    tcp_port_slot(conn->port));
	uint8_t *piece = owner->buffer + FORWARD_HEADER_MAX;
	ssize_t len = conn->progress.rest.data != NULL
			      ? (ssize_t)peer_progress_take_rest(&conn->progress, piece)
			      : recv(fd, piece, PEER_PIECE_MAX, 0);
	if (len > 0)
		handle(conn, (size_t)len);
	else if (len == 0)
		flush(conn, PEER_CLOSED);
	else if (errno != EAGAIN && errno != EINTR)
		peer_conn_reset(conn, PEER_BROKEN);
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

/* port: NULL in FLUSHING. */
static struct peer_conn *conn_new(struct relay_tcp *owner, struct tcp_port *port,
				  const struct endpoint *local,
				  const struct endpoint *peer, enum peer_conn_state state)
{
	struct peer_conn *conn = calloc(1, sizeof(*conn));

	assert((port == NULL) == (state == PEER_CONN_FLUSHING));
	if (conn == NULL)
		return NULL;
	conn->owner = owner;
	conn->port = port;
	conn->local = *local;
	conn->peer = *peer;
	conn->state = state;
	conn->fd = -1;
	event_assign(&conn->timer, owner->delivery->loop->base, -1, 0, timer_due, conn);
	LIST_INSERT_HEAD(port != NULL ? &port->conns : &owner->flushing, conn, link);
	if (state == PEER_CONN_HELD) {
		port->held++;
		owner->held++;
	} else if (state == PEER_CONN_FLUSHING) {
		owner->flushing_count++;
	} else {
		port->connections++;
	}
	return conn;
}

static struct peer_conn *new_at(struct tcp_port *port, const struct endpoint *peer,
				enum peer_conn_state state)
{
	return conn_new(port->owner, port, &port->local, peer, state);
}

bool peer_conn_accepted(struct tcp_port *port, int fd, const struct endpoint *peer)
{
	struct peer_conn *conn = new_at(port, peer, PEER_CONN_OPEN);

	if (conn == NULL)
		return false;
	use_socket(conn, fd);
	open_conn(conn);
	return true;
}

bool peer_conn_held(struct tcp_port *port, int fd, const struct endpoint *peer,
		    uint64_t until_ms)
{
	struct peer_conn *conn = new_at(port, peer, PEER_CONN_HELD);

	if (conn == NULL)
		return false;
	use_socket(conn, fd);
	conn->until_ms = until_ms;
	wake(conn, until_ms);
	return true;
}

struct peer_conn *peer_conn_connect(struct tcp_port *port, const struct endpoint *peer)
{
	struct peer_conn *conn = new_at(port, peer, PEER_CONN_CONNECTING);

	if (conn == NULL)
		return NULL;
	conn->until_ms = patience_ends(conn);
	save(conn, SAVED_PEER_CONNECTING);
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

static void go_on(struct peer_conn *conn)
{
	struct relay_tcp *owner = conn->owner;

	if (conn->state == PEER_CONN_FLUSHING) {
		wake(conn, owner->delivery->loop->now_ms + FLUSH_MS);
	} else {
		count(conn, PEER_TAKEN_UP);
		peer_conn_read(conn);
		if (queued(conn) > owner->delivery->settings->peer.queue)
			let_client_wait(conn);
	}
	if (queued(conn) > 0 || conn->state == PEER_CONN_FLUSHING)
		event_add(&conn->writable, NULL);
}

bool peer_conn_restore(struct relay_tcp *owner, struct tcp_port *port,
		       const struct peer_conn_was *was)
{
	struct peer_conn *conn =
		conn_new(owner, port, &was->local, &was->peer, was->state);

	if (conn == NULL)
		return false;
	const struct saved_peer saved = saved_as(
		conn, was->state == PEER_CONN_OPEN       ? SAVED_PEER_OPEN
		      : was->state == PEER_CONN_FLUSHING ? SAVED_PEER_ENDING
							 : SAVED_PEER_CONNECTING);
	if (!peer_progress_restore(owner->records, &conn->progress, &saved,
				   &was->progress)) {
		conn_free(conn, true);
		return false;
	}
	if (was->state == PEER_CONN_CONNECTING) {
		conn->until_ms = patience_ends(conn);
		try_connect(conn);
		return true;
	}
	use_socket(conn, was->fd);
	go_on(conn);
	return true;
}

static void enqueue(struct peer_conn *conn, struct slice payload)
{
	if (!peer_progress_queue(conn->owner->records, &conn->progress, payload)) {
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
	if (!peer_progress_message(conn->owner->records, &conn->progress,
				   conn->owner->delivery, &payload)) {
		peer_conn_reset(conn, PEER_IN_DOUBT);
		return;
	}
	if (conn->state == PEER_CONN_OPEN && queued(conn) == 0 && payload.len > 0) {
		ssize_t sent = send(conn->fd, payload.data, payload.len, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN && errno != EINTR) {
			peer_conn_reset(conn, PEER_BROKEN);
			return;
		}
		if (sent > 0) {
			payload = slice_skip(payload, (size_t)sent);
			peer_progress_given(conn->owner->records, &conn->progress,
					    (size_t)sent);
		}
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
