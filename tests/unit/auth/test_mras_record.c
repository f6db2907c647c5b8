/*
 * test_mras_record.c - the log of mrasd's decisions: a record for every credential, and a
 * limited number of refusals.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "auth/credential/credential.h"
#include "auth/server/issuer.h"
#include "auth/server/mras_settings.h"
#include "base/log.h"
#include "tests/unit/auth/issuer_fixture.h"
#include "tests/unit/lib/unit.h"

static struct issuer_fixture fixture;
static FILE *captured;
static char text[65536];

static void make(void)
{
	issuer_fixture_make(&fixture, "");
	captured = tmpfile();
	ck_assert_ptr_nonnull(captured);
	ck_assert_int_ge(dup2(fileno(captured), STDERR_FILENO), 0);
	log_open("mrasd");
}

static void end(void)
{
	issuer_fixture_free(&fixture);
	fclose(captured);
}

/* What was written since the last call. */
static const char *written(void)
{
	static off_t seen;
	ssize_t n = pread(fileno(captured), text, sizeof(text) - 1, seen);

	ck_assert_int_ge(n, 0);
	seen += n;
	text[n] = '\0';
	return text;
}

static size_t lines_with(const char *where, const char *what)
{
	size_t lines = 0;

	for (; (where = strstr(where, what)); where += strlen(what))
		lines++;
	return lines;
}

static void decide(const struct service_request *request, enum service_fault fault)
{
	static const struct service_answer answer = {
		.pair = {.expires_s = INT64_C(1767225600)},
		.ttl_s = 28800,
		.key_id = "one",
	};

	issuer_decided(&fixture.issuer, &fixture.issuer.settings->service.servers[0],
		       request, fault,
		       fault == SERVICE_NOT_UNDERSTOOD ? "GET /: 404" : NULL,
		       fault == SERVICE_OK ? &answer : NULL);
}

static struct service_request request_for(const char *identity)
{
	return (struct service_request){
		.identity = {(const uint8_t *)identity, strlen(identity)},
		.form = CREDENTIAL_MRAS_TEXT,
		.language = SERVICE_SIP,
	};
}

START_TEST(record_of_a_credential)
{
	struct service_request request = request_for("sip:alice@lab.example");

	decide(&request, SERVICE_OK);
	ck_assert_str_eq(written(),
			 "mrasd: notice: credential issued SERVER=fe01.lab.example "
			 "IDENTITY=sip:alice@lab.example FORM=mras TRANSPORT=sip "
			 "LOCATION=any TTL_S=28800 EXPIRES=2026-01-01T00:00:00Z "
			 "KEY_ID=one\n");

	request = request_for("a b\n\"");
	request.form = CREDENTIAL_REST;
	request.language = SERVICE_HTTP;
	request.location = LOCATION_INTERNET;
	decide(&request, SERVICE_OK);
	ck_assert_str_eq(written(),
			 "mrasd: notice: credential issued SERVER=fe01.lab.example "
			 "IDENTITY=\"a b\\x0a\\x22\" FORM=rest TRANSPORT=https "
			 "LOCATION=internet TTL_S=28800 EXPIRES=2026-01-01T00:00:00Z "
			 "KEY_ID=one\n");
}
END_TEST

/* The name that the relay shows and that revoked_users takes. */
START_TEST(record_names_the_user_as_the_relay_does)
{
	static const char identity[] = "sip:alice@lab.example";
	const struct slice who = {(const uint8_t *)identity, strlen(identity)};
	const struct service *service = &fixture.issuer.settings->service;
	struct service_answer answer = {.ttl_s = 60, .key_id = "one"};
	struct service_request request = request_for(identity);
	char line[CREDENTIAL_USER_MAX + 16];
	struct credential credential;
	uint64_t serial = 1;

	ck_assert(credential_issue_mras(&service->keyring->keys[0], 1, who, 1767225600,
					NULL, &serial, &answer.pair));
	issuer_decided(&fixture.issuer, &service->servers[0], &request, SERVICE_OK, NULL,
		       &answer);
	ck_assert_int_eq(
		credential_parse((struct slice){answer.pair.token, answer.pair.token_len},
				 true, &credential),
		CREDENTIAL_OK);
	snprintf(line, sizeof(line), " USER=%s ", credential.user);
	ck_assert_ptr_nonnull(strstr(written(), line));

	ck_assert(credential_issue_rest(&service->keyring->keys[0], who, 1767225600, NULL,
					&answer.pair));
	issuer_decided(&fixture.issuer, &service->servers[0], &request, SERVICE_OK, NULL,
		       &answer);
	ck_assert_ptr_nonnull(strstr(written(), " USER=sip:alice@lab.example "));

	issuer_fixture_configure(&fixture, "log { identities = no }\n");
	ck_assert(reload_configuration(fixture.reload, fixture.issuer.unix_s, NULL));
	written();
	issuer_decided(&fixture.issuer, &fixture.issuer.settings->service.servers[0],
		       &request, SERVICE_OK, NULL, &answer);
	ck_assert_uint_eq(lines_with(written(), "credential issued"), 1);
	ck_assert_ptr_null(strstr(text, "USER="));
}
END_TEST

