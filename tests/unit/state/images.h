/*
 * images.h - images of allocations of every kind, and what two of them differ in; does not use
 * libcheck.
 */
#ifndef TESTS_UNIT_STATE_IMAGES_H
#define TESTS_UNIT_STATE_IMAGES_H

#include "relay/core/allocation_image.h"

enum image_kind {
	IMAGE_TYPICAL, /* UDP, a REST credential, one permission, one channel */
	IMAGE_IPV6,
	IMAGE_NO_PROOF,
	IMAGE_BEHIND_BALANCER,
	IMAGE_TLS,
	IMAGE_TCP_RELAY, /* RFC 6062 */
	IMAGE_DUAL,
	IMAGE_HALF_DUAL, /* it had two, or one was refused */
	IMAGE_RESERVING, /* EVEN-PORT with R */
	IMAGE_IN_DEBT,
	IMAGE_MOBILE,
	IMAGE_MOVING,
	IMAGE_CLIENT_GONE,
	IMAGE_TOKEN, /* RFC 7635 */
	IMAGE_MS,
	IMAGE_MS_PSEUDO_TLS,
	IMAGE_MS_DUAL,
	IMAGE_MS_RESERVED,
	IMAGE_RESTARTED,
	IMAGE_FULL, /* as many permissions and channels as there can be, the longest names */
	IMAGE_KIND_COUNT
};
const char *image_kind_name(enum image_kind kind);

/* At IMAGE_NOW_MS all in it is in force. */
enum { IMAGE_NOW_MS = 1000000 };
void image_make(struct allocation_image *image, enum image_kind kind);

/* The first field that differs, or NULL. */
const char *images_difference(const struct allocation_image *a,
			      const struct allocation_image *b);

/*
 * Give it what packets move in the other one, and what may therefore be up to a second older in a record:
 * traffic, what is owed for bandwidth and, in the MS dialect, deadline and sequence numbers.
 */
void image_catch_up(struct allocation_image *image, const struct allocation_image *live);

#endif
