/*
 * test_turn_allocate.c - Allocate (RFC 8656 section 7.2), each check a row.
 */
#include "tests/unit/dialect/dialect_check.h"

/* One fixture for each combination of relayed addresses. */
enum lab {
	LAB_BOTH,
	LAB_NO_V4,
	LAB_NO_V6,
	LAB_NO_EVEN_PORT,
};

static void begin_lab(enum lab lab)
{
	struct fixture_options options = {0};

	options.no_v4 = lab == LAB_NO_V4;
	options.no_v6 = lab == LAB_NO_V6;
	if (lab == LAB_NO_EVEN_PORT)
		options.first_port = options.last_port = 50001;
	begin_with(&options);
}

static const struct {
	const char *name;
	int want;
	enum lab lab;
	struct attr_row attrs[5];
} checks[] = {
	{"T-014 unknown comprehension-optional attribute: ignored",
	 0,
	 LAB_BOTH,
	 {UDP, {0xC0FF, 4, {0}}}},
	{"T-016 unknown attribute, authenticated: 420", 420, LAB_BOTH, {UDP, UNKNOWN}},
	{"T-215 ACCESS-TOKEN, known but not offered: 420",
	 420,
	 LAB_BOTH,
	 {UDP, {0x001B, 4, {0}}}},
	{"T-222 no REQUESTED-TRANSPORT: 400", 400, LAB_BOTH, {{0}}},
	{"T-222 REQUESTED-TRANSPORT of 3 bytes: 400", 400, LAB_BOTH, {{0x0019, 3, {17}}}},
	{"T-222 REQUESTED-TRANSPORT of 8 bytes: 400", 400, LAB_BOTH, {{0x0019, 8, {17}}}},
	{"T-222 REQUESTED-TRANSPORT with RFFU set: success",
	 0,
	 LAB_BOTH,
	 {{0x0019, 4, {17, 1, 2, 3}}}},
	{"T-223 SCTP: 442", 442, LAB_BOTH, {TRANSPORT(132)}},
	{"T-410 TCP for a client on UDP: 400", 400, LAB_BOTH, {TRANSPORT(6)}},
	{"T-224 DONT-FRAGMENT for an IPv4 relay: success",
	 0,
	 LAB_BOTH,
	 {UDP, DONT_FRAGMENT}},
	{"T-225 DONT-FRAGMENT from IPv4 to an IPv6 relay: 420",
	 420,
	 LAB_BOTH,
	 {UDP, DONT_FRAGMENT, FAMILY(2)}},
	{"T-226 RESERVATION-TOKEN with EVEN-PORT: 400",
	 400,
	 LAB_BOTH,
	 {UDP, TOKEN, EVEN_PORT(0)}},
	{"T-226 RESERVATION-TOKEN with REQUESTED-ADDRESS-FAMILY: 400",
	 400,
	 LAB_BOTH,
	 {UDP, TOKEN, FAMILY(1)}},
	{"T-226 RESERVATION-TOKEN with ADDITIONAL-ADDRESS-FAMILY: 400",
	 400,
	 LAB_BOTH,
	 {UDP, TOKEN, ADDITIONAL(2)}},
	{"T-227 unknown token: 508", 508, LAB_BOTH, {UDP, TOKEN}},
	{"T-227 token of 7 bytes: 400",
	 400,
	 LAB_BOTH,
	 {UDP, {0x0022, 7, {1, 2, 3, 4, 5, 6, 7}}}},
	{"T-227 token of 9 bytes: 400",
	 400,
	 LAB_BOTH,
	 {UDP, {0x0022, 9, {1, 2, 3, 4, 5, 6, 7}}}},
	{"T-228 REQUESTED- and ADDITIONAL-ADDRESS-FAMILY: 400",
	 400,
	 LAB_BOTH,
	 {UDP, FAMILY(1), ADDITIONAL(2)}},
	{"T-229 family 3: 440", 440, LAB_BOTH, {UDP, FAMILY(3)}},
	{"T-229 family 0: 440", 440, LAB_BOTH, {UDP, FAMILY(0)}},
	{"T-229 IPv6 where there is none: 440", 440, LAB_NO_V6, {UDP, FAMILY(2)}},
	{"T-229 family of 3 bytes: 400", 400, LAB_BOTH, {UDP, {0x0017, 3, {1}}}},
	{"T-380 reserved bits of REQUESTED-ADDRESS-FAMILY: ignored",
	 0,
	 LAB_BOTH,
	 {UDP, {0x0017, 4, {1, 1, 2, 3}}}},
	{"T-380 reserved bits of ADDITIONAL-ADDRESS-FAMILY: ignored",
	 0,
	 LAB_BOTH,
	 {UDP, {0x8000, 4, {2, 1, 2, 3}}}},
	{"T-230 no family and no IPv4: 440", 440, LAB_NO_V4, {UDP}},
	{"T-231 EVEN-PORT with R and ADDITIONAL-ADDRESS-FAMILY: 400",
	 400,
	 LAB_BOTH,
	 {UDP, EVEN_PORT(0x80), ADDITIONAL(2)}},
	{"T-231 EVEN-PORT of 0 bytes: 400", 400, LAB_BOTH, {UDP, {0x0018, 0, {0}}}},
	{"T-231 EVEN-PORT of 2 bytes: 400", 400, LAB_BOTH, {UDP, {0x0018, 2, {0}}}},
	{"T-231 no even port left: 508", 508, LAB_NO_EVEN_PORT, {UDP, EVEN_PORT(0)}},
	{"T-231 no pair left: 508", 508, LAB_NO_EVEN_PORT, {UDP, EVEN_PORT(0x80)}},
	{"T-231 EVEN-PORT without R and ADDITIONAL-ADDRESS-FAMILY: success",
	 0,
	 LAB_BOTH,
	 {UDP, EVEN_PORT(0), ADDITIONAL(2)}},
	{"T-233 additional family IPv4: 400", 400, LAB_BOTH, {UDP, ADDITIONAL(1)}},
	{"T-233 additional family 3: 400", 400, LAB_BOTH, {UDP, ADDITIONAL(3)}},
	{"T-233 additional family of 2 bytes: 400",
	 400,
	 LAB_BOTH,
	 {UDP, {0x8000, 2, {2}}}},
	{"T-245 LIFETIME of 2 bytes: 400", 400, LAB_BOTH, {UDP, {0x000D, 2, {1}}}},
	{"T-463 MOBILITY-TICKET, mobility is off: 405",
	 405,
	 LAB_BOTH,
	 {UDP, {0x8030, 0, {0}}}},
	{"T-464 MOBILITY-TICKET with content: 400, off or not",
	 400,
	 LAB_BOTH,
	 {UDP, {0x8030, 4, {9}}}},
	/* Two rules violated: the earlier one answers (T-205). */
	{"T-205 420 before 400", 420, LAB_BOTH, {UNKNOWN}},
	{"T-205 442 before the family's 440", 442, LAB_BOTH, {TRANSPORT(1), FAMILY(3)}},
	{"T-205 420 for DONT-FRAGMENT before the token's 400",
	 420,
	 LAB_BOTH,
	 {UDP, DONT_FRAGMENT, FAMILY(2), TOKEN}},
	{"T-205 400 of the token before the family's 440",
	 400,
	 LAB_BOTH,
	 {UDP, TOKEN, FAMILY(3)}},
	{"T-205 440 before the 400 of EVEN-PORT",
	 440,
	 LAB_BOTH,
	 {UDP, FAMILY(3), {0x0018, 0, {0}}}},
};

