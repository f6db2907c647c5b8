/*
 * changes.c - see changes.h.
 */
#include "relay/core/changes.h"

#include <assert.h>

#include "relay/core/allocation_state.h"
#include "relay/core/turn.h"

void changes_note_slot(struct turn *turn, uint32_t slot)
{
	change_list_add(&turn->changes, slot);
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
