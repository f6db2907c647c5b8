/*
 * test_turn_permission.c - CreatePermission and what permissions do (RFC 8656 sections 9 and
 * 10).
 */
#include "tests/unit/dialect/dialect_check.h"

#define MALFORMED_PEER                    \
	{                                 \
		TURN_XOR_PEER_ADDRESS, 5, \
		{                         \
			0, 1, 0, 0, 0     \
		}                         \
	}

static const struct {
	const char *name;
	int want;
	const char *peers[3];
	struct attr_row attrs[2];
} checks[] = {
	{"T-285 no XOR-PEER-ADDRESS: 400", 400, {NULL}, {{0}}},
	{"T-285 address of 5 bytes: 400", 400, {NULL}, {MALFORMED_PEER}},
	{"T-285 family 3: 400", 400, {NULL}, {{0x0012, 8, {0, 3}}}},
	{"T-285 family IPv6 in 8 bytes: 400", 400, {NULL}, {{0x0012, 8, {0, 2}}}},
	{"T-285 family IPv4 in 20 bytes: 400", 400, {NULL}, {{0x0012, 20, {0, 1}}}},
	{"T-285 one address: success", 0, {PEER}, {{0}}},
	{"T-285 three addresses: success", 0, {PEER, PEER_B, PEER_C}, {{0}}},
	{"T-286 good and malformed: 400", 400, {PEER}, {MALFORMED_PEER}},
	{"T-286 malformed counts before the policy: 400",
	 400,
	 {PEER, "10.9.9.9:1"},
	 {MALFORMED_PEER}},
	{"T-286 good and forbidden: 403", 403, {PEER, "10.9.9.9:1"}, {{0}}},
	{"T-286 good and of another family: 443", 443, {PEER, PEER_V6}, {{0}}},
	{"T-287 IPv6 peer of an IPv4 relay: 443", 443, {PEER_V6}, {{0}}},
	{"T-288 inside peer: 403", 403, {"10.0.0.7:1"}, {{0}}},
	{"T-288 loopback: 403", 403, {"127.0.0.1:1"}, {{0}}},
	{"T-291 port 0 does not matter: success", 0, {"192.0.2.1:0"}, {{0}}},
	{"T-016 unknown attribute: 420", 420, {PEER}, {UNKNOWN}},
};

START_TEST(create_permission_checks_the_request)
{
	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	client_start(&alice, TURN_CREATE_PERMISSION);
	for (size_t i = 0; i < 3 && checks[_i].peers[i]; i++) {
		struct endpoint peer = {.port = 0};

		/* endpoint_parse() does not accept port 0. */
		if (strcmp(checks[_i].peers[i], "192.0.2.1:0") == 0)
			ck_assert(ip_addr_parse("192.0.2.1", &peer.ip));
		else
			peer = ep(checks[_i].peers[i]);
		stun_add_xor_address(&alice.b, TURN_XOR_PEER_ADDRESS, &peer);
	}
	ADD_ROWS(&alice, checks[_i].attrs);
	client_ask(&alice);
	expect(&alice, checks[_i].want, checks[_i].name);

	bool installed = client_send(&alice, PEER, "x", 1);
	bool want = checks[_i].want == 0;
	ck_assert_msg(installed == want, "%s: all or nothing", checks[_i].name);
	end();
}
END_TEST

START_TEST(success_has_no_other_attributes) /* T-290 */
{
	struct slice rest;
	struct stun_attr attr;

	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	client_permit(&alice, PEER);
	expect(&alice, 0, "T-290 success: SOFTWARE and integrity, nothing else");
	rest = alice.answer.body;
	while (stun_attr_next(&rest, &attr))
		ck_assert_uint_eq(attr.type, STUN_SOFTWARE);
	end();
}
END_TEST

static const struct {
	const char *name;
	const char *peer;
} mapped[] = {
	{"T-292 IPv4-mapped loopback: 403", "[::ffff:127.0.0.1]:1"},
	{"T-292 IPv4-mapped public address: 403", "[::ffff:192.0.2.1]:1"},
	{"T-580 Teredo peer: 403", "[2001:0:1::1]:1"},
	{"T-580 6to4 peer: 403", "[2002:c000:0201::1]:1"},
};

START_TEST(no_disguised_peer) /* T-292 T-382 */
{
	struct attr_row v6[] = {UDP, FAMILY(2)};
	struct stun_attr attr;

	begin();
	client_login(&alice);
	client_start(&alice, TURN_ALLOCATE);
	ADD_ROWS(&alice, v6);
	ck_assert_int_eq(client_ask(&alice), 0);

	client_start(&alice, TURN_CREATE_PERMISSION);
	struct endpoint peer = {.ip.family = IP_V6, .port = 1};
	if (strncmp(mapped[_i].peer, "[::ffff:", 8) == 0) {
		/*
		 * The parser of addresses canonicalises, but a hostile client does not.
		 */
		struct endpoint v4 = ep(_i == 0 ? "127.0.0.1:1" : "192.0.2.1:1");
		peer.ip.bytes[10] = peer.ip.bytes[11] = 0xFF;
		memcpy(peer.ip.bytes + 12, v4.ip.bytes, 4);
	} else {
		peer = ep(mapped[_i].peer);
	}
	stun_add_xor_address(&alice.b, TURN_XOR_PEER_ADDRESS, &peer);
	client_ask(&alice);
	expect(&alice, 403, mapped[_i].name);
	ck_assert(!client_find(&alice, TURN_XOR_PEER_ADDRESS, &attr));
	end();
}
END_TEST

