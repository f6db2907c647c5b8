/*
 * relay_allocations.c - see relay_allocations.h.
 */
#include "relay/relay_allocations.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/core/bandwidth/bandwidth.h"
#include "relay/core/channel.h"
#include "relay/core/ids.h"
#include "relay/core/mobility.h"
#include "relay/core/mobility_directory.h"
#include "relay/core/mobility_end.h"
#include "relay/core/mobility_state.h"
#include "relay/core/ms_reservation.h"
#include "relay/core/permission.h"
#include "relay/ops/records.h"
#include "relay/relay.h"
#include "relay/worker.h"

enum { SLICE = 1024 /* slots */ };

static uint64_t time_left(uint64_t expires_ms, uint64_t now_ms)
{
	if (expires_ms == UINT64_MAX)
		return UINT64_MAX;
	return expires_ms > now_ms ? expires_ms - now_ms : 0;
}

/* The second 5-tuple of a client that moves. */
static void describe_arrival(const struct turn *turn, const struct mobility *mobility,
			     struct relay_allocation *row)
{
	row->moving_to = mobility->to.client;
	row->moving_over = turn->shared->fronts[mobility->to.front].transport;
}

static struct relay_allocation describe(const struct worker *worker,
					const struct allocation *al)
{
	assert(worker->loop.now_ms >= al->created_ms);
	const struct turn *turn = &worker->turn;
	uint64_t now_ms = worker->loop.now_ms;
	struct relay_allocation row = {
		.id = al->id,
		.tuple = al->tuple,
		.via = worker_via(worker, al),
		.side = al->side,
		.transport = al->transport,
		.relay_transport = al->relay_transport,
		.dialect = al->dialect,
		.nameless = al->owner.nameless,
		.is_token = al->owner.is_token,
		.quota = al->owner.quota,
		.relayed_local = allocation_relayed_local(turn, al),
		.relayed_public = allocation_relayed_public(turn, al),
		.second_local = allocation_second_local(turn, al),
		.second_public = allocation_second_public(turn, al),
		.age_ms = now_ms - al->created_ms,
		.restarts = al->restarts,
		.expires_in_ms = time_left(al->expires_ms, now_ms),
		.permission_count = al->permission_count,
		.channel_count = al->channel_count,
		.peer_connections = relay_tcp_connections(worker->relay_tcp, al->slot),
		.tls_connections = relay_tcp_tls_connections(worker->relay_tcp, al->slot),
		.to_peer = al->to_peer,
		.to_client = al->to_client,
		.rate = rates_of(worker->rates, al, now_ms),
		.reserved_bps = ms_reservation_of(turn, al)->bps,
		.over_average = bandwidth_is_over_average(al, now_ms),
		.over_peak = bandwidth_is_over_peak(al, now_ms),
	};
	if (al->mobile) {
		const struct mobility *mobility = mobility_of(turn, al);

		row.mobile = true;
		row.client_gone = al->client_gone;
		row.moves = mobility->moves;
		if (al->moving)
			describe_arrival(turn, mobility, &row);
	}
	strcpy(row.user, allocation_user(turn->table, al));
	strcpy(row.key_id, allocation_key_id(turn->table, al));
	return row;
}

static bool has_peer_in(const struct worker *worker, const struct allocation *al,
			const struct ip_prefix *prefix)
{
	uint32_t cursor = al->permissions;
	struct ip_addr peer;
	uint64_t expires_ms;

	if (destination_is_set(&al->active) &&
	    ip_prefix_contains(prefix, &al->active.peer.ip))
		return true;
	while (permission_next(&worker->turn, &cursor, &peer, &expires_ms)) {
		if (expires_ms > worker->loop.now_ms && ip_prefix_contains(prefix, &peer))
			return true;
	}
	return false;
}

