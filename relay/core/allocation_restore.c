/*
 * allocation_restore.c - see allocation_restore.h. First all is judged without changing anything, then
 * slot, charges and ports are taken, then sockets; what comes after those cannot fail.
 */
#include "relay/core/allocation_restore.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "relay/core/allocation.h"
#include "relay/core/allocation_entries.h"
#include "relay/core/changes.h"
#include "relay/core/charge.h"
#include "relay/core/mobility.h"
#include "relay/core/mobility_directory.h"
#include "relay/core/mobility_end.h"
#include "relay/core/ms_reservation.h"
#include "relay/core/permission.h"
#include "relay/core/restore_plan.h"
#include "relay/core/turn.h"

/* No bucket of bandwidth is emptied for longer than that. */
enum { DEBT_MOST_S = 3600 };

/* One on its way. */
struct restore {
	struct turn *turn;
	const struct allocation_image *image;
	struct restore_extras *extras;
	uint64_t now_ms;
	struct restore_plan plan;
};

enum end_reason restore_end_reason(enum restore_result result)
{
	switch (result) {
	case RESTORE_EXPIRED:
		return END_EXPIRED;
	case RESTORE_REVOKED:
		return END_REVOKED;
	case RESTORE_CREDENTIAL:
		return END_CREDENTIAL;
	case RESTORED:
	case RESTORE_DAMAGED:
	case RESTORE_VERSION:
	case RESTORE_NO_FRONT:
	case RESTORE_NO_ADDRESS:
	case RESTORE_PORT_TAKEN:
	case RESTORE_DIALECT:
	case RESTORE_FULL:
	case RESTORE_DESCRIPTORS:
	case RESTORE_NO_STREAM:
	case RESTORE_RESULT_COUNT:
		break;
	}
	return END_LOST;
}

static void sane_debt(struct tokens *tokens, uint64_t now_ms)
{
	if (tokens_debt_ns(tokens, now_ms * 1000000) > DEBT_MOST_S * UINT64_C(1000000000))
		tokens->full_ns = 0;
}

/* All that is of it alone. */
static void fill(struct restore *re, struct allocation *al)
{
	const uint32_t slot = al->slot, generation = al->generation;
	const struct restore_plan *plan = &re->plan;

	*al = re->image->move.al;
	al->slot = slot;
	al->generation = generation;
	al->permissions = al->channels = SLOT_NONE;
	al->permission_count = al->channel_count = 0;
	al->tuple.front = plan->front;
	owner_store_put(&re->turn->table->owners, &al->owner, &plan->owner);
	al->families = IP_NONE;
	al->relay_port = al->dual.port = 0;
	al->moving = false;
	al->client_gone = re->plan.client_gone;
	al->credit = 0;
	if (al->restarts < UINT16_MAX)
		al->restarts++;
	al->icmp_limit = (struct icmp_limit){0};
	al->lease = (struct lease){.average = al->lease.average, .peak = al->lease.peak};
	sane_debt(&al->lease.average, re->now_ms);
	sane_debt(&al->lease.peak, re->now_ms);
	if (al->dialect == DIALECT_IETF) {
		al->active = (struct destination){0};
		al->ms = (struct ms_state){0};
	}
	allocation_tell_group(re->turn, al);
}

static int open_socket(struct restore *re, const struct allocation *al,
		       const struct restore_half *half, int *inherited)
{
	const struct edge *edge = re->turn->edge;
	const struct endpoint local = {re->turn->shared->relay[half->address].local,
				       half->port};
	bool tcp = al->relay_transport == TRANSPORT_TCP;
	int error;

	if (*inherited >= 0) {
		error = edge->relay_adopt(edge->self, al->slot, &local, tcp, *inherited);
		if (error == 0)
			*inherited = -1;
		return error;
	}
	return tcp ? edge->relay_listen(edge->self, al->slot, &local)
		   : edge->relay_open(edge->self, al->slot, &local);
}

static enum restore_result refused_with(int error)
{
	switch (error) {
	case -EADDRINUSE:
		return RESTORE_PORT_TAKEN;
	case -EADDRNOTAVAIL:
		return RESTORE_NO_ADDRESS;
	default:
		return RESTORE_DESCRIPTORS;
	}
}

/* Its port, and a socket on it; without them its port becomes 0. */
static enum restore_result open_half(struct restore *re, const struct allocation *al,
				     struct restore_half *half, int *inherited)
{
	struct port_pool *pool = turn_ports(re->turn, al->relay_transport);
	enum restore_result result = RESTORE_DAMAGED;
	int error;

