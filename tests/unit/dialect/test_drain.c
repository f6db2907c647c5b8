/*
 * test_drain.c - a relay that drains: the requests it still grants, and where other
 * clients are redirected (RFC 8489 section 10, RFC 8656 section 7.2 steps 10 and 11), in
 * both dialects.
 */
#include "tests/unit/dialect/dialect_check.h"
#include "tests/unit/dialect/ms_client.h"

#define OTHER_V4 "198.18.9.9"
#define OTHER_V6 "2001:db8:9::9"

static struct ms_client carol;

static void begin_both(void)
{
	begin();
	ms_fixture_enable(&fixture);
	ms_client_init(&carol, &fixture, "192.0.2.202:5000", FRONT_OUTSIDE_UDP, "carol");
}

static struct ip_addr address(const char *text)
{
	struct ip_addr ip;

	ck_assert(ip_addr_parse(text, &ip));
	return ip;
}

static uint64_t refused(enum refusal why)
{
	return fixture.turn.counters.refusals[why];
}

START_TEST(draining_refuses_new_allocations_as_if_the_quota_were_used_up)
{
	turn_set_draining(&fixture.shared, true);
	client_allocate(&alice);
	expect(&alice, 486, "no other relay is known");
	ck_assert(!client_has(&alice, STUN_ALTERNATE_SERVER));
	ck_assert_int_eq(ms_client_allocate(&carol), MS_SERVER_ERROR);
	ck_assert_ptr_null(carol.fault);
	ck_assert_uint_eq(refused(REFUSAL_DRAINING), 2);
	ck_assert(fixture_is_clean(&fixture));

	turn_set_draining(&fixture.shared, false);
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(ms_client_allocate(&carol), 0);
	ck_assert_uint_eq(refused(REFUSAL_DRAINING), 2);
}
END_TEST

START_TEST(draining_lets_running_allocations_go_on)
{
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(ms_client_allocate(&carol), 0);
	fixture.settings.alternates[SIDE_OUTSIDE].v4 = address(OTHER_V4); /* T-186 */
	turn_set_draining(&fixture.shared, true);

	ck_assert_int_eq(client_refresh(&alice, 1200), 0);
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4000, PEER_B), 0);
	ck_assert(client_channel_data(&alice, 0x4000, "x", 1));
	ck_assert_int_eq(ms_client_lifetime(&carol, 1200), 0);
	ck_assert(ms_client_send(&carol, PEER, "x", 1));
	ck_assert_int_eq(ms_client_activate(&carol, PEER), 0);
	ck_assert_int_eq(client_refresh(&alice, 0), 0);
	ck_assert_uint_eq(refused(REFUSAL_DRAINING) + refused(REFUSAL_REDIRECTED), 0);
}
END_TEST

START_TEST(draining_answers_a_repeated_allocate_as_before)
{
	ck_assert_int_eq(client_allocate(&alice), 0);
	turn_set_draining(&fixture.shared, true);
	ck_assert_int_eq(client_again(&alice), 0); /* T-232 */
}
END_TEST

START_TEST(draining_keeps_a_reservation)
{
	struct stun_attr token;
	uint8_t value[8];

	client_login(&alice);
	client_start(&alice, TURN_ALLOCATE);
	stun_add_u32(&alice.b, TURN_REQUESTED_TRANSPORT, 17u << 24);
	stun_builder_add(&alice.b, TURN_EVEN_PORT, "\x80", 1);
	ck_assert_int_eq(client_ask(&alice), 0);
	ck_assert(client_find(&alice, TURN_RESERVATION_TOKEN, &token));
	memcpy(value, token.value.data, sizeof(value));

	turn_set_draining(&fixture.shared, true);
	client_init(&bob, &fixture, BOB, FRONT_OUTSIDE_UDP, "alice");
	client_login(&bob);
	client_start(&bob, TURN_ALLOCATE);
	stun_add_u32(&bob.b, TURN_REQUESTED_TRANSPORT, 17u << 24);
	stun_builder_add(&bob.b, TURN_RESERVATION_TOKEN, value, sizeof(value));
	ck_assert_int_eq(client_ask(&bob), 0);
}
END_TEST

