/*
 * flow_mapping.h - the tables of the loader in the memory of this process.
 *
 * Owner    struct offload.
 */
#ifndef RELAY_OFFLOAD_FLOW_MAPPING_H
#define RELAY_OFFLOAD_FLOW_MAPPING_H

#include <stdint.h>

#include "relay/offload/flow_table.h"
#include "relay/offload/loader_message.h"

struct flow_mapping {
	struct flow_memory memory;
	struct {
		void *at; /* NULL: not mapped */
		size_t size;
	} parts[LOADER_DESCRIPTOR_COUNT];
};

/*
 * Map them. The descriptors stay the caller's, and are not needed afterwards.
 *
 * flows  as the loader says: a power of two, FLOW_WAYS at least
 *
 * 0, or with nothing mapped: -EINVAL: one of them is too small, or cannot be mapped; -EPROTO: of another
 * FLOW_LAYOUT_VERSION; other values of -errno from mmap()
 */
int flow_mapping_make(struct flow_mapping *mapping,
		      const int fds[LOADER_DESCRIPTOR_COUNT], uint32_t flows);
void flow_mapping_release(struct flow_mapping *mapping); /* a zeroed one is allowed */

#endif
