/*
 * test_stray.c - datagrams that came to another worker than that of their source, and how many of them
 * there may be. All workers in one thread.
 */
#include "relay/stray.h"

#include "base/udp/steering.h"
#include "base/udp/udp_batch.h"
#include "relay/core/allocation_table.h"
#include "relay/delivery.h"
#include "relay/front/udp.h"
#include "relay/loop.h"
#include "tests/unit/core/fake_edge.h"
#include "tests/unit/lib/unit.h"

enum { QUEUE = 600, FRONT = 3 };

static struct fixture fixture;
static struct turn turns[FAKE_WORKERS];
static struct delivery workers[FAKE_WORKERS];
static struct delivery *here;
static struct loop loop;
static unsigned flushed;

static struct post {
	unsigned worker;
	void (*fn)(struct delivery *there, void *arg);
	void *arg;
} queue[QUEUE];
static unsigned queued;
static int ended = -1; /* the number of a worker that is no more */

/* The last that arrived at a front, which stands in for its worker's fronts. */
static struct {
	struct udp_fronts *fronts;
	struct five_tuple from;
	struct udp_message message;
	uint8_t first, last;
	unsigned count;
} arrived;

void udp_front_arrive(struct udp_fronts *fronts, const struct five_tuple *from,
		      struct udp_message *message, uint8_t *bytes)
{
	ck_assert_ptr_eq(message->rest.data, bytes);
	ck_assert_ptr_null(message->room);
	arrived.fronts = fronts;
	arrived.from = *from;
	arrived.message = *message;
	if (message->rest.len > 0) {
		arrived.first = bytes[0];
		arrived.last = bytes[message->rest.len - 1];
	}
	arrived.count++;
}

static void flush_peers(void *self)
{
	(void)self;
	flushed++;
}

static bool post(void *self, unsigned worker, void (*fn)(struct delivery *, void *),
		 void *arg)
{
	(void)self;
	if ((int)worker == ended)
		return false;
	ck_assert_uint_lt(worker, FAKE_WORKERS);
	ck_assert_uint_lt(queued, QUEUE);
	queue[queued++] = (struct post){worker, fn, arg};
	return true;
}

static void run_all(void)
{
	for (unsigned i = 0; i < queued; i++)
		queue[i].fn(&workers[queue[i].worker], queue[i].arg);
	queued = 0;
}

/* Where that worker's fronts would be. */
static struct udp_fronts *fronts_of(unsigned worker)
{
	return (struct udp_fronts *)(void *)&turns[worker];
}

static void set_up(void)
{
	ck_assert(fixture_start(&fixture, &(struct fixture_options){0}));
	fixture.shared.worker_count = FAKE_WORKERS;
	loop.now_ms = fixture.now_ms;
	loop.unix_s = fixture.unix_s;
	for (unsigned i = 0; i < FAKE_WORKERS; i++) {
		turns[i] = fixture.turn;
		turns[i].worker = (uint16_t)i;
		workers[i] = (struct delivery){.loop = &loop,
					       .turn = &turns[i],
					       .udp_fronts = fronts_of(i),
					       .flush_peers = flush_peers,
					       .post = post};
	}
	/* The fixture's own has a table. */
	here = &workers[fixture.turn.worker];
	here->turn = &fixture.turn;
	memset(&arrived, 0, sizeof(arrived));
	flushed = 0;
}

static void tear_down(void)
{
	run_all();
	for (unsigned i = 0; i < FAKE_WORKERS; i++)
		ck_assert_uint_eq(workers[i].stray_bytes, 0);
	ended = -1;
	fixture_stop(&fixture);
}

/* A source whose worker is not this one. */
static struct five_tuple source(unsigned *worker)
{
	struct five_tuple from = fixture_tuple("192.0.2.200:5000", FRONT);

	while ((*worker = steering_worker(&from.client, FAKE_WORKERS)) ==
	       here->turn->worker)
		from.client.port++;
	return from;
}

static uint8_t bytes[65000];

static struct udp_message message_of(size_t len, size_t size)
{
	memset(bytes, 'm', sizeof(bytes));
	bytes[0] = 'f';
	if (len > 0)
		bytes[len - 1] = 'l';
	return (struct udp_message){.rest = {bytes, len},
				    .size = size,
				    .room = bytes,
				    .tos = 0xB8,
				    .hop_limit = 61};
}

