/*
 * offload_plane.h - what the loader has given, in use: its tables in the memory of this process, the flows and the
 * hops in them.
 *
 * Owner    struct offload.
 */
#ifndef RELAY_OFFLOAD_OFFLOAD_PLANE_H
#define RELAY_OFFLOAD_OFFLOAD_PLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/offload/flow_mapping.h"
#include "relay/offload/flow_table.h"
#include "relay/offload/offload_wanted.h"
#include "relay/offload/routes.h"

struct offload_plane {
	struct flow_mapping mapping;
	struct flow_table *table;
	struct routes *routes;
};

/*
 * fds, flows: as in flow_mapping_make(). Programs that are there already go on with what a process before has
 * left. NULL with a sentence in why.
 */
struct offload_plane *offload_plane_make(const int *fds, uint32_t flows, uint64_t now_ms,
					 char why[OFFLOAD_WHY_MAX]);
void offload_plane_free(struct offload_plane *plane); /* NULL is allowed */

/* What the programs go by besides flows. */
void offload_plane_use(struct offload_plane *plane, const struct offload_wanted *wanted);
/* false: from that moment on all packets pass up. */
void offload_plane_turn(struct offload_plane *plane, bool on);

/* Room for so many flows. */
size_t offload_plane_room(const struct offload_plane *plane);

#endif
