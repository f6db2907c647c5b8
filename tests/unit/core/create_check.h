/*
 * create_check.h - allocations made as a dialect makes them, in the fixture of
 * one_fixture.h.
 */
#ifndef TESTS_UNIT_CORE_CREATE_CHECK_H
#define TESTS_UNIT_CORE_CREATE_CHECK_H

#include "relay/core/allocation.h"
#include "tests/unit/core/one_fixture.h"

static const uint8_t txid[STUN_TXID_LEN] = "transaction";
static const struct stun_key key = {16, "0123456789abcdef"};

/* What allocation_create() returns. */
static int create(const char *user, const char *client, uint16_t front, uint8_t family,
		  struct allocation **al)
{
	const struct owner owner = {
		.id = owner_id_of(&fixture.shared.hash_key,
				  (struct slice){(const uint8_t *)user, strlen(user)}),
		.key = key,
	};
	const struct allocation_request request = {
		.tuple = fixture_tuple(client, front),
		.family = family,
		.txid = txid,
		.owner = &owner,
	};

	return fixture_create(&fixture, user, request, al);
}

#endif
