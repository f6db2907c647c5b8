/*
 * test_peer_policy_model.c - the peer policy against its oracle: every special-purpose prefix,
 * random configurations, and every embedding of a million IPv4 addresses.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/core/policy_fixture.h"
#include "tests/unit/core/policy_oracle.h"
#include "tests/unit/core/random.h"
#include "tests/unit/lib/unit.h"

START_TEST(rule_names_are_a_closed_set)
{
	const char *const *names;
	size_t count = peer_policy_rules(&names);

	ck_assert_uint_gt(count, 30);
	for (size_t i = 0; i < count; i++) {
		ck_assert_int_eq(strspn(names[i],
					"abcdefghijklmnopqrstuvwxyz0123456789-"),
				 strlen(names[i]));
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(names[i], names[j]);
	}
	for (size_t i = 0; i < special_row_count; i++) {
		const char *rule = special_rows[i].rule;
		size_t j = 0;
		while (j < count && strcmp(names[j], rule) != 0)
			j++;
		ck_assert_msg(j < count, "\"%s\" is missing", rule);
	}
}
END_TEST

static void agree(const struct fixture *w, const struct endpoint *peer)
{
	bool want_allowed;
	const char *want =
		oracle_check(&w->config, w->host, w->pool, peer, &want_allowed);
	struct peer_verdict got = fixture_check(w, peer);

	if (got.allowed != want_allowed || strcmp(got.rule, want) != 0) {
		char text[ENDPOINT_TEXT_LEN];
		ck_abort_msg("%s: %s by \"%s\", the oracle says \"%s\"",
			     endpoint_format(peer, text, sizeof(text)),
			     got.allowed ? "allowed" : "refused", got.rule, want);
	}
}

/* First, middle and last address of a prefix, and its neighbours on both sides. */
enum { EDGES = 5 };

static struct endpoint edge(const struct ip_prefix *prefix, int which)
{
	number first = prefix_first(prefix), last = prefix_last(prefix);
	const number points[EDGES] = {first, first + (last - first) / 2, last, first - 1,
				      last + 1};
	return (struct endpoint){address_of(points[which], prefix->ip.family), 5};
}

START_TEST(attack_1_every_special_purpose_prefix_is_refused)
{
	struct fixture w;
	struct ip_prefix prefix = fixture_prefix(special_rows[_i].prefix);
	fixture_open(&w, "");

	for (int which = 0; which < 3; which++) {
		struct endpoint peer = edge(&prefix, which), permission = peer;
		permission.port = 0;
		ck_assert_msg(
			!peer_policy_check(w.policy, NULL, NULL, &peer).allowed &&
				!peer_policy_check(w.policy, NULL, NULL, &permission)
					 .allowed,
			"%s: address %d is allowed", special_rows[_i].prefix, which);
		agree(&w, &peer);
	}
	fixture_close(&w);
}
END_TEST

START_TEST(attack_1_an_allow_entry_flips_exactly_its_prefix)
{
	struct fixture w, without;
	char allow[64];

	fixture_open(&without, "");
	snprintf(allow, sizeof(allow), "+%s", special_rows[_i].prefix);
	fixture_open(&w, allow);
	struct ip_prefix allowed = fixture_prefix(special_rows[_i].prefix);
	unsigned flipped = 0;

	for (size_t row = 0; row < special_row_count; row++) {
		struct ip_prefix other = fixture_prefix(special_rows[row].prefix);
		for (int which = 0; which < EDGES; which++) {
			struct endpoint peer = edge(&other, which);
			bool now = peer_policy_check(w.policy, NULL, NULL, &peer).allowed;
			bool then = peer_policy_check(without.policy, NULL, NULL, &peer)
					    .allowed;
			if (now != then)
				ck_assert_msg(
					now && ip_prefix_contains(&allowed, &peer.ip),
					"%s allowed: an address at %s changed sides",
					special_rows[_i].prefix,
					special_rows[row].prefix);
			flipped += now != then;
			agree(&w, &peer);
		}
	}
	/* NAT64's first and last embed 0.0.0.0 and broadcast, but its middle is 127.255.255.255. */
	bool nat64 = strcmp(special_rows[_i].rule, "nat64") == 0;
	if (special_rows[_i].never)
		ck_assert_uint_eq(flipped, 0);
	else if (!nat64)
		ck_assert_uint_gt(flipped, 0);
	fixture_close(&w);
	fixture_close(&without);
}
END_TEST

