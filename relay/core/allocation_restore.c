/*
 * allocation_restore.c - see allocation_restore.h. First all is judged without changing anything, then
 * slot, charges and ports are taken, then sockets; what comes after those cannot fail.
 */
#include "relay/core/allocation_restore.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "relay/core/allocation.h"
#include "relay/core/allocation_entries.h"
#include "relay/core/changes.h"
#include "relay/core/channel.h"
#include "relay/core/charge.h"
#include "relay/core/mobility.h"
#include "relay/core/mobility_directory.h"
#include "relay/core/mobility_end.h"
#include "relay/core/ms_reservation.h"
#include "relay/core/permission.h"
#include "relay/core/revocation.h"
#include "relay/core/turn.h"

enum {
	/* Beyond what limits.lifetime_max can be. */
	LIFETIME_MOST_S = 24 * 3600,
	/* No bucket of bandwidth is emptied for longer than that. */
	DEBT_MOST_S = 3600,
	HALVES = 2,
};

/* One relayed address; port 0: there is none, or it does not come back. */
struct half {
	uint16_t address, port;
	uint64_t until_ms;
};

/* What an image becomes here. */
struct plan {
	uint16_t front, to_front, from_front; /* FRONTS_MAX: there is none */
	struct half halves[HALVES];
	struct owner owner;
	uint64_t ends_ms;
	uint16_t permission_count, channel_count;
	struct permission permissions[ENTRIES_EACH_MAX];
	struct channel channels[ENTRIES_EACH_MAX];
};

/* One on its way. */
struct restore {
	struct turn *turn;
	const struct allocation_image *image;
	struct restore_extras *extras;
	uint64_t now_ms;
	int64_t unix_s;
	struct plan plan;
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
	case RESTORE_NO_STREAM:
		return END_CLIENT_GONE;
	case RESTORED:
	case RESTORE_DAMAGED:
	case RESTORE_VERSION:
	case RESTORE_NO_FRONT:
	case RESTORE_NO_ADDRESS:
	case RESTORE_PORT_TAKEN:
	case RESTORE_DIALECT:
	case RESTORE_FULL:
	case RESTORE_DESCRIPTORS:
	case RESTORE_RESULT_COUNT:
		break;
	}
	return END_LOST;
}

/* --- judge ----------------------------------------------------------------------------------- */

/* A sound image may still say what no relay can have got into. */
static bool times_are_possible(const struct restore *re)
{
	const struct allocation *al = &re->image->move.al;
	const uint64_t latest_ms = re->now_ms + (uint64_t)LIFETIME_MOST_S * 1000;

	if (al->created_ms > re->now_ms || al->lifetime_s > LIFETIME_MOST_S ||
	    al->expires_ms > latest_ms ||
	    (al->dual.later_family != IP_NONE && al->dual.later_ms > latest_ms))
		return false;
	for (uint16_t i = 0; i < al->permission_count; i++) {
		uint64_t until_ms = re->image->move.permissions[i].expires_ms;

		if (al->dialect == DIALECT_IETF &&
		    until_ms > re->now_ms + PERMISSION_LIFETIME_MS)
			return false;
	}
	for (uint16_t i = 0; i < al->channel_count; i++) {
		if (re->image->move.channels[i].expires_ms >
		    re->now_ms + CHANNEL_LIFETIME_MS)
			return false;
	}
	return true;
}

static bool codes_are_possible(const struct allocation *al)
{
	uint16_t missing = al->dual.missing_code;

	for (size_t i = 0; i < TRANSACTIONS_KEPT; i++) {
		uint16_t code = al->transactions.codes[i];

		if (code != 0 && (code < 300 || code > 699))
			return false;
	}
	return al->transactions.next < TRANSACTIONS_KEPT &&
	       (missing == 0 || (missing >= 300 && missing <= 699));
}

/* By what it is, not by where it stood. */
static uint16_t find_front(const struct turn *turn, const struct front *front)
{
	const struct turn_shared *shared = turn->shared;
	uint16_t i = 0;

	while (i < shared->front_count &&
	       (shared->fronts[i].transport != front->transport ||
		shared->fronts[i].side != front->side ||
		turn->settings->retired_fronts[i] ||
		!endpoint_equal(&shared->fronts[i].local, &front->local)))
		i++;
	return i < shared->front_count ? i : FRONTS_MAX;
}

