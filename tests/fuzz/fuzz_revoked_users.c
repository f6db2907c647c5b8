/*
 * fuzz_revoked_users.c - any bytes as a list of revoked users: each name in the result is
 * in the text, is one word, and a list of these names is the same list.
 */
#include <string.h>

#include "auth/credential/credential.h"
#include "relay/core/revoked_users.h"
#include "tests/fuzz/fuzz.h"

/* Every first word of a line, unless the line is a comment. */
static size_t check_names(const struct revoked_users *users, const char *text, size_t len,
			  char *alone, size_t *alone_len)
{
	size_t found = 0;

	for (size_t at = 0; at <= len; at++) {
		const char *line = text + at;
		const char *end = memchr(line, '\n', len - at);
		size_t line_len = end ? (size_t)(end - line) : len - at;
		char name[CREDENTIAL_USER_MAX + 1];
		size_t from = 0, to;

		while (from < line_len && strchr(" \t\r", line[from]))
			from++;
		for (to = from; to < line_len && !strchr(" \t\r", line[to]); to++)
			FUZZ_CHECK(line[from] == '#' ||
				   (line[to] > ' ' && line[to] < 127));
		if (to > from && line[from] != '#') {
			FUZZ_CHECK(to - from <= CREDENTIAL_USER_MAX);
			memcpy(name, line + from, to - from);
			name[to - from] = '\0';
			FUZZ_CHECK(revoked_users_has(users, name));
			memcpy(alone + *alone_len, line + from, to - from);
			*alone_len += to - from;
			alone[(*alone_len)++] = '\n';
			found++;
		}
		at += line_len;
	}
	return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct revoked_users_error error;
	struct revoked_users *users =
		revoked_users_parse((const char *)data, size, &error);

	if (users == NULL) {
		FUZZ_CHECK(error.reason != NULL && strchr(error.reason, ';') != NULL);
		return 0;
	}

	char *alone = malloc(size + 2);
	size_t alone_len = 0;
	FUZZ_CHECK(alone != NULL);
	size_t found = check_names(users, (const char *)data, size, alone, &alone_len);
	FUZZ_CHECK(found == revoked_users_count(users));
	FUZZ_CHECK(!revoked_users_has(users, "") && !revoked_users_has(users, "#"));

	struct revoked_users *again = revoked_users_parse(alone, alone_len, &error);
	FUZZ_CHECK(again != NULL && revoked_users_count(again) == found);
	revoked_users_free(again);
	revoked_users_free(users);
	free(alone);
	return 0;
}
