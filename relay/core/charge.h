/*
 * charge.h - what a new allocation counts against: the relay, its side, its user and its source
 * prefix (RFC 8656 section 7.2 step 10).
 *
 * Users are counted separately for each dialect, because each has its own limits. A credential
 * that names nobody, whose username is only an expiry, is shared by everybody whom a site gave
 * it: there each source prefix counts as a user.
 *
 * A credential may carry a quota of its user, which an issuer gives to a gateway that works for
 * many: it takes the place of the limits per user, in both dialects.
 *
 * Threads  the worker of turn; what is counted is shared by all workers.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_CHARGE_H
#define RELAY_CORE_CHARGE_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/counters.h"

struct allocation;
struct turn;

/*
 * Charge a new allocation and note to whom. False if a limit is reached: *why says which, and
 * nothing is charged.
 *
 * The last limit is how fast a user may make new ones. Its bucket is in the user's row, so it
 * does not matter whether the earlier ones still exist; see quota.h for how long rows last.
 */
bool charge_take(struct turn *turn, struct allocation *al, uint64_t now_ms,
		 enum refusal *why);

/* How many allocations its user may have; 0: no limit. The credential's quota comes first. */
uint32_t charge_user_limit(const struct turn *turn, const struct allocation *al);

/* It ended. */
void charge_return(struct turn *turn, const struct allocation *al);

#endif
