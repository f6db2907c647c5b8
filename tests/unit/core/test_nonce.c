/*
 * test_nonce.c - nonces: their form, what they are bound to, their lifetime.
 */
#include "relay/core/nonce.h"

#include <string.h>

#include "stun/registry.h"
#include "tests/unit/core/random.h"
#include "tests/unit/lib/unit.h"

#define SLICE(text) ((struct slice){(const uint8_t *)(text), sizeof(text) - 1})

enum { LIFETIME_S = 3600 };

static const struct nonce_key key = {.bytes = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
					       12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
					       23, 24, 25, 26, 27, 28, 29, 30, 31, 32},
				     .lifetime_s = LIFETIME_S};
static const struct five_tuple client = {{{IP_V4, {192, 0, 2, 1}}, 40000}, 1};
static const struct slice realm = {(const uint8_t *)"example.org", 11};
static const uint64_t start_ms = 1234567890;

static struct slice slice_of(const char nonce[NONCE_LEN])
{
	return (struct slice){(const uint8_t *)nonce, NONCE_LEN};
}

static enum nonce_state check_at(const char nonce[NONCE_LEN], uint64_t now_ms)
{
	return nonce_check(&key, &client, realm, slice_of(nonce), now_ms);
}

START_TEST(nonce_begins_with_cookie) /* T-110, T-111 */
{
	char nonce[NONCE_LEN];
	nonce_make(&key, &client, realm, start_ms, nonce);

	ck_assert_mem_eq(nonce, "obMatJos2gAAA", STUN_NONCE_COOKIE_LEN);
	for (size_t i = STUN_NONCE_COOKIE_LEN; i < NONCE_LEN; i++)
		ck_assert_msg(
			strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			       "0123456789-_",
			       nonce[i]) != NULL,
			"character %zu is 0x%02x", i, (unsigned char)nonce[i]);
}
END_TEST

static const struct {
	const char *name;
	const char *nonce;
	bool want;
} cookies[] = {
	{"T-111 password algorithms: gAAA", "obMatJos2gAAAx", true},
	{"T-111 both features: wAAA", "obMatJos2wAAAx", true},
	{"T-111 cookie alone", "obMatJos2gAAA", true},
	{"T-111 user anonymity only: QAAA", "obMatJos2QAAAx", false},
	{"T-111 no feature: AAAA", "obMatJos2AAAAx", false},
	{"T-111 the bit at the wrong end", "obMatJos2AAABx", false},
	{"T-111 cut short", "obMatJos2gAA", false},
	{"T-111 no cookie", "f//499k954d6OL34oL9FSTvy64sA", false},
	{"T-111 cookie in other case", "obmatjos2gAAAx", false},
	{"T-111 feature bits are not base64", "obMatJos2g!AAx", false},
	{"T-111 empty", "", false},
};

START_TEST(nonce_offers_password_algorithms_by_its_first_bit)
{
	const char *text = cookies[_i].nonce;
	struct slice nonce = {(const uint8_t *)text, strlen(text)};
	ck_assert_msg(nonce_offers_password_algorithms(nonce) == cookies[_i].want, "%s",
		      cookies[_i].name);
}
END_TEST

START_TEST(nonce_offers_what_it_promises) /* T-112 */
{
	char nonce[NONCE_LEN];
	nonce_make(&key, &client, realm, start_ms, nonce);
	ck_assert(nonce_offers_password_algorithms(slice_of(nonce)));
}
END_TEST

/* A nonce issued to `client`, presented by another source. */
static const struct {
	const char *name;
	struct five_tuple source;
	struct slice realm;
	enum nonce_state want;
} bindings[] = {
	{"T-113 the same source",
	 {{{IP_V4, {192, 0, 2, 1}}, 40000}, 1},
	 SLICE("example.org"),
	 NONCE_VALID},
	{"T-113 another port",
	 {{{IP_V4, {192, 0, 2, 1}}, 40001}, 1},
	 SLICE("example.org"),
	 NONCE_FOREIGN},
	{"T-113 another address",
	 {{{IP_V4, {192, 0, 2, 3}}, 40000}, 1},
	 SLICE("example.org"),
	 NONCE_FOREIGN},
	{"T-113 same bytes, other family",
	 {{{IP_V6, {192, 0, 2, 1}}, 40000}, 1},
	 SLICE("example.org"),
	 NONCE_FOREIGN},
	{"attack-17 another front, thus another side or transport",
	 {{{IP_V4, {192, 0, 2, 1}}, 40000}, 2},
	 SLICE("example.org"),
	 NONCE_FOREIGN},
	{"T-115 another realm",
	 {{{IP_V4, {192, 0, 2, 1}}, 40000}, 1},
	 SLICE("example.net"),
	 NONCE_FOREIGN},
	{"T-115 a longer realm",
	 {{{IP_V4, {192, 0, 2, 1}}, 40000}, 1},
	 SLICE("example.org."),
	 NONCE_FOREIGN},
	{"T-115 empty realm",
	 {{{IP_V4, {192, 0, 2, 1}}, 40000}, 1},
	 SLICE(""),
	 NONCE_FOREIGN},
};