static bool is_meant(const struct worker *worker, const struct allocation *al,
		     const struct relay_filter *filter)
{
	const struct allocation_table *table = worker->turn.table;

	return (!filter->user || strcmp(filter->user, allocation_user(table, al)) == 0) &&
	       (!filter->key_id ||
		strcmp(filter->key_id, allocation_key_id(table, al)) == 0) &&
	       (!filter->has_side || filter->side == al->side) &&
	       (!filter->has_dialect || filter->dialect == al->dialect) &&
	       (!filter->has_transport || filter->transport == al->transport) &&
	       (!filter->has_relay_transport ||
		filter->relay_transport == al->relay_transport) &&
	       (!filter->has_client ||
		ip_prefix_contains(&filter->client, &al->tuple.client.ip)) &&
	       (!filter->has_peer || has_peer_in(worker, al, &filter->peer));
}

/* A walk over one worker's table, slice by slice. */
struct walk {
	struct worker *worker;
	const struct relay_filter *filter;
	/* On the worker's thread. */
	void (*each)(struct walk *walk, struct allocation *al);
	uint32_t next; /* slot; UINT32_MAX: at the end */
	/* Of a listing: */
	struct relay_allocation *rows;
	size_t count, room;
	/* Of an end: */
	int64_t ended;
	/* Of the top ones: */
	struct relay_top *top;
	/* Of a search: */
	uint64_t id;
	uint32_t slot; /* SLOT_NONE: not found yet */
};

static void list(struct walk *walk, struct allocation *al)
{
	assert(walk->count < walk->room);
	worker_read_flows(walk->worker, al);
	walk->rows[walk->count++] = describe(walk->worker, al);
}

static void end(struct walk *walk, struct allocation *al)
{
	allocation_delete(&walk->worker->turn, al, END_KILLED, walk->worker->loop.now_ms);
	walk->ended++;
}

static uint64_t payload(const struct traffic *to_peer, const struct traffic *to_client)
{
	return to_peer->bytes + to_client->bytes;
}

/* Insert it in its place, if it has one; the last one makes room. */
static void rank(struct walk *walk, struct allocation *al)
{
	struct relay_top *top = walk->top;
	size_t at = top->count;
	uint64_t bytes;

	assert(top->count <= RELAY_TOP_MAX);
	worker_read_flows(walk->worker, al);
	bytes = payload(&al->to_peer, &al->to_client);
	while (at > 0 &&
	       payload(&top->rows[at - 1].to_peer, &top->rows[at - 1].to_client) < bytes)
		at--;
	if (at == RELAY_TOP_MAX)
		return;
	if (top->count < RELAY_TOP_MAX)
		top->count++;
	memmove(&top->rows[at + 1], &top->rows[at],
		(top->count - 1 - at) * sizeof(top->rows[0]));
	top->rows[at] = describe(walk->worker, al);
}

/* The next slots of its table, on its thread. */
static void walk_slice(void *arg)
{
	struct walk *walk = arg;
	struct worker *worker = walk->worker;
	uint32_t used = allocation_slots(worker->turn.table);
	uint32_t stop = used > walk->next + SLICE ? walk->next + SLICE : used;

	loop_turn(&worker->loop);
	for (uint32_t slot = walk->next; slot < stop; slot++) {
		struct allocation *al = allocation_at(worker->turn.table, slot);

		if (al != NULL && is_meant(worker, al, walk->filter))
			walk->each(walk, al);
	}
	walk->next = stop < used && walk->slot == SLOT_NONE ? stop : UINT32_MAX;
	if (walk->each == end)
		worker_expire(worker);
}

static bool make_room(struct walk *walk, size_t more)
{
	struct relay_allocation *rows;

	if (walk->room - walk->count >= more)
		return true;
	rows = realloc(walk->rows, (walk->count * 2 + more) * sizeof(*rows));
	if (rows == NULL)
		return false;
	walk->rows = rows;
	walk->room = walk->count * 2 + more;
	return true;
}

