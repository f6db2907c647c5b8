/*
 * test_keeper.c - records of allocations follow their allocations: at once what requests change, within a
 * second what packets move, and nothing of an allocation that is idle.
 */
#include "relay/state/keeper.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "relay/core/changes.h"
#include "relay/state/saved_allocation.h"
#include "tests/unit/core/fake_edge.h"
#include "tests/unit/lib/unit.h"

enum { SLOTS = 1200 };

static struct fixture fixture;
static struct turn *const turn = &fixture.turn;
static struct state_file *file;
static struct keeper *keeper;
static void *memory;
static size_t bytes;
static struct allocation_image image;
static unsigned writes;

static void count(void *arg, const void *to, size_t len)
{
	(void)arg;
	(void)to;
	(void)len;
	writes++;
}

static void prove(void *self, uint32_t slot, const struct owner_proof *proof)
{
	(void)self;
	keeper_prove(keeper, slot, proof);
}

static void save(void *self, uint64_t now_ms)
{
	(void)self;
	keeper_save(keeper, now_ms);
}

static struct endpoint balancer;

static struct endpoint via(void *arg, const struct allocation *al)
{
	(void)arg;
	(void)al;
	return balancer;
}

static void begin(void)
{
	const struct state_sizes sizes = {
		.records = {[STATE_ALLOCATION] = SLOTS, [STATE_PEER] = SLOTS}};
	const struct state_head head = {.process = 1, .workers = 1};
	const struct fixture_options options = {
		.slots = SLOTS,
		.first_port = 50000,
		.last_port = 52000,
	};

	ck_assert(fixture_start(&fixture, &options));
	fixture_by_hand(&fixture); /* this test has records of its own */
	bytes = state_file_bytes(&sizes);
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	ck_assert(memory != MAP_FAILED);
	file = state_file_new(memory, bytes, &head, &sizes);
	ck_assert_ptr_nonnull(file);
	ck_assert(change_list_init(&turn->changes, SLOTS));
	keeper = keeper_new(turn, file, SLOTS, via, NULL);
	ck_assert_ptr_nonnull(keeper);
	fixture.edge.edge.prove = prove;
	fixture.edge.edge.save = save;
	balancer = (struct endpoint){.ip.family = IP_NONE};
}

static void end(void)
{
	keeper_free(keeper);
	state_file_free(file);
	munmap(memory, bytes);
	change_list_release(&turn->changes);
	fixture_stop(&fixture);
}

static struct allocation *allocate(uint16_t port)
{
	struct allocation *al = fixture_allocate(&fixture, "alice", port, NULL);

	ck_assert_ptr_nonnull(al);
	return al;
}

static bool read_slot(uint32_t slot)
{
	struct slice record = state_file_get(file, STATE_ALLOCATION, slot);

	return record.data != NULL && saved_allocation_read(record, &image) == SAVED_GOOD;
}

static void relay_packet(struct allocation *al)
{
	al->to_peer.packets++;
	al->to_peer.bytes += 100;
}

/* A round through all slots. */
static void catch_up(uint64_t moved)
{
	uint32_t waited_ms = 0;

	while (waited_ms < KEEPER_ROUND_MS - 10)
		waited_ms += keeper_catch_up(keeper, moved, fixture.now_ms);
}

START_TEST(nothing_is_written_before_it_is_saved)
{
	const struct allocation *al = allocate(1000);

	ck_assert(!read_slot(al->slot));
	changes_save(turn, fixture.now_ms);
	ck_assert(read_slot(al->slot));
	ck_assert_uint_eq(image.move.al.id, al->id);
	state_file_watch(file, count, NULL);
	changes_save(turn, fixture.now_ms);
	ck_assert_msg(writes == 0, "nothing has changed");
}
END_TEST

START_TEST(traffic_is_saved_within_a_round)
{
	struct allocation *al = allocate(1000);

	changes_save(turn, fixture.now_ms);
	relay_packet(al);
	ck_assert(read_slot(al->slot) && image.move.al.to_peer.packets == 0);
	catch_up(1);
	ck_assert(read_slot(al->slot));
	ck_assert_uint_eq(image.move.al.to_peer.packets, 1);
	ck_assert_uint_eq(image.move.al.to_peer.bytes, 100);
}
END_TEST

