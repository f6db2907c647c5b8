/*
 * test_client_credential.c - what a client says of a user name that the server rejects.
 */
#include <string.h>
#include <time.h>

#include "tests/unit/lib/unit.h"
#include "tools/client/client_state.h"

/* time(NULL), and what of a REST user name follows. */
static const struct {
	int64_t ends_in_s;
	const char *want;
} names[] = {
	{-45, " (the user name expired 45 s ago; request a new one)"},
	{-46, " (the user name expired 46 s ago; request a new one)"},
	{-3000, " (the user name expired 50 min ago; request a new one)"},
	{-5 * 3600 - 30, " (the user name expired 5 h ago; request a new one)"},
	{-3 * 86400 - 30, " (the user name expired 3 days ago; request a new one)"},
	{3600, " (wrong user name or password?)"},
};

/* The clock may tick between the two looks at it. */
static bool is_hint(const char *hint, size_t i)
{
	return strcmp(hint, names[i].want) == 0 ||
	       (i == 0 && strcmp(hint, names[1].want) == 0);
}

START_TEST(an_expired_rest_name_is_called_expired)
{
	char name[64], hint[CLIENT_HINT_MAX];
	int len = snprintf(name, sizeof(name), "%lld:alice",
			   (long long)(time(NULL) + names[_i].ends_in_s));

	if (_i == 1)
		return; /* only another answer for the first */
	client_credential_hint((struct slice){(const uint8_t *)name, (size_t)len}, false,
			       hint);
	ck_assert_msg(is_hint(hint, (size_t)_i), "%s:%s", name, hint);
}
END_TEST

START_TEST(a_name_without_a_time_is_not)
{
	char hint[CLIENT_HINT_MAX];

	client_credential_hint((struct slice){(const uint8_t *)"alice", 5}, false, hint);
	ck_assert_str_eq(hint, " (wrong user name or password?)");
	client_credential_hint((struct slice){NULL, 0}, true, hint);
	ck_assert_str_eq(hint, " (wrong user name or password?)");
}
END_TEST

START_TEST(an_expired_token_of_either_dialect_is_called_expired)
{
	struct key key = {.not_before_s = INT64_MIN, .not_after_s = INT64_MAX};
	static const char identity[] = "sip:alice@example.org";
	struct credential_pair pair;
	char hint[CLIENT_HINT_MAX];
	uint64_t serial = 1;

	key.secret_len = sizeof(key.secret) < 32 ? sizeof(key.secret) : 32;
	memset(key.secret, 7, key.secret_len);
	strcpy(key.id, "k1");
	ck_assert(credential_issue_mras(
		&key, 2, (struct slice){(const uint8_t *)identity, strlen(identity)},
		time(NULL) - 2 * 3600 - 1, NULL, &serial, &pair));
	client_credential_hint((struct slice){(const uint8_t *)pair.username,
					      strlen(pair.username)},
			       false, hint);
	ck_assert_str_eq(hint, " (the user name expired 2 h ago; request a new one)");
	client_credential_hint((struct slice){pair.token, pair.token_len}, true, hint);
	ck_assert_str_eq(hint, " (the user name expired 2 h ago; request a new one)");
}
END_TEST

static void client_credential_suite(Suite *suite)
{
	TCase *tc = tcase_create("client_credential");

	tcase_add_loop_test(tc, an_expired_rest_name_is_called_expired, 0, ROWS(names));
	tcase_add_test(tc, a_name_without_a_time_is_not);
	tcase_add_test(tc, an_expired_token_of_either_dialect_is_called_expired);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("client_credential", client_credential_suite)