/* Memory for a slice is made, and its records are waited for, here and not on the worker. */
static bool walk_worker(struct walk *walk, struct worker *worker)
{
	bool wait = walk->each == end;

	walk->worker = worker;
	walk->next = 0;
	while (walk->next != UINT32_MAX) {
		if (wait)
			wait = records_catch_up(worker->records);
		if ((walk->each == list && !make_room(walk, SLICE)) ||
		    !inbox_call(worker->inbox, walk_slice, walk))
			return false;
	}
	return true;
}

/* False if out of memory; what was done until then stays done. */
static bool walk_all(struct walk *walk, struct relay *relay)
{
	for (size_t i = 0; i < relay->worker_count; i++) {
		if (!walk_worker(walk, relay->workers[i]))
			return false;
	}
	return true;
}

int relay_allocations_like(struct relay *relay, const struct relay_filter *filter,
			   struct relay_allocation **rows, size_t *count)
{
	struct walk walk = {.filter = filter, .each = list, .slot = SLOT_NONE};

	if (!walk_all(&walk, relay)) {
		free(walk.rows);
		return -ENOMEM;
	}
	*rows = walk.rows;
	*count = walk.count;
	return 0;
}

int relay_allocations(struct relay *relay, struct relay_allocation **rows, size_t *count)
{
	return relay_allocations_like(relay, &(struct relay_filter){0}, rows, count);
}

static void list_permissions(const struct worker *worker, const struct allocation *al,
			     struct relay_allocation_detail *detail)
{
	uint32_t cursor = al->permissions;
	struct ip_addr peer;
	uint64_t expires_ms;

	while (detail->permission_count < ENTRIES_EACH_MAX &&
	       permission_next(&worker->turn, &cursor, &peer, &expires_ms)) {
		size_t i = detail->permission_count;

		if (expires_ms <= worker->loop.now_ms)
			continue;
		detail->permissions[i].peer = peer;
		detail->permissions[i].expires_in_ms =
			time_left(expires_ms, worker->loop.now_ms);
		detail->permission_count++;
	}
}

static struct flow_place place_of(struct worker *worker, const struct allocation *al,
				  uint16_t number)
{
	const struct channel *ch =
		channel_by_number(&worker->turn, al, number, worker->loop.now_ms);

	assert(ch != NULL);
	return worker_flow_place(worker, al, channel_entry(worker->turn.table, ch));
}

static void list_channels(struct worker *worker, const struct allocation *al,
			  struct relay_allocation_detail *detail)
{
	uint32_t cursor = al->channels;
	struct endpoint peer;
	uint16_t number;
	uint64_t expires_ms;

	while (detail->channel_count < ENTRIES_EACH_MAX &&
	       channel_next(&worker->turn, &cursor, &number, &peer, &expires_ms)) {
		size_t i = detail->channel_count;

		if (expires_ms <= worker->loop.now_ms)
			continue;
		detail->channels[i].peer = peer;
		detail->channels[i].number = number;
		detail->channels[i].place = place_of(worker, al, number);
		detail->channels[i].expires_in_ms =
			time_left(expires_ms, worker->loop.now_ms);
		detail->channel_count++;
	}
}

struct one {
	struct worker *worker;
	uint64_t id;
	uint32_t slot; /* if a search has found it; SLOT_NONE: there was none */
	struct relay_allocation_detail *detail;
	bool found;
};

/* The id of one that has come from another worker, or process, names where it was made. */
static struct allocation *named(const struct one *one)
{
	const struct worker *worker = one->worker;
	struct allocation *al = allocation_by_id(worker->turn.table, one->id);

	if (al == NULL)
		al = mobility_find(&worker->turn, mobility_name(one->id));
	if (al == NULL)
		al = allocation_at(worker->turn.table, one->slot);
	return al != NULL && al->id == one->id ? al : NULL;
}

