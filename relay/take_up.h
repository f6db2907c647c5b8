/*
 * take_up.h - a new process goes on where the one before has ended: puts what that one has left in its
 * state files (past.h) and among the inherited descriptors into the workers, which do not run yet.
 *
 * In this order, because each part looks for what is there before it:
 *
 *	streams of clients                on worker (old number) mod (workers)
 *	allocations                       of datagram clients on the worker that the kernel will give
 *	                                  their datagrams to, else where their streams are
 *	connections with peers            where their allocations are
 *	reserved and resting ports
 *
 * What does not come back is told: in a line of the log, a record for each allocation, and counters
 * (enum restore_result).
 *
 * Owner    main.
 * Threads  main's, before the workers run.
 */
#ifndef RELAY_TAKE_UP_H
#define RELAY_TAKE_UP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/take_up_report.h"

struct inherited;
struct past;
struct relay;
struct take_up;

/*
 * All of it. past may have nothing. generation: above those that the process before has given out, as
 * far as it said. Nothing that was inherited is ended, because the process before may still have to go
 * on. NULL if out of memory.
 */
struct take_up *take_up_run(struct relay *relay, const struct past *past,
			    struct inherited *inherited, uint32_t generation);
/* It has not: end what was inherited for nothing. */
void take_up_settle(struct take_up *take_up);
void take_up_free(struct take_up *take_up); /* NULL is allowed */

/* The workers run, and this process serves: the line in the log, and the records of what is lost. */
void take_up_tell(struct take_up *take_up, struct relay *relay, uint64_t alive_ms,
		  uint64_t now_ms);

const struct take_up_report *take_up_report(const struct take_up *take_up);

#endif
