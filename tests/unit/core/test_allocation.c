/*
 * test_allocation.c - the table, and the resources that an allocation takes and returns
 * (RFC 8656 sections 6 to 8, the part that the core decides). Reservations and refused
 * sockets are in test_relay_port.c.
 */
#include <stdio.h>
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/channel.h"
#include "relay/core/ids.h"
#include "relay/core/permission.h"
#include "relay/core/transactions.h"
#include "tests/unit/core/create_check.h"
#include "tests/unit/core/random.h"

START_TEST(allocation_keeps_what_it_was_given) /* T-209 */
{
	struct allocation *al;
	struct five_tuple tuple = fixture_tuple("10.0.0.7:4000", 1);

	ck_assert_int_eq(create("alice", "10.0.0.7:4000", 1, IP_V4, &al), 0);
	ck_assert(five_tuple_equal(&al->tuple, &tuple));
	ck_assert_ptr_eq(allocation_find(fixture.turn.table, &tuple), al);
	ck_assert_ptr_eq(allocation_at(fixture.turn.table, al->slot), al);
	ck_assert_uint_eq(al->side, SIDE_INSIDE);
	ck_assert_uint_eq(al->transport, TRANSPORT_TCP);
	ck_assert_uint_eq(al->families, IP_V4);
	ck_assert_uint_eq(al->created_ms, fixture.now_ms);
	ck_assert_uint_eq(al->expires_ms, fixture.now_ms + 600000);
	ck_assert_mem_eq(al->txid, txid, sizeof(txid));
	ck_assert_mem_eq(al->owner.key.bytes, key.bytes, 16);
	ck_assert_str_eq(allocation_user(fixture.turn.table, al), "alice");
	ck_assert_str_eq(allocation_key_id(fixture.turn.table, al), "k1");
	ck_assert_uint_eq(id_worker(al->id), fixture.turn.worker);
	ck_assert_uint_eq(id_slot(al->id), al->slot);
	ck_assert_uint_eq(fixture.turn.counters.allocations_opened, 1);

	/* The relayed address is outside, whatever side the client is on. */
	struct endpoint relayed = allocation_relayed_local(&fixture.turn, al);
	ck_assert(endpoint_equal(&relayed, &fixture.edge.local[al->slot]));
	ck_assert_mem_eq(relayed.ip.bytes, ((uint8_t[]){198, 18, 0, 1}), 4);
}
END_TEST

START_TEST(fronts_tell_5_tuples_apart) /* T-202 */
{
	struct allocation *udp, *tcp, *tls;

	ck_assert_int_eq(create("alice", "10.0.0.7:4000", 0, IP_V4, &udp), 0);
	ck_assert_int_eq(create("alice", "10.0.0.7:4000", 1, IP_V4, &tcp), 0);
	ck_assert_int_eq(create("alice", "10.0.0.7:4000", 2, IP_V4, &tls), 0);
	ck_assert_uint_eq(allocation_count(fixture.turn.table), 3);
	ck_assert_uint_ne(udp->relay_port, tcp->relay_port);
	ck_assert_uint_ne(tcp->relay_port, tls->relay_port);
}
END_TEST

START_TEST(the_answer_has_the_public_address_and_the_local_one_is_bound) /* T-250 */
{
	begin_with(&(struct fixture_options){.nat = true});
	struct allocation *al = fixture_allocate(&fixture, "alice", 1, NULL);
	struct endpoint public = allocation_relayed_public(&fixture.turn, al);

	ck_assert_mem_eq(fixture.edge.local[al->slot].ip.bytes,
			 ((uint8_t[]){198, 18, 0, 1}), 4);
	ck_assert_mem_eq(public.ip.bytes, ((uint8_t[]){203, 0, 113, 1}), 4);
	ck_assert_uint_eq(public.port, fixture.edge.local[al->slot].port);
}
END_TEST

