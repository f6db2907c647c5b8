/*
 * store_health.c - see store_health.h.
 */
#include "base/descriptors/store_health.h"

#include <inttypes.h>

#include "base/descriptors/connection_store.h"
#include "base/descriptors/fd_store.h"
#include "base/log.h"

/* Systemd logs on its own that it has dropped something, but not what depends on it. */
static void tell_state(enum store_state state, size_t unkept)
{
	switch (state) {
	case STORE_GOOD:
		log_notice("systemd's descriptor store has room again: all connections "
			   "are kept");
		break;
	case STORE_FULL:
		log_warning("systemd's descriptor store of this service is full: %zu TCP "
			    "connections, and what comes now, would not survive a crash; "
			    "raise FileDescriptorStoreMax=",
			    unkept);
		break;
	case STORE_CROWDED:
		log_warning("%zu TCP connections would not survive a crash: too many are "
			    "kept for the limit of descriptors; raise LimitNOFILE=",
			    unkept);
		break;
	}
}

static void tell_given_up(struct store_health *health)
{
	uint64_t given_up = fd_store_figures().given_up;

	if (given_up == health->given_up)
		return;
	log_warning("systemd did not take %" PRIu64
		    " descriptors that outlive this process; "
		    "a restart loses what depends on them",
		    given_up - health->given_up);
	health->given_up = given_up;
}

void store_health_look(struct store_health *health)
{
	enum store_state state = STORE_GOOD;

	fd_store_flush();
	fd_store_look();
	connection_store_tend();

	struct connection_store_figures connections = connection_store_figures();

	if (fd_store_is_full())
		state = STORE_FULL;
	else if (connections.unkept > 0 && connections.is_crowded)
		state = STORE_CROWDED;
	else if (connections.unkept > 0)
		state = health->told; /* not yet as it was */
	if (state != health->told)
		tell_state(state, connections.unkept);
	health->told = state;
	tell_given_up(health);
}
