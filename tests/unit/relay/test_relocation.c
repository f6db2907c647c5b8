/*
 * test_relocation.c - an allocation on its way to the worker that receives its client: answers
 * that come late, 5-tuples that are in use, and a worker that has ended. Two workers in one thread,
 * each with a queue of what was posted to it.
 */
#include "relay/relocation.h"

#include "relay/core/allocation_image.h"
#include "relay/core/allocation_table.h"
#include "relay/core/changes.h"
#include "relay/core/mobility.h"
#include "relay/core/mobility_end.h"
#include "relay/core/visitors.h"
#include "relay/delivery.h"
#include "relay/dialect/dispatch.h"
#include "relay/front/udp.h"
#include "relay/loop.h"
#include "tests/unit/core/fake_edge.h"
#include "tests/unit/core/records.h"
#include "tests/unit/lib/unit.h"

/* The fixture's worker receives the client; the allocation is at the other one. */
enum { HERE = 3, THERE = 4, QUEUE = 16 };

struct post {
	void (*fn)(struct delivery *there, void *arg);
	void *arg;
};

static struct fixture fixture;
static struct turn there_turn;
static struct fake_edge there_edge;
static struct loop loop;
static struct delivery here, there;
static struct post queues[FAKE_WORKERS][QUEUE];
static unsigned queued[FAKE_WORKERS];
static bool here_has_ended;
static unsigned handled;
static struct five_tuple to;

/* In place of the front. */
void udp_front_handle(struct udp_fronts *fronts, const struct client_datagram *datagram)
{
	(void)fronts;
	(void)datagram;
	handled++;
}

void udp_front_answer(struct udp_fronts *fronts, const struct five_tuple *tuple,
		      const struct endpoint *hop, struct slice reply, bool known)
{
	(void)fronts;
	(void)tuple;
	(void)hop;
	(void)reply;
	(void)known;
}

static bool post(void *self, unsigned worker, void (*fn)(struct delivery *, void *),
		 void *arg)
{
	(void)self;
	if (worker == HERE && here_has_ended)
		return false;
	ck_assert_uint_lt(queued[worker], QUEUE);
	queues[worker][queued[worker]++] = (struct post){fn, arg};
	return true;
}

/* The oldest that was posted to that worker. */
static void run(struct delivery *delivery)
{
	unsigned worker = delivery->turn->worker;

	ck_assert_uint_gt(queued[worker], 0);
	const struct post first = queues[worker][0];

	queued[worker]--;
	for (unsigned i = 0; i < queued[worker]; i++)
		queues[worker][i] = queues[worker][i + 1];
	first.fn(delivery, first.arg);
}

static void nothing(void *self)
{
	(void)self;
}

/* As expire() of a worker: everything that has changed is saved. */
static void save_here(void *self)
{
	(void)self;
	changes_save(&fixture.turn, fixture.now_ms);
}

static void save_there(void *self)
{
	(void)self;
	changes_save(&there_turn, fixture.now_ms);
}

static void begin_delivery(struct delivery *delivery, struct turn *turn)
{
	turn->visitors = visitors_new(&fixture.shared.hash_key);
	*delivery = (struct delivery){.loop = &loop,
				      .turn = turn,
				      .flush_peers = nothing,
				      .expire = turn == &fixture.turn ? save_here
								      : save_there,
				      .post = post};
	delivery->relocation = relocation_new(delivery, NULL);
	ck_assert(turn->visitors != NULL && delivery->relocation != NULL);
}

static void begin(void)
{
	ck_assert(fixture_start(&fixture, &(struct fixture_options){.mobility = true}));
	ck_assert_uint_eq(fixture.turn.worker, HERE);
	there_turn = fixture.turn;
	there_turn.worker = THERE;
	there_edge = fixture.edge;
	there_edge.edge.self = &there_edge;
	there_edge.sibling = &there_edge;
	fixture.edge.sibling = &there_edge;
	there_turn.edge = &there_edge.edge;
	there_turn.table = allocation_table_new(64, 8, 8, &fixture.shared.hash_key);
	ck_assert_ptr_nonnull(there_turn.table);
	ck_assert(fake_edge_keep(&there_edge, &there_turn, 64));
	loop.now_ms = fixture.now_ms;
	loop.unix_s = fixture.unix_s;
	to = fixture_tuple("198.51.100.7:6000", 3);
	begin_delivery(&here, &fixture.turn);
	begin_delivery(&there, &there_turn);
}

static void end_delivery(struct delivery *delivery)
{
	struct turn *turn = delivery->turn;
	struct allocation *al;

	fixture_check_records(turn, loop.now_ms);
	while ((al = allocation_next(turn->table, 0)) != NULL)
		allocation_delete(turn, al, END_SHUTDOWN, loop.now_ms);
	ck_assert(allocation_table_check(turn->table));
	ck_assert_uint_eq(turn->front_allocations[to.front], 0);
	relocation_free(delivery->relocation);
	visitors_free(turn->visitors);
	turn->visitors = NULL;
}

static void end(void)
{
	ck_assert_uint_eq(queued[HERE] + queued[THERE], 0);
	end_delivery(&here);
	end_delivery(&there);
	ck_assert(fixture_is_clean(&fixture));
	fake_edge_unkeep(&there_edge, &there_turn);
	allocation_table_free(there_turn.table);
	fixture_stop(&fixture);
}

/* What the other worker's answer to a Refresh makes of it. */
static void visitor_of(uint64_t id)
{
	struct visitor *visitor = visitors_add(fixture.turn.visitors, &to);

	visitor->id = id;
	visitor->worker = THERE;
	visitor->channel_max = 0x4FFF;
}

