/*
 * http_framing.h - where an HTTP/1 request ends in a stream, read as strictly as RFC 9112
 * allows, so that a proxy before us finds no other end. Pure.
 *
 *   line --> fields --+--> body ----------------------------+--> complete
 *                     +--> chunk size --> trailers ---------+
 *                           |       ^
 *                           v       |
 *                         chunk --> chunk end
 *
 * The first fault refuses the request and ends the stream, whatever follows.
 *
 * Owner    a connection, one for all its requests. Memory is held only during a request.
 */
#ifndef AUTH_MRAS_HTTP_FRAMING_H
#define AUTH_MRAS_HTTP_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/mras/http_head.h"
#include "auth/mras/text.h"
#include "stun/wire.h"

enum {
	HTTP_LINE_MAX = 8192, /* bytes of a line without its CRLF */
	/* Bytes of request line, fields, chunk extensions and trailers. */
	HTTP_HEAD_MAX = 16 << 10,
};

enum http_framing_result {
	HTTP_MORE,     /* everything was read, and the request is not complete */
	HTTP_CONTINUE, /* the client waits for 100 Continue before it sends its body */
	HTTP_REQUEST,  /* complete: http_framing_request() */
	HTTP_REFUSED,  /* answer with head.refusal, then close */
};

enum http_framing_state {
	HTTP_STATE_LINE,
	HTTP_STATE_FIELDS,
	HTTP_STATE_BODY,
	HTTP_STATE_CHUNK_SIZE,
	HTTP_STATE_CHUNK,
	HTTP_STATE_CHUNK_END,
	HTTP_STATE_TRAILERS,
	HTTP_STATE_COMPLETE,
	HTTP_STATE_REFUSED,
};

struct http_framing {
	enum http_framing_state state;
	struct http_head head;
	struct text line;   /* what has arrived of it */
	struct text body;   /* without chunks */
	size_t body_max;    /* of this request */
	size_t head_len;    /* bytes counted against HTTP_HEAD_MAX */
	uint64_t remaining; /* of the body or chunk */
	bool has_cr;        /* the line so far ends with it */
	bool has_begun;     /* the request has; an empty line may precede it */
	bool skipped_line;
};

void http_framing_init(struct http_framing *framing);
void http_framing_free(struct http_framing *framing);

/*
 * Read on, to the end of one request at most; *arrived keeps what was not read. body_max
 * counts for the request that begins with these bytes. After HTTP_REFUSED nothing more
 * may be fed, after HTTP_REQUEST not before http_framing_next().
 */
enum http_framing_result http_framing_feed(struct http_framing *framing,
					   struct slice *arrived, size_t body_max);

/* The complete request, borrowed until the next call. */
struct http_request http_framing_request(const struct http_framing *framing);

/* It is answered: ready for the next one. */
void http_framing_next(struct http_framing *framing);

/* Bytes of an incomplete request were read. */
bool http_framing_has_begun(const struct http_framing *framing);

#endif
