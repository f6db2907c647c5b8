/*
 * throttle.c - see throttle.h. One timer for the earliest of all.
 */
#include "relay/throttle.h"

#include <stdlib.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "relay/core/expiry.h"
#include "relay/peer/relay_tcp.h"
#include "relay/worker.h"

struct throttle {
	struct worker *worker;
	struct expiry until;
	struct event timer;
};

static void pause_slot(struct throttle *throttle, uint32_t slot, bool pause)
{
	worker_client_throttle(throttle->worker, slot, pause);
	relay_tcp_throttle(throttle->worker->tcp_relays, slot, pause);
}

static void arm(struct throttle *throttle)
{
	uint64_t now = throttle->worker->now_ms, due;
	uint32_t slot;

	if (!expiry_first(&throttle->until, &slot, &due)) {
		event_del(&throttle->timer);
		return;
	}
	uint64_t wait_ms = due > now ? due - now : 0;
	const struct timeval tv = {
		.tv_sec = (time_t)(wait_ms / 1000),
		.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000),
	};
	event_add(&throttle->timer, &tv);
}

static void timer_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct throttle *throttle = arg;
	uint64_t due;
	uint32_t slot;

	worker_tick(throttle->worker);
	while (expiry_first(&throttle->until, &slot, &due) &&
	       due <= throttle->worker->now_ms) {
		expiry_clear(&throttle->until, slot);
		pause_slot(throttle, slot, false);
	}
	arm(throttle);
}

struct throttle *throttle_new(struct worker *worker, size_t slots)
{
	struct throttle *throttle = calloc(1, sizeof(*throttle));

	if (throttle == NULL)
		return NULL;
	throttle->worker = worker;
	if (!expiry_init(&throttle->until, slots) ||
	    event_assign(&throttle->timer, worker->base, -1, 0, timer_due, throttle) !=
		    0) {
		expiry_release(&throttle->until);
		free(throttle);
		return NULL;
	}
	return throttle;
}

void throttle_free(struct throttle *throttle)
{
	if (throttle == NULL)
		return;
	event_del(&throttle->timer);
	expiry_release(&throttle->until);
	free(throttle);
}

void throttle_slot(struct throttle *throttle, uint32_t slot, uint32_t wait_ms)
{
	expiry_set(&throttle->until, slot, throttle->worker->now_ms + wait_ms);
	pause_slot(throttle, slot, true);
	arm(throttle);
}

void throttle_forget(struct throttle *throttle, uint32_t slot)
{
	if (throttle->until.places[slot] == 0)
		return;
	expiry_clear(&throttle->until, slot);
	pause_slot(throttle, slot, false);
	arm(throttle);
}
