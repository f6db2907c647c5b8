/*
 * http_head.h - the head of an HTTP/1 request, line by line (RFC 9112 sections 3, 5 and 6): its
 * method, its path, the length of its body. Only what mrasd goes by is kept; every other field is
 * checked and dropped. Pure.
 *
 * Owner    an http_framing, for one request.
 */
#ifndef AUTH_MRAS_HTTP_HEAD_H
#define AUTH_MRAS_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/mras/text.h"
#include "stun/wire.h"

enum { HTTP_FIELDS_MAX = 100 }; /* of a request, trailers included */

/* A request as it is answered; borrowed. */
struct http_request {
	const char *method; /* a token */
	const char *path; /* begins with "/"; escapes are decoded, the query is not in it */
	const char *content_type; /* NULL: none */
	struct slice body;
	bool close; /* the connection ends with the answer */
};

struct http_refusal {
	unsigned status;      /* 0: not refused */
	const char *sentence; /* static */
};

struct http_head {
	struct http_refusal refusal;
	struct text text; /* method, path and Content-Type, each with a NUL */
	size_t path_at;   /* in text */
	size_t type_at;   /* 0: none */
	size_t fields;    /* counted against HTTP_FIELDS_MAX */
	uint64_t length;  /* Content-Length */
	bool is_http_1_0;
	bool has_host, has_length, has_coding, is_chunked, has_unknown_coding;
	bool expects_continue;
	bool says_close, says_keep_alive;
};

/* -1 if it is not a hexadecimal digit. */
int http_hex_value(uint8_t byte);

/* False, so that a check can end with it. The first refusal counts. */
bool http_refuse(struct http_refusal *refusal, unsigned status, const char *sentence);

/*
 * A line of the head, without its CRLF and without control characters other than tabs. False with
 * head->refusal: 400 malformed, 431 too many fields, 505 another version; 500 out of
 * memory.
 */
bool http_head_request_line(struct http_head *head, struct slice line);
bool http_head_field(struct http_head *head, struct slice line);
/* Trailers are checked as fields are, and dropped (RFC 9112 section 7.1.2). */
bool http_head_trailer(struct http_head *head, struct slice line);

/*
 * The head is complete: does one length describe the body (RFC 9112 section 6.3)? False with
 * head->refusal: 400 no, or no Host; 413 more than body_max; 501 an unknown coding.
 */
bool http_head_end(struct http_head *head, size_t body_max);

/* Of a complete head; without a body. */
struct http_request http_head_request(const struct http_head *head);

void http_head_free(struct http_head *head);

#endif
