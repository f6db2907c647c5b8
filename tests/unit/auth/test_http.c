/*
 * test_http.c - answers of mrasd over HTTP; each must match the schema of its status in
 * docs/openapi.json.
 */
#include "auth/server/http_reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "auth/credential/timestamp.h"
#include "tests/unit/auth/http_fixture.h"
#include "tests/unit/lib/json_schema.h"
#include "tests/unit/lib/unit.h"

static const char *text_of(const struct http_answer *answer, const char *name)
{
	const char *text = json_string_value(json_object_get(answer->document, name));

	ck_assert_msg(text != NULL, "no %s in %s", name, answer->reply.body);
	return text;
}

static json_int_t number_of(const struct http_answer *answer, const char *name)
{
	return json_integer_value(json_object_get(answer->document, name));
}

/* The granted lifetime in seconds; the relay accepts the pair until it ends. */
static const struct {
	const char *name;
	int server;
	const char *body;
	json_int_t ttl_s;
} grants[] = {
	{"a user alone", OPEN_SERVER, "{\"user\":\"alice\"}", 8 * 3600},
	{"a minute", OPEN_SERVER, "{\"user\":\"alice\",\"ttl\":60}", 60},
	{"less than a minute", OPEN_SERVER, "{\"user\":\"alice\",\"ttl\":1}", 60},
	{"ten years (attack 43)", OPEN_SERVER, "{\"user\":\"alice\",\"ttl\":315360000}",
	 24 * 3600},
	{"more than fits", OPEN_SERVER, "{\"user\":\"a\",\"ttl\":9223372036854775807}",
	 24 * 3600},
	{"the server's maximum", LAB_SERVER, "{\"user\":\"a@lab.example\",\"ttl\":86400}",
	 3600},
	{"the form of Lync", OPEN_SERVER,
	 "{\"user\":\"sip:alice@lab.example\",\"ttl\":600,\"form\":\"mras\"}", 600},
	{"the form of Lync, any text", OPEN_SERVER,
	 "{\"user\":\"\\u0430\\u043b\\u0438\\u0441\\u0430\",\"ttl\":600,\"form\":\"mras\"}",
	 600},
	{"everything said", OPEN_SERVER,
	 " {\"form\":\"rest\", \"location\":\"internet\",\n\"user\":\"bob\",\"ttl\":120} ",
	 120},
};

START_TEST(http_grants_what_the_relay_accepts)
{
	struct http_request request = http_post(grants[_i].body);
	struct http_answer answer = http_ask(grants[_i].server, &request, NOW_MS);
	char expires[TIMESTAMP_SIZE];
	int64_t end_s = NOW_S + grants[_i].ttl_s;

	ck_assert_msg(answer.reply.status == 200, "%s: %s", grants[_i].name,
		      answer.reply.body);
	http_check_schema(&request, &answer);
	ck_assert_int_eq(number_of(&answer, "ttl"), grants[_i].ttl_s);
	ck_assert(timestamp_format(end_s, expires));
	ck_assert_str_eq(text_of(&answer, "expires"), expires);
	ck_assert_str_eq(text_of(&answer, "realm"), "avedge");
	ck_assert(mras_fixture_accepts(&fixture, text_of(&answer, "username"),
				       text_of(&answer, "password"), end_s - 1));
	ck_assert(!mras_fixture_accepts(&fixture, text_of(&answer, "username"),
					text_of(&answer, "password"), end_s));

	const json_t *ice =
		json_array_get(json_object_get(answer.document, "iceServers"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(ice, "username")),
			 text_of(&answer, "username"));
	ck_assert_str_eq(json_string_value(json_object_get(ice, "credential")),
			 text_of(&answer, "password"));
	http_answer_free(&answer);
}
END_TEST

