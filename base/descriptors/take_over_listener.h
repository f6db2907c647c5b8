/*
 * take_over_listener.h - the old process of a take-over (take_over.h): it answers those that ask, and
 * serves on unless one of them has everything.
 *
 * Threads  main's. While another process takes over, main waits for it in here: signals and the loop wait,
 *          too, at most TAKE_OVER_SEND_MS + TAKE_OVER_DONE_MS.
 */
#ifndef BASE_DESCRIPTORS_TAKE_OVER_LISTENER_H
#define BASE_DESCRIPTORS_TAKE_OVER_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/descriptors/take_over.h"

struct event_base;
struct take_over_listener;

/* Connections without a hello; the oldest gives way. */
enum { TAKE_OVER_WAITING_MAX = 4 };

/* Sends a copy of one, of the group of that name. Those of a group one after the other go together. */
typedef void take_over_give_fn(void *arg, const char *name, int fd);

struct take_over_source {
	const char *daemon;
	void *self;
	/* Stand still, with everything saved. False with a sentence: it cannot, and goes on. */
	bool (*pause)(void *self, char *error, size_t error_size);
	/* Give everything, while paused. */
	void (*each)(void *self, take_over_give_fn *give, void *arg);
	/* Go on as if nothing had been. */
	void (*resume)(void *self);
	/* Everything is another's: end soon, without ending any of it. */
	void (*leave)(void *self);
};

/*
 * Answer processes that ask on fd, from unix_listener_bind() with SOCK_SEQPACKET, which is borrowed.
 * NULL if out of memory.
 */
struct take_over_listener *take_over_listen(struct event_base *base, int fd,
					    const struct take_over_source *source);
void take_over_listener_free(struct take_over_listener *listener); /* NULL is allowed */

#endif
