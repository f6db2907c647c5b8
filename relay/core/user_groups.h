/*
 * user_groups.h - groups of users that the operator names, and which of them an allocation is in.
 *
 * A group lists users, networks of clients and keys of the keyring. An allocation is in the first
 * group of which every list that is not empty has it. Identities of Microsoft's clients are keyed
 * hashes, so their groups are told by network or by the key that their issuer signs with.
 *
 * An allocation keeps the number of its group, so that a packet costs an index. A reload looks at
 * all allocations again.
 *
 * Owner    user_groups_new() makes them, user_groups_free() frees them.
 * Threads  immutable between, so any number of readers.
 */
#ifndef RELAY_CORE_USER_GROUPS_H
#define RELAY_CORE_USER_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/ip_prefix.h"

struct owner;
struct user_groups;

enum {
	USER_GROUP_NONE = 0, /* groups count from 1 */
	USER_GROUPS_MAX = 31,
	USER_GROUP_NAME_MAX = 64,
};

/* As configured. */
struct user_group {
	const char *name;
	/* As records and lists of allocations show them; a '*' at the end stands for any rest. */
	const char *const *users;
	size_t user_count;
	const struct ip_prefix
		*networks; /* the client's address, as it reaches the relay */
	size_t network_count;
	const char *const *keys; /* ids of those that made the credential */
	size_t key_count;
};

/* Is it one word, with '*' at most at its end? */
bool user_groups_pattern_is_valid(const char *pattern);

/*
 * Copies of them all, at most USER_GROUPS_MAX; row i lies within element i of an array whose elements
 * have that size. NULL if out of memory.
 */
struct user_groups *user_groups_new(const struct user_group *first, size_t count,
				    size_t element_size);
void user_groups_free(struct user_groups *groups); /* NULL is allowed: no groups */

/* 1 to USER_GROUPS_MAX in the order of the configuration, or USER_GROUP_NONE. */
uint8_t user_groups_match(const struct user_groups *groups, const struct owner *owner,
			  const struct ip_addr *client);

/* Its name; "" of USER_GROUP_NONE. Borrowed. */
const char *user_groups_name(const struct user_groups *groups, uint8_t group);

#endif
