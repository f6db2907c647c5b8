/*
 * notify.h - where we are in our life, for systemd. Does nothing when nobody asked.
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

/* The line that systemctl status shows. */
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How often notify_alive() is expected, in milliseconds; 0: nobody waits for it. */
uint64_t notify_watchdog_ms(void);
/* Whoever stays away longer is killed and started again (WatchdogSec=). */
void notify_alive(void);

#endif
