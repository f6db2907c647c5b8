/*
 * test_turn_auth.c - the long-term credential mechanism as a client sees it (RFC 8489
 * section 9.2.4), and how answers are signed.
 */
#include "relay/core/auth.h"
#include "stun/integrity.h"
#include "tests/unit/dialect/dialect_check.h"

static void expect_attribute(const struct client *c, uint16_t type, const void *value,
			     size_t len, const char *name)
{
	struct stun_attr attr;

	ck_assert_msg(client_find(c, type, &attr), "%s: missing", name);
	ck_assert_msg(attr.value.len == len && memcmp(attr.value.data, value, len) == 0,
		      "%s", name);
}

START_TEST(challenge_is_complete_and_small) /* T-080 T-093 T-110 T-111 T-112 attack 12 */
{
	static const uint8_t algorithms[] = {0, 2, 0, 0, 0, 1, 0, 0};
	struct stun_attr attr;

	begin();
	strcpy(fixture.settings.realm, "avedge");
	client_login(&alice);
	expect(&alice, 401, "T-080 no credentials: 401");
	expect_attribute(&alice, STUN_REALM, "avedge", 6, "T-080 REALM");
	expect_attribute(&alice, STUN_PASSWORD_ALGORITHMS, algorithms, 8,
			 "T-093 SHA-256 is offered before MD5");
	ck_assert(client_find(&alice, STUN_NONCE, &attr));
	ck_assert_msg(attr.value.len <= 127, "T-095 our nonces are short");
	ck_assert_msg(memcmp(attr.value.data, "obMatJos2gAAA", 13) == 0,
		      "T-110 T-111 nonce cookie with the bit for password algorithms");
	ck_assert_msg(alice.out.reply_len <= 80, "attack 12: %zu bytes",
		      alice.out.reply_len);
	ck_assert(client_find(&alice, STUN_ERROR_CODE, &attr));
	ck_assert_msg(attr.value.len == 4,
		      "no reason phrase for unauthenticated clients");
	ck_assert(!alice.out.authenticated);

	alice.fingerprint = true;
	client_login(&alice);
	ck_assert_msg(alice.out.reply_len <= 88, "with FINGERPRINT: %zu",
		      alice.out.reply_len);
	end();
}
END_TEST

static const struct {
	const char *name;
	int want;
	unsigned wrong;
	enum client_auth auth;
} steps[] = {
	{"T-081 no USERNAME: 400", 400, WRONG_NO_USERNAME, CLIENT_SHA256},
	{"T-081 no REALM: 400", 400, WRONG_NO_REALM, CLIENT_SHA256},
	{"T-081 no NONCE: 400", 400, WRONG_NO_NONCE, CLIENT_SHA256},
	{"T-081 none of them: 400", 400,
	 WRONG_NO_USERNAME | WRONG_NO_REALM | WRONG_NO_NONCE | WRONG_NO_ALGORITHM |
		 WRONG_NO_ALGORITHMS,
	 CLIENT_SHA256},
	{"T-081 before the MAC: 400", 400, WRONG_NO_REALM | WRONG_MAC, CLIENT_MD5},
	{"T-082 PASSWORD-ALGORITHM alone: 400", 400, WRONG_NO_ALGORITHMS, CLIENT_SHA256},
	{"T-082 PASSWORD-ALGORITHMS alone: 400", 400, WRONG_NO_ALGORITHM, CLIENT_SHA256},
	{"T-083 another realm: 401", 401, WRONG_REALM, CLIENT_SHA256},
	{"T-083 the realm with its padding: 401", 401, WRONG_PADDED_REALM, CLIENT_MD5},
	{"T-084 wrong MESSAGE-INTEGRITY: 401", 401, WRONG_MAC, CLIENT_MD5},
	{"T-084 wrong MESSAGE-INTEGRITY-SHA256: 401", 401, WRONG_MAC, CLIENT_SHA256},
	{"T-084 good MESSAGE-INTEGRITY, wrong -SHA256: 401", 401, WRONG_MAC, CLIENT_BOTH},
	{"T-084 wrong MESSAGE-INTEGRITY, good -SHA256: success", 0, WRONG_FIRST_MAC,
	 CLIENT_BOTH},
	{"T-121 USERHASH, which is not offered: 401", 401, WRONG_USERHASH_ONLY,
	 CLIENT_SHA256},
	{"T-123 USERNAME and USERHASH: 400", 400, WRONG_USERHASH_TOO, CLIENT_SHA256},
};

