/*
 * saved_allocation.h - an allocation's image as a record of the state file, and back.
 *
 * A record begins with its version. A reader takes its own version and the one before; a record of
 * any other is refused as such. So an upgrade keeps its calls, and a downgrade across a version does
 * not. What a version adds comes at the end, behind everything of the one before, and has a value
 * for records that do not have it.
 *
 * Compiled with -DAVEDGE_NEXT_STATE, the version is one higher and a field is added, which tests of
 * upgrades need: "configure CPPFLAGS=-DAVEDGE_NEXT_STATE".
 *
 * Pure; any thread.
 */
#ifndef RELAY_STATE_SAVED_ALLOCATION_H
#define RELAY_STATE_SAVED_ALLOCATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/allocation_image.h"
#include "stun/wire.h"

enum {
#ifdef AVEDGE_NEXT_STATE
	SAVED_ALLOCATION_VERSION = 2,
#else
	SAVED_ALLOCATION_VERSION = 1,
#endif
	/* The longest: all permissions and channels of IPv6, and the longest names. */
	SAVED_ALLOCATION_MAX = 24 << 10,
};

/*
 * Write a sound image, trimmed so that it is short (allocation_image_trim()). Returns the length, or 0 if it
 * does not fit into size; SAVED_ALLOCATION_MAX always does.
 */
size_t saved_allocation_write(const struct allocation_image *image, uint8_t *out,
			      size_t size);

enum saved_verdict {
	SAVED_GOOD,
	SAVED_OTHER_VERSION,
	SAVED_DAMAGED, /* it cannot have been written here */
};

/*
 * Read a record, whatever is in it. The image is sound if the verdict is GOOD, else undefined. Its proof
 * is borrowed from the record.
 */
enum saved_verdict saved_allocation_read(struct slice record,
					 struct allocation_image *image);

/*
 * Only the id, and the proof, which is borrowed, of a record that was written here. False if there is no
 * record, or it is damaged up to there.
 */
bool saved_allocation_proof(struct slice record, uint64_t *id, struct owner_proof *proof);

#endif
