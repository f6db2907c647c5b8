/*
 * test_turn_relayed.c - which relayed transport address an Allocate gets (RFC 8656 section
 * 7.2): side, family, even ports, reservations, halves of a dual allocation.
 */
#include "tests/unit/dialect/dialect_check.h"

static const struct {
	const char *name;
	const char *client;
	uint16_t front;
	struct attr_row attrs[2];
	const char *relayed;
} relayed[] = {
	{"T-230 IPv4 client, no family: IPv4",
	 ALICE,
	 FRONT_OUTSIDE_UDP,
	 {{0}},
	 "198.18.0.1"},
	{"T-230 IPv6 client, no family: IPv4 too",
	 "[2001:db8:9::1]:5000",
	 FRONT_OUTSIDE_UDP6,
	 {{0}},
	 "198.18.0.1"},
	{"T-251 IPv4 requested", ALICE, FRONT_OUTSIDE_UDP, {FAMILY(1)}, "198.18.0.1"},
	{"T-229 IPv6 requested", ALICE, FRONT_OUTSIDE_UDP, {FAMILY(2)}, "2001:db8::1"},
	{"T-225 DONT-FRAGMENT between IPv6 and IPv6: success",
	 "[2001:db8:9::1]:5000",
	 FRONT_OUTSIDE_UDP6,
	 {FAMILY(2), DONT_FRAGMENT},
	 "2001:db8::1"},
	{"T-200 inside client over UDP: relayed address outside",
	 "10.0.0.9:5000",
	 FRONT_INSIDE_UDP,
	 {{0}},
	 "198.18.0.1"},
	{"T-201 inside client over TCP: relayed address outside",
	 "10.0.0.9:5000",
	 FRONT_INSIDE_TCP,
	 {{0}},
	 "198.18.0.1"},
	{"T-201 inside client over TLS: relayed address outside",
	 "10.0.0.9:5000",
	 FRONT_INSIDE_TLS,
	 {{0}},
	 "198.18.0.1"},
};

START_TEST(relayed_address_is_outside)
{
	begin();
	client_init(&alice, &fixture, relayed[_i].client, relayed[_i].front, "alice");
	allocate(&alice, relayed[_i].attrs, ARRAY_LEN(relayed[_i].attrs));
	expect(&alice, 0, relayed[_i].name);
	expect_relayed(&alice, relayed[_i].relayed, relayed[_i].name);
	end();
}
END_TEST

START_TEST(public_address_behind_nat) /* T-250 */
{
	begin_with(&(struct fixture_options){.nat = true});
	ck_assert_int_eq(client_allocate(&alice), 0);
	expect_relayed(&alice, "203.0.113.1", "T-250 the answer has the public address");
	struct endpoint local = fixture.edge.local[client_allocation(&alice)->slot];
	struct endpoint want = ep("198.18.0.1:1");
	ck_assert_msg(ip_addr_equal(&local.ip, &want.ip), "the local address is bound");
	end();
}
END_TEST

START_TEST(same_port_on_two_fronts_is_two_allocations) /* T-202 T-208 */
{
	begin();
	client_init(&alice, &fixture, "10.0.0.9:5000", FRONT_INSIDE_UDP, "alice");
	client_init(&bob, &fixture, "10.0.0.9:5000", FRONT_INSIDE_TCP, "alice");
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_allocate(&bob), 0);
	expect(&bob, 0, "T-202 the front is part of the 5-tuple");
	struct endpoint a = client_address(&alice, TURN_XOR_RELAYED_ADDRESS);
	struct endpoint b = client_address(&bob, TURN_XOR_RELAYED_ADDRESS);
	ck_assert_msg(!endpoint_equal(&a, &b), "T-208 relayed addresses are unique");
	end();
}
END_TEST

START_TEST(relayed_addresses_are_unique) /* T-208 T-244 */
{
	bool seen[100] = {false};
	unsigned steps = 0;
	uint16_t last = 0;

	begin_with(&(struct fixture_options){.slots = 128});
	for (unsigned i = 0; i < 100; i++) {
		client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_UDP, "alice");
		alice.tuple.client.port = (uint16_t)(6000 + i);
		ck_assert_int_eq(client_allocate(&alice), 0);
		uint16_t port = client_address(&alice, TURN_XOR_RELAYED_ADDRESS).port;
		ck_assert_uint_ge(port, 50000);
		ck_assert_uint_lt(port, 50100);
		ck_assert_msg(!seen[port - 50000], "T-208 port %u twice", port);
		seen[port - 50000] = true;
		steps += port == last + 1;
		last = port;
	}
	ck_assert_msg(steps < 50, "T-244 ports in sequence");
	alice.tuple.client.port = 7000;
	alice.nonce_len = 0;
	client_allocate(&alice);
	expect(&alice, 508, "T-231 no port left: 508");
	end();
}
END_TEST

