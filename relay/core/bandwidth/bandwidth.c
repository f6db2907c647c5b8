/*
 * bandwidth.c - see bandwidth.h.
 */
#include "relay/core/bandwidth/bandwidth.h"

#include <assert.h>
#include <stdlib.h>

#include "relay/core/allocation_table.h"
#include "relay/core/bandwidth/fair_share.h"
#include "relay/core/owner_row.h"
#include "relay/core/quota.h"
#include "relay/core/turn.h"

enum {
	LEASE_MIN = 2048,
	LEASE_MAX = 65536,
	/* A lease used up sooner than this doubles, one that lasts longer is halved. */
	LEASE_SHORT_MS = 25,
	LEASE_LONG_MS = 100,
	PEAK_MS = 250,
	EXCEEDING_MS = 10000,
	PAIRS = 3,
};

static_assert((int)BANDWIDTH_SIDE == 2 * (int)PAIRS, "pairs of limits come first");

struct bandwidth {
	struct fair_share shares[SHARED_COUNT];
	struct meter meters[SHARED_COUNT];
	/* The most of any one: */
	uint64_t allocation_peaks[DIALECT_COUNT], user_peaks[DIALECT_COUNT], prefix_peak;
};

struct bandwidth *bandwidth_new(void)
{
	return calloc(1, sizeof(struct bandwidth));
}

void bandwidth_free(struct bandwidth *bandwidth)
{
	free(bandwidth);
}

/*
 * The buckets that an allocation is in, those without limit too: an average and a peak one of
 * the allocation, the user and the prefix, then the shares of the user in side and relay.
 */
struct buckets {
	struct {
		struct tokens *tokens;
		uint64_t bps, depth_ns;
	} pairs[2 * PAIRS];
	struct {
		struct fair_share *share;
		struct fair_share_user *user;
		uint64_t bps;
		enum fair_share_part part;
	} shares[2];
	enum traffic_class class;
	uint64_t now_ns;
};

static struct owner_row *user_row(const struct turn *turn, const struct allocation *al)
{
	return quota_row(turn->shared->users[al->dialect], al->user_row);
}

static struct owner_row *prefix_row(const struct turn *turn, const struct allocation *al)
{
	return quota_row(turn->shared->prefixes, al->prefix_row);
}

static void add_pair(struct buckets *buckets, enum bandwidth_limit first,
		     const struct turn_bandwidth *limits, uint64_t bps,
		     enum traffic_class class, struct tokens *average,
		     struct tokens *peak)
{
	uint64_t burst_ns = (uint64_t)limits->burst_ms * 1000000;

	buckets->pairs[first].tokens = average;
	buckets->pairs[first].bps = bps;
	buckets->pairs[first].depth_ns = traffic_class_depth(class, burst_ns);
	buckets->pairs[first + 1].tokens = peak;
	buckets->pairs[first + 1].bps = bps * limits->peak_percent / 100;
	buckets->pairs[first + 1].depth_ns =
		traffic_class_depth(class, (uint64_t)PEAK_MS * 1000000);
}

uint64_t bandwidth_user_limit(const struct turn *turn, const struct allocation *al)
{
	if (al->owner.quota.bandwidth_bps != 0)
		return al->owner.quota.bandwidth_bps;
	return turn->settings->limits.bandwidth.per_user[al->dialect];
}

/* An allocation shares its own with nobody. */
static void fill_own(struct buckets *buckets, const struct turn *turn,
		     struct allocation *al, uint64_t now_ms)
{
	const struct turn_bandwidth *limits = &turn->settings->limits.bandwidth;

	assert((unsigned)al->dialect < DIALECT_COUNT);
	buckets->now_ns = now_ms * 1000000;
	add_pair(buckets, BANDWIDTH_ALLOCATION, limits,
		 limits->per_allocation[al->dialect], TRAFFIC_AUDIO, &al->lease.average,
		 &al->lease.peak);
}

static void fill_buckets(struct buckets *buckets, struct turn *turn,
			 struct allocation *al, uint64_t now_ms)
{
	const struct turn_bandwidth *limits = &turn->settings->limits.bandwidth;
	struct bandwidth *bandwidth = turn->shared->bandwidth;
	struct owner_row *user = user_row(turn, al), *prefix = prefix_row(turn, al);

