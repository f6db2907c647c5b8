/*
 * test_reservation.c - the port that EVEN-PORT holds for a later Allocate, with a real pool.
 */
#include "relay/core/reservation.h"

#include <string.h>

#include "relay/core/port_pool.h"
#include "tests/unit/core/random.h"
#include "tests/unit/lib/unit.h"

static struct port_pool *pool;
static struct reservation_table *table;

static const uint8_t token[RESERVATION_TOKEN_LEN] = {1, 2, 3, 4, 5, 6, 7, 8};
enum { ALICE = 1, BOB = 2 };

static void setup(void)
{
	const struct port_pool_config config = {2, 50000, 50019, 0, 1};
	pool = port_pool_new(&config);
	table = reservation_table_new(4, pool);
}

static void teardown(void)
{
	reservation_table_free(table);
	port_pool_free(pool);
}

/* Take a pair and reserve its second port for Alice; returns that port. */
static uint16_t reserve(const uint8_t *tok, uint64_t now_ms)
{
	uint16_t port = port_pool_take(pool, 1, PORT_EVEN_PAIR, now_ms);
	ck_assert_uint_ne(port, 0);
	ck_assert(reservation_add(table, tok, ALICE, 1, port + 1, now_ms));
	return port + 1;
}

static const struct {
	const char *name;
	uint64_t owner;
	uint64_t after_ms;
	bool want;
} rows[] = {
	{"T-239 at once: works", ALICE, 0, true},
	{"T-239 29 s: works", ALICE, 29000, true},
	{"T-239 29.999 s: works", ALICE, 29999, true},
	{"T-239 30 s: over", ALICE, 30000, false},
	{"T-239 31 s: 508", ALICE, 31000, false},
	{"T-240 another user: 508", BOB, 1000, false},
};

START_TEST(a_token_is_valid_for_its_owner_and_time)
{
	size_t address = 9;
	uint16_t port = 9;
	uint16_t held = reserve(token, 5000);
	bool got = reservation_redeem(table, token, rows[_i].owner,
				      5000 + rows[_i].after_ms, &address, &port);

	ck_assert_msg(got == rows[_i].want, "%s", rows[_i].name);
	if (got) { /* T-241: exactly port N + 1, of the same address */
		ck_assert_uint_eq(port, held);
		ck_assert_uint_eq(address, 1);
	}
	/* Still taken: the caller's, or the table's until it expires. */
	ck_assert(port_pool_in_use(pool, 1, held));
}
END_TEST

START_TEST(a_token_is_used_once) /* T-242 */
{
	size_t address;
	uint16_t port;
	reserve(token, 0);
	ck_assert(reservation_redeem(table, token, ALICE, 1, &address, &port));
	ck_assert(!reservation_redeem(table, token, ALICE, 2, &address, &port));
}
END_TEST

START_TEST(another_user_does_not_use_it_up) /* T-240 */
{
	size_t address;
	uint16_t port;
	reserve(token, 0);
	ck_assert(!reservation_redeem(table, token, BOB, 1, &address, &port));
	ck_assert(reservation_redeem(table, token, ALICE, 2, &address, &port));
}
END_TEST

