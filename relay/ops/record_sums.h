/*
 * record_sums.h - puts records of short allocations together: those that relayed nothing and
 * lived for less than a second. A client that makes and releases allocations in a loop would
 * otherwise fill the log with thousands of lines that say nothing.
 *
 * The first RECORD_SUMS_ALONE of a kind (user, key, side, transports, dialect and reason) within
 * RECORD_SUMS_MS stay records of their own, so that a browser that tries several relays and
 * gives most back is seen in full. The rest become one record with their number, due when that
 * time is over.
 *
 * Owner    struct records embeds one.
 * Threads  under the lock of its owner.
 * Memory   fixed. A kind that finds all places summing stays alone.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_OPS_RECORD_SUMS_H
#define RELAY_OPS_RECORD_SUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/ops/record.h"

enum { RECORD_SUMS_MAX = 64, RECORD_SUMS_ALONE = 10, RECORD_SUMS_MS = 5000 };

struct record_sum {
	uint64_t begun_ms;
	uint32_t seen;        /* 0: unused */
	struct record record; /* of no allocations: none is summed yet */
};

/* All zero: empty. */
struct record_sums {
	struct record_sum list[RECORD_SUMS_MAX];
};

/* Is it one of those? */
bool record_is_short(const struct record *record);

/* Sum up a short one. False if it is to stay alone. */
bool record_sums_add(struct record_sums *sums, const struct record *record,
		     uint64_t now_ms);

/*
 * Take a sum that is due by now; UINT64_MAX: any. False if there is none; then *wait_ms says how
 * long until one may be, UINT64_MAX if there is nothing to wait for.
 */
bool record_sums_take(struct record_sums *sums, uint64_t now_ms, struct record *due,
		      uint64_t *wait_ms);

#endif
