/*
 * test_self_test.c - a relay that cannot serve reports it before it is ready.
 */
#include "relay/self_test.h"

#include <string.h>
#include <time.h>

#include "tests/unit/lib/unit.h"
#include "tests/unit/relay/relay_fixture.h"

static struct relay_fixture fixture;
static char error[512];

static void good_nonces(struct relay_settings *settings)
{
	settings->turn.nonce_key.lifetime_s = 600;
}

static void no_nonces(struct relay_settings *settings)
{
	settings->turn.nonce_key.lifetime_s = 0;
}

static void mras_only(struct relay_settings *settings)
{
	good_nonces(settings);
	settings->turn.keyring->keys[0].rest = KEY_REST_NONE;
}

static void short_lived_only(struct relay_settings *settings)
{
	good_nonces(settings);
	settings->turn.limits.credential_ttl_max_s = 1;
}

/* One answer per second and no burst: fewer than workers. */
static void strict(struct relay_settings *settings)
{
	good_nonces(settings);
	settings->turn.limits.stranger_rate = 1;
	settings->turn.limits.stranger_burst = 1;
}

static void keys_ended(struct relay_settings *settings)
{
	good_nonces(settings);
	settings->turn.keyring->keys[0].not_after_s = 1;
}

static const struct {
	const char *name;
	void (*change)(struct relay_settings *settings);
	const char *want; /* NULL: passes */
} relays[] = {
	{"as usual", good_nonces, NULL},
	{"a key for MRAS tokens only", mras_only, NULL},
	{"a ceiling below the test's own credential", short_lived_only, NULL},
	{"a limiter stricter than there are workers", strict, NULL},
	{"no valid key", keys_ended, "is valid now; see 'avedgectl key list'"},
	{"a credential that is refused", no_nonces, "own key k1 (stale-nonce)"},
};

START_TEST(judges)
{
	relay_fixture_start(&fixture, NULL, relays[_i].change);
	bool passed = relay_self_test(&fixture.relay, (int64_t)time(NULL), error,
				      sizeof(error));
	ck_assert_msg(passed == (relays[_i].want == NULL), "%s: %s", relays[_i].name,
		      error);
	if (!passed)
		ck_assert_msg(strstr(error, relays[_i].want) != NULL, "%s: \"%s\"",
			      relays[_i].name, error);
	relay_fixture_stop(&fixture);
}
END_TEST

START_TEST(names_the_keyring)
{
	relay_fixture_start(&fixture, NULL, keys_ended);
	ck_assert(!relay_self_test(&fixture.relay, (int64_t)time(NULL), error,
				   sizeof(error)));
	ck_assert_msg(strstr(error, fixture.keys) != NULL, "%s", error);
	relay_fixture_stop(&fixture);
}
END_TEST

/* Counters that operators see start with the first real client. */
START_TEST(leaves_no_trace)
{
	static const struct counters none;
	struct counters sum;

	relay_fixture_start(&fixture, NULL, good_nonces);
	ck_assert_msg(relay_self_test(&fixture.relay, (int64_t)time(NULL), error,
				      sizeof(error)),
		      "%s", error);
	relay_counters(&fixture.relay, &sum);
	ck_assert_mem_eq(&sum, &none, sizeof(sum));
	for (unsigned i = 0; i < FIXTURE_WORKERS; i++)
		ck_assert_ptr_eq(fixture.workers[i]->turn.settings,
				 &fixture.settings->turn);
	relay_fixture_stop(&fixture);
}
END_TEST

static void self_test_suite(Suite *suite)
{
	TCase *tc = tcase_create("self_test");

	tcase_add_loop_test(tc, judges, 0, ROWS(relays));
	tcase_add_test(tc, names_the_keyring);
	tcase_add_test(tc, leaves_no_trace);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("self_test", self_test_suite)
