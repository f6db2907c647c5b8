/*
 * revoked_users.c - see revoked_users.h. A sorted array: a request looks once, in a few steps,
 * and the list may have a hundred thousand names.
 */
#include "relay/core/revoked_users.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "auth/credential/credential.h"

struct revoked_users {
	size_t count;
	const char **names; /* sorted; each ends in NUL within text */
	char text[];
};

static const char blanks[] = " \t\r";

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The word of that line, ended by NUL; "" if there is none. NULL: why says what is wrong. */
static char *take_word(char *line, const char **why)
{
	char *word = line + strspn(line, blanks);

	if (*word == '#')
		*word = '\0';
	size_t len = strcspn(word, blanks);
	char *rest = word + len + strspn(word + len, blanks);

	if (*rest != '\0' && *rest != '#')
		*why = "more than one word; write each user on a line of its own, blanks "
		       "in a name as \\x20";
	else if (len > CREDENTIAL_USER_MAX)
		*why = "longer than any user's name; copy it from a record";
	else
		*why = NULL;
	for (size_t i = 0; i < len && *why == NULL; i++) {
		if (word[i] <= ' ' || word[i] > '~')
			*why = "not printable ASCII; copy the name from a record, which "
			       "shows other bytes as \\xHH";
	}
	word[len] = '\0';
	return *why == NULL ? word : NULL;
}

static size_t lines_of(const char *text, size_t len)
{
	size_t lines = 1;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	return lines;
}

/* All words of the text, which is ours to cut. */
static bool take_words(struct revoked_users *users, struct revoked_users_error *error)
{
	char *line = users->text;

	for (unsigned number = 1; line != NULL; number++) {
		char *end = strchr(line, '\n');

		if (end != NULL)
			*end++ = '\0';
		char *word = take_word(line, &error->reason);
		if (word == NULL) {
			error->line = number;
			return false;
		}
		if (*word != '\0')
			users->names[users->count++] = word;
		assert(users->count <= number);
		line = end;
	}
	return true;
}

struct revoked_users *revoked_users_parse(const char *text, size_t len,
					  struct revoked_users_error *error)
{
	struct revoked_users *users = NULL;

	*error = (struct revoked_users_error){.reason = "out of memory; free some"};
	if (len > 0 && memchr(text, '\0', len) != NULL) {
		error->reason = "not a text file; write one user a line";
		return NULL;
	}
	users = calloc(1, sizeof(*users) + len + 1);
	if (users == NULL)
		return NULL;
	if (len > 0)
		memcpy(users->text, text, len);
	users->names = calloc(lines_of(text, len), sizeof(*users->names));
	if (users->names == NULL || !take_words(users, error)) {
		revoked_users_free(users);
		return NULL;
	}
	qsort(users->names, users->count, sizeof(*users->names), compare);
	return users;
}

void revoked_users_free(struct revoked_users *users)
{
	if (users == NULL)
		return;
	free(users->names);
	free(users);
}

bool revoked_users_has(const struct revoked_users *users, const char *user)
{
	return users != NULL && users->count > 0 &&
	       bsearch(&user, users->names, users->count, sizeof(*users->names),
		       compare) != NULL;
}

size_t revoked_users_count(const struct revoked_users *users)
{
	return users != NULL ? users->count : 0;
}
