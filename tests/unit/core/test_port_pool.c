/*
 * test_port_pool.c - rows, then random operations against a model that keeps one state
 * and one time per port and searches all of them each time.
 */
#include "relay/core/port_pool.h"

#include "tests/unit/core/random.h"
#include "tests/unit/lib/unit.h"

static struct port_pool *pool_of(uint16_t first, uint16_t last, uint32_t rest_ms,
				 uint64_t seed)
{
	const struct port_pool_config config = {1, first, last, rest_ms, seed};
	struct port_pool *pool = port_pool_new(&config);
	ck_assert_ptr_nonnull(pool);
	return pool;
}

static void expect_figures(struct port_pool *pool, size_t used, size_t resting,
			   uint64_t now_ms)
{
	struct port_pool_figures f = port_pool_figures(pool, 0, now_ms);
	ck_assert_uint_eq(f.used, used);
	ck_assert_uint_eq(f.resting, resting);
	ck_assert(port_pool_check(pool));
}

START_TEST(every_port_is_given_once_then_none) /* T-243 */
{
	struct port_pool *pool = pool_of(50000, 59999, 1000, 1);
	bool seen[10000] = {false};

	for (int i = 0; i < 10000; i++) {
		uint16_t port = port_pool_take(pool, 0, PORT_ANY, 0);
		ck_assert_uint_ge(port, 50000);
		ck_assert_uint_le(port, 59999);
		ck_assert(!seen[port - 50000]);
		seen[port - 50000] = true;
	}
	ck_assert_uint_eq(port_pool_take(pool, 0, PORT_ANY, 0), 0);
	expect_figures(pool, 10000, 0, 0);
	ck_assert_uint_eq(port_pool_figures(pool, 0, 0).size, 10000);
	port_pool_free(pool);
}
END_TEST

START_TEST(a_port_is_taken_by_its_number)
{
	struct port_pool *pool = pool_of(50000, 50009, 1000, 1);

	ck_assert(port_pool_take_this(pool, 0, 50004));
	ck_assert_msg(!port_pool_take_this(pool, 0, 50004), "taken");
	ck_assert(port_pool_holds(pool, 0, 50004));
	expect_figures(pool, 1, 0, 0);
	port_pool_give(pool, 0, 50004, 5);
	expect_figures(pool, 0, 1, 5);
	ck_assert_msg(port_pool_take_this(pool, 0, 50004), "resting");
	expect_figures(pool, 1, 0, 5);
	ck_assert_msg(port_pool_take_this(pool, 0, 40000), "outside of the range");
	ck_assert_uint_eq(port_pool_figures(pool, 0, 5).size, 11);
	ck_assert_msg(!port_pool_take_this(pool, 0, 1023) &&
			      !port_pool_take_this(pool, 0, 0),
		      "never one of ours");
	ck_assert(port_pool_take_this(pool, 0, 65535));
	ck_assert(port_pool_check(pool));
	port_pool_free(pool);
}
END_TEST

START_TEST(the_last_port_of_many_is_found)
{
	struct port_pool *pool = pool_of(50000, 59999, 0, 1);

	for (int i = 0; i < 10000; i++)
		port_pool_take(pool, 0, PORT_ANY, 0);
	/*
	 * 100,000 times: drawing ports until one is free would need 10,000 tries each
	 * time.
	 */
	uint64_t seed = 3;
	for (int i = 0; i < 100000; i++) {
		uint16_t port = (uint16_t)(50000 + random_below(&seed, 10000));
		port_pool_give(pool, 0, port, 0);
		if (port_pool_take(pool, 0, PORT_ANY, 0) != port)
			ck_abort_msg("port %u was free and not found", port);
	}
	ck_assert(port_pool_check(pool));
	port_pool_free(pool);
}
END_TEST