START_TEST(steps_in_their_order)
{
	begin();
	client_login(&alice);
	alice.auth = steps[_i].auth;
	alice.wrong = steps[_i].wrong;
	client_allocate(&alice);
	expect(&alice, steps[_i].want, steps[_i].name);
	ck_assert_msg(alice.out.authenticated == (steps[_i].want == 0), "%s",
		      steps[_i].name);
	if (steps[_i].want == 400)
		ck_assert_msg(client_answer_kind(&alice) == STUN_INTEGRITY_NONE &&
				      !client_has(&alice, STUN_NONCE),
			      "T-081 bare answer");
	ck_assert((client_allocation(&alice) != NULL) == (steps[_i].want == 0));
	end();
}
END_TEST

static const struct {
	const char *name;
	int want;
	size_t algorithms_len;
	uint8_t algorithms[12];
	size_t algorithm_len;
	uint8_t algorithm[12];
} bids[] = {
	{"T-082 list and choice as offered: success",
	 0,
	 8,
	 {0, 2, 0, 0, 0, 1, 0, 0},
	 4,
	 {0, 2, 0, 0}},
	{"T-082 list shortened: 400", 400, 4, {0, 1, 0, 0}, 4, {0, 1, 0, 0}},
	{"T-082 list reordered: 400", 400, 8, {0, 1, 0, 0, 0, 2, 0, 0}, 4, {0, 2, 0, 0}},
	{"T-082 list extended: 400",
	 400,
	 12,
	 {0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0},
	 4,
	 {0, 2, 0, 0}},
	{"T-082 choice not in the list: 400",
	 400,
	 8,
	 {0, 2, 0, 0, 0, 1, 0, 0},
	 4,
	 {0, 3, 0, 0}},
	{"T-082 choice with parameters: 400",
	 400,
	 8,
	 {0, 2, 0, 0, 0, 1, 0, 0},
	 8,
	 {0, 2, 0, 4, 1, 2, 3, 4}},
	{"T-082 choice cut: 400", 400, 8, {0, 2, 0, 0, 0, 1, 0, 0}, 2, {0, 2}},
	{"T-082 choice claims more than it has: 400",
	 400,
	 8,
	 {0, 2, 0, 0, 0, 1, 0, 0},
	 4,
	 {0, 2, 0, 9}},
};

START_TEST(bid_down)
{
	begin();
	client_login(&alice);
	memcpy(alice.algorithms, bids[_i].algorithms, bids[_i].algorithms_len);
	alice.algorithms_len = bids[_i].algorithms_len;
	memcpy(alice.algorithm, bids[_i].algorithm, bids[_i].algorithm_len);
	alice.algorithm_len = bids[_i].algorithm_len;
	client_allocate(&alice);
	expect(&alice, bids[_i].want, bids[_i].name);
	end();
}
END_TEST

static const char *const users[] = {
	"T-083 no colon, no number: 401",
	"abc:12",
	"T-083 minus sign: 401",
	"-1:x",
	"T-083 empty: 401",
	"",
	"T-083 something in base64: 401",
	"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=",
};

START_TEST(unknown_users) /* T-083 */
{
	begin();
	client_login(&alice);
	strcpy(alice.username, users[2 * _i + 1]);
	alice.username_len = strlen(users[2 * _i + 1]);
	client_allocate(&alice);
	expect(&alice, 401, users[2 * _i]);
	ck_assert_msg(client_has(&alice, STUN_PASSWORD_ALGORITHMS),
		      "T-112 algorithms again");
	end();
}
END_TEST

