/*
 * refresh.c - see refresh.h.
 */
#include "relay/dialect/ietf/refresh.h"

#include <assert.h>

#include "relay/core/dual.h"
#include "relay/core/revocation.h"
#include "relay/core/tcp_connection.h"
#include "relay/core/turn.h"
#include "relay/dialect/request.h"
#include "stun/attr.h"

/* The value of LIFETIME, 0 if it is not there. False if it is malformed. */
static bool find_lifetime(const struct stun_msg *msg, uint32_t *lifetime_s, bool *present)
{
	struct stun_attr attr;

	*lifetime_s = 0;
	*present = stun_msg_find(msg, TURN_LIFETIME, &attr);
	return !*present || stun_attr_u32(&attr, lifetime_s);
}

/*
 * The family that a Refresh is for; without one it is for all there are (RFC 8656 section 8.1).
 * 0, or the code to answer with.
 */
static int find_family(const struct request *rq, uint8_t *family)
{
	struct stun_attr attr;

	*family = rq->al->families;
	if (!stun_msg_find(rq->msg, TURN_REQUESTED_ADDRESS_FAMILY, &attr))
		return 0;
	if (!stun_attr_first_of_four(&attr, family))
		return STUN_BAD_REQUEST;
	if ((*family != IP_V4 && *family != IP_V6) ||
	    !allocation_has_family(rq->al, *family))
		return STUN_PEER_FAMILY_MISMATCH;
	return 0;
}

/* The same for one half of two: lifetime_s 0 ends it. Returns what it has left. */
static uint32_t refresh_half(struct request *rq, uint8_t family, uint32_t lifetime_s)
{
	assert(dual_has_both(rq->al) && allocation_has_family(rq->al, family));
	request_remember(rq);
	if (lifetime_s == 0) {
		dual_end_half(rq->turn, rq->al, family, rq->now_ms);
		return 0;
	}
	dual_refresh(rq->turn, rq->al, family, lifetime_s, rq->now_ms);
	return dual_left_s(rq->al, family, rq->now_ms);
}

/* Set the lifetime; 0 ends the allocation. Returns what is left of it. */
static uint32_t refresh_all(struct request *rq, uint32_t lifetime_s)
{
	if (lifetime_s == 0) {
		tcp_connections_give_up(rq->turn, rq->al);
		/* The reply is signed with the copy of the key in rq->auth. */
		allocation_delete(rq->turn, rq->al, END_RELEASED, rq->now_ms);
		rq->al = NULL;
		return 0;
	}
	assert(rq->al->families != IP_NONE);
	allocation_refresh(rq->turn, rq->al, lifetime_s, rq->now_ms);
	request_remember(rq);
	return allocation_left_s(rq->al, rq->now_ms);
}

/*
 * A token's allocation goes on with the token that refreshes it, its key and its time (RFC 7635
 * section 9). Without a token the owner is the same as before.
 */
static void take_owner(struct request *rq)
{
	if (!rq->auth.owner.is_token)
		return;
	const struct owner_proof proof = auth_proof(rq->turn, rq->msg, &rq->auth.owner);

	allocation_reown(rq->turn, rq->al, &rq->auth.owner, &proof,
			 revocation_deadline(rq->turn, &rq->auth.owner, rq->now_ms,
					     rq->unix_s));
}

int refresh_check(const struct request *rq, struct refresh *refresh)
{
	bool has_lifetime;
	int code;

	if (!find_lifetime(rq->msg, &refresh->lifetime_s, &has_lifetime))
		return STUN_BAD_REQUEST;
	code = find_family(rq, &refresh->family);
	if (code == 0 && (!has_lifetime || refresh->lifetime_s != 0))
		refresh->lifetime_s = allocation_lifetime(rq->turn, refresh->lifetime_s);
	return code;
}

uint32_t refresh_do(struct request *rq, const struct refresh *refresh)
{
	take_owner(rq);
	return refresh->family != rq->al->families
		       ? refresh_half(rq, refresh->family, refresh->lifetime_s)
		       : refresh_all(rq, refresh->lifetime_s);
}
