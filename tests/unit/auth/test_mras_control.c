/*
 * test_mras_control.c - answers of mrasd's control interface, without its socket, and
 * mrasd's metrics.
 */
#include "auth/server/control.h"

#include <stdio.h>
#include <string.h>

#include "auth/server/metrics.h"
#include "auth/server/mras_settings.h"
#include "base/log.h"
#include "tests/unit/auth/issuer_fixture.h"
#include "tests/unit/lib/openapi_routes.h"
#include "tests/unit/lib/source_file.h"
#include "tests/unit/lib/unit.h"

static struct issuer_fixture fixture;
static struct control_reply reply;

static void make(void)
{
	issuer_fixture_make(&fixture, "");
}

static void end(void)
{
	control_reply_clear(&reply);
	issuer_fixture_free(&fixture);
}

/* The document; it belongs to the reply. */
static json_t *ask(const char *method, const char *path, const char *body)
{
	const struct control_message message = {
		.method = method,
		.path = path,
		.body = body,
		.body_len = strlen(body),
	};

	control_reply_clear(&reply);
	control_dispatch(issuer_routes, issuer_route_count, &fixture.control, &message,
			 &reply);
	ck_assert_ptr_nonnull(reply.document);
	return reply.document;
}

static json_t *member(json_t *document, const char *name)
{
	json_t *value = json_object_get(document, name);

	ck_assert_msg(value != NULL, "no member %s", name);
	return value;
}

static const struct {
	const char *name;
	const char *method, *path, *body;
	unsigned want;
} requests[] = {
	{"status", "GET", "/v1/status", "", 200},
	{"relays", "GET", "/v1/relays", "", 200},
	{"drain by host", "PUT", "/v1/relays/av1.lab.example/drain", "", 200},
	{"drain by address", "PUT", "/v1/relays/192.0.2.2/drain", "{}", 200},
	{"drain without force", "PUT", "/v1/relays/192.0.2.2/drain", "{\"force\":false}",
	 200},
	{"drain of an unknown relay", "PUT", "/v1/relays/192.0.2.3/drain", "", 404},
	{"drain of the last inside", "PUT", "/v1/relays/10.0.0.5/drain", "", 409},
	{"drain of the last inside, without force", "PUT", "/v1/relays/10.0.0.5/drain",
	 "{\"force\":false}", 409},
	{"drain of the last inside, with force", "PUT", "/v1/relays/10.0.0.5/drain",
	 "{\"force\":true}", 200},
	{"force is not a boolean", "PUT", "/v1/relays/10.0.0.5/drain", "{\"force\":1}",
	 400},
	{"unknown member", "PUT", "/v1/relays/10.0.0.5/drain", "{\"deadline_s\":1}", 400},
	{"not JSON", "PUT", "/v1/relays/10.0.0.5/drain", "{", 400},
	{"undrain", "DELETE", "/v1/relays/10.0.0.5/drain", "", 200},
	{"undrain of an unknown relay", "DELETE", "/v1/relays/nobody/drain", "", 404},
	{"drain is a state, not an action", "POST", "/v1/relays/10.0.0.5/drain", "", 405},
	{"reload", "POST", "/v1/reload", "", 200},
	{"reload is not a GET", "GET", "/v1/reload", "", 405},
	{"levels", "GET", "/v1/log-levels", "", 200},
	{"a level", "PUT", "/v1/log-levels/auth", "{\"level\":\"debug\"}", 200},
	{"level of an unknown subsystem", "PUT", "/v1/log-levels/nobody",
	 "{\"level\":\"debug\"}", 404},
	{"configuration", "GET", "/v1/configuration", "", 200},
	{"a path that only the relay has", "GET", "/v1/allocations", "", 404},
};

START_TEST(control_answers)
{
	ask(requests[_i].method, requests[_i].path, requests[_i].body);
	ck_assert_msg(reply.status == requests[_i].want, "%s: %u", requests[_i].name,
		      reply.status);
	log_set_subsystem_level(SUBSYSTEM_AUTH, false, LOG_LEVEL_INFO);
}
END_TEST

/* "host draining, ..." of GET /v1/relays. */
static const char *relay_states(void)
{
	static char text[512];
	json_t *rows = member(ask("GET", "/v1/relays", ""), "relays"), *row;
	size_t len = 0, i;

	text[0] = '\0';
	json_array_foreach(rows, i, row)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s/%s%s",
					i == 0 ? "" : " ",
					json_string_value(member(row, "side")),
					json_string_value(member(row, "address")),
					json_is_true(member(row, "draining")) ? "!" : "");
	return text;
}

