/*
 * status_line.c - see status_line.h.
 */
#include "relay/ops/status_line.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "relay/core/counters.h"
#include "relay/reload/drain.h"

static uint64_t bytes_relayed(const struct counters *sum)
{
	uint64_t bytes = 0;

	for (int side = 0; side < SIDE_COUNT; side++) {
		for (int transport = 0; transport < TRANSPORT_COUNT; transport++)
			bytes += sum->to_peer[side][transport].bytes +
				 sum->to_client[side][transport].bytes;
	}
	return bytes;
}

/* "" if not draining. */
static void describe_drain(const struct drain_state *drain, char *text, size_t size)
{
	char until[48] = "";
	time_t deadline = (time_t)drain->deadline_s;
	struct tm tm;

	*text = '\0';
	if (!drain->draining)
		return;
	if (drain->deadline_s != 0 && gmtime_r(&deadline, &tm) != NULL)
		strftime(until, sizeof(until), " until %Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(text, size, ", draining%s (%" PRIu64 " at first)", until,
		 drain->began_with);
}

void status_line_write(struct status_line *line, const struct counters *sum,
		       const struct drain_state *drain, uint64_t now_ms, char *text,
		       size_t size)
{
	uint64_t bytes = bytes_relayed(sum);
	uint64_t open = counters_open(sum->allocations_opened, sum->allocations_closed);
	double mbps = 0;
	char draining[96];

	if (line->at_ms != 0 && now_ms > line->at_ms) {
		assert(bytes >= line->bytes);
		mbps = (double)(bytes - line->bytes) * 8 / 1000 /
		       (double)(now_ms - line->at_ms);
	}
	line->bytes = bytes;
	line->at_ms = now_ms;
	describe_drain(drain, draining, sizeof(draining));
	snprintf(text, size, "%" PRIu64 " allocation%s, %.1f Mbit/s%s", open,
		 open == 1 ? "" : "s", mbps, draining);
}
