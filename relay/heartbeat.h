/*
 * heartbeat.h - a sign of life: the loop of a thread counts as long as it turns, and a watcher
 * sees the count move. Costs a timer of a few seconds, and nothing without a watcher.
 */
#ifndef RELAY_HEARTBEAT_H
#define RELAY_HEARTBEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event_struct.h>

struct event_base;

/* Embedded in a worker; beats is atomic, the rest its thread's. */
struct heartbeat {
	struct event timer;
	uint64_t beats;
	bool armed;
};

/* Before the loop of base runs. interval_ms 0: no heartbeat. False if out of memory. */
bool heartbeat_start(struct heartbeat *heartbeat, struct event_base *base,
		     uint64_t interval_ms);
/* After the loop has ended, before base is freed; also without a start. */
void heartbeat_stop(struct heartbeat *heartbeat);

/* Any thread. */
uint64_t heartbeat_count(const struct heartbeat *heartbeat);

/*
 * Has each of these moved since this last said yes? The counts are remembered in seen, one
 * number for each heartbeat, all 0 at first. *still is one that has not, if the answer is no.
 */
bool heartbeat_all_moved(const struct heartbeat *const heartbeats[], size_t count,
			 uint64_t *seen, size_t *still);

#endif
