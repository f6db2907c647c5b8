/*
 * http_world.h - the world of mras_world.h, asked over HTTP; every answer can be held to
 * docs/openapi.json.
 */
#ifndef TESTS_UNIT_AUTH_HTTP_WORLD_H
#define TESTS_UNIT_AUTH_HTTP_WORLD_H

#include <jansson.h>

#include "auth/server/http_reply.h"
#include "tests/unit/auth/mras_world.h"

extern struct mras_world world;
extern json_t *openapi;

/* Fixtures. */
void http_world_make(void);
void http_world_free(void);

/* One answer, taken apart. */
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
