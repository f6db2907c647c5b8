/*
 * test_allocation_move.c - an allocation goes from one worker's table to another's, in one piece.
 */
#include "relay/core/allocation_move.h"

#include <stdlib.h>
#include <string.h>

#include "relay/core/changes.h"
#include "relay/core/channel.h"
#include "relay/core/mobility.h"
#include "relay/core/mobility_end.h"
#include "relay/core/permission.h"
#include "relay/core/quota.h"
#include "tests/unit/core/fake_edge.h"
#include "tests/unit/core/random.h"
#include "tests/unit/lib/unit.h"

enum { WORKERS = 2 };

/* Two workers of one relay; the fixture is the first. */
static struct fixture fixture;
static struct turn second;
static struct fake_edge second_edge;
static struct turn *turns[WORKERS];

static void begin_with(struct fixture_options options)
{
	options.mobility = true;
	ck_assert(fixture_start(&fixture, &options));
	second = fixture.turn;
	second.worker = 4;
	second_edge = fixture.edge;
	second_edge.edge.self = &second_edge;
	second_edge.sibling = &fixture.edge;
	fixture.edge.sibling = &second_edge;
	second.edge = &second_edge.edge;
	second.table = allocation_table_new(options.slots ? options.slots : 64, 8, 8,
					    &fixture.shared.hash_key);
	ck_assert_ptr_nonnull(second.table);
	ck_assert(fake_edge_keep(&second_edge, &second,
				 options.slots ? options.slots : 64));
	turns[0] = &fixture.turn;
	turns[1] = &second;
}

static void begin(void)
{
	begin_with((struct fixture_options){0});
}

static bool second_is_clean(void)
{
	const struct allocation_table *table = second.table;

	return second_edge.opened == second_edge.closed && table->allocations.used == 0 &&
	       table->permissions.used == 0 && table->channels.used == 0 &&
	       table->expiry.count == 0 && allocation_table_check(table);
}

static void end_all(struct turn *turn)
{
	struct allocation *al;

	while ((al = allocation_next(turn->table, 0)) != NULL)
		allocation_delete(turn, al, END_SHUTDOWN, fixture.now_ms);
}

static void end(void)
{
	end_all(&fixture.turn);
	fixture_check_records(&second, fixture.now_ms);
	end_all(&second);
	ck_assert(fixture_is_clean(&fixture) && second_is_clean());
	fake_edge_unkeep(&second_edge, &second);
	allocation_table_free(second.table);
	fixture_stop(&fixture);
}

/* From one worker to the other. */
static struct allocation *carry(struct turn *from, struct allocation *al, struct turn *to)
{
	struct allocation_move *move = allocation_move_new();
	const uint64_t id = al->id;
	const uint32_t slot = al->slot;

	ck_assert_ptr_nonnull(move);
	allocation_move_pack(from, al, move);
	ck_assert(allocation_table_check(from->table));
	const struct mobility_place place = allocation_move_place(move, to->worker);

	al = allocation_move_unpack(to, move);
	/* The old worker's word comes late, and changes nothing. */
	mobility_directory_move(fixture.shared.mobile, mobility_name(id), place);
	ck_assert_uint_eq(move->left_slot, slot);
	allocation_move_free(move);
	allocation_move_left(from, slot);
	fixture_check_records(from, fixture.now_ms);
	fixture_check_records(to, fixture.now_ms);
	ck_assert(al == NULL || allocation_table_check(to->table));
	return al;
}

static struct allocation *allocate(uint16_t port)
{
	int code;
	struct allocation *al = fixture_allocate(&fixture, "alice", port, &code);

	ck_assert_ptr_nonnull(al);
	ck_assert(mobility_begin(&fixture.turn, al));
	return al;
}

