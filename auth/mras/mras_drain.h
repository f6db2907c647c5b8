/*
 * mras_drain.h - relays that are being emptied for maintenance: answers stop naming them, while
 * credentials go on. Pure; the flags are in the relays themselves and survive a reload by
 * mras_drain_carry_over().
 */
#ifndef AUTH_MRAS_MRAS_DRAIN_H
#define AUTH_MRAS_MRAS_DRAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/mras/service.h"

enum mras_drain_result {
	MRAS_DRAIN_DONE,    /* also if it was so already */
	MRAS_DRAIN_UNKNOWN, /* no relay has that name or address */
	MRAS_DRAIN_LAST,    /* nobody would be left for clients of one location */
};

/*
 * Stop naming every relay that is called name: its host, in any letters, or its address, in any
 * spelling. One machine may be a relay of both locations; either all of its entries change or
 * none. force: even if nobody is left at a location that has somebody now.
 */
enum mras_drain_result mras_drain_begin(struct service_relay *relays, size_t count,
					const char *name, bool force);

/* Name it again: MRAS_DRAIN_DONE or MRAS_DRAIN_UNKNOWN. */
enum mras_drain_result mras_drain_end(struct service_relay *relays, size_t count,
				      const char *name);

/* What drained goes on doing so: an entry of the same location and host. */
void mras_drain_carry_over(const struct service_relay *from, size_t from_count,
			   struct service_relay *to, size_t to_count);

/* Is anybody named to clients of that location? Not LOCATION_ANY. */
bool mras_drain_leaves(const struct service_relay *relays, size_t count,
		       enum service_location location);

size_t mras_drain_count(const struct service_relay *relays, size_t count);

#endif
