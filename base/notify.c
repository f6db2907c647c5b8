/*
 * notify.c - see notify.h.
 */
#include "base/notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <systemd/sd-daemon.h>

void notify_ready(void)
{
	sd_notify(0, "READY=1");
}

void notify_reloading(void)
{
	struct timespec now;

	/*
	 * By the time, systemd tells the READY=1 that ends this reload from an earlier
	 * one.
	 */
	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		   (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
}

void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

void notify_status(struct notify_status *last, const char *line)
{
	char now[sizeof(last->line)];

	snprintf(now, sizeof(now), "%s", line);
	if (strcmp(now, last->line) == 0)
		return;
	memcpy(last->line, now, sizeof(now));
	sd_notifyf(0, "STATUS=%s", now);
}

uint64_t notify_watchdog_ms(void)
{
	uint64_t us = 0;

	return sd_watchdog_enabled(0, &us) > 0 ? us / 1000 : 0;
}

void notify_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}
