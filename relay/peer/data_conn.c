/*
 * data_conn.c - see data_conn.h.
 */
#include "relay/peer/data_conn.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/descriptors/connections.h"
#include "base/descriptors/fd_store.h"
#include "base/net/byte_pump.h"
#include "relay/core/allocation.h"
#include "relay/core/tcp_connection.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/dialect/dispatch.h"
#include "relay/loop.h"
#include "relay/peer/data_record.h"
#include "relay/peer/inherited_pipes.h"
#include "relay/peer/tcp_socket.h"
#include "relay/reload/relay_settings.h"

enum {
	AGAIN_MS = 250,  /* between two attempts to connect with a pair that is in use */
	HALF_MS = 60000, /* silence of the open half when the other has ended */
	LOOK_MS = 1000,  /* how often ends that are not read are looked at */
	COARSE_MS = 20,  /* the coarse clock may be a tick behind a timer */
	BUDGET = 512 << 10, /* bytes in one direction; then others have their turn */
};

/* What is waited for at one end, and the bits of struct end.waits. */
struct end {
	int fd; /* -1: none */
	struct event readable, writable;
	unsigned waits; /* EV_READ, EV_WRITE: which of them is added */
};

struct data_conn {
	struct data_conns *owner;
	uint32_t connection, slot;
	struct endpoint peer; /* as on the wire */
	struct end peer_end, client_end;
	SSL *ssl;              /* of the client; NULL: plain */
	struct stream *stream; /* the client's; NULL: not bound */
	struct byte_pump to_peer, to_client;
	struct data_record record;
	struct event timer;
	uint64_t until_ms; /* UINT64_MAX: none */
	uint64_t look_ms;  /* when to look whether the ends are still there; 0: not */
	bool throttled;
};

struct data_conns {
	struct delivery *delivery;
	struct data_conn **conns; /* by index of the connection; NULL: none */
	size_t size;
	size_t count;
	uint32_t first; /* which connection of a slot goes on first when it may again */
	struct byte_pumps *pumps;
	struct peer_records *records;
	struct data_conn *running; /* whose pump is */
	bool pipes_wait;           /* for the store to take them */
};

/* --- what outlives the process --------------------------------------------------------------- */

static void pipe_made(void *arg, const int pipe[2])
{
	struct data_conns *conns = arg;

	fd_store_put(PIPES_NAME, pipe, 2, false);
	conns->pipes_wait = true;
}

/* Bytes in a pipe of which nobody has a copy would be lost with the process. */
static bool pipes_ready(void *arg)
{
	struct data_conns *conns = arg;

	if (conns->pipes_wait)
		conns->pipes_wait = !fd_store_flush();
	return !conns->pipes_wait;
}

static void pipe_used(void *arg, struct byte_pump *pump, uint64_t id)
{
	struct data_conns *conns = arg;
	struct data_conn *conn = conns->running;

	assert(conn != NULL && (pump == &conn->to_peer || pump == &conn->to_client));
	data_record_pipe(conns->records, &conn->record,
			 pump == &conn->to_peer ? TCP_TO_PEER : TCP_TO_CLIENT, id);
}

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
	fd_store_put(CONNECTIONS_NAME, &conn->peer_end.fd, 1, true);
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
		byte_pumps_watch(conns->pumps,
				 &(struct byte_pumps_watch){.arg = conns,
							    .made = pipe_made,
							    .ready = pipes_ready,
							    .used = pipe_used});
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

static uint64_t now_ms(const struct data_conn *conn)
{
	return conn->owner->delivery->loop->now_ms;
}

static void wake(struct data_conn *conn, uint64_t at_ms)
{
	conn->until_ms = at_ms;
	if (conn->look_ms != 0 && conn->look_ms < at_ms)
		at_ms = conn->look_ms;
	loop_arm(conn->owner->delivery->loop, &conn->timer, at_ms);
}

static void look_later(struct data_conn *conn)
{
	conn->look_ms = now_ms(conn) + LOOK_MS;
	wake(conn, conn->until_ms);
}

/* --- the ends -------------------------------------------------------------------------------- */

