/*
 * control_api.h - requests of the control interface without HTTP: the table of routes, their
 * arguments, and what a handler receives and answers.
 *
 * A route names its query arguments and the members of its body; a request with any other is
 * refused with 400 before the handler runs.
 *
 * Owner    tables are constants; the caller owns the request while its handler runs; the handler
 *          fills the reply and the caller clears it.
 */
#ifndef BASE_CONTROL_CONTROL_API_H
#define BASE_CONTROL_CONTROL_API_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

enum {
	CONTROL_BODY_MAX = 64 * 1024,
	CONTROL_NAMES_MAX = 12,      /* arguments, or members, of one route */
	CONTROL_PARAMETER_MAX = 255, /* bytes in place of {} in a path */
};

/* As HTTP delivered it; nothing is checked. */
struct control_argument {
	const char *name, *value; /* value may be NULL: "?follow" */
};
struct control_message {
	const char *method;
	const char *path; /* without the query; decoded */
	const struct control_argument *arguments;
	size_t argument_count;
	const char *body;
	size_t body_len;
	bool too_large; /* the body was longer than CONTROL_BODY_MAX */
};

/* As the handler sees it. */
struct control_request {
	const char *parameter; /* in place of {} in the path: not empty; NULL without {} */
	const struct control_argument *arguments; /* known ones, each once */
	size_t argument_count;
	json_t *body; /* an object with known members only; borrowed */
};
/* The value of a query argument, "" if it has none, NULL if it was not given. */
const char *control_argument(const struct control_request *request, const char *name);

/* A reply without a fixed end, such as records as they occur. Used by one thread at a time. */
struct control_stream {
	const char *content_type;
	/*
	 * Write at most size bytes, waiting up to wait_ms for some. Returns how many; 0: none
	 * yet; -1: the end.
	 */
	int (*read)(void *arg, char *buf, size_t size, unsigned wait_ms);
	void (*close)(void *arg); /* called once, even if nothing was read */
	void *arg;
};

struct control_reply {
	unsigned status;              /* of HTTP */
	json_t *document;             /* owned; unless 200, a problem (RFC 9457) */
	struct control_stream stream; /* instead of a document, if read is not NULL */
	char allow[64];               /* methods, with 405 */
};
/* 200 with that document, which the reply now owns; 503 if it is NULL: out of memory. */
void control_answer(struct control_reply *reply, json_t *document);
/* An error. status: 400 and above; the text names the problem and the remedy. */
void control_refuse(struct control_reply *reply, unsigned status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* 200 with a stream, which the reply now owns. */
void control_answer_stream(struct control_reply *reply,
			   const struct control_stream *stream);
/* Frees the document, closes the stream and zeroes the reply. */
void control_reply_clear(struct control_reply *reply);

typedef void control_handler(void *arg, const struct control_request *request,
			     struct control_reply *reply);

struct control_route {
	const char *method; /* "GET" ... */
	const char *path;   /* "/v1/allocations/{}": {} is one segment, not empty */
	control_handler *handler;
	const char *arguments[CONTROL_NAMES_MAX]; /* of the query */
	const char *members[CONTROL_NAMES_MAX];   /* of the body */
};

/*
 * Find the route, check the request, run the handler. The reply, zeroed by the caller, is always
 * filled: 404, 405, 400 and 413 come from here.
 */
void control_dispatch(const struct control_route *routes, size_t count, void *arg,
		      const struct control_message *message, struct control_reply *reply);

/* Any text as a JSON string; if it is not UTF-8, bytes beyond ASCII become \xHH. NULL: null. */
json_t *control_text(const char *text);
/* Unix seconds as RFC 3339 in UTC; null for 0. */
json_t *control_time(long long unix_s);

#endif