START_TEST(allocate_checks_the_request)
{
	begin_lab(checks[_i].lab);
	client_login(&alice);
	client_start(&alice, TURN_ALLOCATE);
	ADD_ROWS(&alice, checks[_i].attrs);
	client_ask(&alice);
	expect(&alice, checks[_i].want, checks[_i].name);
	ck_assert_msg(client_has(&alice, TURN_XOR_RELAYED_ADDRESS) ==
			      (checks[_i].want == 0),
		      "%s: relayed address", checks[_i].name);
	ck_assert_msg((client_allocation(&alice) != NULL) == (checks[_i].want == 0),
		      "%s: allocation", checks[_i].name);
	if (checks[_i].want != 0)
		ck_assert_msg(fixture_is_clean(&fixture), "%s: resources leaked",
			      checks[_i].name);
	end();
}
END_TEST

START_TEST(no_tcp_allocation_over_dtls) /* T-503, RFC 7350 section 4.6 */
{
	begin();
	fixture.fronts[FRONT_OUTSIDE_UDP].transport = TRANSPORT_DTLS;
	client_login(&alice);
	client_start(&alice, TURN_ALLOCATE);
	ADD_ROWS(&alice, ((const struct attr_row[]){TRANSPORT(6)}));
	ck_assert_int_eq(client_ask(&alice), STUN_BAD_REQUEST);
	ck_assert_ptr_null(alice.fault);
	ck_assert_ptr_null(client_allocation(&alice));
	ck_assert(fixture_is_clean(&fixture));
	end();
}
END_TEST

