/*
 * conffile_comments.c - comments of a configuration file, made invisible.
 */
#include "base/config/conffile_comments.h"

#include <stdbool.h>
#include <string.h>

struct blanker {
	char *p;
	bool word_may_start;
};

static void blank_to_newline(struct blanker *blanker)
{
	while (*blanker->p && *blanker->p != '\n')
		*blanker->p++ = ' ';
}

/* An unclosed one takes the rest of the file, and with it the end that must be found. */
static void blank_block(struct blanker *blanker)
{
	char *close = strstr(blanker->p + 2, "*/");
	char *end = close ? close + 2 : blanker->p + strlen(blanker->p);

	for (; blanker->p < end; blanker->p++) {
		if (*blanker->p != '\n')
			*blanker->p = ' ';
	}
}

static void skip_quoted(struct blanker *blanker)
{
	char quote = *blanker->p++;

	for (; *blanker->p && *blanker->p != quote; blanker->p++) {
		if (*blanker->p == '\\' && blanker->p[1])
			blanker->p++;
	}
	if (*blanker->p)
		blanker->p++;
}

void conffile_blank_comments(char *text)
{
	struct blanker blanker = {.p = text, .word_may_start = true};

	while (*blanker.p) {
		bool may_start = blanker.word_may_start;
		char c = *blanker.p;

		blanker.word_may_start = strchr(" \t\r\n{},=", c) != NULL;
		if (c == '"' || c == '\'')
			skip_quoted(&blanker);
		else if (c == '#' || (may_start && strncmp(blanker.p, "//", 2) == 0))
			blank_to_newline(&blanker);
		else if (may_start && strncmp(blanker.p, "/*", 2) == 0)
			blank_block(&blanker);
		else if (c == '\r')
			*blanker.p++ = ' ';
		else
			blanker.p++;
	}
}
