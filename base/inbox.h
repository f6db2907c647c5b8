/*
 * inbox.h - what other threads ask of a thread with an event loop; run there, in order, between
 * two of its events.
 *
 * Threads  inbox_post() and inbox_call() from any thread but, the second, the owner's;
 *          everything else on the owner's, or while nobody else has the inbox.
 */
#ifndef BASE_INBOX_H
#define BASE_INBOX_H

#include <stdbool.h>

struct event_base;
struct inbox;

typedef void inbox_fn(void *arg);

/* NULL and errno. */
struct inbox *inbox_new(struct event_base *base);

/*
 * Run fn(arg) on the owner's thread soon. False if it never will: the inbox is closed, or out of
 * memory.
 */
bool inbox_post(struct inbox *inbox, inbox_fn *fn, void *arg);

/* The same, and wait until it has run. False: it has not, and will not. */
bool inbox_call(struct inbox *inbox, inbox_fn *fn, void *arg);

/*
 * The owner's loop has ended: run what is there, take nothing more. From now on nobody waits
 * here, so that threads that do can be joined.
 */
void inbox_close(struct inbox *inbox);
/* Closes it first. Before its base; NULL is allowed. */
void inbox_free(struct inbox *inbox);

#endif
