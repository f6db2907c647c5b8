/*
 * test_limiter.c - answers to unauthenticated clients, with a clock moved by hand.
 */
#include "relay/core/limiter.h"

#include <string.h>

#include "stun/wire.h"
#include "tests/unit/core/random.h"
#include "tests/unit/lib/unit.h"

enum { RATE = 10, BURST = 20 };

static struct limiter *limiter;

static void setup(void)
{
	limiter = limiter_new(
		&(struct siphash_key){0x0123456789abcdef, 0xfedcba9876543210});
}

static void teardown(void)
{
	limiter_free(limiter);
}

static struct ip_addr v4(uint32_t bits)
{
	struct ip_addr ip = {.family = IP_V4};
	store_be32(ip.bytes, bits);
	return ip;
}

static struct ip_addr v6(const char *text)
{
	struct ip_addr ip;
	ck_assert(ip_addr_parse(text, &ip));
	return ip;
}

/*
 * Ask `times` times, evenly spread over [from_ms, to_ms); returns how many were allowed.
 */
static unsigned ask(struct ip_addr source, unsigned times, uint64_t from_ms,
		    uint64_t to_ms)
{
	unsigned allowed = 0;
	for (unsigned i = 0; i < times; i++)
		allowed += limiter_allows(limiter, &source, RATE, BURST,
					  from_ms + (to_ms - from_ms) * i / times);
	return allowed;
}

START_TEST(a_silent_source_has_its_burst)
{
	ck_assert_uint_eq(ask(v4(0x08080808), 1000, 5000, 5001), BURST);
	/* A tenth of a second allows exactly one more. */
	ck_assert_uint_eq(ask(v4(0x08080808), 10, 5099, 5100), 0);
	ck_assert_uint_eq(ask(v4(0x08080808), 10, 5100, 5101), 1);
	ck_assert_uint_eq(ask(v4(0x08080808), 1000, 1000000, 1000001), BURST);
}
END_TEST

START_TEST(a_burst_is_there_from_the_first_millisecond)
{
	ck_assert_uint_eq(ask(v4(0x08080808), 100, 0, 1), BURST);
}
END_TEST

START_TEST(a_steady_source_has_its_rate)
{
	/* 100 s at 1000 a second. */
	unsigned allowed = ask(v4(0x08080808), 100000, 0, 100000);
	ck_assert_msg(allowed >= 100 * RATE + BURST - 1 && allowed <= 100 * RATE + BURST,
		      "%u in 100 s", allowed);
	/* Below the rate nothing is refused. */
	ck_assert_uint_eq(ask(v4(0x01010101), 900, 0, 100000), 900);
}
END_TEST

START_TEST(rate_0_is_no_limit)
{
	struct ip_addr source = v4(0x08080808);
	for (int i = 0; i < 100000; i++)
		ck_assert(limiter_allows(limiter, &source, 0, 0, 7));
}
END_TEST

START_TEST(a_burst_is_at_least_one)
{
	struct ip_addr source = v4(0x08080808);
	ck_assert(limiter_allows(limiter, &source, 1, 0, 0));
	ck_assert(!limiter_allows(limiter, &source, 1, 0, 999));
	ck_assert(limiter_allows(limiter, &source, 1, 0, 1000));
}
END_TEST

START_TEST(extreme_settings_do_not_overflow)
{
	struct ip_addr source = v4(0x08080808);
	uint64_t late_ms = UINT64_C(1000) * 86400 * 365 * 50;
	unsigned allowed = 0;
	for (int i = 0; i < 10000; i++)
		allowed += limiter_allows(limiter, &source, 1, UINT32_MAX, late_ms);
	ck_assert_uint_eq(allowed, 10000);
	source = v4(0x09090909);
	ck_assert(limiter_allows(limiter, &source, UINT32_MAX, UINT32_MAX, late_ms));
	ck_assert(limiter_allows(limiter, &source, UINT32_MAX, 0, late_ms));
}
END_TEST