START_TEST(ports_follow_no_sequence) /* T-244, attack 32 */
{
	/* A thousand ports out of a large pool: steps are neither constant nor small. */
	struct port_pool *pool = pool_of(49152, 65535, 60000, 0x1234);
	unsigned up = 0, near = 0;
	uint16_t last = port_pool_take(pool, 0, PORT_ANY, 0);
	unsigned quarter[4] = {0};

	for (int i = 0; i < 1000; i++) {
		uint16_t port = port_pool_take(pool, 0, PORT_ANY, 0);
		up += port > last;
		near += port - last <= 16 && last - port <= 16;
		quarter[(port - 49152) / 4096]++;
		last = port;
	}
	ck_assert_msg(up > 400 && up < 600, "%u of 1000 steps go up", up);
	ck_assert_msg(near < 20, "%u of 1000 steps are short", near);
	for (int i = 0; i < 4; i++)
		ck_assert_msg(quarter[i] > 180 && quarter[i] < 320, "%u in quarter %d",
			      quarter[i], i);
	port_pool_free(pool);
}
END_TEST

START_TEST(another_seed_gives_other_ports) /* T-244 */
{
	struct port_pool *a = pool_of(49152, 65535, 0, 1),
			 *b = pool_of(49152, 65535, 0, 2);
	unsigned same = 0;
	for (int i = 0; i < 1000; i++)
		same += port_pool_take(a, 0, PORT_ANY, 0) ==
			port_pool_take(b, 0, PORT_ANY, 0);
	ck_assert_uint_lt(same, 10);
	port_pool_free(a);
	port_pool_free(b);
}
END_TEST

START_TEST(the_first_port_can_be_any) /* T-244 */
{
	/* 64 ports, 2000 seeds: each port comes first sometimes, none often. */
	unsigned first[64] = {0};
	for (uint64_t seed = 0; seed < 2000; seed++) {
		struct port_pool *pool = pool_of(50000, 50063, 0, seed);
		first[port_pool_take(pool, 0, PORT_ANY, 0) - 50000]++;
		port_pool_free(pool);
	}
	for (int i = 0; i < 64; i++)
		ck_assert_msg(first[i] > 5 && first[i] < 75, "%d was first %u times", i,
			      first[i]);
}
END_TEST

START_TEST(even_ports_are_even) /* T-238, R = 0 */
{
	struct port_pool *pool = pool_of(50001, 50012, 1000, 1);
	/* 50002, 50004 .. 50012 */
	for (int i = 0; i < 6; i++) {
		uint16_t port = port_pool_take(pool, 0, PORT_EVEN, 0);
		ck_assert_uint_ge(port, 50002);
		ck_assert_uint_eq(port % 2, 0);
	}
	ck_assert_uint_eq(port_pool_take(pool, 0, PORT_EVEN, 0), 0);
	expect_figures(pool, 6, 0, 0);
	port_pool_free(pool);
}
END_TEST

START_TEST(pairs_are_an_even_port_and_the_next) /* T-238, R = 1 */
{
	/* 50001 has no even neighbour in the range, 50008 no odd one. */
	struct port_pool *pool = pool_of(50001, 50008, 1000, 1);
	for (int i = 0; i < 3; i++) {
		uint16_t port = port_pool_take(pool, 0, PORT_EVEN_PAIR, 0);
		ck_assert_uint_ge(port, 50002);
		ck_assert_uint_le(port, 50006);
		ck_assert_uint_eq(port % 2, 0);
		ck_assert(port_pool_in_use(pool, 0, port));
		ck_assert(port_pool_in_use(pool, 0, port + 1));
	}
	ck_assert_uint_eq(port_pool_take(pool, 0, PORT_EVEN_PAIR, 0), 0);
	expect_figures(pool, 6, 0, 0);
	ck_assert_uint_eq(port_pool_take(pool, 0, PORT_EVEN, 0), 50008);
	ck_assert_uint_eq(port_pool_take(pool, 0, PORT_ANY, 0), 50001);
	port_pool_free(pool);
}
END_TEST

