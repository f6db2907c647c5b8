/*
 * inbox.h - calls from other threads into a thread with an event loop. They run there in order,
 * between two of its events.
 *
 * Threads  any thread may call inbox_post(); any but the owner's may call inbox_call(). Everything
 *          else is called on the owner's thread, or before and after other threads use the inbox.
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
 * Run fn(arg) on the owner's thread soon. False if it will never run: the inbox is closed, or
 * memory is short.
 */
bool inbox_post(struct inbox *inbox, inbox_fn *fn, void *arg);

/* The same, and wait until it has run. False: it did not and will not run. */
bool inbox_call(struct inbox *inbox, inbox_fn *fn, void *arg);

/* The owner's loop does not run: run what is queued by now. */
void inbox_run(struct inbox *inbox);

/*
 * The owner's loop has ended: run what is queued and accept no more. Afterwards no thread waits
 * here, so those that did can be joined.
 */
void inbox_close(struct inbox *inbox);
/* Closes it first. Call it before the base is freed; NULL is allowed. */
void inbox_free(struct inbox *inbox);

#endif
