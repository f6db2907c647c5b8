/*
 * http_framing.h - where an HTTP/1 request ends in a stream, read as strictly as RFC 9112
 * allows, so that neither a proxy before us nor the library after us finds another end.
 * Pure.
 *
 * An accepted request is written anew: a request line in origin-form, the fields that are
 * not about framing, and one body with its length. Only that goes to libmicrohttpd.
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

#include "auth/mras/text.h"
#include "stun/wire.h"

enum {
	HTTP_LINE_MAX = 8192, /* bytes of a line without its CRLF */
	/* Bytes of request line, fields, chunk extensions and trailers. */
	HTTP_HEAD_MAX = 16 << 10,
	HTTP_FIELDS_MAX = 100, /* of a request, trailers included */
	/* Of a request as it is handed on, without its body: we add line ends and Host. */
	HTTP_HEAD_OUT_MAX = HTTP_HEAD_MAX + 1024,
};

enum http_framing_result {
	HTTP_MORE,     /* everything was read, and the request is not complete */
	HTTP_CONTINUE, /* the client waits for 100 Continue before it sends its body */
	HTTP_REQUEST,  /* complete: http_framing_take() */
	HTTP_REFUSED,  /* answer with refusal, then close */
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

struct http_refusal {
	unsigned status;
	const char *sentence; /* static */
};

struct http_framing {
	enum http_framing_state state;
	struct http_refusal refusal;
	struct text line;   /* what has arrived of it */
	struct text head;   /* as it is handed on */
	struct text body;   /* without chunks */
	size_t body_max;    /* of this request */
	size_t head_len;    /* bytes counted against HTTP_HEAD_MAX */
	size_t fields;      /* counted against HTTP_FIELDS_MAX */
	uint64_t remaining; /* of the body or chunk */
	uint64_t length;    /* Content-Length */
	bool has_cr;        /* the line so far ends with it */
	bool has_begun;     /* the request has; an empty line may precede it */
	bool skipped_line;
	bool is_http_1_0;
	bool has_authority; /* in its target: Host does not count */
	bool has_host, has_length, has_coding, is_chunked, has_unknown_coding;
	bool expects_continue;
	bool says_close, says_keep_alive;
	bool close; /* the connection ends after this request */
};

void http_framing_init(struct http_framing *framing);
void http_framing_free(struct http_framing *framing);

/*
 * Read on, to the end of one request at most; *arrived keeps what was not read. body_max
 * counts for the request that begins with these bytes. After HTTP_REFUSED nothing more
 * may be fed, after HTTP_REQUEST not before http_framing_take().
 */
enum http_framing_result http_framing_feed(struct http_framing *framing,
					   struct slice *arrived, size_t body_max);

/*
 * The complete request, malloc'ed, and ready for the next. NULL with *len 0 if out of memory.
 */
char *http_framing_take(struct http_framing *framing, size_t *len);

/* Bytes of an incomplete request were read. */
bool http_framing_has_begun(const struct http_framing *framing);

#endif