START_TEST(draining_reveals_nothing_without_authentication) /* T-180 */
{
	fixture.settings.alternates[SIDE_OUTSIDE].v4 = address(OTHER_V4);
	turn_set_draining(&fixture.shared, true);
	ck_assert_int_eq(client_login(&alice), 401);
	ck_assert(!client_has(&alice, STUN_ALTERNATE_SERVER));
	alice.wrong = WRONG_MAC;
	ck_assert_int_eq(client_allocate(&alice), 401);
	ck_assert(!client_has(&alice, STUN_ALTERNATE_SERVER));

	ck_assert_int_eq(ms_client_login(&carol), 401);
	struct endpoint server = ms_client_address(&carol, MS_ALTERNATE_SERVER);
	ck_assert(endpoint_equal(&server, &fixture.fronts[FRONT_OUTSIDE_UDP].local));
	ck_assert_uint_eq(refused(REFUSAL_DRAINING) + refused(REFUSAL_REDIRECTED), 0);
}
END_TEST

START_TEST(draining_does_not_redirect_invalid_requests)
{
	static const struct attr_row no_transport[] = {EVEN_PORT(0)};

	fixture.settings.alternates[SIDE_OUTSIDE].v4 = address(OTHER_V4);
	turn_set_draining(&fixture.shared, true);
	client_login(&alice);
	client_start(&alice, TURN_ALLOCATE);
	ADD_ROWS(&alice, no_transport);
	ck_assert_int_eq(client_ask(&alice), 400);
}
END_TEST

/* Where clients are redirected; an empty address: refused with 486 instead. */
static const struct {
	const char *name;
	const char *client;
	uint16_t front;
	const char *v4, *v6; /* of the outside */
	const char *first, *second;
} redirections[] = {
	{"T-181 IPv4 client, both known: IPv4 first", ALICE, FRONT_OUTSIDE_UDP, OTHER_V4,
	 OTHER_V6, "198.18.9.9:3478", "[2001:db8:9::9]:3478"},
	{"T-181 IPv6 client, both known: IPv6 first", "[2001:db8:2::2]:5000",
	 FRONT_OUTSIDE_UDP6, OTHER_V4, OTHER_V6, "[2001:db8:9::9]:3478",
	 "198.18.9.9:3478"},
	{"T-182 one known: no second", ALICE, FRONT_OUTSIDE_UDP, OTHER_V4, NULL,
	 "198.18.9.9:3478", NULL},
	{"T-181 only the other family known: refused", ALICE, FRONT_OUTSIDE_UDP, NULL,
	 OTHER_V6, NULL, NULL},
	{"TCP: the port of TCP clients", ALICE, FRONT_OUTSIDE_TCP, OTHER_V4, NULL,
	 "198.18.9.9:443", NULL},
	{"inside, where no other relay is known: refused", "10.0.0.7:5000",
	 FRONT_INSIDE_UDP, OTHER_V4, OTHER_V6, NULL, NULL},
};

static void expect_alternates(const struct client *c, const char *first,
			      const char *second)
{
	const char *wanted[] = {first, second};
	struct slice rest = c->answer.body;
	struct stun_attr attr;
	size_t found = 0;

	while (stun_attr_next(&rest, &attr)) {
		struct endpoint server, want;

		if (attr.type != STUN_ALTERNATE_SERVER)
			continue;
		ck_assert_msg(found < 2 && wanted[found], "one too many");
		want = ep(wanted[found++]);
		ck_assert(stun_attr_address(&attr, &server)); /* T-185: not XORed */
		ck_assert_msg(endpoint_equal(&server, &want), "number %zu", found);
	}
	ck_assert_uint_eq(found, (size_t)(first != NULL) + (second != NULL));
}

