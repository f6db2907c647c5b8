/*
 * record.h - the one structured record at the end of every allocation: who, both sides,
 * packets, bytes, duration, why it ended.
 */
#ifndef RELAY_OPS_RECORD_H
#define RELAY_OPS_RECORD_H

#include <stdint.h>

#include "relay/core/allocation.h"

struct turn;

/* al->end_reason is set; all its fields still hold. Called on the worker's thread. */
void record_allocation_end(const struct turn *turn, const struct allocation *al,
			   uint64_t now_ms);

const char *dialect_name(enum dialect dialect); /* "ietf", "ms" */
/* MS-SERVICE-QUALITY: "audio", "video" ..., "unknown" */
const char *stream_type_name(uint16_t type);

#endif