START_TEST(all_that_it_has_moves)
{
	const struct endpoint peer = ep("192.0.2.1:7000"), other = ep("192.0.2.2:7001");

	begin();
	struct allocation *al = allocate(5000);

	ck_assert_int_eq(
		channel_bind(&fixture.turn, al, 0x4001, &peer, fixture.now_ms, NULL), 0);
	ck_assert_int_eq(permission_install(&fixture.turn, al, &other, 1, fixture.now_ms,
					    NULL),
			 0);
	al->to_peer = (struct traffic){3, 300};
	al->to_client = (struct traffic){4, 400};
	al->credit = 77;
	al->shows_rfc8656 = true;
	transactions_remember(&al->transactions, (const uint8_t *)"123456789012", 12, 0,
			      fixture.now_ms);
	const struct allocation before = *al;

	al = carry(&fixture.turn, al, &second);
	ck_assert_ptr_nonnull(al);
	ck_assert_msg(al->id == before.id, "the id that people know stays");
	ck_assert_ptr_eq(mobility_find(&second, mobility_name(before.id)), al);
	ck_assert_ptr_null(mobility_find(&fixture.turn, mobility_name(before.id)));
	ck_assert_ptr_null(allocation_by_id(fixture.turn.table, before.id));
	ck_assert_msg(allocation_find(second.table, &before.tuple) == NULL &&
			      al->client_gone,
		      "its client is no longer there");
	ck_assert_ptr_null(allocation_find(fixture.turn.table, &before.tuple));

	ck_assert_uint_eq(al->relay_port, before.relay_port);
	ck_assert_uint_eq(al->created_ms, before.created_ms);
	ck_assert_uint_eq(al->expires_ms, before.expires_ms);
	ck_assert_uint_eq(al->credit, 77);
	ck_assert_uint_eq(al->to_peer.bytes + al->to_client.bytes, 700);
	ck_assert(al->shows_rfc8656 && al->mobile && !al->moving);
	ck_assert(owner_id_equal(&al->owner.id, &before.owner.id));
	ck_assert_int_eq(transactions_recall(&al->transactions,
					     (const uint8_t *)"123456789012", 12,
					     fixture.now_ms),
			 0);
	ck_assert_uint_eq(al->permission_count, 2);
	ck_assert_uint_eq(al->channel_count, 1);
	const struct channel *ch = channel_by_number(&second, al, 0x4001, fixture.now_ms);

	ck_assert(ch != NULL && ch->permission != SLOT_NONE);
	ck_assert(permission_allows(&second, al, &other.ip, fixture.now_ms));
	ck_assert_msg(second_edge.open[al->slot], "its socket is there");
	ck_assert_uint_eq(fixture.turn.counters.moved_out, 1);
	ck_assert_uint_eq(second.counters.moved_in, 1);
	ck_assert_uint_eq(fixture.turn.front_allocations[3], 0);
	ck_assert_uint_eq(second.front_allocations[3], 1);
	end();
}
END_TEST

START_TEST(charges_and_ports_stay) /* attack 27: quota released early */
{
	begin();
	struct allocation *al = allocate(5000);
	const uint64_t prefix = al->prefix_quota, user = al->user_quota;
	const size_t used = port_pool_figures(fixture.shared.ports, 0, 0).used;
	struct allocation_move *move = allocation_move_new();

	allocation_move_pack(&fixture.turn, al, move);
	ck_assert_uint_eq(quota_held(fixture.shared.total, 0), 1);
	ck_assert_uint_eq(quota_held(fixture.shared.prefixes, prefix), 1);
	ck_assert_uint_eq(quota_held(fixture.shared.users[DIALECT_IETF], user), 1);
	ck_assert_uint_eq(port_pool_figures(fixture.shared.ports, 0, 0).used, used);
	al = allocation_move_unpack(&second, move);
	allocation_move_left(&fixture.turn, move->left_slot);
	allocation_move_free(move);
	ck_assert_uint_eq(quota_held(fixture.shared.total, 0), 1);
	allocation_delete(&second, al, END_RELEASED, fixture.now_ms);
	ck_assert_msg(quota_held(fixture.shared.total, 0) == 0, "returned once");
	ck_assert_uint_eq(quota_owners(fixture.shared.prefixes), 0);
	end();
}
END_TEST

