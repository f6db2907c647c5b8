/*
 * allocation_entries.h - permissions and channels of an allocation out of their chains and into those of
 * another one: for allocation_move.h and allocation_image.h.
 *
 * In the lists, the permission of a channel is a place in the other list, or SLOT_NONE.
 *
 * Owner    the caller.
 */
#ifndef RELAY_CORE_ALLOCATION_ENTRIES_H
#define RELAY_CORE_ALLOCATION_ENTRIES_H

#include "relay/core/allocation_table.h"

/* All that it counts, expired ones included: so many as its permission_count and channel_count say. */
void allocation_entries_copy(const struct allocation_table *table,
			     const struct allocation *al,
			     struct permission permissions[ENTRIES_EACH_MAX],
			     struct channel channels[ENTRIES_EACH_MAX]);

/*
 * Into the empty chains of al, which counts as many as there are; what has expired keeps its place,
 * too. The table has room for them.
 */
void allocation_entries_put(struct allocation_table *table, struct allocation *al,
			    const struct permission permissions[ENTRIES_EACH_MAX],
			    const struct channel channels[ENTRIES_EACH_MAX]);

#endif
