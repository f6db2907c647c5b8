/*
 * bandwidth.h - how much an allocation, a user, a source prefix, a side and the relay as a
 * whole may carry, both directions together, counted in payload.
 *
 * Average and peak. Microsoft's A/V Edge limits a "port" (an allocation) and a user, counts the
 * sessions that exceed their average and their peak limit, and throttles them; how it measures
 * the two is not documented. Here both are token buckets. The average one holds bandwidth_burst
 * (5 s) of the limit: that is how long a user may exceed it. The peak one is filled
 * bandwidth_peak (2 times) as fast and holds a quarter of a second, enough for the key frame of
 * a video. Nothing exceeds that, even briefly. What exceeds either is dropped and counted by
 * its name.
 *
 * Datagrams are dropped, as RFC 8656 section 5 has it: their senders adapt. Bytes of a stream
 * cannot be: the stream is not read until they are paid for, so the kernel's window closes and
 * the sender's TCP slows down. That holds for a client on TCP or TLS, and for TCP peers;
 * datagrams of a peer for a client on a stream are dropped.
 *
 * Between two relayed addresses of ours a packet passes twice. The allocation that it came from pays
 * all limits, the other one only its own: else a call between two clients of this relay would count
 * twice, and what the first hop paid for would be lost at the second.
 *
 * Sides and the relay are divided among users, see fair_share.h. What an allocation carries
 * decides who loses first of those that share a limit, see traffic_class.h.
 *
 * What a packet costs. An allocation takes a lease from all its buckets at once and pays
 * packets out of it: a comparison and a subtraction in memory that the packet touches anyway. A
 * lease is what it used in the last tenth of a second or so, 2 to 64 KiB; what is left of one
 * is not given back. Every byte that passes was taken from every bucket first; what the kernel forwards
 * (relay/offload), too, whose lease is longer.
 *
 * What an allocation and a user may carry depends on the dialect; see charge.h for who is a
 * user. Their buckets outlive their allocations, so that a new allocation is no new burst.
 * While the user is in debt its datagrams are dropped and its data connections (RFC 6062) are not
 * read; a new client on TCP or TLS gets its first frame through, which adds to the debt.
 *
 * Owner    struct bandwidth is main's, shared by all workers; an allocation has its own
 *          buckets, those of users and prefixes are in the rows of their quotas.
 * Threads  relaxed atomics.
 */
#ifndef RELAY_CORE_BANDWIDTH_BANDWIDTH_H
#define RELAY_CORE_BANDWIDTH_BANDWIDTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/allocation_state.h"
#include "relay/core/bandwidth/meter.h"
#include "relay/core/counters.h"

struct bandwidth;
struct turn;

/* NULL if out of memory. */
struct bandwidth *bandwidth_new(void);
void bandwidth_free(struct bandwidth *bandwidth); /* NULL is allowed */

/* Of its user, in bit/s; 0: none. The credential's quota comes before the dialect's limit. */
uint64_t bandwidth_user_limit(const struct turn *turn, const struct allocation *al);

/* The slow half of bandwidth_pays(): a new lease. */
bool bandwidth_lease(struct turn *turn, struct allocation *al, size_t len,
		     uint64_t now_ms, enum drop_reason *reason);

/* May that much pass? Else *reason says at what limit. On the packet path. */
static inline bool bandwidth_pays(struct turn *turn, struct allocation *al, size_t len,
				  uint64_t now_ms, enum drop_reason *reason)
{
	if (len <= al->credit) {
		al->credit -= (uint32_t)len;
		return true;
	}
	return bandwidth_lease(turn, al, len, now_ms, reason);
}

/*
 * The same for what must pass: how long nothing more of it should be read, in ms; 0 if there
 * is room. Counted under its limit when there is none.
 */
uint32_t bandwidth_owes(struct turn *turn, struct allocation *al, size_t len,
			uint64_t now_ms);

/*
 * Before anything of a stream is read: how much of *bytes, at least 1, may pass now. It becomes
 * *bytes and nothing is charged; it may exceed the room by BANDWIDTH_PIECE, so that little room
 * does not mean many small pieces. 0: how long nothing should be read is returned, in ms; counted
 * under its limit. A debt of the user holds for all allocations of the user, new ones too.
 */
enum { BANDWIDTH_PIECE = 2048 };
uint32_t bandwidth_allows(struct turn *turn, struct allocation *al, size_t *bytes,
			  uint64_t now_ms);

/*
 * Both for what came from another relayed address of ours, whose allocation has paid for it: only
 * the limits of this allocation count, and nothing that is shared is touched.
 */
bool bandwidth_pays_again(struct turn *turn, struct allocation *al, size_t len,
			  uint64_t now_ms, enum drop_reason *reason);
uint32_t bandwidth_owes_again(struct turn *turn, struct allocation *al, size_t len,
			      uint64_t now_ms);

/*
 * For what the kernel forwards (relay/offload). paid: for what came from another relayed address of ours,
 * as in bandwidth_pays_again().
 *
 * bandwidth_is_limited  is there any limit to it?
 * bandwidth_grant       take so many bytes, not 0, from all limits, to be used up later; if there is room for
 *                       `room` of them, which is at least as many. False: nothing was taken, and
 *                       nobody was refused anything, for the packets that now come up ask themselves
 * bandwidth_measure     so many have passed without a limit
 */
bool bandwidth_is_limited(const struct turn *turn, const struct allocation *al,
			  bool paid);
bool bandwidth_grant(struct turn *turn, struct allocation *al, size_t bytes, size_t room,
		     bool paid, uint64_t now_ms);
void bandwidth_measure(struct turn *turn, struct allocation *al, size_t bytes, bool paid,
		       uint64_t now_ms);

/* For display; any thread. Of the last second: */
uint64_t bandwidth_of_side(const struct bandwidth *bandwidth, enum side side,
			   uint64_t now_ms);
uint64_t bandwidth_of_all(const struct bandwidth *bandwidth, uint64_t now_ms);
/* The most of any second since the start; of any one of them. */
uint64_t bandwidth_peak_of_allocations(const struct bandwidth *bandwidth,
				       enum dialect dialect);
uint64_t bandwidth_peak_of_users(const struct bandwidth *bandwidth, enum dialect dialect);
uint64_t bandwidth_peak_of_prefixes(const struct bandwidth *bandwidth);
uint64_t bandwidth_peak_of_side(const struct bandwidth *bandwidth, enum side side);
uint64_t bandwidth_peak_of_all(const struct bandwidth *bandwidth);

/* Allocations that were refused something at their own limit in the last ten seconds. */
struct bandwidth_exceeding {
	uint32_t average, peak;
};
struct bandwidth_exceeding bandwidth_exceeding(const struct turn *turn, uint64_t now_ms);
/* Is that one of them? */
bool bandwidth_is_over_average(const struct allocation *al, uint64_t now_ms);
bool bandwidth_is_over_peak(const struct allocation *al, uint64_t now_ms);

#endif