/* Where new relayed addresses are, too. */
static bool find_address(const struct turn *turn, const struct ip_addr *ip,
			 uint16_t *address)
{
	const struct turn_settings *settings = turn->settings;

	for (size_t i = 0; i < settings->relay_count; i++) {
		*address = settings->relay[i];
		if (ip_addr_equal(&turn->shared->relay[*address].local, ip))
			return true;
	}
	return false;
}

/* The halves that have time left, and an address; of the others the port is 0. */
static enum restore_result plan_halves(struct restore *re)
{
	const struct allocation *al = &re->image->move.al;
	const struct ip_addr *ips[HALVES] = {&re->image->relay_address,
					     &re->image->second_address};
	const uint16_t ports[HALVES] = {al->relay_port, al->dual.port};
	enum restore_result result = RESTORE_EXPIRED;
	bool any = false;

	for (size_t i = 0; i < HALVES; i++) {
		struct half *half = &re->plan.halves[i];

		*half = (struct half){.port = 0};
		if (ports[i] == 0)
			continue;
		half->until_ms = al->dual.later_family == ips[i]->family
					 ? al->dual.later_ms
					 : al->expires_ms;
		if (half->until_ms <= re->now_ms)
			continue;
		if (!find_address(re->turn, ips[i], &half->address)) {
			result = RESTORE_NO_ADDRESS;
			continue;
		}
		half->port = ports[i];
		any = true;
	}
	return any ? RESTORED : result;
}

static bool client_is_gone(const struct restore *re)
{
	const struct allocation *al = &re->image->move.al;

	return al->client_gone ||
	       (re->extras->client_gone && transport_is_stream(al->transport));
}

static enum restore_result prove_owner(struct restore *re)
{
	const struct allocation_image *image = re->image;
	struct plan *plan = &re->plan;

	switch (owner_proof_again(re->turn, &image->proof, &image->move.al.owner,
				  image->key_mark, re->unix_s, &plan->owner)) {
	case OWNER_PROVED:
		break;
	case OWNER_DAMAGED:
		return RESTORE_DAMAGED;
	case OWNER_REVOKED:
		return RESTORE_REVOKED;
	case OWNER_EXPIRED:
		return RESTORE_CREDENTIAL;
	}
	plan->ends_ms =
		revocation_deadline(re->turn, &plan->owner, re->now_ms, re->unix_s);
	return plan->ends_ms > re->now_ms ? RESTORED : RESTORE_CREDENTIAL;
}

/* Those that have time left and that policy allows; places says where each is now. */
static void plan_permissions(struct restore *re, uint32_t places[ENTRIES_EACH_MAX])
{
	const struct turn *turn = re->turn;
	const struct allocation_move *move = &re->image->move;
	struct plan *plan = &re->plan;

	plan->permission_count = 0;
	for (uint16_t i = 0; i < move->al.permission_count; i++) {
		const struct permission *was = &move->permissions[i];
		const struct endpoint any_port = {was->peer, 0};

		places[i] = SLOT_NONE;
		if (was->expires_ms <= re->now_ms)
			continue;
		if (peer_refused_by(turn, move->al.relay_transport, &any_port) != NULL) {
			re->extras->refused_peers++;
			continue;
		}
		places[i] = plan->permission_count;
		plan->permissions[plan->permission_count++] = (struct permission){
			.expires_ms = was->expires_ms,
			.generation = turn->settings->generation,
			.own = peer_is_own(turn, &was->peer),
			.peer = was->peer,
		};
	}
}

/* A peer that is a relayed address of ours may come back after this one: packets judge its port. */
static bool peer_is_forbidden(const struct turn *turn, enum transport relay,
			      const struct endpoint *peer)
{
	const struct endpoint any_port = {peer->ip, 0};

	return peer_refused_by(turn, relay,
			       peer_is_own(turn, &peer->ip) ? &any_port : peer) != NULL;
}

