/*
 * next_start.h - could a process start with another configuration, as far as this one can tell while it
 * runs: are its ports and addresses free, its certificate and key good?
 *
 * Threads  any; it reads files and binds ports for a moment.
 */
#ifndef RELAY_RELOAD_NEXT_START_H
#define RELAY_RELOAD_NEXT_START_H

#include <stdbool.h>
#include <stddef.h>

struct network;
struct relay_config;

/*
 * What this process has bound itself is not tried: it is given to the next one. False with a sentence in
 * error, "FILE:LINE:COLUMN: ..." where there is a place.
 */
bool next_start_try(const struct relay_config *next, struct network *now, char *error,
		    size_t error_size);

#endif
