/*
 * test_peer_policy.c - the peers that a relayed address may reach: a row for each known
 * attack and for each case that an operator relies on. test_peer_policy_model.c has
 * random ones.
 */
#include "relay/core/peer_policy.h"

#include <string.h>

#include "relay/core/port_pool.h"
#include "tests/unit/core/policy_fixture.h"
#include "tests/unit/lib/unit.h"

/* One row a case. */
/* clang-format off */
static const struct {
	const char *name;
	const char *fixture; /* see policy_fixture.h */
	const char *ip;
	uint16_t port;
	const char *rule;
} rows[] = {
	{"a public address", "", "1.2.3.4", 5, "public"},
	{"a public IPv6 address", "", "2607:f8b0::1", 5, "public"},

	/* attack-8, T-582: ourselves */
	{"T-582 own relayed address, as a permission", "", "8.8.4.4", 0, "relayed"},
	{"T-582 local form of it", "", "10.9.0.1", 0, "relayed"},
	{"T-582 own relayed address with a port in use", "", "8.8.4.4", 50000, "relayed"},
	{"T-582 the same on IPv6", "", "2a00::1", 50000, "relayed"},
	{"T-582 own relayed address, port not in use",
	 "", "8.8.4.4", 50001, "relay-port-idle"},
	{"T-582 local form, port not in use", "", "10.9.0.1", 22, "relay-port-idle"},
	{"T-582 allowing the network does not open the host",
	 "+10.0.0.0/8", "10.9.0.1", 22, "relay-port-idle"},
	{"T-582 naming the address does", "+10.9.0.1", "10.9.0.1", 22, "allow"},
	{"attack-8 own front", "", "8.8.4.4", 3478, "own-service"},
	{"attack-8 own front, although the address is allowed",
	 "+10.9.0.1", "10.9.0.1", 3478, "own-service"},
	{"attack-8 own front through NAT64",
	 "+64:ff9b::/96", "64:ff9b::8.8.4.4", 3478, "own-service"},
	{"attack-8 inside front",
	 "+192.168.0.0/16 +192.168.7.7", "192.168.7.7", 3478, "own-service"},
	{"attack-6 what this host connects to", "", "9.9.9.9", 53, "own-service"},
	{"attack-6 another port there", "", "9.9.9.9", 54, "public"},
	{"attack-6 a permission for it", "", "9.9.9.9", 0, "public"},
	{"attack-5 a service on any address, by a relayed one",
	 "", "2a00::1", 9641, "own-service"},
	{"attack-5 by a host address that is allowed",
	 "+9.1.2.3", "9.1.2.3", 9641, "own-service"},
	{"attack-5 by loopback in a lab",
	 "+127.0.0.0/8", "127.3.2.1", 9641, "own-service"},
	{"that port on another host is allowed", "", "1.2.3.4", 9641, "public"},

	/* attack-2: other addresses of this host */
	{"attack-2 a public address of this host", "", "9.1.2.3", 5, "own-address"},
	{"attack-2 as a permission", "", "9.1.2.3", 0, "own-address"},
	{"attack-2 an IPv6 one", "", "2a00::2", 5, "own-address"},
	{"attack-2 allowing everything does not open it",
	 "+0.0.0.0/0", "9.1.2.3", 5, "own-address"},
	{"attack-2 naming it does", "+9.1.2.3/32", "9.1.2.3", 5, "allow"},
	{"attack-2 a private one in an allowed network",
	 "+192.168.0.0/16", "192.168.7.7", 5, "own-address"},
	{"attack-2 the address next to it", "+192.168.0.0/16", "192.168.7.8", 5, "allow"},
	{"attack-2 0.0.0.0 is not this host to us", "", "0.0.0.0", 5, "unspecified"},
	{"attack-2 nor is ::", "", "::", 5, "unspecified"},
	{"attack-2 loopback", "", "127.0.0.1", 5, "loopback"},
	{"attack-2 all of loopback", "", "127.255.0.1", 5, "loopback"},
	{"attack-2 ::1", "", "::1", 5, "loopback"},
	{"attack-2 loopback is no exemption", "+127.0.0.0/8", "127.0.0.1", 5, "own-address"},
	{"attack-2 nor is it for a front's address, which netlink does not report",
	 "+127.9.0.0/16", "127.9.0.1", 5062, "own-address"},
	{"attack-2 that as a permission", "+127.9.0.0/16", "127.9.0.1", 0, "own-address"},
	{"attack-2 that through NAT64",
	 "+64:ff9b::/96 +127.0.0.0/8", "64:ff9b::127.9.0.1", 5062, "own-address"},
	{"attack-2 ::1 in a network", "+::/127", "::1", 5, "loopback"},
	{"naming that address opens it", "+127.9.0.1", "127.9.0.1", 5062, "allow"},
	{"a lab allows loopback", "+127.0.0.0/8 +::1", "127.0.3.1", 5, "allow"},
	{"a lab names its own", "+127.0.0.0/8 +127.0.0.1", "127.0.0.1", 5, "allow"},
	{"a lab allows ::1", "+127.0.0.0/8 +::1", "::1", 5, "allow"},

	/* attack-1, T-581 */
	{"attack-1 cloud metadata", "", "169.254.169.254", 80, "cloud-metadata"},
	{"attack-1 metadata stays shut when link-local opens",
	 "+169.254.0.0/16", "169.254.169.254", 80, "cloud-metadata"},
	{"attack-1 the host's own agent on Azure",
	 "", "168.63.129.16", 80, "cloud-metadata"},
	{"attack-1 Alibaba, with shared space open",
	 "+100.64.0.0/10", "100.100.100.200", 80, "cloud-metadata"},
	{"attack-1 AWS over IPv6, with unique-local open",
	 "+fc00::/7", "fd00:ec2::254", 80, "cloud-metadata"},
	{"T-581 allowing all of IPv4 does not open private space",
	 "+0.0.0.0/0", "10.1.1.1", 5, "private-use"},
	{"T-581 link-local", "", "fe80::2", 5, "link-local"},
	{"T-581 broadcast", "", "255.255.255.255", 5, "broadcast"},
	{"T-581 multicast", "", "ff0e::1", 5, "multicast"},
	{"unallocated IPv6", "", "4000::1", 5, "unallocated"},

	/* T-583: the most specific wins, allow before deny */
	{"T-583 allow opens private space", "+10.1.0.0/16", "10.1.2.3", 5, "allow"},
	{"T-583 and not the rest", "+10.1.0.0/16", "10.2.2.3", 5, "private-use"},
	{"T-583 deny inside allow", "+10.0.0.0/8 -10.1.0.0/16", "10.1.2.3", 5, "deny"},
	{"T-583 allow inside deny", "+10.1.0.0/16 -10.0.0.0/8", "10.1.2.3", 5, "allow"},
	{"T-583 deny of something public", "-1.2.0.0/16", "1.2.3.4", 5, "deny"},
	{"T-583 deny everything", "-0.0.0.0/0 -::/0", "1.2.3.4", 5, "deny"},
	{"T-583 deny everything, IPv6", "-0.0.0.0/0 -::/0", "2607::1", 5, "deny"},
	{"T-583 deny everything but one", "+1.2.3.4 -0.0.0.0/0", "1.2.3.4", 5, "allow"},
	{"T-583 shared address space", "+100.64.0.0/10", "100.64.0.1", 5, "allow"},
	{"T-583 unique-local", "+fd00:1::/32", "fd00:1::5", 5, "allow"},

	/* attack-10 and the rule that the edge opens nothing towards the inside */
	{"attack-10 an inside network with public addresses",
	 "@1.2.0.0/16", "1.2.3.4", 5, "inside"},
	{"attack-10 allow around it does not open it",
	 "+10.0.0.0/8 @10.1.0.0/16", "10.1.2.3", 5, "inside"},
	{"attack-10 allow within it does",
	 "+10.1.2.0/24 @10.1.0.0/16", "10.1.2.3", 5, "allow"},
	{"attack-10 allow of the same network does",
	 "+10.1.0.0/16 @10.1.0.0/16", "10.1.2.3", 5, "allow"},

	/* attack-3, T-292, T-580: IPv4 inside IPv6 */
	{"T-292 IPv4-mapped, public", "", "::ffff:1.2.3.4", 5, "ipv4-mapped"},
	{"T-292 IPv4-mapped, whatever is allowed",
	 "+::/0 +::ffff:0:0/96 +::ffff:1.2.3.4", "::ffff:1.2.3.4", 5, "ipv4-mapped"},
	{"attack-3 IPv4-mapped loopback", "", "::ffff:127.0.0.1", 5, "ipv4-mapped"},
	{"attack-3 IPv4-compatible", "", "::127.0.0.1", 5, "ipv4-compatible"},
	{"attack-3 IPv4-compatible 0.0.0.2", "", "::2", 5, "ipv4-compatible"},
	{"attack-3 IPv4-translated", "", "::ffff:0:127.0.0.1", 5, "ipv4-translated"},
	{"T-580 6to4", "+2002::/16", "2002:102:304::1", 5, "6to4"},
	{"T-580 Teredo", "+2001::/32", "2001::1", 5, "teredo"},
	{"T-581 NAT64 of a public address", "", "64:ff9b::1.2.3.4", 5, "nat64"},
	{"T-581 NAT64 opened by the operator",
	 "+64:ff9b::/96", "64:ff9b::1.2.3.4", 5, "allow"},
	{"T-581 NAT64 of a private address, NAT64 opened",
	 "+64:ff9b::/96", "64:ff9b::10.1.2.3", 5, "private-use"},
	{"T-581 NAT64 of loopback, NAT64 opened",
	 "+64:ff9b::/96", "64:ff9b::127.0.0.1", 5, "loopback"},
	{"T-581 local NAT64 of a private address, behind 96 bits",
	 "+64:ff9b:1::/48", "64:ff9b:1:2:3:4:10.1.2.3", 5, "private-use"},
	{"T-581 behind 64 bits",
	 "+64:ff9b:1::/48", "64:ff9b:1:2:a:102:300::", 5, "private-use"},
	{"T-581 behind 56 bits",
	 "+64:ff9b:1::/48", "64:ff9b:1:20a:1:203::", 5, "private-use"},
	{"T-581 behind 48 bits",
	 "+64:ff9b:1::/48", "64:ff9b:1:a01:2:300::", 5, "private-use"},
	{"T-581 local NAT64 of a public address, opened",
	 "+64:ff9b:1::/48", "64:ff9b:1:102:3:400::", 5, "allow"},
	{"T-581 behind 64 bits, in a subnet that reads like 10/8 behind 56",
	 "+64:ff9b:1::/48", "64:ff9b:1:a:1:203:400::", 5, "allow"},
	{"T-581 behind 56 bits, in a subnet that reads like 10/8 behind 48",
	 "+64:ff9b:1::/48", "64:ff9b:1:a02:1:203::", 5, "allow"},
	{"attack-3 ISATAP of a private address",
	 "", "2a00:1:2:3:0:5efe:10.1.2.3", 5, "private-use"},
	{"attack-3 ISATAP with the universal bit",
	 "", "2a00:1:2:3:200:5efe:10.1.2.3", 5, "private-use"},
	{"attack-3 ISATAP of a public address",
	 "", "2a00:1:2:3:0:5efe:1.2.3.4", 5, "public"},
};
/* clang-format on */