static void plan_channels(struct restore *re, const uint32_t places[ENTRIES_EACH_MAX])
{
	const struct turn *turn = re->turn;
	const struct allocation_move *move = &re->image->move;
	struct plan *plan = &re->plan;

	plan->channel_count = 0;
	for (uint16_t i = 0; i < move->al.channel_count; i++) {
		struct channel ch = move->channels[i];

		if (ch.expires_ms <= re->now_ms)
			continue;
		if (peer_is_forbidden(turn, TRANSPORT_UDP, &ch.peer)) {
			re->extras->refused_peers++;
			continue;
		}
		if (ch.permission != SLOT_NONE)
			ch.permission = places[ch.permission];
		ch.generation = turn->settings->generation;
		ch.own = peer_is_own(turn, &ch.peer.ip);
		ch.refused = false;
		plan->channels[plan->channel_count++] = ch;
	}
}

static enum restore_result plan_entries(struct restore *re)
{
	const struct allocation_table *table = re->turn->table;
	uint32_t places[ENTRIES_EACH_MAX];

	plan_permissions(re, places);
	plan_channels(re, places);
	return re->plan.permission_count <= table->permissions_each &&
			       re->plan.channel_count <= table->channels_each
		       ? RESTORED
		       : RESTORE_FULL;
}

static struct five_tuple tuple_here(const struct five_tuple *tuple, uint16_t front)
{
	return (struct five_tuple){tuple->client, front};
}

static enum restore_result judge(struct restore *re)
{
	const struct turn *turn = re->turn;
	const struct allocation *al = &re->image->move.al;
	enum restore_result result;

	if (!times_are_possible(re) || !codes_are_possible(al))
		return RESTORE_DAMAGED;
	if (al->dialect == DIALECT_MS && !turn->settings->ms.enabled)
		return RESTORE_DIALECT;
	re->plan.front = find_front(turn, &re->image->front);
	re->plan.to_front = find_front(turn, &re->image->to_front);
	re->plan.from_front = find_front(turn, &re->image->from_front);
	if (re->plan.front == FRONTS_MAX)
		return RESTORE_NO_FRONT;
	result = plan_halves(re);
	if (result != RESTORED)
		return result;
	if (client_is_gone(re) && !al->mobile)
		return RESTORE_NO_STREAM;
	const struct five_tuple tuple = tuple_here(&al->tuple, re->plan.front);

	if (!client_is_gone(re) && allocation_find_any(turn->table, &tuple) != NULL)
		return RESTORE_DAMAGED;
	result = prove_owner(re);
	return result == RESTORED ? plan_entries(re) : result;
}

/* --- take ------------------------------------------------------------------------------------ */

static void sane_debt(struct tokens *tokens, uint64_t now_ms)
{
	if (tokens_debt_ns(tokens, now_ms * 1000000) > DEBT_MOST_S * UINT64_C(1000000000))
		tokens->full_ns = 0;
}

/* All that is of it alone. */
static void fill(struct restore *re, struct allocation *al)
{
	const uint32_t slot = al->slot, generation = al->generation;
	const struct plan *plan = &re->plan;

	*al = re->image->move.al;
	al->slot = slot;
	al->generation = generation;
	al->permissions = al->channels = SLOT_NONE;
	al->permission_count = al->channel_count = 0;
	al->tuple.front = plan->front;
	al->owner = plan->owner;
	al->families = IP_NONE;
	al->relay_port = al->dual.port = 0;
	al->moving = false;
	al->client_gone = client_is_gone(re);
	al->credit = 0;
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
		       const struct half *half, int *inherited)
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
				     struct half *half, int *inherited)
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
	const struct half *first = &re->plan.halves[0], *second = &re->plan.halves[1];
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

	for (size_t i = 0; i < HALVES; i++) {
		struct half *half = &re->plan.halves[i];

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
	const struct five_tuple to = tuple_here(&mobility->to, re->plan.to_front);
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
	    peer_is_forbidden(re->turn, al->relay_transport, peer)) {
		re->extras->refused_peers++;
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
	/* changes_note(turn, al); */
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
	if (!charge_take_again(turn, al, re->now_ms)) {
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
		.unix_s = unix_s,
	};
	enum restore_result result;

	assert(allocation_image_is_sound(image));
	extras->refused_peers = 0;
	result = judge(&re);
	if (result == RESTORED)
		result = take(&re, out);
	OPENSSL_cleanse(&re.plan.owner, sizeof(re.plan.owner));
	return result;
}
