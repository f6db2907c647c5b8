/*
 * keeper.h - writes a worker's state file: each allocation as a record when it has changed
 * (relay/core/changes.h), and once a second those whose packets have moved counters and deadlines.
 *
 * Owner    the worker. Threads: its own.
 */
#ifndef RELAY_STATE_KEEPER_H
#define RELAY_STATE_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/allocation_image.h"
#include "relay/state/state_file.h"

struct delivery;
struct keeper;
struct turn;

/* file: borrowed, outlives it. NULL if out of memory. */
struct keeper *keeper_new(struct turn *turn, struct state_file *file, size_t slots);
void keeper_free(struct keeper *keeper); /* NULL is allowed */

/* edge->prove: what this allocation's owner has just been authenticated with; copied until the save. */
void keeper_prove(struct keeper *keeper, uint32_t slot, const struct owner_proof *proof);
/* edge->save */
void keeper_save(struct keeper *keeper);
/* Once a second. */
void keeper_catch_up(struct keeper *keeper);

/* Records that did not fit: what would be lost by a restart. Any thread. */
uint64_t keeper_unsaved(const struct keeper *keeper);

struct state_file *keeper_file(struct keeper *keeper);

#endif
