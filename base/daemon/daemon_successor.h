/*
 * daemon_successor.h - the socket on which a process that takes over asks this daemon for everything
 * (--take-over), and what the daemon does then.
 *
 * Threads  main's.
 */
#ifndef BASE_DAEMON_SUCCESSOR_H
#define BASE_DAEMON_SUCCESSOR_H

#include <stdbool.h>

struct daemon;

/* Stages of the daemon: where none is configured, nothing. False with a sentence in daemon->error. */
bool daemon_successor_bind(struct daemon *daemon);
void daemon_successor_unbind(struct daemon *daemon);

/* All else answers: from now on in the loop. False with a sentence in daemon->error. */
bool daemon_successor_listen(struct daemon *daemon);

#endif
