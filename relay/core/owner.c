/*
 * owner.c - two hashes under independent keys: 128 bits, so that no two usernames are one owner.
 */
#include "relay/core/owner.h"

#include <string.h>

void owner_prove(struct owner *owner, const struct credential *cred,
		 const struct key *made_by, const struct stun_key *key)
{
	owner->key = *key;
	memcpy(owner->user, cred->user, sizeof(owner->user));
	memcpy(owner->key_id, made_by->id, sizeof(owner->key_id));
	owner->credential_expires_s = cred->expires_s;
	owner->quota = cred->quota;
	owner->nameless = cred->nameless;
}

struct owner_id owner_id_of(const struct siphash_key *key, struct slice username)
{
	const struct siphash_key second = {
		siphash(key, "owner 0", 7),
		siphash(key, "owner 1", 7),
	};
	struct owner_id id;

	store_be64(id.bytes, siphash(key, username.data, username.len));
	store_be64(id.bytes + 8, siphash(&second, username.data, username.len));
	return id;
}

bool owner_id_equal(const struct owner_id *a, const struct owner_id *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
