/*
 * hot.c - see hot.h.
 */
#include "relay/core/hot.h"

#include <assert.h>
#include <stdlib.h>

#include "base/debug_assert.h"

bool hot_init(struct hot *hot, size_t channels, size_t slots)
{
	assert(hot->channels == NULL && hot->destinations == NULL);
	*hot = (struct hot){
		/* Not of size 0, for which NULL may come. */
		.channels = calloc(channels + 1, sizeof(*hot->channels)),
		.destinations = calloc(slots + 1, sizeof(*hot->destinations)),
	};
	if (hot->channels != NULL && hot->destinations != NULL)
		return true;
	hot_release(hot);
	return false;
}

void hot_release(struct hot *hot)
{
	free(hot->channels);
	free(hot->destinations);
	*hot = (struct hot){0};
}

void hot_add(struct hot *hot, uint32_t slot, uint32_t channel)
{
	debug_assert((*hot_seen(hot, slot, channel) & 0xFF) == HOT_PACKETS);
	if (hot->count == HOT_LIST_MAX) {
		--*hot_seen(hot, slot, channel);
		return;
	}
	hot->list[hot->count++] = (struct hot_one){slot, channel};
}
