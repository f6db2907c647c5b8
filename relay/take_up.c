/*
 * take_up.c - see take_up.h.
 */
#include "relay/take_up.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/descriptors/connections.h"
#include "base/descriptors/inherited.h"
#include "base/log.h"
#include "base/udp/steering.h"
#include "relay/core/allocation_restore.h"
#include "relay/core/channel.h"
#include "relay/core/ids.h"
#include "relay/core/mobility_end.h"
#include "relay/core/mobility_state.h"
#include "relay/core/restore_plan.h"
#include "relay/core/visitors.h"
#include "relay/front/stream.h"
#include "relay/front/udp.h"
#include "relay/ops/record.h"
#include "relay/ops/records.h"
#include "relay/past.h"
#include "relay/peer/inherited_pipes.h"
#include "relay/peer/peer_take_up.h"
#include "relay/peer/relay_sockets.h"
#include "relay/relay.h"
#include "relay/state/moved_records.h"
#include "relay/state/saved_allocation.h"
#include "relay/worker.h"

/* Where an allocation is now, by its id; id 0 is an empty place, as a generation is never 0. */
struct taken {
	uint64_t id;
	uint32_t slot; /* SLOT_NONE: it did not come back */
	uint16_t worker;
};

struct take_up {
	struct relay *relay;
	const struct past *past;
	struct connections *connections;
	struct relay_sockets *sockets;
	struct inherited_pipes *pipes;
	int *unused; /* of those: taken for nothing */
	size_t unused_count;
	struct taken *taken; /* an open hash table */
	size_t mask;         /* places - 1 */
	struct record *lost; /* of allocations, to be told when there is time */
	size_t lost_count, lost_room;
	struct moved_records moved;
	struct allocation_image image;
	struct take_up_report report;
};

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

const struct take_up_report *take_up_report(const struct take_up *take_up)
{
	return &take_up->report;
}

/* --- which allocations there are ------------------------------------------------------------- */

/* The place of that id, or the empty one where it would go. Ids differ in few bits. */
static struct taken *place_of(const struct take_up *take_up, uint64_t id)
{
	size_t i = (size_t)((id * 0x9E3779B97F4A7C15U) >> 32) & take_up->mask;

	while (take_up->taken[i].id != 0 && take_up->taken[i].id != id)
		i = (i + 1) & take_up->mask;
	return &take_up->taken[i];
}

static bool make_places(struct take_up *take_up)
{
	size_t count = past_allocations(take_up->past), places = 2;

	while (places < 2 * count + 1)
		places *= 2;
	take_up->mask = places - 1;
	take_up->taken = calloc(places, sizeof(*take_up->taken));
	return take_up->taken != NULL;
}

/* --- one that is lost ------------------------------------------------------------------------ */

/* Told later: the log would hold up the start. */
static void note_lost(struct take_up *take_up, const struct worker *worker,
		      enum restore_result result)
{
	struct record *lost;

	if (take_up->lost_count == take_up->lost_room) {
		size_t room = 2 * take_up->lost_room + 64;

		lost = realloc(take_up->lost, room * sizeof(*lost));
		if (lost == NULL)
			return;
		take_up->lost = lost;
		take_up->lost_room = room;
	}
	lost = &take_up->lost[take_up->lost_count++];
	*lost = record_of_image(&worker->turn, &take_up->image,
				restore_end_reason(result), worker->loop.now_ms);
	lost->is_logged = worker->settings->records;
}

/* known: take_up->image is what it was. */
static void lose(struct take_up *take_up, struct worker *worker,
		 enum restore_result result, bool known)
{
	assert(result != RESTORED && result < RESTORE_RESULT_COUNT);
	take_up->report.lost[result]++;
	counter_add(&worker->turn.counters.restores[result], 1);
	if (known)
		note_lost(take_up, worker, result);
}

/* --- one that comes back --------------------------------------------------------------------- */

static bool is_datagram(const struct front *front)
{
	return !transport_is_stream(front->transport);
}

/* The worker that receives what comes from there; before: the one that did. */
static unsigned worker_for(const struct take_up *take_up, const struct front *front,
			   const struct endpoint *client, const struct endpoint *via,
			   unsigned before)
{
	unsigned workers = (unsigned)take_up->relay->worker_count;

	if (!is_datagram(front))
		return before % workers;
	return steering_worker(via->ip.family != IP_NONE ? via : client, workers);
}

static unsigned choose_worker(const struct take_up *take_up, unsigned before)
{
	const struct allocation_image *image = &take_up->image;

	if (image->move.al.client_gone)
		return before % (unsigned)take_up->relay->worker_count;
	return worker_for(take_up, &image->front, &image->move.al.tuple.client,
			  &image->via, before);
}