START_TEST(a_round_costs_idle_ones_nothing)
{
	struct allocation *busy = NULL;

	for (uint16_t i = 0; i < 1000; i++)
		busy = allocate((uint16_t)(1000 + i));
	changes_save(turn, fixture.now_ms);
	relay_packet(busy);
	state_file_watch(file, count, NULL);
	catch_up(1);
	unsigned for_one = writes;

	ck_assert_uint_gt(for_one, 0);
	ck_assert_uint_lt(for_one, 200);
	ck_assert(read_slot(busy->slot) && image.move.al.to_peer.packets == 1);
	catch_up(1);
	ck_assert_msg(writes == for_one, "nothing has moved since");
}
END_TEST

/* One call looks at KEEPER_SLICE slots, so that no packet waits for thousands of records. */
START_TEST(one_call_is_bounded)
{
	static struct allocation *all[1000];
	unsigned saved = 0;

	for (uint16_t i = 0; i < ARRAY_LEN(all); i++)
		all[i] = allocate((uint16_t)(1000 + i));
	changes_save(turn, fixture.now_ms);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		relay_packet(all[i]);
	uint32_t wait_ms = keeper_catch_up(keeper, 1000, fixture.now_ms);

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		saved += read_slot(all[i]->slot) && image.move.al.to_peer.packets == 1;
	ck_assert_uint_eq(saved, KEEPER_SLICE);
	ck_assert_uint_le(wait_ms, KEEPER_ROUND_MS / (ARRAY_LEN(all) / KEEPER_SLICE));
}
END_TEST

START_TEST(what_moves_without_packets_is_found_in_the_ms_dialect)
{
	struct allocation *al;

	ck_assert_int_eq(fixture_create(&fixture, "bob",
					(struct allocation_request){
						.tuple = fixture_tuple("192.0.2.9:9", 3),
						.dialect = DIALECT_MS},
					&al),
			 0);
	changes_save(turn, fixture.now_ms);
	/* A Send whose data was dropped. */
	ck_assert(sequence_take(&al->ms.sequence, 7));
	catch_up(1);
	ck_assert(read_slot(al->slot));
	ck_assert_uint_eq(image.move.al.ms.sequence.newest, 7);
}
END_TEST

START_TEST(an_allocation_that_ends_leaves_nothing)
{
	struct allocation *al = allocate(1000);
	const uint32_t slot = al->slot;

	changes_save(turn, fixture.now_ms);
	allocation_delete(turn, al, END_RELEASED, fixture.now_ms);
	ck_assert_msg(read_slot(slot), "before anybody hears of it");
	changes_save(turn, fixture.now_ms);
	ck_assert(!read_slot(slot));
}
END_TEST

static const char name[] = "1700003600:alice";

static void prove_alice(uint32_t slot)
{
	const struct owner_proof proof = {
		.kind = OWNER_PROOF_USERNAME,
		.bytes = {(const uint8_t *)name, sizeof(name) - 1},
		.realm = {(const uint8_t *)"a.test", 6},
		.key_len = 16,
	};

	keeper_prove(keeper, slot, &proof);
}

static bool has_proof(uint32_t slot)
{
	struct owner_proof proof;

	keeper_proof_of(keeper, slot, &proof);
	return proof.kind == OWNER_PROOF_USERNAME && proof.key_len == 16 &&
	       proof.bytes.len == sizeof(name) - 1 &&
	       memcmp(proof.bytes.data, name, proof.bytes.len) == 0 &&
	       proof.realm.len == 6 && memcmp(proof.realm.data, "a.test", 6) == 0;
}

START_TEST(a_proof_stays_with_its_allocation)
{
	struct allocation *al = allocate(1000);
	const uint32_t slot = al->slot;

	prove_alice(slot);
	ck_assert_msg(has_proof(slot), "before it is saved");
	changes_save(turn, fixture.now_ms);
	ck_assert(has_proof(slot));
	allocation_refresh(turn, al, 700, fixture.now_ms);
	changes_save(turn, fixture.now_ms);
	ck_assert_msg(has_proof(slot), "from record to record");

	/* And not with its slot. */
	allocation_delete(turn, al, END_RELEASED, fixture.now_ms);
	al = allocate(1001);
	ck_assert_uint_eq(al->slot, slot);
	ck_assert(!has_proof(slot));
	changes_save(turn, fixture.now_ms);
	ck_assert(!has_proof(slot));
}
END_TEST

