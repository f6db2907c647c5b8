/*
 * top_allocations.c - see top_allocations.h.
 */
#include "relay/ops/top_allocations.h"

#include <assert.h>
#include <string.h>

#include "relay/core/turn.h"
#include "relay/relay_allocations.h"

static uint64_t payload(const struct traffic *to_peer, const struct traffic *to_client)
{
	return to_peer->bytes + to_client->bytes;
}

static struct top_allocations_row describe(const struct turn *turn,
					   const struct allocation *al, uint64_t now_ms)
{
	return (struct top_allocations_row){
		.id = al->id,
		.dialect = al->dialect,
		.side = al->side,
		.transport = al->transport,
		.relay_transport = al->relay_transport,
		.relayed = allocation_relayed_public(turn, al),
		.age_ms = now_ms > al->created_ms ? now_ms - al->created_ms : 0,
		.expires_in_ms = al->expires_ms > now_ms ? al->expires_ms - now_ms : 0,
		.permission_count = al->permission_count,
		.channel_count = al->channel_count,
		.to_peer = al->to_peer,
		.to_client = al->to_client,
	};
}

/* Insert it in its place, if it has one; the last one makes room. */
static void consider(const struct turn *turn, const struct allocation *al,
		     uint64_t now_ms, void *arg)
{
	struct top_allocations *found = arg;
	uint64_t bytes = payload(&al->to_peer, &al->to_client);
	size_t at = found->count;

	assert(found->count <= TOP_ALLOCATIONS_MAX);
	while (at > 0 && payload(&found->rows[at - 1].to_peer,
				 &found->rows[at - 1].to_client) < bytes)
		at--;
	if (at == TOP_ALLOCATIONS_MAX)
		return;
	if (found->count < TOP_ALLOCATIONS_MAX)
		found->count++;
	memmove(&found->rows[at + 1], &found->rows[at],
		(found->count - 1 - at) * sizeof(found->rows[0]));
	found->rows[at] = describe(turn, al, now_ms);
}

void top_allocations_gather(struct top_allocations *top_allocations, struct relay *relay)
{
	top_allocations->count = 0;
	relay_allocations_visit(relay, consider, top_allocations);
}
