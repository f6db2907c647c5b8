/*
 * destination.c - see destination.h.
 */
#include "relay/core/destination.h"

#include <assert.h>

#include "base/debug_assert.h"
#include "relay/core/allocation_table.h"
#include "relay/core/changes.h"
#include "relay/core/permission.h"
#include "relay/core/turn.h"

bool destination_set(struct turn *turn, struct allocation *al,
		     const struct endpoint *peer, uint64_t now_ms)
{
	const struct endpoint named = peer_as_named(turn, peer);

	if (peer->port == 0 || !permission_find(turn, al, &named.ip, now_ms) ||
	    peer_refused_by(turn, al->relay_transport, peer))
		return false;
	assert(allocation_has_family(al, named.ip.family));
	changes_note(turn, al);
	al->active = (struct destination){
		.peer = named,
		.generation = turn->settings->generation,
		.own = peer_is_own(turn, &named.ip),
	};
	if (al->relay_transport == TRANSPORT_TCP)
		turn->edge->relay_permitted(turn->edge->self, al->slot);
	return true;
}

/* As with channels: ports of our own relayed addresses come and go, so check each time. */
bool destination_is_allowed(const struct turn *turn, struct allocation *al)
{
	struct destination *destination = &al->active;

	debug_assert(destination_is_set(destination));
	if (destination->own || destination->generation != turn->settings->generation) {
		destination->own = peer_is_own(turn, &destination->peer.ip);
		destination->refused = peer_refused_by(turn, al->relay_transport,
						       &destination->peer) != NULL;
		destination->generation = turn->settings->generation;
	}
	return !destination->refused;
}
