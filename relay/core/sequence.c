/*
 * sequence.c - see sequence.h.
 */
#include "relay/core/sequence.h"

#include <assert.h>

bool sequence_take(struct sequence *sequence, uint32_t number)
{
	uint32_t newest = sequence->newest;

	/* The client counts up from the Allocate response's number and never reaches 2^32. */
	if (number > newest) {
		uint32_t step = number - newest;

		sequence->seen = step < SEQUENCE_WINDOW ? sequence->seen << step : 0;
		sequence->seen |= 1;
		sequence->newest = number;
		assert(sequence->seen & 1);
		return true;
	}

	uint32_t age = newest - number;
	if (age >= SEQUENCE_WINDOW || (sequence->seen >> age & 1))
		return false;
	sequence->seen |= UINT64_C(1) << age;
	return true;
}