START_TEST(attack_24_both_ports_of_a_pair_are_released)
{
	struct port_pool *pool = pool_of(50000, 50009, 0, 1);
	for (int i = 0; i < 10000; i++) {
		uint16_t port = port_pool_take(pool, 0, PORT_EVEN_PAIR, 0);
		ck_assert_uint_ne(port, 0);
		port_pool_give(pool, 0, port, 0);
		port_pool_give(pool, 0, port + 1, 0);
	}
	expect_figures(pool, 0, 0, 0);
	port_pool_free(pool);
}
END_TEST

START_TEST(a_released_port_rests)
{
	struct port_pool *pool = pool_of(50000, 50001, 1000, 1);
	uint16_t port = port_pool_take(pool, 0, PORT_ANY, 0);
	port_pool_give(pool, 0, port, 500);
	expect_figures(pool, 0, 1, 500);
	ck_assert(!port_pool_in_use(pool, 0, port));

	/* The other one, never used, is preferred until this one has rested. */
	uint16_t other = port_pool_take(pool, 0, PORT_ANY, 1499);
	ck_assert_uint_eq(other, port ^ 1);
	expect_figures(pool, 1, 1, 1499);
	expect_figures(pool, 1, 0, 1500);
	port_pool_free(pool);
}
END_TEST

START_TEST(resting_is_never_a_reason_to_refuse)
{
	/* All rest: they are taken in the order of their release. */
	struct port_pool *pool = pool_of(50000, 50009, 60000, 1);
	uint16_t given[10];

	for (int i = 0; i < 10; i++)
		given[i] = port_pool_take(pool, 0, PORT_ANY, 0);
	for (int i = 0; i < 10; i++)
		port_pool_give(pool, 0, given[i], (uint64_t)i);
	expect_figures(pool, 0, 10, 100);
	for (int i = 0; i < 10; i++)
		ck_assert_uint_eq(port_pool_take(pool, 0, PORT_ANY, 100), given[i]);
	port_pool_free(pool);
}
END_TEST

START_TEST(among_resting_pairs_the_longest_rested_is_taken)
{
	struct port_pool *pool = pool_of(50000, 50005, 60000, 1);
	for (int i = 0; i < 6; i++)
		port_pool_take(pool, 0, PORT_ANY, 0);
	/*
	 * 50000 is the oldest, but its neighbour is taken; that of 50002 was released
	 * last.
	 */
	port_pool_give(pool, 0, 50000, 1);
	port_pool_give(pool, 0, 50002, 2);
	port_pool_give(pool, 0, 50005, 3);
	port_pool_give(pool, 0, 50004, 4);
	port_pool_give(pool, 0, 50003, 5);
	ck_assert_uint_eq(port_pool_take(pool, 0, PORT_EVEN_PAIR, 10), 50004);
	ck_assert_uint_eq(port_pool_take(pool, 0, PORT_EVEN_PAIR, 10), 50002);
	ck_assert_uint_eq(port_pool_take(pool, 0, PORT_EVEN_PAIR, 10), 0);
	ck_assert_uint_eq(port_pool_take(pool, 0, PORT_EVEN, 10), 50000);
	expect_figures(pool, 6, 0, 10);
	port_pool_free(pool);
}
END_TEST

START_TEST(a_port_that_could_not_be_bound_is_not_tried_next)
{
	/* The caller releases it and takes another until it has tried all. */
	struct port_pool *pool = pool_of(50000, 50099, 1000, 1);
	bool tried[100] = {false};
	for (int i = 0; i < 100; i++) {
		uint16_t port = port_pool_take(pool, 0, PORT_ANY, 7);
		ck_assert(!tried[port - 50000]);
		tried[port - 50000] = true;
		port_pool_give(pool, 0, port, 7);
	}
	port_pool_free(pool);
}
END_TEST

