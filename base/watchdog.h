/*
 * watchdog.h - tells systemd that we live, for as long as that is true.
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
 * How often whoever has to show life should do so, in milliseconds: several times between two
 * feedings. 0: nobody watches, and nothing is to be done.
 */
uint64_t watchdog_heartbeat_ms(void);

/*
 * Feed the watchdog from now on, each time that alive(arg) says yes; NULL: that this loop turns
 * is enough. Does nothing where nobody watches. NULL if out of memory.
 */
struct watchdog *watchdog_new(struct event_base *base, bool (*alive)(void *arg),
			      void *arg);
void watchdog_free(struct watchdog *watchdog); /* before base; NULL is allowed */

#endif
