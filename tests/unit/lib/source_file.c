/*
 * source_file.c - manual pages and files of the source tree that tests compare with the
 * code.
 */
#include "tests/unit/lib/source_file.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_MAX_BYTES = 256 * 1024 };

char *source_file(const char *name)
{
	const char *top = getenv("TOP_SRCDIR");
	char path[1024];
	char *text = calloc(1, SIZE_MAX_BYTES);

	snprintf(path, sizeof(path), "%s/%s", top ? top : ".", name);

	FILE *in = fopen(path, "r");
	ck_assert_msg(in != NULL && text != NULL, "%s", path);
	ck_assert_uint_gt(fread(text, 1, SIZE_MAX_BYTES - 1, in), 0);
	fclose(in);
	return text;
}

char *source_part(const char *text, const char *start, const char *const *ends)
{
	const char *begin = strstr(text, start);

	if (!begin)
		return NULL;

	const char *end = begin + strlen(begin);
	for (; *ends; ends++) {
		const char *found = strstr(begin + strlen(start), *ends);

		if (found && found < end)
			end = found;
	}
	return strndup(begin, (size_t)(end - begin));
}