/* The bits after a prefix length. */
static number host_bits(unsigned bits, unsigned len)
{
	return len == bits ? 0 : ~(number)0 >> (128 - bits + len);
}

/* A prefix at, in or around a special-purpose one or an own address. */
static struct ip_prefix random_prefix(uint64_t *seed)
{
	struct ip_prefix p =
		special_prefix(random_below(seed, (uint32_t)special_row_count));

	if (random_below(seed, 4) == 0) {
		p.ip = fixture_relays[random_below(seed, 2)].local;
		p.len = (uint8_t)(8 * ip_addr_len(p.ip.family));
	}
	if (random_below(seed, 2)) {
		unsigned bits = 8 * (unsigned)ip_addr_len(p.ip.family);
		number n = number_of(&p.ip), noise = (number)random_u64(seed) << 64;
		n |= (noise | random_u64(seed)) & host_bits(bits, p.len);
		p.len = (uint8_t)random_below(seed, bits + 1);
		p.ip = address_of(n & ~host_bits(bits, p.len), p.ip.family);
	}
	return p;
}

static struct endpoint random_peer(uint64_t *seed, const struct fixture *w)
{
	static const uint16_t ports[] = {0, 5, 50000, 50001, 3478, 9641, 53};
	struct ip_prefix p = random_prefix(seed);
	if (w->config.allow_count && random_below(seed, 3) == 0)
		p = w->allow[random_below(seed, (uint32_t)w->config.allow_count)];

	number first = prefix_first(&p), last = prefix_last(&p), size = last - first + 1;
	number n = (number)random_u64(seed) << 64 | random_u64(seed);
	switch (random_below(seed, 8)) {
	case 0:
		n = first;
		break;
	case 1:
		n = last;
		break;
	case 2:
		n = first - 1;
		break;
	case 3:
		n = last + 1;
		break;
	case 4:
		break;
	default:
		n = first + (size ? n % size : n);
	}
	struct endpoint peer = {address_of(n, p.ip.family), ports[random_below(seed, 7)]};
	if (random_below(seed, 10) == 0)
		peer.ip =
			w->host->addresses[random_below(seed, (uint32_t)w->host->count)];
	if (random_below(seed, 10) == 0)
		peer = fixture_services[random_below(seed, FIXTURE_SERVICES)];
	return peer;
}

START_TEST(attack_4_policy_agrees_with_the_oracle)
{
	enum { POINTS = 3000 };
	const unsigned worlds = unit_rounds(25, 100);
	uint64_t seed = 400 + (uint64_t)_i;

	for (unsigned i = 0; i < worlds; i++) {
		struct fixture w;
		fixture_open(&w, "");
		w.config.allow_count = random_below(&seed, FIXTURE_LIST_MAX);
		w.config.deny_count = random_below(&seed, FIXTURE_LIST_MAX);
		w.config.inside_count = random_below(&seed, 4);
		for (size_t k = 0; k < FIXTURE_LIST_MAX; k++) {
			w.allow[k] = random_prefix(&seed);
			w.deny[k] = random_prefix(&seed);
			w.inside[k] = random_prefix(&seed);
		}
		fixture_rebuild(&w);
		for (int k = 0; k < POINTS; k++) {
			struct endpoint peer = random_peer(&seed, &w);
			agree(&w, &peer);
		}
		fixture_close(&w);
	}
}
END_TEST

/* Every way to write an IPv4 address inside an IPv6 one. */
enum { EMBEDDINGS = 12, NEVER = 5 };

static struct ip_addr embed(int how, uint32_t v4, uint64_t noise)
{
	const number a = v4, x = noise, nat64 = 0x0064ff9b, local = 0x0064ff9b0001;

