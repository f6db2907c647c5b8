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
#include "relay/core/front.h"

struct allocation;
struct five_tuple;
struct turn;

/*
 * Charge a new allocation and note to whom. user: the name of its owner. False if a limit is reached: *why says which, and
 * nothing is charged.
 *
 * The last limit is how fast a user may make new ones. Its bucket is in the user's row, so it
 * does not matter whether the earlier ones still exist; see quota.h for how long rows last.
 */
bool charge_take(struct turn *turn, struct allocation *al, const char *user,
		 uint64_t now_ms, enum refusal *why);

/*
 * Charge one that was charged already, in a process before this one: without limits, as they apply to new
 * ones only. False, and nothing is charged, if there is no room for its user or prefix.
 */
bool charge_take_again(struct turn *turn, struct allocation *al, const char *user,
		       uint64_t now_ms);

/* How many allocations its user may have; 0: no limit. The credential's quota comes first. */
uint32_t charge_user_limit(const struct turn *turn, const struct allocation *al);

/*
 * While a mobile client moves to another 5-tuple (RFC 8016), the allocation counts against both: the
 * new side, prefix and, where each prefix counts as a user, user are charged as far as they differ
 * from those it has. What it has is returned once it is there, never before.
 */
struct charge {
	uint64_t user_quota, prefix_quota;
	uint32_t user_row, prefix_row;
	enum side side;
	bool has_user, has_prefix, has_side; /* charged; the others are the same */
	uint32_t connections; /* TCP connections that the allocation has with peers */
};

/*
 * Charge that 5-tuple, too, also for the TCP connections that the allocation has with peers. False
 * if a limit is reached, as charge_take().
 */
bool charge_hold(struct turn *turn, const struct allocation *al,
		 const struct five_tuple *to, uint32_t connections, struct charge *charge,
		 enum refusal *why);
/* The same without limits, for an allocation that charge_take_again() has charged. */
bool charge_hold_again(struct turn *turn, const struct allocation *al,
		       const struct five_tuple *to, struct charge *charge);
/* It is there: the allocation has that charge, and what that replaces is returned. */
void charge_switch(struct turn *turn, struct allocation *al, const struct charge *charge);
/* It does not go there. */
void charge_drop(struct turn *turn, const struct allocation *al,
		 const struct charge *charge);

/* It ended. */
void charge_return(struct turn *turn, const struct allocation *al);

/*
 * One more TCP connection with a peer, for its user: false, and nothing is charged, if the user
 * has as many as it may over all allocations of all workers. And one less. While the client moves,
 * held is what its new 5-tuple is charged, which counts them, too; else NULL.
 */
bool charge_take_connection(struct turn *turn, const struct allocation *al,
			    struct charge *held);
void charge_return_connection(struct turn *turn, const struct allocation *al,
			      struct charge *held);

#endif