static const struct {
	const char *name;
	bool no_v4, no_v6;
	uint8_t family;
	int want;
} families[] = {
	{"IPv4 where both are", false, false, IP_V4, 0},
	{"IPv6 where both are", false, false, IP_V6, 0},
	{"IPv4 where only IPv6 is", true, false, IP_V4, 440},
	{"IPv6 where only IPv4 is", false, true, IP_V6, 440},
	{"IPv6 where only IPv6 is", true, false, IP_V6, 0},
	{"no family at all", false, false, 3, 440},
};

START_TEST(allocation_has_the_requested_family) /* T-229, T-230 */
{
	struct allocation *al;

	begin_with(&(struct fixture_options){.no_v4 = families[_i].no_v4,
					     .no_v6 = families[_i].no_v6});
	int got = create("alice", "192.0.2.9:9", 3, families[_i].family, &al);
	ck_assert_msg(got == families[_i].want, "%s: got %d", families[_i].name, got);
	if (got == 0)
		ck_assert_uint_eq(allocation_relayed_local(&fixture.turn, al).ip.family,
				  families[_i].family);
	else
		ck_assert(fixture_is_clean(&fixture));
}
END_TEST

static const struct {
	const char *name;
	uint32_t asked, want;
} lifetimes[] = {
	{"absent, or zero in Allocate", 0, 600},
	{"below the default", 60, 600},
	{"between", 1800, 1800},
	{"at the maximum", 3600, 3600},
	{"above the maximum", 99999, 3600},
	{"the largest value", UINT32_MAX, 3600},
};

START_TEST(lifetime_is_between_default_and_maximum) /* T-245, T-246, T-247, T-260 */
{
	uint32_t got = allocation_lifetime(&fixture.turn, lifetimes[_i].asked);
	ck_assert_msg(got == lifetimes[_i].want, "%s: got %u", lifetimes[_i].name, got);
}
END_TEST

START_TEST(maximum_below_the_default_gives_the_default)
{
	fixture.settings.limits.lifetime_max_s = 300;
	ck_assert_uint_eq(allocation_lifetime(&fixture.turn, 1200), 600);
}
END_TEST

/* Typical state: permissions, a channel, traffic. */
static struct allocation *busy_allocation(void)
{
	struct allocation *al = fixture_allocate(&fixture, "alice", 1, NULL);
	struct endpoint peers[5];

	for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
		peers[i] = ep("192.0.2.0:7000");
		peers[i].ip.bytes[3] = (uint8_t)(10 + i);
	}
	ck_assert_int_eq(
		permission_install(&fixture.turn, al, peers, 5, fixture.now_ms, NULL), 0);
	ck_assert_int_eq(
		channel_bind(&fixture.turn, al, 0x4000, peers, fixture.now_ms, NULL), 0);
	return al;
}

START_TEST(expiry_frees_everything) /* T-211 */
{
	struct allocation *al = busy_allocation();
	uint64_t id = al->id, due = al->expires_ms;
	struct five_tuple tuple = al->tuple;

	ck_assert_uint_eq(allocation_table_expire(&fixture.turn, due - 1), due);
	ck_assert_ptr_nonnull(allocation_find(fixture.turn.table, &tuple));
	ck_assert_uint_eq(allocation_table_expire(&fixture.turn, due), UINT64_MAX);
	ck_assert_ptr_null(allocation_find(fixture.turn.table, &tuple));
	ck_assert_ptr_null(allocation_by_id(fixture.turn.table, id));
	ck_assert(fixture_is_clean(&fixture));
	ck_assert_uint_eq(fixture.edge.last.end_reason, END_EXPIRED);
	ck_assert_uint_eq(fixture.turn.counters.allocations_closed, 1);
}
END_TEST

