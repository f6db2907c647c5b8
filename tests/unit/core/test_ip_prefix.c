/*
 * test_ip_prefix.c - prefixes as text, and the trie against 128-bit arithmetic.
 */
#include "relay/core/prefix_trie.h"

#include <string.h>

#include "stun/wire.h"
#include "tests/unit/core/random.h"
#include "tests/unit/lib/unit.h"

static const struct {
	const char *text;
	bool ok;
	uint8_t family, len;
	uint8_t first, last; /* bytes of the address */
} texts[] = {
	{"10.0.0.0/8", true, IP_V4, 8, 10, 0},
	{"0.0.0.0/0", true, IP_V4, 0, 0, 0},
	{"192.0.2.1", true, IP_V4, 32, 192, 1},
	{"192.0.2.1/32", true, IP_V4, 32, 192, 1},
	{"192.0.2.128/25", true, IP_V4, 25, 192, 128},
	{"::1", true, IP_V6, 128, 0, 1},
	{"::/0", true, IP_V6, 0, 0, 0},
	{"fc00::/7", true, IP_V6, 7, 0xfc, 0},
	{"2001:db8::/127", true, IP_V6, 127, 0x20, 0},
	/* attack-11: what is not exactly right is refused */
	{"10.0.0.1/8", false, 0, 0, 0, 0},
	{"192.0.2.128/24", false, 0, 0, 0, 0},
	{"2001:db8::1/127", false, 0, 0, 0, 0},
	{"fe00::/7", true, IP_V6, 7, 0xfe, 0},
	{"fd00::/7", false, 0, 0, 0, 0},
	{"10.0.0.0/33", false, 0, 0, 0, 0},
	{"::/129", false, 0, 0, 0, 0},
	{"::/256", false, 0, 0, 0, 0},
	{"::/1000", false, 0, 0, 0, 0},
	{"::/4294967296", false, 0, 0, 0, 0},
	{"10.0.0.0/", false, 0, 0, 0, 0},
	{"10.0.0.0/ 8", false, 0, 0, 0, 0},
	{"10.0.0.0/+8", false, 0, 0, 0, 0},
	{"10.0.0.0/-8", false, 0, 0, 0, 0},
	{"10.0.0.0/08", false, 0, 0, 0, 0},
	{"10.0.0.0/8 ", false, 0, 0, 0, 0},
	{"10.0.0.0/8/8", false, 0, 0, 0, 0},
	{"10.0.0.0/0x8", false, 0, 0, 0, 0},
	{"10.0.0.0/255.0.0.0", false, 0, 0, 0, 0},
	{"10.0.0.0-10.255.255.255", false, 0, 0, 0, 0},
	{"10/8", false, 0, 0, 0, 0},
	{"/8", false, 0, 0, 0, 0},
	{"", false, 0, 0, 0, 0},
	{"localhost", false, 0, 0, 0, 0},
	{"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee/8", false,
	 0, 0, 0, 0},
};

START_TEST(prefix_is_parsed_strictly)
{
	struct ip_prefix prefix, before;
	memset(&prefix, 0x5A, sizeof(prefix));
	before = prefix;
	bool ok = ip_prefix_parse(texts[_i].text, &prefix);

	ck_assert_msg(ok == texts[_i].ok, "\"%s\"", texts[_i].text);
	if (!ok) {
		ck_assert_mem_eq(&prefix, &before, sizeof(prefix));
		return;
	}
	ck_assert_uint_eq(prefix.ip.family, texts[_i].family);
	ck_assert_uint_eq(prefix.len, texts[_i].len);
	ck_assert_uint_eq(prefix.ip.bytes[0], texts[_i].first);
	ck_assert_uint_eq(prefix.ip.bytes[ip_addr_len(prefix.ip.family) - 1],
			  texts[_i].last);
}
END_TEST

