/*
 * fuzz_saved_allocation.c - arbitrary bytes as the record of an allocation: never a crash; what is taken
 * is sound, and is the same when it is written and read again. So does the next version see it.
 */
#include "relay/state/saved_allocation.h"

#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/state/images.h"
#include "tests/unit/state/next_saved_allocation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct allocation_image image, again;
	static uint8_t bytes[SAVED_ALLOCATION_MAX];
	const struct slice record = {data, size};

	bool next_takes = next_saved_allocation_read(record, &again) == SAVED_GOOD;

	FUZZ_CHECK(!next_takes || allocation_image_is_sound(&again));
	if (saved_allocation_read(record, &image) != SAVED_GOOD)
		return 0;
	FUZZ_CHECK(next_takes && images_difference(&image, &again) == NULL);
	FUZZ_CHECK(allocation_image_is_sound(&image));

	size_t len = saved_allocation_write(&image, bytes, sizeof(bytes));

	FUZZ_CHECK(len > 0);
	FUZZ_CHECK(saved_allocation_read((struct slice){bytes, len}, &again) ==
		   SAVED_GOOD);
	FUZZ_CHECK(images_difference(&image, &again) == NULL);

	/* Trimmed at any time, it stays sound. */
	allocation_image_trim(&image, image.move.al.created_ms + image.key_mark);
	FUZZ_CHECK(allocation_image_is_sound(&image));
	return 0;
}