START_TEST(a_v4_network_has_four_times_the_allowance)
{
	unsigned network = 0;
	for (uint32_t host = 0; host < 256; host++)
		network += ask(v4(0xC6336400 | host), 100, 1000, 1001);
	ck_assert_uint_eq(network, 4 * BURST);
	/* The neighbouring network is not affected. */
	ck_assert_uint_eq(ask(v4(0xC6336500), 100, 1000, 1001), BURST);
}
END_TEST

START_TEST(a_v6_source_counts_by_its_networks)
{
	/* Within a /64 another interface identifier does not help. */
	struct ip_addr source = v6("2001:db8:1:2::");
	unsigned allowed = 0;
	for (uint32_t i = 0; i < 1000; i++) {
		store_be32(source.bytes + 12, i * 7919);
		allowed += limiter_allows(limiter, &source, RATE, BURST, 1000);
	}
	ck_assert_uint_eq(allowed, BURST);

	/* A /48 has 65536 of those, which together get four times the rate of one. */
	struct ip_addr other = v6("2001:db8:2::");
	allowed = 0;
	for (uint32_t i = 0; i < 1000; i++) {
		store_be16(other.bytes + 6, (uint16_t)i);
		allowed += limiter_allows(limiter, &other, RATE, BURST, 1000);
	}
	ck_assert_uint_eq(allowed, 4 * BURST);
}
END_TEST

START_TEST(attack_13_spoofed_sources_are_answered_at_the_rate)
{
	/* A thousand victims, ten thousand requests a second for half a minute. */
	enum { VICTIMS = 1000, SECONDS = 30 };
	unsigned answers[VICTIMS] = {0};
	unsigned total = 0;
	uint64_t seed = 13;

	for (unsigned i = 0; i < 10000 * SECONDS; i++) {
		unsigned victim = random_below(&seed, 10) ? 0
							  : random_below(&seed, VICTIMS);
		struct ip_addr source = v4(0x14000000 + 0x10001 * victim);
		answers[victim] += limiter_allows(limiter, &source, RATE, BURST, i / 10);
	}
	for (unsigned i = 0; i < VICTIMS; i++) {
		ck_assert_msg(answers[i] <= BURST + RATE * SECONDS,
			      "victim %u: %u answers", i, answers[i]);
		total += answers[i];
	}
	/*
	 * The first one is attacked with 9000 a second: it is answered at its rate, not
	 * silenced.
	 */
	ck_assert_uint_ge(answers[0], RATE * SECONDS);
	/* The others ask once a second each, below their rate. */
	ck_assert_uint_gt(total - answers[0], 29000);
}
END_TEST

START_TEST(attack_13_a_victim_gets_less_than_a_hundredth)
{
	/* Ten thousand a second at one victim, after its burst. */
	ask(v4(0x08080808), BURST, 0, 1);
	unsigned allowed = ask(v4(0x08080808), 600000, 1, 60001);
	ck_assert_uint_le(allowed, RATE * 60);
	ck_assert_uint_ge(allowed, RATE * 60 - 1);
}
END_TEST

/*
 * Innocent clients that each ask once during an attack. A refused client would retry
 * after 500 ms (RFC 8489), which is not counted here.
 */
static unsigned innocents_refused(uint32_t first, unsigned count, uint64_t now_ms)
{
	unsigned refused = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct ip_addr source = v4(first + 0x101 * i);
		refused += !limiter_allows(limiter, &source, RATE, BURST, now_ms);
	}
	return refused;
}

START_TEST(attack_14_a_flood_of_new_sources_starves_no_client)
{
	/* 300,000 random sources a second for three seconds; 1000 innocents each second. */
	uint64_t seed = 14;
	unsigned refused = 0;

	for (unsigned i = 0; i < 900000; i++) {
		struct ip_addr source = v4((uint32_t)random_u64(&seed));
		limiter_allows(limiter, &source, RATE, BURST, i / 300);
		if (i % 300000 == 299999)
			refused += innocents_refused(0x20000000 + i, 1000, i / 300);
	}
	ck_assert_msg(refused <= 30, "%u of 3000 refused", refused);
}
END_TEST

