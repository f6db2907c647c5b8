/*
 * create_check.h - allocations made as a dialect makes them, in the world of one_world.h.
 */
#ifndef TESTS_UNIT_CREATE_CHECK_H
#define TESTS_UNIT_CREATE_CHECK_H

#include <string.h>

#include "relay/core/allocation.h"
#include "tests/unit/one_world.h"

static const uint8_t txid[STUN_TXID_LEN] = "transaction";
static const struct stun_key key = {16, "0123456789abcdef"};

/* What allocation_create() returns. */
static int create(const char *user, const char *client, uint16_t front, uint8_t family,
		  struct allocation **al)
{
	struct slice name = {(const uint8_t *)user, strlen(user)};
	struct owner owner = owner_of(&world.commons.hash_key, name);
	const struct allocation_request request = {
		.tuple = world_tuple(client, front),
		.family = family,
		.lifetime_s = 600,
		.txid = txid,
		.owner = &owner,
		.key = &key,
		.user = user,
		.key_id = "k1",
	};

	return allocation_create(&world.turn, &request, world.now_ms, al);
}

#endif
