/*
 * revocation.h - ends allocations before their lifetime does, because their credential is no
 * longer valid.
 *
 *	user on the list of revoked ones    ends when the list is read; 401 from then on
 *	key gone from the ring, or another
 *	secret under its id                 ends when the ring is read
 *	the same of the key of an access token
 *	an access token has expired         at that time, always (RFC 7635 section 9)
 *	not-after of its key has come       ends at that time, and
 *	its credential has expired          at that time if enforce_credential_expiry; both with
 *	                                    clock_skew_s, as long as new allocations are made
 *
 * The last one is optional. The allocation's lifetime is cut to its credential's: the client is
 * told so in LIFETIME, as RFC 7635 section 4 does with its tokens, and has time to make another
 * allocation. Refusing the refresh instead would let it continue for up to an hour and then end
 * without warning. A key's not-after works in the same way: issuers give out nothing that lasts
 * longer, so only a client that refreshes beyond its own credential notices.
 *
 * Threads  the worker of turn.
 * Time     monotonic milliseconds and Unix seconds, passed in.
 */
#ifndef RELAY_CORE_REVOCATION_H
#define RELAY_CORE_REVOCATION_H

#include <stddef.h>
#include <stdint.h>

#include "relay/core/allocation.h"

struct turn;
struct turn_settings;

/*
 * When an allocation has to end whatever its client refreshes: monotonic ms, UINT64_MAX for
 * never. That depends on the owner's credential and the key that made it.
 */
uint64_t revocation_deadline(const struct turn *turn, const struct owner *owner,
			     uint64_t now_ms, int64_t unix_s);
/* The same for one that there is. */
uint64_t revocation_deadline_of(const struct turn *turn, const struct allocation *al,
				uint64_t now_ms, int64_t unix_s);

/*
 * End this worker's allocations of a user, or made with a key, by the names that records show.
 * Returns how many.
 */
size_t revocation_end_user(struct turn *turn, const char *user, enum end_reason reason,
			   uint64_t now_ms);
size_t revocation_end_key(struct turn *turn, const char *key_id, enum end_reason reason,
			  uint64_t now_ms);

/*
 * turn->settings have changed: end what they revoke, and set the deadlines of the rest.
 *
 * before  the settings until now
 */
void revocation_apply(struct turn *turn, const struct turn_settings *before,
		      uint64_t now_ms, int64_t unix_s);

#endif