START_TEST(a_clock_that_steps_back_is_harmless)
{
	/*
	 * Two workers with different times, because their turns began at different
	 * moments.
	 */
	struct port_pool *pool = pool_of(50000, 50003, 1000, 1);
	uint16_t a = port_pool_take(pool, 0, PORT_ANY, 5000);
	uint16_t b = port_pool_take(pool, 0, PORT_ANY, 4990);
	port_pool_give(pool, 0, a, 5000);
	port_pool_give(pool, 0, b, 4990);
	expect_figures(pool, 0, 2, 4980);
	expect_figures(pool, 0, 2, 5999);
	expect_figures(pool, 0, 0, 6000);
	port_pool_free(pool);
}
END_TEST

START_TEST(in_use_takes_any_port)
{
	struct port_pool *pool = pool_of(50001, 50100, 0, 1);
	for (int i = 0; i < 100; i++)
		port_pool_take(pool, 0, PORT_ANY, 0);
	for (unsigned port = 0; port <= 65535; port++)
		ck_assert(port_pool_in_use(pool, 0, (uint16_t)port) ==
			  (port >= 50001 && port <= 50100));
	port_pool_free(pool);
}
END_TEST

START_TEST(the_whole_range_works)
{
	struct port_pool *pool = pool_of(1024, 65535, 0, 1);
	for (int i = 0; i < 65536 - 1024; i++)
		ck_assert_uint_ge(port_pool_take(pool, 0, PORT_ANY, 0), 1024);
	ck_assert_uint_eq(port_pool_take(pool, 0, PORT_ANY, 0), 0);
	ck_assert(port_pool_in_use(pool, 0, 65535));
	port_pool_free(pool);
}
END_TEST

START_TEST(a_range_of_one_port)
{
	uint16_t only = (uint16_t)(50000 + _i);
	struct port_pool *pool = pool_of(only, only, 10, 1);
	ck_assert_uint_eq(port_pool_take(pool, 0, PORT_EVEN_PAIR, 0), 0);
	ck_assert_uint_eq(port_pool_take(pool, 0, PORT_EVEN, 0), _i ? 0 : only);
	ck_assert_uint_eq(port_pool_take(pool, 0, PORT_ANY, 0), _i ? only : 0);
	port_pool_free(pool);
}
END_TEST

/* A reload changes relay.ports. */
START_TEST(a_moved_range_leaves_what_is_taken)
{
	struct port_pool *pool = pool_of(50000, 50009, 1000, 1);
	uint16_t old[10];

	for (int i = 0; i < 10; i++)
		old[i] = port_pool_take(pool, 0, PORT_ANY, 0);
	ck_assert_uint_eq(port_pool_take(pool, 0, PORT_ANY, 0), 0);
	port_pool_move(pool, 50008, 50101, 1000);

	struct port_pool_figures f = port_pool_figures(pool, 0, 0);
	ck_assert_uint_eq(f.used, 10);
	ck_assert_uint_eq(f.size, 94 + 8);
	for (int i = 0; i < 92; i++)
		ck_assert_uint_ge(port_pool_take(pool, 0, PORT_ANY, 0), 50010);
	ck_assert_uint_eq(port_pool_take(pool, 0, PORT_ANY, 0), 0);
	expect_figures(pool, 102, 0, 0);

	/* A released port of the old range rests and is not taken again. */
	for (int i = 0; i < 10; i++) {
		ck_assert(port_pool_in_use(pool, 0, old[i]));
		port_pool_give(pool, 0, old[i], 0);
	}
	expect_figures(pool, 92, 10, 10);
	ck_assert_uint_ge(port_pool_take(pool, 0, PORT_ANY, 10), 50008);
	ck_assert_uint_ge(port_pool_take(pool, 0, PORT_ANY, 10), 50008);
	ck_assert_uint_eq(port_pool_take(pool, 0, PORT_ANY, 10), 0);
	ck_assert_uint_eq(port_pool_figures(pool, 0, 2000).size, 94);
	port_pool_free(pool);
}
END_TEST

