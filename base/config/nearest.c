/*
 * nearest.c - the word that was probably meant.
 */
#include "base/config/nearest.h"

#include <string.h>

enum { WORD_MAX = 64 }; /* longer words are near to nothing */

/* Edits (insert, delete, replace) from a to b; both shorter than WORD_MAX. */
static size_t distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1];
	size_t len = strlen(b);

	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= len; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[len];
}

bool nearest_try(struct nearest *nearest, const char *candidate)
{
	size_t len = strlen(nearest->word);
	/* A third of the word may be wrong, and always two letters (a swap). */
	size_t limit = (len / 3 > 2 ? len / 3 : 2) + 1;

	if (len == 0 || len >= WORD_MAX || strlen(candidate) >= WORD_MAX)
		return false;

	size_t d = distance(nearest->word, candidate);
	if (d >= (nearest->found ? nearest->distance : limit) || d >= strlen(candidate))
		return false;
	nearest->found = candidate;
	nearest->distance = d;
	return true;
}
