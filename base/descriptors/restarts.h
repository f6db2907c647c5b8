/*
 * restarts.h - a service that is started again without delay must not keep a processor busy if it ends
 * at once, each time. So each process leaves to the next one since when it serves, and how many before it
 * did not serve for a tenth of a second; after a few of those, the next one waits before it starts.
 *
 * Without a store of descriptors nobody starts it again without delay, and nothing waits.
 *
 * Threads  main's.
 */
#ifndef BASE_DESCRIPTORS_RESTARTS_H
#define BASE_DESCRIPTORS_RESTARTS_H

#include <stdbool.h>
#include <stdint.h>

struct inherited;

/* The name in the store. */
#define RESTARTS_NAME "restarts"

enum {
	RESTARTS_SHORT_MS = 100, /* one that serves no longer counts, or not at all */
	RESTARTS_FREE = 10,      /* so many in a row are started without delay */
	RESTARTS_FIRST_MS = 100, /* to wait then, and each time twice as long */
	RESTARTS_LAST_MS = 5000, /* but no longer */
};

/*
 * This process starts. Returns how many milliseconds to wait first; *count is how many before it have
 * counted, in a row. now_ms: monotonic, not 0.
 */
uint32_t restarts_begin(struct inherited *inherited, uint64_t now_ms, uint32_t *count);

/* It serves from now on. */
void restarts_end(uint64_t now_ms);

/*
 * True the first time it is asked for that, of all the processes that have followed each other without
 * serving: what is said then need not be said again with each try. Without a store: always.
 */
enum restarts_said {
	RESTARTS_SAID_WAITING = 1, /* calls wait */
	RESTARTS_SAID_REMARKS = 2, /* on the configuration */
};
bool restarts_say(enum restarts_said what);

/* The same two with the clock, and wait. */
void restarts_pause(struct inherited *inherited);
void restarts_serving(void);

#endif
