/*
 * nearest.h - the word that was probably meant: start with {.word = what was written}, then try
 * each candidate.
 */
#ifndef BASE_CONFIG_NEAREST_H
#define BASE_CONFIG_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

struct nearest {
	const char *word;
	const char *
		found; /* as it was tried; NULL: none is near enough to be what was meant */
	size_t distance; /* of found: fewest edits, the first one tried if there are several */
};

/* True if it is now what was found. */
bool nearest_try(struct nearest *nearest, const char *candidate);

#endif
