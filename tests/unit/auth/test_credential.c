/*
 * test_credential.c - credentials issued and verified, against published vectors, their
 * boundaries and hostile user names. T-nnn name requirements.
 */
#include "auth/credential/credential.h"

#include <stdio.h>
#include <string.h>

#include "stun/integrity.h"
#include "stun/msg.h"
#include "tests/unit/auth/credential_ring.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/lib/vectors.h"

/* T-560: any other form of user name gets 401. */
static const struct {
	const char *name;
	const char *username;
	enum credential_status want;
	int64_t expires_s;
	const char *user;
} usernames[] = {
	{"plain", "1767225600:alice", CREDENTIAL_OK, 1767225600, "alice"},
	{"colons in the identity", "12:a:b", CREDENTIAL_OK, 12, "a:b"},
	{"the identity is a colon", "12::", CREDENTIAL_OK, 12, ":"},
	{"empty identity", "12:", CREDENTIAL_OK, 12, "12:"},
	{"no colon", "1893456000", CREDENTIAL_OK, 1893456000, "1893456000"},
	{"zero", "0:x", CREDENTIAL_OK, 0, "x"},
	{"leading zeros", "0012:x", CREDENTIAL_OK, 12, "x"},
	{"63 bits", "9223372036854775807:x", CREDENTIAL_OK, INT64_MAX, "x"},
	{"64 bits", "9223372036854775808:x", CREDENTIAL_MALFORMED, 0, ""},
	{"wraps to 12 in 64 bits", "18446744073709551628:x", CREDENTIAL_MALFORMED, 0, ""},
	{"40 digits", "1000000000000000000000000000000000000000:x", CREDENTIAL_MALFORMED,
	 0, ""},
	{"negative", "-1:x", CREDENTIAL_MALFORMED, 0, ""},
	{"a plus sign", "+1:x", CREDENTIAL_MALFORMED, 0, ""},
	{"leading space", " 1:x", CREDENTIAL_MALFORMED, 0, ""},
	{"trailing space", "1 :x", CREDENTIAL_MALFORMED, 0, ""},
	{"hexadecimal", "0x10:x", CREDENTIAL_MALFORMED, 0, ""},
	{"a fraction", "1.5:x", CREDENTIAL_MALFORMED, 0, ""},
	{"Arabic digits", "\xd9\xa1\xd9\xa2:x", CREDENTIAL_MALFORMED, 0, ""},
	{"no expiry", ":x", CREDENTIAL_MALFORMED, 0, ""},
	{"a colon alone", ":", CREDENTIAL_MALFORMED, 0, ""},
	{"the identity first (T-571)", "alice:1767225600", CREDENTIAL_MALFORMED, 0, ""},
	{"letters", "abc:12", CREDENTIAL_MALFORMED, 0, ""},
	{"a plain name", "alice", CREDENTIAL_MALFORMED, 0, ""},
	{"empty", "", CREDENTIAL_MALFORMED, 0, ""},
};

START_TEST(a_rest_username_is_digits_up_to_the_first_colon)
{
	struct credential cred;
	enum credential_status got = parse(usernames[_i].username, &cred);

	ck_assert_msg(got == usernames[_i].want, "%s: %d", usernames[_i].name, (int)got);
	if (got != CREDENTIAL_OK)
		return;
	ck_assert_int_eq(cred.form, CREDENTIAL_REST);
	ck_assert_msg(cred.expires_s == usernames[_i].expires_s, "%s: expires %lld",
		      usernames[_i].name, (long long)cred.expires_s);
	ck_assert_msg(strcmp(cred.user, usernames[_i].user) == 0, "%s: user %s",
		      usernames[_i].name, cred.user);
	/* A username that is all there is to show names nobody. */
	ck_assert(cred.nameless == (strcmp(cred.user, usernames[_i].username) == 0));
}
END_TEST

/* T-094: a user name has at most 763 bytes. */
START_TEST(a_username_has_at_most_763_bytes)
{
	char username[CREDENTIAL_USERNAME_MAX + 2];
	struct credential cred;

	memset(username, 'x', sizeof(username));
	memcpy(username, "12:", 3);
	username[CREDENTIAL_USERNAME_MAX + 1] = '\0';
	ck_assert_int_eq(parse(username, &cred), CREDENTIAL_MALFORMED);
	username[CREDENTIAL_USERNAME_MAX] = '\0';
	ck_assert_int_eq(parse(username, &cred), CREDENTIAL_OK);
	ck_assert_uint_eq(strlen(cred.user), CREDENTIAL_USER_MAX);
}
END_TEST

