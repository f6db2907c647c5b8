/*
 * test_routes.c - which pair has which hop, when the kernel is asked, and when a place is used again.
 */
#include "relay/offload/routes.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/lib/unit.h"

static struct flow_hop *hops;
static struct routes *routes;

static void set_up(void)
{
	hops = calloc(FLOW_HOPS, sizeof(*hops));
	routes = routes_new(hops, 0);
	ck_assert(hops != NULL && routes != NULL);
}

static void tear_down(void)
{
	routes_free(routes);
	free(hops);
}

static struct ip_addr host(uint32_t number)
{
	return (struct ip_addr){.family = IP_V4,
				.bytes = {198, (uint8_t)(number >> 16),
					  (uint8_t)(number >> 8), (uint8_t)number}};
}

static const struct ip_addr ours = {.family = IP_V4, .bytes = {192, 0, 2, 10}};
static const struct ip_addr also_ours = {.family = IP_V4, .bytes = {192, 0, 2, 11}};

static struct flow_hop by(uint32_t ifindex)
{
	return (struct flow_hop){.ifindex = ifindex,
				 .mtu = 1500,
				 .family = 4,
				 .gateway = {192, 0, 2, 1},
				 .hop_limit = 64};
}

static enum routes_taken take(uint32_t to, uint64_t now_ms, uint16_t *hop)
{
	const struct ip_addr ip = host(to);

	return routes_take(routes, &ours, &ip, now_ms, hop);
}

/* Answer all that is asked; how many questions that were. */
static unsigned answer(uint32_t ifindex)
{
	const struct flow_hop way = ifindex != 0 ? by(ifindex) : (struct flow_hop){0};
	struct routes_question question;
	unsigned count = 0;

	while (routes_question(routes, &question)) {
		ck_assert(++count <= FLOW_HOPS);
		routes_answer(routes, &question, &way);
	}
	return count;
}

static uint16_t taken(uint32_t to, uint64_t now_ms)
{
	uint16_t hop = 0;

	if (take(to, now_ms, &hop) == ROUTES_ASKED) {
		ck_assert_uint_eq(answer(7), 1);
		ck_assert_int_eq(take(to, now_ms, &hop), ROUTES_TAKEN);
	}
	return hop;
}

START_TEST(a_new_pair_is_asked_for_once)
{
	struct routes_question question;
	uint16_t hop;

	ck_assert(!routes_question(routes, &question));
	ck_assert_int_eq(take(1, 0, &hop), ROUTES_ASKED);
	ck_assert_int_eq(take(1, 0, &hop), ROUTES_ASKED);
	ck_assert(routes_question(routes, &question));
	ck_assert(ip_addr_equal(&question.from, &ours));
	ck_assert_uint_eq(question.to.bytes[3], 1);
	routes_answer(routes, &question, &(struct flow_hop){.ifindex = 7, .mtu = 1400});
	ck_assert_int_eq(take(1, 0, &hop), ROUTES_TAKEN);
	ck_assert_uint_eq(hops[hop].ifindex, 7);
	ck_assert_uint_eq(hops[hop].mtu, 1400);
	ck_assert(!routes_question(routes, &question));
	ck_assert_uint_eq(routes_count(routes), 1);
}
END_TEST

START_TEST(pairs_have_hops_of_their_own)
{
	const struct ip_addr to = host(1);
	uint16_t a = taken(1, 0), b = taken(2, 0), c, again;

	ck_assert_int_eq(routes_take(routes, &also_ours, &to, 0, &c), ROUTES_ASKED);
	answer(8);
	ck_assert_int_eq(routes_take(routes, &also_ours, &to, 0, &c), ROUTES_TAKEN);
	ck_assert_int_eq(take(1, 0, &again), ROUTES_TAKEN);
	ck_assert(a != b && a != c && b != c);
	ck_assert_uint_eq(again, a);
	ck_assert_uint_eq(routes_count(routes), 3);
}
END_TEST

