/*
 * control_api.h - requests of the control interface without HTTP: a table of routes, what each
 * of them takes, and what a handler is given and answers.
 *
 * Everything that a request may say is known before its handler runs: a route names its query
 * arguments and the members of its body, and whatever else comes is refused with 400.
 *
 * Owner    tables are constants; a request is the caller's while its handler runs; a reply is
 *          filled by the handler and cleared by the caller.
 */
#ifndef BASE_CONTROL_CONTROL_API_H
#define BASE_CONTROL_CONTROL_API_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

enum {
	CONTROL_BODY_MAX = 64 * 1024,
	CONTROL_NAMES_MAX = 12,      /* of the arguments, or members, of one route */
	CONTROL_PARAMETER_MAX = 255, /* bytes of what stands for {} in a path */
};

/* As HTTP gave it; all of it may be wrong. */
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

/* As its handler sees it. */
struct control_request {
	const char *
		parameter; /* what stood for {} in the path: not empty; NULL without {} */
	const struct control_argument
		*arguments; /* known ones, each once, value not NULL */
	size_t argument_count;
	json_t *body; /* an object with known members, perhaps none; borrowed */
};
/* The value of a query argument, "" for one without, NULL if it was not given. */
const char *control_argument(const struct control_request *request, const char *name);

/* An answer that goes on, such as lines as they come. Used by one thread at a time. */
struct control_stream {
	const char *content_type;
	/*
	 * Write at most size bytes, waiting up to wait_ms for some. Returns how many; 0: none
	 * came; -1: that was all.
	 */
	int (*read)(void *arg, char *buf, size_t size, unsigned wait_ms);
	void (*close)(void *arg); /* once, also if nothing was ever read */
	void *arg;
};

struct control_reply {
	unsigned status;              /* of HTTP */
	json_t *document;             /* the reply's; beside 200 a problem (RFC 9457) */
	struct control_stream stream; /* instead of a document, if read is not NULL */
	char allow[64];               /* methods, with 405 */
};
/* 200 with that document, which is taken over; 503 if it is NULL: out of memory. */
void control_answer(struct control_reply *reply, json_t *document);
/* Anything else. status: 400 and above; detail: what is wrong; what to do. */
void control_refuse(struct control_reply *reply, unsigned status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Lines that go on. */
void control_answer_stream(struct control_reply *reply,
			   const struct control_stream *stream);
/* Frees what it holds (also closes its stream) and zeroes it. */
void control_reply_clear(struct control_reply *reply);

typedef void control_handler(void *arg, const struct control_request *request,
			     struct control_reply *reply);

struct control_route {
	const char *method; /* "GET" ... */
	const char *path; /* "/v1/allocations/{}": {} is one segment that is not empty */
	control_handler *handler;
	const char *arguments[CONTROL_NAMES_MAX]; /* of the query */
	const char *members[CONTROL_NAMES_MAX];   /* of the body */
};

/*
 * Find the route, check what came, run the handler. The reply, zeroed by the caller, is always
 * filled: 404, 405, 400 and 413 are found here.
 */
void control_dispatch(const struct control_route *routes, size_t count, void *arg,
		      const struct control_message *message, struct control_reply *reply);

/* Text of any bytes as a JSON string: what is not UTF-8 becomes \xHH. NULL: null. */
json_t *control_text(const char *text);
/* Unix seconds as RFC 3339 in UTC; null for 0. */
json_t *control_time(long long unix_s);

#endif
