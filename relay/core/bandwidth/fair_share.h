/*
 * fair_share.h - divides the bandwidth of a side, or of the whole relay, fairly among users when
 * it is not enough.
 *
 * Fair means here: no user gets more than another user who is refused something (max-min). The
 * unit is the user, so that many allocations of one user do not make many shares. What a user
 * takes comes out of two buckets:
 *
 *	own     an equal share of the bandwidth, by the number of users who are active. It is
 *	        theirs whatever the others do: a user below it loses nothing.
 *	extra   what others leave of theirs. All may take the same rate of it, and that rate
 *	        follows what is left: it falls while the whole bucket runs low, and rises while
 *	        users are refused although there is room. So the heaviest users
 *	        are held to one level and lose first.
 *
 * Of what one user takes, and of the whole, audio is lost last: see traffic_class.h.
 *
 * Until that level is found, a second or two after a flood begins, users above an equal share
 * may lose some of the excess. Lack of bandwidth never ends a call.
 *
 * Threads  shared by all workers; relaxed atomics.
 * Time     nanoseconds, passed in.
 */
#ifndef RELAY_CORE_BANDWIDTH_FAIR_SHARE_H
#define RELAY_CORE_BANDWIDTH_FAIR_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/bandwidth/traffic_class.h"
#include "relay/core/tokens.h"

/* What users share. All zero: unused so far. */
struct fair_share {
	struct tokens whole;
	uint64_t extra_bps;  /* the level; 0: not known yet, the whole */
	uint64_t tick_ns;    /* when it was looked at last */
	uint64_t tick_bytes; /* taken since then */
	uint32_t refused_at_level, refused_for_want; /* since then */
	uint32_t second;                             /* that active is of */
	uint32_t active, active_before; /* users, in it and in the one before */
};

/* One user in it. All zero: nothing taken. */
struct fair_share_user {
	struct tokens own, extra;
	uint32_t second; /* in which it was counted as active */
};

/* Out of which bucket something may come. */
enum fair_share_part { FAIR_SHARE_NOTHING, FAIR_SHARE_OWN, FAIR_SHARE_EXTRA };

/* May that user take that much? bps: of the whole, not 0. Counts the user as active. */
enum fair_share_part fair_share_ask(struct fair_share *share,
				    struct fair_share_user *user,
				    enum traffic_class class, uint64_t bps, size_t bytes,
				    uint64_t now_ns);
/* Of at most so many bytes, how many fair_share_ask() would allow at once; nobody is charged. */
size_t fair_share_room(const struct fair_share *share, const struct fair_share_user *user,
		       enum traffic_class class, uint64_t bps, size_t most,
		       uint64_t now_ns);
/* How long until it would allow that many, in ns, if nobody took anything. */
uint64_t fair_share_wait_ns(const struct fair_share *share,
			    const struct fair_share_user *user, enum traffic_class class,
			    uint64_t bps, size_t bytes, uint64_t now_ns);
/* Take it; part: what fair_share_ask() said, and not FAIR_SHARE_NOTHING. */
void fair_share_take(struct fair_share *share, struct fair_share_user *user, uint64_t bps,
		     enum fair_share_part part, size_t bytes, uint64_t now_ns);
/* Take it although fair_share_ask() said no: how long that user should then be silent, in ns. */
uint64_t fair_share_owe(struct fair_share *share, struct fair_share_user *user,
			enum traffic_class class, uint64_t bps, size_t bytes,
			uint64_t now_ns);

#endif
