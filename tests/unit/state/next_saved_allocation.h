/*
 * next_saved_allocation.h - relay/state/saved_allocation as its next version has it, next to this one.
 */
#ifndef TESTS_UNIT_STATE_NEXT_SAVED_ALLOCATION_H
#define TESTS_UNIT_STATE_NEXT_SAVED_ALLOCATION_H

#include "relay/state/saved_allocation.h"

size_t next_saved_allocation_write(const struct allocation_image *image, uint8_t *out,
				   size_t size);
enum saved_verdict next_saved_allocation_read(struct slice record,
					      struct allocation_image *image);

#endif