static const struct {
	const char *name;
	enum client_auth auth;
	enum stun_integrity want;
} kinds[] = {
	{"T-087 SHA-256 chosen: answered with -SHA256", CLIENT_SHA256,
	 STUN_INTEGRITY_SHA256},
	{"T-087 as RFC 5389: answered with MESSAGE-INTEGRITY", CLIENT_MD5,
	 STUN_INTEGRITY_SHA1},
	{"T-087 MD5 chosen: answered with -SHA256", CLIENT_MD5_CHOSEN,
	 STUN_INTEGRITY_SHA256},
	{"T-091 -SHA256 with an MD5 key, nothing chosen: MESSAGE-INTEGRITY",
	 CLIENT_MD5_MI256, STUN_INTEGRITY_SHA1},
	{"T-089 SHA-256 chosen, signed with MESSAGE-INTEGRITY: -SHA256", CLIENT_SHA256_MI,
	 STUN_INTEGRITY_SHA256},
	{"T-087 signed with both: answered with -SHA256", CLIENT_BOTH,
	 STUN_INTEGRITY_SHA256},
};

START_TEST(answers_are_signed_in_kind) /* T-087 T-089 T-091 T-100 */
{
	begin();
	alice.auth = kinds[_i].auth;
	client_allocate(&alice);
	expect(&alice, 0, kinds[_i].name);
	ck_assert_int_eq(client_answer_kind(&alice), kinds[_i].want);
	client_refresh(&alice, 600);
	expect(&alice, 0, kinds[_i].name);
	client_allocate(&alice);
	expect(&alice, 437, "T-100 an error is signed in the same way");
	ck_assert_int_eq(client_answer_kind(&alice), kinds[_i].want);
	end();
}
END_TEST

/* Every error this server sends after authentication; checked by the client. */
START_TEST(later_errors_are_signed) /* T-100 */
{
	static const struct {
		const char *name;
		uint16_t method;
		int want;
		struct attr_row attrs[3];
	} rows[] = {
		{"T-100 400 is signed", TURN_CREATE_PERMISSION, 400, {{0}}},
		{"T-100 420 is signed", TURN_REFRESH, 420, {UNKNOWN}},
		{"T-100 437 is signed", TURN_ALLOCATE, 437, {UDP}},
		{"T-100 443 is signed", TURN_REFRESH, 443, {FAMILY(2)}},
	};

	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		client_start(&alice, rows[i].method);
		ADD_ROWS(&alice, rows[i].attrs);
		client_ask(&alice);
		expect(&alice, rows[i].want, rows[i].name);
		ck_assert_int_eq(client_answer_kind(&alice), STUN_INTEGRITY_SHA256);
	}
	client_permit(&alice, "10.0.0.7:1");
	expect(&alice, 403, "T-100 403 is signed");
	end();
}
END_TEST

START_TEST(stale_nonce) /* T-085 T-114 T-118 */
{
	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_refresh(&alice, 3600), 0);
	advance(3700 * 1000 - 200 * 1000);
	ck_assert_int_eq(client_refresh(&alice, 3600), 0);
	advance(200 * 1000);

	alice.wrong = WRONG_MAC;
	client_refresh(&alice, 600);
	expect(&alice, 401, "T-085 nonce expired and MAC wrong: 401");
	alice.wrong = 0;
	client_refresh(&alice, 600);
	expect(&alice, 438, "T-114 nonce expired within the hour: 438");
	ck_assert_msg(client_answer_kind(&alice) == STUN_INTEGRITY_NONE,
		      "T-086 as small as a 401, and unsigned");
	ck_assert_ptr_nonnull(client_allocation(&alice));
	client_keep_challenge(&alice);
	client_refresh(&alice, 600);
	expect(&alice, 0, "T-118 the nonce of the 438 is valid");
	end();
}
END_TEST

