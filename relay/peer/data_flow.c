/*
 * data_flow.c - see data_flow.h.
 */
#include "relay/peer/data_flow.h"

#include <assert.h>
#include <poll.h>

#include "base/descriptors/fd_store.h"
#include "relay/core/tcp_connection.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/peer/data_conn_parts.h"
#include "relay/peer/inherited_pipes.h"

enum {
	HALF_MS = 60000,    /* silence of the open half when the other has ended */
	LOOK_MS = 1000,     /* how often ends that are not read are looked at */
	BUDGET = 512 << 10, /* bytes in one direction; then others have their turn */
};

/* --- pipes ----------------------------------------------------------------------------------- */

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

void data_flow_keep_pipes(struct data_conns *conns)
{
	byte_pumps_watch(conns->pumps, &(struct byte_pumps_watch){.arg = conns,
								  .made = pipe_made,
								  .ready = pipes_ready,
								  .used = pipe_used});
}

/* --- bytes ----------------------------------------------------------------------------------- */

/* What each end is waited for, after the pumps have run. */
void data_flow_watch(struct data_conn *conn)
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
	conn_end_wait(&conn->peer_end, peer);
	conn_end_wait(&conn->client_end, client);
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
	conn_end_wait(&conn->peer_end, peer);
	conn_end_wait(&conn->client_end, client);
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
						data_conn_now_ms(conn));
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
					 taken, data_conn_now_ms(conn));
	if (wait_ms > 0)
		delivery->throttle(delivery->self, conn->slot, wait_ms);
	/* What is left of a connection that has ended somewhere has shown that it lives. */
	if (conn->until_ms != UINT64_MAX)
		data_conn_wake(conn, data_conn_now_ms(conn) + HALF_MS);
	return result;
}

static bool may_run(const struct data_conn *conn, const struct byte_pump *pump)
{
	return !pump->is_done && (!conn->throttled || only_ends(pump));
}

/* Both directions, as far as they go. It may be gone. */
void data_flow_run(struct data_conn *conn, bool to_peer, bool to_client)
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
		data_conn_over(conn, PEER_BROKEN);
		return;
	}
	if (conn->to_peer.is_done && conn->to_client.is_done) {
		data_conn_over(conn, PEER_CLOSED);
		return;
	}
	if (!was_half && (conn->to_peer.is_done || conn->to_client.is_done))
		data_conn_wake(conn, data_conn_now_ms(conn) + HALF_MS);
	data_flow_watch(conn);
	watch_full(conn, towards_peer == BYTE_PUMP_FULL,
		   towards_client == BYTE_PUMP_FULL);
	/* What TLS has received already makes no event. */
	if (towards_peer == BYTE_PUMP_MORE && conn->ssl != NULL && !conn->throttled)
		event_active(&conn->client_end.readable, EV_READ, 0);
}

/* --- ends that are not read ------------------------------------------------------------------- */

static void look_later(struct data_conn *conn)
{
	conn->look_ms = data_conn_now_ms(conn) + LOOK_MS;
	data_conn_wake(conn, conn->until_ms);
}

/*
 * An end that is not read makes no event when it is over. What it sent before an orderly end is
 * still passed on when bandwidth allows, so that only bounds the silence. It may be gone.
 */
void data_flow_look(struct data_conn *conn)
{
	struct pollfd ends[] = {{.fd = conn->peer_end.fd, .events = POLLRDHUP},
				{.fd = conn->client_end.fd, .events = POLLRDHUP}};

	conn->look_ms = 0;
	if (poll(ends, 2, 0) > 0) {
		short seen = (short)(ends[0].revents | ends[1].revents);

		if (seen & POLLERR) {
			data_conn_over(conn, PEER_BROKEN);
			return;
		}
		if ((seen & POLLRDHUP) && conn->until_ms == UINT64_MAX)
			conn->until_ms = data_conn_now_ms(conn) + HALF_MS;
	}
	if (conn->throttled)
		look_later(conn);
	else if (conn->until_ms != UINT64_MAX)
		data_conn_wake(conn, conn->until_ms);
}

void data_flow_throttle(struct data_conn *conn, bool throttle)
{
	if (conn->stream == NULL || conn->throttled == throttle)
		return;
	conn->throttled = throttle;
	data_flow_watch(conn);
	if (throttle && conn->look_ms == 0)
		look_later(conn);
	if (!throttle && conn->ssl != NULL)
		event_active(&conn->client_end.readable, EV_READ, 0);
}
