/*
 * create_check.h - allocations made as a dialect makes them, in the world of one_world.h.
 */
#ifndef TESTS_UNIT_CORE_CREATE_CHECK_H
#define TESTS_UNIT_CORE_CREATE_CHECK_H

#include "relay/core/allocation.h"
#include "tests/unit/core/one_world.h"

static const uint8_t txid[STUN_TXID_LEN] = "transaction";
static const struct stun_key key = {16, "0123456789abcdef"};

/* What allocation_create() returns. */
static int create(const char *user, const char *client, uint16_t front, uint8_t family,
		  struct allocation **al)
{
	const struct allocation_request request = {
		.tuple = world_tuple(client, front),
		.family = family,
		.txid = txid,
		.key = &key,
	};

	return world_create(&world, user, request, al);
}

#endif
