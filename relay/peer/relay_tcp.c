/*
 * relay_tcp.c - see relay_tcp.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_PEER
#include "relay/peer/relay_tcp.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/descriptors/connections.h"
#include "base/log.h"
#include "relay/core/allocation_table.h"
#include "relay/core/tcp_connection.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/loop.h"
#include "relay/peer/data_conn.h"
#include "relay/peer/peer_conn.h"
#include "relay/peer/tcp_socket.h"
#include "relay/reload/relay_settings.h"

enum {
	ACCEPTS_PER_TURN = 16, /* media waits for no longer than that */
	STOPPED_MS = 200,      /* pause when descriptors have run out */
};

static struct peer_conn *find(const struct tcp_port *port, const struct endpoint *peer)
{
	struct peer_conn *conn;

	LIST_FOREACH(conn, &port->conns, link)
	{
		if (endpoint_equal(&conn->peer, peer))
			break;
	}
	return conn;
}

static struct tcp_port *port_of(const struct relay_tcp *relays, uint32_t slot)
{
	assert(slot < relays->slots);
	return &relays->ports[slot];
}

static void count(const struct relay_tcp *relays, enum peer_event event)
{
	counter_add(&relays->delivery->turn->counters.peer_events[event], 1);
}

static void arrived(struct tcp_port *port, int fd, const struct endpoint *peer)
{
	struct relay_tcp *relays = port->owner;
	struct turn *turn = relays->delivery->turn;
	struct peer_conn *conn = find(port, peer);
	uint64_t until_ms = 0;
	bool taken = false;

	if (conn != NULL &&
	    (conn->state == PEER_CONN_WAITING || conn->state == PEER_CONN_CONNECTING)) {
		peer_conn_adopt(conn, fd);
		return;
	}
	/* A pair of addresses has one connection: the end of the old one has not been read yet. */
	if (conn != NULL)
		peer_conn_reset(conn, conn->state == PEER_CONN_HELD ? PEER_HELD_EXPIRED
								    : PEER_BROKEN);

	struct tcp_relay_load load = tcp_port_load(port);
	switch (tcp_relay_incoming(turn, allocation_at(turn->table, tcp_port_slot(port)),
				   peer, &load, relays->delivery->loop->now_ms,
				   &until_ms)) {
	case TCP_RELAY_ACCEPT:
		taken = peer_conn_accepted(port, fd, peer);
		if (!taken)
			count(relays, PEER_BROKEN);
		break;
	case TCP_RELAY_HOLD:
		taken = peer_conn_held(port, fd, peer, until_ms);
		if (!taken)
			count(relays, PEER_HELD_EXPIRED);
		break;
	case TCP_RELAY_RESET:
		break;
	}
	if (!taken)
		tcp_socket_reset(fd);
}

static bool has_data_connections(const struct tcp_port *port)
{
	struct turn *turn = port->owner->delivery->turn;

	return allocation_has_data_connections(
		allocation_at(turn->table, tcp_port_slot(port)));
}

static void judge_all(struct tcp_port *port)
{
	struct peer_conn *next;

	for (struct peer_conn *conn = LIST_FIRST(&port->conns); conn != NULL;
	     conn = next) {
		next = LIST_NEXT(conn, link);
		if (conn->state == PEER_CONN_HELD)
			peer_conn_judge(conn, port->owner->delivery->loop->now_ms);
	}
}

static void stop_accepting(struct tcp_port *port, int error)
{
	static struct log_limit limit;
	const struct timeval pause = {.tv_usec = STOPPED_MS * 1000};

	log_limited(&limit, LOG_LEVEL_ERROR,
		    "cannot accept a peer's connection: %s; raise LimitNOFILE",
		    strerror(-error));
	event_del(&port->acceptable);
	port->stopped = true;
	event_add(&port->owner->resume, &pause);
}

/* A peer has connected, or a held one may be let in. */
static void acceptable(evutil_socket_t fd, short events, void *arg)
{
	(void)events;
	struct tcp_port *port = arg;
	struct delivery *delivery = port->owner->delivery;

	loop_turn(delivery->loop);
	if (port->held > 0)
		judge_all(port);
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct endpoint peer;
		int accepted =
			tcp_socket_accept(fd, &peer, delivery->settings->peer.timeout_ms);
		if (accepted >= 0) {
			if (has_data_connections(port))
				data_conns_accepted(port->owner->data,
						    tcp_port_slot(port), accepted, &peer);
			else
				arrived(port, accepted, &peer);
			continue;
		}
		if (accepted == -EMFILE || accepted == -ENFILE || accepted == -ENOBUFS ||
		    accepted == -ENOMEM)
			stop_accepting(port, accepted);
		if (accepted != -ECONNABORTED && accepted != -EINTR)
			return;
	}
}

static void resume(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct relay_tcp *relays = arg;
	struct allocation_table *table = relays->delivery->turn->table;
	const struct allocation *al;

	for (uint32_t slot = 0; (al = allocation_next(table, slot)) != NULL;
	     slot = al->slot + 1) {
		struct tcp_port *port = port_of(relays, al->slot);
		if (port->owner == NULL || !port->stopped)
			continue;
		port->stopped = false;
		event_add(&port->acceptable, NULL);
	}
}

