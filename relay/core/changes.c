/*
 * changes.c - see changes.h.
 */
#include "relay/core/changes.h"

#include <assert.h>
#include <stdlib.h>

#include "relay/core/allocation_table.h"
#include "relay/core/turn.h"

bool changes_init(struct changes *changes, size_t slots)
{
	*changes = (struct changes){
		.slots = calloc(slots + 1, sizeof(*changes->slots)),
		.noted = calloc(slots + 1, sizeof(*changes->noted)),
	};
	if (changes->slots != NULL && changes->noted != NULL)
		return true;
	changes_release(changes);
	return false;
}

void changes_release(struct changes *changes)
{
	free(changes->slots);
	free(changes->noted);
	*changes = (struct changes){0};
}

void changes_note_slot(struct turn *turn, uint32_t slot)
{
	struct changes *changes = &turn->changes;

	assert(slot < allocation_slots(turn->table));
	if (changes->slots == NULL || changes->noted[slot])
		return;
	changes->noted[slot] = 1;
	changes->slots[changes->count++] = slot;
}

void changes_note(struct turn *turn, const struct allocation *al)
{
	assert(allocation_is_live(al));
	changes_note_slot(turn, al->slot);
}

void changes_save(struct turn *turn, uint64_t now_ms)
{
	if (turn->changes.count == 0)
		return;
	turn->edge->save(turn->edge->self, now_ms);
	assert(turn->changes.count == 0);
}

void changes_forget(struct changes *changes)
{
	while (changes->count > 0)
		changes->noted[changes->slots[--changes->count]] = 0;
}
