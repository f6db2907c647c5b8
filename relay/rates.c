/*
 * rates.c - see rates.h. A sample belongs to an id, not to a slot: an allocation never shows the
 * rate of the one that had its slot before.
 */
#include "relay/rates.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "relay/core/allocation_table.h"
#include "relay/core/rate.h"

/* What is looked at of an allocation. */
enum { TO_PEER_BITS, TO_CLIENT_BITS, TO_PEER_PACKETS, TO_CLIENT_PACKETS, TOTALS };

struct sample {
	uint64_t id; /* 0: none */
	uint64_t at_ms;
	struct rate rates[TOTALS];
};

struct rates {
	size_t slots;
	uint32_t next;     /* slot to look at */
	uint64_t moved[2]; /* when the last round through all slots began, and that before */
	uint64_t still_ms;   /* nothing has moved between those and then */
	rates_read_fn *read; /* NULL: counters are always up to date */
	void *read_arg;
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

void rates_read_with(struct rates *rates, rates_read_fn *read, void *arg)
{
	rates->read = read;
	rates->read_arg = arg;
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

/* An allocation younger than a second counts as that old: a burst just now is no rate yet. */
static void look(struct sample *sample, const struct allocation *al, uint64_t now_ms)
{
	const uint64_t totals[TOTALS] = {
		[TO_PEER_BITS] = 8 * al->to_peer.bytes,
		[TO_CLIENT_BITS] = 8 * al->to_client.bytes,
		[TO_PEER_PACKETS] = al->to_peer.packets,
		[TO_CLIENT_PACKETS] = al->to_client.packets,
	};
	uint64_t elapsed_ms = now_ms - sample->at_ms;

	if (sample->id == 0 && elapsed_ms < RATES_WINDOW_MS)
		elapsed_ms = RATES_WINDOW_MS;
	for (int i = 0; i < TOTALS; i++) {
		assert(totals[i] >= sample->rates[i].total);
		rate_sample(&sample->rates[i], totals[i], elapsed_ms);
	}
	sample->id = al->id;
	sample->at_ms = now_ms;
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
		return RATES_STILL;
	for (uint32_t i = 0; i < RATES_SLICE && rates->next < used; i++, rates->next++) {
		const struct allocation *al = allocation_at(table, rates->next);

		if (al == NULL)
			continue;
		if (rates->read != NULL)
			rates->read(rates->read_arg, al);
		rates->samples[al->slot] = before(rates, al);
		look(&rates->samples[al->slot], al, now_ms);
	}
	return RATES_WINDOW_MS / slices > 0 ? RATES_WINDOW_MS / slices : 1;
}

struct traffic_rate rates_of(const struct rates *rates, const struct allocation *al,
			     uint64_t now_ms)
{
	struct sample sample = before(rates, al);

	if (sample.id == 0)
		look(&sample, al, now_ms);
	return (struct traffic_rate){
		.to_peer_bps = rate_per_s(&sample.rates[TO_PEER_BITS]),
		.to_client_bps = rate_per_s(&sample.rates[TO_CLIENT_BITS]),
		.to_peer_pps = rate_per_s(&sample.rates[TO_PEER_PACKETS]),
		.to_client_pps = rate_per_s(&sample.rates[TO_CLIENT_PACKETS]),
	};
}