static bool rule_allows(const char *rule)
{
	return strcmp(rule, "public") == 0 || strcmp(rule, "allow") == 0 ||
	       strcmp(rule, "relayed") == 0;
}

START_TEST(policy_row)
{
	struct fixture w;
	fixture_open(&w, rows[_i].fixture);
	struct endpoint peer = fixture_peer(rows[_i].ip, rows[_i].port);
	struct peer_verdict got = fixture_check(&w, &peer);
	ck_assert_msg(strcmp(got.rule, rows[_i].rule) == 0, "%s: got \"%s\"",
		      rows[_i].name, got.rule);
	ck_assert_msg(got.allowed == rule_allows(got.rule), "%s", rows[_i].name);
	fixture_close(&w);
}
END_TEST

START_TEST(no_address_is_refused)
{
	struct fixture w;
	fixture_open(&w, "");
	struct endpoint peer = {.port = 5};
	struct peer_verdict got = fixture_check(&w, &peer);
	ck_assert(!got.allowed);
	ck_assert_str_eq(got.rule, "no-address");
	fixture_close(&w);
}
END_TEST

START_TEST(host_and_pool_may_be_missing)
{
	struct fixture w;
	fixture_open(&w, "");
	struct endpoint peer = fixture_peer("9.1.2.3", 5);
	struct endpoint relayed = fixture_peer("8.8.4.4", FIXTURE_PORT);
	ck_assert(peer_policy_check(w.policy, NULL, NULL, &peer).allowed);
	ck_assert(!peer_policy_check(w.policy, NULL, NULL, &relayed).allowed);
	fixture_close(&w);
}
END_TEST