struct relay_tcp *relay_tcp_new(struct delivery *delivery, size_t slots,
				struct data_conns *data)
{
	struct relay_tcp *relays = calloc(1, sizeof(*relays));
	if (relays == NULL || data == NULL) {
		free(relays);
		return NULL;
	}
	relays->delivery = delivery;
	relays->data = data;
	relays->slots = slots;
	relays->records = data_conns_records(data);
	relays->buffer = peer_records_window(relays->records);
	LIST_INIT(&relays->flushing);
	/* Reserved, not touched: a slot that never opens costs no memory. */
	void *ports = mmap(NULL, slots * sizeof(struct tcp_port), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ports == MAP_FAILED) {
		free(relays);
		return NULL;
	}
	relays->ports = ports;
	event_assign(&relays->resume, delivery->loop->base, -1, 0, resume, relays);
	return relays;
}

void relay_tcp_free(struct relay_tcp *relays)
{
	struct peer_conn *conn;

	if (relays == NULL)
		return;
	/* Allocations close their ports when they end, and all have ended by now. */
	while ((conn = LIST_FIRST(&relays->flushing)) != NULL)
		peer_conn_leave(conn);
	assert(relays->flushing_count == 0 && relays->held == 0);
	event_del(&relays->resume);
	munmap(relays->ports, relays->slots * sizeof(struct tcp_port));
	free(relays);
}

/* 0: fd is taken over. Or a negative errno. */
static int serve(struct relay_tcp *relays, uint32_t slot, const struct endpoint *local,
		 int fd)
{
	struct tcp_port *port = port_of(relays, slot);

	assert(port->owner == NULL);
	*port = (struct tcp_port){.fd = fd, .local = *local};
	LIST_INIT(&port->conns);
	if (event_assign(&port->acceptable, relays->delivery->loop->base, fd,
			 EV_READ | EV_PERSIST, acceptable, port) != 0 ||
	    event_add(&port->acceptable, NULL) != 0)
		return -ENOMEM;
	port->owner = relays;
	return 0;
}

int relay_tcp_listen(struct relay_tcp *relays, uint32_t slot,
		     const struct endpoint *local)
{
	int fd = tcp_socket_listen(local), failed;

	if (fd < 0)
		return fd;
	failed = serve(relays, slot, local, fd);
	if (failed != 0)
		close(fd);
	return failed;
}

int relay_tcp_adopt(struct relay_tcp *relays, uint32_t slot, const struct endpoint *local,
		    int fd)
{
	int failed = tcp_socket_relisten(fd);

	return failed == 0 ? serve(relays, slot, local, fd) : failed;
}

void relay_tcp_each_listener(const struct relay_tcp *relays,
			     void (*fn)(void *arg, int fd), void *arg)
{
	struct allocation_table *table = relays->delivery->turn->table;
	const struct allocation *al;

	for (uint32_t slot = 0; (al = allocation_next(table, slot)) != NULL;
	     slot = al->slot + 1) {
		const struct tcp_port *port = port_of(relays, al->slot);

		if (port->owner != NULL)
			fn(arg, port->fd);
	}
}

void relay_tcp_each_connection(const struct relay_tcp *relays,
			       void (*fn)(void *arg, const char *name, int fd), void *arg)
{
	struct allocation_table *table = relays->delivery->turn->table;
	const struct allocation *al;
	const struct peer_conn *conn;

	for (uint32_t slot = 0; (al = allocation_next(table, slot)) != NULL;
	     slot = al->slot + 1) {
		const struct tcp_port *port = port_of(relays, al->slot);

		if (port->owner == NULL)
			continue;
		LIST_FOREACH(conn, &port->conns, link)
		{
			if (conn->state == PEER_CONN_OPEN)
				fn(arg, CONNECTIONS_NAME, conn->fd);
		}
	}
	LIST_FOREACH(conn, &relays->flushing, link)
	{
		fn(arg, CONNECTIONS_NAME, conn->fd);
	}
	data_conns_each_descriptor(relays->data, fn, arg);
}

void relay_tcp_unlisten(struct relay_tcp *relays, uint32_t slot)
{
	struct tcp_port *port = port_of(relays, slot);
	struct peer_conn *conn;

	assert(port->owner == relays);
	event_del(&port->acceptable);
	close(port->fd);
	while ((conn = LIST_FIRST(&port->conns)) != NULL)
		peer_conn_leave(conn);
	assert(port->connections == 0 && port->held == 0 && port->full == 0);
	port->owner = NULL;
}

/* Not now: the core is in the middle of its work. */
void relay_tcp_permitted(struct relay_tcp *relays, uint32_t slot)
{
	struct tcp_port *port = port_of(relays, slot);

	assert(port->owner == relays);
	if (port->held > 0)
		event_active(&port->acceptable, EV_READ, 0);
}