static void end_open(struct data_conn *conn, struct end *end, int fd,
		     event_callback_fn ready)
{
	struct event_base *base = conn->owner->delivery->loop->base;

	assert(end->fd < 0 && fd >= 0);
	end->fd = fd;
	end->waits = 0;
	event_assign(&end->readable, base, fd, EV_READ | EV_PERSIST, ready, conn);
	event_assign(&end->writable, base, fd, EV_WRITE | EV_PERSIST, ready, conn);
}

static void end_wait(struct end *end, unsigned waits)
{
	unsigned changed = end->waits ^ waits;

	end->waits = waits;
	if (changed & EV_READ) {
		if (waits & EV_READ)
			event_add(&end->readable, NULL);
		else
			event_del(&end->readable);
	}
	if (changed & EV_WRITE) {
		if (waits & EV_WRITE)
			event_add(&end->writable, NULL);
		else
			event_del(&end->writable);
	}
}

/* The descriptor is the caller's. */
static int end_take(struct end *end)
{
	int fd = end->fd;

	if (fd >= 0) {
		event_del(&end->readable);
		event_del(&end->writable);
	}
	end->fd = -1;
	return fd;
}

static void close_peer(struct data_conn *conn, bool reset)
{
	int fd = end_take(&conn->peer_end);

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
	end_take(&conn->client_end);
	conns->conns[conn->connection] = NULL;
	conns->count--;
	free(conn);
	if (stream != NULL)
		delivery->unbind(delivery->self, stream, reset);
}

/* It is over, and the core is told. */
static void conn_over(struct data_conn *conn, enum peer_event why)
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
	size_t len = dispatch_connected(delivery->turn, connection, outcome, now_ms(conn),
					delivery->reply, &kept);

	if (kept) {
		wake(conn, tcp_connection_at(delivery->turn, connection)->until_ms);
		keep_pending(conn);
	} else {
		conn_free(conn, true);
	}
	if (len > 0)
		delivery->to_control(delivery->self, slot,
				     (struct slice){delivery->reply, len});
}

/* --- bytes ----------------------------------------------------------------------------------- */

/* What each end is waited for, after the pumps have run. */
static void watch(struct data_conn *conn)
{
	const struct byte_pump *to_peer = &conn->to_peer, *to_client = &conn->to_client;
	unsigned peer = 0, client = 0;
	bool reads = !conn->throttled; /* and passes on what it has read */

	if (byte_pump_holds(to_peer) ? reads : to_peer->ended && !to_peer->is_done)
		peer |= EV_WRITE;
	else if (!to_peer->ended && reads)
		client |= to_peer->source_wants_write ? EV_WRITE : EV_READ;
	if (byte_pump_holds(to_client) ? reads : to_client->ended && !to_client->is_done)
		client |= to_client->sink_wants_read ? EV_READ : EV_WRITE;
	else if (!to_client->ended && reads)
		peer |= EV_READ;
	end_wait(&conn->peer_end, peer);
	end_wait(&conn->client_end, client);
}

/* A sink that is full, although nothing is held for it, was out of pipes. */
static void watch_full(struct data_conn *conn, bool to_peer_full, bool to_client_full)
{
	unsigned peer = conn->peer_end.waits, client = conn->client_end.waits;

	if (to_peer_full && !byte_pump_holds(&conn->to_peer)) {
		peer |= EV_WRITE;
		client &= ~(unsigned)EV_READ;
	}
	if (to_client_full && !byte_pump_holds(&conn->to_client)) {
		client |= EV_WRITE;
		peer &= ~(unsigned)EV_READ;
	}
	end_wait(&conn->peer_end, peer);
	end_wait(&conn->client_end, client);
}

/* All that remains is to tell the sink of the end. */
static bool only_ends(const struct byte_pump *pump)
{
	return pump->ended && !byte_pump_holds(pump);
}

