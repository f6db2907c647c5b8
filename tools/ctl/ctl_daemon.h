/*
 * ctl_daemon.h - the control interface of a daemon as its client sees it: HTTP over a UNIX
 * socket by libcurl, JSON by jansson (docs/control-api.md).
 */
#ifndef TOOLS_CTL_CTL_DAEMON_H
#define TOOLS_CTL_CTL_DAEMON_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

struct ctl_daemon {
	const char *name;   /* "mediarelayd" */
	const char *socket; /* path */
	const char *option; /* that sets the path: "--socket" */
	bool quiet;         /* no messages; for a view that shows them itself */
	long timeout_ms;    /* for an answer; 0: long enough for a reload */
};

struct ctl_args;

/* The daemon of the command, and each of them for commands about both. */
struct ctl_daemon ctl_daemon_of(const struct ctl_args *args);
struct ctl_daemon ctl_relay_of(const struct ctl_args *args);
struct ctl_daemon ctl_mras_of(const struct ctl_args *args);

enum { CTL_STATUS_CONFLICT = 409 };

/*
 * Ask; before a method other than GET, also who listens there. path NULL counts as out of memory; body, which is released, may be NULL. CTL_OK with a new
 * reference in *answer, or after a message CTL_UNREACHABLE, CTL_NOT_FOUND (404) or CTL_FAILED.
 * status, which may be NULL: that of HTTP, 0 without an answer.
 */
int ctl_ask(const struct ctl_daemon *daemon, const char *method, const char *path,
	    json_t *body, json_t **answer, long *status);

/*
 * GET path and print it, as JSON (on one line with --watch) or with print(), which must cope with
 * missing members. An exit code.
 */
int ctl_show_document(const struct ctl_args *args, const struct ctl_daemon *daemon,
		      const char *path,
		      void (*print)(const struct ctl_args *args, json_t *document));

/* False to stop, which is not a failure. The line comes without its newline. */
typedef bool ctl_on_line(void *arg, const char *line, size_t len);

/* Ask for lines, until the daemon closes or on_line() stops. An exit code. */
int ctl_ask_lines(const struct ctl_daemon *daemon, const char *path, ctl_on_line *on_line,
		  void *arg);

struct ctl_pair {
	const char *name;
	const char *value; /* NULL: left out */
};

/* A path with a query of pairs, up to a NULL name; values escaped. To be freed; NULL: no memory. */
char *ctl_query(const char *path, const struct ctl_pair *pairs);
/* "path/segment" and tail, with the segment escaped. To be freed; NULL: no memory. */
char *ctl_segment(const char *path, const char *segment, const char *tail);

#endif