	switch (how) {
	case 0: /* IPv4-mapped */
		return address_of((number)0xffff << 32 | a, IP_V6);
	case 1: /* IPv4-compatible; :: and ::1 have their own rows */
		return address_of(a > 1 ? a : 2, IP_V6);
	case 2: /* IPv4-translated */
		return address_of((number)0xffff << 48 | a, IP_V6);
	case 3: /* 6to4 */
		return address_of((number)0x2002 << 112 | a << 80 | x, IP_V6);
	case 4: /* Teredo: server in clear, client inverted */
		return address_of((number)0x20010000 << 96 | (x & 0xffffffff) << 64 |
					  (a ^ 0xffffffff),
				  IP_V6);
	case 5: /* NAT64 */
		return address_of(nat64 << 96 | a, IP_V6);
	case 6: /* local NAT64 after 48, 56, 64 and 96 bits */
		return address_of(local << 80 | (a >> 16) << 64 | (a & 0xffff) << 40,
				  IP_V6);
	case 7:
		return address_of(local << 80 | (x & 0xff) << 72 | (a >> 24) << 64 |
					  (a & 0xffffff) << 32,
				  IP_V6);
	case 8:
		return address_of(local << 80 | (x & 0xffff) << 64 | a << 24, IP_V6);
	case 9:
		return address_of(local << 80 | a, IP_V6);
	case 10: /* ISATAP */
		return address_of((number)(0x2a00000000000000 | x >> 8) << 64 |
					  (number)0x00005efe << 32 | a,
				  IP_V6);
	default: /* ISATAP with the universal bit */
		return address_of((number)(0x2a00000000000000 | x >> 8) << 64 |
					  (number)0x02005efe << 32 | a,
				  IP_V6);
	}
}

static uint32_t random_v4(uint64_t *seed)
{
	uint32_t any = (uint32_t)random_u64(seed);
	if (any % 2)
		return any >> 1 | any << 31;
	/* Half of them where something is refused. */
	struct ip_prefix p;
	do
		p = special_prefix(random_below(seed, (uint32_t)special_row_count));
	while (p.ip.family != IP_V4);
	number first = prefix_first(&p), size = prefix_last(&p) - first + 1;
	return (uint32_t)(first + (uint32_t)random_u64(seed) % size);
}

static void check_embeddings(const struct fixture *w, unsigned addresses,
			     unsigned *opened)
{
	uint64_t seed = 3;

	for (unsigned i = 0; i < addresses; i++) {
		uint32_t v4 = random_v4(&seed);
		uint64_t noise = random_u64(&seed);
		struct endpoint bare = {address_of(v4, IP_V4), 5};
		bool allowed =
			peer_policy_check(w->policy, w->host, w->pool, &bare).allowed;

		for (int how = 0; how < EMBEDDINGS; how++) {
			struct endpoint peer = {embed(how, v4, noise), 5};
			bool got = peer_policy_check(w->policy, w->host, w->pool, &peer)
					   .allowed;
			if (got && (!allowed || how < NEVER)) {
				char text[ENDPOINT_TEXT_LEN];
				ck_abort_msg("%s is allowed, its IPv4 address %s",
					     endpoint_format(&peer, text, sizeof(text)),
					     allowed ? "too" : "is not");
			}
			opened[how] += got;
			if (i % 32 == 0)
				agree(w, &peer);
		}
	}
}

START_TEST(attack_3_an_embedding_is_never_more_permissive)
{
	struct fixture strict, open;
	unsigned opened[EMBEDDINGS] = {0};

	fixture_open(&strict, "");
	check_embeddings(&strict, unit_rounds(20000, 100000), opened);
	for (int how = 0; how < EMBEDDINGS; how++)
		ck_assert_msg((opened[how] > 0) == (how >= 10), "embedding %d", how);

	/* A configuration that opens everything possible except IPv4. */
	fixture_open(&open, "+::/0 +::/3 +::ffff:0:0/96 +::/96 +2002::/16 +2001::/32 "
			    "+64:ff9b::/96 +64:ff9b:1::/48");
	memset(opened, 0, sizeof(opened));
	check_embeddings(&open, unit_rounds(200000, 1000000), opened);
	for (int how = 0; how < EMBEDDINGS; how++)
		ck_assert_msg((opened[how] > 0) == (how >= NEVER), "embedding %d", how);
	fixture_close(&strict);
	fixture_close(&open);
}
END_TEST

static void peer_policy_model_suite(Suite *suite)
{
	TCase *tc = tcase_create("special-purpose");
	tcase_add_test(tc, rule_names_are_a_closed_set);
	tcase_add_loop_test(tc, attack_1_every_special_purpose_prefix_is_refused, 0,
			    (int)special_row_count);
	tcase_add_loop_test(tc, attack_1_an_allow_entry_flips_exactly_its_prefix, 0,
			    (int)special_row_count);
	suite_add_tcase(suite, tc);

	TCase *model = tcase_create("model");
	tcase_add_loop_test(model, attack_4_policy_agrees_with_the_oracle, 0, 4);
	tcase_add_test(model, attack_3_an_embedding_is_never_more_permissive);
	tcase_set_timeout(model, 60);
	suite_add_tcase(suite, model);
}

UNIT_MAIN("peer_policy_model", peer_policy_model_suite)
