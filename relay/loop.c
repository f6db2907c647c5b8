/*
 * loop.c - see loop.h.
 */
#include "relay/loop.h"

#include <assert.h>
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

enum {
	CLOSE_MS =
		4, /* two turns no further apart are close; a tick of the coarse clock */
	BUSY_TURNS = 16, /* so many close ones: busy */
	QUIET_MS = 10,   /* no packet for so long: quiet */
	SEARCH = 1024,   /* descriptors above the own one that may be libevent's */
};

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

/*
 * libevent does not tell which descriptor its epoll instance is. It is the one that has the own instance; to
 * modify that into what it is changes nothing, and fails anywhere else.
 */
static int find_others(int packets)
{
	struct epoll_event same = {.events = EPOLLIN, .data.fd = packets};

	for (int fd = packets - 1; fd >= 0; fd--) {
		if (epoll_ctl(fd, EPOLL_CTL_MOD, packets, &same) == 0)
			return fd;
	}
	for (int fd = packets + 1; fd < packets + SEARCH; fd++) {
		if (epoll_ctl(fd, EPOLL_CTL_MOD, packets, &same) == 0)
			return fd;
	}
	return -1;
}

/* One turn of the own instance; how many descriptors were ready. timeout_ms: most to wait for one. */
static int turn(struct loop *loop, int timeout_ms)
{
	int count = epoll_wait(loop->packets, loop->ready, LOOP_READY_MAX, timeout_ms);

	loop_turn(loop);
	if (count <= 0)
		return 0;
	loop->ready_count = (unsigned)count;
	for (loop->ready_next = 0; loop->ready_next < loop->ready_count;) {
		struct loop_watch *watch = loop->ready[loop->ready_next++].data.ptr;

		/* While this one waits for the kernel, the next one comes from memory. */
		if (loop->ready_next < loop->ready_count)
			__builtin_prefetch(loop->ready[loop->ready_next].data.ptr);
		if (watch != NULL)
			watch->ready(watch);
	}
	loop->ready_count = 0;
	if (loop->turn_end != NULL)
		loop->turn_end(loop->turn_end_arg);
	return count;
}

/* The two instances cannot have each other: each change of who waits takes one out first. */
static void become_busy(struct loop *loop)
{
	struct epoll_event others = {.events = EPOLLIN, .data.ptr = &loop->others_ready};

	event_del(loop->packets_ready);
	loop->is_busy = epoll_ctl(loop->packets, EPOLL_CTL_ADD, loop->others, &others) ==
			0;
	if (!loop->is_busy)
		event_add(loop->packets_ready, NULL);
	loop->look_ms = loop->now_ms + LOOP_LOOK_MS;
}

static void become_quiet(struct loop *loop)
{
	loop->is_busy = false;
	loop->close_turns = 0;
	epoll_ctl(loop->packets, EPOLL_CTL_DEL, loop->others, NULL);
	event_add(loop->packets_ready, NULL);
}

/* libevent has waited. */
static void packets_ready(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct loop *loop = arg;

	if (turn(loop, 0) == 0)
		return;
	bool is_close = loop->now_ms - loop->turn_ms <= CLOSE_MS;

	loop->close_turns = is_close ? loop->close_turns + 1 : 0;
	loop->turn_ms = loop->now_ms;
}

/* Of libevent: seen after the turn. */
static void others_ready(struct loop_watch *watch)
{
	struct loop *loop =
		(struct loop *)((char *)watch - offsetof(struct loop, others_ready));

	loop->look_ms = loop->now_ms;
}

static void busy_turn(struct loop *loop)
{
	if (turn(loop, QUIET_MS) == 0)
		become_quiet(loop);
	else if (loop->now_ms < loop->look_ms &&
		 event_base_get_num_events(loop->base, EVENT_BASE_COUNT_ACTIVE) == 0)
		return;
	event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	loop->look_ms = loop->now_ms + LOOP_LOOK_MS;
}

bool loop_init(struct loop *loop)
{
	*loop = (struct loop){.base = base_new(), .packets = -1, .others = -1};
	loop_turn(loop);
	loop->others_ready.ready = others_ready;
	if (loop->base == NULL)
		return false;
	loop->packets = epoll_create1(EPOLL_CLOEXEC);
	if (loop->packets < 0)
		return false;
	loop->packets_ready = event_new(loop->base, loop->packets, EV_READ | EV_PERSIST,
					packets_ready, loop);
	if (loop->packets_ready == NULL || event_add(loop->packets_ready, NULL) != 0)
		return false;
	loop->others = find_others(loop->packets);
	return true;
}

void loop_release(struct loop *loop)
{
	assert(!loop->is_running);
	if (loop->packets_ready != NULL)
		event_free(loop->packets_ready);
	loop->packets_ready = NULL;
	if (loop->base != NULL) {
		event_base_free(loop->base);
		if (loop->packets >= 0)
			close(loop->packets);
	}
	loop->base = NULL;
}

void loop_run(struct loop *loop)
{
	assert(!loop->is_running);
	loop->thread = pthread_self();
	loop->is_running = true;
	loop->has_ended = false;
	while (!loop->has_ended) {
		if (loop->is_busy)
			busy_turn(loop);
		else
			event_base_loop(loop->base,
					EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
		if (!loop->is_busy && loop->close_turns >= BUSY_TURNS &&
		    loop->others >= 0)
			become_busy(loop);
	}
	if (loop->is_busy)
		become_quiet(loop);
	loop->is_running = false;
}

void loop_end(struct loop *loop)
{
	assert(loop->is_running && pthread_equal(loop->thread, pthread_self()));
	loop->has_ended = true;
	event_base_loopbreak(loop->base);
}

int loop_watch(struct loop *loop, int fd, struct loop_watch *watch)
{
	struct epoll_event readable = {.events = EPOLLIN, .data.ptr = watch};

	assert(watch->ready != NULL);
	return epoll_ctl(loop->packets, EPOLL_CTL_ADD, fd, &readable) == 0 ? 0 : -errno;
}

void loop_unwatch(struct loop *loop, int fd, const struct loop_watch *watch)
{
	epoll_ctl(loop->packets, EPOLL_CTL_DEL, fd, NULL);
	for (unsigned i = loop->ready_next; i < loop->ready_count; i++) {
		if (loop->ready[i].data.ptr == watch)
			loop->ready[i].data.ptr = NULL;
	}
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
