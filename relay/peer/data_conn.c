/*
 * data_conn.c - see data_conn.h.
 */
#include "relay/peer/data_conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/descriptors/connection_store.h"
#include "relay/core/allocation.h"
#include "relay/core/tcp_connection.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/dialect/dispatch.h"
#include "relay/loop.h"
#include "relay/peer/data_conn_parts.h"
#include "relay/peer/data_flow.h"
#include "relay/peer/inherited_pipes.h"
#include "relay/peer/tcp_socket.h"
#include "relay/reload/relay_settings.h"

enum {
	AGAIN_MS = 250, /* between two attempts to connect with a pair that is in use */
	COARSE_MS = 20, /* the coarse clock may be a tick behind a timer */
};

/* --- what outlives the process --------------------------------------------------------------- */

static void save(struct data_conn *conn, enum saved_peer_kind kind)
{
	if (conn->owner->delivery->state != NULL)
		data_record_put(conn->owner->records, &conn->record,
				conn->owner->delivery->turn, conn->connection, kind,
				&conn->peer, conn->until_ms);
}

/* PENDING: the peer's socket and then the record, before the client is told. */
static void keep_pending(struct data_conn *conn)
{
	if (conn->owner->delivery->state == NULL)
		return;
	connection_store_put(&conn->peer_end.fd, 1);
	save(conn, SAVED_DATA_PENDING);
}

/* --- all of a worker ------------------------------------------------------------------------- */

struct data_conns *data_conns_new(struct delivery *delivery)
{
	struct data_conns *conns = calloc(1, sizeof(*conns));

