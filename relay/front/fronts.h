/*
 * fronts.h - the bound sockets of fronts, one set for each worker: at the start before
 * privileges are dropped, and for what a reload adds.
 */
#ifndef RELAY_FRONT_FRONTS_H
#define RELAY_FRONT_FRONTS_H

#include <stdbool.h>
#include <stddef.h>

#include "relay/core/front.h"
#include "relay/core/peer_policy.h"
#include "relay/core/port_pool.h"
#include "relay/reload/relay_config.h"

struct inherited;

/* The name of a front's socket in the store, see base/descriptors/fd_store.h. */
enum { FRONTS_NAME_MAX = 128 };
void fronts_name(const struct front *front, size_t worker, char name[FRONTS_NAME_MAX]);

/* Of a worker that the process before had and this one has not. */
struct front_leftover {
	uint16_t front;
	bool tcp;
	int fd;
};

/* The sockets of one worker, by front index; -1 where there is none. */
struct front_sockets {
	int udp[FRONTS_MAX];
	int tcp[FRONTS_MAX];
	/* Datagrams and connections wait in them: handle those, then close them. Of the first set. */
	struct front_leftover *leftovers;
	size_t leftover_count;
};

/*
 * Bind the wanted ones of a table of FRONTS_MAX for all workers (sets: one per worker). TLS and
 * DTLS fronts have no socket of their own. False with "FILE:LINE:COLUMN: ..." in error, which names the program
 * that holds a port; then nothing stays open.
 *
 * config     has the address of each wanted front
 * inherited  those that the process before has left are used in place of new ones, and nothing is
 *            steered; or NULL
 *
 * New ones are stored for the next process (base/descriptors/fd_store.h).
 */
bool fronts_bind(const struct relay_config *config, const struct front table[FRONTS_MAX],
		 const bool wanted[FRONTS_MAX], struct inherited *inherited,
		 struct front_sockets *sets, size_t workers, char *error,
		 size_t error_size);

/* Could new sockets be bound for the wanted ones? False with "FILE:LINE:COLUMN: ..." in error, as fronts_bind(). */
bool fronts_try(const struct relay_config *config, const struct front table[FRONTS_MAX],
		const bool wanted[FRONTS_MAX], char *error, size_t error_size);

/* Close what is left of fronts there: those are not configured any more. */
void fronts_forget(struct inherited *inherited);

/* Have the store keep them no longer: before they are closed. */
void fronts_unstore(const struct front table[FRONTS_MAX], const bool which[FRONTS_MAX],
		    size_t workers);

/*
 * Relayed addresses will be on all outside addresses, even where no front is: can a socket be
 * bound on the wanted ones at all? False with "FILE:LINE:COLUMN: ..." in error.
 */
bool fronts_try_outside(const struct relay_config *config,
			const struct relay_address table[PORT_POOL_ADDRESSES_MAX],
			const bool wanted[PORT_POOL_ADDRESSES_MAX], char *error,
			size_t error_size);

/* Close those that no worker has taken over. */
void fronts_close(struct front_sockets *sets, size_t workers);

#endif