static const struct {
	const char *name;
	int server;
	struct http_request request;
	unsigned status;
	const char *detail; /* a part of it */
} refusals[] = {
	{"unknown path",
	 OPEN_SERVER,
	 {.method = "GET", .path = "/"},
	 404,
	 "/v1/credentials"},
	{"path with a suffix",
	 OPEN_SERVER,
	 {.method = "GET", .path = "/v1/relays/"},
	 404,
	 "/v1/relays"},
	{"GET of credentials",
	 OPEN_SERVER,
	 {.method = "GET", .path = "/v1/credentials"},
	 405,
	 "only POST"},
	{"DELETE of relays",
	 OPEN_SERVER,
	 {.method = "DELETE", .path = "/v1/relays"},
	 405,
	 "only GET"},
	{"no content type",
	 OPEN_SERVER,
	 {.method = "POST", .path = "/v1/credentials"},
	 415,
	 "application/json"},
	{"a form",
	 OPEN_SERVER,
	 {.method = "POST",
	  .path = "/v1/credentials",
	  .content_type = "application/x-www-form-urlencoded"},
	 415,
	 "application/json"},
	{"almost JSON",
	 OPEN_SERVER,
	 {.method = "POST",
	  .path = "/v1/credentials",
	  .content_type = "application/jsonp"},
	 415,
	 "application/json"},
};

START_TEST(http_refuses_the_envelope)
{
	const struct http_request *request = &refusals[_i].request;
	struct http_answer answer = http_ask(refusals[_i].server, request, NOW_MS);

	ck_assert_msg(answer.reply.status == refusals[_i].status, "%s: %s",
		      refusals[_i].name, answer.reply.body);
	ck_assert_str_eq(answer.reply.content_type, "application/problem+json");
	ck_assert_ptr_nonnull(strstr(text_of(&answer, "detail"), refusals[_i].detail));
	ck_assert_int_eq(number_of(&answer, "status"), refusals[_i].status);
	ck_assert_int_eq(answer.reply.status == 405, answer.reply.allow != NULL);
	http_answer_free(&answer);
}
END_TEST

static const struct {
	const char *body;
	unsigned status;
	const char *detail;
} bodies[] = {
	{"", 400, "not JSON"},
	{"hello", 400, "not JSON"},
	{"{\"user\":\"a\"", 400, "not JSON: line 1"},
	{"{\"user\":\"a\"} {}", 400, "not JSON"},
	{"{\"user\":\"a\",\"user\":\"b\"}", 400, "duplicate object key"},
	{"{\"user\":\"\xff\"}", 400, "not JSON"},
	{"[]", 400, "must be a JSON object"},
	{"\"alice\"", 400, "not JSON"},
	{"{}", 400, "\"user\" is required"},
	{"{\"user\":null}", 400, "\"user\" is required"},
	{"{\"user\":7}", 400, "\"user\" is required"},
	{"{\"user\":\"\"}", 400, "\"user\" is empty"},
	{"{\"user\":\"a\\u0000b\"}", 400, "has U+0000"},
	{"{\"user\":\"a\\u0000b\",\"form\":\"mras\"}", 400, "not text"},
	{"{\"user\":\"a\\u200b\"}", 400, "has U+200B where no user name may have it"},
	{"{\"user\":\"a\",\"ttl\":0}", 400, "\"ttl\""},
	{"{\"user\":\"a\",\"ttl\":-5}", 400, "\"ttl\""},
	{"{\"user\":\"a\",\"ttl\":\"60\"}", 400, "\"ttl\""},
	{"{\"user\":\"a\",\"ttl\":60.5}", 400, "\"ttl\""},
	{"{\"user\":\"a\",\"ttl\":1e400}", 400, "not JSON"},
	{"{\"user\":\"a\",\"ttl\":99999999999999999999}", 400, "not JSON"},
	{"{\"user\":\"a\",\"ttl\":null}", 400, "\"ttl\""},
	{"{\"user\":\"a\",\"form\":\"binary\"}", 400, "must be \"rest\" or \"mras\""},
	{"{\"user\":\"a\",\"form\":1}", 400, "must be \"rest\" or \"mras\""},
	{"{\"user\":\"a\",\"location\":\"inside\"}", 400,
	 "must be \"intranet\" or \"internet\""},
	{"{\"user\":\"a\",\"tll\":60}", 400, "unknown member \"tll\""},
	/* the message quotes 32 bytes, which end inside a character */
	{"{\"user\":\"a\",\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\xc3\xa9\":60}", 400,
	 "unknown member \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx?\""},
};

