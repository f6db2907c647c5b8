/*
 * fuzz.h - the one function a fuzz target defines. It always returns 0; it reports a
 * fault with abort().
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Must hold for every input. */
#define FUZZ_CHECK(claim)        \
	do {                     \
		if (!(claim))    \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
