/*
 * test_binding.c - STUN Binding (RFC 8489 section 12) and its classic form (RFC 3489).
 */
#include "tests/unit/dialect/dialect_check.h"

#define V6_CLIENT "[2001:db8:9::1]:5000"

static const struct {
	const char *name;
	const char *client;
	uint16_t front;
	bool fingerprint;
	size_t reply_len;
} fronts[] = {
	{"T-040 over UDP", ALICE, FRONT_OUTSIDE_UDP, false, 32},
	{"T-040 over TCP", ALICE, FRONT_OUTSIDE_TCP, false, 32},
	{"T-040 over TLS", "10.0.0.9:5000", FRONT_INSIDE_TLS, false, 32},
	{"T-041 over IPv6", V6_CLIENT, FRONT_OUTSIDE_UDP6, false, 44},
	{"T-043 with FINGERPRINT", ALICE, FRONT_OUTSIDE_UDP, true, 40},
	{"T-043 with FINGERPRINT over IPv6", V6_CLIENT, FRONT_OUTSIDE_UDP6, true, 52},
};

START_TEST(binding_tells_the_source) /* T-005 T-006 T-040 T-041 T-042 T-043 */
{
	struct endpoint mapped;
	struct slice rest;
	struct stun_attr attr;

	begin();
	client_init(&alice, &fixture, fronts[_i].client, fronts[_i].front, "alice");
	alice.bare = true;
	alice.fingerprint = fronts[_i].fingerprint;
	client_start(&alice, STUN_BINDING);
	client_ask(&alice);
	expect(&alice, 0, fronts[_i].name);
	mapped = client_address(&alice, STUN_XOR_MAPPED_ADDRESS);
	ck_assert_msg(endpoint_equal(&mapped, &alice.tuple.client), "T-041 %s",
		      fronts[_i].name);
	ck_assert_msg(alice.out.reply_len == fronts[_i].reply_len,
		      "attack 12 %s: %zu bytes", fronts[_i].name, alice.out.reply_len);
	rest = alice.answer.body;
	while (stun_attr_next(&rest, &attr))
		ck_assert_uint_eq(attr.type, STUN_XOR_MAPPED_ADDRESS);
	ck_assert_uint_eq(load_be16(alice.reply), 0x0101);
	ck_assert_msg(fixture_is_clean(&fixture) && !alice.out.authenticated,
		      "T-042 no state");
	end();
}
END_TEST

static const struct {
	const char *name;
	int want;
	struct attr_row attrs[4];
} attributes[] = {
	{"T-014 unknown comprehension-optional attribute: ignored", 0, {{0xC0FF, 4, {0}}}},
	{"T-015 LIFETIME, known and out of place: ignored", 0, {LIFETIME(0, 60)}},
	{"T-042 any credentials: ignored",
	 0,
	 {{STUN_USERNAME, 4, {'a', 'b', 'c', 'd'}}, {STUN_MESSAGE_INTEGRITY, 20, {1}}}},
	{"T-065 integrity of 4 bytes, not checked here: ignored",
	 0,
	 {{STUN_MESSAGE_INTEGRITY, 4, {1}}}},
	{"T-547 PRIORITY: 420 at once", 420, {{STUN_PRIORITY, 4, {0}}}},
	{"T-547 USE-CANDIDATE: 420 at once", 420, {{STUN_USE_CANDIDATE, 0, {0}}}},
	{"T-531 CHANGE-REQUEST, change IP: 420",
	 420,
	 {{STUN_CHANGE_REQUEST, 4, {0, 0, 0, 4}}}},
	{"T-531 CHANGE-REQUEST, change port: 420",
	 420,
	 {{STUN_CHANGE_REQUEST, 4, {0, 0, 0, 2}}}},
	{"T-531 CHANGE-REQUEST, both: 420", 420, {{STUN_CHANGE_REQUEST, 4, {0, 0, 0, 6}}}},
	{"T-531 CHANGE-REQUEST of two bytes: 420",
	 420,
	 {{STUN_CHANGE_REQUEST, 2, {0, 0}}}},
	{"T-531 CHANGE-REQUEST, no flag: a plain Binding",
	 0,
	 {{STUN_CHANGE_REQUEST, 4, {0}}}},
	{"T-531 CHANGE-REQUEST, undefined bits only: a plain Binding",
	 0,
	 {{STUN_CHANGE_REQUEST, 4, {0xFF, 0xFF, 0xFF, 0xF9}}}},
	{"T-531 twice, and the second has a flag: 420",
	 420,
	 {{STUN_CHANGE_REQUEST, 4, {0}}, {STUN_CHANGE_REQUEST, 4, {0, 0, 0, 4}}}},
	{"T-537 RESPONSE-PORT: 420", 420, {{STUN_RESPONSE_PORT, 2, {0x12, 0x34}}}},
	{"T-535 PADDING: 420", 420, {{STUN_PADDING, 8, {0}}}},
	{"T-052 RESPONSE-ADDRESS of RFC 3489: 420", 420, {{0x0002, 8, {0, 1}}}},
	{"T-016 unknown attribute: 420", 420, {UNKNOWN}},
	{"T-017 three of them: 420", 420, {UNKNOWN, {0x7FFE, 0, {0}}, {0x7FFD, 0, {0}}}},
};

