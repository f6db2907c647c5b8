/*
 * allocation_restore.h - puts an allocation of the process before into a table of this one, under the settings
 * that are in force now: what a reload would have ended does not come back.
 *
 * Restored are the 5-tuple, relayed ports (taken from the pool as they were), permissions and channels
 * that have time left and whose peers policy still allows, MS state, mobility, deadlines, quotas that it
 * counts against, counters for its record, and its id.
 *
 * Threads  before the workers run, or the worker of turn.
 * Time     monotonic milliseconds, the same clock as in the image, and Unix seconds.
 */
#ifndef RELAY_CORE_ALLOCATION_RESTORE_H
#define RELAY_CORE_ALLOCATION_RESTORE_H

#include <stdint.h>

#include "relay/core/allocation_image.h"

/* Why one does not come back. The names are those of logs, counters and records. */
enum restore_result {
	RESTORED,
	RESTORE_DAMAGED, /* the record is in doubt, or contradicts itself or another one */
	RESTORE_EXPIRED,    /* while nobody ran */
	RESTORE_REVOKED,    /* its user, or the key of its credential is gone */
	RESTORE_CREDENTIAL, /* its credential has expired, and that ends it */
	RESTORE_NO_FRONT,   /* its client's front is not configured any more */
	RESTORE_NO_ADDRESS, /* its relayed address is not configured any more */
	RESTORE_PORT_TAKEN, /* another program has its relayed port by now, or it is taken twice */
	RESTORE_DIALECT,     /* its dialect or feature is off by now */
	RESTORE_FULL,        /* tables are smaller by now */
	RESTORE_DESCRIPTORS, /* none left, or the system refused a socket */
	RESTORE_NO_STREAM, /* its client's connection did not survive: TLS, or not kept */
	RESTORE_RESULT_COUNT
};
const char *restore_result_name(enum restore_result result); /* one word, with hyphens */

/* What there is for it besides: descriptors that have survived, -1: none. */
struct restore_sockets {
	int relay[2]; /* of IPv4 and IPv6, or the listening one of a TCP relayed address in [0] */
};

/*
 * RESTORED with *out, and then the sockets are taken over; or why not, and nothing is held. Missing
 * relay sockets are bound again.
 */
enum restore_result allocation_restore(struct turn *turn,
				       const struct allocation_image *image,
				       struct restore_sockets *sockets, uint64_t now_ms,
				       int64_t unix_s, struct allocation **out);

#endif
