/*
 * top_allocations.c - see top_allocations.h. A relay may have many thousand allocations; a worker looks at some
 * of them between two packets and goes on with the next when it is asked again.
 */
#include "relay/ops/top_allocations.h"

#include <string.h>

#include "relay/handoff.h"
#include "relay/relay.h"
#include "relay/worker.h"

enum { AT_ONCE = 512 };

struct search {
	struct top_allocations *found;
	uint32_t slot; /* to go on with; SLOT_NONE: that was all */
};

static uint64_t payload(const struct traffic *to_peer, const struct traffic *to_client)
{
	return to_peer->bytes + to_client->bytes;
}

static struct top_allocations_row describe(const struct worker *worker,
					   const struct allocation *al)
{
	uint64_t now_ms = worker->now_ms;

	return (struct top_allocations_row){
		.id = al->id,
		.dialect = al->dialect,
		.side = al->side,
		.transport = al->transport,
		.relay_transport = al->relay_transport,
		.relayed = allocation_relayed_public(&worker->turn, al),
		.age_ms = now_ms > al->created_ms ? now_ms - al->created_ms : 0,
		.expires_in_ms = al->expires_ms > now_ms ? al->expires_ms - now_ms : 0,
		.permission_count = al->permission_count,
		.channel_count = al->channel_count,
		.to_peer = al->to_peer,
		.to_client = al->to_client,
	};
}

/* In its place, if it has one; the last one makes room. */
static void consider(struct top_allocations *found, const struct worker *worker,
		     const struct allocation *al)
{
	uint64_t bytes = payload(&al->to_peer, &al->to_client);
	size_t at = found->count;

	while (at > 0 && payload(&found->rows[at - 1].to_peer,
				 &found->rows[at - 1].to_client) < bytes)
		at--;
	if (at == TOP_ALLOCATIONS_MAX)
		return;
	if (found->count < TOP_ALLOCATIONS_MAX)
		found->count++;
	memmove(&found->rows[at + 1], &found->rows[at],
		(found->count - 1 - at) * sizeof(found->rows[0]));
	found->rows[at] = describe(worker, al);
}

static void look(struct worker *worker, void *arg)
{
	struct search *search = arg;

	for (unsigned i = 0; i < AT_ONCE; i++) {
		const struct allocation *al =
			allocation_next(worker->turn.table, search->slot);

		if (al == NULL) {
			search->slot = SLOT_NONE;
			return;
		}
		consider(search->found, worker, al);
		search->slot = al->slot + 1;
	}
}

void top_allocations_gather(struct top_allocations *top_allocations, struct relay *relay)
{
	top_allocations->count = 0;
	for (size_t i = 0; i < relay->worker_count; i++) {
		struct search search = {.found = top_allocations};

		while (search.slot != SLOT_NONE &&
		       handoff_call(relay->workers[i]->inbox, look, &search))
			;
	}
}
