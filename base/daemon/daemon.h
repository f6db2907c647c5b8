/*
 * daemon.h - what both daemons are made of; daemon_run.h is their life:
 *
 *   arguments, configuration, names, prepare, limits, bind, control socket, metrics, keys, remarks,
 *   privileges, log, loop, work, self-test, answers, READY=1 ... STOPPING=1
 *
 * A stage goes up in that order and down in reverse from wherever the start stopped. --check
 * goes through those that open nothing, and prints what the others log as warnings. A daemon gives its own stages in struct daemon_ops.
 *
 * Threads  main's. A thread that a stage makes inherits a mask that blocks all signals.
 */
#ifndef BASE_DAEMON_H
#define BASE_DAEMON_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/descriptors/predecessor.h"
#include "base/descriptors/store_health.h"
#include "base/notify.h"
#include "base/privdrop.h"

struct config;
struct config_schema;
struct control_route;
struct daemon;
struct event;
struct event_base;
struct inbox;
struct control_socket;
struct metrics_listener;
struct watchdog;
struct metrics_source;
struct take_over_listener;

/* A wrong command line has COMMAND_LINE_EXIT_USAGE. */
enum daemon_exit {
	DAEMON_EXIT_CONFIG = 3, /* the configuration, or a file that it names */
	/* The same while calls wait: systemd has to try again, or it drops what they depend on. */
	DAEMON_EXIT_WAITING = 4,
};

/* --- what a daemon provides ---------------------------------------------------------- */

struct daemon_stage {
	const char *name;
	bool (*up)(struct daemon *daemon); /* false with a sentence in daemon->error */
	/* Also takes down what a failed up() left half done. NULL: nothing to undo. */
	void (*down)(struct daemon *daemon);
};

/* A process that another one can take over from (base/descriptors/take_over_listener.h). */
struct daemon_take_over_ops {
	/* The functions of struct take_over_source; what leaves is ops->leave. */
	bool (*pause)(struct daemon *daemon, char *error, size_t error_size);
	void (*each)(struct daemon *daemon,
		     void (*give)(void *arg, const char *name, int fd), void *arg);
	void (*resume)(struct daemon *daemon);
};

struct daemon_ops {
	const char *name;
	const char *purpose, *signals; /* whole lines, for --help */
	const char *config;            /* path of its file if none is given */
	bool binds_later; /* a reload may bind low ports: keep that capability */
	void *self;       /* the daemon's own state */

	const struct config_schema *schema;

	/*
	 * The start has failed by a file that somebody has to correct: how many calls that the process
	 * before has left wait for one that succeeds. Called once, before what went up goes down;
	 * may take its time, so that tries are not in quick succession. NULL: none ever do.
	 */
	size_t (*waiting)(struct daemon *daemon);
	struct daemon_stage prepare; /* with --check too: opens and binds nothing */
	struct daemon_stage bind;    /* the ports it serves, while still privileged */
	/* With --check too: reads the files that the configuration names, and then owns it. */
	struct daemon_stage keys;
	/*
	 * With --check too: false with a sentence in daemon->error where a start would fail
	 * later. May be NULL. What remarks there are is told next.
	 */
	bool (*inspect)(struct daemon *daemon);
	struct daemon_stage work; /* what runs in the loop or in threads */

	/* If it fails, the keys are wrong and a restart does not help. */
	bool (*self_test)(struct daemon *daemon);
	/* The source of GET /metrics, valid while work is up. False with a sentence in error. */
	bool (*metrics)(struct daemon *daemon, struct metrics_source *source);
	const struct control_route *routes;
	size_t route_count;
	void *routes_arg;

	/* All in the loop of main, except serving(), just before it: it logs the start. */
	void (*serving)(struct daemon *daemon);
	void (*reload)(struct daemon *daemon); /* SIGHUP */
	void (*periodic)(
		struct daemon *daemon); /* every two seconds: files may have changed */
	void (*status)(struct daemon *daemon, char *line,
		       size_t size);                 /* for systemctl */
	bool (*is_alive)(struct daemon *daemon);     /* NULL: if its loop turns */
	void (*log_counters)(struct daemon *daemon); /* SIGUSR1 and at the end; or NULL */
	/*
	 * SIGUSR2 has come: finish what cannot be left half done, then call daemon_leave(). NULL:
	 * there is nothing of that kind.
	 */
	void (*finish)(struct daemon *daemon);
	/*
	 * SIGUSR2, after the loop: leave everything to the next process. Nothing goes down
	 * after it; the process ends, successfully and at once.
	 */
	void (*leave)(struct daemon *daemon);
	const struct daemon_take_over_ops *take_over; /* NULL: no --take-over */
};

/* --- what the stages of a daemon work with --------------------------------------------------- */

struct daemon {
	const struct daemon_ops *ops;
	/* As loaded, the struct of ops->schema; a reload may replace it once the loop turns. */
	struct config *config;
	struct event_base *base;        /* of main, from work on */
	struct inbox *inbox;            /* of main, from work on */
	struct predecessor predecessor; /* of --take-over; the daemon takes its list */
	char error[512];

	/* Only daemon_run.c and daemon_successor.c use what follows. */
	const char *path;      /* of the configuration */
	bool check, strict;    /* as asked for */
	bool quiet;            /* say nothing of what is valid */
	const char *take_over; /* the socket of the process to ask; NULL: none */
	bool config_is_taken;  /* by the keys stage */
	bool leaves;           /* SIGUSR2 came, or another process has taken over */
	bool has_left;         /* ops->leave has been called */
	struct privdrop_identity who;
	gid_t control_group; /* (gid_t)-1: none */
	struct control_socket *control;
	struct metrics_listener *metrics;
	int take_over_fd; /* for the process after; -1: none */
	struct take_over_listener *successors;
	struct watchdog *watchdog;
	struct event *reload; /* a timer; runs if one is pending */
	uint64_t reloaded_ms; /* monotonic, when the last one was over; 0: none yet */
	struct event *events[6];
	size_t event_count;
	sigset_t signals;            /* as they were before threads were made */
	struct notify_status status; /* as systemd has it */
	struct store_health store;
};

/* What was begun is finished: end the loop, and leave the rest to the next process. */
void daemon_leave(struct daemon *daemon);

/* "out of memory" as the error. Always false. */
bool daemon_no_memory(struct daemon *daemon);
/* Put the place of that value in the configuration before the sentence in daemon->error. Always false. */
bool daemon_value_error(struct daemon *daemon, const void *field);

/*
 * Of the work stage, once everything of the process before is taken up and before anything of it is
 * touched: that process leaves. True also where there is none. False with a sentence in
 * daemon->error: fail.
 */
bool daemon_take_over_done(struct daemon *daemon);

#endif
