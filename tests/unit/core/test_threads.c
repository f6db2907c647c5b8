/*
 * test_threads.c - tables that all workers share, used by four threads at once. The
 * totals at the end must be those of one thread; a build with --enable-sanitizer=thread
 * finds the races.
 */
#include <pthread.h>
#include <string.h>

#include "relay/core/bandwidth/fair_share.h"
#include "relay/core/bandwidth/meter.h"
#include "relay/core/limiter.h"
#include "relay/core/port_pool.h"
#include "relay/core/quota.h"
#include "relay/core/reservation.h"
#include "tests/unit/core/random.h"
#include "tests/unit/lib/unit.h"

enum { THREADS = 4, STEPS = 20000, FIRST = 50000, LAST = 50099 };

struct shared {
	struct port_pool *pool;
	struct reservation_table *reservations;
	struct quota *quota;
	struct limiter *limiter;
	struct quota *owners;
	struct tokens tokens;
	struct fair_share share;
	struct meter meter;
	uint64_t taken;                          /* atomic, bytes */
	unsigned char holders[LAST - FIRST + 1]; /* atomic: threads that hold a port */
	unsigned faults;                         /* atomic: libcheck is not thread-safe */
	unsigned answers;                        /* atomic */
};

struct worker {
	struct shared *shared;
	uint64_t seed;
};

static struct shared shared;

static void setup(void)
{
	const struct port_pool_config config = {1, FIRST, LAST, 20, 1};
	memset(&shared, 0, sizeof(shared));
	shared.pool = port_pool_new(&config);
	shared.reservations = reservation_table_new(20, shared.pool);
	shared.quota = quota_new(16, 0);
	shared.limiter = limiter_new(&(struct siphash_key){1, 2});
	shared.owners = quota_new(4, sizeof(struct fair_share_user));
}

static void teardown(void)
{
	reservation_table_free(shared.reservations);
	port_pool_free(shared.pool);
	quota_free(shared.quota);
	limiter_free(shared.limiter);
	quota_free(shared.owners);
}

static void expect(struct shared *s, bool ok)
{
	if (!ok)
		__atomic_fetch_add(&s->faults, 1, __ATOMIC_RELAXED);
}

static void hold(struct shared *s, uint16_t port)
{
	expect(s,
	       __atomic_fetch_add(&s->holders[port - FIRST], 1, __ATOMIC_RELAXED) == 0);
	expect(s, port_pool_in_use(s->pool, 0, port));
}

static void let_go(struct shared *s, uint16_t port, uint64_t now_ms)
{
	__atomic_fetch_sub(&s->holders[port - FIRST], 1, __ATOMIC_RELAXED);
	port_pool_give(s->pool, 0, port, now_ms);
}

static void *use_ports(void *arg)
{
	struct worker *w = arg;
	struct shared *s = w->shared;
	uint16_t mine[20] = {0};

	for (uint64_t now_ms = 0; now_ms < STEPS; now_ms++) {
		unsigned i = random_below(&w->seed, 20);
		if (mine[i]) {
			let_go(s, mine[i], now_ms);
			mine[i] = 0;
			continue;
		}
		/* At most 80 of 100 ports are held: one is always free. */
		mine[i] = port_pool_take(s->pool, 0, PORT_ANY, now_ms);
		expect(s, mine[i] != 0);
		if (mine[i])
			hold(s, mine[i]);
	}
	for (unsigned i = 0; i < 20; i++) {
		if (mine[i])
			let_go(s, mine[i], STEPS);
	}
	return NULL;
}

static void *use_reservations(void *arg)
{
	struct worker *w = arg;
	struct shared *s = w->shared;
	uint64_t owner = w->seed;

	for (int step = 0; step < STEPS; step++) {
		uint8_t token[RESERVATION_TOKEN_LEN];
		size_t address;
		uint16_t port, even = port_pool_take(s->pool, 0, PORT_EVEN_PAIR, 0);

		expect(s, even != 0);
		if (even == 0)
			continue;
		random_fill(&w->seed, token, sizeof(token));
		expect(s, reservation_add(s->reservations, token, owner, 0, even + 1, 0));
		/* Four of each thread expire, the others are used. */
		if (step % (STEPS / 4) != 0) {
			expect(s, reservation_redeem(s->reservations, token, owner, 0,
						     &address, &port) &&
					  port == even + 1);
			port_pool_give(s->pool, 0, even + 1, 0);
		}
		port_pool_give(s->pool, 0, even, 0);
	}
	return NULL;
}

static void *use_quota(void *arg)
{
	struct worker *w = arg;
	struct shared *s = w->shared;
	unsigned held[8] = {0};

	for (int step = 0; step < STEPS; step++) {
		unsigned owner = random_below(&w->seed, 8);
		if (random_below(&w->seed, 2)) {
			held[owner] += quota_acquire(s->quota, owner, 5);
			expect(s, quota_held(s->quota, owner) <= 5);
		} else if (held[owner]) {
			quota_release(s->quota, owner);
			held[owner]--;
		}
	}
	for (unsigned owner = 0; owner < 8; owner++) {
		while (held[owner]--)
			quota_release(s->quota, owner);
	}
	return NULL;
}

