/*
 * fair_share.c - see fair_share.h.
 */
#include "relay/core/bandwidth/fair_share.h"

#include <assert.h>

enum { MS = 1000000 };

/*
 * Depths. For users taking extra, the bucket is empty at half its depth: the other half is for
 * users within their own share.
 */
static const uint64_t whole_depth_ns = 200 * (uint64_t)MS;
static const uint64_t reserve_ns = 100 * (uint64_t)MS;
static const uint64_t user_depth_ns = 250 * (uint64_t)MS;
/* How often the level is looked at; a few round trips, so that senders can follow. */
static const uint64_t tick_length_ns = 100 * (uint64_t)MS;
static const uint64_t second_ns = 1000 * (uint64_t)MS;

static uint32_t load32(const uint32_t *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

static uint64_t load64(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

static void count_active(struct fair_share *share, struct fair_share_user *user,
			 uint64_t now_ns)
{
	uint32_t now = (uint32_t)(now_ns / second_ns);
	uint32_t was = load32(&user->second);

	if (was == now ||
	    !__atomic_compare_exchange_n(&user->second, &was, now, false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;

	uint32_t second = load32(&share->second);
	if (second != now &&
	    __atomic_compare_exchange_n(&share->second, &second, now, false,
					__ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		uint32_t active =
			__atomic_exchange_n(&share->active, 0, __ATOMIC_RELAXED);

		__atomic_store_n(&share->active_before, second + 1 == now ? active : 0,
				 __ATOMIC_RELAXED);
	}
	__atomic_add_fetch(&share->active, 1, __ATOMIC_RELAXED);
}

static uint64_t own_bps(const struct fair_share *share, uint64_t bps)
{
	uint32_t before = load32(&share->active_before);
	uint32_t active = load32(&share->active);

	if (before > active)
		active = before;
	return active > 1 ? bps / active + 1 : bps;
}

static uint64_t extra_bps(const struct fair_share *share, uint64_t bps)
{
	uint64_t level = load64(&share->extra_bps);

	assert(bps != 0);
	return level != 0 && level < bps ? level : bps;
}

/* The level of the next tick, from how this one went. */
static uint64_t next_level(uint64_t level, uint64_t bps, uint64_t used_bps, bool at_level,
			   bool for_want)
{
	/* At least a thousandth of the whole, so that it can rise again. */
	uint64_t step = bps / 1000 + 1;

	if (for_want)
		level -= level / 8;
	else if (at_level && used_bps < bps - bps / 50)
		level += level / 8 + step;
	return level < bps ? (level > step ? level : step) : bps;
}

/* The first thread after the end of a tick does it for all. */
static void adjust(struct fair_share *share, uint64_t bps, uint64_t now_ns)
{
	uint64_t tick_ns = load64(&share->tick_ns);

	if (now_ns < tick_ns + tick_length_ns ||
	    !__atomic_compare_exchange_n(&share->tick_ns, &tick_ns, now_ns, false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	uint64_t bytes = __atomic_exchange_n(&share->tick_bytes, 0, __ATOMIC_RELAXED);
	uint32_t at_level =
		__atomic_exchange_n(&share->refused_at_level, 0, __ATOMIC_RELAXED);
	uint32_t for_want =
		__atomic_exchange_n(&share->refused_for_want, 0, __ATOMIC_RELAXED);
	/* In units of 1024 ns, so that neither a pause of years nor a terabit overflows. */
	uint64_t units = (now_ns - tick_ns) / 1024 + 1;
	uint64_t used_bps = bytes > UINT64_MAX / 7812500 ? bps : bytes * 7812500 / units;

	__atomic_store_n(&share->extra_bps,
			 next_level(extra_bps(share, bps), bps, used_bps, at_level != 0,
				    for_want != 0),
			 __ATOMIC_RELAXED);
}

enum fair_share_part fair_share_ask(struct fair_share *share,
				    struct fair_share_user *user,
				    enum traffic_class class, uint64_t bps, size_t bytes,
				    uint64_t now_ns)
{
	uint64_t depth_ns = traffic_class_depth(class, user_depth_ns);
	uint64_t extra_ns = traffic_class_depth(class, whole_depth_ns - reserve_ns);

	assert(bps != 0);
	adjust(share, bps, now_ns);
	count_active(share, user, now_ns);
	if (tokens_has(&user->own, own_bps(share, bps), depth_ns, bytes, now_ns))
		return FAIR_SHARE_OWN;
	if (!tokens_has(&user->extra, extra_bps(share, bps), depth_ns, bytes, now_ns)) {
		__atomic_add_fetch(&share->refused_at_level, 1, __ATOMIC_RELAXED);
		return FAIR_SHARE_NOTHING;
	}
	if (!tokens_has(&share->whole, bps, extra_ns, bytes, now_ns)) {
		__atomic_add_fetch(&share->refused_for_want, 1, __ATOMIC_RELAXED);
		return FAIR_SHARE_NOTHING;
	}
	return FAIR_SHARE_EXTRA;
}

size_t fair_share_room(const struct fair_share *share, const struct fair_share_user *user,
		       enum traffic_class class, uint64_t bps, size_t most,
		       uint64_t now_ns)
{
	uint64_t depth_ns = traffic_class_depth(class, user_depth_ns);
	uint64_t extra_ns = traffic_class_depth(class, whole_depth_ns - reserve_ns);
	size_t own = tokens_room(&user->own, own_bps(share, bps), depth_ns, most, now_ns);
	size_t extra =
		tokens_room(&user->extra, extra_bps(share, bps), depth_ns, most, now_ns);
	size_t whole = tokens_room(&share->whole, bps, extra_ns, most, now_ns);

	if (extra > whole)
		extra = whole;
	return own > extra ? own : extra;
}

uint64_t fair_share_wait_ns(const struct fair_share *share,
			    const struct fair_share_user *user, enum traffic_class class,
			    uint64_t bps, size_t bytes, uint64_t now_ns)
{
	uint64_t depth_ns = traffic_class_depth(class, user_depth_ns);
	uint64_t extra_ns = traffic_class_depth(class, whole_depth_ns - reserve_ns);
	uint64_t own = tokens_wait_for_ns(&user->own, own_bps(share, bps), depth_ns,
					  bytes, now_ns);
	uint64_t extra = tokens_wait_for_ns(&user->extra, extra_bps(share, bps), depth_ns,
					    bytes, now_ns);
	uint64_t whole = tokens_wait_for_ns(&share->whole, bps, extra_ns, bytes, now_ns);

	if (extra < whole)
		extra = whole;
	return own < extra ? own : extra;
}

void fair_share_take(struct fair_share *share, struct fair_share_user *user, uint64_t bps,
		     enum fair_share_part part, size_t bytes, uint64_t now_ns)
{
	assert(bps != 0 && part != FAIR_SHARE_NOTHING);
	if (part == FAIR_SHARE_OWN)
		tokens_take(&user->own, own_bps(share, bps), bytes, now_ns);
	else
		tokens_take(&user->extra, extra_bps(share, bps), bytes, now_ns);
	tokens_take(&share->whole, bps, bytes, now_ns);
	__atomic_add_fetch(&share->tick_bytes, bytes, __ATOMIC_RELAXED);
}

/* From the bucket that is paid off sooner. */
uint64_t fair_share_owe(struct fair_share *share, struct fair_share_user *user,
			enum traffic_class class, uint64_t bps, size_t bytes,
			uint64_t now_ns)
{
	uint64_t depth_ns = traffic_class_depth(class, user_depth_ns);
	uint64_t own_ns = tokens_debt_ns(&user->own, now_ns) +
			  tokens_cost_ns(own_bps(share, bps), bytes);
	uint64_t extra_ns = tokens_debt_ns(&user->extra, now_ns) +
			    tokens_cost_ns(extra_bps(share, bps), bytes);
	uint64_t debt_ns = own_ns < extra_ns ? own_ns : extra_ns;

	fair_share_take(share, user, bps,
			own_ns < extra_ns ? FAIR_SHARE_OWN : FAIR_SHARE_EXTRA, bytes,
			now_ns);
	return debt_ns > depth_ns ? debt_ns - depth_ns : 0;
}
