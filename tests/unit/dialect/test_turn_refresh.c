/*
 * test_turn_refresh.c - Refresh (RFC 8656 section 8.2) and rules common to all requests
 * after Allocate (section 5).
 */
#include "tests/unit/dialect/dialect_check.h"

static const struct {
	const char *name;
	int want;
	uint32_t lifetime_s; /* in the answer */
	struct attr_row attrs[3];
} checks[] = {
	{"T-260 no LIFETIME: default", 0, 600, {{0}}},
	{"T-260 less than the default: default", 0, 600, {LIFETIME(0, 60)}},
	{"T-260 1800: as asked", 0, 1800, {LIFETIME(0x07, 0x08)}},
	{"T-260 65535: maximum", 0, 3600, {LIFETIME(0xFF, 0xFF)}},
	{"T-261 LIFETIME 0: success with 0", 0, 0, {LIFETIME(0, 0)}},
	{"T-013 two LIFETIMEs: the first counts",
	 0,
	 1800,
	 {LIFETIME(0x07, 0x08), LIFETIME(0, 0)}},
	{"T-269 LIFETIME of 3 bytes: 400", 400, 0, {{0x000D, 3, {0}}}},
	{"T-262 family of no relayed address: 443", 443, 0, {FAMILY(2)}},
	{"T-262 deleting the family that is not there: 443",
	 443,
	 0,
	 {FAMILY(2), LIFETIME(0, 0)}},
	{"T-262 unknown family: 443", 443, 0, {FAMILY(9)}},
	{"T-262 family of 1 byte: 400", 400, 0, {{0x0017, 1, {1}}}},
	{"T-264 family of the allocation: success", 0, 600, {FAMILY(1)}},
	{"T-263 deleting by family: success", 0, 0, {FAMILY(1), LIFETIME(0, 0)}},
	{"T-015 attributes that do not belong here: ignored", 0, 600, {UDP, EVEN_PORT(0)}},
	{"T-016 unknown attribute: 420", 420, 0, {UNKNOWN}},
	{"T-466 MOBILITY-TICKET, mobility is off: 405", 405, 0, {{0x8030, 8, {1}}}},
};

START_TEST(refresh_checks_the_request)
{
	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	client_start(&alice, TURN_REFRESH);
	ADD_ROWS(&alice, checks[_i].attrs);
	client_ask(&alice);
	expect(&alice, checks[_i].want, checks[_i].name);
	ck_assert_msg(client_has(&alice, STUN_SOFTWARE), "T-206 %s", checks[_i].name);
	if (checks[_i].want == 0) {
		ck_assert_msg(client_has(&alice, TURN_LIFETIME), "%s", checks[_i].name);
		ck_assert_msg(client_u32(&alice, TURN_LIFETIME) == checks[_i].lifetime_s,
			      "%s: %u", checks[_i].name,
			      client_u32(&alice, TURN_LIFETIME));
	}
	bool stays = checks[_i].want != 0 || checks[_i].lifetime_s != 0;
	ck_assert_msg((client_allocation(&alice) != NULL) == stays, "%s",
		      checks[_i].name);
	end();
}
END_TEST

START_TEST(refresh_moves_the_deadline) /* T-260 T-211 */
{
	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	advance(500000);
	ck_assert_int_eq(client_refresh(&alice, 900), 0);
	advance(899999);
	ck_assert_ptr_nonnull(client_allocation(&alice));
	advance(1);
	ck_assert_msg(client_allocation(&alice) == NULL, "T-211 expired");
	ck_assert_msg(fixture_is_clean(&fixture), "T-211 expiry frees everything");
	ck_assert_uint_eq(fixture.edge.last.end_reason, END_EXPIRED);
	client_login(&alice);
	client_refresh(&alice, 600);
	expect(&alice, 437, "T-211 after the lifetime: 437");
	end();
}
END_TEST

START_TEST(refresh_to_zero_deletes) /* T-261 T-265 T-266 T-267 T-376 */
{
	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4000, PEER_B), 0);
	client_refresh(&alice, 0);
	expect(&alice, 0,
	       "T-267 the last answer is signed with the key of the deleted allocation");
	ck_assert(fixture_is_clean(&fixture));
	ck_assert_uint_eq(fixture.edge.last.end_reason, END_RELEASED);
	client_again(&alice);
	expect(&alice, 437, "T-266 retransmitted delete: 437, which means the same");
	client_allocate(&alice);
	expect(&alice, 0, "T-265 the 5-tuple is free again");
	ck_assert(!client_send(&alice, PEER, "x", 1));
	ck_assert_msg(!client_channel_data(&alice, 0x4000, "x", 1),
		      "T-376 channels ended with the old allocation");
	client_bind(&alice, 0x4000, PEER_C);
	expect(&alice, 0, "T-376 number on a new allocation: free");
	end();
}
END_TEST

START_TEST(refresh_again) /* T-029 */
{
	begin();
	fixture.settings.nonce_key.lifetime_s = 16;
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_refresh(&alice, 900), 0);
	advance(39000);
	client_again(&alice);
	expect(&alice, 0, "T-029 Refresh again, nonce gone: same answer");
	ck_assert_uint_eq(client_u32(&alice, TURN_LIFETIME), 900);
	end();
}
END_TEST