START_TEST(unknown_attributes_are_listed_once) /* T-016 T-017 T-225 */
{
	static const struct {
		const char *name;
		struct attr_row attrs[6];
		uint8_t len;
		uint8_t list[6];
	} rows[] = {
		{"T-017 one unknown attribute: two bytes and padding",
		 {UDP, UNKNOWN},
		 2,
		 {0x7F, 0xFF}},
		{"T-017 the same twice: listed once",
		 {UDP, UNKNOWN, UNKNOWN, {0x7FFE, 0, {0}}},
		 4,
		 {0x7F, 0xFF, 0x7F, 0xFE}},
		{"T-016 all are named, in the order of the message",
		 {UDP, {0x0027, 2, {0}}, {0x0003, 4, {0}}, {0x0024, 4, {0}}},
		 6,
		 {0x00, 0x27, 0x00, 0x03, 0x00, 0x24}},
		{"T-225 the list names DONT-FRAGMENT",
		 {UDP, DONT_FRAGMENT, FAMILY(2)},
		 2,
		 {0, 0x1A}},
	};
	struct stun_attr attr;

	begin();
	client_login(&alice);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		client_start(&alice, TURN_ALLOCATE);
		ADD_ROWS(&alice, rows[i].attrs);
		client_ask(&alice);
		expect(&alice, 420, rows[i].name);
		ck_assert(client_find(&alice, STUN_UNKNOWN_ATTRIBUTES, &attr));
		ck_assert_msg(attr.value.len == rows[i].len, "%s: length %zu",
			      rows[i].name, attr.value.len);
		ck_assert_msg(memcmp(attr.value.data, rows[i].list, rows[i].len) == 0,
			      "%s", rows[i].name);
	}
	end();
}
END_TEST

START_TEST(clients_are_challenged_first) /* T-016 T-220 T-252 */
{
	begin();
	alice.bare = true;
	client_start(&alice, TURN_ALLOCATE);
	stun_builder_add(&alice.b, 0x7FFF, "", 0);
	expect(&alice, client_ask(&alice), "answered");
	expect(&alice, 401, "T-016 unknown attribute, not authenticated: 401 first");
	client_start(&alice, TURN_ALLOCATE);
	client_ask(&alice);
	expect(&alice, 401, "T-220 Allocate without anything: 401 first");
	ck_assert_ptr_null(client_allocation(&alice));
	end();
}
END_TEST

static const struct {
	const char *name;
	bool asked;
	uint32_t lifetime_s;
	uint32_t want;
} lifetimes[] = {
	{"T-245 no LIFETIME: default", false, 0, 600},
	{"T-245 less than the default: default", true, 60, 600},
	{"T-245 between default and maximum: as asked", true, 1800, 1800},
	{"T-245 maximum: as asked", true, 3600, 3600},
	{"T-245 more than the maximum: maximum", true, 99999, 3600},
	{"T-245 all ones: maximum", true, UINT32_MAX, 3600},
	{"T-247 LIFETIME 0 in Allocate: default", true, 0, 600},
};