/* Run one direction, as far as bandwidth allows. It may be throttled then. */
static enum byte_pump_result pump(struct data_conn *conn, enum tcp_direction direction)
{
	struct data_conns *conns = conn->owner;
	struct delivery *delivery = conns->delivery;
	const struct byte_pump_end peer = {.fd = conn->peer_end.fd};
	const struct byte_pump_end client = {.fd = conn->client_end.fd, .ssl = conn->ssl};
	bool to_peer = direction == TCP_TO_PEER;
	struct byte_pump *way = to_peer ? &conn->to_peer : &conn->to_client;
	size_t budget = BUDGET, taken = 0;
	uint32_t wait_ms = 0;

	if (!only_ends(way))
		wait_ms = tcp_connection_allows(delivery->turn, conn->connection, &budget,
						now_ms(conn));
	if (wait_ms > 0) {
		delivery->throttle(delivery->self, conn->slot, wait_ms);
		return BYTE_PUMP_MORE;
	}
	conns->running = conn;
	enum byte_pump_result result =
		byte_pump_run(way, conns->pumps, to_peer ? &client : &peer,
			      to_peer ? &peer : &client, budget, &taken);

	if (way->held == NULL)
		data_record_first_gone(conns->records, &conn->record, direction);
	if (taken == 0)
		return result;
	wait_ms = tcp_connection_relayed(delivery->turn, conn->connection, direction,
					 taken, now_ms(conn));
	if (wait_ms > 0)
		delivery->throttle(delivery->self, conn->slot, wait_ms);
	/* What is left of a connection that has ended somewhere has shown that it lives. */
	if (conn->until_ms != UINT64_MAX)
		wake(conn, now_ms(conn) + HALF_MS);
	return result;
}

static bool may_run(const struct data_conn *conn, const struct byte_pump *pump)
{
	return !pump->is_done && (!conn->throttled || only_ends(pump));
}

/* Both directions, as far as they go. It may be gone. */
static void run(struct data_conn *conn, bool to_peer, bool to_client)
{
	bool was_half = conn->to_peer.is_done || conn->to_client.is_done;
	enum byte_pump_result towards_peer = BYTE_PUMP_EMPTY,
			      towards_client = BYTE_PUMP_EMPTY;

	if (to_peer && may_run(conn, &conn->to_peer))
		towards_peer = pump(conn, TCP_TO_PEER);
	if (to_client && may_run(conn, &conn->to_client) &&
	    towards_peer != BYTE_PUMP_BROKEN)
		towards_client = pump(conn, TCP_TO_CLIENT);
	if (towards_peer == BYTE_PUMP_BROKEN || towards_client == BYTE_PUMP_BROKEN) {
		conn_over(conn, PEER_BROKEN);
		return;
	}
	if (conn->to_peer.is_done && conn->to_client.is_done) {
		conn_over(conn, PEER_CLOSED);
		return;
	}
	if (!was_half && (conn->to_peer.is_done || conn->to_client.is_done))
		wake(conn, now_ms(conn) + HALF_MS);
	watch(conn);
	watch_full(conn, towards_peer == BYTE_PUMP_FULL,
		   towards_client == BYTE_PUMP_FULL);
	/* What TLS has received already makes no event. */
	if (towards_peer == BYTE_PUMP_MORE && conn->ssl != NULL && !conn->throttled)
		event_active(&conn->client_end.readable, EV_READ, 0);
}

static void client_ready(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	struct data_conn *conn = arg;
	bool crosswise = conn->ssl != NULL;

	loop_turn(conn->owner->delivery->loop);
	run(conn, crosswise || (events & EV_READ), crosswise || (events & EV_WRITE));
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

		end_wait(&conn->peer_end, 0);
		decided(conn, error == 0            ? PEER_CONNECTED
			      : error == -ETIMEDOUT ? PEER_CONNECT_TIMEOUT
						    : PEER_CONNECT_FAILED);
		return;
	}
	run(conn, events & EV_WRITE, events & EV_READ);
}

/*
 * An end that is not read makes no event when it is over. What it sent before an orderly end is
 * still passed on when bandwidth allows, so that only bounds the silence. It may be gone.
 */