static const struct {
	const char *prefix, *ip;
	bool want;
} containments[] = {
	{"10.0.0.0/8", "10.255.255.255", true},
	{"10.0.0.0/8", "11.0.0.0", false},
	{"10.0.0.0/8", "9.255.255.255", false},
	{"192.0.2.128/25", "192.0.2.127", false},
	{"192.0.2.128/25", "192.0.2.128", true},
	{"192.0.2.1", "192.0.2.1", true},
	{"192.0.2.1", "192.0.2.0", false},
	{"0.0.0.0/0", "255.255.255.255", true},
	{"0.0.0.0/0", "::", false},
	{"::/0", "0.0.0.0", false},
	{"::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true},
	{"2001:db8::/127", "2001:db8::1", true},
	{"2001:db8::/127", "2001:db8::2", false},
	/*
	 * one byte larger and another smaller: prefixes do not compare byte by byte
	 * (attack 4)
	 */
	{"2001:db8::/32", "2001:db9::", false},
	{"2001:db8::/32", "2000:db8::ffff", false},
};

START_TEST(prefix_contains_its_addresses)
{
	struct ip_prefix prefix;
	struct ip_addr ip;
	ck_assert(ip_prefix_parse(containments[_i].prefix, &prefix));
	ck_assert(ip_addr_parse(containments[_i].ip, &ip));
	ck_assert_msg(ip_prefix_contains(&prefix, &ip) == containments[_i].want,
		      "%s in %s", containments[_i].ip, containments[_i].prefix);
}
END_TEST

static const struct {
	const char *name, *ip;
	bool want;
} tunnels[] = {
	{"T-252 first of Teredo", "2001::", true},
	{"T-252 last of Teredo", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", true},
	{"T-252 before Teredo", "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
	{"T-252 after Teredo", "2001:1::", false},
	{"T-252 first of 6to4", "2002::", true},
	{"T-252 last of 6to4", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true},
	{"T-252 after 6to4", "2003::", false},
	{"T-252 an ordinary address", "2a00::1", false},
	{"T-252 IPv4 with the same bytes", "32.2.0.0", false},
};

START_TEST(tunnelled_addresses_are_known)
{
	struct ip_addr ip;
	ck_assert(ip_addr_parse(tunnels[_i].ip, &ip));
	ck_assert_msg(ip_addr_is_tunnelled(&ip) == tunnels[_i].want, "%s",
		      tunnels[_i].name);
}
END_TEST

START_TEST(compare_is_an_order)
{
	static const char *const sorted[] = {"0.0.0.0", "1.2.3.4", "255.255.255.255",
					     "::",      "::1",     "2001:db8::"};
	for (size_t i = 0; i < ARRAY_LEN(sorted); i++) {
		for (size_t j = 0; j < ARRAY_LEN(sorted); j++) {
			struct ip_addr a, b;
			ip_addr_parse(sorted[i], &a);
			ip_addr_parse(sorted[j], &b);
			int got = ip_addr_compare(&a, &b);
			ck_assert(i < j ? got < 0 : i > j ? got > 0 : got == 0);
		}
	}
}
END_TEST

/* The oracle: an address is a 128-bit number, a prefix is a first and a last number. */
typedef unsigned __int128 number;

static number number_of(const struct ip_addr *ip)
{
	number n = 0;
	for (size_t i = 0; i < ip_addr_len(ip->family); i++)
		n = n << 8 | ip->bytes[i];
	return n;
}

static struct ip_addr address_of(number n, uint8_t family)
{
	struct ip_addr ip = {.family = family};
	for (size_t i = ip_addr_len(family); i-- > 0; n >>= 8)
		ip.bytes[i] = (uint8_t)n;
	return ip;
}

struct oracle_entry {
	uint8_t family, len, value;
	number first, last;
};

static struct oracle_entry random_entry(uint64_t *seed, uint8_t value)
{
	struct oracle_entry e = {.family = random_below(seed, 2) ? IP_V4 : IP_V6,
				 .value = value};
	unsigned bits = e.family == IP_V4 ? 32 : 128;
	/* Few different leading bits, so that prefixes nest. */
	number n = (number)random_u64(seed) << 64 | random_u64(seed);
	number top = random_below(seed, 4);

	if (bits == 32)
		n = (n & 0x00FFFFFF) | top << 24;
	else
		n = (n & ((number)-1 >> 8)) | top << 120;
	if (random_below(seed, 2))
		n &= ~((number)0) << random_below(seed, bits);
	e.len = (uint8_t)random_below(seed, bits + 1);

	number host = e.len == 0 ? (number)-1 : ((number)1 << (bits - e.len)) - 1;
	if (bits == 32)
		host &= 0xFFFFFFFF;
	if (e.len == bits)
		host = 0;
	e.first = n & ~host & (bits == 32 ? (number)0xFFFFFFFF : (number)-1);
	e.last = e.first | host;
	return e;
}

static uint8_t oracle_find(const struct oracle_entry *entries, size_t count,
			   uint8_t family, number n, uint8_t *len)
{
	uint8_t value = 0;
	*len = 0;
	for (size_t i = 0; i < count; i++) {
		const struct oracle_entry *e = &entries[i];
		if (e->family != family || n < e->first || n > e->last)
			continue;
		/* >=: of two equal prefixes the later one counts */
		if (value == 0 || e->len >= *len) {
			value = e->value;
			*len = e->len;
		}
	}
	return value;
}

static void check_point(const struct prefix_trie *trie,
			const struct oracle_entry *entries, size_t count, uint8_t family,
			number n)
{
	struct ip_addr ip = address_of(n, family);
	uint8_t len, want_len;
	uint8_t want = oracle_find(entries, count, family, n, &want_len);
	uint8_t got = prefix_trie_find(trie, &ip, &len);

	if (got != want || len != want_len) {
		char text[ENDPOINT_TEXT_LEN];
		ck_abort_msg("%s: got %u of length %u, want %u of %u",
			     ip_addr_format(&ip, text, sizeof(text)), got, len, want,
			     want_len);
	}
}

START_TEST(attack_4_trie_agrees_with_128_bit_arithmetic)
{
	enum { ENTRIES = 40, SETS = 100, POINTS = 10000 };
	uint64_t seed = 4 + (uint64_t)_i * 1000;

	for (int set = 0; set < SETS; set++) {
		struct oracle_entry entries[ENTRIES];
		struct prefix_trie *trie = prefix_trie_new(ENTRIES * 128);
		ck_assert_ptr_nonnull(trie);

		for (int i = 0; i < ENTRIES; i++) {
			entries[i] = random_entry(&seed, (uint8_t)(i + 1));
			const struct ip_prefix prefix = {address_of(entries[i].first,
								    entries[i].family),
							 entries[i].len};
			prefix_trie_add(trie, &prefix, entries[i].value);
			/* The oracle's own conversion must be right. */
			ck_assert(number_of(&prefix.ip) == entries[i].first);
		}
		for (int i = 0; i < ENTRIES; i++) {
			const struct oracle_entry *e = &entries[i];
			number mask = e->family == IP_V4 ? 0xFFFFFFFF : (number)-1;
			const number edges[] = {e->first, e->last, (e->first - 1) & mask,
						(e->last + 1) & mask,
						e->first + (e->last - e->first) / 2};
			for (size_t k = 0; k < ARRAY_LEN(edges); k++)
				check_point(trie, entries, ENTRIES, e->family, edges[k]);
		}
		for (int i = 0; i < POINTS; i++) {
			/* Half of the points near a prefix, half anywhere. */
			const struct oracle_entry *e =
				&entries[random_below(&seed, ENTRIES)];
			number n = (number)random_u64(&seed) << 64 | random_u64(&seed);
			if (i % 2)
				n = e->first ^ (n >> random_below(&seed, 128));
			if (e->family == IP_V4)
				n &= 0xFFFFFFFF;
			check_point(trie, entries, ENTRIES, e->family, n);
		}
		prefix_trie_free(trie);
	}
}
END_TEST

START_TEST(an_empty_trie_finds_nothing)
{
	struct prefix_trie *trie = prefix_trie_new(0);
	struct ip_addr ip = {.family = IP_V4};
	uint8_t len = 9;
	ck_assert_uint_eq(prefix_trie_find(trie, &ip, &len), 0);
	ck_assert_uint_eq(len, 0);
	prefix_trie_free(trie);
}
END_TEST

static void ip_prefix_suite(Suite *suite)
{
	TCase *tc = tcase_create("ip_prefix");
	tcase_add_loop_test(tc, prefix_is_parsed_strictly, 0, ROWS(texts));
	tcase_add_loop_test(tc, prefix_contains_its_addresses, 0, ROWS(containments));
	tcase_add_loop_test(tc, tunnelled_addresses_are_known, 0, ROWS(tunnels));
	tcase_add_test(tc, compare_is_an_order);
	tcase_add_test(tc, an_empty_trie_finds_nothing);
	tcase_add_loop_test(tc, attack_4_trie_agrees_with_128_bit_arithmetic, 0, 3);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("ip_prefix", ip_prefix_suite)
