/*
 * charge.c - see charge.h.
 */
#include "relay/core/charge.h"

#include <assert.h>
#include <string.h>

#include "relay/core/allocation_state.h"
#include "relay/core/limiter.h"
#include "relay/core/owner_row.h"
#include "relay/core/quota.h"
#include "relay/core/turn.h"

static struct quota *users_of(const struct turn *turn, const struct allocation *al)
{
	assert((unsigned)al->dialect < DIALECT_COUNT);
	return turn->shared->users[al->dialect];
}

static uint64_t prefix_quota(const struct turn *turn, const struct five_tuple *tuple)
{
	struct ip_addr prefix = source_prefix(&tuple->client.ip);

	return siphash(&turn->shared->hash_key, &prefix, sizeof(prefix));
}

static void name_owners(const struct turn *turn, struct allocation *al, const char *user)
{
	const struct siphash_key *key = &turn->shared->hash_key;

	al->prefix_quota = prefix_quota(turn, &al->tuple);

	al->user_quota = al->owner.nameless ? al->prefix_quota
					    : siphash(key, user, strlen(user));
}

/*
 * Most allocations there may be with this one. The reserve is for users that have one already;
 * a reserve of the whole total, possible after a reload, is ignored.
 */
static uint32_t total_for(const struct turn *turn, const struct allocation *al)
{
	uint32_t total = turn->shared->allocations_total;
	uint32_t reserved = turn->settings->limits.allocations_reserved;

	if (reserved == 0 || reserved >= total ||
	    quota_held(users_of(turn, al), al->user_quota) > 0)
		return total;
	return total - reserved;
}

/* Until its buckets are full a new row would be a new burst, the larger the more is missing. */
static uint64_t need_of_row(const void *row, uint64_t now_ns)
{
	const struct owner_row *owner = row;

	return tokens_debt_ns(&owner->allocations, now_ns) +
	       tokens_debt_ns(&owner->average, now_ns);
}

static struct quota_spare spare_at(uint64_t now_ms)
{
	return (struct quota_spare){need_of_row, now_ms * 1000000};
}

/* One more, if the user has not made too many lately. */
static bool take_turn(const struct turn *turn, const struct allocation *al,
		      uint64_t now_ms)
{
	const struct turn_limits *limits = &turn->settings->limits;
	struct owner_row *row = quota_row(users_of(turn, al), al->user_row);
	/* A bucket is filled in bits; an allocation is a byte of it. */
	uint64_t bps = 8 * (uint64_t)limits->allocation_rate_per_user;

	if (bps == 0)
		return true;

	uint64_t depth_ns = tokens_cost_ns(bps, 1) * limits->allocation_burst_per_user;

	if (!tokens_has(&row->allocations, bps, depth_ns, 1, now_ms * 1000000))
		return false;
	tokens_take(&row->allocations, bps, 1, now_ms * 1000000);
	return true;
}

uint32_t charge_user_limit(const struct turn *turn, const struct allocation *al)
{
	if (al->owner.quota.allocations != 0)
		return al->owner.quota.allocations;
	return turn->settings->limits.allocations_per_user[al->dialect];
}

