/*
 * rates.c - see rates.h. A sample belongs to an id, not to a slot: an allocation never shows the
 * rate of the one that had its slot before.
 */
#include "relay/rates.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

struct sample {
	uint64_t id; /* 0: none */
	uint64_t at_ms;
	struct traffic to_peer, to_client;
	struct rate rate; /* up to then */
};

struct rates {
	size_t slots;
	uint32_t next;     /* slot to look at */
	uint64_t moved[2]; /* when the last round through all slots began, and that before */
	uint64_t still_ms; /* nothing has moved between those and then */
	struct sample *samples;
};

struct rates *rates_new(size_t slots)
{
	struct rates *rates = calloc(1, sizeof(*rates));

	if (rates == NULL)
		return NULL;
	rates->slots = slots;
	rates->moved[0] = rates->moved[1] = UINT64_MAX;
	rates->samples = calloc(slots > 0 ? slots : 1, sizeof(*rates->samples));
	if (rates->samples == NULL) {
		free(rates);
		return NULL;
	}
	return rates;
}

void rates_free(struct rates *rates)
{
	if (rates == NULL)
		return;
	free(rates->samples);
	free(rates);
}

/* An allocation that has no sample yet began with nothing when it was made. */
static struct sample before(const struct rates *rates, const struct allocation *al)
{
	assert(al->slot < rates->slots);
	struct sample sample = rates->samples[al->slot];

	if (sample.id != al->id)
		sample = (struct sample){.at_ms = al->created_ms};
	if (sample.at_ms < rates->still_ms)
		sample.at_ms = rates->still_ms;
	return sample;
}

static uint64_t per_second(uint64_t n, uint64_t ms)
{
	return n * 1000 / ms;
}

/* An allocation younger than a second counts as that old: a burst just now is no rate yet. */
static struct rate between(const struct sample *then, const struct allocation *al,
			   uint64_t now_ms)
{
	uint64_t ms = now_ms - then->at_ms;

	assert(al->to_peer.bytes >= then->to_peer.bytes &&
	       al->to_client.bytes >= then->to_client.bytes);
	if (then->id == 0 && ms < RATES_WINDOW_MS)
		ms = RATES_WINDOW_MS;
	if (ms == 0)
		ms = 1;
	return (struct rate){
		.to_peer_bps =
			per_second(8 * (al->to_peer.bytes - then->to_peer.bytes), ms),
		.to_client_bps =
			per_second(8 * (al->to_client.bytes - then->to_client.bytes), ms),
		.to_peer_pps =
			per_second(al->to_peer.packets - then->to_peer.packets, ms),
		.to_client_pps =
			per_second(al->to_client.packets - then->to_client.packets, ms),
	};
}

/*
 * May a round be skipped? If nothing has moved since the last but one began, the last one found
 * only rates of zero, and nothing has changed. Thousands of idle allocations then cost nothing.
 */
static bool is_still(struct rates *rates, uint64_t moved, uint64_t now_ms)
{
	if (moved == rates->moved[1]) {
		rates->still_ms = now_ms;
		return true;
	}
	rates->moved[1] = rates->moved[0];
	rates->moved[0] = moved;
	return false;
}

uint32_t rates_sample(struct rates *rates, struct allocation_table *table, uint64_t moved,
		      uint64_t now_ms)
{
	uint32_t used = allocation_slots(table);
	assert(used <= rates->slots);
	uint32_t slices = used > 0 ? (used + RATES_SLICE - 1) / RATES_SLICE : 1;

	if (rates->next >= used)
		rates->next = 0;
	if (rates->next == 0 && is_still(rates, moved, now_ms))
		return RATES_WINDOW_MS;
	for (uint32_t i = 0; i < RATES_SLICE && rates->next < used; i++, rates->next++) {
		const struct allocation *al = allocation_at(table, rates->next);

		if (al == NULL)
			continue;
		struct sample then = before(rates, al);
		rates->samples[al->slot] = (struct sample){
			.id = al->id,
			.at_ms = now_ms,
			.to_peer = al->to_peer,
			.to_client = al->to_client,
			.rate = between(&then, al, now_ms),
		};
	}
	return RATES_WINDOW_MS / slices > 0 ? RATES_WINDOW_MS / slices : 1;
}

struct rate rates_of(const struct rates *rates, const struct allocation *al,
		     uint64_t now_ms)
{
	struct sample then = before(rates, al);

	return then.id != 0 ? then.rate : between(&then, al, now_ms);
}