static void show(void *arg)
{
	struct one *one = arg;
	struct worker *worker = one->worker;
	struct relay_allocation_detail *detail = one->detail;
	const struct allocation *al = named(one);

	one->found = al != NULL;
	if (al == NULL)
		return;
	worker_read_flows(worker, al);
	const struct ms_reservation *reservation = ms_reservation_of(&worker->turn, al);
	loop_turn(&worker->loop);
	detail->row = describe(worker, al);
	detail->front = worker->turn.shared->fronts[al->tuple.front].local;
	detail->active = al->active.peer;
	detail->active_place = worker_flow_place(worker, al, SLOT_NONE);
	detail->lifetime_s = al->lifetime_s;
	detail->credential_expires_s = al->owner.credential_expires_s;
	detail->ends_in_ms = time_left(al->ends_ms, worker->loop.now_ms);
	detail->stream_type = al->ms.stream_type;
	detail->quality = al->ms.quality;
	snprintf(detail->user_group, sizeof(detail->user_group), "%s",
		 user_groups_name(worker->turn.settings->groups, al->group));
	detail->reservation_in_ms =
		reservation->state == MS_RESERVATION_MADE
			? time_left(reservation->expires_ms, worker->loop.now_ms)
			: UINT64_MAX;
	detail->permission_count = detail->channel_count = 0;
	list_permissions(worker, al, detail);
	list_channels(worker, al, detail);
	detail->peer_count =
		relay_tcp_peers(worker->relay_tcp, al->slot, detail->peers,
				sizeof(detail->peers) / sizeof(detail->peers[0]));
}

static void end_one(void *arg)
{
	struct one *one = arg;
	struct worker *worker = one->worker;
	struct allocation *al = named(one);

	one->found = al != NULL;
	if (al == NULL)
		return;
	loop_turn(&worker->loop);
	allocation_delete(&worker->turn, al, END_KILLED, worker->loop.now_ms);
	worker_expire(worker);
}

static void find(struct walk *walk, struct allocation *al)
{
	if (al->id != walk->id)
		return;
	walk->slot = al->slot;
}

/* Of the process before: it may be at any worker, in any slot. False: nobody has it. */
static bool search(struct relay *relay, struct one *one)
{
	struct walk walk = {
		.filter = &(struct relay_filter){0},
		.each = find,
		.id = one->id,
		.slot = SLOT_NONE,
	};

	for (size_t i = 0; i < relay->worker_count && walk.slot == SLOT_NONE; i++) {
		if (!walk_worker(&walk, relay->workers[i]))
			return false;
	}
	one->worker = walk.worker;
	one->slot = walk.slot;
	return walk.slot != SLOT_NONE;
}

/* The id says which worker has it, unless it is mobile, or from the process before. */
static int ask_owner(struct relay *relay, inbox_fn *fn, struct one *one)
{
	struct mobility_place place = {.worker = (uint16_t)id_worker(one->id)};

	one->slot = SLOT_NONE;
	mobility_directory_find(relay->shared.mobile, mobility_name(one->id), &place);
	if (place.worker < relay->worker_count) {
		one->worker = relay->workers[place.worker];
		if (!inbox_call(one->worker->inbox, fn, one))
			return -ENOMEM;
	}
	if (!one->found && relay->has_taken_up && search(relay, one) &&
	    !inbox_call(one->worker->inbox, fn, one))
		return -ENOMEM;
	return one->found ? 0 : -ENOENT;
}

int relay_allocation_show(struct relay *relay, uint64_t id,
			  struct relay_allocation_detail *detail)
{
	return ask_owner(relay, show, &(struct one){.id = id, .detail = detail});
}

int64_t relay_end_by_id(struct relay *relay, uint64_t id)
{
	int error = ask_owner(relay, end_one, &(struct one){.id = id});

	return error == 0 ? 1 : error;
}

int64_t relay_end_like(struct relay *relay, const struct relay_filter *filter)
{
	struct walk walk = {.filter = filter, .each = end, .slot = SLOT_NONE};

	return walk_all(&walk, relay) ? walk.ended : -ENOMEM;
}

void relay_allocations_top(struct relay *relay, struct relay_top *top)
{
	struct walk walk = {
		.filter = &(struct relay_filter){0},
		.each = rank,
		.top = top,
		.slot = SLOT_NONE,
	};

	top->count = 0;
	walk_all(&walk, relay);
}