START_TEST(it_comes_to_the_worker_of_its_source)
{
	unsigned worker;
	struct five_tuple from = source(&worker);
	struct udp_message message = message_of(3300, 1200);

	stray_hand_over(here, &from, &message);
	memset(bytes, 0, sizeof(bytes)); /* the next receive overwrites them */
	ck_assert_uint_eq(arrived.count, 0);
	ck_assert_uint_eq(here->stray_bytes, 3300);
	run_all();
	ck_assert_uint_eq(arrived.count, 1);
	ck_assert_ptr_eq(arrived.fronts, fronts_of(worker));
	ck_assert(five_tuple_equal(&arrived.from, &from));
	ck_assert_uint_eq(arrived.message.rest.len, 3300);
	ck_assert_uint_eq(arrived.message.size, 1200);
	ck_assert_uint_eq(arrived.message.tos, 0xB8);
	ck_assert_uint_eq(arrived.message.hop_limit, 61);
	ck_assert(arrived.first == 'f' && arrived.last == 'l');
	ck_assert_uint_eq(flushed, 1);
	ck_assert_uint_eq(fixture.turn.counters.strays, 3);
	ck_assert_uint_eq(fixture.turn.counters.drops[DROP_STRAY], 0);
}
END_TEST

START_TEST(an_empty_datagram_is_one)
{
	unsigned worker;
	struct five_tuple from = source(&worker);
	struct udp_message message = message_of(0, 0);

	stray_hand_over(here, &from, &message);
	run_all();
	ck_assert_uint_eq(arrived.count, 1);
	ck_assert_uint_eq(arrived.message.rest.len, 0);
	ck_assert_uint_eq(fixture.turn.counters.strays, 1);
}
END_TEST

START_TEST(too_many_at_once_are_dropped_and_counted)
{
	unsigned worker;
	struct five_tuple from = source(&worker);
	struct udp_message message = message_of(65000, 1300);
	const unsigned room = STRAY_BYTES_MAX / 65000;

	for (unsigned i = 0; i < room + 3; i++)
		stray_hand_over(here, &from, &message);
	ck_assert_uint_eq(queued, room);
	ck_assert_uint_eq(fixture.turn.counters.strays, (uint64_t)room * 50);
	ck_assert_uint_eq(fixture.turn.counters.drops[DROP_STRAY], 3 * 50);
	run_all();
	ck_assert_uint_eq(arrived.count, room);

	stray_hand_over(here, &from, &message); /* there is room again */
	run_all();
	ck_assert_uint_eq(arrived.count, room + 1);
}
END_TEST

START_TEST(a_worker_that_has_ended_gets_nothing)
{
	unsigned worker;
	struct five_tuple from = source(&worker);
	struct udp_message message = message_of(100, 100);

	ended = (int)worker;
	stray_hand_over(here, &from, &message);
	ck_assert_uint_eq(queued, 0);
	ck_assert_uint_eq(fixture.turn.counters.strays, 0);
	ck_assert_uint_eq(fixture.turn.counters.drops[DROP_STRAY], 1);
}
END_TEST

static struct allocation *allocate(const char *user)
{
	struct allocation_request request = {
		.tuple = fixture_tuple("192.0.2.200:5000", FRONT)};
	struct allocation *al;

	ck_assert_int_eq(fixture_create(&fixture, user, request, &al), 0);
	return al;
}

/* Each other worker is told; here, all have the same table as this one. */
static unsigned left_after(const char *user)
{
	struct five_tuple tuple = allocate("alice")->tuple;

	stray_allocations_end(here, &tuple);
	ck_assert_uint_eq(queued, FAKE_WORKERS - 1);
	/* There, it is an allocation that somebody made before. */
	allocation_delete(&fixture.turn, allocation_find(fixture.turn.table, &tuple),
			  END_EXPIRED, fixture.now_ms);
	allocate(user);
	for (unsigned i = 0; i < FAKE_WORKERS; i++)
		workers[i].turn = &fixture.turn;
	run_all();
	return (unsigned)allocation_count(fixture.turn.table);
}

START_TEST(what_its_client_left_elsewhere_ends)
{
	ck_assert_uint_eq(left_after("alice"), 0);
}
END_TEST

START_TEST(that_of_another_user_stays)
{
	ck_assert_uint_eq(left_after("bob"), 1);
}
END_TEST

START_TEST(only_a_new_allocation_ends_others)
{
	struct five_tuple tuple = allocate("alice")->tuple;

	loop.now_ms += 1;
	stray_allocations_end(here, &tuple);
	ck_assert_uint_eq(queued, 0);
}
END_TEST

static void stray_suite(Suite *suite)
{
	TCase *tc = tcase_create("stray");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, it_comes_to_the_worker_of_its_source);
	tcase_add_test(tc, an_empty_datagram_is_one);
	tcase_add_test(tc, too_many_at_once_are_dropped_and_counted);
	tcase_add_test(tc, a_worker_that_has_ended_gets_nothing);
	tcase_add_test(tc, what_its_client_left_elsewhere_ends);
	tcase_add_test(tc, that_of_another_user_stays);
	tcase_add_test(tc, only_a_new_allocation_ends_others);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("stray", stray_suite)