START_TEST(a_range_moves_to_either_end)
{
	struct port_pool *pool = pool_of(65535, 65535, 0, 1);

	ck_assert_uint_eq(port_pool_take(pool, 0, PORT_ANY, 0), 65535);
	port_pool_move(pool, 1024, 1025, 0);
	ck_assert_uint_eq(port_pool_take(pool, 0, PORT_EVEN_PAIR, 0), 1024);
	ck_assert_uint_eq(port_pool_take(pool, 0, PORT_ANY, 0), 0);
	port_pool_give(pool, 0, 65535, 0);
	expect_figures(pool, 2, 0, 0);
	port_pool_free(pool);
}
END_TEST

/* One IP address with a new public form: two addresses to us, but one set of ports. */
START_TEST(addresses_with_the_same_ports_never_take_one_twice)
{
	struct port_pool *pool = pool_of(50000, 50003, 0, 1);
	uint16_t old = port_pool_take(pool, 0, PORT_ANY, 0);

	ck_assert(port_pool_add(pool, 7, 0));
	for (int i = 0; i < 3; i++) {
		uint16_t port = port_pool_take(pool, 7, PORT_ANY, 0);
		ck_assert_uint_ne(port, old);
		ck_assert(port_pool_holds(pool, 7, port));
		ck_assert(port_pool_in_use(pool, 0, port));
		ck_assert(!port_pool_holds(pool, 0, port));
	}
	ck_assert_uint_eq(port_pool_take(pool, 7, PORT_ANY, 0), 0);
	ck_assert_uint_eq(port_pool_held(pool, 0), 1);
	ck_assert_uint_eq(port_pool_held(pool, 7), 3);
	port_pool_give(pool, 0, old, 0);
	ck_assert_uint_eq(port_pool_held(pool, 0), 0);
	port_pool_remove(pool, 0);
	ck_assert_uint_eq(port_pool_take(pool, 7, PORT_ANY, 0), old);
	ck_assert(port_pool_add(pool, 0, 0));
	ck_assert_uint_ne(port_pool_take(pool, 0, PORT_ANY, 0), 0);
	ck_assert(port_pool_check(pool));
	port_pool_free(pool);
}
END_TEST

START_TEST(addresses_do_not_share_ports)
{
	const struct port_pool_config config = {64, 50000, 50000, 10, 1};
	struct port_pool *pool = port_pool_new(&config);
	for (size_t address = 0; address < 64; address++) {
		ck_assert(!port_pool_in_use(pool, address, 50000));
		ck_assert_uint_eq(port_pool_take(pool, address, PORT_ANY, 0), 50000);
		ck_assert_uint_eq(port_pool_take(pool, address, PORT_ANY, 0), 0);
	}
	port_pool_give(pool, 5, 50000, 0);
	ck_assert_uint_eq(port_pool_take(pool, 6, PORT_ANY, 0), 0);
	ck_assert_uint_eq(port_pool_take(pool, 5, PORT_ANY, 0), 50000);
	ck_assert(port_pool_check(pool));
	port_pool_free(pool);
}
END_TEST

/* The model. */
enum { MODEL_MAX = 300, REST_MS = 500 };

struct model {
	unsigned base, size;  /* port of index 0; how many are searched */
	unsigned first, last; /* the range, within those */
	struct {
		bool taken;
		bool was_given;
		uint64_t since_ms;
	} ports[MODEL_MAX];
	unsigned used;
};

static bool rested(const struct model *m, unsigned i, uint64_t now_ms)
{
	return !m->ports[i].was_given || now_ms - m->ports[i].since_ms >= REST_MS;
}

/*
 * May `want` start at the port of index i? *since_ms: when the later of its ports was
 * released.
 */