/* A record shows a name as one word of ASCII, whatever the client sent. */
static const struct {
	const char *name;
	const char *identity;
	const char *want;
} shown[] = {
	{"a SIP address", "sip:alice@lab.example;gruu", "sip:alice@lab.example;gruu"},
	{"UTF-8", "\xc3\xa9ve", "\\xc3\\xa9ve"},
	{"line feed", "a\nuser=root", "a\\x0auser=root"},
	{"escape", "\x1b[2J", "\\x1b[2J"},
	{"delete", "\x7f", "\\x7f"},
	{"a space", "a bytes=9", "a\\x20bytes=9"},
	{"a quote", "a\"b", "a\\x22b"},
	{"a backslash", "a\\x41", "a\\x5cx41"},
	{"a format (attack 40)", "%s%n", "%s%n"},
	{"right to left override", "\xe2\x80\xae", "\\xe2\\x80\\xae"},
	{"not UTF-8", "\xff", "\\xff"},
};

START_TEST(the_user_is_safe_to_show)
{
	char username[64];
	struct credential cred;

	snprintf(username, sizeof(username), "12:%s", shown[_i].identity);
	ck_assert_int_eq(parse(username, &cred), CREDENTIAL_OK);
	ck_assert_msg(strcmp(cred.user, shown[_i].want) == 0, "%s: %s", shown[_i].name,
		      cred.user);
}
END_TEST

START_TEST(a_nul_in_the_identity_does_not_end_the_user)
{
	static const uint8_t username[] = "12:ali\0ce";
	struct credential cred;

	ck_assert_int_eq(credential_parse((struct slice){username, sizeof(username) - 1},
					  false, &cred),
			 CREDENTIAL_OK);
	ck_assert_str_eq(cred.user, "ali\\x00ce");
}
END_TEST

/* Two long names stay two users, and neither is what another name can look like. */
START_TEST(a_long_user_is_cut_and_stays_itself)
{
	char name[CREDENTIAL_USERNAME_MAX], first[CREDENTIAL_USER_MAX + 1],
		second[CREDENTIAL_USER_MAX + 1];
	const struct slice whole = {(const uint8_t *)name, CREDENTIAL_USER_MAX};
	const struct slice more = {(const uint8_t *)name, CREDENTIAL_USER_MAX + 1};

	memset(name, 'x', sizeof(name));
	credential_show_user(whole, first);
	ck_assert_uint_eq(strlen(first), CREDENTIAL_USER_MAX);
	ck_assert(strspn(first, "x") == CREDENTIAL_USER_MAX);
	credential_show_user(more, first);
	ck_assert_uint_eq(strlen(first), CREDENTIAL_USER_MAX);
	ck_assert_uint_eq(strspn(first, "x"), CREDENTIAL_USER_MAX - 34);
	ck_assert_mem_eq(first + CREDENTIAL_USER_MAX - 34, "\\~", 2);
	name[CREDENTIAL_USER_MAX] = 'y';
	credential_show_user(more, second);
	ck_assert_str_ne(first, second);
	/* Escapes are not cut in two. */
	name[CREDENTIAL_USER_MAX - 36] = '\n';
	credential_show_user(more, second);
	ck_assert_uint_eq(strspn(second, "x"), CREDENTIAL_USER_MAX - 36);
	ck_assert_mem_eq(second + CREDENTIAL_USER_MAX - 36, "\\~", 2);
	/* As many bytes of UTF-8 as there may be. */
	memset(name, 0xC3, sizeof(name));
	credential_show_user((struct slice){(const uint8_t *)name, sizeof(name)}, first);
	ck_assert_uint_le(strlen(first), CREDENTIAL_USER_MAX);
}
END_TEST

/* What a person types: the name itself, or what was shown. */
static const struct {
	const char *typed, *want;
} typed[] = {
	{"alice", "alice"},
	{"jos\xc3\xa9", "jos\\xc3\\xa9"},
	{"jos\\xc3\\xa9", "jos\\xc3\\xa9"},
	{"a b", "a\\x20b"},
	{"a\\x20b", "a\\x20b"},
	{"a \\b", "a\\x20\\x5cb"},
	{"\"", "\\x22"},
	{"", ""},
};