START_TEST(record_is_made_before_fields_are_cleared)
{
	struct allocation *al = busy_allocation();

	al->to_peer = (struct traffic){3, 480};
	allocation_delete(&fixture.turn, al, END_CLIENT_GONE, fixture.now_ms); /* T-213 */
	ck_assert_uint_eq(fixture.edge.ended, 1);
	ck_assert_str_eq(fixture.edge.last_owner.user, "alice");
	ck_assert_uint_eq(fixture.edge.last.to_peer.bytes, 480);
	ck_assert_uint_eq(fixture.edge.last.permission_count, 5);
	ck_assert_uint_eq(fixture.edge.last.channel_count, 1);
	ck_assert_uint_eq(fixture.edge.last.end_reason, END_CLIENT_GONE);
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(ends_are_counted_by_kind_and_reason)
{
	const struct counters *counters = &fixture.turn.counters;
	const struct turnover *kind =
		&counters->allocations[DIALECT_IETF][SIDE_OUTSIDE][TRANSPORT_UDP]
				      [TRANSPORT_UDP];
	struct allocation *al = busy_allocation();

	al->to_peer = (struct traffic){3, 1200};
	al->to_client = (struct traffic){3, 480};
	ck_assert_uint_eq(kind->opened, 1);
	ck_assert_uint_eq(kind->closed, 0);
	ck_assert_uint_eq(counters->allocation_duration.counts[0], 0);
	allocation_delete(&fixture.turn, al, END_RELEASED, al->created_ms + 20000);
	ck_assert_uint_eq(kind->closed, 1);
	ck_assert_uint_eq(counters->allocations_ended[END_RELEASED], 1);
	ck_assert_uint_eq(counters->allocations_ended[END_EXPIRED], 0);
	ck_assert_uint_eq(counters->allocation_duration.sum, 20000);
	ck_assert_uint_eq(counters->allocation_duration.counts[3], 1);
	ck_assert_uint_eq(counters->allocation_bytes.sum, 1680);
	ck_assert_uint_eq(counters->allocation_bytes.counts[1], 1);
}
END_TEST

START_TEST(key_does_not_outlive_the_allocation)
{
	struct allocation *al;

	ck_assert_int_eq(create("alice", "192.0.2.9:1", 3, IP_V4, &al), 0);
	allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	const uint8_t *bytes = slab_at(&fixture.turn.table->allocations, 0);
	for (size_t i = 0; i + 16 <= sizeof(*al); i++)
		ck_assert_msg(memcmp(bytes + i, key.bytes, 16) != 0, "key at byte %zu",
			      i);
}
END_TEST

START_TEST(id_of_the_past_names_nothing)
{
	struct allocation *al = fixture_allocate(&fixture, "alice", 1, NULL);
	uint64_t id = al->id;
	uint32_t slot = al->slot;

	ck_assert_ptr_eq(allocation_by_id(fixture.turn.table, id), al);
	allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	ck_assert_ptr_null(allocation_at(fixture.turn.table, slot));
	ck_assert_ptr_null(allocation_by_id(fixture.turn.table, id));

	al = fixture_allocate(&fixture, "alice", 1, NULL);
	ck_assert_uint_eq(al->slot, slot);
	ck_assert_ptr_null(allocation_by_id(fixture.turn.table, id));
	ck_assert_ptr_eq(allocation_by_id(fixture.turn.table, al->id), al);
	ck_assert_ptr_null(allocation_by_id(fixture.turn.table, UINT64_MAX));
}
END_TEST

START_TEST(refresh_counts_from_now)
{
	struct allocation *al = fixture_allocate(&fixture, "alice", 1, NULL);
	struct allocation *other = fixture_allocate(&fixture, "bob", 2, NULL);

	allocation_refresh(&fixture.turn, al, 1800, fixture.now_ms + 5000);
	ck_assert_uint_eq(al->expires_ms, fixture.now_ms + 5000 + 1800000);
	ck_assert_uint_eq(allocation_table_expire(&fixture.turn, fixture.now_ms),
			  other->expires_ms);
	/* The new lifetime may end earlier than the old one. */
	allocation_refresh(&fixture.turn, al, 1, fixture.now_ms + 5000);
	ck_assert_uint_eq(allocation_table_expire(&fixture.turn, fixture.now_ms),
			  fixture.now_ms + 6000);
}
END_TEST

START_TEST(requests_are_remembered_for_forty_seconds) /* T-029, T-116 */
{
	struct allocation *al = fixture_allocate(&fixture, "alice", 1, NULL);
	const uint8_t zero[STUN_TXID_LEN] = {0};
	uint8_t id[STUN_TXID_LEN] = {0};

	ck_assert(transactions_recall(&al->transactions, zero, STUN_TXID_LEN, 5) < 0);
	transactions_remember(&al->transactions, txid, STUN_TXID_LEN, 0, 1000);
	ck_assert(transactions_recall(&al->transactions, txid, STUN_TXID_LEN, 1000) == 0);
	ck_assert(transactions_recall(&al->transactions, txid, STUN_TXID_LEN,
				      1000 + 39999) == 0);
	ck_assert(transactions_recall(&al->transactions, txid, STUN_TXID_LEN,
				      1000 + 40000) < 0);
	ck_assert(transactions_recall(&al->transactions, zero, STUN_TXID_LEN, 1000) < 0);

	/* It remembers the last four; the fifth replaces the first. */
	for (id[0] = 1; id[0] <= 5; id[0]++)
		transactions_remember(&al->transactions, id, STUN_TXID_LEN, 0, 50000);
	for (id[0] = 1; id[0] <= 5; id[0]++)
		ck_assert((transactions_recall(&al->transactions, id, STUN_TXID_LEN,
					       50000) == 0) == (id[0] > 1));
}
END_TEST

START_TEST(owners_differ_by_username) /* T-204 */
{
	const struct siphash_key other_key = {1, 2};
	struct slice alice = {(const uint8_t *)"alice", 5};
	struct owner_id a = owner_id_of(&fixture.shared.hash_key, alice);
	struct owner_id again = owner_id_of(&fixture.shared.hash_key, alice);
	struct owner_id shorter =
		owner_id_of(&fixture.shared.hash_key, (struct slice){alice.data, 4});
	struct owner_id keyed = owner_id_of(&other_key, alice);

	ck_assert(owner_id_equal(&a, &again));
	ck_assert(!owner_id_equal(&a, &shorter));
	ck_assert(!owner_id_equal(&a, &keyed));
	ck_assert_mem_ne(a.bytes, a.bytes + 8, 8);
}
END_TEST

START_TEST(relayed_addresses_are_unique) /* T-208 */
{
	static bool seen[65536];

	begin_with(&(struct fixture_options){
		.slots = 10000, .first_port = 50000, .last_port = 59999, .no_v6 = true});
	for (uint16_t i = 0; i < 10000; i++) {
		struct allocation *al =
			fixture_allocate(&fixture, "alice", 1000 + i, NULL);
		ck_assert_ptr_nonnull(al);
		ck_assert(!seen[al->relay_port]);
		seen[al->relay_port] = true;
	}
	for (uint16_t i = 0; i < 10000; i++) {
		struct five_tuple tuple = fixture_tuple("192.0.2.200:1", 3);
		tuple.client.port = 1000 + i;
		struct allocation *al = allocation_find(fixture.turn.table, &tuple);
		ck_assert_ptr_nonnull(al);
		ck_assert_uint_eq(al->tuple.client.port, 1000 + i);
	}
}
END_TEST

enum { MODEL_CLIENTS = 200, MODEL_SLOTS = 100 };

/* Compare all that the table says about each client with a plain list. */
static void compare_with_model(const uint64_t due[MODEL_CLIENTS], int step)
{
	size_t live = 0, walked = 0;

	for (uint16_t i = 0; i < MODEL_CLIENTS; i++) {
		struct five_tuple tuple = fixture_tuple("192.0.2.200:1", 3);
		tuple.client.port = 1 + i;
		const struct allocation *al = allocation_find(fixture.turn.table, &tuple);

		live += due[i] != 0;
		if ((al != NULL) != (due[i] != 0) || (al && al->expires_ms != due[i]))
			ck_abort_msg("step %d: client %u is wrong", step, i);
	}
	for (const struct allocation *al = allocation_next(fixture.turn.table, 0); al;
	     al = allocation_next(fixture.turn.table, al->slot + 1))
		walked++;
	if (allocation_count(fixture.turn.table) != live || walked != live)
		ck_abort_msg("step %d: %zu, walked %zu, want %zu", step,
			     allocation_count(fixture.turn.table), walked, live);
}

static struct allocation *model_find(uint16_t client)
{
	struct five_tuple tuple = fixture_tuple("192.0.2.200:1", 3);

	tuple.client.port = 1 + client;
	return allocation_find(fixture.turn.table, &tuple);
}

START_TEST(table_agrees_with_a_naive_list)
{
	uint64_t state = 7, due[MODEL_CLIENTS] = {0};
	size_t live = 0;

	begin_with(&(struct fixture_options){.slots = MODEL_SLOTS, .last_port = 50150});
	for (int step = 0; step < 20000; step++) {
		uint16_t i = (uint16_t)random_below(&state, MODEL_CLIENTS);
		uint32_t lifetime_s = 1 + random_below(&state, 900);

		fixture.now_ms += random_below(&state, 2000);
		allocation_table_expire(&fixture.turn, fixture.now_ms);
		live = 0;
		for (size_t j = 0; j < MODEL_CLIENTS; j++) {
			if (due[j] <= fixture.now_ms)
				due[j] = 0;
			live += due[j] != 0;
		}

		if (due[i] == 0) {
			int code;
			struct allocation *al =
				fixture_allocate(&fixture, "u", 1 + i, &code);
			if ((al == NULL) != (live == MODEL_SLOTS) || (!al && code != 508))
				ck_abort_msg("step %d: %d with %zu live", step, code,
					     live);
			due[i] = al ? fixture.now_ms + 600000 : 0;
		} else if (random_below(&state, 2)) {
			allocation_delete(&fixture.turn, model_find(i), END_RELEASED,
					  fixture.now_ms);
			due[i] = 0;
		} else {
			allocation_refresh(&fixture.turn, model_find(i), lifetime_s,
					   fixture.now_ms);
			due[i] = fixture.now_ms + (uint64_t)lifetime_s * 1000;
		}
		if (step % 20 == 0)
			compare_with_model(due, step);
	}
	compare_with_model(due, -1);
	fixture.now_ms += 3600000;
	ck_assert_uint_eq(allocation_table_expire(&fixture.turn, fixture.now_ms),
			  UINT64_MAX);
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(idle_call_stays_small)
{
	size_t table_share = 4 * sizeof(struct bucket) + sizeof(struct expiry_entry) +
			     sizeof(uint32_t) + 32; /* and common names */
	size_t call = sizeof(struct allocation) + sizeof(struct permission_chunk) +
		      sizeof(struct channel_chunk) + table_share;

	ck_assert_uint_le(sizeof(struct allocation), 512);
	ck_assert_uint_le(call, 928); /* of 1.6 KB with all else and its record */
}
END_TEST

START_TEST(reasons_have_names)
{
	for (int i = 0; i < END_REASON_COUNT; i++)
		ck_assert_uint_gt(strlen(end_reason_name((enum end_reason)i)), 0);
}
END_TEST

static void allocation_suite(Suite *suite)
{
	TCase *tc = tcase_create("allocation");
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, allocation_keeps_what_it_was_given);
	tcase_add_test(tc, fronts_tell_5_tuples_apart);
	tcase_add_test(tc, the_answer_has_the_public_address_and_the_local_one_is_bound);
	tcase_add_loop_test(tc, allocation_has_the_requested_family, 0, ROWS(families));
	tcase_add_loop_test(tc, lifetime_is_between_default_and_maximum, 0,
			    ROWS(lifetimes));
	tcase_add_test(tc, maximum_below_the_default_gives_the_default);
	tcase_add_test(tc, expiry_frees_everything);
	tcase_add_test(tc, record_is_made_before_fields_are_cleared);
	tcase_add_test(tc, ends_are_counted_by_kind_and_reason);
	tcase_add_test(tc, key_does_not_outlive_the_allocation);
	tcase_add_test(tc, id_of_the_past_names_nothing);
	tcase_add_test(tc, refresh_counts_from_now);
	tcase_add_test(tc, requests_are_remembered_for_forty_seconds);
	tcase_add_test(tc, owners_differ_by_username);
	tcase_add_test(tc, relayed_addresses_are_unique);
	tcase_add_test(tc, table_agrees_with_a_naive_list);
	tcase_add_test(tc, idle_call_stays_small);
	tcase_add_test(tc, reasons_have_names);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("allocation", allocation_suite)