START_TEST(a_move_in_a_move)
{
	struct owner owner;
	const struct five_tuple to = fixture_tuple("198.51.100.7:6000", 3);
	enum refusal why;

	begin();
	struct allocation *al = allocate(5000);

	allocation_owner(fixture.turn.table, al, &owner);
	const struct mobility_ticket ticket = {mobility_name(al->id), 0};
	const struct mobility_move move = {.ticket = &ticket,
					   .to = &to,
					   .owner = &owner,
					   .txid = (const uint8_t *)"123456789012",
					   .via = second.worker};

	ck_assert_int_eq(mobility_judge(&fixture.turn, al, &move, fixture.now_ms),
			 MOBILITY_PREPARED);
	ck_assert(mobility_prepare(&fixture.turn, al, &move, fixture.now_ms, &why));
	ck_assert_uint_eq(fixture.turn.front_allocations[3], 2);
	al = carry(&fixture.turn, al, &second);
	ck_assert(al->moving);
	ck_assert_ptr_eq(allocation_find_arriving(second.table, &to), al);
	ck_assert_ptr_null(allocation_find_arriving(fixture.turn.table, &to));
	ck_assert_uint_eq(second.front_allocations[3], 2);
	mobility_complete(&second, al);
	ck_assert_ptr_eq(allocation_find(second.table, &to), al);
	ck_assert_uint_eq(mobility_of(&second, al)->ticket, 1);
	ck_assert_uint_eq(quota_owners(fixture.shared.prefixes), 1);
	end();
}
END_TEST

static const struct mobility_ticket *first_ticket(const struct allocation *al)
{
	static struct mobility_ticket ticket;

	ticket = (struct mobility_ticket){mobility_name(al->id), 0};
	return &ticket;
}

/* Its client begins to move; what comes from there, that worker receives. */
static void prepare(struct turn *turn, struct allocation *al, const struct five_tuple *to,
		    unsigned via)
{
	struct owner owner;
	const struct mobility_move move = {.ticket = first_ticket(al),
					   .to = to,
					   .owner = &owner,
					   .txid = (const uint8_t *)"123456789012",
					   .via = via};
	enum refusal why;

	allocation_owner(turn->table, al, &owner);
	ck_assert_int_eq(mobility_judge(turn, al, &move, fixture.now_ms),
			 MOBILITY_PREPARED);
	ck_assert(mobility_prepare(turn, al, &move, fixture.now_ms, &why));
}

/* On the second worker, too, as behind a balancer, whose own 5-tuple chooses the worker. */
static struct allocation *allocate_on_second(const struct five_tuple *tuple)
{
	const struct turn first = fixture.turn;
	struct allocation *al;

	fixture.turn = second;
	ck_assert_int_eq(fixture_create(&fixture, "bob",
					(struct allocation_request){.tuple = *tuple},
					&al),
			 0);
	second = fixture.turn;
	fixture.turn = first;
	return al;
}

START_TEST(both_workers_have_its_old_5_tuple)
{
	const struct five_tuple to = fixture_tuple("198.51.100.7:6000", 3);

	begin();
	struct allocation *al = allocate(5000);
	struct allocation *bobs = allocate_on_second(&al->tuple);
	const struct five_tuple old = al->tuple;

	prepare(&fixture.turn, al, &to, second.worker);
	al = carry(&fixture.turn, al, &second);
	ck_assert_ptr_eq(allocation_find(second.table, &old), bobs);
	mobility_complete(&second, al);
	ck_assert_ptr_eq(allocation_find(second.table, &to), al);
	ck_assert_ptr_eq(allocation_find(second.table, &old), bobs);
	ck_assert(!al->client_gone && allocation_table_check(second.table));
	end();
}
END_TEST

START_TEST(the_new_5_tuple_is_another_ones)
{
	const struct five_tuple to = fixture_tuple("198.51.100.7:6000", 3);

	begin();
	struct allocation *al = allocate(5000);
	struct allocation *bobs = allocate_on_second(&to);

	prepare(&fixture.turn, al, &to, second.worker);
	al = carry(&fixture.turn, al, &second);
	ck_assert_msg(!al->moving, "for the caller to end");
	ck_assert_ptr_eq(allocation_find_any(second.table, &to), bobs);
	allocation_delete(&second, al, END_SHUTDOWN, fixture.now_ms);
	ck_assert_ptr_eq(allocation_find(second.table, &to), bobs);
	ck_assert_uint_eq(second.front_allocations[3], 1);
	end();
}
END_TEST

START_TEST(the_new_5_tuple_is_another_ones_aim)
{
	const struct five_tuple to = fixture_tuple("198.51.100.7:6000", 3);
	const struct five_tuple from = fixture_tuple("192.0.2.201:5", 3);

	begin();
	struct allocation *al = allocate(5000);
	struct allocation *bobs = allocate_on_second(&from);

	ck_assert(mobility_begin(&second, bobs));
	prepare(&fixture.turn, al, &to, second.worker);
	prepare(&second, bobs, &to, second.worker);
	al = carry(&fixture.turn, al, &second);
	ck_assert(!al->moving);
	ck_assert_ptr_eq(allocation_find_arriving(second.table, &to), bobs);
	end();
}
END_TEST