START_TEST(a_user_may_be_typed_in_both_ways)
{
	char name[CREDENTIAL_USERNAME_MAX] = "", seen[CREDENTIAL_USER_MAX + 1],
	     user[CREDENTIAL_USER_MAX + 1];

	credential_read_user(typed[_i].typed, user);
	ck_assert_str_eq(user, typed[_i].want);
	credential_read_user(user, seen);
	ck_assert_str_eq(seen, user);
	memset(name, 'x', 400);
	credential_read_user(name, user);
	credential_show_user(vectors_slice(name), seen);
	ck_assert_str_eq(user, seen);
	credential_read_user(seen, user);
	ck_assert_str_eq(user, seen);
}
END_TEST

/* T-561 and T-567. */
static const struct {
	const char *name;
	int64_t expires_s;
	int64_t now_s;
	int64_t skew_s;
	int64_t max_ttl_s;
	enum credential_status want;
	int64_t off_s;
} times[] = {
	{"one second before", NOW + 1, NOW, 0, 0, CREDENTIAL_OK, 0},
	{"at the second", NOW, NOW, 0, 0, CREDENTIAL_EXPIRED, 0},
	{"one second after", NOW - 1, NOW, 0, 0, CREDENTIAL_EXPIRED, 1},
	{"within the skew", NOW - 59, NOW, 60, 0, CREDENTIAL_OK, 0},
	{"at the end of the skew", NOW - 60, NOW, 60, 0, CREDENTIAL_EXPIRED, 60},
	{"one second beyond the skew", NOW - 61, NOW, 60, 0, CREDENTIAL_EXPIRED, 61},
	{"at the ceiling", NOW + 3600, NOW, 0, 3600, CREDENTIAL_OK, 0},
	{"one second beyond the ceiling", NOW + 3601, NOW, 0, 3600, CREDENTIAL_TOO_FAR,
	 1},
	{"the same within the skew", NOW + 3601, NOW, 60, 3600, CREDENTIAL_OK, 0},
	{"at the ceiling and skew", NOW + 3660, NOW, 60, 3600, CREDENTIAL_OK, 0},
	{"one second beyond both", NOW + 3661, NOW, 60, 3600, CREDENTIAL_TOO_FAR, 61},
	{"expired beats the ceiling", NOW, NOW, 0, 1, CREDENTIAL_EXPIRED, 0},
	{"the end of time without ceiling", INT64_MAX, NOW, 60, 0, CREDENTIAL_OK, 0},
	{"the end of time with ceiling", INT64_MAX, NOW, 0, 3600, CREDENTIAL_TOO_FAR,
	 INT64_MAX - NOW - 3600},
	{"a ceiling beyond the end of time", INT64_MAX, NOW, 60, INT64_MAX, CREDENTIAL_OK,
	 0},
	{"a clock before 1970", INT64_MAX, -5, 0, 3600, CREDENTIAL_TOO_FAR,
	 INT64_MAX - 3595},
	{"a clock at its beginning", INT64_MAX, INT64_MIN, 0, 3600, CREDENTIAL_TOO_FAR,
	 INT64_MAX},
	{"year 0", -62167219200, NOW, 60, 3600, CREDENTIAL_EXPIRED, NOW + 62167219200},
};

START_TEST(a_credential_is_valid_until_its_last_second)
{
	struct credential cred = {.expires_s = times[_i].expires_s};
	const struct credential_clock clock = {times[_i].now_s, times[_i].skew_s};
	int64_t off_s = -1;
	enum credential_status got =
		credential_check_time(&cred, &clock, times[_i].max_ttl_s, &off_s);

	ck_assert_msg(got == times[_i].want, "%s: %d", times[_i].name, (int)got);
	ck_assert_msg(off_s == times[_i].off_s, "%s: off by %lld", times[_i].name,
		      (long long)off_s);
}
END_TEST

