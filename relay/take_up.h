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

#include "relay/core/counters.h"
#include "relay/front/saved/streams_restore.h"
#include "relay/peer/peer_take_up.h"

struct inherited;
struct past;
struct relay;
struct take_up;

/* For people, as long as this process lives. */
struct take_up_report {
	uint64_t process; /* that was taken over; 0: none, this start is a fresh one */
	uint32_t taken_up;
	uint32_t lost[RESTORE_RESULT_COUNT]; /* allocations, by why */
	uint32_t refused_peers; /* permissions and channels that peer policy refuses by now */
	uint32_t moved;         /* allocations that are another worker's than before */
	uint64_t streams
		[STREAM_RESTORED_COUNT]; /* connections of clients, by what became of them */
	uint64_t peers[PEER_TAKEN_UP_COUNT]; /* and of peers */
	uint64_t oldest_ms;                  /* age of the oldest one that was taken up */
	uint64_t duration_ms;                /* of the take-up itself */
	uint64_t gap_ms; /* from the last sign of life of the process before until this one served */
};

/* How many allocations are lost, over all reasons. */
uint32_t take_up_lost(const struct take_up_report *report);

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