START_TEST(put_back)
{
	const struct five_tuple to = fixture_tuple("198.51.100.7:6000", 3);

	begin();
	struct allocation *al = allocate(5000);
	const struct five_tuple old = al->tuple;
	struct allocation_move *move = allocation_move_new();

	prepare(&fixture.turn, al, &to, second.worker);
	allocation_move_pack(&fixture.turn, al, move);
	fixture.edge.sibling = &fixture.edge;
	al = allocation_move_put_back(&fixture.turn, move);
	allocation_move_free(move);
	ck_assert_ptr_eq(allocation_find(fixture.turn.table, &old), al);
	ck_assert_ptr_eq(allocation_find_arriving(fixture.turn.table, &to), al);
	ck_assert(!al->client_gone && allocation_table_check(fixture.turn.table));
	end();
}
END_TEST

START_TEST(data_comes_another_way_than_the_refresh) /* RFC 8016 section 3.2.2 */
{
	const struct five_tuple to = fixture_tuple("198.51.100.7:6000", 3);

	begin();
	struct allocation *al = allocate(5000);

	prepare(&fixture.turn, al, &to, second.worker);
	mobility_complete(&fixture.turn, al);
	ck_assert_ptr_eq(allocation_find(fixture.turn.table, &to), al);
	ck_assert_msg(fixture.edge.arrivals_ended == 1,
		      "the worker of the Refresh knows");
	ck_assert(five_tuple_equal(&fixture.edge.last_arrival, &to));
	end();
}
END_TEST

START_TEST(the_other_worker_is_told) /* what it keeps of a visitor */
{
	const struct five_tuple to = fixture_tuple("198.51.100.7:6000", 3);
	enum refusal why;

	begin();
	struct allocation *al = allocate(5000);
	struct owner owner;
	allocation_owner(fixture.turn.table, al, &owner);
	const struct mobility_ticket ticket = {mobility_name(al->id), 0};
	const struct mobility_move move = {.ticket = &ticket,
					   .to = &to,
					   .owner = &owner,
					   .txid = (const uint8_t *)"123456789012",
					   .via = second.worker};

	ck_assert(mobility_prepare(&fixture.turn, al, &move, fixture.now_ms, &why));
	/* As if its connection had closed; the kind of its front does not matter here. */
	const struct five_tuple old = al->tuple;

	ck_assert(mobility_client_gone(&fixture.turn, al, &old));
	ck_assert_uint_eq(fixture.edge.arrivals_due, 1);
	ck_assert(al->moving && al->client_gone);
	ck_assert(allocation_table_check(fixture.turn.table));
	allocation_delete(&fixture.turn, al, END_KILLED, fixture.now_ms);
	ck_assert_uint_eq(fixture.edge.arrivals_ended, 1);
	ck_assert(five_tuple_equal(&fixture.edge.last_arrival, &to));
	end();
}
END_TEST

START_TEST(no_room)
{
	begin_with((struct fixture_options){.slots = 1});
	struct allocation *al = allocate(5000);
	struct allocation_move *move = allocation_move_new();

	allocation_move_pack(&fixture.turn, al, move);
	struct allocation *blocker = allocation_table_take(second.table);

	ck_assert_ptr_null(allocation_move_unpack(&second, move));
	allocation_move_discard(&second, move, fixture.now_ms);
	allocation_move_left(&fixture.turn, move->left_slot);
	allocation_move_free(move);
	allocation_table_give(second.table, blocker);
	ck_assert_uint_eq(second.counters.allocations_closed, 1);
	ck_assert_uint_eq(mobility_directory_count(fixture.shared.mobile), 0);
	end(); /* all that it held is given back */
}
END_TEST

