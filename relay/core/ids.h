/*
 * ids.h - public ids of objects, which name the worker that owns the object:
 *
 *   bits 63..56 worker   55..24 generation of the slot   23..0 slot
 *
 * handoff sends a message that arrived elsewhere to the worker in its id.
 */
#ifndef RELAY_CORE_IDS_H
#define RELAY_CORE_IDS_H

#include <stdint.h>

enum { WORKERS_MAX = 256, SLOTS_MAX = 1 << 24 };

static inline uint64_t id_make(unsigned worker, uint32_t generation, uint32_t slot)
{
	return (uint64_t)(worker & 0xFF) << 56 | (uint64_t)generation << 24 |
	       (slot & 0xFFFFFF);
}

static inline unsigned id_worker(uint64_t id)
{
	return (unsigned)(id >> 56);
}

static inline uint32_t id_generation(uint64_t id)
{
	return (uint32_t)(id >> 24);
}

static inline uint32_t id_slot(uint64_t id)
{
	return (uint32_t)(id & 0xFFFFFF);
}

#endif