	assert(al->side < SIDE_COUNT);
	buckets->class = traffic_class_of(al->ms.stream_type);
	fill_own(buckets, turn, al, now_ms);
	add_pair(buckets, BANDWIDTH_USER, limits, bandwidth_user_limit(turn, al),
		 buckets->class, &user->average, &user->peak);
	add_pair(buckets, BANDWIDTH_PREFIX, limits, limits->per_prefix, buckets->class,
		 &prefix->average, &prefix->peak);
	buckets->shares[0].share = &bandwidth->shares[al->side];
	buckets->shares[0].user = &user->shares[al->side];
	buckets->shares[0].bps = limits->per_side[al->side];
	buckets->shares[1].share = &bandwidth->shares[SHARED_BY_ALL];
	buckets->shares[1].user = &user->shares[SHARED_BY_ALL];
	buckets->shares[1].bps = limits->total;
}

/* Of the first count of the pairs, the one that has no room for so much, or count. */
static unsigned first_full_pair(const struct buckets *buckets, unsigned count,
				size_t bytes)
{
	unsigned i = 0;

	while (i < count &&
	       tokens_has(buckets->pairs[i].tokens, buckets->pairs[i].bps,
			  buckets->pairs[i].depth_ns, bytes, buckets->now_ns))
		i++;
	return i;
}

/* The first limit that has no room for so much, or BANDWIDTH_LIMIT_COUNT. */
static enum bandwidth_limit first_full(struct buckets *buckets, size_t bytes)
{
	unsigned pair = first_full_pair(buckets, 2 * PAIRS, bytes);

	if (pair < 2 * PAIRS)
		return (enum bandwidth_limit)pair;
	for (unsigned i = 0; i < 2; i++) {
		if (buckets->shares[i].bps == 0)
			continue;
		buckets->shares[i].part = fair_share_ask(
			buckets->shares[i].share, buckets->shares[i].user, buckets->class,
			buckets->shares[i].bps, bytes, buckets->now_ns);
		if (buckets->shares[i].part == FAIR_SHARE_NOTHING)
			return (enum bandwidth_limit)(BANDWIDTH_SIDE + i);
	}
	return BANDWIDTH_LIMIT_COUNT;
}

static void take_tokens(struct buckets *buckets, unsigned count, size_t bytes)
{
	for (unsigned i = 0; i < count; i++)
		tokens_take(buckets->pairs[i].tokens, buckets->pairs[i].bps, bytes,
			    buckets->now_ns);
}

static void take(struct buckets *buckets, size_t bytes)
{
	take_tokens(buckets, 2 * PAIRS, bytes);
	for (unsigned i = 0; i < 2; i++) {
		if (buckets->shares[i].bps != 0)
			fair_share_take(buckets->shares[i].share, buckets->shares[i].user,
					buckets->shares[i].bps, buckets->shares[i].part,
					bytes, buckets->now_ns);
	}
}

/* Take it from the first count of the pairs, room or not; in how many ns all have room again. */
static uint64_t owe_pairs(struct buckets *buckets, unsigned count, size_t bytes)
{
	uint64_t longest_ns = 0;

	take_tokens(buckets, count, bytes);
	for (unsigned i = 0; i < count; i++) {
		uint64_t wait_ns =
			tokens_wait_ns(buckets->pairs[i].tokens, buckets->pairs[i].bps,
				       buckets->pairs[i].depth_ns, buckets->now_ns);
		if (wait_ns > longest_ns)
			longest_ns = wait_ns;
	}
	return longest_ns;
}

/* The same from all. */
static uint64_t owe(struct buckets *buckets, size_t bytes)
{
	uint64_t longest_ns = owe_pairs(buckets, 2 * PAIRS, bytes);

	for (unsigned i = 0; i < 2; i++) {
		if (buckets->shares[i].bps == 0)
			continue;
		uint64_t wait_ns = fair_share_owe(buckets->shares[i].share,
						  buckets->shares[i].user, buckets->class,
						  buckets->shares[i].bps, bytes,
						  buckets->now_ns);
		if (wait_ns > longest_ns)
			longest_ns = wait_ns;
	}
	return longest_ns;
}

static void measure_own(const struct turn *turn, struct allocation *al, size_t bytes,
			uint64_t now_ms)
{
	struct bandwidth *bandwidth = turn->shared->bandwidth;
	uint32_t second = (uint32_t)(now_ms / 1000);

	if (al->lease.second != second) {
		meter_raise(&bandwidth->allocation_peaks[al->dialect],
			    (uint64_t)al->lease.bytes * 8);
		al->lease.second = second;
		al->lease.bytes = 0;
	}
	if (bytes <= UINT32_MAX - al->lease.bytes)
		al->lease.bytes += (uint32_t)bytes;
}