/* Through which balancer a moving client comes from its new place is not known: it is asked again. */
static void choose_via(struct take_up *take_up)
{
	struct allocation_image *image = &take_up->image;
	struct mobility *mobility = &image->move.mobility;

	if (!image->move.al.moving)
		return;
	mobility->via = (uint16_t)worker_for(take_up, &image->to_front,
					     &mobility->to.client, &image->via,
					     mobility->via);
}

static bool has_stream(const struct worker *worker, const struct front *front,
		       const struct five_tuple *tuple)
{
	const struct five_tuple here =
		restore_tuple(tuple, restore_front(&worker->turn, front));

	return here.front < FRONTS_MAX && stream_find(worker->clients, &here) != NULL;
}

static struct restore_extras extras_of(struct take_up *take_up,
				       const struct worker *worker)
{
	const struct allocation_image *image = &take_up->image;
	const struct allocation *al = &image->move.al;
	const struct endpoint first = {image->relay_address, al->relay_port};
	const struct endpoint second = {image->second_address, al->dual.port};
	struct restore_extras extras = {.relay = {-1, -1}};
	bool tcp = al->relay_transport == TRANSPORT_TCP;

	if (take_up->sockets != NULL) {
		extras.relay[0] = relay_sockets_take(take_up->sockets, &first, tcp);
		if (second.port != 0)
			extras.relay[1] =
				relay_sockets_take(take_up->sockets, &second, false);
	}
	extras.client_gone = !is_datagram(&image->front) && !al->client_gone &&
			     !has_stream(worker, &image->front, &al->tuple);
	extras.to_gone = al->moving && !is_datagram(&image->to_front) &&
			 !has_stream(worker, &image->to_front, &image->move.mobility.to);
	return extras;
}

/* Its client is on its way to another worker, which has to know of it. */
static void announce_arrival(struct take_up *take_up, const struct worker *worker,
			     const struct allocation *al)
{
	const struct mobility *mobility;
	struct visitor *visitor;

	if (!al->moving)
		return;
	mobility = mobility_of(&worker->turn, al);
	if (mobility->via == worker->turn.worker)
		return;
	visitor = visitors_add(take_up->relay->workers[mobility->via]->turn.visitors,
			       &mobility->to);
	if (visitor == NULL)
		return;
	visitor->id = al->id;
	visitor->worker = worker->turn.worker;
	visitor->channel_max = channel_data_max(al);
}

static void restored(struct take_up *take_up, struct worker *worker,
		     const struct allocation *al, unsigned before)
{
	struct take_up_report *report = &take_up->report;
	uint64_t age_ms = worker->loop.now_ms - al->created_ms;

	report->taken_up++;
	take_up->relay->has_taken_up = true;
	report->moved += worker->turn.worker != before;
	if (age_ms > report->oldest_ms)
		report->oldest_ms = age_ms;
	counter_add(&worker->turn.counters.restores[RESTORED], 1);
	if (take_up->image.via.ip.family != IP_NONE && is_datagram(&take_up->image.front))
		udp_front_come_through(worker->udp_fronts, &al->tuple,
				       &take_up->image.via);
	announce_arrival(take_up, worker, al);
}

/* Its allocation is lost. Without memory it stays open, until its port is bound again in vain. */
static void keep_unused(struct take_up *take_up, int fd)
{
	int *unused;

	if (fd < 0)
		return;
	unused = realloc(take_up->unused, (take_up->unused_count + 1) * sizeof(*unused));
	if (unused == NULL)
		return;
	take_up->unused = unused;
	take_up->unused[take_up->unused_count++] = fd;
}

/* before: the worker that had it. */
static void restore(struct take_up *take_up, struct worker *worker, unsigned before)
{
	struct taken *taken = place_of(take_up, take_up->image.move.al.id);
	struct allocation *al = NULL;

	if (take_up->image.move.al.id == 0 || taken->id != 0) {
		lose(take_up, worker, RESTORE_DAMAGED, true);
		return;
	}
	*taken = (struct taken){.id = take_up->image.move.al.id, .slot = SLOT_NONE};

	struct restore_extras extras = extras_of(take_up, worker);
	enum restore_result result = allocation_restore(&worker->turn, &take_up->image,
							&extras, worker->loop.now_ms,
							worker->loop.unix_s, &al);

	take_up->report.refused_peers += extras.refused_peers;
	for (int i = 0; i < 2; i++)
		keep_unused(take_up, extras.relay[i]);
	/* That process says so when it leaves: one record, with the reason. */
	if (result == RESTORE_NO_STREAM && take_up->relay->takes_over &&
	    take_up->image.front.transport == TRANSPORT_TLS)
		return;
	if (result != RESTORED) {
		lose(take_up, worker, result, true);
		return;
	}
	taken->slot = al->slot;
	taken->worker = worker->turn.worker;
	restored(take_up, worker, al, before);
}

