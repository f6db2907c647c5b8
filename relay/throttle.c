/*
 * throttle.c - see throttle.h. One timer for the earliest deadline of all.
 */
#include "relay/throttle.h"

#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "relay/core/expiry.h"
#include "relay/loop.h"

struct throttle {
	struct loop *loop;
	throttle_pause_fn *pause;
	void *arg;
	struct expiry until;
	struct event timer;
};

static void arm(struct throttle *throttle)
{
	uint64_t due;
	uint32_t slot;

	if (expiry_first(&throttle->until, &slot, &due))
		loop_arm(throttle->loop, &throttle->timer, due);
	else
		event_del(&throttle->timer);
}

static void resume(struct throttle *throttle, uint32_t slot)
{
	expiry_clear(&throttle->until, slot);
	throttle->pause(throttle->arg, slot, false);
}

static void timer_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct throttle *throttle = arg;
	uint64_t due;
	uint32_t slot;

	loop_turn(throttle->loop);
	while (expiry_first(&throttle->until, &slot, &due) &&
	       due <= throttle->loop->now_ms)
		resume(throttle, slot);
	arm(throttle);
}

struct throttle *throttle_new(struct loop *loop, size_t slots, throttle_pause_fn *pause,
			      void *arg)
{
	struct throttle *throttle = calloc(1, sizeof(*throttle));

	if (throttle == NULL)
		return NULL;
	throttle->loop = loop;
	throttle->pause = pause;
	throttle->arg = arg;
	if (!expiry_init(&throttle->until, slots) ||
	    event_assign(&throttle->timer, loop->base, -1, 0, timer_due, throttle) != 0) {
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
	assert(slot < throttle->until.size && wait_ms > 0);
	expiry_set(&throttle->until, slot, throttle->loop->now_ms + wait_ms);
	throttle->pause(throttle->arg, slot, true);
	arm(throttle);
}

void throttle_forget(struct throttle *throttle, uint32_t slot)
{
	assert(slot < throttle->until.size);
	if (throttle->until.places[slot] == 0)
		return;
	resume(throttle, slot);
	arm(throttle);
}
