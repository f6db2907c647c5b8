/*
 * worker_load.h - how busy each worker is: the processor time of its thread, read from outside,
 * so that the worker itself does nothing for it.
 *
 * Threads  one; not a worker's.
 */
#ifndef RELAY_OPS_WORKER_LOAD_H
#define RELAY_OPS_WORKER_LOAD_H

#include <stddef.h>
#include <stdint.h>

struct relay;
struct worker_load;

/* The workers must run. NULL if out of memory. */
struct worker_load *worker_load_new(struct relay *relay);
void worker_load_free(struct worker_load *load); /* NULL is allowed */

struct worker_load_reading {
	double cpu_s; /* since the start */
	double ratio; /* 0..1, since the look before, which is at least a second ago */
};

/* One for each worker, borrowed until the next look. */
const struct worker_load_reading *worker_load_sample(struct worker_load *load,
						     uint64_t now_ms);

#endif
