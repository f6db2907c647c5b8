/*
 * busy.h - how busy each worker is: processor time of its thread, read from outside, so that the
 * worker itself does nothing for it.
 *
 * Threads  one; not a worker's.
 */
#ifndef RELAY_OPS_BUSY_H
#define RELAY_OPS_BUSY_H

#include <stddef.h>
#include <stdint.h>

struct relay;
struct busy;

/* The workers must run. NULL if out of memory. */
struct busy *busy_new(struct relay *relay);
void busy_free(struct busy *busy); /* NULL is allowed */

struct busy_worker {
	double cpu_s; /* since the start */
	double ratio; /* 0..1, since the look before, which is at least a second ago */
};

/* One for each worker, borrowed until the next look. */
const struct busy_worker *busy_look(struct busy *busy, uint64_t now_ms);

#endif
