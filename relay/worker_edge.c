/*
 * worker_edge.c - what the core of a worker asks of the world (core/edge.h): sockets of relayed
 * addresses, records, random bytes.
 */
#include "relay/worker.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "relay/core/allocation_table.h"
#include "relay/front/stream.h"
#include "relay/offload/flows.h"
#include "relay/ops/record.h"
#include "relay/ops/record_sums.h"
#include "relay/ops/records.h"
#include "relay/peer/data_conn.h"
#include "relay/peer/relay_tcp.h"
#include "relay/peer/relay_udp.h"
#include "relay/relocation.h"
#include "relay/state/keeper.h"
#include "relay/throttle.h"

static int edge_open(void *self, uint32_t slot, const struct endpoint *local)
{
	struct worker *worker = self;

	return relay_udp_open(worker->relay_udp, slot, local);
}

static void edge_close(void *self, uint32_t slot, uint8_t family)
{
	struct worker *worker = self;

	relay_udp_close(worker->relay_udp, slot, family);
}

static int edge_listen(void *self, uint32_t slot, const struct endpoint *local)
{
	struct worker *worker = self;

	return relay_tcp_listen(worker->relay_tcp, slot, local);
}

static void edge_unlisten(void *self, uint32_t slot)
{
	struct worker *worker = self;

	relay_tcp_unlisten(worker->relay_tcp, slot);
}

static int edge_adopt(void *self, uint32_t slot, const struct endpoint *local, bool tcp,
		      int fd)
{
	struct worker *worker = self;

	return tcp ? relay_tcp_adopt(worker->relay_tcp, slot, local, fd)
		   : relay_udp_adopt(worker->relay_udp, slot, local, fd);
}

static void edge_permitted(void *self, uint32_t slot)
{
	struct worker *worker = self;

	relay_tcp_permitted(worker->relay_tcp, slot);
}

/* What bandwidth or TCP peers hold up, in its stream, they hold up no longer. */
static void edge_client_leaves(void *self, const struct allocation *al)
{
	struct worker *worker = self;
	struct stream *stream = worker_stream(worker, al);

	if (worker->flows != NULL)
		flows_ended(worker->flows, al, worker->loop.now_ms);
	throttle_forget(worker->throttle, al->slot);
	if (stream != NULL)
		stream_pause(stream, STREAM_PAUSE_PEERS, false);
}

static void edge_take(void *self, uint32_t slot, uint8_t family,
		      struct relay_socket_state *state)
{
	struct worker *worker = self;

	relay_udp_take(worker->relay_udp, slot, family, state);
}

static void edge_give(void *self, uint32_t slot, uint8_t family,
		      const struct relay_socket_state *state)
{
	struct worker *worker = self;

	relay_udp_give(worker->relay_udp, slot, family, state);
}

static void edge_arrival_ended(void *self, unsigned number, const struct five_tuple *to)
{
	struct worker *worker = self;

	relocation_arrival_ended(worker->delivery.relocation, number, to);
}

static void edge_arrival_due(void *self, unsigned number, const struct five_tuple *to)
{
	struct worker *worker = self;

	relocation_arrival_due(worker->delivery.relocation, number, to);
}

static int edge_connect(void *self, uint32_t connection, const struct endpoint *peer)
{
	struct worker *worker = self;

	return data_conns_connect(worker->data_conns, connection, peer);
}

static void edge_give_up(void *self, uint32_t connection)
{
	struct worker *worker = self;

	data_conns_give_up(worker->data_conns, connection);
}

static void edge_binding(void *self, uint32_t connection, const struct five_tuple *client)
{
	struct worker *worker = self;

	data_conns_binding(worker->data_conns, connection, client);
}

static void edge_disconnect(void *self, uint32_t connection)
{
	struct worker *worker = self;

	data_conns_disconnect(worker->data_conns, connection);
}

static void edge_ended(void *self, const struct allocation *al)
{
	struct worker *worker = self;
	struct record record;

	assert(allocation_at(worker->turn.table, al->slot) == al);
	/* What they have carried is in the record. */
	if (worker->flows != NULL)
		flows_ended(worker->flows, al, worker->loop.now_ms);
	record = record_of(&worker->turn, al, worker->loop.now_ms);
	throttle_forget(worker->throttle, al->slot);
	record.is_logged = worker->settings->records;
	if (record_is_short(&record))
		records_add_short(worker->records, &record, worker->loop.now_ms);
	else
		records_add(worker->records, &record);
}

static void edge_prove(void *self, uint32_t slot, const struct owner_proof *proof)
{
	const struct worker *worker = self;

	keeper_prove(worker->keeper, slot, proof);
}

static void edge_proof_of(void *self, uint32_t slot, struct owner_proof *proof)
{
	const struct worker *worker = self;

	keeper_proof_of(worker->keeper, slot, proof);
}

static void edge_save(void *self, uint64_t now_ms)
{
	struct worker *worker = self;
	struct change_list *changes = &worker->turn.changes;

	for (uint32_t i = 0; i < changes->count && worker->flows != NULL; i++)
		flows_changed(worker->flows, changes->slots[i], now_ms);
	if (worker->keeper != NULL)
		keeper_save(worker->keeper, now_ms);
	else
		change_list_clear(changes);
}

/*
 * Drawn ahead in blocks, so that a Data indication's transaction id costs no system call. The
 * kernel gives up to 256 bytes without ever being interrupted; more is asked for again.
 */
static void edge_random(void *self, void *buf, size_t len)
{
	struct worker *worker = self;
	uint8_t *out = buf;

	while (len > 0) {
		if (worker->random_left == 0) {
			ssize_t got =
				getrandom(worker->random, sizeof(worker->random), 0);
			if (got < 0 && errno == EINTR)
				continue;
			if (got <= 0)
				abort(); /* no CSPRNG: nothing here may go on */
			worker->random_left = (size_t)got;
		}
		assert(worker->random_left <= sizeof(worker->random));
		size_t n = len < worker->random_left ? len : worker->random_left;
		uint8_t *from = worker->random + worker->random_left - n;
		memcpy(out, from, n);
		explicit_bzero(from, n);
		worker->random_left -= n;
		out += n;
		len -= n;
	}
}

struct edge worker_edge(struct worker *worker, bool saves)
{
	return (struct edge){
		.self = worker,
		.relay_open = edge_open,
		.relay_close = edge_close,
		.relay_listen = edge_listen,
		.relay_unlisten = edge_unlisten,
		.relay_adopt = edge_adopt,
		.relay_permitted = edge_permitted,
		.relay_take = edge_take,
		.relay_give = edge_give,
		.arrival_ended = edge_arrival_ended,
		.arrival_due = edge_arrival_due,
		.client_leaves = edge_client_leaves,
		.tcp_connect = edge_connect,
		.tcp_give_up = edge_give_up,
		.tcp_binding = edge_binding,
		.tcp_disconnect = edge_disconnect,
		.allocation_ended = edge_ended,
		.prove = saves ? edge_prove : NULL,
		.proof_of = saves ? edge_proof_of : NULL,
		.save = edge_save,
		.random = edge_random,
	};
}