START_TEST(http_refuses_the_body)
{
	struct http_request request = http_post(bodies[_i].body);
	struct http_answer answer = http_ask(OPEN_SERVER, &request, NOW_MS);

	ck_assert_msg(answer.reply.status == bodies[_i].status, "%s: %s", bodies[_i].body,
		      answer.reply.body);
	ck_assert_msg(strstr(text_of(&answer, "detail"), bodies[_i].detail) != NULL,
		      "%s: %s", bodies[_i].body, answer.reply.body);
	http_check_schema(&request, &answer);
	http_answer_free(&answer);
}
END_TEST

START_TEST(http_limits_rest_names)
{
	char body[1024], user[CREDENTIAL_ISSUED_MAX];
	const size_t room = credential_rest_room(NOW_S, NULL);

	for (size_t len = room; len <= room + 1; len++) {
		memset(user, 'a', len);
		user[len] = '\0';
		snprintf(body, sizeof(body), "{\"user\":\"%s\"}", user);

		struct http_request request = http_post(body);
		struct http_answer answer = http_ask(OPEN_SERVER, &request, NOW_MS);
		ck_assert_uint_eq(answer.reply.status, len == room ? 200 : 400);
		if (len > room)
			ck_assert_ptr_nonnull(strstr(text_of(&answer, "detail"),
						     "longer than 508 bytes"));
		http_check_schema(&request, &answer);
		http_answer_free(&answer);
	}
}
END_TEST

START_TEST(http_forbids_users_of_other_domains)
{
	struct http_request request = http_post("{\"user\":\"sip:eve@other.example\"}");
	struct http_answer answer = http_ask(LAB_SERVER, &request, NOW_MS);

	ck_assert_uint_eq(answer.reply.status, 403);
	http_check_schema(&request, &answer);
	http_answer_free(&answer);
}
END_TEST

START_TEST(http_says_when_to_retry)
{
	struct http_request request = {.method = "GET", .path = "/v1/relays"};
	struct http_answer answer;

	for (int i = 0; i < 10; i++) {
		answer = http_ask(LAB_SERVER, &request, NOW_MS);
		ck_assert_uint_eq(answer.reply.status, 200);
		http_answer_free(&answer);
	}
	answer = http_ask(LAB_SERVER, &request, NOW_MS);
	ck_assert_uint_eq(answer.reply.status, 429);
	ck_assert_uint_eq(answer.reply.retry_after_s, 1);
	http_check_schema(&request, &answer);
	http_answer_free(&answer);
	answer = http_ask(LAB_SERVER, &request, NOW_MS + 1000);
	ck_assert_uint_eq(answer.reply.status, 200);
	http_answer_free(&answer);
}
END_TEST

START_TEST(http_counts_credentials_of_one_identity)
{
	struct http_request request = http_post("{\"user\":\"alice\"}");
	struct http_answer answer;

	fixture.service.identity_per_minute = 2;
	for (int i = 0; i < 3; i++) {
		answer = http_ask(OPEN_SERVER, &request, NOW_MS);
		ck_assert_uint_eq(answer.reply.status, i < 2 ? 200 : 429);
		ck_assert_int_eq(answer.reply.retry_after_s > 0, i == 2);
		http_check_schema(&request, &answer);
		http_answer_free(&answer);
	}
	request = http_post("{\"user\":\"bob\"}");
	answer = http_ask(OPEN_SERVER, &request, NOW_MS);
	ck_assert_uint_eq(answer.reply.status, 200);
	http_answer_free(&answer);
}
END_TEST

START_TEST(http_needs_a_key)
{
	struct http_request request = http_post("{\"user\":\"alice\"}");
	struct http_answer answer;

	fixture.service.keyring = NULL;
	answer = http_ask(OPEN_SERVER, &request, NOW_MS);
	ck_assert_uint_eq(answer.reply.status, 503);
	ck_assert_uint_gt(answer.reply.retry_after_s, 0);
	http_check_schema(&request, &answer);
	http_answer_free(&answer);
}
END_TEST

