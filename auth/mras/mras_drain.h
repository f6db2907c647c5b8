/*
 * mras_drain.h - relays drained for maintenance: answers stop naming them, credentials
 * stay valid. Pure; the flags are in the relays themselves and survive a reload by
 * mras_drain_carry_over().
 */
#ifndef AUTH_MRAS_MRAS_DRAIN_H
#define AUTH_MRAS_MRAS_DRAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/mras/service.h"

enum mras_drain_result {
	MRAS_DRAIN_DONE,    /* also if nothing changed */
	MRAS_DRAIN_UNKNOWN, /* no relay has that name or address */
	MRAS_DRAIN_LAST,    /* clients of one location would have no relay left */
};

/*
 * Stop naming every relay called name: its host, case ignored, or its address in any
 * spelling. One machine may be a relay of both locations; either all of its entries
 * change or none. force: even if that leaves a location without a relay.
 */
enum mras_drain_result mras_drain_begin(struct service_relay *relays, size_t count,
					const char *name, bool force);

/* Name it again: MRAS_DRAIN_DONE or MRAS_DRAIN_UNKNOWN. */
enum mras_drain_result mras_drain_end(struct service_relay *relays, size_t count,
				      const char *name);

/* Relays with the same location and host stay drained. */
void mras_drain_carry_over(const struct service_relay *from, size_t from_count,
			   struct service_relay *to, size_t to_count);

/* Does a location, not LOCATION_ANY, have a relay that is not draining? */
bool mras_drain_leaves(const struct service_relay *relays, size_t count,
		       enum service_location location);

size_t mras_drain_count(const struct service_relay *relays, size_t count);

#endif