START_TEST(many_proofs_before_one_save)
{
	uint32_t slots[20];

	for (uint16_t i = 0; i < ARRAY_LEN(slots); i++) {
		const struct allocation *al = allocate((uint16_t)(1000 + i));

		slots[i] = al->slot;
		prove_alice(al->slot);
		changes_note(turn, al);
	}
	changes_save(turn, fixture.now_ms);
	for (size_t i = 0; i < ARRAY_LEN(slots); i++)
		ck_assert_msg(has_proof(slots[i]), "%zu", i);
}
END_TEST

START_TEST(the_balancer_is_kept)
{
	struct allocation *al = allocate(1000);

	balancer = ep("10.0.0.9:1234");
	changes_save(turn, fixture.now_ms);
	ck_assert(read_slot(al->slot) && endpoint_equal(&image.via, &balancer));
	balancer = ep("10.0.0.9:1235"); /* with the next packet */
	relay_packet(al);
	catch_up(1);
	ck_assert(read_slot(al->slot) && endpoint_equal(&image.via, &balancer));
}
END_TEST

/* All the memory that is left, in long records of connections. */
static void fill_file(void)
{
	static uint8_t long_one[STATE_RECORD_MAX];
	uint32_t i = 0;

	for (size_t len = sizeof(long_one); len >= 1024; len /= 2)
		while (i < SLOTS &&
		       state_file_put(file, STATE_PEER, i, (struct slice){long_one, len}))
			i++;
	ck_assert_uint_lt(i, SLOTS);
}

START_TEST(what_does_not_fit_is_counted_and_comes_later)
{
	struct allocation *first = allocate(1000), *last = first;

	changes_save(turn, fixture.now_ms);
	fill_file();
	for (uint16_t i = 1; keeper_unsaved(keeper) == 0; i++) {
		ck_assert_uint_lt(i, SLOTS);
		last = allocate((uint16_t)(1000 + i));
		changes_save(turn, fixture.now_ms);
	}
	ck_assert_uint_eq(keeper_unsaved(keeper), 1);
	ck_assert(read_slot(first->slot) && !read_slot(last->slot));

	/* One that cannot be written anew is worse than none: it says what is no longer so. */
	allocation_refresh(turn, last, 700, fixture.now_ms);
	changes_save(turn, fixture.now_ms);
	ck_assert_uint_eq(keeper_unsaved(keeper), 1);

	/* Once there is room again, it is saved. */
	allocation_delete(turn, first, END_RELEASED, fixture.now_ms);
	changes_save(turn, fixture.now_ms);
	catch_up(0);
	ck_assert_uint_eq(keeper_unsaved(keeper), 0);
	ck_assert(read_slot(last->slot) && image.move.al.lifetime_s == 700);
	allocation_delete(turn, last, END_RELEASED, fixture.now_ms);
	changes_save(turn, fixture.now_ms);
	ck_assert_uint_eq(keeper_unsaved(keeper), 0);
}
END_TEST

START_TEST(a_process_that_leaves_saves_all_of_it)
{
	struct allocation *al = allocate(1000);

	relay_packet(al);
	changes_save(turn, fixture.now_ms);
	relay_packet(al);
	const struct allocation *late = allocate(1001);

	keeper_save_all(keeper, fixture.now_ms);
	ck_assert(read_slot(al->slot) && image.move.al.to_peer.packets == 2);
	ck_assert(read_slot(late->slot));
}
END_TEST

static void keeper_suite(Suite *suite)
{
	TCase *tc = tcase_create("keeper");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, nothing_is_written_before_it_is_saved);
	tcase_add_test(tc, traffic_is_saved_within_a_round);
	tcase_add_test(tc, a_round_costs_idle_ones_nothing);
	tcase_add_test(tc, one_call_is_bounded);
	tcase_add_test(tc, what_moves_without_packets_is_found_in_the_ms_dialect);
	tcase_add_test(tc, an_allocation_that_ends_leaves_nothing);
	tcase_add_test(tc, a_proof_stays_with_its_allocation);
	tcase_add_test(tc, many_proofs_before_one_save);
	tcase_add_test(tc, the_balancer_is_kept);
	tcase_add_test(tc, what_does_not_fit_is_counted_and_comes_later);
	tcase_add_test(tc, a_process_that_leaves_saves_all_of_it);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("keeper", keeper_suite)
