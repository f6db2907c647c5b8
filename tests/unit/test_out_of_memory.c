/*
 * test_out_of_memory.c - every constructor of the core's leaf modules, with each of its
 * allocations failing in turn (attack 31), and every destructor with NULL.
 */
#include "relay/core/limiter.h"
#include "relay/core/peer_policy.h"
#include "relay/core/port_pool.h"
#include "relay/core/quota.h"
#include "relay/core/reservation.h"
#include "tests/unit/oom.h"
#include "tests/unit/unit.h"

static void *make_pool(void *arg)
{
	(void)arg;
	return port_pool_new(&(struct port_pool_config){3, 50000, 50099, 1000, 1});
}

static void drop_pool(void *object)
{
	port_pool_free(object);
}

static void *make_quota(void *arg)
{
	(void)arg;
	return quota_new(100);
}

static void drop_quota(void *object)
{
	quota_free(object);
}

static void *make_limiter(void *arg)
{
	(void)arg;
	return limiter_new(&(struct hash_key){1, 2});
}

static void drop_limiter(void *object)
{
	limiter_free(object);
}

static void *make_reservations(void *arg)
{
	(void)arg;
	return reservation_table_new(10, NULL);
}

static void drop_reservations(void *object)
{
	reservation_table_free(object);
}

static void *make_policy(void *arg)
{
	static const struct ip_prefix allow = {{IP_V4, {10}}, 8};
	static const struct relay_address relay = {{IP_V4, {10, 1}},
						   {IP_V4, {8, 8, 8, 8}}};
	static const struct endpoint service = {{IP_V4, {8, 8, 8, 8}}, 3478};
	const struct peer_policy_config config = {
		.allow = &allow,
		.allow_count = 1,
		.relay = &relay,
		.relay_count = 1,
		.services = &service,
		.service_count = 1,
	};
	(void)arg;
	return peer_policy_new(&config);
}

static void drop_policy(void *object)
{
	peer_policy_free(object);
}

static const struct {
	const char *name;
	void *(*make)(void *arg);
	void (*drop)(void *object);
	unsigned least; /* allocations that it must have */
} rows[] = {
	{"port pool of three addresses", make_pool, drop_pool, 4},
	{"quota", make_quota, drop_quota, 1},
	{"limiter", make_limiter, drop_limiter, 1},
	{"reservation table", make_reservations, drop_reservations, 2},
	{"peer policy", make_policy, drop_policy, 2},
};

START_TEST(constructors_survive_each_failure)
{
	unsigned needs = oom_try_each(rows[_i].make, rows[_i].drop, NULL);
	ck_assert_msg(needs >= rows[_i].least, "%s: only %u failures were met",
		      rows[_i].name, needs);
}
END_TEST

START_TEST(destructors_take_null)
{
	long before = oom_live_blocks();
	rows[_i].drop(NULL);
	ck_assert_int_eq(oom_live_blocks(), before);
}
END_TEST

START_TEST(sizes_that_overflow_are_refused)
{
	ck_assert_ptr_null(quota_new(SIZE_MAX / 2));
	ck_assert_ptr_null(reservation_table_new(SIZE_MAX / 2, NULL));
	ck_assert_ptr_null(prefix_trie_new(SIZE_MAX / 2));
}
END_TEST

static void out_of_memory_suite(Suite *suite)
{
	TCase *tc = tcase_create("leaves");
	tcase_add_loop_test(tc, constructors_survive_each_failure, 0, ROWS(rows));
	tcase_add_loop_test(tc, destructors_take_null, 0, ROWS(rows));
	tcase_add_test(tc, sizes_that_overflow_are_refused);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("out_of_memory", out_of_memory_suite)