static void *use_limiter(void *arg)
{
	struct worker *w = arg;
	struct ip_addr victim = {IP_V4, {192, 0, 2, 1}};
	unsigned answers = 0;

	/* Ten seconds at a rate of ten, with a burst of twenty. */
	for (uint64_t step = 0; step < STEPS; step++)
		answers += limiter_allows(w->shared->limiter, &victim, 10, 20,
					  step / (STEPS / 10000));
	__atomic_fetch_add(&w->shared->answers, answers, __ATOMIC_RELAXED);
	return NULL;
}

enum { SHARED_BPS = 8000000 };

/* Four owners come and go in a table of four, for one second, sharing one rate. */
static void *use_bandwidth(void *arg)
{
	struct worker *w = arg;
	struct shared *s = w->shared;

	for (uint64_t step = 0; step < STEPS; step++) {
		uint64_t now_ms = 1000 + step / (STEPS / 1000);
		uint64_t owner = random_below(&w->seed, 4);
		uint32_t number = quota_acquire_row(s->owners, owner, 0);

		expect(s, number != QUOTA_NONE);
		if (number == QUOTA_NONE)
			continue;
		struct fair_share_user *user = quota_row(s->owners, number);
		enum fair_share_part part = fair_share_ask(&s->share, user, TRAFFIC_AUDIO,
							   SHARED_BPS, 100,
							   now_ms * 1000000);
		if (part != FAIR_SHARE_NOTHING) {
			fair_share_take(&s->share, user, SHARED_BPS, part, 100,
					now_ms * 1000000);
			__atomic_fetch_add(&s->taken, 100, __ATOMIC_RELAXED);
		}
		tokens_take(&s->tokens, SHARED_BPS, 100, 0);
		meter_add(&s->meter, 100, now_ms, NULL);
		quota_release(s->owners, owner);
	}
	return NULL;
}

static void run(void *(*body)(void *))
{
	pthread_t threads[THREADS];
	struct worker workers[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){&shared, i + 1};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, body, &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(shared.faults, 0);
}

START_TEST(ports_belong_to_one_thread)
{
	run(use_ports);
	ck_assert_uint_eq(port_pool_figures(shared.pool, 0, STEPS).used, 0);
	ck_assert(port_pool_check(shared.pool));
}
END_TEST

START_TEST(tokens_belong_to_one_thread)
{
	run(use_reservations);
	ck_assert_uint_eq(port_pool_figures(shared.pool, 0, 0).used, 4 * THREADS);
	ck_assert_uint_eq(reservation_table_expire(shared.reservations, 30000),
			  UINT64_MAX);
	ck_assert_uint_eq(port_pool_figures(shared.pool, 0, 30000).used, 0);
	ck_assert(port_pool_check(shared.pool));
}
END_TEST

START_TEST(quotas_hold_and_are_released)
{
	run(use_quota);
	for (unsigned owner = 0; owner < 8; owner++)
		ck_assert_uint_eq(quota_held(shared.quota, owner), 0);
}
END_TEST

START_TEST(attack_13_workers_share_one_limit)
{
	run(use_limiter);
	/*
	 * Threads that find the last token at the same time get one early, and wait for
	 * it later.
	 */
	ck_assert_msg(shared.answers >= 115 && shared.answers < 120 + THREADS,
		      "%u answers", shared.answers);
}
END_TEST

START_TEST(workers_share_bandwidth)
{
	run(use_bandwidth);
	ck_assert_uint_eq(shared.tokens.full_ns,
			  THREADS * STEPS * tokens_cost_ns(SHARED_BPS, 100));
	/* Some may belong to the second before. */
	ck_assert_uint_le(meter_bps(&shared.meter, 2000), 800 * THREADS * STEPS);
	ck_assert_uint_ge(meter_bps(&shared.meter, 2000), 800 * THREADS * (STEPS - 100));
	ck_assert_uint_eq(quota_owners(shared.owners), 0);
	for (uint64_t owner = 10; owner < 14; owner++)
		ck_assert(quota_acquire(shared.owners, owner, 0));
	ck_assert_uint_ge(shared.taken, SHARED_BPS / 8 * 9 / 10);
}
END_TEST

static void threads_suite(Suite *suite)
{
	TCase *tc = tcase_create("threads");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, ports_belong_to_one_thread);
	tcase_add_test(tc, tokens_belong_to_one_thread);
	tcase_add_test(tc, quotas_hold_and_are_released);
	tcase_add_test(tc, attack_13_workers_share_one_limit);
	tcase_add_test(tc, workers_share_bandwidth);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("threads", threads_suite)
