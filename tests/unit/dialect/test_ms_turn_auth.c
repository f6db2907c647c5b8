/*
 * test_ms_turn_auth.c - the MS dialect: authentication, and the answers to requests that
 * fail it.
 */
#include "relay/core/auth.h"
#include "relay/core/nonce.h"
#include "tests/unit/dialect/ms_check.h"

START_TEST(challenge_has_all_that_the_client_needs)
{
	struct stun_attr attr;

	ms_client_login(&alice);
	expect(&alice, MS_UNAUTHORIZED, "no integrity");
	ck_assert(ms_client_find(&alice, MS_REALM, &attr));
	ck_assert(slice_is(attr.value, "\"rtcmedia\""));
	ck_assert(ms_client_find(&alice, MS_NONCE, &attr));
	ck_assert_uint_eq(attr.value.len, NONCE_LEN + 2);
	ck_assert_int_eq(attr.value.data[0], '"');
	ck_assert_int_eq(attr.value.data[attr.value.len - 1], '"');
	ck_assert_uint_eq(ms_client_u32(&alice, MS_VERSION), 1);
	/* 28 with cookie, 8 code, 14 realm, 30 nonce, 12 address, 8 version. */
	ck_assert_uint_eq(alice.out.reply_len, 100);
	ck_assert(!alice.out.authenticated);
}
END_TEST

/*
 * A client compares it with the address it sent the request to, and gives up if they
 * differ.
 */
static const struct {
	const char *name;
	const char *client;
	uint16_t front;
	bool nat;
	const char *server;
} servers[] = {
	{"outside UDP", ALICE, FRONT_OUTSIDE_UDP, false, "198.18.0.1:3478"},
	{"outside UDP over IPv6", "[2001:db8::5]:5000", FRONT_OUTSIDE_UDP6, false,
	 "[2001:db8::1]:3478"},
	{"outside TCP", ALICE, FRONT_OUTSIDE_TCP, false, "198.18.0.1:443"},
	{"inside UDP", "10.0.0.9:5000", FRONT_INSIDE_UDP, false, "10.0.0.1:3478"},
	{"inside TCP", "10.0.0.9:5000", FRONT_INSIDE_TCP, false, "10.0.0.1:443"},
	{"outside UDP behind NAT", ALICE, FRONT_OUTSIDE_UDP, true, "203.0.113.1:3478"},
	{"outside TCP behind NAT", ALICE, FRONT_OUTSIDE_TCP, true, "203.0.113.1:443"},
	{"inside UDP of a relay behind NAT", "10.0.0.9:5000", FRONT_INSIDE_UDP, true,
	 "10.0.0.1:3478"},
};

START_TEST(alternate_server_is_the_address_of_the_request)
{
	struct endpoint want = ep(servers[_i].server), got;

	fixture_stop(&fixture);
	begin_with(&(struct fixture_options){.nat = servers[_i].nat});
	ms_client_init(&alice, &fixture, servers[_i].client, servers[_i].front, "alice");
	ms_client_login(&alice);
	expect(&alice, MS_UNAUTHORIZED, servers[_i].name);
	got = ms_client_address(&alice, MS_ALTERNATE_SERVER);
	ck_assert_msg(endpoint_equal(&got, &want), "%s", servers[_i].name);
}
END_TEST

/* Every code of an unauthenticated request. The client checks that they are unsigned. */
static const struct {
	const char *name;
	unsigned wrong;
	int want;
	enum auth_failure failure;
} refusals[] = {
	{"all right", 0, 0, AUTH_FAILURE_NONE},
	{"nonce without its quotes", MS_BARE_NONCE, 0, AUTH_FAILURE_NONE},
	{"no USERNAME", MS_NO_USERNAME, 432, AUTH_FAILURE_MISSING},
	{"no REALM", MS_NO_REALM, 434, AUTH_FAILURE_MISSING},
	{"no NONCE", MS_NO_NONCE, 435, AUTH_FAILURE_MISSING},
	{"nothing but integrity", MS_NO_USERNAME | MS_NO_REALM | MS_NO_NONCE, 432,
	 AUTH_FAILURE_MISSING},
	{"REALM of 129 bytes", MS_LONG_REALM, 400, AUTH_FAILURE_MISSING},
	{"NONCE of 129 bytes", MS_LONG_NONCE, 400, AUTH_FAILURE_MISSING},
	{"another realm", MS_WRONG_REALM, 401, AUTH_FAILURE_UNKNOWN_USER},
	{"wrong integrity", MS_WRONG_MAC, 431, AUTH_FAILURE_BAD_MAC},
};

