/*
 * status_line.h - the relay in one line for people who ask systemd how it is.
 *
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_OPS_STATUS_LINE_H
#define RELAY_OPS_STATUS_LINE_H

#include <stdbool.h>
#include <stdint.h>

struct counters;
struct drain_state;

/* All zero at first. */
struct status_line {
	char text[160];
	uint64_t bytes,
		at_ms; /* what was relayed until the last update, and when that was */
};

/*
 * Write the line anew from the counters of all workers; true if it reads differently now. The
 * rate is that since the last update, of payload, both directions together.
 */
bool status_line_update(struct status_line *line, const struct counters *sum,
			const struct drain_state *drain, uint64_t now_ms);

#endif
