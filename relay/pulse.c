/*
 * pulse.c - see pulse.h.
 */
#include "relay/pulse.h"

#include <event2/event.h>

#include "relay/worker.h"

static void beat(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct pulse *pulse = arg;

	__atomic_store_n(&pulse->beats, pulse->beats + 1, __ATOMIC_RELAXED);
}

bool pulse_start(struct pulse *pulse, struct event_base *base, uint64_t interval_ms)
{
	const struct timeval interval = {
		.tv_sec = (time_t)(interval_ms / 1000),
		.tv_usec = (suseconds_t)(interval_ms % 1000 * 1000),
	};

	if (interval_ms == 0)
		return true;
	if (event_assign(&pulse->timer, base, -1, EV_PERSIST, beat, pulse) != 0 ||
	    event_add(&pulse->timer, &interval) != 0)
		return false;
	pulse->armed = true;
	return true;
}

void pulse_stop(struct pulse *pulse)
{
	if (pulse->armed)
		event_del(&pulse->timer);
	pulse->armed = false;
}

uint64_t pulse_beats(const struct pulse *pulse)
{
	return __atomic_load_n(&pulse->beats, __ATOMIC_RELAXED);
}

bool pulse_all_moved(const struct relay *relay, uint64_t *seen, size_t *still)
{
	for (size_t i = 0; i < relay->worker_count; i++) {
		if (pulse_beats(&relay->workers[i]->pulse) == seen[i]) {
			*still = i;
			return false;
		}
	}
	for (size_t i = 0; i < relay->worker_count; i++)
		seen[i] = pulse_beats(&relay->workers[i]->pulse);
	return true;
}
