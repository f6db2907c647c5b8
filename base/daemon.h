/*
 * daemon.h - what both daemons do alike around their work: the command line, the users and
 * groups that their configuration names, signals, and a look around every few seconds.
 */
#ifndef BASE_DAEMON_H
#define BASE_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/privdrop.h"

struct event_base;

enum daemon_exit {
	DAEMON_EXIT_USAGE = 2,
	DAEMON_EXIT_CONFIG = 3, /* the configuration, or a file that it names */
};

/* --- the command line ---------------------------------------------------------------------- */

struct daemon_program {
	const char *name;
	const char *purpose; /* for --help, as are the signals; whole lines */
	const char *signals;
	const char *config; /* path of its file if none is given */
	void (*print_keys)(FILE *out);
};

struct daemon_arguments {
	const char *config; /* borrowed */
	bool check;         /* stop after the configuration and the files it names */
};

/* Ends the process where the arguments ask only for text, or are wrong. */
struct daemon_arguments daemon_read_arguments(const struct daemon_program *program,
					      int argc, char **argv);

/* --- users and groups ---------------------------------------------------------------------- */

struct daemon_name {
	const char *text; /* NULL: not given */
	unsigned line;    /* of the configuration, as explain_key() takes it */
};

/* As configured. */
struct daemon_names {
	const char *path; /* of the configuration */
	struct daemon_name user, group, control_group;
};

struct daemon_identity {
	struct privdrop_identity who; /* whom to become */
	gid_t control_group;          /* (gid_t)-1: none */
};

/* False with a sentence in error that begins with the place in the configuration. */
bool daemon_look_up(const struct daemon_names *names, struct daemon_identity *out,
		    char *error, size_t error_size);

/* --- files --------------------------------------------------------------------------------- */

/* Log that changes of that file wait for the next start, if that is so (base/secret_file). */
void daemon_tell_copy(const char *path);

/* --- signals and time ---------------------------------------------------------------------- */

/* Called in the loop, with the arg of daemon_events_new(). */
struct daemon_hooks {
	void (*reload)(void *arg);   /* SIGHUP */
	void (*tell)(void *arg);     /* SIGUSR1; NULL: it is left alone */
	void (*periodic)(void *arg); /* every two seconds: files may have changed */
};

struct daemon_events;

/*
 * From now on SIGTERM and SIGINT break the loop, and hooks, which are copied, are called. NULL
 * if out of memory.
 */
struct daemon_events *daemon_events_new(struct event_base *base,
					const struct daemon_hooks *hooks, void *arg);
void daemon_events_free(struct daemon_events *events); /* before base; NULL is allowed */

#endif
