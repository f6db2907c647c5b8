/*
 * allocation_restore.h - puts an allocation of the process before into a table of this one, under the settings
 * that are in force now: what a reload would have ended does not come back, and limits that are lower
 * by now end nothing, as with a reload.
 *
 * Restored are the 5-tuple, relayed ports (taken from the pool as they were), permissions and channels
 * that have time left and whose peers policy still allows, MS state, reserved bandwidth, mobility with its
 * ticket and a move that is under way, deadlines, all that it counts against, counters for its
 * record, and its id. The process that it has outlived is counted. Its owner is proved again, see owner_proof.h. Of a dual one a half that cannot come
 * back is left out. Not restored are its connections: streams, and TCP connections of peers.
 *
 * Threads  before the workers run, or the worker of turn.
 * Time     monotonic milliseconds, the same clock as in the image, and Unix seconds.
 */
#ifndef RELAY_CORE_ALLOCATION_RESTORE_H
#define RELAY_CORE_ALLOCATION_RESTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/allocation_image.h"
#include "relay/core/counters.h"

struct turn;

/* What there is for it besides. */
struct restore_extras {
	/*
	 * Sockets of the process before, -1: none, and it is opened again: of the first relayed
	 * address, or the listening one, and of the second of a dual one. -1 is what is taken over.
	 */
	int relay[2];
	/*
	 * The connection of its client has not survived, and that of the 5-tuple to which it moves;
	 * nothing for clients of datagrams.
	 */
	bool client_gone, to_gone;
	uint32_t refused_peers; /* out: permissions, channels, destinations that policy refuses */
};

/*
 * RESTORED with *out; or why not, and nothing is held, nor counted. image: sound, see
 * allocation_image_is_sound(); its mobility.via is of this process.
 */
enum restore_result allocation_restore(struct turn *turn,
				       const struct allocation_image *image,
				       struct restore_extras *extras, uint64_t now_ms,
				       int64_t unix_s, struct allocation **out);

/* What its record says of one that does not come back. */
enum end_reason restore_end_reason(enum restore_result result);

#endif