START_TEST(allocate_is_refused_with_the_code_for_it)
{
	const uint64_t *failures = fixture.turn.counters.auth_failures;
	uint64_t before = failures[refusals[_i].failure];

	ms_client_login(&alice);
	alice.wrong = refusals[_i].wrong;
	ms_client_allocate(&alice);
	expect(&alice, refusals[_i].want, refusals[_i].name);
	ck_assert_msg((ms_client_allocation(&alice) != NULL) == (refusals[_i].want == 0),
		      "%s", refusals[_i].name);
	ck_assert(alice.out.authenticated == (refusals[_i].want == 0));
	if (refusals[_i].want != 0)
		ck_assert_uint_eq(failures[refusals[_i].failure], before + 1);
}
END_TEST

START_TEST(challenge_of_any_code_lets_the_client_in)
{
	static const unsigned wrong[] = {MS_NO_USERNAME, MS_NO_REALM, MS_NO_NONCE};

	ms_client_login(&alice);
	alice.wrong = wrong[_i];
	memset(alice.nonce, 'x', alice.nonce_len);
	ms_client_allocate(&alice);
	ms_client_keep_challenge(&alice);
	alice.wrong = 0;
	ms_client_allocate(&alice);
	expect(&alice, 0, "after the challenge");
}
END_TEST

/* Set Active Destination asks for neither REALM nor NONCE (Microsoft's clients send none). */
static const struct {
	const char *name;
	unsigned wrong;
	bool bare;
	int want;
} destinations[] = {
	{"USERNAME and integrity", 0, false, 0},
	{"no integrity", 0, true, 401},
	{"no USERNAME", MS_NO_USERNAME, false, 432},
	{"wrong integrity", MS_WRONG_MAC, false, 431},
};

START_TEST(set_active_destination_is_authenticated)
{
	ms_client_allocate(&alice);
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
	alice.wrong = destinations[_i].wrong;
	alice.bare = destinations[_i].bare;
	ms_client_activate(&alice, PEER);
	expect(&alice, destinations[_i].want, destinations[_i].name);
	ck_assert(destination_is_set(&ms_client_allocation(&alice)->active) ==
		  (destinations[_i].want == 0));
}
END_TEST

static void activate_with_realm(const char *realm)
{
	ms_client_start(&alice, MS_SET_ACTIVE_DESTINATION_REQUEST);
	ms_client_add_peer(&alice, PEER);
	ms_builder_add(&alice.b, MS_REALM, realm, strlen(realm));
	ms_client_ask(&alice);
}

START_TEST(realm_is_compared_without_quotes)
{
	struct stun_attr attr;

	/* In Allocate the client sends the string it hashes, quoted or not. */
	ms_client_login(&alice);
	strcpy(alice.realm, "rtcmedia");
	ms_client_allocate(&alice);
	expect(&alice, 0, "without quotes");
	ck_assert(ms_client_send(&alice, PEER, "x", 1));

	activate_with_realm("rtcmedia");
	expect(&alice, 0, "without quotes, later");
	activate_with_realm("\"rtcmedia\"");
	expect(&alice, 0, "with quotes, later");
	activate_with_realm("other");
	expect(&alice, MS_UNAUTHORIZED, "another one");

	/* The challenge repeats the realm of the request. */
	bob.bare = true;
	ms_client_start(&bob, MS_ALLOCATE_REQUEST);
	ms_builder_add(&bob.b, MS_REALM, "rtcmedia", 8);
	ms_client_ask(&bob);
	expect(&bob, MS_UNAUTHORIZED, "a realm in the first request");
	ck_assert(ms_client_find(&bob, MS_REALM, &attr));
	ck_assert(slice_is(attr.value, "rtcmedia"));
	ms_client_start(&bob, MS_ALLOCATE_REQUEST);
	ms_builder_add(&bob.b, MS_REALM, "elsewhere", 9);
	ms_client_ask(&bob);
	ck_assert(ms_client_find(&bob, MS_REALM, &attr));
	ck_assert(slice_is(attr.value, "\"rtcmedia\""));
}
END_TEST