START_TEST(a_reload_takes_effect_on_the_next_check) /* T-584 */
{
	struct fixture w;
	struct endpoint peer = fixture_peer("1.2.3.4", 5);
	fixture_open(&w, "");
	ck_assert(fixture_check(&w, &peer).allowed);
	w.deny[0] = fixture_prefix("1.2.3.4");
	w.config.deny_count = 1;
	fixture_rebuild(&w);
	ck_assert(!fixture_check(&w, &peer).allowed);
	fixture_close(&w);
}
END_TEST

START_TEST(a_relayed_port_is_allowed_while_it_is_taken) /* T-582 */
{
	struct fixture w;
	fixture_open(&w, "");
	struct endpoint peer = fixture_peer("8.8.4.4", FIXTURE_PORT);
	ck_assert(fixture_check(&w, &peer).allowed);
	port_pool_give(w.pool, 0, FIXTURE_PORT, 0);
	ck_assert(!fixture_check(&w, &peer).allowed);
	fixture_close(&w);
}
END_TEST

START_TEST(addresses_behind_nat_are_translated)
{
	struct fixture w;
	fixture_open(&w, "");
	struct endpoint ep = fixture_peer("8.8.4.4", 50000);

	ck_assert(!peer_policy_to_public(w.policy, NULL, &ep));
	ck_assert(peer_policy_to_local(w.policy, &ep));
	ck_assert_mem_eq(&ep.ip, &fixture_relays[0].local, sizeof(ep.ip));
	ck_assert_uint_eq(ep.port, 50000);
	ck_assert(!peer_policy_to_local(w.policy, &ep));
	ck_assert_mem_eq(&ep.ip, &fixture_relays[0].local, sizeof(ep.ip));
	ck_assert(peer_policy_to_public(w.policy, NULL, &ep));
	ck_assert_mem_eq(&ep.ip, &fixture_relays[0].public, sizeof(ep.ip));

	/* One form only, and none at all. */
	static const char *const others[] = {"2a00::1", "1.2.3.4", "::"};
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct endpoint other = fixture_peer(others[i], 1), same = other;
		ck_assert(!peer_policy_to_local(w.policy, &other));
		ck_assert(!peer_policy_to_public(w.policy, NULL, &other));
		ck_assert_mem_eq(&other.ip, &same.ip, sizeof(other.ip));
	}
	fixture_close(&w);
}
END_TEST

static void peer_policy_suite(Suite *suite)
{
	TCase *tc = tcase_create("peer_policy");
	tcase_add_loop_test(tc, policy_row, 0, ROWS(rows));
	tcase_add_test(tc, no_address_is_refused);
	tcase_add_test(tc, host_and_pool_may_be_missing);
	tcase_add_test(tc, a_reload_takes_effect_on_the_next_check);
	tcase_add_test(tc, a_relayed_port_is_allowed_while_it_is_taken);
	tcase_add_test(tc, addresses_behind_nat_are_translated);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("peer_policy", peer_policy_suite)
