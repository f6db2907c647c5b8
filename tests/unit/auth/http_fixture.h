/*
 * http_fixture.h - the fixture of mras_fixture.h, asked over HTTP; every answer can be
 * checked against docs/openapi.json.
 */
#ifndef TESTS_UNIT_AUTH_HTTP_FIXTURE_H
#define TESTS_UNIT_AUTH_HTTP_FIXTURE_H

#include <jansson.h>

#include "auth/server/http_reply.h"
#include "tests/unit/auth/mras_fixture.h"

extern struct mras_fixture fixture;
extern json_t *openapi;

/* Fixtures. */
void http_fixture_make(void);
void http_fixture_free(void);

/* A parsed answer. */
struct http_answer {
	struct http_reply reply;
	json_t *document;
};

struct http_request http_post(const char *body); /* to /v1/credentials */
struct http_answer http_ask(int server, const struct http_request *request,
			    uint64_t now_ms);
void http_answer_free(struct http_answer *answer);

/* Does it fit the schema of its path, method and status? */
void http_check_schema(const struct http_request *request,
		       const struct http_answer *answer);

#endif