START_TEST(binding_and_other_attributes)
{
	begin();
	alice.bare = true;
	client_start(&alice, STUN_BINDING);
	ADD_ROWS(&alice, attributes[_i].attrs);
	client_ask(&alice);
	expect(&alice, attributes[_i].want, attributes[_i].name);
	ck_assert(!client_has(&alice, STUN_SOFTWARE));
	end();
}
END_TEST

START_TEST(transmit_counter_is_echoed) /* T-545 */
{
	static const uint8_t request[] = {0xAA, 0xBB, 3, 9}, short_one[] = {0, 0, 3};
	struct stun_attr attr;

	begin();
	for (int round = 0; round < 3; round++) {
		alice.bare = round < 2;
		if (!alice.bare)
			client_login(&alice);
		client_start(&alice, round == 0 ? STUN_BINDING : TURN_ALLOCATE);
		stun_builder_add(&alice.b, STUN_TRANSACTION_TRANSMIT_COUNTER, request,
				 sizeof(request));
		if (round == 2)
			ADD_ROWS(&alice, ((const struct attr_row[]){UDP}));
		client_ask(&alice);
		ck_assert(stun_msg_find(&alice.answer, STUN_TRANSACTION_TRANSMIT_COUNTER,
					&attr));
		ck_assert_uint_eq(load_be32(attr.value.data), 0x0300);
	}
	alice.bare = true;
	client_start(&alice, STUN_BINDING);
	stun_builder_add(&alice.b, STUN_TRANSACTION_TRANSMIT_COUNTER, short_one,
			 sizeof(short_one));
	client_ask(&alice);
	expect(&alice, 0, "of three bytes: ignored");
	ck_assert(!client_has(&alice, STUN_TRANSACTION_TRANSMIT_COUNTER));
	end();
}
END_TEST

/*
 * Attributes that some method of this server understands (T-015): USERNAME to
 * RESERVATION-TOKEN.
 */
static const uint16_t understood[] = {
	0x0001, 0x0006, 0x0009, 0x000A, 0x000C, 0x000D, 0x0012, 0x0013, 0x0014, 0x0015,
	0x0016, 0x0017, 0x0018, 0x0019, 0x001A, 0x001D, 0x001E, 0x0020, 0x0022,
};

START_TEST(understood_attributes_are_ignored) /* T-015 */
{
	begin();
	alice.bare = true;
	client_start(&alice, STUN_BINDING);
	stun_builder_add(&alice.b, understood[_i], "\0\0\0", 4);
	client_ask(&alice);
	expect(&alice, 0, stun_attr_name(understood[_i]));
	end();
}
END_TEST

START_TEST(repeated_attributes_do_not_hide_others) /* T-016 T-017 */
{
	struct stun_attr attr;

	begin();
	client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	alice.bare = true;
	client_start(&alice, STUN_BINDING);
	for (unsigned i = 0; i < 1000; i++)
		stun_builder_add(&alice.b, 0x7FFF, NULL, 0);
	stun_builder_add(&alice.b, 0x7FFE, NULL, 0);
	client_ask(&alice);
	expect(&alice, 420, "T-017 one a thousand times, then another: both are listed");
	ck_assert(client_find(&alice, STUN_UNKNOWN_ATTRIBUTES, &attr));
	ck_assert_uint_eq(attr.value.len, 4);
	ck_assert_mem_eq(attr.value.data, "\x7F\xFF\x7F\xFE", 4);
	end();
}
END_TEST

START_TEST(very_many_unknown_attributes) /* T-016 */
{
	struct stun_attr attr;

	begin();
	client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	alice.bare = true;
	client_start(&alice, STUN_BINDING);
	for (unsigned i = 0; i < 16000; i++)
		stun_builder_add(&alice.b, (uint16_t)(0x2000 + i % 5000), NULL, 0);
	client_ask(&alice);
	expect(&alice, 420, "T-016 a message full of unknown attributes");
	ck_assert(client_find(&alice, STUN_UNKNOWN_ATTRIBUTES, &attr));
	ck_assert_msg(alice.out.reply_len < 1000, "the list has an end");
	end();
}
END_TEST

