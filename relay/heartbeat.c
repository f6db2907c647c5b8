/*
 * heartbeat.c - see heartbeat.h.
 */
#include "relay/heartbeat.h"

#include <assert.h>

#include <event2/event.h>

static void beat(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct heartbeat *heartbeat = arg;

	__atomic_store_n(&heartbeat->beats, heartbeat->beats + 1, __ATOMIC_RELAXED);
}

bool heartbeat_start(struct heartbeat *heartbeat, struct event_base *base,
		     uint64_t interval_ms)
{
	const struct timeval interval = {
		.tv_sec = (time_t)(interval_ms / 1000),
		.tv_usec = (suseconds_t)(interval_ms % 1000 * 1000),
	};

	assert(!heartbeat->armed);
	if (interval_ms == 0)
		return true;
	if (event_assign(&heartbeat->timer, base, -1, EV_PERSIST, beat, heartbeat) != 0 ||
	    event_add(&heartbeat->timer, &interval) != 0)
		return false;
	heartbeat->armed = true;
	return true;
}

void heartbeat_stop(struct heartbeat *heartbeat)
{
	if (heartbeat->armed)
		event_del(&heartbeat->timer);
	heartbeat->armed = false;
}

uint64_t heartbeat_count(const struct heartbeat *heartbeat)
{
	return __atomic_load_n(&heartbeat->beats, __ATOMIC_RELAXED);
}

bool heartbeat_all_moved(const struct heartbeat *const heartbeats[], size_t count,
			 uint64_t *seen, size_t *still)
{
	for (size_t i = 0; i < count; i++) {
		if (heartbeat_count(heartbeats[i]) == seen[i]) {
			*still = i;
			return false;
		}
	}
	for (size_t i = 0; i < count; i++)
		seen[i] = heartbeat_count(heartbeats[i]);
	return true;
}