	if (port_pool_take_this(pool, half->address, half->port)) {
		error = open_socket(re, al, half, inherited);
		if (error == 0)
			return RESTORED;
		port_pool_give(pool, half->address, half->port, re->now_ms);
		result = refused_with(error);
	}
	half->port = 0;
	return result;
}

/* As relay_port.c leaves them: the one that there is, or the IPv4 one, is the allocation's own. */
static void set_relayed(const struct restore *re, struct allocation *al)
{
	const struct restore_half *first = &re->plan.halves[0],
				  *second = &re->plan.halves[1];
	uint64_t lasts_ms;

	if (first->port == 0) {
		first = second;
		second = &re->plan.halves[0];
	}
	al->relay_address = first->address;
	al->relay_port = first->port;
	al->families = re->turn->shared->relay[first->address].local.family;
	al->expires_ms = lasts_ms = first->until_ms;
	if (second->port != 0) {
		al->dual.address = second->address;
		al->dual.port = second->port;
		al->families |= re->turn->shared->relay[second->address].local.family;
		if (second->until_ms < al->expires_ms)
			al->expires_ms = second->until_ms;
		else
			lasts_ms = second->until_ms;
	}
	if (lasts_ms == al->expires_ms) {
		al->dual.later_family = IP_NONE;
		al->dual.later_ms = 0;
	}
}

/* One is enough; else why there is none. */
static enum restore_result open_halves(struct restore *re, struct allocation *al)
{
	enum restore_result first = RESTORED, result;
	bool any = false;

	for (size_t i = 0; i < RESTORE_HALVES; i++) {
		struct restore_half *half = &re->plan.halves[i];

		if (half->port == 0)
			continue;
		result = open_half(re, al, half, &re->extras->relay[i]);
		if (result == RESTORED)
			any = true;
		else if (first == RESTORED)
			first = result;
	}
	if (any)
		set_relayed(re, al);
	return any ? RESTORED : first;
}

/* Under its name, which its tickets have. */
static enum restore_result list_mobile(struct restore *re, const struct allocation *al)
{
	struct mobility_directory *directory = re->turn->shared->mobile;
	const uint64_t name = mobility_name(al->id);
	const struct mobility_place here = {
		.worker = re->turn->worker,
		.moves = re->image->move.mobility.hops,
		.slot = al->slot,
	};
	struct mobility_place other;

	if (!al->mobile || mobility_directory_add(directory, name, here))
		return RESTORED;
	return mobility_directory_find(directory, name, &other) ? RESTORE_DAMAGED
								: RESTORE_FULL;
}

/* --- and then nothing can fail --------------------------------------------------------------- */

/* False: it remains where it is, and its client may ask again with the ticket that it has. */
static bool goes_on_moving(const struct restore *re, const struct allocation *al)
{
	const struct mobility *mobility = &re->image->move.mobility;
	const struct turn_shared *shared = re->turn->shared;
	unsigned workers = shared->worker_count > 0 ? shared->worker_count : 1;
	const struct five_tuple to = restore_tuple(&mobility->to, re->plan.to_front);
	enum transport transport;

	if (!re->image->move.al.moving || re->plan.to_front == FRONTS_MAX ||
	    mobility->via >= workers || allocation_find_any(re->turn->table, &to) != NULL)
		return false;
	transport = shared->fronts[to.front].transport;
	if (!transport_is_stream(transport))
		return al->relay_transport == TRANSPORT_UDP;
	return !re->extras->to_gone && mobility->via == re->turn->worker;
}

static void move_on(struct restore *re, struct allocation *al)
{
	struct turn *turn = re->turn;
	struct mobility *mobility = mobility_of(turn, al);

	if (!goes_on_moving(re, al))
		return;
	mobility->to.front = re->plan.to_front;
	if (!charge_hold_again(turn, al, &mobility->to, &mobility->charge))
		return;
	al->moving = true;
	allocation_table_insert_arriving(turn->table, al);
	turn_count_on_front(turn, mobility->to.front, 1);
}

/* As mobility_client_gone(), for a connection that was there until the process before ended. */
static void client_left(struct turn *turn, struct allocation *al)
{
	const struct mobility *mobility = mobility_of(turn, al);

	if (al->moving && mobility->via == turn->worker) {
		mobility_complete(turn, al);
		return;
	}
	if (al->moving)
		turn->edge->arrival_due(turn->edge->self, mobility->via, &mobility->to);
	mobility_count(turn, MOBILITY_KEPT);
}