START_TEST(draining_names_other_relays)
{
	struct turn_alternate *outside = &fixture.settings.alternates[SIDE_OUTSIDE];
	const char *first = redirections[_i].first;

	if (redirections[_i].v4)
		outside->v4 = address(redirections[_i].v4);
	if (redirections[_i].v6)
		outside->v6 = address(redirections[_i].v6);
	client_init(&alice, &fixture, redirections[_i].client, redirections[_i].front,
		    "alice");
	turn_set_draining(&fixture.shared, true);
	client_allocate(&alice);
	expect(&alice, first ? 300 : 486, redirections[_i].name);
	expect_alternates(&alice, first, redirections[_i].second);
	ck_assert_uint_eq(refused(REFUSAL_REDIRECTED), first != NULL);
	ck_assert_uint_eq(refused(REFUSAL_DRAINING), first == NULL);
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(draining_names_another_relay_in_the_ms_dialect)
{
	fixture.settings.alternates[SIDE_OUTSIDE].v4 = address(OTHER_V4);
	fixture.settings.alternates[SIDE_OUTSIDE].v6 = address(OTHER_V6);
	turn_set_draining(&fixture.shared, true);
	ck_assert_int_eq(ms_client_allocate(&carol), MS_TRY_ALTERNATE);
	ck_assert_ptr_null(carol.fault); /* signed, among others */
	struct endpoint server = ms_client_address(&carol, MS_ALTERNATE_SERVER);
	struct endpoint want = ep("198.18.9.9:3478");
	ck_assert(endpoint_equal(&server, &want));
	ck_assert_uint_eq(refused(REFUSAL_REDIRECTED), 1);
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(draining_does_not_redirect_binding) /* T-187 */
{
	fixture.settings.alternates[SIDE_OUTSIDE].v4 = address(OTHER_V4);
	turn_set_draining(&fixture.shared, true);
	for (enum drain_answer answer = DRAIN_REDIRECT; answer <= DRAIN_IGNORE;
	     answer++) {
		fixture.settings.drain_answers[SIDE_OUTSIDE] = answer;
		alice.bare = true;
		client_start(&alice, STUN_BINDING);
		client_ask(&alice);
		expect(&alice, 0, "T-187 Binding is answered while the relay drains");
		ck_assert(!client_has(&alice, STUN_ALTERNATE_SERVER));
	}
}
END_TEST

/*
 * T-183: ALTERNATE-DOMAIN goes only to clients that can trust the answer and will check
 * the certificate.
 */
static const struct {
	const char *name;
	uint16_t front;
	enum client_auth auth;
	const char *domain;
	bool want;
} domains[] = {
	{"TLS and SHA-256", FRONT_INSIDE_TLS, CLIENT_SHA256, "b.example", true},
	{"TLS and SHA-1", FRONT_INSIDE_TLS, CLIENT_MD5, "b.example", false},
	{"TCP and SHA-256", FRONT_INSIDE_TCP, CLIENT_SHA256, "b.example", false},
	{"UDP and SHA-256", FRONT_INSIDE_UDP, CLIENT_SHA256, "b.example", false},
	{"TLS, the same certificate", FRONT_INSIDE_TLS, CLIENT_SHA256, "", false},
};

START_TEST(draining_names_the_certificate_of_the_other_relay)
{
	struct turn_alternate *inside = &fixture.settings.alternates[SIDE_INSIDE];
	struct stun_attr attr;

	inside->v4 = address("10.0.0.2");
	strcpy(inside->domain, domains[_i].domain);
	client_init(&alice, &fixture, "10.0.0.7:5000", domains[_i].front, "alice");
	alice.auth = domains[_i].auth;
	turn_set_draining(&fixture.shared, true);
	client_allocate(&alice);
	expect(&alice, 300, domains[_i].name);
	bool found = client_find(&alice, STUN_ALTERNATE_DOMAIN, &attr);
	ck_assert_msg(found == domains[_i].want, "%s", domains[_i].name);
	if (found)
		ck_assert_mem_eq(attr.value.data, "b.example", attr.value.len);
}
END_TEST

START_TEST(draining_names_the_certificate_over_dtls) /* T-183 */
{
	struct turn_alternate *inside = &fixture.settings.alternates[SIDE_INSIDE];

	inside->v4 = address("10.0.0.2");
	strcpy(inside->domain, "b.example");
	fixture.fronts[FRONT_INSIDE_UDP].transport = TRANSPORT_DTLS;
	client_init(&alice, &fixture, "10.0.0.7:5000", FRONT_INSIDE_UDP, "alice");
	turn_set_draining(&fixture.shared, true);
	client_allocate(&alice);
	expect(&alice, 300, "T-183 DTLS and SHA-256");
	ck_assert(client_has(&alice, STUN_ALTERNATE_DOMAIN));
}
END_TEST

/* What drain_answer makes of it, by client. */
static const struct {
	const char *name;
	enum drain_answer answer;
	bool known; /* another relay */
	uint16_t front;
	int want, want_ms; /* -1: silence */
	enum refusal counted;
} answers[] = {
	{"redirect", DRAIN_REDIRECT, true, FRONT_OUTSIDE_UDP, 300, 300,
	 REFUSAL_REDIRECTED},
	{"redirect, nowhere to", DRAIN_REDIRECT, false, FRONT_OUTSIDE_UDP, 486, 500,
	 REFUSAL_DRAINING},
	{"redirect over TCP", DRAIN_REDIRECT, true, FRONT_OUTSIDE_TCP, 300, 300,
	 REFUSAL_REDIRECTED},
	{"refuse, although another relay is known", DRAIN_REFUSE, true, FRONT_OUTSIDE_UDP,
	 486, 500, REFUSAL_DRAINING},
	{"refuse over TCP", DRAIN_REFUSE, true, FRONT_OUTSIDE_TCP, 486, 500,
	 REFUSAL_DRAINING},
	{"ignore", DRAIN_IGNORE, true, FRONT_OUTSIDE_UDP, -1, -1, REFUSAL_IGNORED},
	{"ignore, nowhere to", DRAIN_IGNORE, false, FRONT_OUTSIDE_UDP, -1, -1,
	 REFUSAL_IGNORED},
	{"ignore over TCP: closed", DRAIN_IGNORE, true, FRONT_OUTSIDE_TCP, -1, -1,
	 REFUSAL_IGNORED},
};

static void expect_ignored(const struct dispatch *out, uint16_t front, const char *name)
{
	bool stream = transport_is_stream(fixture.fronts[front].transport);

	ck_assert_msg(out->action == (stream ? DISPATCH_CLOSE : DISPATCH_NOTHING), "%s",
		      name);
}

START_TEST(draining_answers_as_configured)
{
	const char *name = answers[_i].name;
	uint16_t front = answers[_i].front;

	if (answers[_i].known)
		fixture.settings.alternates[SIDE_OUTSIDE].v4 = address(OTHER_V4);
	fixture.settings.drain_answers[SIDE_OUTSIDE] = answers[_i].answer;
	client_init(&alice, &fixture, ALICE, front, "alice");
	ms_client_init(&carol, &fixture, "192.0.2.202:5000", front, "carol");
	/* What is already there is served as before, whatever new clients get. */
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(ms_client_allocate(&carol), 0);
	turn_set_draining(&fixture.shared, true);
	ck_assert_int_eq(client_refresh(&alice, 600), 0);
	ck_assert_int_eq(ms_client_lifetime(&carol, 600), 0);
	ck_assert_int_eq(client_refresh(&alice, 0), 0);
	ck_assert_int_eq(ms_client_lifetime(&carol, 0), 0);

	client_allocate(&alice);
	expect(&alice, answers[_i].want, name);
	if (answers[_i].want == -1)
		expect_ignored(&alice.out, front, name);
	ms_client_login(&carol);
	ck_assert_msg(ms_client_allocate(&carol) == answers[_i].want_ms, "%s: MS %d",
		      name, carol.code);
	ck_assert_ptr_null(carol.fault);
	if (answers[_i].want_ms == -1)
		expect_ignored(&carol.out, front, name);
	ck_assert_uint_eq(refused(answers[_i].counted), 2);
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

static void drain_suite(Suite *suite)
{
	TCase *tc = tcase_create("drain");
	tcase_add_checked_fixture(tc, begin_both, end);
	tcase_add_test(tc, draining_refuses_new_allocations_as_if_the_quota_were_used_up);
	tcase_add_test(tc, draining_lets_running_allocations_go_on);
	tcase_add_test(tc, draining_answers_a_repeated_allocate_as_before);
	tcase_add_test(tc, draining_keeps_a_reservation);
	tcase_add_test(tc, draining_reveals_nothing_without_authentication);
	tcase_add_test(tc, draining_does_not_redirect_invalid_requests);
	tcase_add_loop_test(tc, draining_names_other_relays, 0, ROWS(redirections));
	tcase_add_test(tc, draining_names_another_relay_in_the_ms_dialect);
	tcase_add_test(tc, draining_does_not_redirect_binding);
	tcase_add_loop_test(tc, draining_names_the_certificate_of_the_other_relay, 0,
			    ROWS(domains));
	tcase_add_test(tc, draining_names_the_certificate_over_dtls);
	tcase_add_loop_test(tc, draining_answers_as_configured, 0, ROWS(answers));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("drain", drain_suite)