/* The result of EVEN-PORT with R: the token of the answer, and the port N. */
static uint16_t take_pair(struct client *c, struct attr_row *token)
{
	static const struct attr_row pair[] = {EVEN_PORT(0x80)};
	struct stun_attr attr;

	allocate(c, pair, 1);
	expect(c, 0, "T-238 even port and the next one reserved");
	ck_assert(client_find(c, TURN_RESERVATION_TOKEN, &attr));
	ck_assert_uint_eq(attr.value.len, 8);
	*token = (struct attr_row){.type = TURN_RESERVATION_TOKEN, .len = 8};
	memcpy(token->value, attr.value.data, 8);
	return client_address(c, TURN_XOR_RELAYED_ADDRESS).port;
}

START_TEST(even_ports) /* T-238 */
{
	static const struct attr_row even[] = {EVEN_PORT(0)};

	begin();
	for (unsigned i = 0; i < 20; i++) {
		client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_UDP, "alice");
		alice.tuple.client.port = (uint16_t)(6000 + i);
		allocate(&alice, even, 1);
		expect(&alice, 0, "T-238 EVEN-PORT without R: an even port, no token");
		ck_assert_uint_eq(
			client_address(&alice, TURN_XOR_RELAYED_ADDRESS).port % 2, 0);
		ck_assert(!client_has(&alice, TURN_RESERVATION_TOKEN));
	}
	end();
}
END_TEST

START_TEST(token_gets_the_next_port) /* T-238 T-239 T-240 T-241 T-227 */
{
	struct attr_row token;

	begin();
	uint16_t even = take_pair(&alice, &token);
	ck_assert_uint_eq(even % 2, 0);

	allocate(&bob, &token, 1);
	expect(&bob, 508, "T-240 token of another user: 508");

	advance(29000);
	client_init(&bob, &fixture, "10.0.0.9:5000", FRONT_INSIDE_TCP, "alice");
	strcpy(bob.username, alice.username);
	strcpy(bob.password, alice.password);
	bob.username_len = alice.username_len;
	allocate(&bob, &token, 1);
	expect(&bob, 0, "T-239 after 29 s, by another transport and address: success");
	ck_assert_msg(client_address(&bob, TURN_XOR_RELAYED_ADDRESS).port == even + 1,
		      "T-241 exactly the next port");

	bob.tuple.client.port++;
	bob.nonce_len = 0;
	allocate(&bob, &token, 1);
	expect(&bob, 508, "T-227 token used before: 508");
	end();
}
END_TEST

START_TEST(token_expires) /* T-239 T-227 */
{
	struct attr_row token;

	begin();
	take_pair(&alice, &token);
	advance(31000);
	client_init(&bob, &fixture, BOB, FRONT_OUTSIDE_UDP, "alice");
	strcpy(bob.username, alice.username);
	strcpy(bob.password, alice.password);
	allocate(&bob, &token, 1);
	expect(&bob, 508, "T-227 token after 31 s: 508");
	client_refresh(&alice, 0);
	ck_assert_msg(fixture_is_clean(&fixture), "T-239 unused reservation is released");
	end();
}
END_TEST

START_TEST(token_without_ipv4) /* T-226 T-230 */
{
	static const struct attr_row pair[] = {FAMILY(2), EVEN_PORT(0x80)};
	struct attr_row token = {.type = TURN_RESERVATION_TOKEN, .len = 8};
	struct stun_attr attr;

	begin_with(&(struct fixture_options){.no_v4 = true});
	allocate(&alice, pair, 2);
	expect(&alice, 0, "pair on IPv6");
	ck_assert(client_find(&alice, TURN_RESERVATION_TOKEN, &attr));
	memcpy(token.value, attr.value.data, 8);
	alice.tuple.client.port++;
	alice.nonce_len = 0;
	allocate(&alice, &token, 1);
	expect(&alice, 0, "T-226 a token sets the family, even without IPv4");
	expect_relayed(&alice, "2001:db8::1", "its family");
	end();
}
END_TEST

