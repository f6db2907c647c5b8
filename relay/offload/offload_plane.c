/*
 * offload_plane.c - see offload_plane.h.
 */
#include "relay/offload/offload_plane.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static struct flow_settings *settings_of(const struct offload_plane *plane)
{
	return plane->mapping.memory.settings;
}

/* Of the process before, the seed is what its flows lie by. */
static void begin_settings(struct flow_settings *settings)
{
	if (settings->version == FLOW_LAYOUT_VERSION)
		return;
	if (getrandom(&settings->seed, sizeof(settings->seed), 0) !=
	    (ssize_t)sizeof(settings->seed))
		abort();
	settings->version = FLOW_LAYOUT_VERSION;
}

struct offload_plane *offload_plane_make(const int *fds, uint32_t flows, uint64_t now_ms,
					 char why[OFFLOAD_WHY_MAX])
{
	struct offload_plane *plane = calloc(1, sizeof(*plane));
	int result = plane != NULL ? flow_mapping_make(&plane->mapping, fds, flows)
				   : -ENOMEM;

	if (result == 0) {
		begin_settings(settings_of(plane));
		plane->routes = routes_new(plane->mapping.memory.hops, now_ms);
		plane->table = flow_table_new(&plane->mapping.memory);
		if (plane->routes != NULL && plane->table != NULL)
			return plane;
		result = -ENOMEM;
	}
	offload_plane_free(plane);
	if (result == -EINVAL || result == -EPROTO)
		snprintf(why, OFFLOAD_WHY_MAX,
			 "the tables of avedge-offload are of another release; install "
			 "the same of it and of this relay");
	else
		snprintf(why, OFFLOAD_WHY_MAX,
			 "the tables of avedge-offload cannot be used: %s",
			 strerror(-result));
	return NULL;
}

void offload_plane_free(struct offload_plane *plane)
{
	if (plane == NULL)
		return;
	flow_table_free(plane->table);
	routes_free(plane->routes);
	flow_mapping_release(&plane->mapping);
	free(plane);
}

void offload_plane_use(struct offload_plane *plane, const struct offload_wanted *wanted)
{
	settings_of(plane)->relay_port_first = wanted->relay_port_first;
	settings_of(plane)->relay_port_last = wanted->relay_port_last;
	memcpy(settings_of(plane)->front_ports, wanted->front_ports,
	       sizeof(wanted->front_ports));
}

void offload_plane_turn(struct offload_plane *plane, bool on)
{
	__atomic_store_n(&settings_of(plane)->on, on, __ATOMIC_RELEASE);
}

size_t offload_plane_room(const struct offload_plane *plane)
{
	return plane->mapping.memory.bucket_count * FLOW_WAYS;
}