START_TEST(a_token_counts_as_a_whole) /* T-242 */
{
	reserve(token, 0);
	for (size_t bit = 0; bit < 64; bit++) {
		uint8_t other[RESERVATION_TOKEN_LEN];
		size_t address;
		uint16_t port;
		memcpy(other, token, sizeof(other));
		other[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert(!reservation_redeem(table, other, ALICE, 1, &address, &port));
	}
}
END_TEST

START_TEST(an_expired_port_returns_to_the_pool) /* T-239 */
{
	uint16_t first = reserve(token, 1000);
	const uint8_t later[RESERVATION_TOKEN_LEN] = {9};
	uint16_t second = reserve(later, 3000);

	ck_assert_uint_eq(reservation_table_expire(table, 1000), 31000);
	ck_assert_uint_eq(reservation_table_expire(table, 30999), 31000);
	ck_assert(port_pool_in_use(pool, 1, first));
	ck_assert_uint_eq(reservation_table_expire(table, 31000), 33000);
	ck_assert(!port_pool_in_use(pool, 1, first));
	ck_assert(port_pool_in_use(pool, 1, second));
	ck_assert_uint_eq(reservation_table_expire(table, 99000), UINT64_MAX);
	ck_assert(!port_pool_in_use(pool, 1, second));
}
END_TEST

START_TEST(a_redeemed_token_does_not_expire)
{
	size_t address;
	uint16_t port;
	uint16_t held = reserve(token, 0);
	ck_assert(reservation_redeem(table, token, ALICE, 1, &address, &port));
	ck_assert_uint_eq(reservation_table_expire(table, 99000), UINT64_MAX);
	ck_assert(port_pool_in_use(pool, 1, held));
}
END_TEST

START_TEST(a_full_table_refuses)
{
	uint8_t tokens[5][RESERVATION_TOKEN_LEN] = {{0}, {1}, {2}, {3}, {4}};
	for (int i = 0; i < 4; i++)
		reserve(tokens[i], 0);
	ck_assert(!reservation_add(table, tokens[4], ALICE, 0, 50001, 100));

	/*
	 * The port of a refused reservation stays with the caller; room comes with time
	 * or use.
	 */
	size_t address;
	uint16_t port;
	ck_assert(reservation_redeem(table, tokens[2], ALICE, 200, &address, &port));
	reserve(tokens[4], 300);
	ck_assert(!reservation_add(table, token, ALICE, 0, 50001, 400));
	reserve(token, 30000);
}
END_TEST

START_TEST(the_reservations_of_an_owner_are_counted) /* attack 24 */
{
	const uint8_t other[RESERVATION_TOKEN_LEN] = {9};
	size_t address;
	uint16_t port;

	ck_assert_uint_eq(reservation_held(table, ALICE, 0), 0);
	reserve(token, 0);
	reserve(other, 20000);
	ck_assert_uint_eq(reservation_held(table, ALICE, 29999), 2);
	ck_assert_uint_eq(reservation_held(table, BOB, 29999), 0);
	ck_assert_uint_eq(reservation_held(table, ALICE, 30000), 1);
	ck_assert(reservation_redeem(table, other, ALICE, 40000, &address, &port));
	ck_assert_uint_eq(reservation_held(table, ALICE, 40000), 0);
}
END_TEST

START_TEST(a_repeating_random_source_loses_no_port)
{
	/* Three with the same token: two are redeemed in turn, the last expires. */
	size_t address;
	uint16_t port;
	for (int i = 0; i < 3; i++)
		reserve(token, (uint64_t)i);
	ck_assert(reservation_redeem(table, token, ALICE, 5, &address, &port));
	port_pool_give(pool, address, port, 5);
	ck_assert(reservation_redeem(table, token, ALICE, 5, &address, &port));
	port_pool_give(pool, address, port, 5);
	ck_assert_uint_eq(reservation_table_expire(table, 40000), UINT64_MAX);
	/* Only the three even ports are still taken. */
	ck_assert_uint_eq(port_pool_figures(pool, 1, 40000).used, 3);
}
END_TEST

START_TEST(attack_24_no_port_is_lost)
{
	/*
	 * Reserve, redeem, try to steal and wait at random; in the end the pool is
	 * complete.
	 */
	enum { ROOM = 16, STEPS = 100000 };
	const struct port_pool_config config = {2, 50000, 50099, 1000, 1};
	struct port_pool *ports = port_pool_new(&config);
	struct reservation_table *t = reservation_table_new(ROOM, ports);
	struct {
		uint8_t token[RESERVATION_TOKEN_LEN];
		uint64_t owner, added_ms;
		size_t address;
		uint16_t port; /* 0: empty */
	} model[ROOM] = {0};
	uint64_t seed = 24, now_ms = 0;

	for (int step = 0; step < STEPS; step++) {
		unsigned i = random_below(&seed, ROOM);
		size_t address = random_below(&seed, 2);
		uint16_t port;

		now_ms += random_below(&seed, 3000);
		reservation_table_expire(t, now_ms);
		for (unsigned j = 0; j < ROOM; j++) {
			if (model[j].port &&
			    now_ms - model[j].added_ms >= RESERVATION_HOLD_MS)
				model[j].port = 0;
		}

		if (!model[i].port) {
			port = port_pool_take(ports, address, PORT_EVEN_PAIR, now_ms);
			ck_assert_uint_ne(port, 0);
			port_pool_give(ports, address, port, now_ms);
			random_fill(&seed, model[i].token, RESERVATION_TOKEN_LEN);
			/* Few chains, so that they are long. */
			memset(model[i].token, 0, 4);
			model[i].owner = random_below(&seed, 3);
			model[i].added_ms = now_ms;
			model[i].address = address;
			model[i].port = port + 1;
			ck_assert(reservation_add(t, model[i].token, model[i].owner,
						  address, port + 1, now_ms));
		} else {
			uint64_t owner = random_below(&seed, 3);
			bool got = reservation_redeem(t, model[i].token, owner, now_ms,
						      &address, &port);
			ck_assert(got == (owner == model[i].owner));
			if (got) {
				ck_assert_uint_eq(port, model[i].port);
				ck_assert_uint_eq(address, model[i].address);
				port_pool_give(ports, address, port, now_ms);
				model[i].port = 0;
			}
		}
		if (step % 100 == 0) {
			size_t held[2] = {0};
			for (unsigned j = 0; j < ROOM; j++)
				held[model[j].address] += model[j].port != 0;
			ck_assert_uint_eq(port_pool_figures(ports, 0, now_ms).used,
					  held[0]);
			ck_assert_uint_eq(port_pool_figures(ports, 1, now_ms).used,
					  held[1]);
			ck_assert(port_pool_check(ports));
		}
	}
	reservation_table_free(t);
	port_pool_free(ports);
}
END_TEST

static void reservation_suite(Suite *suite)
{
	TCase *tc = tcase_create("reservation");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_token_is_valid_for_its_owner_and_time, 0, ROWS(rows));
	tcase_add_test(tc, a_token_is_used_once);
	tcase_add_test(tc, another_user_does_not_use_it_up);
	tcase_add_test(tc, a_token_counts_as_a_whole);
	tcase_add_test(tc, an_expired_port_returns_to_the_pool);
	tcase_add_test(tc, a_redeemed_token_does_not_expire);
	tcase_add_test(tc, a_full_table_refuses);
	tcase_add_test(tc, the_reservations_of_an_owner_are_counted);
	tcase_add_test(tc, a_repeating_random_source_loses_no_port);
	tcase_add_test(tc, attack_24_no_port_is_lost);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("reservation", reservation_suite)
