/*
 * allocation_entries.c - see allocation_entries.h.
 */
#include "relay/core/allocation_entries.h"

#include <assert.h>

/* Returns how many there are. */
static uint16_t copy_permissions(const struct allocation_table *table,
				 const struct allocation *al,
				 struct permission permissions[ENTRIES_EACH_MAX],
				 uint32_t places[ENTRIES_EACH_MAX])
{
	uint16_t count = 0;

	for (uint32_t entry = al->permissions; entry != SLOT_NONE;
	     entry = permission_after(table, entry)) {
		if (permission_at(table, entry)->expires_ms == 0)
			continue;
		assert(count < ENTRIES_EACH_MAX);
		places[count] = entry;
		permissions[count++] = *permission_at(table, entry);
	}
	return count;
}

static uint16_t copy_channels(const struct allocation_table *table,
			      const struct allocation *al,
			      struct channel channels[ENTRIES_EACH_MAX],
			      const uint32_t places[ENTRIES_EACH_MAX])
{
	uint16_t count = 0;

	for (uint32_t entry = al->channels; entry != SLOT_NONE;
	     entry = channel_after(table, entry)) {
		struct channel *ch = &channels[count];
		uint32_t place = 0;

		if (channel_at(table, entry)->expires_ms == 0)
			continue;
		assert(count < ENTRIES_EACH_MAX);
		*ch = *channel_at(table, entry);
		while (place < al->permission_count && places[place] != ch->permission)
			place++;
		ch->permission = place < al->permission_count ? place : SLOT_NONE;
		count++;
	}
	return count;
}

void allocation_entries_copy(const struct allocation_table *table,
			     const struct allocation *al,
			     struct permission permissions[ENTRIES_EACH_MAX],
			     struct channel channels[ENTRIES_EACH_MAX])
{
	uint32_t places[ENTRIES_EACH_MAX];
	uint16_t count = copy_permissions(table, al, permissions, places);

	assert(count == al->permission_count);
	count = copy_channels(table, al, channels, places);
	assert(count == al->channel_count);
	(void)count;
}

void allocation_entries_put(struct allocation_table *table, struct allocation *al,
			    const struct permission permissions[ENTRIES_EACH_MAX],
			    const struct channel channels[ENTRIES_EACH_MAX])
{
	uint32_t places[ENTRIES_EACH_MAX];
	bool was_free;

	assert(al->permissions == SLOT_NONE && al->channels == SLOT_NONE);
	for (uint16_t i = 0; i < al->permission_count; i++) {
		places[i] =
			chain_take(&table->permissions, &al->permissions, 0, &was_free);
		assert(was_free);
		*permission_at(table, places[i]) = permissions[i];
	}
	for (uint16_t i = 0; i < al->channel_count; i++) {
		uint32_t entry =
			chain_take(&table->channels, &al->channels, 0, &was_free);
		struct channel *ch = channel_at(table, entry);

		assert(was_free);
		*ch = channels[i];
		if (ch->permission != SLOT_NONE)
			ch->permission = places[ch->permission];
	}
}