START_TEST(no_way_is_known_too)
{
	uint16_t hop;

	ck_assert_int_eq(take(1, 0, &hop), ROUTES_ASKED);
	answer(0);
	ck_assert_int_eq(take(1, 0, &hop), ROUTES_NONE);
	ck_assert_uint_eq(answer(7), 0);
	routes_ask_again(routes); /* until something changes */
	ck_assert_int_eq(take(1, 0, &hop), ROUTES_ASKED);
	answer(7);
	ck_assert_int_eq(take(1, 0, &hop), ROUTES_TAKEN);
}
END_TEST

START_TEST(a_change_is_written_in_place)
{
	uint16_t a = taken(1, 0), b = taken(2, 0);

	routes_release(routes, b, 0);
	routes_ask_again(routes);
	ck_assert_uint_eq(answer(9), 1); /* b is nobody's */
	ck_assert_uint_eq(hops[a].ifindex, 9);
	routes_ask_again(routes);
	ck_assert_uint_eq(answer(0), 1);
	ck_assert_uint_eq(hops[a].ifindex, 0);
	ck_assert_int_eq(take(1, 0, &a), ROUTES_NONE);
	routes_ask_again(routes);
	ck_assert_uint_eq(answer(7), 1);
	ck_assert_int_eq(take(1, 0, &a), ROUTES_TAKEN);
}
END_TEST

START_TEST(a_late_answer_is_ignored)
{
	const struct flow_hop old = by(3);
	struct routes_question question;
	uint16_t a = taken(1, 0);

	routes_ask_again(routes);
	ck_assert(routes_question(routes, &question));
	routes_ask_again(routes); /* while the kernel was asked */
	routes_answer(routes, &question, &old);
	ck_assert_uint_eq(hops[a].ifindex, 7);
	ck_assert_uint_eq(answer(8), 1);
	ck_assert_uint_eq(hops[a].ifindex, 8);
	routes_answer(routes, &question, &old); /* nothing is asked any more */
	ck_assert_uint_eq(hops[a].ifindex, 8);
}
END_TEST

START_TEST(a_lost_device_passes_up_at_once)
{
	uint16_t a = taken(1, 0);

	routes_ask_again(routes);
	answer(7);
	routes_lose_device(routes, 6);
	ck_assert_uint_eq(hops[a].ifindex, 7);
	routes_lose_device(routes, 7);
	ck_assert_uint_eq(hops[a].ifindex, 0);
}
END_TEST

START_TEST(a_neighbour_concerns_its_pairs)
{
	const struct ip_addr gateway = {.family = IP_V4, .bytes = {192, 0, 2, 1}};
	const struct ip_addr other = {.family = IP_V4, .bytes = {192, 0, 2, 2}};
	const struct ip_addr on_link = host(2);
	struct flow_hop way = by(7);
	struct routes_question question;
	uint16_t hop;

	taken(1, 0);
	ck_assert_int_eq(take(2, 0, &hop), ROUTES_ASKED);
	ck_assert(routes_question(routes, &question));
	way.family = 0;
	routes_answer(routes, &question, &way);
	ck_assert_int_eq(take(2, 0, &hop), ROUTES_TAKEN);
	routes_ask_neighbour(routes, 7, &other);
	routes_ask_neighbour(routes, 8, &gateway);
	ck_assert_uint_eq(answer(7), 0);
	routes_ask_neighbour(routes, 7, &gateway);
	ck_assert_uint_eq(answer(7), 1);
	routes_ask_neighbour(routes, 7, &on_link);
	ck_assert(routes_question(routes, &question));
	ck_assert(ip_addr_equal(&question.to, &on_link));
}
END_TEST

