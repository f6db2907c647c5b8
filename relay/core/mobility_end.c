/*
 * mobility_end.c - see mobility_end.h.
 */
#include "relay/core/mobility_end.h"

#include <assert.h>

#include "relay/core/allocation_table.h"
#include "relay/core/changes.h"
#include "relay/core/mobility_directory.h"
#include "relay/core/mobility_state.h"
#include "relay/core/turn.h"

struct mobility *mobility_of(const struct turn *turn, const struct allocation *al)
{
	assert(al->mobile && allocation_is_live(al));
	return &turn->table->mobility[al->slot];
}

void mobility_count(struct turn *turn, enum mobility_event event)
{
	assert((unsigned)event < MOBILITY_EVENT_COUNT);
	counter_add(&turn->counters.mobility[event], 1);
}

void mobility_abandon(struct turn *turn, struct allocation *al)
{
	const struct mobility *mobility = mobility_of(turn, al);

	assert(al->moving);
	changes_note(turn, al);
	allocation_table_remove_arriving(turn->table, al);
	al->moving = false;
	turn_count_on_front(turn, mobility->to.front, -1);
	charge_drop(turn, al, &mobility->charge);
	if (mobility->via != turn->worker)
		turn->edge->arrival_ended(turn->edge->self, mobility->via, &mobility->to);
	mobility_count(turn, MOBILITY_ABANDONED);
}

void mobility_end(struct turn *turn, struct allocation *al)
{
	if (!al->mobile)
		return;
	if (al->moving)
		mobility_abandon(turn, al);
	mobility_directory_remove(turn->shared->mobile, mobility_name(al->id));
	al->mobile = false;
}