/* Treat what was taken as sent. */
static void measure(struct turn *turn, struct allocation *al, size_t bytes,
		    uint64_t now_ms)
{
	struct bandwidth *bandwidth = turn->shared->bandwidth;

	meter_add(&user_row(turn, al)->meter, bytes, now_ms,
		  &bandwidth->user_peaks[al->dialect]);
	meter_add(&prefix_row(turn, al)->meter, bytes, now_ms, &bandwidth->prefix_peak);
	meter_add(&bandwidth->meters[al->side], bytes, now_ms, NULL);
	meter_add(&bandwidth->meters[SHARED_BY_ALL], bytes, now_ms, NULL);
	measure_own(turn, al, bytes, now_ms);
}

static size_t next_lease(struct allocation *al, uint64_t now_ms)
{
	uint32_t lasted_ms = (uint32_t)now_ms - al->lease.taken_ms;
	uint32_t lease = al->lease.size;

	if (lasted_ms < LEASE_SHORT_MS)
		lease *= 2;
	else if (lasted_ms > LEASE_LONG_MS)
		lease /= 2;
	if (lease < LEASE_MIN)
		lease = LEASE_MIN;
	return lease < LEASE_MAX ? lease : LEASE_MAX;
}

/* True if it was taken, and is in the allocation's credit. */
static bool take_lease(struct turn *turn, struct allocation *al, struct buckets *buckets,
		       size_t bytes, uint64_t now_ms, enum bandwidth_limit *full)
{
	assert(bytes > 0);
	*full = first_full(buckets, bytes);
	if (*full != BANDWIDTH_LIMIT_COUNT)
		return false;
	take(buckets, bytes);
	measure(turn, al, bytes, now_ms);
	al->lease.size = (uint32_t)bytes;
	al->lease.taken_ms = (uint32_t)now_ms;
	al->credit += (uint32_t)bytes;
	return true;
}

static void note(uint64_t *last_ms, uint64_t *counter, uint64_t now_ms)
{
	if (*last_ms == 0 || now_ms - *last_ms > EXCEEDING_MS)
		counter_add(counter, 1);
	*last_ms = now_ms;
}

static void note_full(struct turn *turn, struct allocation *al, enum bandwidth_limit full,
		      uint64_t now_ms)
{
	if (full == BANDWIDTH_ALLOCATION)
		note(&al->lease.over_average_ms, &turn->counters.exceeded_average,
		     now_ms);
	else if (full == BANDWIDTH_ALLOCATION_PEAK)
		note(&al->lease.over_peak_ms, &turn->counters.exceeded_peak, now_ms);
}

/* A lease of the usual size, or of what is missing if there is no room for that. */
static bool lease(struct turn *turn, struct allocation *al, struct buckets *buckets,
		  size_t len, uint64_t now_ms, enum bandwidth_limit *full)
{
	assert(len > al->credit);
	size_t missing = len - al->credit;
	size_t wanted = next_lease(al, now_ms);

	fill_buckets(buckets, turn, al, now_ms);
	if (wanted > missing && take_lease(turn, al, buckets, wanted, now_ms, full))
		return true;
	if (take_lease(turn, al, buckets, missing, now_ms, full))
		return true;
	note_full(turn, al, *full, now_ms);
	return false;
}

bool bandwidth_lease(struct turn *turn, struct allocation *al, size_t len,
		     uint64_t now_ms, enum drop_reason *reason)
{
	enum bandwidth_limit full;
	struct buckets buckets;

	if (!lease(turn, al, &buckets, len, now_ms, &full)) {
		assert(full < BANDWIDTH_LIMIT_COUNT);
		*reason = bandwidth_drop(full);
		return false;
	}
	assert(len <= al->credit);
	al->credit -= (uint32_t)len;
	return true;
}

uint32_t bandwidth_owes(struct turn *turn, struct allocation *al, size_t len,
			uint64_t now_ms)
{
	enum bandwidth_limit full;
	struct buckets buckets;
	size_t missing;

	if (len <= al->credit || lease(turn, al, &buckets, len, now_ms, &full)) {
		al->credit -= (uint32_t)len;
		return 0;
	}
	assert(full < BANDWIDTH_LIMIT_COUNT && len > al->credit);
	missing = len - al->credit;
	al->credit = 0;
	measure(turn, al, missing, now_ms);
	counter_add(&turn->counters.stream_waits[full], 1);
	/* Rounded up, so that there is room when it is over. */
	return (uint32_t)(owe(&buckets, missing) / 1000000) + 1;
}

