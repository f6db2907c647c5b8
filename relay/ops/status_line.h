/*
 * status_line.h - the state of the relay in one line, as systemctl status shows it.
 *
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_OPS_STATUS_LINE_H
#define RELAY_OPS_STATUS_LINE_H

#include <stddef.h>
#include <stdint.h>

struct counters;
struct drain_state;

/* What was relayed until the last line, and when that was. All zero at first. */
struct status_line {
	uint64_t bytes, at_ms;
};

/*
 * Write the line from the counters of all workers. The rate is that since the line before, of
 * payload, both directions together.
 */
void status_line_write(struct status_line *line, const struct counters *sum,
		       const struct drain_state *drain, uint64_t now_ms, char *text,
		       size_t size);

#endif