/* Where data for that peer goes; NULL if it cannot. */
static struct peer_conn *towards(struct tcp_port *port, const struct endpoint *peer)
{
	struct delivery *delivery = port->owner->delivery;
	struct tcp_relay_load load = tcp_port_load(port);
	struct peer_conn *conn = find(port, peer);

	if (conn != NULL && conn->state == PEER_CONN_HELD &&
	    !peer_conn_judge(conn, delivery->loop->now_ms))
		return NULL;
	if (conn != NULL)
		return conn->state != PEER_CONN_HELD ? conn : NULL;
	return tcp_relay_outgoing(delivery->turn, &load) ? peer_conn_connect(port, peer)
							 : NULL;
}

void relay_tcp_send(struct relay_tcp *relays, const struct forward *forward)
{
	struct tcp_port *port = port_of(relays, forward->slot);

	assert(port->owner == relays);
	struct peer_conn *conn = towards(port, &forward->peer);
	if (conn != NULL)
		peer_conn_send(conn, forward->payload);
	else
		counter_add(&relays->delivery->turn->counters.drops[DROP_NO_CONNECTION],
			    1);
}

/* From all that are open, unless there is a reason not to. */
static void read_peers(struct tcp_port *port)
{
	struct peer_conn *conn;

	if (port->peers_wait || port->throttled)
		return;
	LIST_FOREACH(conn, &port->conns, link)
	{
		if (conn->state == PEER_CONN_OPEN)
			peer_conn_read(conn);
	}
}

void relay_tcp_client_ready(struct relay_tcp *relays, uint32_t slot)
{
	struct tcp_port *port = port_of(relays, slot);

	if (port->owner == NULL || !port->peers_wait)
		return;
	port->peers_wait = false;
	read_peers(port);
}

void relay_tcp_throttle(struct relay_tcp *relays, uint32_t slot, bool throttle)
{
	struct tcp_port *port = port_of(relays, slot);
	struct peer_conn *conn;

	if (port->owner == NULL || port->throttled == throttle)
		return;
	port->throttled = throttle;
	if (!throttle) {
		read_peers(port);
		return;
	}
	LIST_FOREACH(conn, &port->conns, link)
	{
		if (conn->state == PEER_CONN_OPEN)
			event_del(&conn->readable);
	}
}

unsigned relay_tcp_connections(const struct relay_tcp *relays, uint32_t slot)
{
	const struct tcp_port *port = port_of(relays, slot);

	if (port->owner == NULL)
		return 0;
	return port->connections + tcp_connections_count(relays->delivery->turn, slot);
}

unsigned relay_tcp_tls_connections(const struct relay_tcp *relays, uint32_t slot)
{
	const struct turn *turn = relays->delivery->turn;
	unsigned count = 0;

	if (port_of(relays, slot)->owner == NULL)
		return 0;
	for (uint32_t i = tcp_connections_first(turn, slot); i != TCP_CONNECTION_NONE;
	     i = tcp_connection_at(turn, i)->next)
		count += data_conns_has_tls(relays->data, i);
	return count;
}

static const char *state_name(enum peer_conn_state state)
{
	switch (state) {
	case PEER_CONN_HELD:
		return "held";
	case PEER_CONN_CONNECTING:
	case PEER_CONN_WAITING:
		return "connecting";
	case PEER_CONN_OPEN:
	case PEER_CONN_FLUSHING:
		return "open";
	}
	return "open";
}

/* Behind count others; returns how many there are then. */
static size_t data_peers(const struct turn *turn, uint32_t slot,
			 struct relay_tcp_peer *peers, size_t count, size_t room)
{
	static const char *const states[] = {
		[TCP_CONNECTION_CONNECTING] = "connecting",
		[TCP_CONNECTION_PENDING] = "pending",
		[TCP_CONNECTION_BOUND] = "bound",
	};
	const struct tcp_connection *c;

	for (uint32_t i = tcp_connections_first(turn, slot);
	     i != TCP_CONNECTION_NONE && count < room; i = c->next) {
		c = tcp_connection_at(turn, i);
		peers[count++] = (struct relay_tcp_peer){
			.peer = c->peer,
			.state = states[c->state],
			.is_data = true,
			.is_incoming = c->is_incoming,
			.to_peer_bytes = c->to_peer.bytes,
			.to_client_bytes = c->to_client.bytes,
		};
	}
	return count;
}

size_t relay_tcp_peers(const struct relay_tcp *relays, uint32_t slot,
		       struct relay_tcp_peer *peers, size_t room)
{
	const struct tcp_port *port = port_of(relays, slot);
	const struct peer_conn *conn;
	size_t count = 0;

	if (port->owner == NULL)
		return 0;
	LIST_FOREACH(conn, &port->conns, link)
	{
		if (count == room)
			break;
		peers[count++] = (struct relay_tcp_peer){
			.peer = conn->peer, .state = state_name(conn->state)};
	}
	return data_peers(relays->delivery->turn, slot, peers, count, room);
}
