/*
 * owner_store.h - owners as allocations keep them: all of struct owner, with its names at their length
 * instead of the longest possible. Names are most of an owner, and an owner was nearly half of an
 * idle allocation.
 *
 * Owner    embedded in the allocation table; what it stores is embedded in allocations, which name
 *          their strings by number, so that the memory may lie at any address.
 * Threads  one worker.
 */
#ifndef RELAY_CORE_OWNER_STORE_H
#define RELAY_CORE_OWNER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/owner.h"
#include "relay/core/slab.h"

enum { OWNER_STORE_SIZES = 6 };

struct owner_store {
	struct slab names[OWNER_STORE_SIZES]; /* "user\0key_id\0", by size */
};

/* See struct owner. All zero: none. It holds a key. */
struct stored_owner {
	struct owner_id id;
	int64_t credential_expires_s;
	struct credential_quota quota;
	uint32_t names; /* 0: they are empty, else size and place + 1 */
	struct stun_key key;
	bool nameless;
	bool is_token;
};

/* For so many owners with names of any length. False if out of memory; then nothing is held. */
bool owner_store_init(struct owner_store *store, size_t owners);
void owner_store_release(struct owner_store *store); /* a zeroed one is allowed */

/* Store owner in *to, in place of what is there. */
void owner_store_put(struct owner_store *store, struct stored_owner *to,
		     const struct owner *owner);
/* Give the names back, and cleanse. */
void owner_store_drop(struct owner_store *store, struct stored_owner *from);

/* All of it; cleanse it before dropping it. */
void owner_store_get(const struct owner_store *store, const struct stored_owner *from,
		     struct owner *owner);
/* Borrowed until it is replaced or dropped. */
const char *owner_store_user(const struct owner_store *store,
			     const struct stored_owner *from);
const char *owner_store_key_id(const struct owner_store *store,
			       const struct stored_owner *from);

#endif