/* T-563. */
START_TEST(rest_passwords_match_the_vectors)
{
	json_t *root = vectors_load("stun/rfc-vectors.json");
	json_t *row;
	size_t i;

	ck_assert_uint_eq(json_array_size(json_object_get(root, "turn_rest")), 3);
	json_array_foreach(json_object_get(root, "turn_rest"), i, row)
	{
		const char *username = vectors_text(row, "username");
		struct vectors_bytes secret = vectors_hex(row, "secret_hex");
		const char *user = vectors_text(row, "user_part");
		struct credential cred;
		char want[128];

		memcpy(ring.keys[0].secret, secret.data, secret.len);
		ring.keys[0].secret_len = secret.len;
		ring.count = 1;
		snprintf(want, sizeof(want), "one=%s", vectors_text(row, "password"));
		ck_assert_str_eq(passwords(username), want);
		ck_assert_int_eq(parse(username, &cred), CREDENTIAL_OK);
		ck_assert_int_eq(cred.expires_s,
				 json_integer_value(json_object_get(row, "expiry")));
		ck_assert_str_eq(cred.user, *user ? user : username);
		free(secret.data);
	}
	json_decref(root);
}
END_TEST

/* T-563: from a message on the wire to a verified one. */
START_TEST(a_rest_allocate_verifies_with_the_secret)
{
	json_t *root = vectors_load("stun/rfc-vectors.json");
	json_t *row;
	size_t i;
	bool found = false;

	json_array_foreach(json_object_get(root, "messages"), i, row)
	{
		struct credential_password password;
		struct stun_attr username;
		struct stun_attr realm;
		struct credential cred;
		struct stun_key key;
		struct stun_msg msg;
		size_t position = 0;

		if (strcmp(vectors_text(row, "id"), "rest-allocate") != 0)
			continue;
		found = true;
		struct vectors_bytes hex = vectors_hex(row, "hex");
		ck_assert_int_eq(stun_msg_parse((struct slice){hex.data, hex.len}, &msg),
				 STUN_PARSE_OK);
		ck_assert(stun_msg_find(&msg, STUN_USERNAME, &username));
		ck_assert(stun_msg_find(&msg, STUN_REALM, &realm));

		const char *secret = vectors_text(row, "secret");
		memcpy(ring.keys[1].secret, secret, strlen(secret));
		ring.keys[1].secret_len = strlen(secret);
		ck_assert_int_eq(credential_parse(username.value, false, &cred),
				 CREDENTIAL_OK);
		/* The second key verifies, not the first (T-564). */
		for (int match = 0; match < 2; match++) {
			ck_assert(credential_next_password(&cred, &ring, &ring_clock,
							   &position, &password));
			ck_assert(stun_key_long_term(
				&key, STUN_PASSWORD_MD5, username.value, realm.value,
				(struct slice){password.bytes, password.len}));
			ck_assert_int_eq(stun_verify(&msg, STUN_INTEGRITY_SHA1, &key),
					 match);
		}
		ck_assert(!credential_next_password(&cred, &ring, &ring_clock, &position,
						    &password));
		free(hex.data);
	}
	ck_assert(found);
	json_decref(root);
}
END_TEST

/* T-565, RFC 2104 with SHA-256: computed with "openssl dgst -sha256 -mac HMAC". */
START_TEST(sha256_is_an_option_of_the_key)
{
	ring.keys[0].rest = KEY_REST_SHA256;
	ring.count = 1;
	ck_assert_str_eq(passwords("1767225600:alice"),
			 "one=MpjSvVthOdt0Cpfxfi56/xWCFwJvJwywDNXg0++9r90=");
}
END_TEST

/* T-564: after a rotation both keys work, then the old one ends. */
START_TEST(every_valid_key_verifies_and_no_other)
{
	struct credential_pair by_one;
	struct credential_pair by_two;
	char want[256];

	ck_assert(credential_issue_rest(&ring.keys[0], vectors_slice("bob"), NOW + 60,
					NULL, &by_one));
	ck_assert(credential_issue_rest(&ring.keys[1], vectors_slice("bob"), NOW + 60,
					NULL, &by_two));
	ck_assert_str_eq(by_one.username, "1767225660:bob");
	ck_assert_str_eq(by_two.username, by_one.username);

	snprintf(want, sizeof(want), "one=%s two=%s", by_one.password, by_two.password);
	ck_assert_str_eq(passwords(by_one.username), want);
	ring.keys[0].not_after_s = NOW + 1;
	ck_assert_str_eq(passwords(by_one.username), want);
	ring.keys[0].not_after_s = NOW;
	snprintf(want, sizeof(want), "two=%s", by_two.password);
	ck_assert_str_eq(passwords(by_one.username), want);
	ring.keys[1].rest = KEY_REST_NONE;
	ck_assert_str_eq(passwords(by_one.username), "");
}
END_TEST

