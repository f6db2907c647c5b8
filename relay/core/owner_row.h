/*
 * owner_row.h - what is known about a user, or a source prefix, beside the number of
 * allocations: the row of its quota.
 *
 * Owner    the quotas of struct turn_shared; all zero: nothing taken so far.
 * Threads  relaxed atomics, as each part says.
 */
#ifndef RELAY_CORE_OWNER_ROW_H
#define RELAY_CORE_OWNER_ROW_H

#include "relay/core/bandwidth/fair_share.h"
#include "relay/core/bandwidth/meter.h"
#include "relay/core/front.h"
#include "relay/core/tokens.h"

enum {
	SHARED_BY_ALL = SIDE_COUNT,
	SHARED_COUNT, /* the bandwidth of each side, and of all */
};

struct owner_row {
	struct tokens allocations;   /* new ones of a user, one byte each */
	struct tokens average, peak; /* of bandwidth */
	struct meter meter;
	struct fair_share_user shares[SHARED_COUNT]; /* of users */
	uint64_t reserved_bps; /* under the lock of ms_reservation.c */
	uint32_t connections;  /* of a user's TCP allocations with peers */
};

#endif
