/*
 * owner_store.c - see owner_store.h. Each size has a place for each owner, reserved and not touched,
 * so that storing one cannot fail.
 */
#include "relay/core/owner_store.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>

enum { LONGEST = CREDENTIAL_USER_MAX + 1 + KEY_ID_MAX + 1, SIZE_SHIFT = 28 };

static const uint16_t sizes[OWNER_STORE_SIZES] = {16, 32, 64, 96, 160, 272};

static_assert(LONGEST <= 272, "the longest names fit into the last size");

bool owner_store_init(struct owner_store *store, size_t owners)
{
	*store = (struct owner_store){0};
	assert(owners < 1u << SIZE_SHIFT);
	for (int i = 0; i < OWNER_STORE_SIZES; i++) {
		if (!slab_init(&store->names[i], owners, sizes[i])) {
			owner_store_release(store);
			return false;
		}
	}
	return true;
}

void owner_store_release(struct owner_store *store)
{
	for (int i = 0; i < OWNER_STORE_SIZES; i++)
		slab_release(&store->names[i]);
}

static const char *names_at(const struct owner_store *store, uint32_t names)
{
	assert(names >> SIZE_SHIFT < OWNER_STORE_SIZES && names << 4 != 0);
	return slab_at(&store->names[names >> SIZE_SHIFT],
		       (names & ((1u << SIZE_SHIFT) - 1)) - 1);
}

static void names_give(struct owner_store *store, uint32_t names)
{
	if (names != 0)
		slab_give(&store->names[names >> SIZE_SHIFT],
			  (names & ((1u << SIZE_SHIFT) - 1)) - 1);
}

/* 0 for two empty ones. */
static uint32_t names_take(struct owner_store *store, const struct owner *owner)
{
	size_t user = strlen(owner->user), key_id = strlen(owner->key_id);
	uint32_t size = 0;

	if (user + key_id == 0)
		return 0;
	while (sizes[size] < user + 1 + key_id + 1)
		size++;
	uint32_t place = slab_take(&store->names[size]);
	assert(place != SLAB_NONE);
	char *to = slab_at(&store->names[size], place);
	memcpy(to, owner->user, user + 1);
	memcpy(to + user + 1, owner->key_id, key_id + 1);
	return size << SIZE_SHIFT | (place + 1);
}

void owner_store_put(struct owner_store *store, struct stored_owner *to,
		     const struct owner *owner)
{
	names_give(store, to->names);
	*to = (struct stored_owner){
		.id = owner->id,
		.credential_expires_s = owner->credential_expires_s,
		.quota = owner->quota,
		.names = names_take(store, owner),
		.key = owner->key,
		.nameless = owner->nameless,
		.is_token = owner->is_token,
	};
}

void owner_store_drop(struct owner_store *store, struct stored_owner *from)
{
	names_give(store, from->names);
	OPENSSL_cleanse(from, sizeof(*from));
}

void owner_store_get(const struct owner_store *store, const struct stored_owner *from,
		     struct owner *owner)
{
	*owner = (struct owner){
		.id = from->id,
		.credential_expires_s = from->credential_expires_s,
		.key = from->key,
		.quota = from->quota,
		.nameless = from->nameless,
		.is_token = from->is_token,
	};
	if (from->names == 0)
		return;
	const char *user = owner_store_user(store, from);
	const char *key_id = owner_store_key_id(store, from);
	memcpy(owner->user, user, strlen(user) + 1);
	memcpy(owner->key_id, key_id, strlen(key_id) + 1);
}

const char *owner_store_user(const struct owner_store *store,
			     const struct stored_owner *from)
{
	return from->names != 0 ? names_at(store, from->names) : "";
}

const char *owner_store_key_id(const struct owner_store *store,
			       const struct stored_owner *from)
{
	const char *user = owner_store_user(store, from);

	return from->names != 0 ? user + strlen(user) + 1 : "";
}
