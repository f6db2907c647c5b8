/*
 * restore_plan.c - see restore_plan.h. Nothing here changes anything but the plan.
 */
#include "relay/core/restore_plan.h"

#include <assert.h>

#include <openssl/crypto.h>

#include "relay/core/allocation_table.h"
#include "relay/core/channel.h"
#include "relay/core/permission.h"
#include "relay/core/revocation.h"
#include "relay/core/turn.h"

/* Beyond what limits.lifetime_max can be. */
enum { LIFETIME_MOST_S = 24 * 3600 };

/* One on its way. */
struct planning {
	const struct turn *turn;
	const struct allocation_image *image;
	bool connection_gone;
	uint64_t now_ms;
	int64_t unix_s;
	struct restore_plan *plan;
};

/* A sound image may still say what no relay can have got into. */
static bool times_are_possible(const struct planning *pl)
{
	const struct allocation *al = &pl->image->move.al;
	const uint64_t latest_ms = pl->now_ms + (uint64_t)LIFETIME_MOST_S * 1000;

	if (al->created_ms > pl->now_ms || al->lifetime_s > LIFETIME_MOST_S ||
	    al->expires_ms > latest_ms ||
	    (al->dual.later_family != IP_NONE && al->dual.later_ms > latest_ms))
		return false;
	for (uint16_t i = 0; i < al->permission_count; i++) {
		uint64_t until_ms = pl->image->move.permissions[i].expires_ms;

		if (al->dialect == DIALECT_IETF &&
		    until_ms > pl->now_ms + PERMISSION_LIFETIME_MS)
			return false;
	}
	for (uint16_t i = 0; i < al->channel_count; i++) {
		if (pl->image->move.channels[i].expires_ms >
		    pl->now_ms + CHANNEL_LIFETIME_MS)
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

uint16_t restore_front(const struct turn *turn, const struct front *front)
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
static enum restore_result plan_halves(struct planning *pl)
{
	const struct allocation *al = &pl->image->move.al;
	const struct ip_addr *ips[RESTORE_HALVES] = {&pl->image->relay_address,
						     &pl->image->second_address};
	const uint16_t ports[RESTORE_HALVES] = {al->relay_port, al->dual.port};
	enum restore_result result = RESTORE_EXPIRED;
	bool any = false;

	for (size_t i = 0; i < RESTORE_HALVES; i++) {
		struct restore_half *half = &pl->plan->halves[i];

		*half = (struct restore_half){.port = 0};
		if (ports[i] == 0)
			continue;
		half->until_ms = al->dual.later_family == ips[i]->family
					 ? al->dual.later_ms
					 : al->expires_ms;
		if (half->until_ms <= pl->now_ms)
			continue;
		if (!find_address(pl->turn, ips[i], &half->address)) {
			result = RESTORE_NO_ADDRESS;
			continue;
		}
		half->port = ports[i];
		any = true;
	}
	return any ? RESTORED : result;
}

static bool client_is_gone(const struct planning *pl)
{
	const struct allocation *al = &pl->image->move.al;

	return al->client_gone ||
	       (pl->connection_gone && transport_is_stream(al->transport));
}

static enum restore_result prove_owner(struct planning *pl)
{
	const struct allocation_image *image = pl->image;
	struct restore_plan *plan = pl->plan;

	switch (owner_proof_again(pl->turn, &image->proof, &image->move.owner,
				  image->key_mark, pl->unix_s, &plan->owner)) {
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
		revocation_deadline(pl->turn, &plan->owner, pl->now_ms, pl->unix_s);
	return plan->ends_ms > pl->now_ms ? RESTORED : RESTORE_CREDENTIAL;
}

/* Those that have time left and that policy allows; places says where each is now. */
static void plan_permissions(struct planning *pl, uint32_t places[ENTRIES_EACH_MAX])
{
	const struct turn *turn = pl->turn;
	const struct allocation_move *move = &pl->image->move;
	struct restore_plan *plan = pl->plan;

	plan->permission_count = 0;
	for (uint16_t i = 0; i < move->al.permission_count; i++) {
		const struct permission *was = &move->permissions[i];
		const struct endpoint any_port = {was->peer, 0};

		places[i] = SLOT_NONE;
		if (was->expires_ms <= pl->now_ms)
			continue;
		if (peer_refused_by(turn, move->al.relay_transport, &any_port) != NULL) {
			pl->plan->refused_peers++;
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
bool restore_forbids(const struct turn *turn, enum transport relay,
		     const struct endpoint *peer)
{
	const struct endpoint any_port = {peer->ip, 0};

	return peer_refused_by(turn, relay,
			       peer_is_own(turn, &peer->ip) ? &any_port : peer) != NULL;
}

static void plan_channels(struct planning *pl, const uint32_t places[ENTRIES_EACH_MAX])
{
	const struct turn *turn = pl->turn;
	const struct allocation_move *move = &pl->image->move;
	struct restore_plan *plan = pl->plan;

	plan->channel_count = 0;
	for (uint16_t i = 0; i < move->al.channel_count; i++) {
		struct channel ch = move->channels[i];

		if (ch.expires_ms <= pl->now_ms)
			continue;
		if (restore_forbids(turn, TRANSPORT_UDP, &ch.peer)) {
			pl->plan->refused_peers++;
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

static enum restore_result plan_entries(struct planning *pl)
{
	const struct allocation_table *table = pl->turn->table;
	uint32_t places[ENTRIES_EACH_MAX];

	plan_permissions(pl, places);
	plan_channels(pl, places);
	return pl->plan->permission_count <= table->permissions_each &&
			       pl->plan->channel_count <= table->channels_each
		       ? RESTORED
		       : RESTORE_FULL;
}

struct five_tuple restore_tuple(const struct five_tuple *tuple, uint16_t front)
{
	return (struct five_tuple){tuple->client, front};
}

static enum restore_result judge(struct planning *pl)
{
	const struct turn *turn = pl->turn;
	const struct allocation *al = &pl->image->move.al;
	enum restore_result result;

	if (!times_are_possible(pl) || !codes_are_possible(al))
		return RESTORE_DAMAGED;
	if (al->dialect == DIALECT_MS && !turn->settings->ms.enabled)
		return RESTORE_DIALECT;
	pl->plan->front = restore_front(turn, &pl->image->front);
	pl->plan->to_front = restore_front(turn, &pl->image->to_front);
	pl->plan->from_front = restore_front(turn, &pl->image->from_front);
	if (pl->plan->front == FRONTS_MAX)
		return RESTORE_NO_FRONT;
	result = plan_halves(pl);
	if (result != RESTORED)
		return result;
	pl->plan->client_gone = client_is_gone(pl);
	if (pl->plan->client_gone && !al->mobile)
		return RESTORE_NO_STREAM;
	const struct five_tuple tuple = restore_tuple(&al->tuple, pl->plan->front);

	if (!pl->plan->client_gone && allocation_find_any(turn->table, &tuple) != NULL)
		return RESTORE_DAMAGED;
	result = prove_owner(pl);
	return result == RESTORED ? plan_entries(pl) : result;
}

enum restore_result restore_plan_make(struct restore_plan *plan, const struct turn *turn,
				      const struct allocation_image *image,
				      bool connection_gone, uint64_t now_ms,
				      int64_t unix_s)
{
	struct planning planning = {
		.turn = turn,
		.image = image,
		.connection_gone = connection_gone,
		.now_ms = now_ms,
		.unix_s = unix_s,
		.plan = plan,
	};

	assert(allocation_image_is_sound(image));
	plan->refused_peers = 0;
	return judge(&planning);
}

void restore_plan_release(struct restore_plan *plan)
{
	OPENSSL_cleanse(&plan->owner, sizeof(plan->owner));
}
