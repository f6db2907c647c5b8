/*
 * revoked_users.h - users with revoked credentials: the operator's list, from text to a set.
 *
 * One user a line, as records and lists of allocations show them: one word of printable ASCII
 * in which other bytes stand as \xHH. Blank lines are ignored, and so is what follows a '#' at
 * the beginning of a line or behind a blank. Duplicates are allowed.
 *
 * Owner    revoked_users_parse() makes one, revoked_users_free() frees it.
 * Threads  immutable between, so any number of readers.
 */
#ifndef RELAY_CORE_REVOKED_USERS_H
#define RELAY_CORE_REVOKED_USERS_H

#include <stdbool.h>
#include <stddef.h>

struct revoked_users;

/* Where and why a text was refused; line 0: the text as a whole. */
struct revoked_users_error {
	unsigned line;
	const char *reason; /* "what is wrong; what to do" */
};

/* NULL with *error filled. An empty text is an empty set. */
struct revoked_users *revoked_users_parse(const char *text, size_t len,
					  struct revoked_users_error *error);
void revoked_users_free(struct revoked_users *users); /* NULL is allowed */

/* NULL is an empty set. */
bool revoked_users_has(const struct revoked_users *users, const char *user);
size_t revoked_users_count(const struct revoked_users *users);

#endif