/* The code accepts what the schema of requests accepts. */
START_TEST(http_accepts_what_the_schema_accepts)
{
	json_t *schema =
		json_schema_find(openapi, "#/components/schemas/CredentialRequest");
	char why[200];

	for (size_t i = 0; i < ARRAY_LEN(grants); i++) {
		json_t *document = json_loads(grants[i].body, 0, NULL);

		ck_assert_msg(json_schema_fits(openapi, schema, document, why,
					       sizeof(why)),
			      "%s: %s", grants[i].name, why);
		json_decref(document);
	}
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		json_t *document = json_loads(
			bodies[i].body, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
		const json_t *user = json_object_get(document, "user");

		/* The schema states the limits of user names only in its description. */
		if (document && !json_is_string(user))
			ck_assert_msg(!json_schema_fits(openapi, schema, document, why,
							sizeof(why)),
				      "%s", bodies[i].body);
		json_decref(document);
	}
}
END_TEST

struct told {
	char text[512];
};

static void note(void *arg, const struct service_server *server,
		 const struct service_request *request, enum service_fault fault,
		 const char *why, const struct service_answer *answer)
{
	struct told *told = arg;
	size_t len = strlen(told->text);

	snprintf(told->text + len, sizeof(told->text) - len, "%s %.*s %s%s%s %s %d\n",
		 server->name, request ? (int)request->identity.len : 1,
		 request ? (const char *)request->identity.data : "-",
		 service_fault_name(fault), why ? ", " : "", why ? why : "",
		 answer ? answer->key_id : "-", answer ? (int)answer->ttl_s : 0);
}

START_TEST(http_decisions_are_reported)
{
	struct told told = {""};
	struct http_request good = http_post("{\"user\":\"a@lab.example\",\"ttl\":60}"),
			    bad = http_post("{\"user\":\"eve\"}");
	struct http_answer answer;

	fixture.service.decided = note;
	fixture.service.decided_arg = &told;
	for (int i = 0; i < 11; i++) {
		answer = http_ask(LAB_SERVER, i == 0 ? &good : &bad, NOW_MS);
		http_answer_free(&answer);
		if (i == 1)
			fixture.service.decided = NULL;
		if (i == 9)
			fixture.service.decided = note;
	}
	ck_assert_str_eq(told.text, "web01.lab.example a@lab.example ok one 60\n"
				    "web01.lab.example eve forbidden - 0\n"
				    "web01.lab.example - busy - 0\n");
}
END_TEST

static const struct {
	const char *name;
	struct http_request request;
	const char *want;
} strange[] = {
	{"no such path",
	 {.method = "GET", .path = "/"},
	 "- not understood, GET /: 404 Not Found: not found; try /v1/credentials or /v1/relays"},
	{"another method",
	 {.method = "GET", .path = "/v1/credentials"},
	 "- not understood, GET /v1/credentials: 405 Method Not Allowed: only POST"},
	{"another method of the list",
	 {.method = "POST", .path = "/v1/relays"},
	 "- not understood, POST /v1/relays: 405 Method Not Allowed: only GET"},
	{"no JSON",
	 {.method = "POST",
	  .path = "/v1/credentials",
	  .content_type = "application/json",
	  .body = {(const uint8_t *)"{", 1}},
	 "- not understood, POST /v1/credentials: 400 Bad Request: not JSON: line 1, column 1: string or '}' expected near end of file"},
	{"another media type",
	 {.method = "POST", .path = "/v1/credentials", .body = {(const uint8_t *)"{}", 2}},
	 "- not understood, POST /v1/credentials: 415 Unsupported Media Type: the body must be application/json"},
	{"the list is not a request for a credential",
	 {.method = "GET", .path = "/v1/relays"},
	 ""},
};

