/*
 * predecessor.h - the process that this one takes over from (take_over.h), during a start with --take-over.
 * Without that there is none, and nothing happens here.
 *
 *	predecessor_check()    a child checks the configuration and the files it names, first
 *	predecessor_ask()      from now on the predecessor stands still
 *	predecessor_done()     it leaves
 *	predecessor_abandon()  or the start has failed, and it goes on
 *
 * Owner    embedded in the daemon; starts as zeros.
 * Threads  main's.
 */
#ifndef BASE_DESCRIPTORS_PREDECESSOR_H
#define BASE_DESCRIPTORS_PREDECESSOR_H

#include <stdbool.h>
#include <stddef.h>

struct endpoint;
struct inherited;
struct take_over;

/* Names of what a daemon has besides its own. */
#define PREDECESSOR_CONTROL "control"
#define PREDECESSOR_METRICS "metrics"
#define PREDECESSOR_TAKE_OVER "take-over"

struct predecessor {
	struct take_over *asked; /* NULL: there is none, or it has left */
	/* What it has given; whoever takes it up takes the list. NULL: nothing. */
	struct inherited *inherited;
};

/* True in the child, which is to check and to end. The parent goes on if all is well, else it ends. */
bool predecessor_check(void);

/* path: of its socket; NULL: there is none. daemon: our name. False with a sentence in error. */
bool predecessor_ask(struct predecessor *predecessor, const char *path,
		     const char *daemon, char *error, size_t error_size);

/* Take a socket of that name that is where it should be; -1: there is none. */
int predecessor_unix(struct predecessor *predecessor, const char *name, const char *path);
int predecessor_tcp(struct predecessor *predecessor, const char *name,
		    const struct endpoint *where);

/*
 * Everything is taken up, and nothing of it has been touched: it leaves. False with a sentence in error: it serves
 * on, and the start has to fail.
 */
bool predecessor_done(struct predecessor *predecessor, char *error, size_t error_size);

/* The start has failed with that sentence: ends the process without touching what both have. */
void predecessor_abandon(const struct predecessor *predecessor, const char *error,
			 int status);

#endif