START_TEST(refresh_does_not_refresh_permissions) /* T-270 */
{
	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	advance(299000);
	ck_assert_int_eq(client_refresh(&alice, 600), 0);
	ck_assert(client_send(&alice, PEER, "x", 1));
	advance(1000);
	ck_assert_msg(!client_send(&alice, PEER, "x", 1),
		      "T-270 permission ends all the same");
	end();
}
END_TEST

START_TEST(traffic_extends_nothing) /* T-212 */
{
	struct forward out;

	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	for (unsigned i = 0; i < 5; i++) {
		ck_assert_int_eq(client_permit(&alice, PEER), 0);
		ck_assert(client_send(&alice, PEER, "x", 1));
		ck_assert(client_from_peer(&alice, PEER, "y", 1, &out));
		advance(119999);
	}
	ck_assert_ptr_nonnull(client_allocation(&alice));
	advance(5);
	ck_assert_msg(client_allocation(&alice) == NULL, "T-212 busy, and expired");
	end();
}
END_TEST

START_TEST(dual_refresh_of_the_existing_half) /* T-263 T-264 */
{
	begin_with(&(struct fixture_options){.no_v6 = true});
	client_login(&alice);
	client_start(&alice, TURN_ALLOCATE);
	ADD_ROWS(&alice, ((struct attr_row[]){UDP, ADDITIONAL(2)}));
	ck_assert_int_eq(client_ask(&alice), 0);

	client_start(&alice, TURN_REFRESH);
	ADD_ROWS(&alice, ((struct attr_row[]){FAMILY(2)}));
	client_ask(&alice);
	expect(&alice, 443, "T-263 the half that was never granted: 443");
	client_refresh(&alice, 1200);
	expect(&alice, 0, "T-264 without family: the existing half");
	end();
}
END_TEST

/* One request of each method after Allocate. */
static int ask_method(struct client *c, uint16_t method)
{
	switch (method) {
	case TURN_REFRESH:
		return client_refresh(c, 600);
	case TURN_CREATE_PERMISSION:
		return client_permit(c, PEER);
	default:
		return client_bind(c, 0x4001, PEER);
	}
}

static const struct {
	const char *mismatch;
	const char *wrong_user;
	const char *challenged;
	uint16_t method;
} methods[] = {
	{"T-203 Refresh without allocation: 437", "T-204 Refresh of another user: 441",
	 "T-098 Refresh without integrity: 401", TURN_REFRESH},
	{"T-203 CreatePermission without allocation: 437",
	 "T-204 CreatePermission of another user: 441",
	 "T-098 CreatePermission without integrity: 401", TURN_CREATE_PERMISSION},
	{"T-203 ChannelBind without allocation: 437",
	 "T-204 ChannelBind of another user: 441",
	 "T-098 ChannelBind without integrity: 401", TURN_CHANNEL_BIND},
};

START_TEST(every_request_needs_allocation_and_owner) /* T-098 T-203 T-204 T-205 */
{
	struct forward out;

	begin();
	client_login(&alice);
	ask_method(&alice, methods[_i].method);
	expect(&alice, 437, methods[_i].mismatch);

	client_start(&alice, methods[_i].method);
	stun_builder_add(&alice.b, 0x7FFF, "", 0);
	client_ask(&alice);
	expect(&alice, 420, "T-205 420 before 437");

	ck_assert_int_eq(client_allocate(&alice), 0);
	client_init(&bob, &fixture, ALICE, FRONT_OUTSIDE_UDP, "mallory");
	client_login(&bob);
	ask_method(&bob, methods[_i].method);
	expect(&bob, 441, methods[_i].wrong_user);
	client_start(&bob, methods[_i].method);
	client_ask(&bob);
	expect(&bob, 441, "T-205 441 before the method's 400");
	ck_assert(!client_from_peer(&alice, PEER, "x", 1, &out));

	alice.bare = true;
	ask_method(&alice, methods[_i].method);
	expect(&alice, 401, methods[_i].challenged);
	alice.bare = false;
	ask_method(&alice, methods[_i].method);
	expect(&alice, 0, "the owner may");
	end();
}
END_TEST

static void refresh_suite(Suite *suite)
{
	TCase *tc = tcase_create("refresh");
	tcase_add_loop_test(tc, refresh_checks_the_request, 0, ROWS(checks));
	tcase_add_test(tc, refresh_moves_the_deadline);
	tcase_add_test(tc, refresh_to_zero_deletes);
	tcase_add_test(tc, refresh_again);
	tcase_add_test(tc, refresh_does_not_refresh_permissions);
	tcase_add_test(tc, traffic_extends_nothing);
	tcase_add_test(tc, dual_refresh_of_the_existing_half);
	tcase_add_loop_test(tc, every_request_needs_allocation_and_owner, 0,
			    ROWS(methods));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("turn_refresh", refresh_suite)
