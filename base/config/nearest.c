/*
 * nearest.c - the word that was probably meant.
 */
#include "base/config/nearest.h"

#include <stdint.h>
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

const char *nearest_word(const char *word, const char *(*next)(void *arg), void *arg)
{
	const char *found = NULL;
	size_t len = strlen(word);
	/* A third of the word may be wrong, and always two letters (a swap). */
	size_t best = (len / 3 > 2 ? len / 3 : 2) + 1;

	if (len == 0 || len >= WORD_MAX)
		return NULL;
	for (const char *name; (name = next(arg));) {
		size_t d = strlen(name) < WORD_MAX ? distance(word, name) : SIZE_MAX;

		if (d < best && d < strlen(name)) {
			best = d;
			found = name;
		}
	}
	return found;
}
