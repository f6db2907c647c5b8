/*
 * http_reply.h - answers of mrasd over HTTP: POST /v1/credentials, GET /v1/relays, and
 * problem details (RFC 9457) for everything else. Pure; docs/openapi.json describes it.
 */
#ifndef AUTH_SERVER_HTTP_REPLY_H
#define AUTH_SERVER_HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/mras/http_head.h"
#include "auth/mras/service.h"

struct http_reply {
	unsigned status;
	char *body; /* JSON, malloc'ed; NULL: out of memory */
	const char *content_type;
	const char *allow;      /* NULL: no Allow */
	unsigned retry_after_s; /* 0: no Retry-After */
	char detail[256];       /* of a problem, as in its body; "" if there is none */
};

/* The caller frees reply->body, or has http_reply_write() do it. */
void http_reply(const struct service *service, struct service_memory *memory,
		const struct service_server *server, const struct http_request *request,
		uint64_t now_ms, int64_t unix_s, struct http_reply *reply);

/*
 * The whole response, malloc'ed, and without a body if request is HEAD. It says whether the connection
 * ends, as request does. Frees reply->body. NULL with *len 0: out of memory.
 */
char *http_reply_write(struct http_reply *reply, const struct http_request *request,
		       int64_t unix_s, size_t *len);

/* The same for a request whose framing is refused: the connection ends. */
char *http_reply_refuse(const struct http_refusal *refusal, int64_t unix_s, size_t *len);

#endif