START_TEST(unquoted_realm_is_accepted)
{
	strcpy(fixture.settings.ms.realm, "rtcmedia");
	ms_client_allocate(&alice);
	expect(&alice, 0, "realm without quotes");
	ck_assert_str_eq(alice.realm, "rtcmedia");
}
END_TEST

START_TEST(credential_is_accepted_in_every_form)
{
	static const struct {
		const char *name;
		enum ms_form form;
	} forms[] = {
		{"the token's bytes", MS_FORM_BINARY},
		{"the token in base64", MS_FORM_TEXT},
		{"a REST username", MS_FORM_REST},
	};

	ms_client_credential(&alice, "alice", forms[_i].form, fixture.unix_s + 3600);
	ms_client_allocate(&alice);
	expect(&alice, 0, forms[_i].name);
	const struct allocation *al = ms_client_allocation(&alice);
	ck_assert_str_eq(allocation_key_id(fixture.turn.table, al), "k1");
	ck_assert_uint_gt(strlen(allocation_user(fixture.turn.table, al)), 0);
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
	ms_client_activate(&alice, PEER);
	expect(&alice, 0, forms[_i].name);
}
END_TEST

/* Quotas and records use the token's identity, whatever form the token has. */
START_TEST(both_forms_of_a_token_are_one_user)
{
	char user[CREDENTIAL_USER_MAX + 1];

	ms_client_credential(&alice, "carol", MS_FORM_BINARY, fixture.unix_s + 3600);
	ms_client_credential(&bob, "carol", MS_FORM_TEXT, fixture.unix_s + 3600);
	ms_client_allocate(&alice);
	ms_client_allocate(&bob);
	strcpy(user, allocation_user(fixture.turn.table, ms_client_allocation(&alice)));
	ck_assert_str_eq(user,
			 allocation_user(fixture.turn.table, ms_client_allocation(&bob)));
	ck_assert_uint_eq(strlen(user), 40);
	ck_assert_uint_eq(ms_client_allocation(&alice)->user_quota,
			  ms_client_allocation(&bob)->user_quota);
}
END_TEST

static const struct {
	const char *name;
	size_t at;
	size_t len;
	int want;
} usernames[] = {
	{"not a credential", 0, 3, 436},
	{"empty", 0, 0, 436},
	{"of another version", 0, 52, 436},
	{"another expiry: no key made this", 5, 52, 436},
	{"another identity: no key made this", 12, 52, 436},
	{"another signature: no key made this", 51, 52, 436},
};

START_TEST(foreign_username_is_436)
{
	ms_client_login(&alice);
	if (usernames[_i].len > 0)
		alice.username[usernames[_i].at] ^= 0x40;
	alice.username_len = usernames[_i].len;
	ms_client_allocate(&alice);
	expect(&alice, usernames[_i].want, usernames[_i].name);
}
END_TEST

START_TEST(wrong_password_is_431)
{
	ms_client_login(&alice);
	alice.password[3] ^= 1;
	ms_client_allocate(&alice);
	expect(&alice, MS_INTEGRITY_CHECK_FAILURE, "token");
	ms_client_credential(&alice, "alice", MS_FORM_REST, fixture.unix_s + 3600);
	alice.password[3] ^= 1;
	ms_client_allocate(&alice);
	expect(&alice, MS_INTEGRITY_CHECK_FAILURE, "REST");
}
END_TEST