bool charge_take(struct turn *turn, struct allocation *al, const char *user,
		 uint64_t now_ms, enum refusal *why)
{
	const struct turn_shared *shared = turn->shared;
	const struct turn_limits *limits = &turn->settings->limits;
	const struct quota_spare spare = spare_at(now_ms);

	name_owners(turn, al, user);
	*why = REFUSAL_TOTAL;
	if (!quota_acquire(shared->total, 0, total_for(turn, al)))
		return false;
	*why = REFUSAL_SIDE;
	if (!quota_acquire(shared->sides[al->side], 0,
			   limits->allocations_per_side[al->side]))
		goto no_side;
	/* Before the user: what is refused here must not cost another user the row. */
	*why = REFUSAL_PREFIX;
	al->prefix_row = quota_acquire_sparing(shared->prefixes, al->prefix_quota,
					       limits->allocations_per_prefix, &spare);
	if (al->prefix_row == QUOTA_NONE)
		goto no_prefix;
	*why = REFUSAL_USER;
	al->user_row = quota_acquire_sparing(users_of(turn, al), al->user_quota,
					     charge_user_limit(turn, al), &spare);
	if (al->user_row == QUOTA_NONE)
		goto no_user;
	*why = REFUSAL_RATE;
	if (!take_turn(turn, al, now_ms))
		goto too_fast;
	return true;

too_fast:
	quota_release(users_of(turn, al), al->user_quota);
no_user:
	quota_release(shared->prefixes, al->prefix_quota);
no_prefix:
	quota_release(shared->sides[al->side], 0);
no_side:
	quota_release(shared->total, 0);
	return false;
}

bool charge_take_again(struct turn *turn, struct allocation *al, const char *user,
		       uint64_t now_ms)
{
	const struct turn_shared *shared = turn->shared;
	const struct quota_spare spare = spare_at(now_ms);

	name_owners(turn, al, user);
	al->prefix_row =
		quota_acquire_sparing(shared->prefixes, al->prefix_quota, 0, &spare);
	if (al->prefix_row == QUOTA_NONE)
		return false;
	al->user_row =
		quota_acquire_sparing(users_of(turn, al), al->user_quota, 0, &spare);
	if (al->user_row == QUOTA_NONE || !quota_acquire(shared->sides[al->side], 0, 0))
		goto no_user;
	if (quota_acquire(shared->total, 0, 0))
		return true;
	quota_release(shared->sides[al->side], 0);
no_user:
	if (al->user_row != QUOTA_NONE)
		quota_release(users_of(turn, al), al->user_quota);
	quota_release(shared->prefixes, al->prefix_quota);
	return false;
}

static uint32_t *connections_of(const struct turn *turn, const struct allocation *al,
				uint32_t user_row)
{
	struct owner_row *row = quota_row(users_of(turn, al), user_row);

	return &row->connections;
}

/* That many more for that user; none is always allowed. */
static bool take_connections(struct turn *turn, const struct allocation *al,
			     uint32_t user_row, uint32_t count)
{
	uint32_t limit = turn->settings->limits.peer_connections_per_user;
	uint32_t *connections = connections_of(turn, al, user_row);
	uint32_t before = __atomic_fetch_add(connections, count, __ATOMIC_RELAXED);

	if (count == 0 || limit == 0 || (uint64_t)before + count <= limit)
		return true;
	__atomic_fetch_sub(connections, count, __ATOMIC_RELAXED);
	return false;
}

static void return_connections(struct turn *turn, const struct allocation *al,
			       uint32_t user_row, uint32_t count)
{
	uint32_t *connections = connections_of(turn, al, user_row);
	uint32_t before = __atomic_fetch_sub(connections, count, __ATOMIC_RELAXED);

	assert(before >= count);
	(void)before;
}

/* Limits of what a charge is held against; all 0: none. */
struct hold_limits {
	uint32_t side, prefix, user;
};