/* One report for each request, because the metrics count reports. */
START_TEST(http_reports_malformed_requests)
{
	for (size_t i = 0; i < ARRAY_LEN(strange); i++) {
		struct told told = {""};
		char want[256] = "";
		struct http_answer answer;

		fixture.service.decided = note;
		fixture.service.decided_arg = &told;
		answer = http_ask(OPEN_SERVER, &strange[i].request, NOW_MS);
		http_answer_free(&answer);
		if (*strange[i].want)
			snprintf(want, sizeof(want), "fe01.lab.example %s - 0\n",
				 strange[i].want);
		ck_assert_msg(strcmp(told.text, want) == 0, "%s: %s", strange[i].name,
			      told.text);
	}
}
END_TEST

/* The bytes of a response, apart from its Date. */
static void check_written(struct http_reply reply, const char *method, bool close,
			  const char *want)
{
	const struct http_request request = {.method = method, .close = close};
	size_t len;
	char *response, *date;

	reply.body = strdup(reply.body);
	response = http_reply_write(&reply, &request, NOW_S, &len);
	ck_assert_ptr_nonnull(response);
	ck_assert_ptr_null(reply.body);
	ck_assert_uint_eq(len, strlen(response));
	date = strstr(response, "Date: ");
	ck_assert_ptr_nonnull(date);
	ck_assert(strncmp(date, "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n", 37) == 0);
	memmove(date, date + 37, strlen(date + 37) + 1);
	ck_assert_str_eq(response, want);
	free(response);
}

START_TEST(http_responses_are_written)
{
	char body[] = "{}";
	const struct http_reply good = {
		.status = 200, .body = body, .content_type = "application/json"};
	const struct http_reply refused = {.status = 405,
					   .body = body,
					   .content_type = "application/problem+json",
					   .allow = "POST",
					   .retry_after_s = 7};

	check_written(good, "GET", false,
		      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		      "Cache-Control: no-store\r\nConnection: keep-alive\r\n"
		      "Content-Length: 2\r\n\r\n{}");
	check_written(good, "HEAD", true,
		      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		      "Cache-Control: no-store\r\nConnection: close\r\n"
		      "Content-Length: 2\r\n\r\n");
	check_written(refused, "GET", false,
		      "HTTP/1.1 405 Method Not Allowed\r\n"
		      "Content-Type: application/problem+json\r\n"
		      "Cache-Control: no-store\r\nConnection: keep-alive\r\n"
		      "Allow: POST\r\nRetry-After: 7\r\n"
		      "Content-Length: 2\r\n\r\n{}");
}
END_TEST

START_TEST(http_refusals_close)
{
	const struct http_refusal refusal = {431, "too many header fields"};
	size_t len;
	char *response = http_reply_refuse(&refusal, NOW_S, &len);

	ck_assert_ptr_nonnull(response);
	ck_assert(strncmp(response, "HTTP/1.1 431 Request Header Fields Too Large\r\n",
			  46) == 0);
	ck_assert_ptr_nonnull(strstr(response, "\r\nConnection: close\r\n"));
	ck_assert_ptr_nonnull(strstr(response, "\"detail\":\"too many header fields\""));
	free(response);
}
END_TEST

static void http_suite(Suite *suite)
{
	TCase *tc = tcase_create("http");

	tcase_add_checked_fixture(tc, http_fixture_make, http_fixture_free);
	tcase_add_loop_test(tc, http_grants_what_the_relay_accepts, 0, ROWS(grants));
	tcase_add_loop_test(tc, http_refuses_the_envelope, 0, ROWS(refusals));
	tcase_add_loop_test(tc, http_refuses_the_body, 0, ROWS(bodies));
	tcase_add_test(tc, http_limits_rest_names);
	tcase_add_test(tc, http_forbids_users_of_other_domains);
	tcase_add_test(tc, http_says_when_to_retry);
	tcase_add_test(tc, http_counts_credentials_of_one_identity);
	tcase_add_test(tc, http_needs_a_key);
	tcase_add_test(tc, http_reports_malformed_requests);
	tcase_add_test(tc, http_accepts_what_the_schema_accepts);
	tcase_add_test(tc, http_decisions_are_reported);
	tcase_add_test(tc, http_responses_are_written);
	tcase_add_test(tc, http_refusals_close);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("http", http_suite)
