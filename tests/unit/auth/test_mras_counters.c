/*
 * test_mras_counters.c - every decision is counted once, under a name of a closed set.
 */
#include "auth/mras/mras_counters.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/lib/unit.h"

static struct mras_counters counters;

static void make(void)
{
	memset(&counters, 0, sizeof(counters));
}

static const struct {
	const char *name;
	enum service_fault fault;
	bool whole; /* the request as a whole was refused */
	const char *want;
} refusals[] = {
	{"identity", SERVICE_BAD_IDENTITY, false, "bad_identity"},
	{"forbidden", SERVICE_FORBIDDEN, false, "forbidden"},
	{"a rate of the server", SERVICE_BUSY, true, "server_rate"},
	{"a rate of the identity", SERVICE_BUSY, false, "identity_rate"},
	{"key", SERVICE_NO_KEY, false, "no_key"},
	{"relay", SERVICE_NO_RELAY, false, "no_relay"},
	{"memory", SERVICE_FAILED, false, "failed"},
	{"gibberish", SERVICE_NOT_UNDERSTOOD, true, "not_understood"},
};

START_TEST(mras_counters_counts_a_refusal_by_reason)
{
	static const struct service_request request = {.form = CREDENTIAL_REST};

	mras_counters_decision(&counters, refusals[_i].whole ? NULL : &request,
			       refusals[_i].fault);
	ck_assert_uint_eq(mras_counters_refused(&counters), 1);
	ck_assert_uint_eq(mras_counters_issued(&counters), 0);
	for (int i = 0; i < MRAS_REFUSAL_COUNT; i++) {
		const char *reason = mras_refusal_name((enum mras_refusal)i);
		bool is_it = strcmp(reason, refusals[_i].want) == 0;

		ck_assert_msg(counters.refused[i] == is_it, "%s: counted as %s",
			      refusals[_i].name, reason);
	}
}
END_TEST

START_TEST(mras_counters_has_a_reason_for_every_fault)
{
	ck_assert_int_eq(ARRAY_LEN(refusals), MRAS_REFUSAL_COUNT);
	for (int i = 0; i < HANDSHAKE_FAULT_COUNT; i++) {
		const char *name = handshake_fault_name((enum handshake_fault)i);

		ck_assert_uint_gt(strlen(name), 0);
		ck_assert_uint_eq(strspn(name, "abcdefghijklmnopqrstuvwxyz_"),
				  strlen(name));
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(name,
					 handshake_fault_name((enum handshake_fault)j));
	}
}
END_TEST

static const struct {
	enum credential_form form;
	enum service_language language;
	const char *form_name, *language_name;
} credentials[] = {
	{CREDENTIAL_REST, SERVICE_HTTP, "rest", "https"},
	{CREDENTIAL_MRAS_TEXT, SERVICE_HTTP, "mras", "https"},
	{CREDENTIAL_MRAS_TEXT, SERVICE_SIP, "mras", "sip"},
	{CREDENTIAL_MRAS_BINARY, SERVICE_SIP, "mras", "sip"},
};

START_TEST(mras_counters_counts_a_credential_by_form_and_language)
{
	const struct service_request request = {.form = credentials[_i].form,
						.language = credentials[_i].language};

	mras_counters_decision(&counters, &request, SERVICE_OK);
	mras_counters_decision(&counters, &request, SERVICE_OK);
	ck_assert_uint_eq(mras_counters_issued(&counters), 2);
	ck_assert_uint_eq(mras_counters_refused(&counters), 0);
	for (unsigned form = 0; form < MRAS_COUNTERS_FORMS; form++) {
		for (int i = 0; i < SERVICE_LANGUAGE_COUNT; i++) {
			enum service_language language = (enum service_language)i;
			bool is_it = strcmp(mras_counters_form_name(form),
					    credentials[_i].form_name) == 0 &&
				     strcmp(mras_counters_language_name(language),
					    credentials[_i].language_name) == 0;

			ck_assert_uint_eq(counters.issued[form][i], is_it ? 2 : 0);
		}
	}
}
END_TEST

static const struct {
	uint64_t ns;
	size_t bucket;
} times[] = {
	{0, 0},
	{50000, 0}, /* a bound belongs to its bucket */
	{50001, 1},
	{100000000, LATENCY_BOUNDS - 1},
	{100000001, LATENCY_BOUNDS},
	{UINT64_C(1) << 60, LATENCY_BOUNDS},
};

START_TEST(mras_counters_latency_knows_its_buckets)
{
	const struct latency *latency = &counters.latency[SERVICE_SIP];

	mras_counters_latency(&counters, SERVICE_SIP, times[_i].ns);
	for (size_t i = 0; i <= LATENCY_BOUNDS; i++)
		ck_assert_uint_eq(latency->counts[i], i == times[_i].bucket);
	ck_assert_uint_eq(latency->sum_ns, times[_i].ns);
	ck_assert_uint_eq(counters.latency[SERVICE_HTTP].sum_ns, 0);
}
END_TEST

START_TEST(mras_counters_bounds_rise)
{
	for (size_t i = 1; i < LATENCY_BOUNDS; i++)
		ck_assert(latency_bounds[i] > latency_bounds[i - 1]);
}
END_TEST

static void mras_counters_suite(Suite *suite)
{
	TCase *tc = tcase_create("counters");

	tcase_add_checked_fixture(tc, make, NULL);
	tcase_add_loop_test(tc, mras_counters_counts_a_refusal_by_reason, 0,
			    ROWS(refusals));
	tcase_add_test(tc, mras_counters_has_a_reason_for_every_fault);
	tcase_add_loop_test(tc, mras_counters_counts_a_credential_by_form_and_language, 0,
			    ROWS(credentials));
	tcase_add_loop_test(tc, mras_counters_latency_knows_its_buckets, 0, ROWS(times));
	tcase_add_test(tc, mras_counters_bounds_rise);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("counters", mras_counters_suite)
