/*
 * fronts.h - from configured sides to a table of fronts and their bound sockets, one set for
 * each worker. Runs once, before privileges are dropped.
 */
#ifndef RELAY_FRONT_FRONTS_H
#define RELAY_FRONT_FRONTS_H

#include <stdbool.h>
#include <stddef.h>

#include "relay/config.h"
#include "relay/core/front.h"

/*
 * Fill the table: per address of a side its UDP front, its TCP front and, right behind, the TLS
 * front of the same port. Returns how many; 0 if there are more than FRONTS_MAX.
 */
size_t fronts_list(const struct config *config, struct front table[FRONTS_MAX]);

/* The sockets of one worker, by front index; -1 where there is none. */
struct front_sockets {
	int udp[FRONTS_MAX];
	int tcp[FRONTS_MAX];
};

/*
 * Bind all fronts for all workers (sets: one per worker). False with a sentence in error, which
 * names who holds a port; then nothing stays open.
 */
bool fronts_bind(const struct front *table, size_t count, struct front_sockets *sets,
		 size_t workers, char *error, size_t error_size);

#endif
