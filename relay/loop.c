/*
 * loop.c - see loop.h.
 */
#include "relay/loop.h"

#include <assert.h>
#include <time.h>

#include <event2/event.h>

/* One thread's own, so without locks. */
static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	if (config == NULL)
		return NULL;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

/* Packets would pay for this: builds that check invariants have it. */
static void check_thread(const struct loop *loop)
{
#ifdef AVEDGE_CHECK_INVARIANTS
	assert(!loop->is_running || pthread_equal(loop->thread, pthread_self()));
#else
	(void)loop;
#endif
}

bool loop_init(struct loop *loop)
{
	*loop = (struct loop){.base = base_new()};
	loop_turn(loop);
	return loop->base != NULL;
}

void loop_release(struct loop *loop)
{
	assert(!loop->is_running);
	if (loop->base != NULL)
		event_base_free(loop->base);
	loop->base = NULL;
}

void loop_run(struct loop *loop)
{
	assert(!loop->is_running);
	loop->thread = pthread_self();
	loop->is_running = true;
	event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
	loop->is_running = false;
}

void loop_end(struct loop *loop)
{
	assert(loop->is_running && pthread_equal(loop->thread, pthread_self()));
	event_base_loopbreak(loop->base);
}

void loop_turn(struct loop *loop)
{
	uint64_t before_ms = loop->now_ms;
	struct timespec ts;

	check_thread(loop);
	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	loop->now_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	loop->unix_s = ts.tv_sec;
	if (loop->alive == NULL)
		return;
	if (loop->now_ms - before_ms > LOOP_STILL_MS) {
		__atomic_store_n(&loop->still[0], before_ms, __ATOMIC_RELAXED);
		__atomic_store_n(&loop->still[1], loop->now_ms, __ATOMIC_RELAXED);
	}
	__atomic_store_n(loop->alive, loop->now_ms, __ATOMIC_RELAXED);
}

void loop_arm(const struct loop *loop, struct event *timer, uint64_t due_ms)
{
	uint64_t wait_ms = due_ms > loop->now_ms ? due_ms - loop->now_ms : 0;
	const struct timeval tv = {
		.tv_sec = (time_t)(wait_ms / 1000),
		.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000),
	};

	assert(event_get_base(timer) == loop->base);
	event_add(timer, &tv);
}
