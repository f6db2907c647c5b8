/*
 * test_control_api.c - what a request may contain, and the answer to anything else.
 */
#include "base/control/control_api.h"

#include <string.h>

#include "tests/unit/lib/unit.h"

static json_t *seen; /* what the handler was given */

static void note(void *arg, const struct control_request *request,
		 struct control_reply *reply)
{
	json_t *arguments = json_object();

	(void)arg;
	for (size_t i = 0; i < request->argument_count; i++) {
		const char *name = request->arguments[i].name;

		json_object_set_new(arguments, name,
				    json_string(control_argument(request, name)));
	}
	seen = json_pack("{s:s?, s:o, s:O}", "parameter", request->parameter, "arguments",
			 arguments, "body", request->body);
	control_answer(reply, json_object());
}

static void refuse(void *arg, const struct control_request *request,
		   struct control_reply *reply)
{
	(void)arg;
	(void)request;
	control_answer(reply, json_object());
	control_refuse(reply, 409, "%s", "no\xff; go");
}

static const struct control_route routes[] = {
	{.method = "GET", .path = "/v1/rows", .handler = note, .arguments = {"a", "b"}},
	{.method = "DELETE", .path = "/v1/rows", .handler = note},
	{.method = "GET", .path = "/v1/rows/{}", .handler = note},
	{.method = "PUT",
	 .path = "/v1/rows/{}/name",
	 .handler = note,
	 .members = {"x", "y"}},
	{.method = "POST", .path = "/v1/refuse", .handler = refuse},
};

static struct control_reply dispatch(const char *method, const char *path,
				     const struct control_argument *arguments,
				     size_t count, const char *body)
{
	const struct control_message message = {
		.method = method,
		.path = path,
		.arguments = arguments,
		.argument_count = count,
		.body = body,
		.body_len = body ? strlen(body) : 0,
	};
	struct control_reply reply = {0};

	control_dispatch(routes, ARRAY_LEN(routes), NULL, &message, &reply);
	return reply;
}

static void begin(void)
{
	seen = NULL;
}

static void end(void)
{
	json_decref(seen);
}

static const struct {
	const char *name;
	const char *method, *path, *body;
	unsigned want;
	const char *allow;
} requests[] = {
	{"a path", "GET", "/v1/rows", NULL, 200, ""},
	{"another method", "DELETE", "/v1/rows", NULL, 200, ""},
	{"a method that the path does not have", "PUT", "/v1/rows", NULL, 405,
	 "GET, DELETE"},
	{"methods are in capitals", "get", "/v1/rows", NULL, 405, "GET, DELETE"},
	{"one slash too many", "GET", "/v1/rows/", NULL, 404, ""},
	{"an empty path", "GET", "", NULL, 404, ""},
	{"a parameter", "GET", "/v1/rows/7", NULL, 200, ""},
	{"a parameter with a slash", "GET", "/v1/rows/7/8", NULL, 404, ""},
	{"a parameter in between", "PUT", "/v1/rows/7/name", NULL, 200, ""},
	{"and none", "PUT", "/v1/rows//name", NULL, 404, ""},
	{"the braces themselves", "GET", "/v1/rows/{}", NULL, 200, ""},
	{"a body", "PUT", "/v1/rows/7/name", "{\"x\": null}", 200, ""},
	{"an empty object where no body is accepted", "GET", "/v1/rows", "{}", 200, ""},
	{"a member where no body is accepted", "GET", "/v1/rows", "{\"x\": 1}", 400, ""},
	{"an unknown member", "PUT", "/v1/rows/7/name", "{\"z\": 1}", 400, ""},
	{"a member twice", "PUT", "/v1/rows/7/name", "{\"x\": 1, \"x\": 2}", 400, ""},
	{"no object", "PUT", "/v1/rows/7/name", "[1]", 400, ""},
	{"no JSON", "PUT", "/v1/rows/7/name", "{\"x\"", 400, ""},
	{"text after the JSON", "PUT", "/v1/rows/7/name", "{} {}", 400, ""},
	{"a handler refuses", "POST", "/v1/refuse", NULL, 409, ""},
};

START_TEST(requests_are_found_or_refused)
{
	struct control_reply reply = dispatch(requests[_i].method, requests[_i].path,
					      NULL, 0, requests[_i].body);

	ck_assert_msg(reply.status == requests[_i].want, "%s: %u", requests[_i].name,
		      reply.status);
	ck_assert_str_eq(reply.allow, requests[_i].allow);
	ck_assert_ptr_nonnull(reply.document);
	if (reply.status != 200) {
		ck_assert_int_eq(
			json_integer_value(json_object_get(reply.document, "status")),
			reply.status);
		ck_assert(json_is_string(json_object_get(reply.document, "title")));
		ck_assert_ptr_nonnull(strchr(
			json_string_value(json_object_get(reply.document, "detail")),
			reply.status == 405 ? ' ' : ';'));
	}
	control_reply_clear(&reply);
}
END_TEST

