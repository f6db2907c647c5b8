/*
 * test_revocation.c - users and keys that are revoked, and allocations that end with
 * their credential (T-562, T-566), in both dialects. A reload is new settings followed by
 * revocation_apply().
 */
#include "relay/core/revocation.h"

#include <stdlib.h>

#include "relay/core/auth.h"
#include "relay/core/revoked_users.h"
#include "tests/unit/dialect/dialect_check.h"
#include "tests/unit/dialect/ms_client.h"

#define K1 "k1 MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n"
#define K1_OTHER_SECRET "k1 MTEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n"
#define K2 "k2 ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=\n"

static struct ms_client carol;

static void begin_all(void)
{
	begin();
	ms_fixture_enable(&fixture);
	ms_client_init(&carol, &fixture, "192.0.2.202:5000", FRONT_OUTSIDE_UDP, "carol");
	ms_client_credential(&carol, "carol", MS_FORM_REST, fixture.unix_s + 86400);
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_allocate(&bob), 0);
	ck_assert_int_eq(ms_client_allocate(&carol), 0);
}

static void end_all(void)
{
	revoked_users_free(fixture.settings.revoked);
	end();
}

static struct keyring *ring(const char *text)
{
	struct keyring_error error;
	struct keyring *keys = keyring_parse(text, strlen(text), &error);

	ck_assert_msg(keys != NULL, "%s", error.reason);
	return keys;
}

/* keys NULL: unchanged; revoked NULL: no user. */
static void reload(const char *keys, const char *revoked)
{
	struct revoked_users_error error;
	struct turn_settings before = fixture.settings;

	if (keys)
		fixture.settings.keyring = ring(keys);
	fixture.settings.revoked = NULL;
	if (revoked) {
		fixture.settings.revoked =
			revoked_users_parse(revoked, strlen(revoked), &error);
		ck_assert_msg(fixture.settings.revoked != NULL, "%s", error.reason);
	}
	fixture.settings.generation++;
	revocation_apply(&fixture.turn, &before, fixture.now_ms, fixture.unix_s);
	if (keys)
		keyring_free(before.keyring);
	revoked_users_free(before.revoked);
}

static enum end_reason last_reason(void)
{
	return (enum end_reason)fixture.edge.last.end_reason;
}

static uint64_t auth_failures(enum auth_failure failure)
{
	return fixture.turn.counters.auth_failures[failure];
}

START_TEST(revoked_user_ends_at_once_and_alone)
{
	reload(NULL, "alice\n");
	ck_assert_uint_eq(fixture.edge.ended, 1);
	ck_assert_str_eq(fixture.edge.last_owner.user, "alice");
	ck_assert_int_eq(last_reason(), END_REVOKED);
	ck_assert_str_eq(end_reason_name(END_REVOKED), "revoked");
	ck_assert_ptr_nonnull(client_allocation(&bob));
	ck_assert_ptr_nonnull(ms_client_allocation(&carol));

	reload(NULL, "alice\ncarol # left\n");
	ck_assert_uint_eq(fixture.edge.ended, 2);
	ck_assert_str_eq(fixture.edge.last_owner.user, "carol");
}
END_TEST

START_TEST(revoked_user_is_refused_with_401) /* T-566 */
{
	reload(NULL, "alice\ncarol\n");
	client_refresh(&alice, 600);
	expect(&alice, 401, "refresh");
	client_allocate(&alice);
	expect(&alice, 401, "allocate");
	ck_assert_uint_eq(auth_failures(AUTH_FAILURE_REVOKED), 2);
	ms_client_lifetime(&carol, 600);
	ck_assert_ptr_null(carol.fault);
	ck_assert_int_eq(carol.code, MS_UNAUTHORIZED);
	ck_assert_uint_eq(auth_failures(AUTH_FAILURE_REVOKED), 3);
	ck_assert_int_eq(client_refresh(&bob, 600), 0);

	reload(NULL, NULL);
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(ms_client_allocate(&carol), 0);
}
END_TEST

START_TEST(revoked_user_learns_no_more_than_a_wrong_password) /* attack 41 */
{
	reload(NULL, "alice\n");
	client_allocate(&alice);
	size_t revoked_len = alice.out.reply_len;
	alice.wrong = WRONG_MAC;
	client_allocate(&alice);
	expect(&alice, 401, "wrong password");
	ck_assert_uint_eq(alice.out.reply_len, revoked_len);
	/* A client that cannot prove that user name does not increase the counter. */
	ck_assert_uint_eq(auth_failures(AUTH_FAILURE_REVOKED), 1);
}
END_TEST

/* The effect of a new keyring on an allocation made with k1. */
static const struct {
	const char *name;
	const char *keys;
	bool ends;
} rings[] = {
	{"the same", K1, false},
	{"a new first key", K2 K1, false},
	{"k1 removed", K2, true},
	{"another secret under that id", K1_OTHER_SECRET, true},
	{"its not-after has passed",
	 "k1 MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY= - 2023-11-14T22:13:20Z\n" K2,
	 true},
	{"its not-after is a second away",
	 "k1 MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY= - 2023-11-14T22:13:21Z\n" K2,
	 false},
};