START_TEST(token_of_ipv6_refuses_dont_fragment) /* T-225 */
{
	static const struct attr_row pair[] = {FAMILY(2), EVEN_PORT(0x80)};
	struct attr_row with_token[2] = {{0}, DONT_FRAGMENT};
	struct stun_attr attr;

	begin();
	allocate(&alice, pair, 2);
	expect(&alice, 0, "pair on IPv6");
	ck_assert(client_find(&alice, TURN_RESERVATION_TOKEN, &attr));
	with_token[0] = (struct attr_row){.type = TURN_RESERVATION_TOKEN, .len = 8};
	memcpy(with_token[0].value, attr.value.data, 8);

	alice.tuple.client.port++;
	alice.nonce_len = 0;
	allocate(&alice, with_token, 2);
	expect(&alice, 420, "T-225 token for IPv6 with DONT-FRAGMENT from IPv4: 420");
	ck_assert_ptr_null(client_allocation(&alice));
	end();
}
END_TEST

static void expect_half(const struct client *c, const char *relayed_ip, uint8_t missing,
			int code, const char *name)
{
	struct stun_attr attr;

	expect(c, 0, name);
	expect_relayed(c, relayed_ip, name);
	ck_assert_msg(client_find(c, TURN_ADDRESS_ERROR_CODE, &attr), "%s: no error code",
		      name);
	ck_assert_uint_ge(attr.value.len, 4);
	ck_assert_msg(attr.value.data[0] == missing, "%s: family %u", name,
		      attr.value.data[0]);
	ck_assert_uint_eq(attr.value.data[1], 0);
	ck_assert_msg(attr.value.data[2] * 100 + attr.value.data[3] == code,
		      "%s: code %u%02u", name, attr.value.data[2], attr.value.data[3]);
}

START_TEST(half_of_a_dual_allocation) /* T-232 T-234 */
{
	static const struct attr_row both[] = {ADDITIONAL(2)};

	begin_with(&(struct fixture_options){.no_v6 = true});
	allocate(&alice, both, 1);
	expect_half(&alice, "198.18.0.1", IP_V6, 440,
		    "T-234 no IPv6: IPv4, 440 for IPv6");
	client_again(&alice);
	expect_half(&alice, "198.18.0.1", IP_V6, 440, "T-232 repeated: the same again");
	end();

	begin_with(&(struct fixture_options){.no_v4 = true});
	allocate(&alice, both, 1);
	expect_half(&alice, "2001:db8::1", IP_V4, 440,
		    "T-234 no IPv4: IPv6, 440 for IPv4");
	end();
}
END_TEST

START_TEST(half_of_a_dual_allocation_without_ports) /* T-234 T-E16 */
{
	static const struct attr_row both[] = {ADDITIONAL(2)};

	begin_with(&(struct fixture_options){.first_port = 50000, .last_port = 50000});
	ck_assert_int_eq(client_allocate(&bob), 0);
	allocate(&alice, both, 1);
	expect_half(&alice, "2001:db8::1", IP_V4, 508,
		    "T-234 IPv4 used up: IPv6, 508 for IPv4");
	alice.tuple.client.port++;
	alice.nonce_len = 0;
	allocate(&alice, both, 1);
	expect(&alice, 508, "T-234 both used up: 508");
	end();
}
END_TEST

static void relayed_suite(Suite *suite)
{
	TCase *tc = tcase_create("relayed");
	tcase_add_loop_test(tc, relayed_address_is_outside, 0, ROWS(relayed));
	tcase_add_test(tc, public_address_behind_nat);
	tcase_add_test(tc, same_port_on_two_fronts_is_two_allocations);
	tcase_add_test(tc, relayed_addresses_are_unique);
	tcase_add_test(tc, even_ports);
	tcase_add_test(tc, token_gets_the_next_port);
	tcase_add_test(tc, token_expires);
	tcase_add_test(tc, token_without_ipv4);
	tcase_add_test(tc, token_of_ipv6_refuses_dont_fragment);
	tcase_add_test(tc, half_of_a_dual_allocation);
	tcase_add_test(tc, half_of_a_dual_allocation_without_ports);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("turn_relayed", relayed_suite)