static void restore_mobility(struct restore *re, struct allocation *al)
{
	struct mobility *mobility;

	if (!al->mobile)
		return;
	mobility = mobility_of(re->turn, al);
	*mobility = re->image->move.mobility;
	mobility->charge = (struct charge){0};
	mobility->from.front = re->plan.from_front;
	if (re->plan.from_front == FRONTS_MAX)
		mobility->until_ms = 0;
	move_on(re, al);
	if (al->client_gone && !re->image->move.al.client_gone)
		client_left(re->turn, al);
}

/* Those of a half that did not come back are not there either. */
static void restore_entries(struct restore *re, struct allocation *al)
{
	struct allocation_table *table = re->turn->table;
	static const uint8_t families[] = {IP_V4, IP_V6};

	al->permission_count = re->plan.permission_count;
	al->channel_count = re->plan.channel_count;
	allocation_entries_put(table, al, re->plan.permissions, re->plan.channels);
	for (size_t i = 0; i < 2; i++) {
		if (allocation_has_family(al, families[i]))
			continue;
		channels_forget(table, al, families[i]);
		permissions_forget(table, al, families[i]);
	}
}

static void restore_ms(struct restore *re, struct allocation *al)
{
	const struct endpoint *peer = &al->active.peer;

	if (al->dialect != DIALECT_MS)
		return;
	ms_reservation_restore(re->turn, al, &re->image->ms_reservation, re->now_ms);
	if (!destination_is_set(&al->active))
		return;
	if (!allocation_has_family(al, peer->ip.family) ||
	    restore_forbids(re->turn, al->relay_transport, peer)) {
		re->plan.refused_peers++;
		al->active = (struct destination){0};
		return;
	}
	al->active.generation = re->turn->settings->generation;
	al->active.own = peer_is_own(re->turn, &peer->ip);
	al->active.refused = false;
}

static void finish(struct restore *re, struct allocation *al)
{
	struct turn *turn = re->turn;

	restore_entries(re, al);
	restore_ms(re, al);
	if (!al->client_gone)
		allocation_table_insert(turn->table, al);
	expiry_set(&turn->table->expiry, al->slot, al->expires_ms);
	allocation_count_opened(turn, al);
	allocation_bound(turn, al, re->plan.ends_ms);
	restore_mobility(re, al);
	assert(al->families != IP_NONE && al->relay_port != 0);
	assert(al->expires_ms <= al->ends_ms && al->expires_ms > re->now_ms);
	if (turn->edge->prove != NULL && re->image->proof.kind != OWNER_PROOF_NONE)
		turn->edge->prove(turn->edge->self, al->slot, &re->image->proof);
	changes_note(turn, al);
}

static enum restore_result take(struct restore *re, struct allocation **out)
{
	struct turn *turn = re->turn;
	struct allocation *al = allocation_table_take(turn->table);
	enum restore_result result;

	if (al == NULL)
		return RESTORE_FULL;
	fill(re, al);
	result = list_mobile(re, al);
	if (result != RESTORED)
		goto fail;
	if (!charge_take_again(turn, al, re->plan.owner.user, re->now_ms)) {
		result = RESTORE_FULL;
		goto fail_listed;
	}
	result = open_halves(re, al);
	if (result != RESTORED)
		goto fail_charged;
	finish(re, al);
	*out = al;
	return RESTORED;

fail_charged:
	charge_return(turn, al);
fail_listed:
	if (al->mobile)
		mobility_directory_remove(turn->shared->mobile, mobility_name(al->id));
fail:
	allocation_table_give(turn->table, al);
	return result;
}

enum restore_result allocation_restore(struct turn *turn,
				       const struct allocation_image *image,
				       struct restore_extras *extras, uint64_t now_ms,
				       int64_t unix_s, struct allocation **out)
{
	struct restore re = {
		.turn = turn,
		.image = image,
		.extras = extras,
		.now_ms = now_ms,
	};
	enum restore_result result = restore_plan_make(
		&re.plan, turn, image, extras->client_gone, now_ms, unix_s);

	if (result == RESTORED)
		result = take(&re, out);
	extras->refused_peers = re.plan.refused_peers;
	restore_plan_release(&re.plan);
	return result;
}