static void take_record(struct take_up *take_up, const struct state_found *found,
			unsigned before)
{
	struct worker *const *workers = take_up->relay->workers;
	struct worker *any = workers[before % take_up->relay->worker_count];

	if (!found->good) {
		lose(take_up, any, RESTORE_DAMAGED, false);
		return;
	}
	switch (saved_allocation_read(found->record, &take_up->image)) {
	case SAVED_GOOD:
		/* It was on its way to another worker, which has it in another record. */
		if (moved_records_have_later(&take_up->moved, &take_up->image))
			return;
		choose_via(take_up);
		restore(take_up, workers[choose_worker(take_up, before)], before);
		break;
	case SAVED_OTHER_VERSION:
		lose(take_up, any, RESTORE_VERSION, false);
		break;
	case SAVED_DAMAGED:
		lose(take_up, any, RESTORE_DAMAGED, false);
		break;
	}
}

/* --- all ------------------------------------------------------------------------------------- */

/* Ids of the process before do not come again, whichever worker has the allocation now. */
static void start_generations(struct take_up *take_up, uint32_t generation)
{
	const struct relay *relay = take_up->relay;

	for (size_t i = 0; i < relay->worker_count; i++)
		allocation_table_start(relay->workers[i]->turn.table, generation);
}

static uint32_t highest_generation(struct take_up *take_up)
{
	uint32_t highest = 0;

	for (unsigned i = 0; i < past_workers(take_up->past); i++) {
		const struct state_view *view = past_worker(take_up->past, i);
		struct state_found found;
		uint32_t cursor = 0;

		while (view != NULL &&
		       state_view_next(view, STATE_ALLOCATION, &cursor, &found)) {
			if (!found.good ||
			    saved_allocation_read(found.record, &take_up->image) !=
				    SAVED_GOOD)
				continue;
			/* Out of memory, the first one that is found counts. */
			(void)moved_records_add(&take_up->moved, &take_up->image);
			uint32_t generation = id_generation(take_up->image.move.al.id);

			if (generation > highest)
				highest = generation;
		}
	}
	return highest;
}

static void take_streams(struct take_up *take_up)
{
	const struct relay *relay = take_up->relay;

	for (unsigned i = 0; i < past_workers(take_up->past); i++) {
		const struct state_view *view = past_worker(take_up->past, i);

		if (view != NULL && take_up->connections != NULL)
			streams_restore(relay->workers[i % relay->worker_count]->clients,
					view, take_up->connections,
					take_up->report.streams);
	}
}

/* --- connections with peers ------------------------------------------------------------------ */

static bool find_allocation(void *arg, uint64_t id, struct relay_tcp **relays,
			    uint32_t *slot)
{
	const struct take_up *take_up = arg;
	const struct taken *taken = place_of(take_up, id);

	if (taken->id != id || id == 0 || taken->slot == SLOT_NONE)
		return false;
	*relays = take_up->relay->workers[taken->worker]->relay_tcp;
	*slot = taken->slot;
	return true;
}

static int take_socket(void *arg, const struct endpoint *local,
		       const struct endpoint *remote)
{
	const struct take_up *take_up = arg;

	return take_up->connections != NULL
		       ? connections_take(take_up->connections, local, remote)
		       : -1;
}

static const struct worker *worker_of(const struct take_up *take_up,
				      const struct relay_tcp *relays)
{
	const struct relay *relay = take_up->relay;
	size_t i = 0;

	while (i + 1 < relay->worker_count && relay->workers[i]->relay_tcp != relays)
		i++;
	return relay->workers[i];
}

static bool lend_stream(void *arg, struct relay_tcp *relays, const struct front *front,
			const struct endpoint *client, uint32_t connection, bool was_lent,
			struct five_tuple *tuple, struct bound_client *lent)
{
	const struct worker *worker = worker_of(arg, relays);
	struct stream *stream;

	*tuple = (struct five_tuple){*client, restore_front(&worker->turn, front)};
	if (tuple->front == FRONTS_MAX)
		return false;
	stream = stream_find(worker->clients, tuple);
	if (stream == NULL)
		return false;
	return was_lent ? stream_lend(stream, connection, lent)
			: stream_bind_again(stream, connection);
}

static void lose_socket(void *arg, int fd)
{
	keep_unused(arg, fd);
}

/* streams_restored() gives it up. */
static void unlend_stream(void *arg, struct stream *stream)
{
	(void)arg;
	stream_unlend(stream);
}

