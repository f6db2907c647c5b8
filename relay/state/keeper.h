/*
 * keeper.h - writes a worker's state file: each allocation as a record under its slot when it has changed
 * (relay/core/changes.h), and once a second those whose packets have moved counters and deadlines.
 *
 * Owner    the worker.
 * Threads  its own.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_STATE_KEEPER_H
#define RELAY_STATE_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/allocation_image.h"
#include "relay/state/state_file.h"

struct keeper;
struct turn;

/* The balancer through which a client comes; of no family: it comes itself. */
typedef struct endpoint keeper_via_fn(void *arg, const struct allocation *al);

/*
 * turn    its changes are initialised, and its edge calls the functions below
 * file    has a record for each of slots; borrowed, outlives it
 *
 * NULL if out of memory.
 */
struct keeper *keeper_new(struct turn *turn, struct state_file *file, size_t slots,
			  keeper_via_fn *via, void *arg);
void keeper_free(struct keeper *keeper); /* NULL is allowed */

/* As in core/edge.h. A proof that is not replaced is taken over from record to record. */
void keeper_prove(struct keeper *keeper, uint32_t slot, const struct owner_proof *proof);
void keeper_proof_of(struct keeper *keeper, uint32_t slot, struct owner_proof *proof);
void keeper_save(struct keeper *keeper, uint64_t now_ms);

/*
 * Save what packets have moved since, KEEPER_SLICE slots at a time. Returns how many milliseconds later to
 * call it again, so that a round through all of them takes a second. No slot is looked at as long as moved, the
 * packets that the worker has relayed, is what it was when the last round began.
 */
enum { KEEPER_SLICE = 256, KEEPER_ROUND_MS = 1000 };
uint32_t keeper_catch_up(struct keeper *keeper, uint64_t moved, uint64_t now_ms);

/* Save all of them now, for a process that leaves. */
void keeper_save_all(struct keeper *keeper, uint64_t now_ms);

/* Allocations whose record did not fit: what a restart would lose. Any thread; NULL is allowed. */
uint64_t keeper_unsaved(const struct keeper *keeper);

struct state_file *keeper_file(struct keeper *keeper);

#endif
