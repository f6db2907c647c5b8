/*
 * owner.c - two hashes under independent keys: 128 bits, so that no two usernames are one owner.
 */
#include "relay/core/owner.h"

#include <string.h>

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