	if (conns == NULL)
		return NULL;
	conns->delivery = delivery;
	conns->size = tcp_connections_size(delivery->turn->connections);
	conns->pumps = byte_pumps_new();
	void *table = mmap(NULL, conns->size * sizeof(*conns->conns),
			   PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (table != MAP_FAILED)
		conns->conns = table;
	conns->records = peer_records_new(delivery->state);
	if (conns->pumps == NULL || conns->conns == NULL || conns->records == NULL) {
		data_conns_free(conns);
		return NULL;
	}
	if (delivery->state != NULL)
		data_flow_keep_pipes(conns);
	return conns;
}

void data_conns_free(struct data_conns *conns)
{
	if (conns == NULL)
		return;
	assert(conns->count == 0);
	byte_pumps_free(conns->pumps);
	peer_records_free(conns->records);
	if (conns->conns != NULL)
		munmap(conns->conns, conns->size * sizeof(*conns->conns));
	free(conns);
}

static struct data_conn *conn_at(struct data_conns *conns, uint32_t connection)
{
	assert(connection < conns->size);
	return conns->conns[connection];
}

uint64_t data_conn_now_ms(const struct data_conn *conn)
{
	return conn->owner->delivery->loop->now_ms;
}

void data_conn_wake(struct data_conn *conn, uint64_t at_ms)
{
	conn->until_ms = at_ms;
	if (conn->look_ms != 0 && conn->look_ms < at_ms)
		at_ms = conn->look_ms;
	loop_arm(conn->owner->delivery->loop, &conn->timer, at_ms);
}

/* --- the ends -------------------------------------------------------------------------------- */

static void close_peer(struct data_conn *conn, bool reset)
{
	int fd = conn_end_take(&conn->peer_end);

	if (fd >= 0)
		fd_end(fd, reset);
}

/* --- its life -------------------------------------------------------------------------------- */

static void timer_due(evutil_socket_t fd, short events, void *arg);

static struct data_conn *conn_new(struct data_conns *conns, uint32_t connection,
				  uint32_t slot, const struct endpoint *peer)
{
	struct data_conn *conn = calloc(1, sizeof(*conn));

	assert(conn_at(conns, connection) == NULL);
	if (conn == NULL)
		return NULL;
	conn->owner = conns;
	conn->connection = connection;
	conn->slot = slot;
	conn->peer = *peer;
	conn->peer_end.fd = conn->client_end.fd = -1;
	event_assign(&conn->timer, conns->delivery->loop->base, -1, 0, timer_due, conn);
	conns->conns[connection] = conn;
	conns->count++;
	return conn;
}

/* Closes what it has, and gives the client's socket back. The core's part of it stays. */
static void conn_free(struct data_conn *conn, bool reset)
{
	struct data_conns *conns = conn->owner;
	struct delivery *delivery = conns->delivery;
	struct stream *stream = conn->stream;

	assert(conn_at(conns, conn->connection) == conn && conns->count > 0);
	event_del(&conn->timer);
	peer_record_drop(conns->records, &conn->record.record);
	conns->running = conn;
	byte_pump_release(&conn->to_peer, conns->pumps);
	byte_pump_release(&conn->to_client, conns->pumps);
	close_peer(conn, reset);
	conn_end_take(&conn->client_end);
	conns->conns[conn->connection] = NULL;
	conns->count--;
	free(conn);
	if (stream != NULL)
		delivery->unbind(delivery->self, stream, reset);
}

/* It is over, and the core is told. */
void data_conn_over(struct data_conn *conn, enum peer_event why)
{
	struct turn *turn = conn->owner->delivery->turn;
	uint32_t connection = conn->connection;

	conn_free(conn, why != PEER_CLOSED && why != PEER_UNCLAIMED);
	tcp_connection_gone(turn, connection, why);
}

/* The Connect is answered. It may be gone. */
static void decided(struct data_conn *conn, enum peer_event outcome)
{
	struct delivery *delivery = conn->owner->delivery;
	uint32_t connection = conn->connection, slot = conn->slot;
	bool kept;
	size_t len = dispatch_connected(delivery->turn, connection, outcome,
					data_conn_now_ms(conn), delivery->reply, &kept);

	if (kept) {
		data_conn_wake(conn,
			       tcp_connection_at(delivery->turn, connection)->until_ms);
		keep_pending(conn);
	} else {
		conn_free(conn, true);
	}
	if (len > 0)
		delivery->to_control(delivery->self, slot,
				     (struct slice){delivery->reply, len});
}

static void client_ready(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	struct data_conn *conn = arg;
	bool crosswise = conn->ssl != NULL;

	loop_turn(conn->owner->delivery->loop);
	data_flow_run(conn, crosswise || (events & EV_READ),
		      crosswise || (events & EV_WRITE));
}

/* CONNECTING, until it is decided; then bytes. */
static void peer_ready(evutil_socket_t fd, short events, void *arg)
{
	struct data_conn *conn = arg;
	const struct turn *turn = conn->owner->delivery->turn;

	loop_turn(conn->owner->delivery->loop);
	if (tcp_connection_at(turn, conn->connection)->state ==
	    TCP_CONNECTION_CONNECTING) {
		int error = tcp_socket_connected(fd);

		conn_end_wait(&conn->peer_end, 0);
		decided(conn, error == 0            ? PEER_CONNECTED
			      : error == -ETIMEDOUT ? PEER_CONNECT_TIMEOUT
						    : PEER_CONNECT_FAILED);
		return;
	}
	data_flow_run(conn, events & EV_WRITE, events & EV_READ);
}

/* --- connecting ------------------------------------------------------------------------------ */

/*
 * 0, or a negative errno. A pair of addresses and ports that was in use a moment ago is tried
 * again for as long as connecting may take.
 */
static int try_connect(struct data_conn *conn, uint64_t until_ms)
{
	struct delivery *delivery = conn->owner->delivery;
	const struct allocation *al = allocation_at(delivery->turn->table, conn->slot);
	const struct endpoint local = allocation_relayed_local(delivery->turn, al);
	int fd = tcp_socket_connect(&local, &conn->peer,
				    delivery->settings->peer.timeout_ms);

	if (fd == -EADDRNOTAVAIL) {
		data_conn_wake(conn, until_ms);
		if (until_ms > data_conn_now_ms(conn) + AGAIN_MS)
			loop_arm(delivery->loop, &conn->timer,
				 data_conn_now_ms(conn) + AGAIN_MS);
		return 0;
	}
	if (fd < 0)
		return fd;
	conn_end_open(&conn->peer_end, conn->owner->delivery->loop->base, fd, peer_ready,
		      conn);
	conn_end_wait(&conn->peer_end, EV_WRITE);
	data_conn_wake(conn, until_ms);
	return 0;
}

int data_conns_connect(struct data_conns *conns, uint32_t connection,
		       const struct endpoint *peer)
{
	struct delivery *delivery = conns->delivery;
	uint32_t slot = tcp_connection_at(delivery->turn, connection)->slot;
	struct data_conn *conn = conn_new(conns, connection, slot, peer);

	if (conn == NULL)
		return -ENOMEM;
	save(conn, SAVED_DATA_CONNECTING);
	int error = try_connect(conn, data_conn_now_ms(conn) +
					      delivery->settings->peer.timeout_ms);
	if (error != 0)
		conn_free(conn, true);
	return error;
}

void data_conns_accepted(struct data_conns *conns, uint32_t slot, int fd,
			 const struct endpoint *peer)
{
	struct delivery *delivery = conns->delivery;
	struct turn *turn = delivery->turn;
	struct allocation *al = allocation_at(turn->table, slot);
	uint32_t connection =
		tcp_connection_accept(turn, al, peer, delivery->loop->now_ms);

	if (connection == TCP_CONNECTION_NONE) {
		tcp_socket_reset(fd);
		return;
	}
	struct data_conn *conn = conn_new(conns, connection, slot, peer);
	if (conn == NULL) {
		tcp_socket_reset(fd);
		tcp_connection_gone(turn, connection, PEER_BROKEN);
		return;
	}
	conn_end_open(&conn->peer_end, conn->owner->delivery->loop->base, fd, peer_ready,
		      conn);
	data_conn_wake(conn, tcp_connection_at(turn, connection)->until_ms);
	keep_pending(conn);
	size_t len = dispatch_attempt(turn, connection, delivery->reply);
	if (len > 0)
		delivery->to_control(delivery->self, slot,
				     (struct slice){delivery->reply, len});
}

void data_conns_give_up(struct data_conns *conns, uint32_t connection)
{
	struct data_conn *conn = conn_at(conns, connection);

	assert(conn != NULL && conn->stream == NULL);
	decided(conn, PEER_CONNECT_FAILED);
}

void data_conns_disconnect(struct data_conns *conns, uint32_t connection)
{
	struct data_conn *conn = conn_at(conns, connection);

	assert(conn != NULL);
	conn_free(conn, false);
}

/* --- the client ------------------------------------------------------------------------------ */

void data_conns_binding(struct data_conns *conns, uint32_t connection,
			const struct five_tuple *client)
{
	struct data_conn *conn = conn_at(conns, connection);

	assert(conn != NULL && conn->stream == NULL);
	conn->record.client = *client;
	save(conn, SAVED_DATA_BINDING);
}

static void lend(struct data_conn *conn, const struct bound_client *client)
{
	conn->until_ms = UINT64_MAX;
	conn->stream = client->stream;
	conn->ssl = client->ssl;
	conn_end_open(&conn->client_end, conn->owner->delivery->loop->base, client->fd,
		      client_ready, conn);
	/* Not now: the client's stream is in the middle of its own work. */
	data_flow_watch(conn);
	event_active(&conn->client_end.readable, EV_READ | EV_WRITE, 0);
}

bool data_conns_bind(struct data_conns *conns, uint32_t connection,
		     const struct bound_client *client)
{
	struct data_conn *conn = conn_at(conns, connection);

	assert(conn != NULL && conn->stream == NULL && conn->peer_end.fd >= 0);
	if (!byte_pump_first(&conn->to_peer, client->first) ||
	    !byte_pump_first(&conn->to_client, client->unsent))
		return false;
	event_del(&conn->timer);
	if (conns->delivery->state != NULL)
		data_record_bind(conns->records, &conn->record, conns->delivery->turn,
				 connection, &conn->peer,
				 &(struct data_record_ends){
					 .peer = conn->peer_end.fd,
					 .client = client->fd,
					 .is_tls = client->ssl != NULL,
					 .to_peer = client->first,
					 .to_client = client->unsent,
				 });
	tcp_socket_let_rest(conn->peer_end.fd);
	tcp_socket_let_rest(client->fd);
	if (client->ssl != NULL) /* no buffers while it rests */
		SSL_set_mode(client->ssl, SSL_MODE_RELEASE_BUFFERS);
	lend(conn, client);
	return true;
}

bool data_conns_has_tls(const struct data_conns *conns, uint32_t connection)
{
	assert(connection < conns->size);
	const struct data_conn *conn = conns->conns[connection];

	return conn != NULL && conn->ssl != NULL;
}

void data_conns_client_gone(struct data_conns *conns, uint32_t connection)
{
	struct data_conn *conn = conn_at(conns, connection);

	assert(conn != NULL);
	conn->stream = NULL;
	data_conn_over(conn, PEER_BROKEN);
}

/* Another one first each time: it may take all the room there is. */
void data_conns_throttle(struct data_conns *conns, uint32_t slot, bool throttle)
{
	const struct turn *turn = conns->delivery->turn;
	uint32_t count = tcp_connections_count(turn, slot);
	uint32_t i = tcp_connections_first(turn, slot);

	for (uint32_t skip = count > 0 ? conns->first % count : 0; skip > 0; skip--)
		i = tcp_connection_at(turn, i)->next;
	if (!throttle)
		conns->first++;
	for (uint32_t left = count; left > 0; left--) {
		if (conn_at(conns, i) != NULL)
			data_flow_throttle(conn_at(conns, i), throttle);
		i = tcp_connection_at(turn, i)->next;
		if (i == TCP_CONNECTION_NONE)
			i = tcp_connections_first(turn, slot);
	}
}

/* --- of the process before ------------------------------------------------------------------- */

/* False: out of memory; nothing is taken over. */
static bool restore_ways(struct data_conn *conn, const struct data_conn_was *was)
{
	struct data_conns *conns = conn->owner;
	struct byte_pump *ways[] = {
		[TCP_TO_PEER] = &conn->to_peer,
		[TCP_TO_CLIENT] = &conn->to_client,
	};

	for (unsigned i = 0; i < 2; i++) {
		assert(was->piped[i] == 0 || was->first[i].len == 0);
		if (!byte_pump_first(ways[i], was->first[i]))
			return false;
	}
	data_record_restore(conns->records, &conn->record, conns->delivery->turn,
			    conn->connection, was->saved, was->first[TCP_TO_PEER],
			    was->first[TCP_TO_CLIENT]);
	conns->running = conn;
	for (unsigned i = 0; i < 2; i++) {
		byte_pump_skip(ways[i], was->repeated[i]);
		if (was->piped[i] > 0)
			byte_pump_restore(ways[i], conns->pumps, was->pipes[i],
					  was->piped[i]);
	}
	return true;
}

/* The socket is the caller's until it is opened here. */
static bool restore_bound(struct data_conn *conn, const struct data_conn_was *was)
{
	if (was->client == NULL) {
		data_conn_wake(conn, was->saved->until_ms);
		save(conn, SAVED_DATA_BINDING);
		conn_end_open(&conn->peer_end, conn->owner->delivery->loop->base,
			      was->peer_fd, peer_ready, conn);
		return true;
	}
	if (!restore_ways(conn, was))
		return false;
	conn_end_open(&conn->peer_end, conn->owner->delivery->loop->base, was->peer_fd,
		      peer_ready, conn);
	lend(conn, was->client);
	return true;
}

bool data_conns_restore(struct data_conns *conns, uint32_t connection,
			const struct data_conn_was *was)
{
	const struct tcp_connection *c =
		tcp_connection_at(conns->delivery->turn, connection);
	struct data_conn *conn = conn_new(conns, connection, c->slot, &was->saved->peer);
	uint64_t timeout_ms = conns->delivery->settings->peer.timeout_ms;

	if (conn == NULL)
		return false;
	conn->record.client = was->tuple;
	switch (c->state) {
	case TCP_CONNECTION_CONNECTING:
		save(conn, SAVED_DATA_CONNECTING);
		/* There only if the process ended just when it was connected. */
		if (was->peer_fd >= 0) {
			conn_end_open(&conn->peer_end, conn->owner->delivery->loop->base,
				      was->peer_fd, peer_ready, conn);
			conn_end_wait(&conn->peer_end, EV_WRITE);
			data_conn_wake(conn, data_conn_now_ms(conn) + timeout_ms);
			return true;
		}
		/* If that fails at once, its Connect is answered when the loop runs. */
		if (try_connect(conn, data_conn_now_ms(conn) + timeout_ms) != 0)
			data_conn_wake(conn, data_conn_now_ms(conn));
		return true;
	case TCP_CONNECTION_PENDING:
		conn_end_open(&conn->peer_end, conn->owner->delivery->loop->base,
			      was->peer_fd, peer_ready, conn);
		data_conn_wake(conn, c->until_ms);
		save(conn, SAVED_DATA_PENDING);
		return true;
	case TCP_CONNECTION_BOUND:
		if (restore_bound(conn, was))
			return true;
		conn_free(conn, true);
		return false;
	case TCP_CONNECTION_FREE:
		assert(!"a connection that is back");
	}
	return false;
}

void data_conns_each_descriptor(const struct data_conns *conns,
				void (*fn)(void *arg, const char *name, int fd),
				void *arg)
{
	const struct turn *turn = conns->delivery->turn;

	for (uint32_t i = 0, left = (uint32_t)conns->count; left > 0; i++) {
		const struct data_conn *conn = conns->conns[i];

		if (conn == NULL)
			continue;
		left--;
		if (conn->peer_end.fd >= 0 &&
		    tcp_connection_at(turn, i)->state != TCP_CONNECTION_CONNECTING)
			fn(arg, CONNECTIONS_NAME, conn->peer_end.fd);
		if (conn->to_peer.in_pipe > 0) {
			fn(arg, PIPES_NAME, conn->to_peer.pipe[0]);
			fn(arg, PIPES_NAME, conn->to_peer.pipe[1]);
		}
		if (conn->to_client.in_pipe > 0) {
			fn(arg, PIPES_NAME, conn->to_client.pipe[0]);
			fn(arg, PIPES_NAME, conn->to_client.pipe[1]);
		}
	}
}

void data_conns_add_pipe(struct data_conns *conns, const int pipe[2])
{
	if (byte_pumps_add(conns->pumps, pipe))
		return;
	close(pipe[0]);
	close(pipe[1]);
}

struct peer_records *data_conns_records(struct data_conns *conns)
{
	return conns->records;
}

/* --- time ------------------------------------------------------------------------------------ */

static void timer_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct data_conn *conn = arg;
	struct delivery *delivery = conn->owner->delivery;