START_TEST(control_drains_and_undrains)
{
	ask("PUT", "/v1/relays/av1.lab.example/drain", "");
	ck_assert_str_eq(relay_states(), "outside/av1.lab.example! "
					 "outside/av2.lab.example "
					 "inside/edge-in.lab.example");
	ask("PUT", "/v1/relays/av2.lab.example/drain", "");
	ck_assert_uint_eq(reply.status, 409);
	ask("POST", "/v1/reload", "");
	ask("DELETE", "/v1/relays/av1.lab.example/drain", "");
	ask("PUT", "/v1/relays/AV2.lab.example/drain", "");
	ck_assert_str_eq(relay_states(), "outside/av1.lab.example "
					 "outside/av2.lab.example! "
					 "inside/edge-in.lab.example");
}
END_TEST

START_TEST(control_says_why_a_reload_is_rejected)
{
	char want[256];

	issuer_fixture_configure(&fixture, "relm = x\n");
	json_t *problem = ask("POST", "/v1/reload", "");

	ck_assert_uint_eq(reply.status, 422);
	snprintf(want, sizeof(want),
		 "%s:10:1: unknown key \"relm\"; did you mean \"realm\"?",
		 issuer_fixture_path(&fixture, "mrasd.conf"));
	ck_assert_str_eq(json_string_value(member(problem, "detail")), want);

	json_t *last = member(ask("GET", "/v1/status", ""), "reload");
	ck_assert_str_eq(json_string_value(member(last, "result")), "rejected");
	ck_assert_str_eq(json_string_value(member(last, "error")), want);
}
END_TEST

START_TEST(control_reload_names_changes)
{
	issuer_fixture_configure(&fixture, "realm = x user = y\n");
	json_t *document = ask("POST", "/v1/reload", "");
	json_t *first = json_array_get(member(document, "changes"), 0);
	json_t *second = json_array_get(member(document, "changes"), 1);

	ck_assert_str_eq(json_string_value(member(document, "result")), "applied");
	ck_assert_int_eq(json_integer_value(member(document, "generation")), 2);
	ck_assert_str_eq(json_string_value(member(first, "key")), "realm");
	ck_assert_str_eq(json_string_value(member(first, "effect")), "applied");
	ck_assert_str_eq(json_string_value(member(second, "key")), "user");
	ck_assert_str_eq(json_string_value(member(second, "effect")), "restart");
}
END_TEST

static void decide(enum credential_form form, enum service_language language,
		   enum service_fault fault)
{
	const struct mras_settings *settings = fixture.issuer.settings;
	const struct service_request request = {
		.identity = {(const uint8_t *)"a", 1},
		.form = form,
		.language = language,
	};
	const struct service_answer answer = {.key_id = "one"};

	issuer_decided(&fixture.issuer, &settings->service.servers[0], &request, fault,
		       NULL, fault == SERVICE_OK ? &answer : NULL);
}

START_TEST(control_status_counts)
{
	decide(CREDENTIAL_REST, SERVICE_HTTP, SERVICE_OK);
	decide(CREDENTIAL_MRAS_TEXT, SERVICE_SIP, SERVICE_OK);
	decide(CREDENTIAL_MRAS_TEXT, SERVICE_SIP, SERVICE_FORBIDDEN);

	json_t *status = ask("GET", "/v1/status", "");
	json_t *credentials = member(status, "credentials");

	ck_assert_str_eq(json_string_value(member(status, "state")), "serving");
	ck_assert_int_eq(json_integer_value(member(credentials, "issued")), 2);
	ck_assert_int_eq(json_integer_value(member(credentials, "refused")), 1);
	ck_assert_int_eq(
		json_integer_value(
			member(member(member(credentials, "issued_by"), "mras"), "sip")),
		1);
	ck_assert_int_eq(json_integer_value(
				 member(member(credentials, "refused_by"), "forbidden")),
			 1);
	ck_assert(json_is_null(member(status, "reload")));
	ck_assert_uint_eq(json_array_size(member(status, "relays")), 3);

	json_t *key = json_array_get(member(status, "keys"), 0);
	ck_assert_str_eq(json_string_value(member(key, "id")), "one");
	ck_assert_str_eq(json_string_value(member(key, "state")), "signs");
	ck_assert(json_is_null(member(key, "not_after")));
	ck_assert_int_eq(json_integer_value(member(status, "generation")), 1);

	/* No revocation list is configured, and keys without an end have no expiry. */
	json_t *files = member(status, "files");
	ck_assert_uint_eq(json_array_size(files), 4);
	json_t *keys = json_array_get(files, 0);
	ck_assert_str_eq(json_string_value(member(keys, "key")), "keys");
	ck_assert_str_eq(json_string_value(member(keys, "about")), "one");
	ck_assert(json_is_null(member(keys, "not_after")));
	ck_assert(json_is_string(member(json_array_get(files, 1), "not_after")));
}
END_TEST