START_TEST(handlers_get_parameter_arguments_and_body)
{
	const struct control_argument arguments[] = {{"b", "2"}, {"a", NULL}};
	struct control_reply reply = dispatch("GET", "/v1/rows", arguments, 2, NULL);
	json_t *want = json_pack("{s:n, s:{s:s, s:s}, s:{}}", "parameter", "arguments",
				 "b", "2", "a", "", "body");

	ck_assert_uint_eq(reply.status, 200);
	ck_assert(json_equal(seen, want));
	json_decref(want);
	json_decref(seen);
	control_reply_clear(&reply);

	reply = dispatch("PUT", "/v1/rows/a b/name", NULL, 0, "{\"y\": [1]}");
	want = json_pack("{s:s, s:{}, s:{s:[i]}}", "parameter", "a b", "arguments",
			 "body", "y", 1);
	ck_assert(json_equal(seen, want));
	json_decref(want);
	control_reply_clear(&reply);
}
END_TEST

static const struct {
	const char *name;
	struct control_argument arguments[2];
	size_t count;
	unsigned want;
} queries[] = {
	{"none", {{0}}, 0, 200},
	{"a known one", {{"a", "1"}}, 1, 200},
	{"an unknown parameter", {{"c", "1"}}, 1, 400},
	{"a parameter without a name", {{"", "1"}}, 1, 400},
	{"one twice", {{"a", "1"}, {"a", "1"}}, 2, 400},
	{"bytes that are not text", {{"\xff\xfe", "\xff"}}, 1, 400},
};

START_TEST(arguments_are_known_and_come_once)
{
	struct control_reply reply = dispatch("GET", "/v1/rows", queries[_i].arguments,
					      queries[_i].count, NULL);

	ck_assert_msg(reply.status == queries[_i].want, "%s: %u", queries[_i].name,
		      reply.status);
	ck_assert_ptr_nonnull(reply.document);
	control_reply_clear(&reply);
}
END_TEST

START_TEST(a_parameter_has_a_maximum_length)
{
	char path[1024] = "/v1/rows/";
	size_t at = strlen(path);
	struct control_reply reply;

	memset(path + at, 'x', CONTROL_PARAMETER_MAX);
	path[at + CONTROL_PARAMETER_MAX] = '\0';
	reply = dispatch("GET", path, NULL, 0, NULL);
	ck_assert_uint_eq(reply.status, 200);
	control_reply_clear(&reply);
	path[at + CONTROL_PARAMETER_MAX] = 'x';
	path[at + CONTROL_PARAMETER_MAX + 1] = '\0';
	reply = dispatch("GET", path, NULL, 0, NULL);
	ck_assert_uint_eq(reply.status, 404);
	control_reply_clear(&reply);
}
END_TEST

static const struct {
	const char *name, *text, *want;
} texts[] = {
	{"ASCII", "alice", "alice"},
	{"UTF-8 stays", "ren\xc3\xa9", "ren\xc3\xa9"},
	{"Latin-1 is spelled out", "ren\xe9!", "ren\\xE9!"},
	{"a surrogate", "\xed\xa0\x80", "\\xED\\xA0\\x80"},
	{"control characters, escaped by JSON", "a\x1b\n", "a\x1b\n"},
	{"nothing", "", ""},
};

START_TEST(any_bytes_become_text)
{
	json_t *text = control_text(texts[_i].text);

	ck_assert_msg(json_is_string(text), "%s", texts[_i].name);
	ck_assert_str_eq(json_string_value(text), texts[_i].want);
	json_decref(text);
}
END_TEST

START_TEST(times_are_utc)
{
	json_t *text = control_time(1767225600);

	ck_assert_str_eq(json_string_value(text), "2026-01-01T00:00:00Z");
	json_decref(text);
	ck_assert(json_is_null(control_time(0)));
}
END_TEST

static void control_api_suite(Suite *suite)
{
	TCase *tc = tcase_create("control_api");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, requests_are_found_or_refused, 0, ROWS(requests));
	tcase_add_test(tc, handlers_get_parameter_arguments_and_body);
	tcase_add_loop_test(tc, arguments_are_known_and_come_once, 0, ROWS(queries));
	tcase_add_test(tc, a_parameter_has_a_maximum_length);
	tcase_add_loop_test(tc, any_bytes_become_text, 0, ROWS(texts));
	tcase_add_test(tc, times_are_utc);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("control_api", control_api_suite)
