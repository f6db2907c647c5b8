/*
 * http_fixture.c - the fixture of mras_fixture.h, asked over HTTP.
 */
#include "tests/unit/auth/http_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/lib/json_schema.h"
#include "tests/unit/lib/source_file.h"

struct mras_fixture fixture;
json_t *openapi;

void http_fixture_make(void)
{
	char *text = source_file("docs/openapi.json");

	mras_fixture_make(&fixture);
	fixture.service.realm = "avedge";
	fixture.relays[0].tls = true;
	openapi = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(openapi);
	free(text);
}

void http_fixture_free(void)
{
	json_decref(openapi);
	mras_fixture_free(&fixture);
}

/* Its schema, by path, method and status; NULL if the file has none. */
static json_t *schema_of(const struct http_request *request,
			 const struct http_reply *reply)
{
	char method[16], status[16];
	json_t *operation, *response, *reference;

	snprintf(method, sizeof(method), "%s",
		 strcmp(request->method, "POST") == 0 ? "post" : "get");
	snprintf(status, sizeof(status), "%u", reply->status);
	operation = json_object_get(json_object_get(json_object_get(openapi, "paths"),
						    request->path),
				    method);
	response = json_object_get(json_object_get(operation, "responses"), status);
	reference = json_object_get(response, "$ref");
	if (reference)
		response = json_schema_find(openapi, json_string_value(reference));
	return json_object_get(json_object_get(json_object_get(response, "content"),
					       reply->content_type),
			       "schema");
}

struct http_answer http_ask(int server, const struct http_request *request,
			    uint64_t now_ms)
{
	struct http_answer answer;

	http_reply(&fixture.service, fixture.memory, &fixture.servers[server], request,
		   now_ms, NOW_S, &answer.reply);
	ck_assert_ptr_nonnull(answer.reply.body);
	answer.document = json_loads(answer.reply.body, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(answer.document != NULL, "%s", answer.reply.body);
	return answer;
}

void http_check_schema(const struct http_request *request,
		       const struct http_answer *answer)
{
	json_t *schema = schema_of(request, &answer->reply);
	char why[200];

	ck_assert_msg(schema != NULL, "docs/openapi.json has no %s %s -> %u (%s)",
		      request->method, request->path, answer->reply.status,
		      answer->reply.content_type);
	ck_assert_msg(json_schema_fits(openapi, schema, answer->document, why,
				       sizeof(why)),
		      "%s: %s", why, answer->reply.body);
}

void http_answer_free(struct http_answer *answer)
{
	json_decref(answer->document);
	free(answer->reply.body);
}

struct http_request http_post(const char *body)
{
	return (struct http_request){.method = "POST",
				     .path = "/v1/credentials",
				     .content_type = "application/json",
				     .body = slice_of(body)};
}