/* What OpaqueString allows, up to 508 bytes with the expiry (RFC 8489 section 14.3). */
START_TEST(any_user_name_of_stun_can_be_issued)
{
	static const char *const names[] = {"a b",   "\"a\"",    "a:b:c",       ":",
					    "\\x41", "\xc3\xa9", "1767225600:a"};
	const size_t room = CREDENTIAL_ISSUED_MAX - strlen("1767225600:");
	char longest[CREDENTIAL_ISSUED_MAX + 1] = "";
	struct credential_pair pair;
	struct credential cred;
	char want[600];

	for (size_t i = 0; i < ROWS(names); i++) {
		ck_assert(credential_issue_rest(&ring.keys[0], vectors_slice(names[i]),
						NOW, NULL, &pair));
		snprintf(want, sizeof(want), "1767225600:%s", names[i]);
		ck_assert_str_eq(pair.username, want);
		ck_assert_int_eq(parse(pair.username, &cred), CREDENTIAL_OK);
		ck_assert_int_eq(cred.expires_s, NOW);
		credential_show_user(vectors_slice(names[i]), want);
		ck_assert_str_eq(cred.user, want);
	}
	ck_assert_uint_eq(credential_rest_room(NOW, NULL), room);
	memset(longest, 'x', room);
	ck_assert(credential_issue_rest(&ring.keys[0], vectors_slice(longest), NOW, NULL,
					&pair));
	ck_assert_uint_eq(strlen(pair.username), 508);
	longest[room] = 'x';
	ck_assert(!credential_issue_rest(&ring.keys[0], vectors_slice(longest), NOW, NULL,
					 &pair));
}
END_TEST

START_TEST(what_cannot_be_issued_is_refused)
{
	struct credential_pair pair;
	uint64_t serial = 0;

	ck_assert(credential_issue_rest(&ring.keys[0], vectors_slice(""), NOW, NULL,
					&pair));
	ck_assert_str_eq(pair.username, "1767225600");
	ck_assert(!credential_issue_rest(&ring.keys[0], vectors_slice("a"), -1, NULL,
					 &pair));
	ring.keys[0].rest = KEY_REST_NONE;
	ck_assert(!credential_issue_rest(&ring.keys[0], vectors_slice("a"), NOW, NULL,
					 &pair));

	struct slice identity = vectors_slice("a");
	ck_assert(credential_issue_mras(&ring.keys[0], 1, identity, NOW, NULL, &serial,
					&pair));
	ck_assert(!credential_issue_mras(&ring.keys[0], 0, identity, NOW, NULL, &serial,
					 &pair));
	ck_assert(!credential_issue_mras(&ring.keys[0], 3, identity, NOW, NULL, &serial,
					 &pair));
	ck_assert(!credential_issue_mras(&ring.keys[0], 2, identity, INT64_MAX, NULL,
					 &serial, &pair));
	ck_assert(!credential_issue_mras(&ring.keys[0], 2, identity, INT64_MIN, NULL,
					 &serial, &pair));
}
END_TEST

static void credential_suite(Suite *suite)
{
	TCase *tc = tcase_create("username");
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, a_rest_username_is_digits_up_to_the_first_colon, 0,
			    ROWS(usernames));
	tcase_add_test(tc, a_username_has_at_most_763_bytes);
	tcase_add_loop_test(tc, the_user_is_safe_to_show, 0, ROWS(shown));
	tcase_add_test(tc, a_nul_in_the_identity_does_not_end_the_user);
	tcase_add_test(tc, a_long_user_is_cut_and_stays_itself);
	tcase_add_loop_test(tc, a_user_may_be_typed_in_both_ways, 0, ROWS(typed));
	tcase_add_loop_test(tc, a_credential_is_valid_until_its_last_second, 0,
			    ROWS(times));
	suite_add_tcase(suite, tc);

	tc = tcase_create("rest");
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, rest_passwords_match_the_vectors);
	tcase_add_test(tc, a_rest_allocate_verifies_with_the_secret);
	tcase_add_test(tc, sha256_is_an_option_of_the_key);
	tcase_add_test(tc, every_valid_key_verifies_and_no_other);
	tcase_add_test(tc, any_user_name_of_stun_can_be_issued);
	tcase_add_test(tc, what_cannot_be_issued_is_refused);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("credential", credential_suite)