/* A process that ends before the other worker has saved it finds it under its old slot. */
START_TEST(its_slot_is_kept)
{
	begin_with((struct fixture_options){.slots = 1});
	struct allocation *al = allocate(5000);
	const uint32_t slot = al->slot;
	struct allocation_move *move = allocation_move_new();

	allocation_move_pack(&fixture.turn, al, move);
	ck_assert(allocation_table_check(fixture.turn.table));
	ck_assert_uint_eq(allocation_count(fixture.turn.table), 0);
	ck_assert_msg(allocation_table_take(fixture.turn.table) == NULL,
		      "no other gets it meanwhile");
	ck_assert_ptr_nonnull(allocation_move_unpack(&second, move));
	ck_assert_ptr_null(allocation_at(fixture.turn.table, slot));
	allocation_move_left(&fixture.turn, move->left_slot);
	allocation_move_free(move);
	al = allocation_table_take(fixture.turn.table);
	ck_assert_msg(al != NULL && al->slot == slot, "afterwards it is free");
	allocation_table_give(fixture.turn.table, al);
	end();
}
END_TEST

START_TEST(both_families)
{
	struct allocation *al;

	begin();
	ck_assert_int_eq(
		fixture_create(&fixture, "alice",
			       (struct allocation_request){
				       .tuple = fixture_tuple("192.0.2.200:1", 3),
				       .dual = true,
				       .family = IP_V4,
			       },
			       &al),
		0);
	ck_assert(al->dual.port != 0 && mobility_begin(&fixture.turn, al));
	al = carry(&fixture.turn, al, &second);
	ck_assert(al->dual.port != 0);
	ck_assert_uint_eq(second_edge.second[al->slot].ip.family == IP_NONE, 0);
	end();
}
END_TEST

/* Many allocations with all sorts of entries, back and forth; both tables stay whole. */
START_TEST(random_moves)
{
	enum { ALLOCATIONS = 40, STEPS = 20000 };
	uint64_t ids[ALLOCATIONS] = {0};
	unsigned where[ALLOCATIONS] = {0}, entries[ALLOCATIONS] = {0};
	uint64_t random = 7;

	begin();
	for (unsigned step = 0; step < STEPS; step++) {
		uint32_t i = random_below(&random, ALLOCATIONS);
		struct turn *turn = turns[where[i]];
		struct allocation *al =
			ids[i] ? mobility_find(turn, mobility_name(ids[i])) : NULL;
		struct endpoint peer = ep("192.0.2.1:7000");

		peer.ip.bytes[3] = (uint8_t)(1 + random_below(&random, 12));
		ck_assert(ids[i] == 0 || al != NULL);
		if (al == NULL) {
			al = allocate((uint16_t)(6000 + i));
			ids[i] = al->id;
			where[i] = entries[i] = 0;
			continue;
		}
		switch (random_below(&random, 8)) {
		case 0:
		case 1:
		case 2:
			al = carry(turn, al, turns[1 - where[i]]);
			where[i] = 1 - where[i];
			ck_assert(al != NULL && al->id == ids[i]);
			ck_assert_uint_eq(al->permission_count, entries[i]);
			break;
		case 3:
		case 4:
			permission_install(turn, al, &peer, 1, fixture.now_ms, NULL);
			entries[i] = al->permission_count;
			break;
		case 5:
		case 6:
			channel_bind(turn, al,
				     (uint16_t)(0x4000 + random_below(&random, 12)),
				     &peer, fixture.now_ms, NULL);
			entries[i] = al->permission_count;
			break;
		default:
			fixture.now_ms += random_below(&random, 20000);
			if (random_below(&random, 10) != 0)
				break;
			allocation_delete(turn, al, END_RELEASED, fixture.now_ms);
			ids[i] = 0;
		}
		if (step % 100 == 0)
			ck_assert(allocation_table_check(fixture.turn.table) &&
				  allocation_table_check(second.table));
	}
	end();
}
END_TEST

static void move_suite(Suite *suite)
{
	TCase *tc = tcase_create("allocation_move");

	tcase_add_test(tc, all_that_it_has_moves);
	tcase_add_test(tc, charges_and_ports_stay);
	tcase_add_test(tc, a_move_in_a_move);
	tcase_add_test(tc, both_workers_have_its_old_5_tuple);
	tcase_add_test(tc, the_new_5_tuple_is_another_ones);
	tcase_add_test(tc, the_new_5_tuple_is_another_ones_aim);
	tcase_add_test(tc, put_back);
	tcase_add_test(tc, data_comes_another_way_than_the_refresh);
	tcase_add_test(tc, the_other_worker_is_told);
	tcase_add_test(tc, no_room);
	tcase_add_test(tc, its_slot_is_kept);
	tcase_add_test(tc, both_families);
	tcase_add_test(tc, random_moves);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("allocation_move", move_suite)
