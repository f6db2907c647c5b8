/*
 * test_mras_memory.c - mrasd when memory runs out: each of our allocations fails in turn.
 * Nothing leaks, and no answer is incomplete.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/mras/sip.h"
#include "tests/unit/auth/mras_fixture.h"
#include "tests/unit/lib/oom.h"
#include "tests/unit/lib/unit.h"

#define BODY                                                                            \
	"<request requestID=\"7\" version=\"2.0\" to=\"sip:m@lab.example\""             \
	" from=\"sip:alice@lab.example\""                                               \
	" xmlns=\"http://schemas.microsoft.com/2006/09/sip/mrasp\"><credentialsRequest" \
	" credentialsRequestID=\"8\"><identity>sip:alice@lab.example</identity>"        \
	"<location>internet</location><duration>480</duration></credentialsRequest>"    \
	"<credentialsRequest credentialsRequestID=\"9\"><identity>b</identity>"         \
	"</credentialsRequest></request>"

static const char message[] =
	"SERVICE sip:edge01:5062;grid SIP/2.0\r\n"
	"Via: SIP/2.0/TLS 192.0.2.10;branch=z9hG4bK1, SIP/2.0/TLS a\r\n"
	"From: \"Alice\"<sip:alice@lab.example>;tag=1\r\n"
	"To: <sip:m@lab.example;gruu>\r\n"
	"Call-ID: 1\r\n"
	"CSeq: 1 SERVICE\r\n"
	"Content-Type: application/msrtc-media-relay-auth+xml\r\n\r\n" BODY;

static struct mras_fixture fixture;

static void make(void)
{
	mras_fixture_make(&fixture);
	fixture.service.identity_per_minute = 1000000;
}

static void end(void)
{
	mras_fixture_free(&fixture);
}

static void *make_memory(void *unused)
{
	(void)unused;
	return service_memory_new();
}

static void drop_memory(void *memory)
{
	service_memory_free(memory);
}

START_TEST(memory_of_the_service)
{
	ck_assert_uint_ge(oom_try_each(make_memory, drop_memory, NULL), 3);
}
END_TEST

START_TEST(memory_for_a_request)
{
	unsigned failures = 0;

	for (bool failed = true; failed; failures += failed) {
		enum mras_reason reason;
		long before = oom_live_blocks();

		oom_arm(failures);
		struct mras_request *request =
			mras_request_parse(slice_of(BODY), &reason);
		failed = oom_disarm();
		size_t parts = request ? request->count : 0;
		mras_request_free(request);
		long after = oom_live_blocks();

		ck_assert_msg(before == after, "failure %u left %ld blocks", failures,
			      after - before);
		ck_assert_int_eq(reason, failed ? MRAS_INTERNAL_ERROR : MRAS_OK);
		if (!failed)
			ck_assert_uint_eq(parts, 2);
	}
	ck_assert_uint_ge(failures, 10);
}
END_TEST

START_TEST(memory_for_a_response)
{
	enum mras_reason reason;
	struct mras_request *request = mras_request_parse(slice_of(BODY), &reason);
	unsigned failures = 0;

	for (bool failed = true; failed; failures += failed) {
		size_t len;
		long before = oom_live_blocks();

		oom_arm(failures);
		char *answer = mras_respond(&fixture.service, fixture.memory,
					    &fixture.servers[OPEN_SERVER], request,
					    reason, NOW_MS, NOW_S, &len);
		failed = oom_disarm();
		size_t credentials = answer ? count_of(answer, "<username>") : 0;
		bool is_ok = answer && strstr(answer, "reasonPhrase=\"OK\"");
		bool is_error = answer && strstr(answer, "\"Internal Server Error\"/>");
		free(answer);
		long after = oom_live_blocks();

		ck_assert_msg(before == after, "failure %u left %ld blocks", failures,
			      after - before);
		ck_assert_msg(is_ok != failed, "failure %u", failures);
		ck_assert_uint_eq(credentials, failed ? 0 : 2);
		ck_assert(!answer || is_ok || is_error);
	}
	ck_assert_uint_ge(failures, 4);
	mras_request_free(request);
}
END_TEST

START_TEST(memory_for_a_sip_response)
{
	unsigned failures = 0;

	for (bool failed = true; failed; failures += failed) {
		size_t len;
		bool closes;
		long before = oom_live_blocks();

		oom_arm(failures);
		char *answer = sip_respond(&fixture.service, fixture.memory,
					   &fixture.servers[OPEN_SERVER],
					   slice_of(message), NOW_MS, NOW_S, &len,
					   &closes);
		failed = oom_disarm();
		size_t credentials = answer ? count_of(answer, "<username>") : 0;
		bool is_whole = !answer || strlen(answer) == len;
		free(answer);
		long after = oom_live_blocks();

		ck_assert_msg(before == after, "failure %u left %ld blocks", failures,
			      after - before);
		ck_assert_uint_eq(credentials, failed ? 0 : 2);
		ck_assert(is_whole);
	}
	ck_assert_uint_ge(failures, 20);
}
END_TEST

static void mras_memory_suite(Suite *suite)
{
	TCase *cases = tcase_create("memory");

	tcase_add_checked_fixture(cases, make, end);
	tcase_add_test(cases, memory_of_the_service);
	tcase_add_test(cases, memory_for_a_request);
	tcase_add_test(cases, memory_for_a_response);
	tcase_add_test(cases, memory_for_a_sip_response);
	suite_add_tcase(suite, cases);
}

UNIT_MAIN("mras_memory", mras_memory_suite)
