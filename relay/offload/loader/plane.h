/*
 * plane.h - the tables and programs of one relay, and the devices that they are attached to.
 *
 * Owner    the caller. Freed, all is detached; the tables live on in the relay that has mapped them, where nobody
 *          reads them any more.
 * Threads  one.
 */
#ifndef RELAY_OFFLOAD_LOADER_PLANE_H
#define RELAY_OFFLOAD_LOADER_PLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/offload/loader_message.h"

struct plane;

/*
 * Make tables with room for so many flows, with the layout's version and a random seed in their settings, and
 * load the programs. NULL with a sentence in why.
 *
 * flows        1 to OFFLOAD_FLOWS_MAX; half of the places stay free, so that a bucket is rarely full
 * without_tcx  clsact, even where the kernel has tcx
 */
struct plane *plane_new(uint32_t flows, bool without_tcx, char *why, size_t why_size);
void plane_free(struct plane *plane); /* NULL is allowed */

/* Would plane_new() make the same tables for so many? */
bool plane_has_size(const struct plane *plane, uint32_t flows);
/* Places, as in an answer. */
uint32_t plane_places(const struct plane *plane);
/* LOADER_DESCRIPTOR_COUNT, borrowed. */
const int *plane_descriptors(const struct plane *plane);

/*
 * Be attached to these devices and to no others. What is attached already as wanted stays, without a gap. answer
 * gets each device as it is.
 */
void plane_use(struct plane *plane, const struct loader_device *wanted, size_t count,
	       struct loader_device *answer);

/* For display: devices with a program; flows in the table. */
void plane_count(const struct plane *plane, size_t *devices, size_t *flows);

#endif