/* Signed, so that a client that ignores unsigned errors stops at once. */
START_TEST(expired_credential_is_430)
{
	ms_client_credential(&alice, "alice", MS_FORM_BINARY, fixture.unix_s);
	ms_client_allocate(&alice);
	expect(&alice, MS_STALE_CREDENTIALS, "expired");
	ck_assert_int_eq(alice.answer.integrity, MS_INTEGRITY_SHA1);
	ck_assert(!alice.out.authenticated);
	ck_assert_ptr_null(ms_client_allocation(&alice));

	fixture.settings.limits.credential_ttl_max_s = 3600;
	ms_client_credential(&alice, "alice", MS_FORM_BINARY, fixture.unix_s + 3601);
	ms_client_allocate(&alice);
	expect(&alice, MS_STALE_CREDENTIALS, "too far in the future");
	ms_client_credential(&alice, "alice", MS_FORM_BINARY, fixture.unix_s + 3600);
	ms_client_allocate(&alice);
	expect(&alice, 0, "just right");
}
END_TEST

/* Binary tokens, their text, and REST names alike, at the last second and after it. */
START_TEST(clocks_may_differ_by_the_skew)
{
	static const enum ms_form forms[] = {MS_FORM_BINARY, MS_FORM_TEXT, MS_FORM_REST};
	static const struct {
		int64_t expires_in_s;
		int want;
		uint64_t off_s;
	} rows[] = {{-59, 0, 0},
		    {-60, MS_STALE_CREDENTIALS, 60},
		    {3660, 0, 0},
		    {3661, MS_STALE_CREDENTIALS, 61}};

	fixture.settings.limits.clock_skew_s = 60;
	fixture.settings.limits.credential_ttl_max_s = 3600;
	for (size_t i = 0; i < ARRAY_LEN(forms) * ARRAY_LEN(rows); i++) {
		const enum ms_form form = forms[i / ARRAY_LEN(rows)];
		const int64_t in_s = rows[i % ARRAY_LEN(rows)].expires_in_s;
		const int want = rows[i % ARRAY_LEN(rows)].want;

		ms_client_credential(&alice, "alice", form, fixture.unix_s + in_s);
		ms_client_allocate(&alice);
		expect(&alice, want, "an expiry at the edge");
		if (want != 0)
			ck_assert_uint_eq(turn_read_refusal(&fixture.turn).off_s,
					  rows[i % ARRAY_LEN(rows)].off_s);
		else
			ms_client_lifetime(&alice, 0);
	}
}
END_TEST

START_TEST(credential_may_expire_during_the_call)
{
	ms_client_credential(&alice, "alice", MS_FORM_BINARY, fixture.unix_s + 60);
	fixture.settings.ms.version = 3;
	ms_client_allocate(&alice);
	expect(&alice, 0, "allocate");
	advance(120000);
	ms_client_allocate(&alice);
	expect(&alice, 0, "refresh");
	/* Also if the stored key cannot be used. */
	alice.kind = MS_INTEGRITY_SHA256;
	ms_client_allocate(&alice);
	expect(&alice, 0, "refresh with the other kind of integrity");
	alice.kind = MS_INTEGRITY_SHA1;
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
	ms_client_activate(&alice, PEER);
	expect(&alice, 0, "destination");
	ms_client_lifetime(&alice, 0);
	expect(&alice, 0, "release");
	ms_client_allocate(&alice);
	expect(&alice, MS_STALE_CREDENTIALS, "a new one");
}
END_TEST

START_TEST(nonce_is_bound_to_the_challenged_client)
{
	ms_client_login(&alice);
	memcpy(bob.nonce, alice.nonce, alice.nonce_len);
	bob.nonce_len = alice.nonce_len;
	strcpy(bob.realm, alice.realm);
	ms_client_allocate(&bob);
	expect(&bob, MS_STALE_NONCE, "another's nonce");
	ms_client_keep_challenge(&bob);
	ms_client_allocate(&bob);
	expect(&bob, 0, "with the nonce of the 438");
}
END_TEST

/* A client refreshes with its first nonce indefinitely. */
START_TEST(nonce_lasts_as_long_as_the_allocation)
{
	fixture.settings.nonce_key.lifetime_s = 64;
	ms_client_allocate(&alice);
	for (int i = 0; i < 20; i++) {
		advance(500000);
		ms_client_allocate(&alice);
		expect(&alice, 0, "refresh with an old nonce");
	}
	ms_client_lifetime(&alice, 0);
	expect(&alice, 0, "release with an old nonce");
	ms_client_allocate(&alice);
	expect(&alice, MS_STALE_NONCE, "a new allocation with an old nonce");
	ms_client_keep_challenge(&alice);
	ms_client_allocate(&alice);
	expect(&alice, 0, "a new allocation with a new nonce");
}
END_TEST

