/*
 * drain.c - a flag that the workers read, a deadline, and a look every second whether it is
 * done.
 *
 *	serving --begin--> draining --end--> serving
 *	                   | deadline: what is left is ended
 *	                   | nothing left: said once, and still draining
 */
#define LOG_SUBSYSTEM SUBSYSTEM_CONTROL
#include "relay/reload/drain.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/log.h"
#include "base/units.h"
#include "relay/relay.h"

struct drain {
	struct relay *relay;
	struct event deadline;
	struct event look;
	bool is_done; /* and it was said */
	pthread_mutex_t lock;
	struct drain_state state; /* under the lock; remaining is not kept */
};

static void deadline_came(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct drain *drain = arg;
	struct relay *relay = drain->relay;

	log_notice("drain: the deadline is here; %" PRIu64 " allocations are ended",
		   relay_allocation_count(relay));
	if (!relay_drain_all(relay))
		log_error("drain: out of memory; some workers keep their allocations");
}

static void look(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct drain *drain = arg;

	if (drain->is_done || relay_allocation_count(drain->relay) > 0)
		return;
	drain->is_done = true;
	log_notice("drain: done, no allocation is left; it is safe to stop");
}

struct drain *drain_new(struct event_base *base, struct relay *relay)
{
	struct drain *drain = calloc(1, sizeof(*drain));

	if (drain == NULL)
		return NULL;
	drain->relay = relay;
	if (event_assign(&drain->deadline, base, -1, 0, deadline_came, drain) != 0 ||
	    event_assign(&drain->look, base, -1, EV_PERSIST, look, drain) != 0) {
		free(drain);
		return NULL;
	}
	pthread_mutex_init(&drain->lock, NULL);
	return drain;
}

void drain_free(struct drain *drain)
{
	if (drain == NULL)
		return;
	event_del(&drain->deadline);
	event_del(&drain->look);
	pthread_mutex_destroy(&drain->lock);
	free(drain);
}

static void set_deadline(struct drain *drain, uint32_t deadline_s)
{
	const struct timeval wait = {.tv_sec = (time_t)deadline_s};
	char text[UNITS_TEXT_MAX];

	event_del(&drain->deadline);
	if (deadline_s == 0)
		log_notice(
			"drain: no new allocations; existing ones may run until they end");
	else if (event_add(&drain->deadline, &wait) == 0)
		log_notice(
			"drain: no new allocations; existing ones may run for up to %s",
			units_duration_text(deadline_s, text));
	else
		log_error("drain: out of memory; there is no deadline");
}

void drain_begin(struct drain *drain, uint32_t deadline_s)
{
	static const struct timeval second = {.tv_sec = 1};
	int64_t now_s = time(NULL);

	pthread_mutex_lock(&drain->lock);
	bool is_first = !drain->state.draining;
	drain->state.deadline_s = deadline_s > 0 ? now_s + deadline_s : 0;
	if (is_first) {
		drain->state.draining = true;
		drain->state.since_s = now_s;
		drain->state.began_with = relay_allocation_count(drain->relay);
	}
	pthread_mutex_unlock(&drain->lock);

	turn_set_draining(&drain->relay->shared, true);
	set_deadline(drain, deadline_s);
	if (!is_first)
		return;
	drain->is_done = false;
	event_add(&drain->look, &second);
}

void drain_end(struct drain *drain)
{
	pthread_mutex_lock(&drain->lock);
	bool was_draining = drain->state.draining;
	drain->state = (struct drain_state){0};
	pthread_mutex_unlock(&drain->lock);

	turn_set_draining(&drain->relay->shared, false);
	event_del(&drain->deadline);
	event_del(&drain->look);
	if (was_draining)
		log_notice("drain: over; new allocations are served again");
}

struct drain_state drain_state(struct drain *drain)
{
	pthread_mutex_lock(&drain->lock);
	struct drain_state state = drain->state;
	pthread_mutex_unlock(&drain->lock);

	state.remaining = relay_allocation_count(drain->relay);
	return state;
}