START_TEST(revoked_key_ends_its_allocations)
{
	reload(rings[_i].keys, NULL);
	ck_assert_msg(fixture.edge.ended == (rings[_i].ends ? 3 : 0), "%s: %u ended",
		      rings[_i].name, fixture.edge.ended);
	if (rings[_i].ends)
		ck_assert_int_eq(last_reason(), END_REVOKED);
}
END_TEST

START_TEST(expired_key_ends_its_allocations)
{
	reload(rings[5].keys, NULL);
	advance(999);
	ck_assert_uint_eq(fixture.edge.ended, 0);
	advance(1);
	ck_assert_uint_eq(fixture.edge.ended, 3);
	ck_assert_int_eq(last_reason(), END_CREDENTIAL);
}
END_TEST

START_TEST(end_by_user_and_by_key_return_the_count)
{
	client_init(&bob, &fixture, "192.0.2.201:5001", FRONT_OUTSIDE_UDP, "alice");
	ck_assert_int_eq(client_allocate(&bob), 0);
	ck_assert_uint_eq(revocation_end_user(&fixture.turn, "alic", END_KILLED,
					      fixture.now_ms),
			  0);
	ck_assert_uint_eq(revocation_end_user(&fixture.turn, "alice", END_KILLED,
					      fixture.now_ms),
			  2);
	ck_assert_int_eq(last_reason(), END_KILLED);
	ck_assert_uint_eq(
		revocation_end_key(&fixture.turn, "k2", END_KILLED, fixture.now_ms), 0);
	ck_assert_uint_eq(
		revocation_end_key(&fixture.turn, "k1", END_KILLED, fixture.now_ms), 2);
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

/* Credentials of alice that are valid for 700 s, and one of carol. */
static void short_credentials(void)
{
	client_init(&alice, &fixture, "192.0.2.200:6000", FRONT_OUTSIDE_UDP, "alice");
	client_credential(&alice, "alice", fixture.unix_s + 700);
	ms_client_init(&carol, &fixture, "192.0.2.202:6000", FRONT_OUTSIDE_UDP, "carol");
	ms_client_credential(&carol, "carol", MS_FORM_BINARY, fixture.unix_s + 700);
}

START_TEST(credential_expiry_is_not_enforced_by_default) /* T-562 */
{
	short_credentials();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(ms_client_allocate(&carol), 0);
	ck_assert_int_eq(client_refresh(&alice, 3600), 0);
	ck_assert_uint_eq(client_u32(&alice, TURN_LIFETIME), 3600);
	ck_assert_int_eq(ms_client_lifetime(&carol, 3600), 0);
	advance(1000000);
	ck_assert_int_eq(client_refresh(&alice, 3600), 0);
	ck_assert_int_eq(ms_client_lifetime(&carol, 3600), 0);
}
END_TEST

START_TEST(credential_expiry_bounds_the_lifetime_if_configured) /* T-562 */
{
	fixture.settings.limits.enforce_credential_expiry = true;
	short_credentials();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_uint_eq(client_u32(&alice, TURN_LIFETIME), 600);
	ck_assert_int_eq(ms_client_allocate(&carol), 0);
	unsigned ended = fixture.edge.ended;

	advance(400000);
	ck_assert_int_eq(client_refresh(&alice, 600), 0);
	ck_assert_uint_eq(client_u32(&alice, TURN_LIFETIME), 300);
	ck_assert_int_eq(ms_client_lifetime(&carol, 3600), 0);
	ck_assert_uint_eq(ms_client_u32(&carol, MS_LIFETIME), 300);
	/* Data in the MS dialect extends the lifetime, but not the credential. */
	advance(200000);
	ck_assert(ms_client_send(&carol, PEER, "x", 1));
	advance(99999);
	ck_assert_ptr_nonnull(client_allocation(&alice));
	ck_assert_ptr_nonnull(ms_client_allocation(&carol));
	advance(1);
	ck_assert_ptr_null(client_allocation(&alice));
	ck_assert_ptr_null(ms_client_allocation(&carol));
	ck_assert_int_eq(last_reason(), END_CREDENTIAL);
	ck_assert_str_eq(end_reason_name(END_CREDENTIAL), "credential-expired");
	ck_assert_uint_ge(fixture.edge.ended, ended + 2);
	client_refresh(&alice, 600);
	expect(&alice, 437, "refresh after the end");
}
END_TEST

/* An allocation made within the skew is not ended at once. */
START_TEST(credential_expiry_ends_an_allocation_after_the_skew)
{
	fixture.settings.limits.enforce_credential_expiry = true;
	fixture.settings.limits.clock_skew_s = 60;
	client_init(&alice, &fixture, "192.0.2.200:6000", FRONT_OUTSIDE_UDP, "alice");
	client_credential(&alice, "alice", fixture.unix_s - 20);
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_uint_eq(client_u32(&alice, TURN_LIFETIME), 40);
	advance(39999);
	ck_assert_ptr_nonnull(client_allocation(&alice));
	advance(1);
	ck_assert_ptr_null(client_allocation(&alice));
	ck_assert_int_eq(last_reason(), END_CREDENTIAL);
}
END_TEST

START_TEST(credential_expiry_can_be_turned_on_and_off_by_a_reload)
{
	short_credentials();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_refresh(&alice, 3600), 0);
	uint64_t granted = client_allocation(&alice)->expires_ms;

	fixture.settings.limits.enforce_credential_expiry = true;
	reload(NULL, NULL);
	ck_assert_uint_eq(client_allocation(&alice)->expires_ms, fixture.now_ms + 700000);
	ck_assert_uint_le(dispatch_expire(&fixture.turn, fixture.now_ms),
			  fixture.now_ms + 700000);

	fixture.settings.limits.enforce_credential_expiry = false;
	reload(NULL, NULL);
	ck_assert_int_eq(client_refresh(&alice, 3600), 0);
	ck_assert_uint_eq(client_allocation(&alice)->expires_ms, granted);
}
END_TEST