/* Data comes from the new 5-tuple. */
static void data(void)
{
	const struct endpoint hop = {0};
	const struct dispatch dispatch = {
		.action = DISPATCH_HAND_OVER, .worker = THERE, .is_data = true};

	relocation_datagram(
		here.relocation,
		&(struct client_datagram){&to, &hop, {(const uint8_t *)"data", 4}, 0, 64},
		&dispatch);
}

static struct allocation *allocate(struct turn *turn, const struct five_tuple *tuple)
{
	const struct turn mine = fixture.turn;
	struct allocation *al;

	fixture.turn = *turn;
	ck_assert_int_eq(fixture_create(&fixture, "alice",
					(struct allocation_request){.tuple = *tuple},
					&al),
			 0);
	*turn = fixture.turn;
	if (turn != &fixture.turn)
		fixture.turn = mine;
	return al;
}

/* One at the other worker whose client moves here. */
static struct allocation *moving(void)
{
	const struct five_tuple from = fixture_tuple("192.0.2.200:5000", 3);
	struct allocation *al = allocate(&there_turn, &from);
	enum refusal why;

	ck_assert(mobility_begin(&there_turn, al));
	const struct mobility_ticket ticket = {mobility_name(al->id), 0};
	struct owner owner;

	allocation_owner(there_turn.table, al, &owner);
	ck_assert(mobility_prepare(
		&there_turn, al,
		&(struct mobility_move){.ticket = &ticket,
					.to = &to,
					.owner = &owner,
					.txid = (const uint8_t *)"123456789012",
					.via = HERE},
		loop.now_ms, &why));
	visitor_of(al->id);
	fixture_check_records(&there_turn, loop.now_ms);
	return al;
}

/* The worker that it has left hears that it has been saved here. */
static void hear_that_it_is_saved(void)
{
	static struct allocation_image image;

	ck_assert_msg(records_of_read(there_edge.records, 0, &image),
		      "until then it is saved there, too");
	run(&there);
	ck_assert(!records_of_read(there_edge.records, 0, &image));
}

START_TEST(it_comes_with_the_first_data)
{
	begin();
	moving();
	handled = 0;
	data();
	data();
	ck_assert_uint_eq(handled, 0);
	run(&there);
	run(&here);
	ck_assert_msg(handled == 2, "what was held");
	hear_that_it_is_saved();
	ck_assert_ptr_nonnull(allocation_find(fixture.turn.table, &to));
	ck_assert_ptr_null(visitors_find(fixture.turn.visitors, &to));
	ck_assert_uint_eq(fixture.turn.counters.mobility[MOBILITY_WORKER], 1);
	end();
}
END_TEST

START_TEST(a_late_answer_ends_no_other_pull)
{
	begin();
	visitor_of(99);
	handled = 0;
	data();
	loop.now_ms += 1001; /* the other worker stalls: it is asked again */
	data();
	run(&there);
	run(&there);
	run(&here);
	ck_assert_msg(handled == 2, "there is none to have");
	ck_assert_ptr_null(visitors_find(fixture.turn.visitors, &to));

	moving();
	data();
	run(&here); /* the second answer: there is none */
	ck_assert_uint_eq(handled, 2);
	ck_assert_ptr_nonnull(visitors_find(fixture.turn.visitors, &to));
	run(&there);
	run(&here);
	ck_assert_uint_eq(handled, 3);
	hear_that_it_is_saved();
	ck_assert_ptr_nonnull(allocation_find(fixture.turn.table, &to));
	ck_assert_uint_eq(fixture.turn.counters.mobility[MOBILITY_LOST], 0);
	end();
}
END_TEST

START_TEST(its_old_5_tuple_is_in_use_here) /* both came through balancers */
{
	begin();
	const struct five_tuple from = moving()->tuple;
	struct allocation *another = allocate(&fixture.turn, &from);

	data();
	run(&there);
	run(&here);
	hear_that_it_is_saved();
	ck_assert_ptr_nonnull(allocation_find(fixture.turn.table, &to));
	ck_assert_ptr_eq(allocation_find(fixture.turn.table, &from), another);
	end();
}
END_TEST

START_TEST(its_new_5_tuple_is_in_use_here)
{
	begin();
	moving();
	data();
	struct allocation *another = allocate(&fixture.turn, &to);

	run(&there);
	run(&here);
	hear_that_it_is_saved();
	ck_assert_ptr_eq(allocation_find(fixture.turn.table, &to), another);
	ck_assert_uint_eq(allocation_count(fixture.turn.table), 1);
	ck_assert_uint_eq(fixture.turn.counters.mobility[MOBILITY_LOST], 1);
	end();
}
END_TEST

START_TEST(back_from_a_worker_that_has_ended)
{
	begin();
	struct allocation *al = moving();
	const struct five_tuple from = al->tuple;
	const uint64_t id = al->id;

	data();
	here_has_ended = true;
	run(&there);
	here_has_ended = false;
	al = allocation_find(there_turn.table, &from);
	ck_assert_msg(al != NULL && al->id == id, "its old 5-tuple serves on");
	ck_assert(!al->moving && !al->client_gone);
	ck_assert_ptr_eq(mobility_find(&there_turn, mobility_name(id)), al);
	/* What it waits for will not come. */
	turn_count_on_front(&fixture.turn, to.front, -1);
	end();
}
END_TEST

static void relocation_suite(Suite *s)
{
	TCase *tc = tcase_create("relocation");

	tcase_add_test(tc, it_comes_with_the_first_data);
	tcase_add_test(tc, a_late_answer_ends_no_other_pull);
	tcase_add_test(tc, its_old_5_tuple_is_in_use_here);
	tcase_add_test(tc, its_new_5_tuple_is_in_use_here);
	tcase_add_test(tc, back_from_a_worker_that_has_ended);
	suite_add_tcase(s, tc);
}

UNIT_MAIN("relocation", relocation_suite)