START_TEST(foreign_nonces) /* T-113 T-115 T-117 */
{
	uint8_t good[sizeof(alice.nonce)];

	begin();
	client_login(&alice);
	memcpy(bob.nonce, alice.nonce, alice.nonce_len);
	bob.nonce_len = alice.nonce_len;
	strcpy(bob.realm, alice.realm);
	memcpy(bob.algorithms, alice.algorithms, alice.algorithms_len);
	bob.algorithms_len = alice.algorithms_len;
	client_allocate(&bob);
	expect(&bob, 438, "T-113 nonce of another address: 438");
	bob.tuple = alice.tuple;
	bob.tuple.client.port++;
	client_allocate(&bob);
	expect(&bob, 438, "T-113 nonce of another port: 438");
	bob.tuple = alice.tuple;
	bob.tuple.front = FRONT_OUTSIDE_TCP;
	client_allocate(&bob);
	expect(&bob, 438, "T-113 nonce of another front: 438");

	memcpy(good, alice.nonce, sizeof(good));
	alice.auth = CLIENT_MD5;
	memcpy(alice.nonce + 9, "AAAA", 4);
	client_allocate(&alice);
	expect(&alice, 438, "T-115 feature bits cleared: not recognised, 438");
	memcpy(alice.nonce, good, sizeof(good));
	alice.nonce[alice.nonce_len - 1] ^= 1;
	client_allocate(&alice);
	expect(&alice, 438, "T-115 one character changed: 438");
	memcpy(alice.nonce, good, sizeof(good));
	alice.nonce[alice.nonce_len++] = 'x';
	client_allocate(&alice);
	expect(&alice, 438, "T-115 one character more: 438");
	memset(alice.nonce, 'n', 763);
	alice.nonce_len = 763;
	client_allocate(&alice);
	expect(&alice, 438, "T-095 a nonce of 763 bytes is read: 438");
	alice.nonce_len = 764;
	client_allocate(&alice);
	expect(&alice, 400, "T-095 one of 764 bytes is not: 400");

	memcpy(alice.nonce, good, sizeof(good));
	alice.nonce_len = NONCE_LEN;
	fixture.settings.nonce_key.bytes[0] ^= 1;
	client_allocate(&alice);
	expect(&alice, 438, "T-117 all nonces reset by the administrator: 438");
	end();
}
END_TEST

START_TEST(long_usernames) /* T-094 */
{
	begin();
	client_login(&alice);
	memset(alice.username, 'u', 764);
	memcpy(alice.username, "1800000000:", 11);
	alice.username_len = 763;
	client_allocate(&alice);
	expect(&alice, 401, "T-094 USERNAME of 763 bytes is read: 401, wrong password");
	alice.username_len = 764;
	client_allocate(&alice);
	expect(&alice, 400, "T-094 USERNAME of 764 bytes: 400");
	alice.username_len = 20;
	alice.username[15] = (char)0xC0;
	client_allocate(&alice);
	expect(&alice, 400, "T-094 USERNAME that is not UTF-8: 400");
	end();
}
END_TEST

/* A valid request, except that its integrity attribute has that length. */
static const struct {
	const char *name;
	uint16_t type;
	uint8_t len;
} lengths[] = {
	{"T-064 MESSAGE-INTEGRITY-SHA256 of 16 bytes: 400", 0x001C, 16},
	{"T-064 MESSAGE-INTEGRITY-SHA256 of 20 bytes: 400", 0x001C, 20},
	{"T-064 MESSAGE-INTEGRITY-SHA256 of 28 bytes: 400", 0x001C, 28},
	{"T-064 MESSAGE-INTEGRITY-SHA256 of 36 bytes: 400", 0x001C, 36},
	{"T-065 MESSAGE-INTEGRITY of 16 bytes: 400", 0x0008, 16},
	{"T-065 MESSAGE-INTEGRITY of 24 bytes: 400", 0x0008, 24},
	{"T-065 MESSAGE-INTEGRITY of 0 bytes: 400", 0x0008, 0},
};

START_TEST(integrity_of_another_length)
{
	static const uint8_t zero[64];

	begin();
	client_login(&alice);
	alice.bare = true;
	client_start(&alice, TURN_ALLOCATE);
	stun_builder_add(&alice.b, STUN_USERNAME, alice.username, alice.username_len);
	stun_builder_add(&alice.b, STUN_REALM, alice.realm, strlen(alice.realm));
	stun_builder_add(&alice.b, STUN_NONCE, alice.nonce, alice.nonce_len);
	stun_builder_add(&alice.b, lengths[_i].type, zero, lengths[_i].len);
	client_ask(&alice);
	expect(&alice, 400, lengths[_i].name);
	end();
}
END_TEST

