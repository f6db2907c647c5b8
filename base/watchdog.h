/*
 * watchdog.h - feeds systemd's watchdog while the process is alive.
 *
 * Owner    main. Threads: that of the event base.
 */
#ifndef BASE_WATCHDOG_H
#define BASE_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct watchdog;

/*
 * The interval of a thread's heartbeat in milliseconds, several times shorter than that
 * of feedings. 0: systemd does not watch.
 */
uint64_t watchdog_heartbeat_ms(void);

/*
 * Feed the watchdog from now on whenever alive(arg); alive NULL: it is enough that this
 * loop turns. Does nothing where systemd does not watch. NULL if out of memory.
 */
struct watchdog *watchdog_new(struct event_base *base, bool (*alive)(void *arg),
			      void *arg);
void watchdog_free(struct watchdog *watchdog); /* before base; NULL is allowed */

#endif