START_TEST(nonce_is_bound_to_source_front_and_realm)
{
	char nonce[NONCE_LEN];
	nonce_make(&key, &client, realm, start_ms, nonce);
	enum nonce_state got = nonce_check(&key, &bindings[_i].source, bindings[_i].realm,
					   slice_of(nonce), start_ms);
	ck_assert_msg(got == bindings[_i].want, "%s: got %d", bindings[_i].name, got);
}
END_TEST

START_TEST(nonce_is_recognised_exactly_as_issued) /* T-115, T-117 */
{
	char nonce[NONCE_LEN];
	nonce_make(&key, &client, realm, start_ms, nonce);

	/* Every other character at every place, feature bits and unused last bits included. */
	for (size_t i = 0; i < NONCE_LEN; i++) {
		const char kept = nonce[i];
		for (int c = 0; c < 256; c++) {
			nonce[i] = (char)c;
			if (nonce[i] != kept)
				ck_assert_msg(check_at(nonce, start_ms) != NONCE_VALID,
					      "0x%02x at %zu", c, i);
		}
		nonce[i] = kept;
	}
	ck_assert_int_eq(check_at(nonce, start_ms), NONCE_VALID);
}
END_TEST

static const struct {
	const char *name;
	const char *cookie;
} stripped[] = {
	{"T-115 password algorithms stripped: AAAA", "obMatJos2AAAA"},
	{"T-115 user anonymity added: wAAA", "obMatJos2wAAA"},
	{"T-115 cookie replaced", "xxxxxxxxxxxxx"},
};

START_TEST(nonce_with_other_features_is_not_ours)
{
	char nonce[NONCE_LEN];
	nonce_make(&key, &client, realm, start_ms, nonce);
	memcpy(nonce, stripped[_i].cookie, STUN_NONCE_COOKIE_LEN);
	ck_assert_msg(check_at(nonce, start_ms) == NONCE_FOREIGN, "%s",
		      stripped[_i].name);
}
END_TEST

START_TEST(nonce_of_any_other_length_is_not_ours) /* T-115 */
{
	char nonce[NONCE_LEN + 1] = {0};
	nonce_make(&key, &client, realm, start_ms, nonce);
	for (size_t len = 0; len <= sizeof(nonce); len++) {
		struct slice cut = {(const uint8_t *)nonce, len};
		enum nonce_state got = nonce_check(&key, &client, realm, cut, start_ms);
		ck_assert_msg(got == (len == NONCE_LEN ? NONCE_VALID : NONCE_FOREIGN),
			      "length %zu: %d", len, got);
	}
}
END_TEST

START_TEST(nonce_of_another_key_is_not_ours) /* T-117: revocable */
{
	/* Each byte of the key matters. */
	for (size_t i = 0; i < sizeof(key.bytes); i++) {
		struct nonce_key other = key;
		char nonce[NONCE_LEN];
		other.bytes[i] ^= 0x40;
		nonce_make(&other, &client, realm, start_ms, nonce);
		ck_assert_msg(check_at(nonce, start_ms) == NONCE_FOREIGN, "key byte %zu",
			      i);
	}
}
END_TEST

START_TEST(nonce_lives_its_lifetime) /* T-114, T-118 */
{
	/* Issued at each second of a tick: valid at once, never longer than its lifetime. */
	for (uint64_t late_ms = 0; late_ms < NONCE_TICK_S * 1000; late_ms += 999) {
		uint64_t made_ms = start_ms / 16000 * 16000 + late_ms;
		uint64_t sure_ms = (LIFETIME_S - NONCE_TICK_S) * 1000;
		char nonce[NONCE_LEN];

		nonce_make(&key, &client, realm, made_ms, nonce);
		ck_assert_int_eq(check_at(nonce, made_ms), NONCE_VALID);
		ck_assert_int_eq(check_at(nonce, made_ms + sure_ms), NONCE_VALID);
		ck_assert_int_eq(check_at(nonce, made_ms + LIFETIME_S * 1000),
				 NONCE_STALE);
	}
}
END_TEST