/* Is there any limit at all? */
static bool is_limited(const struct turn *turn, const struct allocation *al)
{
	const struct turn_bandwidth *limits = &turn->settings->limits.bandwidth;

	return limits->per_allocation[al->dialect] != 0 ||
	       bandwidth_user_limit(turn, al) != 0 || limits->per_prefix != 0 ||
	       limits->per_side[al->side] != 0 || limits->total != 0;
}

/* For how much of most the first count of the pairs have room. */
static size_t pairs_room(const struct buckets *buckets, unsigned count, size_t most)
{
	for (unsigned i = 0; i < count; i++)
		most = tokens_room(buckets->pairs[i].tokens, buckets->pairs[i].bps,
				   buckets->pairs[i].depth_ns, most, buckets->now_ns);
	return most;
}

/* And all. */
static size_t room_in_all(const struct buckets *buckets, size_t most)
{
	most = pairs_room(buckets, 2 * PAIRS, most);
	for (unsigned i = 0; i < 2; i++) {
		if (buckets->shares[i].bps != 0)
			most = fair_share_room(buckets->shares[i].share,
					       buckets->shares[i].user, buckets->class,
					       buckets->shares[i].bps, most,
					       buckets->now_ns);
	}
	return most;
}

/* In how many ns all have room for a piece. */
static uint64_t wait_for_piece(const struct buckets *buckets)
{
	uint64_t longest_ns = 0;

	for (unsigned i = 0; i < 2 * PAIRS; i++) {
		uint64_t wait_ns = tokens_wait_for_ns(buckets->pairs[i].tokens,
						      buckets->pairs[i].bps,
						      buckets->pairs[i].depth_ns,
						      BANDWIDTH_PIECE, buckets->now_ns);
		if (wait_ns > longest_ns)
			longest_ns = wait_ns;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (buckets->shares[i].bps == 0)
			continue;
		uint64_t wait_ns = fair_share_wait_ns(
			buckets->shares[i].share, buckets->shares[i].user, buckets->class,
			buckets->shares[i].bps, BANDWIDTH_PIECE, buckets->now_ns);
		if (wait_ns > longest_ns)
			longest_ns = wait_ns;
	}
	return longest_ns;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

uint32_t bandwidth_allows(struct turn *turn, struct allocation *al, size_t *bytes,
			  uint64_t now_ms)
{
	struct buckets buckets;

	assert(*bytes > 0);
	if (*bytes <= al->credit || !is_limited(turn, al))
		return 0;
	fill_buckets(&buckets, turn, al, now_ms);
	enum bandwidth_limit full = first_full(&buckets, BANDWIDTH_PIECE);
	if (full == BANDWIDTH_LIMIT_COUNT) {
		size_t there = room_in_all(&buckets, *bytes);

		if (there < BANDWIDTH_PIECE)
			there = BANDWIDTH_PIECE;
		*bytes = smaller(*bytes, there + al->credit);
		return 0;
	}
	*bytes = al->credit;
	if (al->credit > 0)
		return 0;
	note_full(turn, al, full, now_ms);
	counter_add(&turn->counters.stream_waits[full], 1);
	return (uint32_t)(wait_for_piece(&buckets) / 1000000) + 1;
}

enum { OWN_PAIR = 2 }; /* the buckets that are this allocation's */

bool bandwidth_pays_again(struct turn *turn, struct allocation *al, size_t len,
			  uint64_t now_ms, enum drop_reason *reason)
{
	struct buckets buckets;

	fill_own(&buckets, turn, al, now_ms);
	unsigned full = first_full_pair(&buckets, OWN_PAIR, len);
	if (full < OWN_PAIR) {
		note_full(turn, al, (enum bandwidth_limit)full, now_ms);
		*reason = bandwidth_drop((enum bandwidth_limit)full);
		return false;
	}
	take_tokens(&buckets, OWN_PAIR, len);
	measure_own(turn, al, len, now_ms);
	return true;
}

uint32_t bandwidth_owes_again(struct turn *turn, struct allocation *al, size_t len,
			      uint64_t now_ms)
{
	enum drop_reason reason;
	struct buckets buckets;

	if (bandwidth_pays_again(turn, al, len, now_ms, &reason))
		return 0;
	fill_own(&buckets, turn, al, now_ms);
	measure_own(turn, al, len, now_ms);
	counter_add(&turn->counters.stream_waits[reason - DROP_BANDWIDTH_ALLOCATION], 1);
	return (uint32_t)(owe_pairs(&buckets, OWN_PAIR, len) / 1000000) + 1;
}

bool bandwidth_is_limited(const struct turn *turn, const struct allocation *al, bool paid)
{
	if (paid)
		return turn->settings->limits.bandwidth.per_allocation[al->dialect] != 0;
	return is_limited(turn, al);
}

/* The same for what another allocation has paid for. */
static bool grant_own(struct turn *turn, struct allocation *al, size_t bytes, size_t room,
		      uint64_t now_ms)
{
	struct buckets buckets;

	fill_own(&buckets, turn, al, now_ms);
	if (pairs_room(&buckets, OWN_PAIR, room) < room)
		return false;
	take_tokens(&buckets, OWN_PAIR, bytes);
	measure_own(turn, al, bytes, now_ms);
	return true;
}

bool bandwidth_grant(struct turn *turn, struct allocation *al, size_t bytes, size_t room,
		     bool paid, uint64_t now_ms)
{
	struct buckets buckets;

	assert(bytes > 0 && bytes <= room);
	if (paid)
		return grant_own(turn, al, bytes, room, now_ms);
	fill_buckets(&buckets, turn, al, now_ms);
	/* Room is looked at first, since to ask in vain tells fair shares that somebody is refused. */
	if (room_in_all(&buckets, room) < room ||
	    first_full(&buckets, bytes) != BANDWIDTH_LIMIT_COUNT)
		return false;
	take(&buckets, bytes);
	measure(turn, al, bytes, now_ms);
	return true;
}

void bandwidth_measure(struct turn *turn, struct allocation *al, size_t bytes, bool paid,
		       uint64_t now_ms)
{
	if (paid)
		measure_own(turn, al, bytes, now_ms);
	else
		measure(turn, al, bytes, now_ms);
}

uint64_t bandwidth_of_side(const struct bandwidth *bandwidth, enum side side,
			   uint64_t now_ms)
{
	return meter_bps(&bandwidth->meters[side], now_ms);
}

uint64_t bandwidth_of_all(const struct bandwidth *bandwidth, uint64_t now_ms)
{
	return meter_bps(&bandwidth->meters[SHARED_BY_ALL], now_ms);
}

static uint64_t load(const uint64_t *peak)
{
	return __atomic_load_n(peak, __ATOMIC_RELAXED);
}

uint64_t bandwidth_peak_of_allocations(const struct bandwidth *bandwidth,
				       enum dialect dialect)
{
	return load(&bandwidth->allocation_peaks[dialect]);
}

uint64_t bandwidth_peak_of_users(const struct bandwidth *bandwidth, enum dialect dialect)
{
	return load(&bandwidth->user_peaks[dialect]);
}

uint64_t bandwidth_peak_of_prefixes(const struct bandwidth *bandwidth)
{
	return load(&bandwidth->prefix_peak);
}

uint64_t bandwidth_peak_of_side(const struct bandwidth *bandwidth, enum side side)
{
	return meter_peak_bps(&bandwidth->meters[side]);
}

uint64_t bandwidth_peak_of_all(const struct bandwidth *bandwidth)
{
	return meter_peak_bps(&bandwidth->meters[SHARED_BY_ALL]);
}

static bool was_over(uint64_t last_ms, uint64_t now_ms)
{
	return last_ms != 0 && now_ms - last_ms <= EXCEEDING_MS;
}

bool bandwidth_is_over_average(const struct allocation *al, uint64_t now_ms)
{
	return was_over(al->lease.over_average_ms, now_ms);
}

bool bandwidth_is_over_peak(const struct allocation *al, uint64_t now_ms)
{
	return was_over(al->lease.over_peak_ms, now_ms);
}

struct bandwidth_exceeding bandwidth_exceeding(const struct turn *turn, uint64_t now_ms)
{
	struct bandwidth_exceeding exceeding = {0, 0};
	const struct allocation *al;

	for (uint32_t slot = 0; (al = allocation_next(turn->table, slot)) != NULL;
	     slot = al->slot + 1) {
		exceeding.average += bandwidth_is_over_average(al, now_ms);
		exceeding.peak += bandwidth_is_over_peak(al, now_ms);
	}
	return exceeding;
}