static void look(struct data_conn *conn)
{
	struct pollfd ends[] = {{.fd = conn->peer_end.fd, .events = POLLRDHUP},
				{.fd = conn->client_end.fd, .events = POLLRDHUP}};

	conn->look_ms = 0;
	if (poll(ends, 2, 0) > 0) {
		short seen = (short)(ends[0].revents | ends[1].revents);

		if (seen & POLLERR) {
			conn_over(conn, PEER_BROKEN);
			return;
		}
		if ((seen & POLLRDHUP) && conn->until_ms == UINT64_MAX)
			conn->until_ms = now_ms(conn) + HALF_MS;
	}
	if (conn->throttled)
		look_later(conn);
	else if (conn->until_ms != UINT64_MAX)
		wake(conn, conn->until_ms);
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
		wake(conn, until_ms);
		if (until_ms > now_ms(conn) + AGAIN_MS)
			loop_arm(delivery->loop, &conn->timer, now_ms(conn) + AGAIN_MS);
		return 0;
	}
	if (fd < 0)
		return fd;
	end_open(conn, &conn->peer_end, fd, peer_ready);
	end_wait(&conn->peer_end, EV_WRITE);
	wake(conn, until_ms);
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
	int error = try_connect(conn, now_ms(conn) + delivery->settings->peer.timeout_ms);
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
	end_open(conn, &conn->peer_end, fd, peer_ready);
	wake(conn, tcp_connection_at(turn, connection)->until_ms);
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
	end_open(conn, &conn->client_end, client->fd, client_ready);
	/* Not now: the client's stream is in the middle of its own work. */
	watch(conn);
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

void data_conns_client_gone(struct data_conns *conns, uint32_t connection)
{
	struct data_conn *conn = conn_at(conns, connection);

	assert(conn != NULL);
	conn->stream = NULL;
	conn_over(conn, PEER_BROKEN);
}

static void conn_throttle(struct data_conn *conn, bool throttle)
{
	if (conn == NULL || conn->stream == NULL || conn->throttled == throttle)
		return;
	conn->throttled = throttle;
	watch(conn);
	if (throttle && conn->look_ms == 0)
		look_later(conn);
	if (!throttle && conn->ssl != NULL)
		event_active(&conn->client_end.readable, EV_READ, 0);
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
		conn_throttle(conn_at(conns, i), throttle);
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
		wake(conn, was->saved->until_ms);
		save(conn, SAVED_DATA_BINDING);
		end_open(conn, &conn->peer_end, was->peer_fd, peer_ready);
		return true;
	}
	if (!restore_ways(conn, was))
		return false;
	end_open(conn, &conn->peer_end, was->peer_fd, peer_ready);
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
			end_open(conn, &conn->peer_end, was->peer_fd, peer_ready);
			end_wait(&conn->peer_end, EV_WRITE);
			wake(conn, now_ms(conn) + timeout_ms);
			return true;
		}
		/* If that fails at once, its Connect is answered when the loop runs. */
		if (try_connect(conn, now_ms(conn) + timeout_ms) != 0)
			wake(conn, now_ms(conn));
		return true;
	case TCP_CONNECTION_PENDING:
		end_open(conn, &conn->peer_end, was->peer_fd, peer_ready);
		wake(conn, c->until_ms);
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
	bool is_due = conn->until_ms <= now_ms(conn) + COARSE_MS;
	switch (tcp_connection_at(delivery->turn, conn->connection)->state) {
	case TCP_CONNECTION_CONNECTING:
		if (is_due)
			decided(conn, PEER_CONNECT_TIMEOUT);
		else if (try_connect(conn, conn->until_ms) != 0)
			decided(conn, PEER_CONNECT_FAILED);
		break;
	case TCP_CONNECTION_PENDING:
		conn_over(conn, PEER_UNCLAIMED);
		break;
	case TCP_CONNECTION_BOUND:
		if (conn->stream == NULL) {
			/* It came back, but its client's half did not follow. */
			conn_over(conn, PEER_UNCLAIMED);
			break;
		}
		if (!is_due) {
			look(conn);
			break;
		}
		/* What is under way is lost, which must not pass for the end. */
		conn_over(conn, conn->throttled || byte_pump_holds(&conn->to_peer) ||
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
