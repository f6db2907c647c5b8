/*
 * test_next_hops.c - through which balancer a client is reached, and what the table forgets.
 */
#include "relay/front/next_hops.h"

#include "tests/unit/lib/unit.h"

enum { MANY = 1000 };

static struct next_hops *hops;
static bool needed[MANY]; /* by the client's port */

static bool is_needed(void *arg, const struct five_tuple *client)
{
	ck_assert_ptr_eq(arg, needed);
	return needed[client->client.port];
}

static void set_up(void)
{
	static const struct siphash_key key = {5, 6};

	memset(needed, 0, sizeof(needed));
	hops = next_hops_new(&key, is_needed, needed);
	ck_assert_ptr_nonnull(hops);
}

static void tear_down(void)
{
	next_hops_free(hops);
}

static struct five_tuple client(unsigned port, uint16_t front)
{
	struct five_tuple tuple = {.front = front};

	ck_assert(ip_addr_parse("203.0.113.7", &tuple.client.ip));
	tuple.client.port = (uint16_t)port;
	return tuple;
}

static struct endpoint balancer(unsigned port)
{
	struct endpoint hop;

	ck_assert(endpoint_parse("10.0.0.5", 1, &hop));
	hop.port = (uint16_t)port;
	return hop;
}

static void set(unsigned port, uint16_t front, unsigned hop_port)
{
	struct five_tuple tuple = client(port, front);
	struct endpoint hop = balancer(hop_port);

	ck_assert(next_hops_set(hops, &tuple, &hop));
}

/* The port of its hop; 0: it is reached by its own address. */
static unsigned hop_of(unsigned port, uint16_t front)
{
	struct five_tuple tuple = client(port, front);
	const struct endpoint *hop = next_hops_find(hops, &tuple);

	return hop != NULL ? hop->port : 0;
}

START_TEST(the_last_way_counts)
{
	ck_assert_uint_eq(hop_of(1, 0), 0);
	set(1, 0, 4000);
	set(1, 2, 4001);
	ck_assert_uint_eq(hop_of(1, 0), 4000);
	ck_assert_uint_eq(hop_of(1, 2), 4001); /* another front, another client */
	set(1, 0, 4002);
	ck_assert_uint_eq(hop_of(1, 0), 4002);
	ck_assert_uint_eq(next_hops_count(hops), 2);

	/* Found last, or not: what is taken out is gone. */
	struct five_tuple itself = client(1, 0);
	ck_assert_uint_eq(hop_of(1, 0), 4002);
	next_hops_remove(hops, &itself);
	next_hops_remove(hops, &itself);
	ck_assert_uint_eq(hop_of(1, 0), 0);
	ck_assert_uint_eq(hop_of(1, 2), 4001);
	ck_assert_uint_eq(next_hops_count(hops), 1);
}
END_TEST

START_TEST(what_is_not_needed_is_forgotten)
{
	for (unsigned i = 0; i < MANY; i++) {
		needed[i] = i % 100 == 0;
		set(i, 0, 4000 + i);
		ck_assert_uint_eq(hop_of(i, 0), 4000 + i);
	}
	ck_assert_uint_le(next_hops_count(hops), 64);
	for (unsigned i = 0; i < MANY; i += 100)
		ck_assert_uint_eq(hop_of(i, 0), 4000 + i);
}
END_TEST

START_TEST(all_that_is_needed_stays)
{
	memset(needed, true, sizeof(needed));
	for (unsigned i = 0; i < MANY; i++)
		set(i, 0, 4000 + i);
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_uint_eq(hop_of(i, 0), 4000 + i);
	ck_assert_uint_eq(next_hops_count(hops), MANY);
}
END_TEST

static void next_hops_suite(Suite *suite)
{
	TCase *tc = tcase_create("next_hops");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, the_last_way_counts);
	tcase_add_test(tc, what_is_not_needed_is_forgotten);
	tcase_add_test(tc, all_that_is_needed_stays);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("next_hops", next_hops_suite)