	loop_turn(delivery->loop);
	bool is_due = conn->until_ms <= data_conn_now_ms(conn) + COARSE_MS;
	switch (tcp_connection_at(delivery->turn, conn->connection)->state) {
	case TCP_CONNECTION_CONNECTING:
		if (is_due)
			decided(conn, PEER_CONNECT_TIMEOUT);
		else if (try_connect(conn, conn->until_ms) != 0)
			decided(conn, PEER_CONNECT_FAILED);
		break;
	case TCP_CONNECTION_PENDING:
		data_conn_over(conn, PEER_UNCLAIMED);
		break;
	case TCP_CONNECTION_BOUND:
		if (conn->stream == NULL) {
			/* It came back, but its client's half did not follow. */
			data_conn_over(conn, PEER_UNCLAIMED);
			break;
		}
		if (!is_due) {
			data_flow_look(conn);
			break;
		}
		/* What is under way is lost, which must not pass for the end. */
		data_conn_over(conn, conn->throttled || byte_pump_holds(&conn->to_peer) ||
						     byte_pump_holds(&conn->to_client) ||
						     !(conn->to_peer.is_done ||
						       conn->to_client.is_done)
					     ? PEER_STALLED
					     : PEER_CLOSED);
		break;
	case TCP_CONNECTION_FREE:
		assert(!"a connection without its timer");
	}
}
