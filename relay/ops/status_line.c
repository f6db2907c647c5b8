/*
 * status_line.c - see status_line.h.
 */
#include "relay/ops/status_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "relay/core/counters.h"

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

bool status_line_update(struct status_line *line, const struct counters *sum,
			uint64_t now_ms)
{
	uint64_t bytes = bytes_relayed(sum);
	uint64_t open = counters_open(sum->allocations_opened, sum->allocations_closed);
	double mbps = 0;
	char text[sizeof(line->text)];

	if (line->at_ms != 0 && now_ms > line->at_ms)
		mbps = (double)(bytes - line->bytes) * 8 / 1000 /
		       (double)(now_ms - line->at_ms);
	line->bytes = bytes;
	line->at_ms = now_ms;
	snprintf(text, sizeof(text), "%" PRIu64 " allocation%s, %.1f Mbit/s", open,
		 open == 1 ? "" : "s", mbps);
	if (strcmp(text, line->text) == 0)
		return false;
	strcpy(line->text, text);
	return true;
}
