/*
 * dual.h - allocations with two relayed addresses, one of each family (RFC 8656 sections 7.2
 * and 8.2). They share one 5-tuple, quota, lease of bandwidth and record; permissions, channels
 * and data belong to the address of the peer's family. Each half has a lifetime:
 *
 *	both  --Refresh of one family------------>  both, one ending before the other
 *	      --Refresh without a family--------->  both, ending together
 *	      --one deleted, or its time is over->  the other alone
 *
 * expires_ms of the allocation is the earlier deadline, so code that reads only that is right,
 * or checks once too often; struct dual has that of the other half.
 *
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_DUAL_H
#define RELAY_CORE_DUAL_H

#include <stdbool.h>
#include <stdint.h>

struct allocation;
struct turn;

/* Does it have both families now? */
bool dual_has_both(const struct allocation *al);

/*
 * The half of that family, one of both, gets a new deadline lifetime_s from now, or earlier if the
 * allocation has to end before; the other keeps its own.
 */
void dual_refresh(struct turn *turn, struct allocation *al, uint8_t family,
		  uint32_t lifetime_s, uint64_t now_ms);

/* End the half of that family, one of both: its socket, port, permissions and channels. */
void dual_end_half(struct turn *turn, struct allocation *al, uint8_t family,
		   uint64_t now_ms);

/* What is left of the half of that family, or of the only one: the value of LIFETIME. */
uint32_t dual_left_s(const struct allocation *al, uint8_t family, uint64_t now_ms);

#endif
