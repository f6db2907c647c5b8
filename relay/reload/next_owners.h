/*
 * next_owners.h - whose allocations the next process would know, by the files as they are now: the
 * keyring, the keys of access tokens, the list of revoked users. Here nothing is derived again, as
 * core/owner_proof.h does: a key counts as the same if its id and its secret are.
 *
 * Owner    the caller. It holds keys: release it.
 * Threads  any; it reads files.
 */
#ifndef RELAY_RELOAD_NEXT_OWNERS_H
#define RELAY_RELOAD_NEXT_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/counters.h"

struct keyring;
struct relay_allocation;
struct relay_config;
struct revoked_users;
struct token_keyring;
struct turn_settings;

struct next_owners {
	struct keyring *keyring;
	struct token_keyring *token_keys; /* NULL: none are configured */
	struct revoked_users *revoked;    /* NULL: likewise */
	int64_t skew_s;                   /* limits.clock_skew */
};

/* False with a sentence in error: a file cannot be read, and then no process starts; nothing is held. */
bool next_owners_load(struct next_owners *owners, const struct relay_config *next,
		      char *error, size_t error_size);
void next_owners_release(struct next_owners *owners);

/*
 * RESTORED; REVOKED: its user, or its key is gone, or is another one than the settings in force have
 * under its id; CREDENTIAL: the time of its key is over.
 */
enum restore_result next_owners_judge(const struct next_owners *owners,
				      const struct turn_settings *in_force,
				      const struct relay_allocation *row, int64_t unix_s);

#endif