static void take_peers(struct take_up *take_up)
{
	const struct relay *relay = take_up->relay;
	const struct peer_take_up with = {
		.arg = take_up,
		.allocation = find_allocation,
		.socket = take_socket,
		.client = lend_stream,
		.lost = lose_socket,
		.unlend = unlend_stream,
		.others = relay->workers[0]->relay_tcp,
	};

	for (unsigned i = 0; i < past_workers(take_up->past); i++) {
		const struct state_view *view = past_worker(take_up->past, i);

		if (view != NULL)
			peer_take_up(view, &with, take_up->pipes, take_up->report.peers);
	}
	for (size_t i = 0; i < relay->worker_count; i++)
		streams_restored(relay->workers[i]->clients, take_up->connections,
				 take_up->report.streams);
}

static void take_allocations(struct take_up *take_up)
{
	for (unsigned i = 0; i < past_workers(take_up->past); i++) {
		const struct state_view *view = past_worker(take_up->past, i);
		struct state_found found;
		uint32_t cursor = 0;

		while (view != NULL &&
		       state_view_next(view, STATE_ALLOCATION, &cursor, &found))
			take_record(take_up, &found, i);
	}
}

static void take_all(struct take_up *take_up, uint32_t generation)
{
	const struct relay *relay = take_up->relay;
	uint32_t highest = highest_generation(take_up);

	for (size_t i = 0; i < relay->worker_count; i++)
		loop_turn(&relay->workers[i]->loop);
	start_generations(take_up, highest > generation ? highest : generation);
	take_streams(take_up);
	take_allocations(take_up);
	take_peers(take_up);
	for (size_t i = 0; i < relay->worker_count; i++)
		worker_expire(relay->workers[i]);
}

struct take_up *take_up_run(struct relay *relay, const struct past *past,
			    struct inherited *inherited, uint32_t generation)
{
	struct take_up *take_up = calloc(1, sizeof(*take_up));
	uint64_t began_ms = clock_ms();

	if (take_up == NULL)
		return NULL;
	take_up->relay = relay;
	take_up->past = past;
	take_up->report.process = past_process(past);
	if (take_up->report.process == 0)
		return take_up;
	if (!make_places(take_up)) {
		take_up_free(take_up);
		return NULL;
	}
	/* Without memory for them they stay where they are, until inherited is freed. */
	take_up->connections = connections_new(inherited);
	take_up->sockets = relay_sockets_new(inherited);
	take_up->pipes = inherited_pipes_new(inherited);
	take_all(take_up, generation);
	take_up->report.duration_ms = clock_ms() - began_ms;
	return take_up;
}

/*
 * To all workers alike: one that lacks a pipe makes a new one, and the store would have more of them
 * after each restart. None makes more than BYTE_PUMP_PIPES_MAX.
 */
static void share_pipes(struct take_up *take_up)
{
	const struct relay *relay = take_up->relay;
	size_t i = 0;

	while (peer_take_up_pipe(relay->workers[i]->relay_tcp, take_up->pipes))
		i = (i + 1) % relay->worker_count;
	inherited_pipes_free(take_up->pipes);
	take_up->pipes = NULL;
}

void take_up_settle(struct take_up *take_up)
{
	share_pipes(take_up);
	for (size_t i = 0; i < take_up->unused_count; i++)
		inherited_close(take_up->unused[i]);
	take_up->unused_count = 0;
	relay_sockets_free(take_up->sockets);
	take_up->sockets = NULL;
	connections_free(take_up->connections);
	take_up->connections = NULL;
	free(take_up->taken);
	take_up->taken = NULL;
}

void take_up_free(struct take_up *take_up)
{
	if (take_up == NULL)
		return;
	/*
	 * Not settled: the start has failed, and what was inherited is not ended, for the next
	 * process has another try. This one ends, and its descriptors with it.
	 */
	inherited_pipes_free(take_up->pipes);
	free(take_up->unused);
	free(take_up->taken);
	free(take_up->lost);
	moved_records_release(&take_up->moved);
	free(take_up);
}

/* --- told ------------------------------------------------------------------------------------ */

static void tell_records(struct take_up *take_up, struct relay *relay)
{
	bool wait = true;

	for (size_t i = 0; i < take_up->lost_count; i++) {
		records_add(relay->records, &take_up->lost[i]);
		if ((i + 1) % RECORDS_PAUSE == 0 && wait)
			wait = records_catch_up(relay->records);
	}
	free(take_up->lost);
	take_up->lost = NULL;
	take_up->lost_count = take_up->lost_room = 0;
}

void take_up_tell(struct take_up *take_up, struct relay *relay, uint64_t alive_ms,
		  uint64_t now_ms)
{
	struct take_up_report *report = &take_up->report;

	if (report->process == 0)
		return;
	report->gap_ms = alive_ms != 0 && now_ms > alive_ms ? now_ms - alive_ms : 0;
	take_up_report_log(report);
	tell_records(take_up, relay);
	__atomic_store_n(&relay->taken_up, report, __ATOMIC_RELEASE);
}