START_TEST(attributes_after_integrity_have_no_effect) /* T-062 T-063 */
{
	static const uint8_t zero[20];

	begin();
	client_login(&alice);
	client_add_tail(&alice, TURN_LIFETIME, "\x00\x00\x07\x08", 4);
	client_allocate(&alice);
	expect(&alice, 0, "T-062 LIFETIME after the integrity");
	ck_assert_msg(client_u32(&alice, TURN_LIFETIME) == 600, "T-062 has no effect");

	client_add_tail(&alice, 0x7FFF, zero, 4);
	client_refresh(&alice, 600);
	expect(&alice, 0, "T-062 unknown attribute after the integrity: no 420");
	client_add_tail(&alice, STUN_MESSAGE_INTEGRITY, zero, 20);
	client_refresh(&alice, 600);
	expect(&alice, 0, "T-063 MESSAGE-INTEGRITY after -SHA256: ignored");
	alice.fingerprint = true;
	client_add_tail(&alice, 0x7FFF, zero, 4);
	client_refresh(&alice, 600);
	expect(&alice, 0, "T-062 FINGERPRINT after all of it still counts");
	end();
}
END_TEST

START_TEST(credentials_expire) /* T-561 T-562 T-563 */
{
	begin();
	client_credential(&alice, "alice", fixture.unix_s + 2);
	client_login(&alice);
	advance(1000);
	client_allocate(&alice);
	expect(&alice, 0, "T-561 a second before its expiry: success");
	client_credential(&bob, "bob", fixture.unix_s + 1);
	client_login(&bob);
	advance(1000);
	client_allocate(&bob);
	expect(&bob, 401, "T-561 at its expiry: 401");
	advance(60000);
	client_refresh(&alice, 600);
	expect(&alice, 0, "T-562 an existing allocation may be refreshed");
	client_permit(&alice, PEER);
	expect(&alice, 0, "T-562 and used");
	end();
}
END_TEST

START_TEST(fingerprint_is_mirrored) /* T-068 T-069 */
{
	begin();
	client_allocate(&alice);
	expect(&alice, 0, "T-068 none in the request: none in the answer");
	ck_assert(!client_allocation(&alice)->fingerprint);
	bob.fingerprint = true;
	ck_assert_int_eq(client_allocate(&bob), 0);
	ck_assert_msg(client_allocation(&bob)->fingerprint, "T-068 remembered");
	ck_assert(!alice.answer.has_fingerprint);
	alice.fingerprint = true;
	client_refresh(&alice, 600);
	expect(&alice, 0, "T-068 one in the request: one in the answer");
	ck_assert_msg(alice.answer.has_fingerprint,
		      "T-069 attributes, integrity, FINGERPRINT");
	end();
}
END_TEST

START_TEST(failures_are_counted)
{
	const struct counters *counters = &fixture.turn.counters;

	begin();
	client_login(&alice);
	ck_assert_uint_eq(counters->auth_failures[AUTH_FAILURE_NO_INTEGRITY], 1);
	ck_assert_uint_eq(counters->requests[REQUEST_ALLOCATE][request_result_index(401)],
			  1);
	alice.wrong = WRONG_MAC;
	client_allocate(&alice);
	ck_assert_uint_eq(counters->auth_failures[AUTH_FAILURE_BAD_MAC], 1);
	alice.wrong = 0;
	client_allocate(&alice);
	ck_assert_uint_eq(counters->requests[REQUEST_ALLOCATE][request_result_index(0)],
			  1);
	ck_assert_uint_eq(counters->requests[REQUEST_ALLOCATE][request_result_index(401)],
			  2);
	end();
}
END_TEST

static void auth_suite(Suite *suite)
{
	TCase *tc = tcase_create("auth");
	tcase_add_test(tc, challenge_is_complete_and_small);
	tcase_add_loop_test(tc, steps_in_their_order, 0, ROWS(steps));
	tcase_add_loop_test(tc, bid_down, 0, ROWS(bids));
	tcase_add_loop_test(tc, unknown_users, 0, ROWS(users) / 2);
	tcase_add_loop_test(tc, answers_are_signed_in_kind, 0, ROWS(kinds));
	tcase_add_test(tc, later_errors_are_signed);
	tcase_add_test(tc, stale_nonce);
	tcase_add_test(tc, foreign_nonces);
	tcase_add_test(tc, long_usernames);
	tcase_add_loop_test(tc, integrity_of_another_length, 0, ROWS(lengths));
	tcase_add_test(tc, attributes_after_integrity_have_no_effect);
	tcase_add_test(tc, credentials_expire);
	tcase_add_test(tc, fingerprint_is_mirrored);
	tcase_add_test(tc, failures_are_counted);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("turn_auth", auth_suite)