START_TEST(attack_14_a_thousand_heavy_sources_starve_no_client)
{
	/* Four in each of 250 networks, which keeps the network over its limit too. */
	for (uint32_t i = 0; i < 250; i++) {
		for (uint32_t host = 0; host < 4; host++)
			ask(v4(0x30000000 + 0x10100 * i + host), 2 * BURST, 1000, 1001);
		ck_assert_uint_eq(ask(v4(0x30000000 + 0x10100 * i + 99), 1, 1000, 1001),
				  0);
	}
	unsigned refused = innocents_refused(0x50000000, 20000, 1000);
	ck_assert_msg(refused <= 200, "%u of 20000 refused", refused);
}
END_TEST

START_TEST(attack_14_an_innocent_beside_a_heavy_source_recovers)
{
	/*
	 * However long a cell was over its limit, it is free again after the time of one
	 * burst.
	 */
	for (unsigned second = 0; second < 600; second++) {
		for (uint32_t i = 0; i < 20; i++)
			ask(v4(0x30000000 + i), 20, second * 1000, second * 1000 + 1000);
	}
	uint64_t later_ms = 600000 + BURST * 1000 / RATE;
	for (uint32_t i = 0; i < 20; i++)
		ck_assert_uint_ge(ask(v4(0x30000000 + i), 4, later_ms, later_ms + 1), 4);
}
END_TEST

START_TEST(keys_differ)
{
	/*
	 * Fill so many cells that some innocent clients are refused. Another key refuses
	 * others, so collisions found on one relay are useless after its next start.
	 */
	struct limiter *other = limiter_new(&(struct siphash_key){1, 1});
	for (uint32_t i = 0; i < 20000; i++) {
		struct ip_addr source = v4(0x30000000 + 0x100 * i);
		for (int n = 0; n < 3; n++) {
			limiter_allows(limiter, &source, 1, 1, 0);
			limiter_allows(other, &source, 1, 1, 0);
		}
	}
	unsigned one = 0, both = 0;
	for (uint32_t i = 0; i < 4000; i++) {
		struct ip_addr source = v4(0x60000000 + 0x100 * i);
		bool a = limiter_allows(limiter, &source, 1, 1, 0);
		bool b = limiter_allows(other, &source, 1, 1, 0);
		one += !a;
		both += !a && !b;
	}
	ck_assert_uint_gt(one, 100);
	ck_assert_uint_lt(both, one / 2);
	limiter_free(other);
}
END_TEST

static const struct {
	const char *name, *source, *prefix;
} prefixes[] = {
	{"an IPv4 address counts alone", "192.0.2.77", "192.0.2.77"},
	{"an IPv6 address counts by its /64", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
	{"the /64 itself", "2001:db8:1:2::", "2001:db8:1:2::"},
};

START_TEST(quotas_count_by_prefix)
{
	struct ip_addr source = v6(prefixes[_i].source), want = v6(prefixes[_i].prefix);
	struct ip_addr got = source_prefix(&source);
	ck_assert_msg(memcmp(&got, &want, sizeof(got)) == 0, "%s", prefixes[_i].name);
}
END_TEST

static void limiter_suite(Suite *suite)
{
	TCase *tc = tcase_create("limiter");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_silent_source_has_its_burst);
	tcase_add_test(tc, a_burst_is_there_from_the_first_millisecond);
	tcase_add_test(tc, a_steady_source_has_its_rate);
	tcase_add_test(tc, rate_0_is_no_limit);
	tcase_add_test(tc, a_burst_is_at_least_one);
	tcase_add_test(tc, extreme_settings_do_not_overflow);
	tcase_add_test(tc, a_v4_network_has_four_times_the_allowance);
	tcase_add_test(tc, a_v6_source_counts_by_its_networks);
	tcase_add_test(tc, attack_13_spoofed_sources_are_answered_at_the_rate);
	tcase_add_test(tc, attack_13_a_victim_gets_less_than_a_hundredth);
	tcase_add_test(tc, attack_14_a_flood_of_new_sources_starves_no_client);
	tcase_add_test(tc, attack_14_a_thousand_heavy_sources_starve_no_client);
	tcase_add_test(tc, attack_14_an_innocent_beside_a_heavy_source_recovers);
	tcase_add_test(tc, keys_differ);
	tcase_add_loop_test(tc, quotas_count_by_prefix, 0, ROWS(prefixes));
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("limiter", limiter_suite)