START_TEST(stale_nonce_of_another_user_does_not_count)
{
	fixture.settings.nonce_key.lifetime_s = 64;
	ms_client_allocate(&alice);
	advance(100000);
	/* The same 5-tuple, so the nonce is valid, but another user. */
	ms_client_credential(&alice, "mallory", MS_FORM_BINARY, fixture.unix_s + 3600);
	ms_client_allocate(&alice);
	expect(&alice, MS_STALE_NONCE, "another user");
}
END_TEST

/*
 * A nonce of one dialect is not valid in the other: their realms differ, which the MAC
 * covers.
 */
START_TEST(nonce_of_the_other_dialect_is_foreign)
{
	static struct client ietf;

	client_init(&ietf, &fixture, ALICE, FRONT_OUTSIDE_UDP, "alice");
	ck_assert_int_eq(client_login(&ietf), 401);
	ms_client_login(&alice);
	alice.nonce[0] = alice.nonce[NONCE_LEN + 1] = '"';
	memcpy(alice.nonce + 1, ietf.nonce, NONCE_LEN);
	ms_client_allocate(&alice);
	expect(&alice, MS_STALE_NONCE, "a nonce of the IETF dialect");
}
END_TEST

static const struct {
	const char *name;
	uint32_t version;
	int want;
} sha256[] = {
	{"not offered", 2, 431},
	{"offered", 3, 0},
	{"offered with IPv6", 4, 0},
};

START_TEST(sha256_is_accepted_where_it_is_offered)
{
	fixture.settings.ms.version = sha256[_i].version;
	alice.version = 6;
	alice.kind = MS_INTEGRITY_SHA256;
	ms_client_allocate(&alice);
	expect(&alice, sha256[_i].want, sha256[_i].name);
	if (sha256[_i].want != 0)
		return;
	ck_assert_int_eq(alice.answer.integrity, MS_INTEGRITY_SHA256);
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
	ms_client_activate(&alice, PEER);
	expect(&alice, 0, sha256[_i].name);

	/*
	 * The stored key is of the other kind: it is derived again, or the message is
	 * dropped.
	 */
	uint64_t before = fixture_drops(&fixture, DROP_BAD_INTEGRITY);
	alice.kind = MS_INTEGRITY_SHA1;
	ms_client_activate(&alice, PEER);
	expect(&alice, 0, "SHA-1 after SHA-256");
	ck_assert(!ms_client_send(&alice, PEER, "x", 1));
	expect_drop(&alice, DROP_BAD_INTEGRITY, before, "Send with SHA-1");
}
END_TEST

/* A key that is rotated out does not end existing allocations. */
START_TEST(key_may_be_removed_during_the_call)
{
	struct keyring_error error;
	static const char other[] = "k2 c29tZXRoaW5nIGVsc2UgYWx0b2dldGhlciEhISEhIQ==\n";

	ms_client_allocate(&alice);
	keyring_free(fixture.settings.keyring);
	fixture.settings.keyring = keyring_parse(other, strlen(other), &error);
	ck_assert_ptr_nonnull(fixture.settings.keyring);
	ms_client_allocate(&alice);
	expect(&alice, 0, "refresh");
	ck_assert(ms_client_send(&alice, PEER, "x", 1));
	ms_client_login(&bob);
	ms_client_allocate(&bob);
	expect(&bob, MS_UNKNOWN_USER, "a new one with the old key");
}
END_TEST

static void be_strict(void)
{
	fixture.settings.limits.stranger_rate = 1;
	fixture.settings.limits.stranger_burst = 1;
}

