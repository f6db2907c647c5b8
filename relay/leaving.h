/*
 * leaving.h - the end of a process whose calls go on in the next one: nothing is ended, nothing is
 * freed, and the last state is saved.
 *
 *	serving --pause--> paused --finish--> (the process ends)
 *	   ^------resume-----'
 *
 * systemd's restart goes to the end at once. A take-over pauses, gives copies of all descriptors to
 * the other process, and finishes or resumes as that one says.
 *
 * Threads  main's. Nobody asks the workers anything meanwhile.
 */
#ifndef RELAY_LEAVING_H
#define RELAY_LEAVING_H

#include <stdbool.h>

struct relay;

/* Stop all workers, when nothing is on its way between them, and save everything. */
void leaving_pause(struct relay *relay);
/* 0, or an errno: a thread could not be made, and its allocations wait for another resume. */
int leaving_resume(struct relay *relay);

/* Call fn with each descriptor that outlives the process, and its name in the store; while paused. */
void leaving_each_descriptor(const struct relay *relay,
			     void (*fn)(void *arg, const char *name, int fd), void *arg);

/* While paused: what cannot outlive the process is closed. */
void leaving_finish(struct relay *relay);

/*
 * All sockets of relayed addresses into the store of systemd: they are not there while the relay
 * serves, because each would cost two messages (docs/decisions/0011).
 */
void leaving_store(const struct relay *relay);

#endif