START_TEST(control_status_shows_keys_by_their_use)
{
	static const char *const want[] = {"past", "signs", "verifies", "future"};

	issuer_fixture_write(&fixture, "keys",
			     "a MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZTE= - "
			     "2020-01-01T00:00:00Z\n"
			     "b MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZTI=\n"
			     "c MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZTM=\n"
			     "d MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZTQ= "
			     "2120-01-01T00:00:00Z\n");
	ask("POST", "/v1/reload", "");
	ck_assert_uint_eq(reply.status, 200);

	json_t *rows = member(ask("GET", "/v1/status", ""), "keys");

	ck_assert_uint_eq(json_array_size(rows), ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		ck_assert_str_eq(
			json_string_value(member(json_array_get(rows, i), "state")),
			want[i]);
	ck_assert_str_eq(json_string_value(member(json_array_get(rows, 0), "not_after")),
			 "2020-01-01T00:00:00Z");
	ck_assert_str_eq(json_string_value(member(json_array_get(rows, 3), "not_before")),
			 "2120-01-01T00:00:00Z");
}
END_TEST

/* The document has a member for each key of the configuration, and no secret. */
START_TEST(control_configuration_is_what_is_in_force)
{
	issuer_fixture_configure(&fixture, "realm = x user = y\n");
	ask("POST", "/v1/reload", "");

	json_t *keys = member(ask("GET", "/v1/configuration", ""), "keys"), *row;
	bool realm = false, user = false;
	size_t i;

	json_array_foreach(keys, i, row)
	{
		const char *key = json_string_value(member(row, "key"));
		const char *value = json_string_value(member(row, "value"));

		if (strcmp(key, "realm") == 0)
			realm = strcmp(value, "x") == 0;
		if (strcmp(key, "user") == 0)
			user = strcmp(value, "") == 0;
	}
	ck_assert(realm);
	ck_assert_msg(user, "a value that waits for a restart is shown as in force");
}
END_TEST

static char *scrape(void)
{
	struct openmetrics om;

	openmetrics_init(&om, OPENMETRICS_1_0_0);
	issuer_metrics(&fixture.issuer, fixture.reload, &om);
	char *text = openmetrics_finish(&om, NULL);
	ck_assert_ptr_nonnull(text);
	return text;
}

static void must_have(const char *text, const char *line)
{
	char want[256];

	snprintf(want, sizeof(want), "\n%s\n", line);
	ck_assert_msg(strstr(text, want) != NULL, "no line %s in\n%s", line, text);
}

START_TEST(metrics_agree_with_events)
{
	decide(CREDENTIAL_REST, SERVICE_HTTP, SERVICE_OK);
	decide(CREDENTIAL_MRAS_TEXT, SERVICE_SIP, SERVICE_NO_KEY);
	mras_counters_latency(&fixture.issuer.mras_counters, SERVICE_SIP, 200000);
	fixture.issuer.mras_counters.handshakes[HANDSHAKE_REVOKED] = 3;
	fixture.issuer.counters[COUNT_TRUSTED] = 4;
	fixture.issuer.settings->relays[1].draining = true;

	char *text = scrape();

	must_have(text, "avedge_mras_credentials_issued_total{form=\"rest\","
			"transport=\"https\"} 1");
	must_have(text, "avedge_mras_credentials_issued_total{form=\"mras\","
			"transport=\"sip\"} 0");
	must_have(text, "avedge_mras_credentials_refused_total{reason=\"no_key\"} 1");
	must_have(text, "avedge_mras_handshakes_refused_total{reason=\"revoked\"} 3");
	must_have(text, "avedge_mras_handshakes_trusted_total 4");
	must_have(text, "avedge_mras_request_duration_seconds_bucket{transport=\"sip\","
			"le=\"0.00025\"} 1");
	must_have(text,
		  "avedge_mras_request_duration_seconds_count{transport=\"sip\"} 1");
	must_have(text, "avedge_mras_relays{side=\"outside\",state=\"named\"} 1");
	must_have(text, "avedge_mras_relays{side=\"outside\",state=\"draining\"} 1");
	must_have(text, "avedge_mras_relays{side=\"inside\",state=\"draining\"} 0");
	must_have(text, "avedge_key_expiry_timestamp_seconds{key=\"signing\"} +Inf");
	must_have(text, "avedge_reload_successful 1");
	ck_assert_ptr_null(strstr(text, "avedge_mras_crl_expiry_timestamp_seconds 1"));
	free(text);

	issuer_fixture_configure(&fixture, "relm = x\n");
	ask("POST", "/v1/reload", "");
	text = scrape();
	must_have(text, "avedge_reload_successful 0");
	must_have(text, "avedge_restart_pending 0");
	free(text);

	issuer_fixture_configure(&fixture, "user = nobody\n");
	ask("POST", "/v1/reload", "");
	text = scrape();
	must_have(text, "avedge_restart_pending 1");
	free(text);
}
END_TEST

/* Label sets are closed: the number of servers and identities adds no series. */
START_TEST(metrics_have_the_same_lines_after_many_users)
{
	char *before = scrape(), *after;
	size_t lines = 0;

	for (const char *p = before; *p; p++)
		lines += *p == '\n';
	for (int i = 0; i < 1000; i++) {
		char identity[32];
		const struct service_request request = {
			.identity = {(const uint8_t *)identity,
				     (size_t)snprintf(identity, sizeof(identity),
						      "user%d\"\n", i)},
			.form = CREDENTIAL_MRAS_TEXT,
		};

		issuer_decided(&fixture.issuer,
			       &fixture.issuer.settings->service.servers[i % 2], &request,
			       i % 2 ? SERVICE_OK : SERVICE_BUSY, NULL,
			       i % 2 ? &(struct service_answer){.key_id = "one"} : NULL);
	}
	after = scrape();
	for (const char *p = after; *p; p++)
		lines -= *p == '\n';
	ck_assert_uint_eq(lines, 0);
	ck_assert_ptr_null(strstr(after, "user"));
	free(before);
	free(after);
}
END_TEST

/* The manual page names each family and each value of a label, and no others. */
START_TEST(metrics_are_in_the_manual_page)
{
	char *page = source_file("docs/mrasd.8"), *text = scrape(), *rest = NULL;
	char word[128];

	for (char *line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		char name[96], type[16];

		if (sscanf(line, "# TYPE %95s %15s", name, type) == 2) {
			snprintf(word, sizeof(word), " %s%s", name,
				 strcmp(type, "counter") == 0 ? "_total" : "");
			ck_assert_msg(strstr(page, word) != NULL,
				      "%s is missing in the manual page", word);
		}
		for (char *value = strchr(line, '"'); value; value = strchr(value, '"')) {
			size_t len = strcspn(++value, "\"");

			snprintf(word, sizeof(word), " %.*s", (int)len, value);
			value += len + 1;
			if (strstr(line, "le=\"") == NULL)
				ck_assert_msg(strstr(page, word) != NULL, "of %s: %s",
					      line, word);
		}
	}
	free(text);

	text = scrape();
	for (const char *item = strstr(page, "avedge_"); item;
	     item = strstr(item + 1, "avedge_")) {
		int len = (int)strspn(item, "abcdefghijklmnopqrstuvwxyz_");

		snprintf(word, sizeof(word), "%.*s", len, item);
		if (strlen(word) > 6 && strcmp(word + strlen(word) - 6, "_total") == 0)
			word[strlen(word) - 6] = '\0';
		ck_assert_msg(strstr(text, word) != NULL, "%s is in no metric", word);
	}
	free(text);
	free(page);
}
END_TEST

START_TEST(requests_are_those_of_the_openapi_file)
{
	openapi_routes_check(issuer_routes, issuer_route_count, "control-mrasd.json");
}
END_TEST

static void control_suite(Suite *suite)
{
	TCase *tc = tcase_create("mras_control");

	tcase_add_checked_fixture(tc, make, end);
	tcase_add_loop_test(tc, control_answers, 0, ROWS(requests));
	tcase_add_test(tc, control_drains_and_undrains);
	tcase_add_test(tc, control_says_why_a_reload_is_rejected);
	tcase_add_test(tc, control_reload_names_changes);
	tcase_add_test(tc, control_status_counts);
	tcase_add_test(tc, control_status_shows_keys_by_their_use);
	tcase_add_test(tc, control_configuration_is_what_is_in_force);
	tcase_add_test(tc, requests_are_those_of_the_openapi_file);
	tcase_add_test(tc, metrics_agree_with_events);
	tcase_add_test(tc, metrics_are_in_the_manual_page);
	tcase_add_test(tc, metrics_have_the_same_lines_after_many_users);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("mras_control", control_suite)