START_TEST(permission_is_an_address) /* T-280 T-283 T-284 */
{
	struct forward out;

	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_allocate(&bob), 0);
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	ck_assert(client_from_peer(&alice, PEER, "x", 1, &out));
	ck_assert_msg(client_from_peer(&alice, PEER_OTHER_PORT, "x", 1, &out),
		      "T-280 from another port: delivered");
	ck_assert_msg(!client_from_peer(&alice, PEER_B, "x", 1, &out),
		      "T-283 from another address: dropped");
	ck_assert_int_eq(out.reason, DROP_NO_PERMISSION);
	ck_assert_msg(!client_from_peer(&bob, PEER, "x", 1, &out),
		      "T-284 to another allocation: dropped");
	ck_assert_msg(!client_send(&bob, PEER, "x", 1), "T-284 and from it");
	end();
}
END_TEST

START_TEST(permission_lasts_five_minutes) /* T-281 T-282 */
{
	struct forward out;

	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	for (unsigned second = 0; second < 299; second++) {
		advance(1000);
		ck_assert(client_send(&alice, PEER, "x", 1));
		ck_assert(client_from_peer(&alice, PEER, "x", 1, &out));
	}
	advance(999);
	ck_assert_msg(client_send(&alice, PEER, "x", 1), "T-281 299.999 s: passes");
	advance(1);
	ck_assert_msg(!client_send(&alice, PEER, "x", 1),
		      "T-282 300 s after the request, traffic or not: dropped");
	ck_assert(!client_from_peer(&alice, PEER, "x", 1, &out));

	ck_assert_int_eq(client_refresh(&alice, 3600), 0);
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	advance(200000);
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	advance(299999);
	ck_assert_msg(client_send(&alice, PEER, "x", 1),
		      "T-281 refreshed: 300 s from then");
	advance(1);
	ck_assert(!client_send(&alice, PEER, "x", 1));
	end();
}
END_TEST

static void permit_many(struct client *c, unsigned first, unsigned count)
{
	struct endpoint peer = ep("192.0.2.1:1");

	client_start(c, TURN_CREATE_PERMISSION);
	for (unsigned i = 0; i < count; i++) {
		peer.ip.bytes[3] = (uint8_t)(first + i);
		stun_add_xor_address(&c->b, TURN_XOR_PEER_ADDRESS, &peer);
	}
	client_ask(c);
}

START_TEST(permissions_are_capped) /* T-289 attack 26 */
{
	begin();
	client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	ck_assert_int_eq(client_allocate(&alice), 0);
	permit_many(&alice, 1, 9);
	expect(&alice, 508, "T-289 more than the cap at once: 508");
	ck_assert_msg(!client_send(&alice, "192.0.2.1:1", "x", 1), "and none installed");
	permit_many(&alice, 1, 8);
	expect(&alice, 0, "T-289 as many as the cap: success");
	permit_many(&alice, 9, 1);
	expect(&alice, 508, "T-289 one more: 508");
	permit_many(&alice, 1, 8);
	expect(&alice, 0, "T-289 refreshing existing permissions: success");
	advance(300000);
	permit_many(&alice, 9, 8);
	expect(&alice, 0, "expired ones make room");

	struct endpoint peer = ep("192.0.2.1:1");
	client_start(&alice, TURN_CREATE_PERMISSION);
	for (unsigned i = 0; i < 5000; i++)
		stun_add_xor_address(&alice.b, TURN_XOR_PEER_ADDRESS, &peer);
	client_ask(&alice);
	expect(&alice, 508, "a message full of addresses: 508");
	end();
}
END_TEST

START_TEST(create_permission_again) /* T-029 */
{
	begin();
	fixture.settings.nonce_key.lifetime_s = 16;
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	advance(39000);
	client_again(&alice);
	expect(&alice, 0, "T-029 CreatePermission again, nonce gone: same answer");
	advance(2000);
	client_again(&alice);
	expect(&alice, 438, "T-029 after 40 s: 438");
	client_keep_challenge(&alice);
	client_permit(&alice, PEER);
	expect(&alice, 0, "T-118 the nonce of a 438 is valid");
	end();
}
END_TEST

static void permission_suite(Suite *suite)
{
	TCase *tc = tcase_create("permission");
	tcase_add_loop_test(tc, create_permission_checks_the_request, 0, ROWS(checks));
	tcase_add_test(tc, success_has_no_other_attributes);
	tcase_add_loop_test(tc, no_disguised_peer, 0, ROWS(mapped));
	tcase_add_test(tc, permission_is_an_address);
	tcase_add_test(tc, permission_lasts_five_minutes);
	tcase_add_test(tc, permissions_are_capped);
	tcase_add_test(tc, create_permission_again);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("turn_permission", permission_suite)
