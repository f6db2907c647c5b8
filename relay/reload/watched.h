/*
 * watched.h - the files that a configuration names and a daemon reads again when they change:
 * every key that the schema marks as watched.
 */
#ifndef RELAY_RELOAD_WATCHED_H
#define RELAY_RELOAD_WATCHED_H

#include <stdbool.h>

#include "base/file_stamp.h"
#include "base/reload_report.h"
#include "relay/reload/config.h"

enum { WATCHED_MAX = 16 };

/* How they looked, in the order of the schema; files that are not named look like nothing. */
struct watched {
	struct file_stamp stamps[WATCHED_MAX];
};

/* Look at all of them. */
struct watched watched_now(const struct config *config);

bool watched_equal(const struct watched *a, const struct watched *b);

/*
 * Add a change for each file that looks different although its key is the same in both
 * configurations; the texts are its date and size. False if out of memory.
 */
bool watched_report(const struct config *before, const struct watched *looked,
		    const struct config *after, const struct watched *look,
		    struct reload_report *report);

#endif