static bool fits(const struct model *m, unsigned i, enum port_want want, uint64_t now_ms,
		 bool *is_rested, uint64_t *since_ms)
{
	unsigned port = m->base + i, ports = want == PORT_EVEN_PAIR ? 2 : 1;

	if ((want != PORT_ANY && port % 2 != 0) || port < m->first ||
	    port + ports - 1 > m->last)
		return false;
	*is_rested = true;
	*since_ms = 0;
	for (unsigned k = i; k < i + ports; k++) {
		if (m->ports[k].taken)
			return false;
		if (rested(m, k, now_ms))
			continue;
		*is_rested = false;
		if (m->ports[k].since_ms > *since_ms)
			*since_ms = m->ports[k].since_ms;
	}
	return true;
}

static void check_taken(const struct model *m, uint16_t port, enum port_want want,
			uint64_t now_ms)
{
	bool any = false, any_rested = false, is_rested;
	uint64_t oldest = UINT64_MAX, since;

	for (unsigned i = 0; i < m->size; i++) {
		if (!fits(m, i, want, now_ms, &is_rested, &since))
			continue;
		any = true;
		any_rested |= is_rested;
		if (since < oldest)
			oldest = since;
	}
	if (port == 0) {
		ck_assert_msg(!any, "refused, although a port fits");
		return;
	}
	ck_assert_uint_ge(port, m->first);
	ck_assert_uint_le(port, m->last);
	ck_assert_msg(fits(m, port - m->base, want, now_ms, &is_rested, &since),
		      "%u does not fit", port);
	if (any_rested)
		ck_assert_msg(is_rested, "%u still rests, others do not", port);
	else
		ck_assert_msg(since == oldest, "%u did not rest longest", port);
}

static void model_take(struct model *m, unsigned i)
{
	m->ports[i].taken = true;
	m->ports[i].was_given = false;
	m->used++;
}

static void step_take(struct model *m, struct port_pool *pool, enum port_want want,
		      uint64_t now_ms)
{
	uint16_t port = port_pool_take(pool, 0, want, now_ms);
	check_taken(m, port, want, now_ms);
	if (port) {
		model_take(m, port - m->base);
		if (want == PORT_EVEN_PAIR)
			model_take(m, port + 1 - m->base);
	}
}

static void step_give(struct model *m, struct port_pool *pool, unsigned i,
		      uint64_t now_ms)
{
	if (!m->ports[i].taken)
		return;
	port_pool_give(pool, 0, (uint16_t)(m->base + i), now_ms);
	m->ports[i].taken = false;
	m->ports[i].was_given = true;
	m->ports[i].since_ms = now_ms;
	m->used--;
}

static void check_figures(const struct model *m, struct port_pool *pool, uint64_t now_ms)
{
	struct port_pool_figures f = port_pool_figures(pool, 0, now_ms);
	size_t resting = 0, outside = 0;

	for (unsigned i = 0; i < m->size; i++) {
		unsigned port = m->base + i;
		bool rests = !m->ports[i].taken && !rested(m, i, now_ms);

		resting += rests;
		outside += (port < m->first || port > m->last) &&
			   (rests || m->ports[i].taken);
		if (port_pool_in_use(pool, 0, (uint16_t)port) != m->ports[i].taken)
			ck_abort_msg("in_use(%u)", port);
	}
	ck_assert_uint_eq(f.first, m->first);
	ck_assert_uint_eq(f.last, m->last);
	ck_assert_uint_eq(f.size, m->last - m->first + 1 + outside);
	ck_assert_uint_eq(f.used, m->used);
	ck_assert_uint_eq(f.resting, resting);
	ck_assert(port_pool_check(pool));
}

/* As a reload does: anywhere within the ports that the model searches. */
static void step_move(struct model *m, struct port_pool *pool, uint64_t *seed)
{
	unsigned a = m->base + random_below(seed, m->size);
	unsigned b = m->base + random_below(seed, m->size);

	m->first = a < b ? a : b;
	m->last = a < b ? b : a;
	port_pool_move(pool, (uint16_t)m->first, (uint16_t)m->last, REST_MS);
}

