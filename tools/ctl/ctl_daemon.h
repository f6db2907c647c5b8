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
	bool quiet;         /* no complaints; for a view that shows them itself */
	long timeout_ms;    /* for an answer; 0: long enough for a reload */
};

struct ctl_args;

/* Which daemon the command line means; mrasd's own commands and those about both. */
struct ctl_daemon ctl_relay_of(const struct ctl_args *args);
struct ctl_daemon ctl_mras_of(const struct ctl_args *args);

enum { CTL_STATUS_CONFLICT = 409 };

/*
 * Ask. body, which is released, may be NULL. CTL_OK with a new reference in *answer, or after
 * a complaint CTL_UNREACHABLE, CTL_NOT_FOUND (404) or CTL_FAILED. status, which may be NULL:
 * that of HTTP, 0 without an answer.
 */
int ctl_ask(const struct ctl_daemon *daemon, const char *method, const char *path,
	    json_t *body, json_t **answer, long *status);

/*
 * A path with a query of the pairs that have a value; both escaped. pairs is NULL-terminated,
 * a pair is name and value, which may be NULL. To be freed; NULL if out of memory.
 */
struct ctl_pair {
	const char *name;
	const char *value;
};
char *ctl_query(const char *path, const struct ctl_pair *pairs);
/* "path/segment" with the segment escaped; to be freed. */
char *ctl_segment(const char *path, const char *segment, const char *tail);

/*
 * Ask for lines and give each without its newline to on_line until the daemon closes or
 * on_line returns false, which is no failure. An exit code.
 */
int ctl_ask_lines(const struct ctl_daemon *daemon, const char *path,
		  bool (*on_line)(void *arg, const char *line, size_t len), void *arg);

#endif