START_TEST(nonce_lifetime_ends_on_the_millisecond) /* T-114 */
{
	uint64_t tick_ms = start_ms / 16000 * 16000;
	char nonce[NONCE_LEN];
	nonce_make(&key, &client, realm, tick_ms, nonce);
	ck_assert_int_eq(check_at(nonce, tick_ms + LIFETIME_S * 1000 - 1), NONCE_VALID);
	ck_assert_int_eq(check_at(nonce, tick_ms + LIFETIME_S * 1000), NONCE_STALE);
}
END_TEST

START_TEST(nonce_of_shortest_lifetime_outlives_a_tick) /* T-118 */
{
	struct nonce_key brief = key;
	brief.lifetime_s = 2 * NONCE_TICK_S;
	for (uint64_t ms = 0; ms < 64000; ms += 500) {
		char nonce[NONCE_LEN];
		nonce_make(&brief, &client, realm, ms, nonce);
		ck_assert_int_eq(nonce_check(&brief, &client, realm, slice_of(nonce),
					     ms + NONCE_TICK_S * 1000),
				 NONCE_VALID);
	}
}
END_TEST

START_TEST(nonce_of_a_worker_whose_clock_is_ahead) /* T-118 */
{
	uint64_t tick_ms = start_ms / 16000 * 16000;
	char nonce[NONCE_LEN];
	nonce_make(&key, &client, realm, tick_ms, nonce);
	ck_assert_int_eq(check_at(nonce, tick_ms - 1), NONCE_VALID);
	ck_assert_int_eq(check_at(nonce, tick_ms - 16000), NONCE_VALID);
	ck_assert_int_ne(check_at(nonce, tick_ms - 16001), NONCE_VALID);
}
END_TEST

START_TEST(nonce_works_from_the_first_millisecond)
{
	char nonce[NONCE_LEN];
	nonce_make(&key, &client, realm, 0, nonce);
	ck_assert_int_eq(check_at(nonce, 0), NONCE_VALID);
	ck_assert_int_eq(check_at(nonce, LIFETIME_S * 1000), NONCE_STALE);

	/* From the future: the difference is negative. */
	nonce_make(&key, &client, realm, 65000 * UINT64_C(16000), nonce);
	ck_assert_int_eq(check_at(nonce, 5), NONCE_FOREIGN);
}
END_TEST

START_TEST(nonce_does_not_come_back_when_its_time_wraps) /* T-114 */
{
	const uint64_t turn_ms = UINT64_C(65536) * NONCE_TICK_S * 1000;
	char nonce[NONCE_LEN];
	nonce_make(&key, &client, realm, start_ms, nonce);

	for (uint64_t turn = 1; turn < 200; turn++) {
		uint64_t now_ms = start_ms + turn * turn_ms;
		ck_assert_int_ne(check_at(nonce, now_ms - 16000), NONCE_VALID);
		ck_assert_int_ne(check_at(nonce, now_ms), NONCE_VALID);
		ck_assert_int_ne(check_at(nonce, now_ms + 16000), NONCE_VALID);
	}
	/* Valid nonces remain valid across the wrap. */
	for (uint64_t turn = 1; turn < 200; turn++) {
		nonce_make(&key, &client, realm, turn * turn_ms - 1, nonce);
		ck_assert_int_eq(check_at(nonce, turn * turn_ms + 60000), NONCE_VALID);
	}
}
END_TEST

START_TEST(nonce_is_the_same_within_a_tick_for_one_source) /* T-113 allows it */
{
	char a[NONCE_LEN], b[NONCE_LEN];
	uint64_t tick_ms = start_ms / 16000 * 16000;
	nonce_make(&key, &client, realm, tick_ms, a);
	nonce_make(&key, &client, realm, tick_ms + 15999, b);
	ck_assert_mem_eq(a, b, NONCE_LEN);
	nonce_make(&key, &client, realm, tick_ms + 16000, b);
	ck_assert_mem_ne(a, b, NONCE_LEN);
}
END_TEST

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* The 11 characters after the cookie as a number; its top 16 bits are the time. */
static uint64_t stamp_of(const char nonce[NONCE_LEN])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint64_t stamp = 0;
	for (int i = 0; i < 10; i++)
		stamp = stamp << 6 |
			(uint64_t)(strchr(digits, nonce[STUN_NONCE_COOKIE_LEN + i]) -
				   digits);
	return stamp << 4 |
	       (uint64_t)(strchr(digits, nonce[NONCE_LEN - 1]) - digits) >> 2;
}

