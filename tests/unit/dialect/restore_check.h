/*
 * restore_check.h - for tests of core/allocation_restore.h: two processes, one before and one after a
 * restart, and clients that make allocations in the first and go on in the second.
 */
#ifndef TESTS_UNIT_DIALECT_RESTORE_CHECK_H
#define TESTS_UNIT_DIALECT_RESTORE_CHECK_H

#include <string.h>

#include "relay/core/allocation_restore.h"
#include "relay/core/changes.h"
#include "relay/state/saved_allocation.h"
#include "tests/unit/dialect/ms_client.h"
#include "tests/unit/dialect/turn_client.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/state/images.h"

#define ALICE "192.0.2.200:5000"
#define ELSEWHERE "198.51.100.7:6000"
#define PEER "192.0.2.1:7000"
#define PEER_B "192.0.2.2:7000"
#define PEER_V6 "[2001:db8:1::1]:7000"
#define SERVER_NAME "turn.example.org"

static struct fixture before, after;
static struct client alice, moved;
static struct ms_client maria;
static struct owner_proof proof; /* of the allocation that was made last */
static struct allocation_image image, again;
static struct restore_extras extras;
static struct allocation *restored;
static uint8_t record[SAVED_ALLOCATION_MAX];

static inline void begin_each_with(const struct fixture_options *was,
				   const struct fixture_options *is)
{
	ck_assert(fixture_start(&before, was) && fixture_start(&after, is));
	ms_fixture_enable(&before);
	ms_fixture_enable(&after);
	client_init(&alice, &before, ALICE, FRONT_OUTSIDE_UDP, "alice");
	client_init(&moved, &before, ELSEWHERE, FRONT_OUTSIDE_UDP, "alice");
	ms_client_init(&maria, &before, ALICE, FRONT_OUTSIDE_UDP, "maria");
	extras = (struct restore_extras){.relay = {-1, -1}};
	restored = NULL;
}

static inline void begin(void)
{
	const struct fixture_options options = {.mobility = true};

	begin_each_with(&options, &options);
}

static inline void end_all(struct fixture *fixture)
{
	struct allocation *al;

	ck_assert(allocation_table_check(fixture->turn.table));
	while ((al = allocation_next(fixture->turn.table, 0)) != NULL)
		allocation_delete(&fixture->turn, al, END_SHUTDOWN, fixture->now_ms);
	reservation_table_expire(fixture->shared.reservations, UINT64_MAX / 2);
	ck_assert(fixture_is_clean(fixture));
	for (size_t i = 0; i < FAKE_FRONTS; i++)
		ck_assert_uint_eq(fixture->turn.front_allocations[i], 0);
}

static inline void end(void)
{
	end_all(&before);
	end_all(&after);
	fixture_stop(&before);
	fixture_stop(&after);
}

static inline struct slice text_of(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

static inline struct allocation *proved_by(const struct client *c)
{
	struct allocation *al = client_allocation(c);

	ck_assert_msg(al != NULL && c->fault == NULL, "%s", c->fault);
	proof = (struct owner_proof){
		.kind = OWNER_PROOF_USERNAME,
		.bytes = {(const uint8_t *)c->username, c->username_len},
		.realm = text_of(fixture_realm),
		.key_len = al->owner.key.len,
	};
	if (al->owner.is_token) {
		proof.kind = OWNER_PROOF_TOKEN;
		proof.bytes = (struct slice){c->token, c->token_len};
		proof.realm = text_of(SERVER_NAME);
	}
	return al;
}

static inline struct allocation *ms_proved_by(const struct ms_client *c)
{
	struct allocation *al = ms_client_allocation(c);

	ck_assert_msg(al != NULL && c->fault == NULL, "%s", c->fault);
	proof = (struct owner_proof){
		.kind = OWNER_PROOF_MS_USERNAME,
		.bytes = {c->username, c->username_len},
		.realm = text_of(c->fixture->settings.ms.realm),
		.key_len = al->owner.key.len,
	};
	return al;
}

/* Its image, through the form that it has in a file. */
static inline void take_image(const struct allocation *al)
{
	size_t len;

	allocation_image_take(&before.turn, al, &again);
	again.proof = proof;
	allocation_image_trim(&again, before.now_ms);
	ck_assert(allocation_image_is_sound(&again));
	len = saved_allocation_write(&again, record, sizeof(record));
	ck_assert_uint_gt(len, 0);
	ck_assert_int_eq(saved_allocation_read((struct slice){record, len}, &image),
			 SAVED_GOOD);
}

static inline enum restore_result restore_image(void)
{
	enum restore_result result;

	restored = NULL;
	result = allocation_restore(&after.turn, &image, &extras, after.now_ms,
				    after.unix_s, &restored);
	changes_save(&after.turn, after.now_ms);
	return result;
}

static inline void expect_restored(const char *name)
{
	enum restore_result result = restore_image();

	ck_assert_msg(result == RESTORED && restored != NULL, "%s: %s", name,
		      restore_result_name(result));
	ck_assert(allocation_table_check(after.turn.table));
	ck_assert(port_pool_check(after.shared.ports) &&
		  port_pool_check(after.shared.tcp_ports));
}

/* As expect_restored() backwards: nothing is held. */
static inline void expect_lost(enum restore_result want, const char *name)
{
	unsigned opened = after.edge.opened, closed = after.edge.closed;
	size_t count = allocation_count(after.turn.table);
	uint32_t total = quota_held(after.shared.total, 0);
	enum restore_result result = restore_image();

	ck_assert_msg(result == want && restored == NULL, "%s: %s, not %s", name,
		      restore_result_name(result), restore_result_name(want));
	ck_assert(allocation_table_check(after.turn.table));
	ck_assert(port_pool_check(after.shared.ports) &&
		  port_pool_check(after.shared.tcp_ports));
	ck_assert_uint_eq(allocation_count(after.turn.table), count);
	ck_assert_uint_eq(quota_held(after.shared.total, 0), total);
	ck_assert_uint_eq(after.edge.opened - opened, after.edge.closed - closed);
}

#endif
