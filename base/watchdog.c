/*
 * watchdog.c - see watchdog.h.
 */
#include "base/watchdog.h"

#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>

#include "base/notify.h"

enum {
	FEEDINGS = 4,   /* within systemd's timeout: one may be missed and one late */
	HEARTBEATS = 8, /* heartbeats, looked at before each feeding */
};

struct watchdog {
	bool (*alive)(void *arg);
	void *arg;
	struct event *timer; /* NULL: systemd does not watch */
};

uint64_t watchdog_heartbeat_ms(void)
{
	uint64_t timeout_ms = notify_watchdog_ms();

	return timeout_ms == 0 ? 0 : timeout_ms / HEARTBEATS + 1;
}

static void feed(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	const struct watchdog *watchdog = arg;

	if (watchdog->alive == NULL || watchdog->alive(watchdog->arg))
		notify_alive();
}

struct watchdog *watchdog_new(struct event_base *base, bool (*alive)(void *arg),
			      void *arg)
{
	uint64_t interval_ms = notify_watchdog_ms() / FEEDINGS;
	struct watchdog *watchdog = calloc(1, sizeof(*watchdog));

	assert(base != NULL);
	if (watchdog == NULL)
		return NULL;
	watchdog->alive = alive;
	watchdog->arg = arg;
	if (notify_watchdog_ms() == 0)
		return watchdog;
	const struct timeval interval = {
		.tv_sec = (time_t)(interval_ms / 1000),
		.tv_usec = (suseconds_t)(interval_ms % 1000 * 1000),
	};
	watchdog->timer = event_new(base, -1, EV_PERSIST, feed, watchdog);
	if (watchdog->timer != NULL && event_add(watchdog->timer, &interval) == 0)
		return watchdog;
	watchdog_free(watchdog);
	return NULL;
}

void watchdog_free(struct watchdog *watchdog)
{
	if (watchdog == NULL)
		return;
	if (watchdog->timer != NULL)
		event_free(watchdog->timer);
	free(watchdog);
}