static const struct {
	uint16_t first, last;
	int steps;
} shapes[] = {
	{50000, 50063, 50000}, /* one word exactly */
	{50001, 50016, 50000}, /* odd first, even last: two ports without a partner */
	{50001, 50130, 40000}, /* pairs at word boundaries */
	{50000, 50002, 30000}, {65500, 65535, 30000}, {49999, 50256, 30000},
};

/* Loop index: the shapes, then the shapes with a range that moves. */
START_TEST(attack_24_pool_agrees_with_its_model) /* free + used + resting == size */
{
	bool moves = _i >= ROWS(shapes);
	int shape = _i % ROWS(shapes);
	struct model m = {.base = shapes[shape].first,
			  .size = shapes[shape].last - shapes[shape].first + 1u,
			  .first = shapes[shape].first,
			  .last = shapes[shape].last};
	uint64_t seed = 1000 + (uint64_t)_i, now_ms = 1;
	struct port_pool *pool =
		pool_of(shapes[shape].first, shapes[shape].last, REST_MS, seed);

	ck_assert_uint_le(m.size, MODEL_MAX);
	const int steps = shapes[shape].steps / (int)unit_rounds(4, 1);
	for (int step = 0; step < steps; step++) {
		/* In waves: almost empty, almost full; time passes or stands still. */
		bool grow = random_below(&seed, 100) < (step / 500 % 2 ? 75 : 25);
		if (moves && random_below(&seed, 50) == 0)
			step_move(&m, pool, &seed);
		if (grow)
			step_take(&m, pool, (enum port_want)random_below(&seed, 3),
				  now_ms);
		else
			step_give(&m, pool, random_below(&seed, m.size), now_ms);
		if (random_below(&seed, 8) == 0)
			now_ms += random_below(&seed, step / 2000 % 2 ? 5 : 200);
		if (step % 16 == 0)
			check_figures(&m, pool, now_ms);
	}
	for (unsigned i = 0; i < m.size; i++)
		step_give(&m, pool, i, now_ms);
	now_ms += REST_MS;
	check_figures(&m, pool, now_ms);
	expect_figures(pool, 0, 0, now_ms);
	port_pool_free(pool);
}
END_TEST

static void port_pool_suite(Suite *suite)
{
	TCase *tc = tcase_create("port_pool");
	tcase_add_test(tc, every_port_is_given_once_then_none);
	tcase_add_test(tc, the_last_port_of_many_is_found);
	tcase_add_test(tc, ports_follow_no_sequence);
	tcase_add_test(tc, another_seed_gives_other_ports);
	tcase_add_test(tc, the_first_port_can_be_any);
	tcase_add_test(tc, even_ports_are_even);
	tcase_add_test(tc, pairs_are_an_even_port_and_the_next);
	tcase_add_test(tc, attack_24_both_ports_of_a_pair_are_released);
	tcase_add_test(tc, a_released_port_rests);
	tcase_add_test(tc, resting_is_never_a_reason_to_refuse);
	tcase_add_test(tc, among_resting_pairs_the_longest_rested_is_taken);
	tcase_add_test(tc, a_port_that_could_not_be_bound_is_not_tried_next);
	tcase_add_test(tc, a_clock_that_steps_back_is_harmless);
	tcase_add_test(tc, in_use_takes_any_port);
	tcase_add_test(tc, a_port_is_taken_by_its_number);
	tcase_add_test(tc, the_whole_range_works);
	tcase_add_loop_test(tc, a_range_of_one_port, 0, 2);
	tcase_add_test(tc, a_moved_range_leaves_what_is_taken);
	tcase_add_test(tc, a_range_moves_to_either_end);
	tcase_add_test(tc, addresses_with_the_same_ports_never_take_one_twice);
	tcase_add_test(tc, addresses_do_not_share_ports);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);

	TCase *model = tcase_create("model");
	tcase_add_loop_test(model, attack_24_pool_agrees_with_its_model, 0,
			    2 * ROWS(shapes));
	tcase_set_timeout(model, 60);
	suite_add_tcase(suite, model);
}

UNIT_MAIN("port_pool", port_pool_suite)