static bool hold(struct turn *turn, const struct allocation *al,
		 const struct five_tuple *to, const struct hold_limits *limits,
		 uint32_t connections, struct charge *charge, enum refusal *why)
{
	const struct turn_shared *shared = turn->shared;
	struct charge held = {
		.prefix_quota = prefix_quota(turn, to),
		.prefix_row = al->prefix_row,
		.user_quota = al->user_quota,
		.user_row = al->user_row,
		.side = shared->fronts[to->front].side,
	};

	if (al->owner.nameless)
		held.user_quota = held.prefix_quota;
	*why = REFUSAL_SIDE;
	held.has_side = held.side != al->side;
	if (held.has_side && !quota_acquire(shared->sides[held.side], 0, limits->side))
		return false;
	*why = REFUSAL_PREFIX;
	if (held.prefix_quota != al->prefix_quota) {
		held.prefix_row = quota_acquire_row(shared->prefixes, held.prefix_quota,
						    limits->prefix);
		held.has_prefix = held.prefix_row != QUOTA_NONE;
		if (!held.has_prefix)
			goto fail;
	}
	*why = REFUSAL_USER;
	if (held.user_quota != al->user_quota) {
		held.user_row = quota_acquire_row(users_of(turn, al), held.user_quota,
						  limits->user);
		held.has_user = held.user_row != QUOTA_NONE;
		if (!held.has_user ||
		    !take_connections(turn, al, held.user_row, connections))
			goto fail;
		held.connections = connections;
	}
	*charge = held;
	return true;

fail:
	charge_drop(turn, al, &held);
	return false;
}

bool charge_hold(struct turn *turn, const struct allocation *al,
		 const struct five_tuple *to, uint32_t connections, struct charge *charge,
		 enum refusal *why)
{
	const struct turn_limits *limits = &turn->settings->limits;
	enum side side = turn->shared->fronts[to->front].side;

	return hold(turn, al, to,
		    &(struct hold_limits){
			    .side = limits->allocations_per_side[side],
			    .prefix = limits->allocations_per_prefix,
			    .user = charge_user_limit(turn, al),
		    },
		    connections, charge, why);
}

bool charge_hold_again(struct turn *turn, const struct allocation *al,
		       const struct five_tuple *to, struct charge *charge)
{
	enum refusal why;

	return hold(turn, al, to, &(struct hold_limits){0}, 0, charge, &why);
}

void charge_switch(struct turn *turn, struct allocation *al, const struct charge *charge)
{
	const struct charge had = {
		.user_quota = al->user_quota,
		.user_row = al->user_row,
		.prefix_quota = al->prefix_quota,
		.side = al->side,
		.connections = charge->connections,
		.has_user = charge->has_user,
		.has_prefix = charge->has_prefix,
		.has_side = charge->has_side,
	};

	al->user_quota = charge->user_quota;
	al->user_row = charge->user_row;
	al->prefix_quota = charge->prefix_quota;
	al->prefix_row = charge->prefix_row;
	al->side = charge->side;
	charge_drop(turn, al, &had);
}

void charge_drop(struct turn *turn, const struct allocation *al,
		 const struct charge *charge)
{
	/* Connections first: without an allocation the row may become another user's. */
	if (charge->has_user) {
		return_connections(turn, al, charge->user_row, charge->connections);
		quota_release(users_of(turn, al), charge->user_quota);
	}
	if (charge->has_prefix)
		quota_release(turn->shared->prefixes, charge->prefix_quota);
	if (charge->has_side)
		quota_release(turn->shared->sides[charge->side], 0);
}

void charge_return(struct turn *turn, const struct allocation *al)
{
	assert(al->user_row != QUOTA_NONE && al->prefix_row != QUOTA_NONE);
	quota_release(turn->shared->prefixes, al->prefix_quota);
	quota_release(users_of(turn, al), al->user_quota);
	quota_release(turn->shared->sides[al->side], 0);
	quota_release(turn->shared->total, 0);
}

bool charge_take_connection(struct turn *turn, const struct allocation *al,
			    struct charge *held)
{
	if (!take_connections(turn, al, al->user_row, 1))
		return false;
	if (held == NULL || !held->has_user)
		return true;
	if (!take_connections(turn, al, held->user_row, 1)) {
		return_connections(turn, al, al->user_row, 1);
		return false;
	}
	held->connections++;
	return true;
}

void charge_return_connection(struct turn *turn, const struct allocation *al,
			      struct charge *held)
{
	return_connections(turn, al, al->user_row, 1);
	if (held == NULL || !held->has_user)
		return;
	assert(held->connections > 0);
	return_connections(turn, al, held->user_row, 1);
	held->connections--;
}
