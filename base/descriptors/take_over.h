/*
 * take_over.h - a new process takes over from the one that serves, without systemd: it asks for its
 * descriptors over a UNIX socket, gets them under the names that systemd's store would have them
 * under (inherited.h), and goes on where the old one stopped.
 *
 *	new process                          old process
 *	take_over_ask()  ---- hello ------>  is it root, or of the same user?
 *	                                     pause(): nothing moves any more
 *	                 <--- hello -------
 *	                 <--- descriptors -  each()
 *	                 <--- end ---------
 *	takes all up
 *	take_over_done() ---- done ------->
 *	                 <--- go ----------  leave(): it ends without touching them
 *	works
 *
 * Until "go", nothing that both have may be read, written, ended or changed by the new process: whatever it does
 * instead of "done", within TAKE_OVER_DONE_MS, makes the old one resume(). It does not matter how the new
 * one ends.
 *
 * "go" decides, in one place: the queue of the new one's socket. One that has waited long enough shuts its
 * receiving side down. A "go" that was there before counts; one that comes later fails, and the old one
 * resumes. So whatever either waits for, or whoever stands still, one of them serves, and not both.
 *
 * Messages are packets (SOCK_SEQPACKET, take_over_message.h).
 *
 * This is the new process; take_over_listener.h is the old one.
 *
 * Threads  main's.
 */
#ifndef BASE_DESCRIPTORS_TAKE_OVER_H
#define BASE_DESCRIPTORS_TAKE_OVER_H

#include <stdbool.h>
#include <stddef.h>

struct inherited;

enum {
	TAKE_OVER_HELLO_MS = 5000, /* from a connection to its hello */
	TAKE_OVER_SEND_MS = 5000,  /* to take all descriptors; to answer "done" */
	TAKE_OVER_DONE_MS = 10000, /* to take all up; less than half of any watchdog */
};

struct take_over; /* the process that was asked */

/*
 * Ask the process that listens under that path for all it has, which is added to inherited. daemon: our own
 * name, which has to be its, too. NULL with a sentence in error; what was added means nothing then.
 */
struct take_over *take_over_ask(const char *path, const char *daemon,
				struct inherited *inherited, char *error,
				size_t error_size);

/* Its process id; 0: it is in another namespace of them. */
int take_over_pid(const struct take_over *take_over);

/*
 * All is taken up: true if what was given is ours alone from now on. False with a sentence in error: the other
 * serves on, and this process has to end without touching it. patience_ms: how long to wait for it.
 */
bool take_over_done(struct take_over *take_over, unsigned patience_ms, char *error,
		    size_t error_size);

/* It comes to nothing, for that reason: the other serves on. Then end, by _exit(). */
void take_over_refuse(struct take_over *take_over, const char *reason);

void take_over_free(struct take_over *take_over); /* NULL is allowed */

#endif