START_TEST(limiter_covers_every_unauthenticated_answer)
{
	static const unsigned wrong[] = {0,           MS_NO_USERNAME, MS_NO_REALM,
					 MS_NO_NONCE, MS_WRONG_MAC,   MS_LONG_REALM};

	ms_client_login(&alice);
	be_strict();
	ms_client_login(&bob); /* uses up the limit of bob's address */
	uint64_t before = fixture_drops(&fixture, DROP_LIMITED);
	bob.wrong = wrong[_i];
	bob.bare = _i == 0;
	ms_client_allocate(&bob);
	ck_assert_int_eq(bob.code, -1);
	expect_drop(&bob, DROP_LIMITED, before, "a stranger");
}
END_TEST

START_TEST(limiter_spares_authenticated_clients)
{
	ms_client_login(&alice);
	be_strict();
	for (int i = 0; i < 20; i++) {
		ms_client_allocate(&alice);
		expect(&alice, 0, "allocate or refresh");
	}
	/* A client with an allocation is answered without a limit too. */
	for (int i = 0; i < 20; i++) {
		ms_client_login(&alice);
		expect(&alice, MS_UNAUTHORIZED, "challenge on an allocation");
	}
	ck_assert_uint_eq(fixture_drops(&fixture, DROP_LIMITED), 0);
}
END_TEST

/* Without allocation and nonce it may be a replay from a forged source. */
START_TEST(limiter_covers_a_destination_without_allocation)
{
	ms_client_login(&alice);
	be_strict();
	ms_client_activate(&alice, PEER);
	expect(&alice, MS_NO_BINDING, "the first");
	ck_assert(!alice.out.authenticated);
	uint64_t before = fixture_drops(&fixture, DROP_LIMITED);
	ms_client_activate(&alice, PEER);
	expect_drop(&alice, DROP_LIMITED, before, "the second");
}
END_TEST

START_TEST(limiter_does_not_apply_to_streams)
{
	be_strict();
	ms_client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	for (int i = 0; i < 5; i++) {
		ms_client_login(&alice);
		expect(&alice, MS_UNAUTHORIZED, "on a stream");
	}
}
END_TEST

static void auth_suite(Suite *suite)
{
	TCase *tc = tcase_create("ms_turn_auth");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, challenge_has_all_that_the_client_needs);
	tcase_add_loop_test(tc, alternate_server_is_the_address_of_the_request, 0,
			    ROWS(servers));
	tcase_add_loop_test(tc, allocate_is_refused_with_the_code_for_it, 0,
			    ROWS(refusals));
	tcase_add_loop_test(tc, challenge_of_any_code_lets_the_client_in, 0, 3);
	tcase_add_loop_test(tc, set_active_destination_is_authenticated, 0,
			    ROWS(destinations));
	tcase_add_test(tc, realm_is_compared_without_quotes);
	tcase_add_test(tc, unquoted_realm_is_accepted);
	tcase_add_loop_test(tc, credential_is_accepted_in_every_form, 0, 3);
	tcase_add_test(tc, both_forms_of_a_token_are_one_user);
	tcase_add_loop_test(tc, foreign_username_is_436, 0, ROWS(usernames));
	tcase_add_test(tc, wrong_password_is_431);
	tcase_add_test(tc, expired_credential_is_430);
	tcase_add_test(tc, clocks_may_differ_by_the_skew);
	tcase_add_test(tc, credential_may_expire_during_the_call);
	tcase_add_test(tc, nonce_is_bound_to_the_challenged_client);
	tcase_add_test(tc, nonce_lasts_as_long_as_the_allocation);
	tcase_add_test(tc, stale_nonce_of_another_user_does_not_count);
	tcase_add_test(tc, nonce_of_the_other_dialect_is_foreign);
	tcase_add_loop_test(tc, sha256_is_accepted_where_it_is_offered, 0, ROWS(sha256));
	tcase_add_test(tc, key_may_be_removed_during_the_call);
	tcase_add_loop_test(tc, limiter_covers_every_unauthenticated_answer, 0, 6);
	tcase_add_test(tc, limiter_spares_authenticated_clients);
	tcase_add_test(tc, limiter_covers_a_destination_without_allocation);
	tcase_add_test(tc, limiter_does_not_apply_to_streams);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("ms_turn_auth", auth_suite)