START_TEST(lifetime_is_bounded)
{
	begin();
	client_login(&alice);
	client_start(&alice, TURN_ALLOCATE);
	stun_add_u32(&alice.b, TURN_REQUESTED_TRANSPORT, 17u << 24);
	if (lifetimes[_i].asked)
		stun_add_u32(&alice.b, TURN_LIFETIME, lifetimes[_i].lifetime_s);
	client_ask(&alice);
	expect(&alice, 0, lifetimes[_i].name);
	ck_assert_msg(client_u32(&alice, TURN_LIFETIME) == lifetimes[_i].want,
		      "%s: got %u", lifetimes[_i].name,
		      client_u32(&alice, TURN_LIFETIME));
	advance(lifetimes[_i].want * 1000ull - 1);
	ck_assert_msg(client_allocation(&alice) != NULL, "%s: too short",
		      lifetimes[_i].name);
	advance(1);
	ck_assert_msg(client_allocation(&alice) == NULL, "%s: too long",
		      lifetimes[_i].name);
	end();
}
END_TEST

START_TEST(success_has_all_attributes) /* T-248 T-249 T-206 */
{
	struct endpoint mapped;

	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	expect(&alice, 0, "T-248 success: relayed address, lifetime, mapped address");
	expect_relayed(&alice, "198.18.0.1", "relayed on the outside");
	ck_assert_uint_eq(client_address(&alice, TURN_XOR_RELAYED_ADDRESS).port,
			  client_allocation(&alice)->relay_port);
	ck_assert_uint_eq(client_u32(&alice, TURN_LIFETIME), 600);
	mapped = client_address(&alice, STUN_XOR_MAPPED_ADDRESS);
	ck_assert_msg(endpoint_equal(&mapped, &alice.tuple.client),
		      "T-249 XOR-MAPPED-ADDRESS is the 5-tuple's client address");
	ck_assert(!client_has(&alice, TURN_RESERVATION_TOKEN));
	ck_assert(!client_has(&alice, TURN_ADDRESS_ERROR_CODE));
	ck_assert_msg(client_has(&alice, STUN_SOFTWARE),
		      "T-206 SOFTWARE in Allocate success");
	client_start(&bob, TURN_REFRESH);
	end();
}
END_TEST

START_TEST(software_can_be_switched_off) /* T-021 T-206 */
{
	begin();
	client_login(&alice);
	ck_assert_msg(!client_has(&alice, STUN_SOFTWARE),
		      "T-586 no SOFTWARE for unauthenticated clients");
	client_start(&alice, TURN_ALLOCATE);
	ck_assert_int_eq(client_ask(&alice), 400);
	ck_assert_msg(client_has(&alice, STUN_SOFTWARE), "T-206 SOFTWARE in errors too");
	fixture.settings.software[0] = '\0';
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_msg(!client_has(&alice, STUN_SOFTWARE), "T-021 switched off");
	end();
}
END_TEST

START_TEST(second_allocate_is_a_mismatch) /* T-221 T-232 */
{
	uint8_t before[DISPATCH_REPLY_MAX];
	size_t before_len;

	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	memcpy(before, alice.reply, sizeof(before));
	before_len = alice.out.reply_len;
	uint16_t port = client_address(&alice, TURN_XOR_RELAYED_ADDRESS).port;

	client_again(&alice);
	expect(&alice, 0, "T-232 same bytes at once: same success");
	ck_assert_uint_eq(alice.out.reply_len, before_len);
	ck_assert_mem_eq(alice.reply, before, before_len);
	ck_assert_uint_eq(fixture.edge.opened, 1);

	advance(30000);
	client_again(&alice);
	expect(&alice, 0, "T-232 later: same address, remaining lifetime");
	ck_assert_uint_eq(client_address(&alice, TURN_XOR_RELAYED_ADDRESS).port, port);
	ck_assert_uint_eq(client_u32(&alice, TURN_LIFETIME), 570);

	client_allocate(&alice);
	expect(&alice, 437, "T-221 second Allocate with another transaction: 437");
	ck_assert_uint_eq(fixture.edge.opened, 1);

	client_credential(&alice, "mallory", fixture.unix_s + 600);
	client_allocate(&alice);
	expect(&alice, 437,
	       "T-204 Allocate of another user on the 5-tuple: 437, never 441");
	end();
}
END_TEST

