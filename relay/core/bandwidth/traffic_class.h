/*
 * traffic_class.h - what is lost first when bandwidth is short: the classes of what allocations
 * carry, as clients of the MS dialect announce it (MS-SERVICE-QUALITY).
 *
 * A class may use a shared bucket only down to a level that is kept for the classes above it.
 * While the bucket is not enough for all, the lower class holds it at its level, and what is
 * above loses nothing as long as it alone fits. No class is starved for longer than the classes
 * above it use everything.
 */
#ifndef RELAY_CORE_BANDWIDTH_TRAFFIC_CLASS_H
#define RELAY_CORE_BANDWIDTH_TRAFFIC_CLASS_H

#include <assert.h>
#include <stdint.h>

#include "stun/ms_attr.h"

enum traffic_class {
	TRAFFIC_AUDIO, /* and what nobody announced */
	TRAFFIC_VIDEO,
	TRAFFIC_SUPPLEMENTAL_VIDEO,
	TRAFFIC_DATA,
	TRAFFIC_CLASS_COUNT
} __attribute__((packed));

/* The class of what an MS client announced, enum ms_stream_type or any other number. */
static inline enum traffic_class traffic_class_of(unsigned stream_type)
{
	static const enum traffic_class classes[] = {
		[MS_STREAM_AUDIO] = TRAFFIC_AUDIO,
		[MS_STREAM_VIDEO] = TRAFFIC_VIDEO,
		[MS_STREAM_SUPPLEMENTAL_VIDEO] = TRAFFIC_SUPPLEMENTAL_VIDEO,
		[MS_STREAM_DATA] = TRAFFIC_DATA,
	};

	return stream_type <= MS_STREAM_DATA ? classes[stream_type] : TRAFFIC_AUDIO;
}

/* What a class may use of a bucket of that depth. */
static inline uint64_t traffic_class_depth(enum traffic_class class, uint64_t depth_ns)
{
	static const uint8_t eighths[TRAFFIC_CLASS_COUNT] = {
		[TRAFFIC_AUDIO] = 8,
		[TRAFFIC_VIDEO] = 6,
		[TRAFFIC_SUPPLEMENTAL_VIDEO] = 5,
		[TRAFFIC_DATA] = 4,
	};

	assert(class < TRAFFIC_CLASS_COUNT);
	return depth_ns / 8 * eighths[class];
}

#endif
