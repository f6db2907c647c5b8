/*
 * http_reply.h - answers of mrasd over HTTP: POST /v1/credentials, GET /v1/relays, and
 * problem details (RFC 9457) for everything else. Pure; docs/openapi.json describes it.
 */
#ifndef AUTH_SERVER_HTTP_REPLY_H
#define AUTH_SERVER_HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/mras/service.h"
#include "stun/wire.h"

struct http_request {
	const char *method, *path;
	const char *content_type; /* NULL: none */
	struct slice body;
	bool too_large; /* the body exceeds limits.body and is not here */
};

struct http_reply {
	unsigned status;
	char *body; /* JSON, malloc'ed; NULL: out of memory */
	const char *content_type;
	const char *allow;      /* NULL: no Allow */
	unsigned retry_after_s; /* 0: no Retry-After */
};

/* The caller frees reply->body. */
void http_reply(const struct service *service, struct service_memory *memory,
		const struct service_server *server, const struct http_request *request,
		uint64_t now_ms, int64_t unix_s, struct http_reply *reply);

#endif