START_TEST(retransmission_belongs_to_its_owner) /* T-232 */
{
	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	bob.tuple = alice.tuple;
	client_login(&bob);
	bob.transactions = alice.transactions - 1;
	client_allocate(&bob);
	expect(&bob, 437, "T-232 same transaction id, another user: 437");
	end();
}
END_TEST

START_TEST(retransmission_is_for_datagrams) /* T-232 */
{
	begin();
	client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	ck_assert_int_eq(client_allocate(&alice), 0);
	client_again(&alice);
	expect(&alice, 437, "T-221 a stream has no retransmissions: 437");
	end();
}
END_TEST

START_TEST(retransmission_repeats_the_token) /* T-232 */
{
	static const struct attr_row pair[] = {EVEN_PORT(0x80)};
	uint8_t token[8];
	struct stun_attr attr;

	begin();
	ck_assert_int_eq(allocate(&alice, pair, 1), 0);
	ck_assert(client_find(&alice, TURN_RESERVATION_TOKEN, &attr));
	memcpy(token, attr.value.data, sizeof(token));
	client_again(&alice);
	expect(&alice, 0, "T-232 the token comes again");
	ck_assert(client_find(&alice, TURN_RESERVATION_TOKEN, &attr));
	ck_assert_mem_eq(attr.value.data, token, sizeof(token));
	end();
}
END_TEST

/* They have another count, so another integrity, but one transaction id (RFC 7982 section 3.1). */
START_TEST(retransmissions_count_for_themselves) /* T-545 T-546 */
{
	uint16_t port = 0;

	begin();
	client_login(&alice);
	for (uint32_t sent = 1; sent <= 3; sent++) {
		client_start(&alice, TURN_ALLOCATE);
		alice.transactions--;
		stun_add_u32(&alice.b, TURN_REQUESTED_TRANSPORT, 17u << 24);
		stun_add_u32(&alice.b, STUN_TRANSACTION_TRANSMIT_COUNTER, sent << 8);
		client_ask(&alice);
		expect(&alice, 0, "T-546 the same transaction: the same success");
		ck_assert_uint_eq(client_u32(&alice, STUN_TRANSACTION_TRANSMIT_COUNTER),
				  sent << 8);
		struct endpoint relayed =
			client_address(&alice, TURN_XOR_RELAYED_ADDRESS);
		ck_assert(sent == 1 || relayed.port == port);
		port = relayed.port;
	}
	ck_assert_uint_eq(fixture.edge.opened, 1);
	client_allocate(&alice);
	client_allocate(&alice);
	expect(&alice, 437, "another transaction");
	end();
}
END_TEST

START_TEST(retransmission_outlives_the_nonce) /* T-116 T-029 */
{
	begin();
	fixture.settings.nonce_key.lifetime_s = 16;
	ck_assert_int_eq(client_allocate(&alice), 0);
	advance(39000);
	client_again(&alice);
	expect(&alice, 0, "T-029 same bytes within 40 s, nonce gone: same answer");
	ck_assert_uint_eq(fixture.edge.opened, 1);
	advance(2000);
	client_again(&alice);
	expect(&alice, 438, "T-116 after 40 s it is forgotten: 438");
	end();
}
END_TEST

static const struct {
	const char *name;
	const char *client;
} tunnels[] = {
	{"T-252 client from Teredo: 403", "[2001:0:1::1]:5000"},
	{"T-252 client from 6to4: 403", "[2002:c000:0201::1]:5000"},
};

