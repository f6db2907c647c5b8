/*
 * test_both_daemons.c - mediarelayd and mrasd in one program: each runs its own code, and
 * a reload of one does not affect the other.
 */
#include <string.h>
#include <time.h>

#include "auth/mras/service.h"
#include "auth/server/issuer.h"
#include "auth/server/mras_settings.h"
#include "auth/server/self_test.h"
#include "relay/self_test.h"
#include "tests/unit/auth/issuer_fixture.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/relay/relay_fixture.h"

static struct relay_fixture relay;
static struct issuer_fixture issuer;
static char error[512];

static void good_nonces(struct relay_settings *settings)
{
	settings->turn.nonce_key.lifetime_s = 600;
}

static void setup(void)
{
	issuer_fixture_make(&issuer, "");
	relay_fixture_start(&relay, NULL, good_nonces);
}

static void teardown(void)
{
	relay_fixture_stop(&relay);
	issuer_fixture_free(&issuer);
}

START_TEST(each_passes_its_self_test)
{
	ck_assert_msg(issuer_self_test(&issuer.issuer, error, sizeof(error)), "%s",
		      error);
	ck_assert_msg(relay_self_test(&relay.relay, time(NULL), error, sizeof(error)),
		      "%s", error);
}
END_TEST

START_TEST(each_uses_its_own_configuration)
{
	ck_assert_ptr_nonnull(reload_config(issuer.reload));
	ck_assert_ptr_eq(relay.relay.config, relay.config);
	ck_assert_ptr_ne((const void *)reload_config(issuer.reload),
			 (const void *)relay.relay.config);
	/* A reload of mrasd does not affect the relay. */
	issuer_fixture_configure(&issuer, "log { records = no }\n");
	ck_assert(reload_configuration(issuer.reload, time(NULL), NULL));
	ck_assert(relay_self_test(&relay.relay, time(NULL), error, sizeof(error)));
}
END_TEST

static void both_suite(Suite *suite)
{
	TCase *tc = tcase_create("both daemons");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, each_passes_its_self_test);
	tcase_add_test(tc, each_uses_its_own_configuration);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("both daemons", both_suite)
