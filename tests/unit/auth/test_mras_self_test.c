/*
 * test_mras_self_test.c - mrasd detects that no relay would accept its credentials.
 */
#include "auth/server/self_test.h"

#include <string.h>

#include "auth/server/issuer.h"
#include "auth/server/mras_settings.h"
#include "tests/unit/auth/mras_fixture.h"
#include "tests/unit/lib/unit.h"

static struct mras_fixture fixture;
static char keys[] = "/etc/avedge/keys";
static struct mras_config config = {.common.keys = keys};
static struct mras_settings settings;
static struct issuer issuer;
static char error[512];

static void setup(void)
{
	mras_fixture_make(&fixture);
	settings = (struct mras_settings){.config = &config,
					  .service = fixture.service,
					  .keyring = fixture.keyring};
	issuer =
		(struct issuer){.settings = &settings, .now_ms = NOW_MS, .unix_s = NOW_S};
	error[0] = '\0';
}

static void teardown(void)
{
	mras_fixture_free(&fixture);
}

static void never(void *arg, const struct service_server *server,
		  const struct service_request *request, enum service_fault fault,
		  const char *why, const struct service_answer *answer)
{
	(void)arg;
	(void)server;
	(void)request;
	(void)fault;
	(void)why;
	(void)answer;
	ck_abort_msg("the self-test was reported as an issued credential");
}

START_TEST(success_leaves_no_trace)
{
	settings.service.decided = never;
	ck_assert_msg(issuer_self_test(&issuer, error, sizeof(error)), "%s", error);
	for (int i = 0; i < COUNTER_COUNT; i++)
		ck_assert_uint_eq(issuer.counters[i], 0);
}
END_TEST

START_TEST(no_key_is_valid)
{
	for (size_t i = 0; i < fixture.keyring->count; i++)
		fixture.keyring->keys[i].not_after_s = NOW_S;
	ck_assert(!issuer_self_test(&issuer, error, sizeof(error)));
	ck_assert_msg(strstr(error, "no key of /etc/avedge/keys is valid now") != NULL,
		      "%s", error);
}
END_TEST

/* The key that signs is not the key that verifies. */
START_TEST(the_relay_would_refuse)
{
	struct keyring other = *fixture.keyring;

	for (size_t i = 0; i < other.count; i++)
		other.keys[i].mras_token[0] ^= 1;
	settings.keyring = &other;
	ck_assert(!issuer_self_test(&issuer, error, sizeof(error)));
	ck_assert_msg(strstr(error, "would be refused by the relay") != NULL, "%s",
		      error);
}
END_TEST

static void mras_self_test_suite(Suite *suite)
{
	TCase *tc = tcase_create("mras_self_test");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, success_leaves_no_trace);
	tcase_add_test(tc, no_key_is_valid);
	tcase_add_test(tc, the_relay_would_refuse);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("mras_self_test", mras_self_test_suite)
