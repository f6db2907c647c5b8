/*
 * notify.h - a daemon's messages to systemd. Does nothing where systemd is not listening.
 *
 * Threads  main only.
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdint.h>

/* Serving: after the start and after each reload, successful or not. */
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);

/* The line that systemctl status shows. Starts as zeros. */
struct notify_status {
	char line[160];
};
/* Send the line, cut to size, if it differs from the last one, which the caller keeps. */
void notify_status(struct notify_status *last, const char *line);

/* The longest time between two calls of notify_alive(), in milliseconds; 0: no limit. */
uint64_t notify_watchdog_ms(void);
/* A process that stays silent longer is killed and restarted (WatchdogSec=). */
void notify_alive(void);

#endif
