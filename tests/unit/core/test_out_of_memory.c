/*
 * test_out_of_memory.c - every constructor of the core, with each of its allocations
 * failing in turn, and every destructor with NULL. After start nothing allocates, so
 * nothing else can fail.
 */
#include "relay/core/channel.h"
#include "relay/core/forward.h"
#include "relay/core/limiter.h"
#include "relay/core/peer_policy.h"
#include "relay/core/port_pool.h"
#include "relay/core/prefix_trie.h"
#include "relay/core/quota.h"
#include "relay/core/reservation.h"
#include "tests/unit/core/fake_edge.h"
#include "tests/unit/lib/oom.h"
#include "tests/unit/lib/unit.h"

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
	return quota_new(100, 8);
}

static void drop_quota(void *object)
{
	quota_free(object);
}

static void *make_limiter(void *arg)
{
	(void)arg;
	return limiter_new(&(struct siphash_key){1, 2});
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
	static const struct relay_address relay = {
		{IP_V4, {10, 1}}, {IP_V4, {8, 8, 8, 8}}, false};
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

static void *make_table(void *arg)
{
	(void)arg;
	return allocation_table_new(100, 64, 64, &(struct siphash_key){1, 2});
}

static void drop_table(void *object)
{
	allocation_table_free(object);
}

static const struct {
	const char *name;
	void *(*make)(void *arg);
	void (*drop)(void *object);
	unsigned least; /* number of allocations it makes at least */
} rows[] = {
	{"port pool of three addresses", make_pool, drop_pool, 4},
	{"quota", make_quota, drop_quota, 4},
	{"limiter", make_limiter, drop_limiter, 1},
	{"reservation table", make_reservations, drop_reservations, 2},
	{"peer policy", make_policy, drop_policy, 2},
	{"allocation table", make_table, drop_table, 7},
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
	ck_assert_ptr_null(quota_new(SIZE_MAX / 2, 0));
	ck_assert_ptr_null(reservation_table_new(SIZE_MAX / 2, NULL));
	ck_assert_ptr_null(prefix_trie_new(SIZE_MAX / 2));
	ck_assert_ptr_null(
		allocation_table_new(SIZE_MAX / 2, 64, 64, &(struct siphash_key){1, 2}));
}
END_TEST

/* A call from start to end; returns the number of packets forwarded. */
static unsigned one_call(struct fixture *fixture)
{
	static uint8_t data[] = {0x40, 0x00, 0x00, 0x04, 1, 2, 3, 4};
	const struct slice message = {data, sizeof(data)};
	const struct endpoint peer = ep("192.0.2.1:9");
	struct allocation *al = fixture_allocate(fixture, "alice", 1, NULL);
	unsigned forwarded = 0;
	struct forward out;

	if (!al ||
	    channel_bind(&fixture->turn, al, 0x4000, &peer, fixture->now_ms, NULL) != 0)
		return 0;
	forward_channel_data(&fixture->turn, al, message, fixture->now_ms, &out);
	forwarded += out.kind == FORWARD_TO_PEER;
	forward_from_peer(&fixture->turn, al, &peer, message, fixture->now_ms, &out);
	forwarded += out.kind == FORWARD_TO_CLIENT;
	allocation_refresh(&fixture->turn, al, 600, fixture->now_ms);
	allocation_table_expire(&fixture->turn, fixture->now_ms + 600000);
	return forwarded;
}

START_TEST(nothing_allocates_after_start)
{
	static struct fixture fixture;
	unsigned forwarded;
	bool allocated;

	ck_assert(fixture_start(&fixture, NULL));
	oom_arm(0);
	forwarded = one_call(&fixture);
	allocated = oom_disarm();
	ck_assert(!allocated);
	ck_assert_uint_eq(forwarded, 2);
	ck_assert(fixture_is_clean(&fixture));
	fixture_stop(&fixture);
}
END_TEST

static void out_of_memory_suite(Suite *suite)
{
	TCase *tc = tcase_create("core");
	tcase_add_loop_test(tc, constructors_survive_each_failure, 0, ROWS(rows));
	tcase_add_loop_test(tc, destructors_take_null, 0, ROWS(rows));
	tcase_add_test(tc, sizes_that_overflow_are_refused);
	tcase_add_test(tc, nothing_allocates_after_start);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("out_of_memory", out_of_memory_suite)