/* The list itself. */
static const struct {
	const char *name;
	const char *text;
	size_t count;  /* if it is read */
	unsigned line; /* of the error, 0 if none */
	const char *has, *has_not;
} lists[] = {
	{"empty", "", 0, 0, NULL, "alice"},
	{"without a newline at the end", "alice", 1, 0, "alice", "alic"},
	{"comments and blanks", "# all\n\n  alice  # left\n\tbob\r\n", 2, 0, "bob", "#"},
	{"a hash inside a name", "alice#1\n", 1, 0, "alice#1", "alice"},
	{"twice", "bob\nalice\nbob\n", 3, 0, "bob", "carol"},
	{"an escaped name", "b\\x20b\n", 1, 0, "b\\x20b", "b b"},
	{"two words", "alice\nbob carol\n", 0, 2, NULL, NULL},
	{"not ASCII", "alice\n\nb\303\266b\n", 0, 3, NULL, NULL},
	{"a control character", "ali\033ce\n", 0, 1, NULL, NULL},
};

START_TEST(list_of_revoked_users)
{
	struct revoked_users_error error;
	const char *name = lists[_i].name;
	struct revoked_users *users =
		revoked_users_parse(lists[_i].text, strlen(lists[_i].text), &error);

	ck_assert_msg((users == NULL) == (lists[_i].line != 0), "%s", name);
	if (users == NULL) {
		ck_assert_msg(error.line == lists[_i].line, "%s: line %u", name,
			      error.line);
		return;
	}
	ck_assert_msg(revoked_users_count(users) == lists[_i].count, "%s", name);
	if (lists[_i].has)
		ck_assert_msg(revoked_users_has(users, lists[_i].has), "%s", name);
	ck_assert_msg(!revoked_users_has(users, lists[_i].has_not), "%s", name);
	ck_assert_msg(!revoked_users_has(users, ""), "%s", name);
	revoked_users_free(users);
}
END_TEST

START_TEST(list_of_revoked_users_has_bounds)
{
	struct revoked_users_error error;
	char longest[CREDENTIAL_USER_MAX + 2];
	struct revoked_users *users;

	memset(longest, 'x', sizeof(longest));
	users = revoked_users_parse(longest, CREDENTIAL_USER_MAX, &error);
	ck_assert_ptr_nonnull(users);
	revoked_users_free(users);
	ck_assert_ptr_null(revoked_users_parse(longest, CREDENTIAL_USER_MAX + 1, &error));
	ck_assert_uint_eq(error.line, 1);
	ck_assert_ptr_null(revoked_users_parse("a\0b", 3, &error));
	ck_assert_uint_eq(error.line, 0);
	ck_assert(!revoked_users_has(NULL, "alice"));
	ck_assert_uint_eq(revoked_users_count(NULL), 0);
	revoked_users_free(NULL);
}
END_TEST

static void revocation_suite(Suite *suite)
{
	TCase *tc = tcase_create("revocation");
	tcase_add_checked_fixture(tc, begin_all, end_all);
	tcase_add_test(tc, revoked_user_ends_at_once_and_alone);
	tcase_add_test(tc, revoked_user_is_refused_with_401);
	tcase_add_test(tc, revoked_user_learns_no_more_than_a_wrong_password);
	tcase_add_loop_test(tc, revoked_key_ends_its_allocations, 0, ROWS(rings));
	tcase_add_test(tc, expired_key_ends_its_allocations);
	tcase_add_test(tc, end_by_user_and_by_key_return_the_count);
	tcase_add_test(tc, credential_expiry_is_not_enforced_by_default);
	tcase_add_test(tc, credential_expiry_bounds_the_lifetime_if_configured);
	tcase_add_test(tc, credential_expiry_ends_an_allocation_after_the_skew);
	tcase_add_test(tc, credential_expiry_can_be_turned_on_and_off_by_a_reload);
	suite_add_tcase(suite, tc);

	tc = tcase_create("revoked_users");
	tcase_add_loop_test(tc, list_of_revoked_users, 0, ROWS(lists));
	tcase_add_test(tc, list_of_revoked_users_has_bounds);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("revocation", revocation_suite)