START_TEST(a_place_rests_before_it_is_another_pairs)
{
	uint16_t hop;

	for (uint32_t i = 0; i < FLOW_HOPS; i++)
		taken(i, 100);
	ck_assert_int_eq(take(FLOW_HOPS, 100, &hop), ROUTES_FULL);
	ck_assert_int_eq(take(5, 100, &hop), ROUTES_TAKEN);
	routes_release(routes, hop, 200);
	ck_assert_int_eq(take(FLOW_HOPS, 200, &hop), ROUTES_FULL); /* there is one more */
	routes_release(routes, hop, 200);
	ck_assert_uint_eq(routes_count(routes), FLOW_HOPS - 1);
	ck_assert_int_eq(take(FLOW_HOPS, 199 + FLOW_REST_MS, &hop), ROUTES_FULL);
	ck_assert_uint_eq(hops[hop].ifindex, 7);
	ck_assert_int_eq(take(FLOW_HOPS, 200 + FLOW_REST_MS, &hop), ROUTES_ASKED);
	ck_assert_uint_eq(hops[hop].ifindex, 0);
}
END_TEST

START_TEST(hops_of_a_process_before_stay_for_a_lease)
{
	uint16_t hop;

	routes_free(routes);
	for (uint32_t i = 1; i < FLOW_HOPS; i++)
		hops[i] = by(5);
	routes = routes_new(hops, 1000);
	ck_assert_uint_eq(taken(1, 1000), 0);
	ck_assert_int_eq(take(2, 999 + FLOW_LEASE_MS, &hop), ROUTES_FULL);
	ck_assert_uint_eq(hops[1].ifindex, 5);
	routes_lose_device(routes, 5);
	ck_assert_uint_eq(hops[1].ifindex, 0);
	ck_assert_int_eq(take(2, 1000 + FLOW_LEASE_MS, &hop), ROUTES_ASKED);
}
END_TEST

/* Any order of taking, releasing and changes: references and questions stay in agreement. */
START_TEST(anything_in_any_order)
{
	enum { PAIRS = 40 };
	unsigned held[PAIRS] = {0};
	uint16_t where[PAIRS] = {0};
	uint64_t now_ms = 0;
	unsigned draw = 12345;

	for (int step = 0; step < 20000; step++) {
		draw = draw * 1103515245 + 12345;
		uint32_t pair = draw >> 8 & 0xFFFF;
		uint16_t hop;

		pair %= PAIRS;
		now_ms += draw >> 28;
		switch (draw >> 16 & 7) {
		case 0:
			routes_ask_again(routes);
			break;
		case 1:
			answer(draw >> 24 & 3);
			break;
		case 2:
			routes_lose_device(routes, 1 + (draw >> 24 & 1));
			break;
		case 3:
		case 4:
			if (held[pair] > 0) {
				routes_release(routes, where[pair], now_ms);
				held[pair]--;
			}
			break;
		default:
			if (take(pair, now_ms, &hop) != ROUTES_TAKEN)
				break;
			ck_assert(held[pair] == 0 || where[pair] == hop);
			where[pair] = hop;
			held[pair]++;
		}
		size_t used = 0;

		for (int i = 0; i < PAIRS; i++)
			used += held[i] > 0;
		ck_assert_uint_eq(routes_count(routes), used);
	}
}
END_TEST

static void routes_suite(Suite *suite)
{
	TCase *tc = tcase_create("routes");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_new_pair_is_asked_for_once);
	tcase_add_test(tc, pairs_have_hops_of_their_own);
	tcase_add_test(tc, no_way_is_known_too);
	tcase_add_test(tc, a_change_is_written_in_place);
	tcase_add_test(tc, a_late_answer_is_ignored);
	tcase_add_test(tc, a_lost_device_passes_up_at_once);
	tcase_add_test(tc, a_neighbour_concerns_its_pairs);
	tcase_add_test(tc, a_place_rests_before_it_is_another_pairs);
	tcase_add_test(tc, hops_of_a_process_before_stay_for_a_lease);
	tcase_add_test(tc, anything_in_any_order);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("routes", routes_suite)
