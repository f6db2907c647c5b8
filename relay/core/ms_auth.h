/*
 * ms_auth.h - authentication in the MS dialect: the long-term mechanism of the drafts that TURN
 * came from, against the same keyring as core/auth.
 *
 * A username is an MRAS token, as the bytes that Microsoft's clients send or as text like that
 * of IETF clients, or a REST username.
 *
 * Threads  the worker of turn.
 * Time     monotonic milliseconds and Unix seconds, passed in.
 */
#ifndef RELAY_CORE_MS_AUTH_H
#define RELAY_CORE_MS_AUTH_H

#include <stdbool.h>

#include "relay/core/auth.h"
#include "relay/core/nonce.h"
#include "stun/ms_integrity.h"

/*
 * Authenticate an Allocate or a Set Active Destination request. Only the former must have
 * REALM and NONCE: clients leave them out of everything else.
 *
 * al   the allocation of its 5-tuple or NULL; if the same owner's, its stored key is tried
 *      first, the credential's expiry no longer matters, and neither does the nonce's age:
 *      clients refresh with the nonce of their first request
 * out  code is 0, or
 *        400 malformed   401 no integrity, of another realm, or a revoked user   431 integrity wrong
 *        432 no USERNAME   434 no REALM   435 no NONCE   436 not a credential of ours
 *        438 nonce not ours or too old
 *        430 all is right but the credential's time; only then, and for code 0, the rest of
 *            out is valid: these answers are signed
 */
void ms_auth_check(struct turn *turn, const struct ms_msg *msg,
		   const struct five_tuple *tuple, const struct allocation *al,
		   uint64_t now_ms, int64_t unix_s, struct auth *out);

/* Is that Send request from the owner of the allocation? By its stored key alone. */
bool ms_auth_send(const struct turn *turn, const struct ms_msg *msg,
		  const struct allocation *al);

/* As auth_proof(). */
struct owner_proof ms_auth_proof(const struct turn *turn, const struct ms_msg *msg,
				 const struct owner *owner);

/* Is that our realm, in whatever quotes? */
bool ms_auth_is_our_realm(const struct turn *turn, struct slice realm);

/* A nonce in quotes, as Microsoft writes them; they are not needed coming back. */
enum { MS_NONCE_LEN = NONCE_LEN + 2 };
void ms_auth_nonce(const struct turn *turn, const struct five_tuple *tuple,
		   uint64_t now_ms, char out[MS_NONCE_LEN]);

#endif