START_TEST(attack_32_nonces_of_neighbours_reveal_nothing)
{
	/* A million similar sources, all in one tick. */
	enum { COUNT = 1000000, BITS = 48 };
	uint64_t *macs = malloc(COUNT * sizeof(*macs));
	unsigned ones[BITS] = {0}, flips[BITS] = {0};
	struct five_tuple source = client;
	size_t repeats = 0;

	ck_assert_ptr_nonnull(macs);
	for (unsigned i = 0; i < COUNT; i++) {
		char nonce[NONCE_LEN];
		source.client.port = (uint16_t)i;
		source.client.ip.bytes[3] = (uint8_t)(i >> 16);
		nonce_make(&key, &source, realm, start_ms, nonce);
		macs[i] = stamp_of(nonce) & 0xFFFFFFFFFFFF;
		uint64_t change = i ? macs[i] ^ macs[i - 1] : 0;
		for (int bit = 0; bit < BITS; bit++) {
			ones[bit] += (unsigned)(macs[i] >> bit & 1);
			flips[bit] += (unsigned)(change >> bit & 1);
		}
	}
	/*
	 * Half a million expected, with a standard deviation of 500: allow six of them.
	 */
	for (int bit = 0; bit < BITS; bit++) {
		ck_assert_msg(ones[bit] > 497000 && ones[bit] < 503000, "bit %d: %u ones",
			      bit, ones[bit]);
		ck_assert_msg(flips[bit] > 497000 && flips[bit] < 503000,
			      "bit %d: %u flips", bit, flips[bit]);
	}
	/* 10^12 / 2^49 pairs: no collision for 998 of 1000 keys; this key is fixed. */
	qsort(macs, COUNT, sizeof(*macs), compare_u64);
	for (unsigned i = 1; i < COUNT; i++)
		repeats += macs[i] == macs[i - 1];
	ck_assert_uint_eq(repeats, 0);
	free(macs);
}
END_TEST

START_TEST(random_nonces_are_not_ours) /* T-117: unguessable */
{
	uint64_t seed = 17;
	for (int i = 0; i < 200000; i++) {
		static const char digits[] =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
		char nonce[NONCE_LEN];
		nonce_make(&key, &client, realm, start_ms, nonce);
		/* The time is public: keep it and guess the MAC. */
		for (int c = STUN_NONCE_COOKIE_LEN + 3; c < NONCE_LEN - 1; c++)
			nonce[c] = digits[random_below(&seed, 64)];
		ck_assert_int_ne(check_at(nonce, start_ms), NONCE_VALID);
	}
}
END_TEST

static void nonce_suite(Suite *suite)
{
	TCase *tc = tcase_create("nonce");
	tcase_add_test(tc, nonce_begins_with_cookie);
	tcase_add_loop_test(tc, nonce_offers_password_algorithms_by_its_first_bit, 0,
			    ROWS(cookies));
	tcase_add_test(tc, nonce_offers_what_it_promises);
	tcase_add_loop_test(tc, nonce_is_bound_to_source_front_and_realm, 0,
			    ROWS(bindings));
	tcase_add_test(tc, nonce_is_recognised_exactly_as_issued);
	tcase_add_loop_test(tc, nonce_with_other_features_is_not_ours, 0, ROWS(stripped));
	tcase_add_test(tc, nonce_of_any_other_length_is_not_ours);
	tcase_add_test(tc, nonce_of_another_key_is_not_ours);
	tcase_add_test(tc, nonce_lives_its_lifetime);
	tcase_add_test(tc, nonce_lifetime_ends_on_the_millisecond);
	tcase_add_test(tc, nonce_of_shortest_lifetime_outlives_a_tick);
	tcase_add_test(tc, nonce_of_a_worker_whose_clock_is_ahead);
	tcase_add_test(tc, nonce_works_from_the_first_millisecond);
	tcase_add_test(tc, nonce_does_not_come_back_when_its_time_wraps);
	tcase_add_test(tc, nonce_is_the_same_within_a_tick_for_one_source);
	tcase_add_test(tc, attack_32_nonces_of_neighbours_reveal_nothing);
	tcase_add_test(tc, random_nonces_are_not_ours);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("nonce", nonce_suite)
