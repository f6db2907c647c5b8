/*
 * take_up_report.h - what has become of the process before: for the log, the status and metrics.
 */
#ifndef RELAY_TAKE_UP_REPORT_H
#define RELAY_TAKE_UP_REPORT_H

#include <stdint.h>

#include "relay/core/counters.h"
#include "relay/front/saved/streams_restore.h"
#include "relay/peer/peer_take_up.h"

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

/* A line about allocations, and one about connections if some are lost. */
void take_up_report_log(const struct take_up_report *report);

#endif
