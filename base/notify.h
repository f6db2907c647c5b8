/*
 * notify.h - what a daemon tells systemd. Does nothing where systemd does not listen.
 *
 * Threads  main only.
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdint.h>

/* Serving: at start, and when a reload is done, successful or not. */
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);

/* The line that systemctl status shows. All zero at first. */
struct notify_status {
	char line[160];
};
/* Send the line if it differs from the last one, which the caller keeps; it may be cut. */
void notify_status(struct notify_status *last, const char *line);

/* How often notify_alive() is expected, in milliseconds; 0: never. */
uint64_t notify_watchdog_ms(void);
/* A process that stays silent longer is killed and started again (WatchdogSec=). */
void notify_alive(void);

#endif