START_TEST(tunnelled_clients_are_refused)
{
	begin();
	client_init(&alice, &fixture, tunnels[_i].client, FRONT_OUTSIDE_UDP6, "alice");
	client_login(&alice);
	expect(&alice, 401, "T-252 challenged first");
	client_allocate(&alice);
	expect(&alice, 403, tunnels[_i].name);
	client_bind(&alice, 0x4000, PEER);
	expect(&alice, 437, "T-580 so there is no allocation to bind a channel on");
	ck_assert(fixture_is_clean(&fixture));
	end();
}
END_TEST

static void expect_reason(const struct client *c, const char *want)
{
	struct stun_attr attr;

	ck_assert(stun_msg_find(&c->answer, STUN_ERROR_CODE, &attr));
	ck_assert_uint_eq(attr.value.len, 4 + strlen(want));
	ck_assert(memcmp(attr.value.data + 4, want, strlen(want)) == 0);
}

/* The reason phrase names the limit, and has fewer than 128 characters. */
START_TEST(a_user_that_is_too_fast_is_told)
{
	begin();
	fixture.settings.limits.allocation_rate_per_user = 1;
	fixture.settings.limits.allocation_burst_per_user = 1;
	ck_assert_int_eq(client_allocate(&alice), 0);
	alice.tuple.client.port++;
	alice.nonce_len = 0;
	client_allocate(&alice);
	expect(&alice, 486, "too many new allocations");
	expect_reason(&alice,
		      "Allocation Quota Reached: too many new allocations of the user");
	for (int i = 0; i < REFUSAL_COUNT; i++)
		ck_assert_uint_lt(strlen(refusal_text((enum refusal)i)), 90);
	end();
}
END_TEST

START_TEST(quotas) /* T-207 T-236 attack 23 */
{
	begin_with(&(struct fixture_options){.allocations_per_user = 1});
	ck_assert_int_eq(client_allocate(&alice), 0);
	alice.tuple.client.port++;
	alice.nonce_len = 0;
	client_allocate(&alice);
	expect(&alice, 486, "T-236 one more than the user may have: 486");
	expect_reason(&alice, "Allocation Quota Reached: the user is at the limit");
	client_allocate(&bob);
	expect(&bob, 0, "T-207 another user may still allocate");
	end();
}
END_TEST

START_TEST(failures_leak_nothing) /* T-253 */
{
	static const struct {
		const char *name;
		int error;
	} rows[] = {
		{"T-253 no descriptor left: 508", -24},
		{"T-253 no memory left: 508", -12},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		begin();
		fixture.edge.refuse = rows[i].error;
		fixture.edge.refuse_times = 1000;
		client_allocate(&alice);
		expect(&alice, 508, rows[i].name);
		ck_assert(fixture_is_clean(&fixture));
		fixture.edge.refuse_times = 0;
		client_allocate(&alice);
		expect(&alice, 0, "T-253 later it works again");
		end();
	}
}
END_TEST

static void allocate_suite(Suite *suite)
{
	TCase *tc = tcase_create("allocate");
	tcase_add_test(tc, no_tcp_allocation_over_dtls);
	tcase_add_loop_test(tc, allocate_checks_the_request, 0, ROWS(checks));
	tcase_add_test(tc, unknown_attributes_are_listed_once);
	tcase_add_test(tc, clients_are_challenged_first);
	tcase_add_loop_test(tc, lifetime_is_bounded, 0, ROWS(lifetimes));
	tcase_add_test(tc, success_has_all_attributes);
	tcase_add_test(tc, software_can_be_switched_off);
	tcase_add_test(tc, second_allocate_is_a_mismatch);
	tcase_add_test(tc, retransmission_belongs_to_its_owner);
	tcase_add_test(tc, retransmission_is_for_datagrams);
	tcase_add_test(tc, retransmission_repeats_the_token);
	tcase_add_test(tc, retransmissions_count_for_themselves);
	tcase_add_test(tc, retransmission_outlives_the_nonce);
	tcase_add_loop_test(tc, tunnelled_clients_are_refused, 0, ROWS(tunnels));
	tcase_add_test(tc, quotas);
	tcase_add_test(tc, a_user_that_is_too_fast_is_told);
	tcase_add_test(tc, failures_leak_nothing);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("turn_allocate", allocate_suite)
