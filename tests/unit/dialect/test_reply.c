/*
 * test_reply.c - how long answers get with the longest names that a configuration can have:
 * they pass every path, because 576 bytes do (RFC 8489 section 6.1, T-028).
 */
#include "tests/unit/dialect/dialect_check.h"

enum {
	STUN_MAX = 548, /* a packet of 576 bytes without its IPv4 and UDP header */
};

static void begin_long(void)
{
	begin();
	memset(fixture.settings.realm, 'r', REALM_MAX);
	memset(fixture.settings.software, 's', sizeof(fixture.settings.software) - 1);
	alice.fingerprint = true;
}

static void expect_fits(int want, const char *name)
{
	expect(&alice, want, name);
	ck_assert_msg(alice.out.reply_len <= STUN_MAX, "%s: %zu bytes", name,
		      alice.out.reply_len);
}

static const struct {
	const char *name;
	int want;
	struct attr_row attrs[4];
} requests[] = {
	{"T-028 both families: success", 0, {UDP, ADDITIONAL(2)}},
	{"T-028 IPv4 and the reason why not IPv6: success",
	 0,
	 {UDP, ADDITIONAL(2), DONT_FRAGMENT}},
	{"T-028 a token: success", 0, {UDP, EVEN_PORT(0x80)}},
	{"T-028 an unknown attribute: 420", 420, {UDP, UNKNOWN}},
	{"T-028 another transport: 442", 442, {TRANSPORT(132)}},
};

START_TEST(answers_to_allocate_fit_any_path) /* T-028 */
{
	client_login(&alice);
	expect_fits(401, "T-028 challenge");
	client_start(&alice, TURN_ALLOCATE);
	ADD_ROWS(&alice, requests[_i].attrs);
	client_ask(&alice);
	expect_fits(requests[_i].want, requests[_i].name);
}
END_TEST

START_TEST(stale_nonce_fits_any_path) /* T-028 */
{
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_refresh(&alice, 3600), 0);
	advance(3500 * 1000);
	ck_assert_int_eq(client_refresh(&alice, 3600), 0);
	advance(200 * 1000);
	client_refresh(&alice, 3600);
	expect_fits(438, "T-028 stale nonce");
}
END_TEST

/* A peer that is refused is told why, in the longest reasons there are. */
START_TEST(refused_peers_fit_any_path) /* T-028 */
{
	static const char *const peers[] = {"10.0.0.7:1", "169.254.169.254:80",
					    "224.0.0.1:1"};

	ck_assert_int_eq(client_allocate(&alice), 0);
	for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
		client_permit(&alice, peers[i]);
		expect_fits(403, peers[i]);
	}
}
END_TEST

START_TEST(redirection_fits_any_path) /* T-028 */
{
	struct turn_alternate *outside = &fixture.settings.alternates[SIDE_OUTSIDE];

	ck_assert(ip_addr_parse("198.18.9.9", &outside->v4));
	ck_assert(ip_addr_parse("2001:db8:9::9", &outside->v6));
	memset(outside->domain, 'd', ALTERNATE_DOMAIN_MAX);
	fixture.fronts[FRONT_OUTSIDE_UDP].transport = TRANSPORT_DTLS;
	turn_set_draining(&fixture.shared, true);
	client_allocate(&alice);
	expect(&alice, 300, "T-028 300 over DTLS");
	ck_assert(client_has(&alice, STUN_ALTERNATE_DOMAIN));
	ck_assert_msg(alice.out.reply_len <= 1232, "T-028 one packet of 1280 bytes: %zu",
		      alice.out.reply_len);

	memset(outside->domain, 0, sizeof(outside->domain));
	fixture.fronts[FRONT_OUTSIDE_UDP].transport = TRANSPORT_UDP;
	client_allocate(&alice);
	expect_fits(300, "T-028 300 over UDP");
}
END_TEST

static void reply_suite(Suite *suite)
{
	TCase *tc = tcase_create("reply");
	tcase_add_checked_fixture(tc, begin_long, end);
	tcase_add_loop_test(tc, answers_to_allocate_fit_any_path, 0, ROWS(requests));
	tcase_add_test(tc, stale_nonce_fits_any_path);
	tcase_add_test(tc, refused_peers_fit_any_path);
	tcase_add_test(tc, redirection_fits_any_path);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("reply", reply_suite)