START_TEST(binding_indication_is_a_keepalive) /* T-019 T-046 */
{
	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	uint64_t expires = client_allocation(&alice)->expires_ms;
	advance(1000);
	client_start_class(&alice, STUN_BINDING, STUN_INDICATION);
	client_ask(&alice);
	ck_assert_msg(alice.out.action == DISPATCH_NOTHING, "T-046 no reply");
	ck_assert_msg(client_allocation(&alice)->expires_ms == expires,
		      "T-046 nothing renewed");
	ck_assert_uint_eq(fixture.turn.counters.indications, 1);
	client_start_class(&alice, STUN_BINDING, STUN_INDICATION);
	stun_builder_add(&alice.b, 0x7FFF, NULL, 0);
	client_ask(&alice);
	expect_silence(&alice, DROP_UNKNOWN_ATTRIBUTE, 0, "T-018 with unknown attribute");
	end();
}
END_TEST

/* 0x0001, length 0, no cookie, 16 bytes of id. */
static const uint8_t classic[20] = {0, 1, 0, 0,  1,  2,  3,  4,  5,  6,
				    7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

START_TEST(classic_binding) /* T-050 T-051 T-052 */
{
	struct endpoint mapped;

	begin();
	client_raw(&alice, classic, sizeof(classic));
	expect(&alice, 0, "T-050 no cookie: all 16 bytes of the id come back");
	ck_assert_mem_eq(alice.reply + 4, classic + 4, 16);
	mapped = client_address(&alice, STUN_MAPPED_ADDRESS);
	ck_assert_msg(endpoint_equal(&mapped, &alice.tuple.client),
		      "T-050 MAPPED-ADDRESS");
	ck_assert_msg(alice.out.reply_len == 32, "T-050 and nothing else");
	ck_assert_msg(!alice.answer.has_fingerprint, "T-051 no FINGERPRINT");
	end();
}
END_TEST

START_TEST(classic_with_fingerprint) /* T-051 */
{
	uint8_t bytes[28];

	begin();
	memcpy(bytes, classic, sizeof(classic));
	struct stun_builder b = {.buf = bytes, .size = sizeof(bytes), .len = 20};
	stun_add_fingerprint(&b);
	client_raw(&alice, bytes, sizeof(bytes));
	expect(&alice, 0, "T-051 FINGERPRINT from a classic client: none in the answer");
	ck_assert_uint_eq(alice.out.reply_len, 32);
	end();
}
END_TEST

static const struct {
	const char *name;
	uint16_t type;
	uint16_t front;
} cookieless[] = {
	{"T-054 Allocate without cookie: dropped", 0x0003, FRONT_OUTSIDE_UDP},
	{"T-004 Refresh without cookie: dropped", 0x0004, FRONT_OUTSIDE_UDP},
	{"T-004 Binding indication without cookie: dropped", 0x0011, FRONT_OUTSIDE_UDP},
	{"T-004 Send without cookie: dropped", 0x0016, FRONT_OUTSIDE_UDP},
	{"T-050 Binding without cookie over TCP: dropped", 0x0001, FRONT_OUTSIDE_TCP},
};

START_TEST(only_binding_was_ever_classic)
{
	uint8_t bytes[20];

	begin();
	memcpy(bytes, classic, sizeof(bytes));
	store_be16(bytes, cookieless[_i].type);
	client_init(&alice, &fixture, ALICE, cookieless[_i].front, "alice");
	client_raw(&alice, bytes, sizeof(bytes));
	expect_silence(&alice, DROP_BAD_COOKIE, 0, cookieless[_i].name);
	end();
}
END_TEST

START_TEST(nothing_classic_over_dtls) /* T-053 */
{
	uint8_t bytes[20];

	begin();
	fixture.fronts[FRONT_OUTSIDE_UDP].transport = TRANSPORT_DTLS;
	client_raw(&alice, classic, sizeof(classic));
	expect(&alice, 500, "T-053 classic request over DTLS: 500, 16 bytes of id");
	memcpy(bytes, classic, sizeof(bytes));
	store_be16(bytes, 0x0011);
	client_raw(&alice, bytes, sizeof(bytes));
	expect_silence(&alice, DROP_BAD_COOKIE, 0, "T-053 classic indication over DTLS");
	end();
}
END_TEST

START_TEST(unknown_in_a_classic_request) /* T-055 */
{
	uint8_t bytes[24] = {0};
	struct stun_attr attr;

	begin();
	memcpy(bytes, classic, sizeof(classic));
	bytes[3] = 4;
	bytes[21] = 2; /* RESPONSE-ADDRESS without content */
	client_raw(&alice, bytes, sizeof(bytes));
	expect(&alice, 420, "T-055 odd count: zero padding");
	ck_assert(client_find(&alice, STUN_UNKNOWN_ATTRIBUTES, &attr));
	ck_assert_uint_eq(attr.value.len, 2);
	end();
}
END_TEST

/* As clients of RFC 3489 send it, flags in the last byte; with and without the magic cookie. */
#define CHANGE_REQUEST(cookie, flags)                                                  \
	{                                                                              \
		0x00, 0x01, 0x00, 0x08, cookie, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, \
			0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x00, flags                \
	}
#define COOKIE 0x21, 0x12, 0xA4, 0x42
#define NO_COOKIE 0xDE, 0xAD, 0xBE, 0xEF

static const struct {
	const char *name;
	uint8_t request[28];
	int want;
	uint16_t mapped;
	uint16_t front;
} changes[] = {
	{"T-531 no cookie, no flag", CHANGE_REQUEST(NO_COOKIE, 0), 0, STUN_MAPPED_ADDRESS,
	 FRONT_OUTSIDE_UDP},
	{"T-531 cookie, no flag", CHANGE_REQUEST(COOKIE, 0), 0, STUN_XOR_MAPPED_ADDRESS,
	 FRONT_OUTSIDE_UDP},
	{"T-531 cookie, no flag, TCP", CHANGE_REQUEST(COOKIE, 0), 0,
	 STUN_XOR_MAPPED_ADDRESS, FRONT_OUTSIDE_TCP},
	{"T-531 no cookie, change IP", CHANGE_REQUEST(NO_COOKIE, 4), 420, 0,
	 FRONT_OUTSIDE_UDP},
	{"T-531 cookie, change port", CHANGE_REQUEST(COOKIE, 2), 420, 0,
	 FRONT_OUTSIDE_UDP},
};

START_TEST(change_request_without_a_flag_is_a_plain_binding) /* T-531 */
{
	begin();
	client_init(&alice, &fixture, ALICE, changes[_i].front, "alice");
	alice.bare = true;
	client_raw(&alice, changes[_i].request, sizeof(changes[_i].request));
	expect(&alice, changes[_i].want, changes[_i].name);
	if (changes[_i].want == 0) {
		struct endpoint mapped = client_address(&alice, changes[_i].mapped);

		ck_assert_uint_eq(alice.out.reply_len, 32);
		ck_assert(endpoint_equal(&mapped, &alice.tuple.client));
	}
	end();
}
END_TEST

START_TEST(keepalive_with_change_request) /* T-531 T-046 */
{
	begin();
	client_start_class(&alice, STUN_BINDING, STUN_INDICATION);
	stun_builder_add(&alice.b, STUN_CHANGE_REQUEST, "\0\0\0\0", 4);
	client_ask(&alice);
	ck_assert_uint_eq(fixture.turn.counters.indications, 1);
	client_start_class(&alice, STUN_BINDING, STUN_INDICATION);
	stun_builder_add(&alice.b, STUN_CHANGE_REQUEST, "\0\0\0\4", 4);
	client_ask(&alice);
	expect_silence(&alice, DROP_UNKNOWN_ATTRIBUTE, 0, "a flag in an indication");
	end();
}
END_TEST

static void binding_suite(Suite *suite)
{
	TCase *tc = tcase_create("binding");
	tcase_add_loop_test(tc, binding_tells_the_source, 0, ROWS(fronts));
	tcase_add_test(tc, transmit_counter_is_echoed);
	tcase_add_loop_test(tc, binding_and_other_attributes, 0, ROWS(attributes));
	tcase_add_loop_test(tc, understood_attributes_are_ignored, 0, ROWS(understood));
	tcase_add_test(tc, repeated_attributes_do_not_hide_others);
	tcase_add_test(tc, very_many_unknown_attributes);
	tcase_add_test(tc, binding_indication_is_a_keepalive);
	tcase_add_test(tc, classic_binding);
	tcase_add_test(tc, classic_with_fingerprint);
	tcase_add_loop_test(tc, only_binding_was_ever_classic, 0, ROWS(cookieless));
	tcase_add_test(tc, nothing_classic_over_dtls);
	tcase_add_test(tc, unknown_in_a_classic_request);
	tcase_add_loop_test(tc, change_request_without_a_flag_is_a_plain_binding, 0,
			    ROWS(changes));
	tcase_add_test(tc, keepalive_with_change_request);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("binding", binding_suite)