START_TEST(record_of_a_refusal)
{
	struct service_request request = request_for("sip:eve@evil.example");

	decide(&request, SERVICE_FORBIDDEN);
	ck_assert_str_eq(written(),
			 "mrasd: notice: credential refused SERVER=fe01.lab.example "
			 "IDENTITY=sip:eve@evil.example FORM=mras TRANSPORT=sip "
			 "LOCATION=any REASON=forbidden\n");
}
END_TEST

START_TEST(record_without_identities_has_no_identity)
{
	struct service_request request = request_for("sip:alice@lab.example");

	issuer_fixture_configure(&fixture, "log { identities = no }\n");
	ck_assert(reload_configuration(fixture.reload, fixture.issuer.unix_s, NULL));
	written();
	decide(&request, SERVICE_OK);
	decide(&request, SERVICE_FORBIDDEN);
	ck_assert_uint_eq(lines_with(written(), "FORM=mras"), 2);
	ck_assert_ptr_null(strstr(text, "alice"));

	issuer_fixture_configure(&fixture, "log { records = no }\n");
	ck_assert(reload_configuration(fixture.reload, fixture.issuer.unix_s, NULL));
	written();
	decide(&request, SERVICE_OK);
	decide(&request, SERVICE_FORBIDDEN);
	ck_assert_str_eq(written(), "");
}
END_TEST

START_TEST(record_cuts_an_identity)
{
	char long_identity[1001];

	memset(long_identity, 'a', sizeof(long_identity) - 1);
	long_identity[1000] = '\0';
	struct service_request request = request_for(long_identity);
	decide(&request, SERVICE_OK);
	const char *shown = strstr(written(), "IDENTITY=");
	ck_assert_ptr_nonnull(shown);
	ck_assert_uint_eq(strspn(shown + strlen("IDENTITY="), "a"), 256);
	ck_assert_ptr_nonnull(strstr(text, "KEY_ID=one"));
}
END_TEST

START_TEST(records_of_refusals_are_limited)
{
	struct service_request request = request_for("a");

	fixture.issuer.unix_s = 1000;
	for (int i = 0; i < 50; i++) {
		decide(&request, SERVICE_FORBIDDEN);
		decide(&request, SERVICE_OK);
	}
	written();
	ck_assert_uint_eq(lines_with(text, "credential issued"), 50);
	ck_assert_uint_eq(lines_with(text, "credential refused"), 20);

	fixture.issuer.unix_s = 1001;
	decide(&request, SERVICE_FORBIDDEN);
	ck_assert_ptr_nonnull(
		strstr(written(), "30 more refusals within a second; not recorded\n"));
	ck_assert_uint_eq(lines_with(text, "credential refused"), 1);
	ck_assert_uint_eq(fixture.issuer.mras_counters.refused[MRAS_REFUSAL_FORBIDDEN],
			  51);
}
END_TEST

/* Rate limits and malformed requests: at most ten lines a minute. */
START_TEST(records_of_rate_limits_are_few_lines)
{
	struct service_request request = request_for("a");

	for (int i = 0; i < 1000; i++) {
		decide(&request, SERVICE_BUSY);
		decide(NULL, SERVICE_BUSY);
		decide(NULL, SERVICE_NOT_UNDERSTOOD);
	}
	ck_assert_uint_le(lines_with(written(), "\n"), 40); /* at the turn of a minute */
	ck_assert_uint_ge(
		lines_with(text,
			   "fe01.lab.example exceeds limits.identity_per_minute for a\n"),
		1);
	ck_assert_uint_ge(lines_with(text, "requests_per_second"), 1);
	ck_assert_uint_ge(lines_with(text, ": request refused: GET /: 404"), 1);
	ck_assert_uint_eq(lines_with(text, "credential"), 0);
}
END_TEST

static void record_suite(Suite *suite)
{
	TCase *tc = tcase_create("mras_record");

	tcase_add_checked_fixture(tc, make, end);
	tcase_add_test(tc, record_of_a_credential);
	tcase_add_test(tc, record_names_the_user_as_the_relay_does);
	tcase_add_test(tc, record_of_a_refusal);
	tcase_add_test(tc, record_without_identities_has_no_identity);
	tcase_add_test(tc, record_cuts_an_identity);
	tcase_add_test(tc, records_of_refusals_are_limited);
	tcase_add_test(tc, records_of_rate_limits_are_few_lines);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("mras_record", record_suite)
