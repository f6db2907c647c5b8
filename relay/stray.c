/*
 * stray.c - see stray.h.
 */
#include "relay/stray.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/udp/steering.h"
#include "base/udp/udp_batch.h"
#include "relay/core/allocation.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/dialect/dispatch.h"
#include "relay/front/udp.h"
#include "relay/loop.h"

/* Datagrams of one source, on their way. */
struct stray {
	struct delivery *
		from_worker; /* which outlives it: no worker is freed before all have ended */
	struct five_tuple from;
	size_t size; /* of each but the last */
	uint8_t tos, hop_limit;
	size_t len;
	uint8_t bytes[];
};

static void arrive(struct delivery *there, void *arg)
{
	struct stray *stray = arg;
	struct udp_message message = {
		.rest = {stray->bytes, stray->len},
		.size = stray->size,
		.tos = stray->tos,
		.hop_limit = stray->hop_limit,
	};

	__atomic_sub_fetch(&stray->from_worker->stray_bytes, stray->len,
			   __ATOMIC_RELAXED);
	udp_front_arrive(there->udp_fronts, &stray->from, &message, stray->bytes);
	there->flush_peers(there->self);
	free(stray);
}

static unsigned datagrams(const struct udp_message *message)
{
	if (message->rest.len <= message->size)
		return 1; /* or an empty one */
	return (unsigned)((message->rest.len + message->size - 1) / message->size);
}

static struct stray *copy(struct delivery *here, const struct five_tuple *from,
			  const struct udp_message *message)
{
	size_t len = message->rest.len;
	struct stray *stray = NULL;

	if (__atomic_load_n(&here->stray_bytes, __ATOMIC_RELAXED) + len <=
	    STRAY_BYTES_MAX)
		stray = malloc(sizeof(*stray) + len);
	if (stray == NULL)
		return NULL;
	*stray = (struct stray){
		.from_worker = here,
		.from = *from,
		.size = message->size,
		.tos = message->tos,
		.hop_limit = message->hop_limit,
		.len = len,
	};
	if (len > 0)
		memcpy(stray->bytes, message->rest.data, len);
	return stray;
}

void stray_hand_over(struct delivery *here, const struct five_tuple *from,
		     const struct udp_message *message)
{
	struct counters *counters = &here->turn->counters;
	unsigned worker =
		steering_worker(&from->client, here->turn->shared->worker_count);
	struct stray *stray = copy(here, from, message);

	assert(worker != here->turn->worker);
	if (stray != NULL) {
		__atomic_add_fetch(&here->stray_bytes, stray->len, __ATOMIC_RELAXED);
		if (here->post(here->self, worker, arrive, stray)) {
			counter_add(&counters->strays, datagrams(message));
			return;
		}
		__atomic_sub_fetch(&here->stray_bytes, stray->len, __ATOMIC_RELAXED);
		free(stray);
	}
	counter_add(&counters->drops[DROP_STRAY], datagrams(message));
}

/* --- allocations ------------------------------------------------------------------------------ */

struct departure {
	struct five_tuple tuple;
	char user[CREDENTIAL_USER_MAX + 1];
};

static void depart(struct delivery *there, void *arg)
{
	struct departure *departure = arg;
	const struct allocation *al =
		allocation_find(there->turn->table, &departure->tuple);

	if (al != NULL &&
	    strcmp(allocation_user(there->turn->table, al), departure->user) == 0)
		dispatch_client_gone(there->turn, &departure->tuple, END_CLIENT_GONE,
				     there->loop->now_ms);
	free(departure);
}

void stray_allocations_end(struct delivery *here, const struct five_tuple *client)
{
	const struct allocation *al = allocation_find(here->turn->table, client);

	if (al == NULL || al->created_ms != here->loop->now_ms)
		return;
	for (unsigned worker = 0; worker < here->turn->shared->worker_count; worker++) {
		struct departure *departure;

		if (worker == here->turn->worker)
			continue;
		departure = calloc(1, sizeof(*departure));
		if (departure == NULL)
			return;
		departure->tuple = *client;
		strcpy(departure->user, allocation_user(here->turn->table, al));
		if (!here->post(here->self, worker, depart, departure))
			free(departure);
	}
}
