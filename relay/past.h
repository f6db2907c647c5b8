/*
 * past.h - what the process before has left in state files: which of those that this process was
 * given count. Each process has files under a name of its own, one shared and one for each worker. Those
 * of the newest process whose shared file is complete count (state_file_complete()); all others are of
 * no use, because a process that ends before that has not taken over yet.
 *
 * Owner    main; the views are valid as long as it is.
 */
#ifndef RELAY_PAST_H
#define RELAY_PAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/state/state_view.h"

struct inherited;
struct past;

/* The group of a process's state files in the store (base/descriptors/fd_store.h). */
enum { PAST_NAME_SIZE = 32 };
void past_name(uint64_t process, char name[PAST_NAME_SIZE]);

/*
 * Takes all state files out of the list and maps them. NULL if out of memory; then there are none. A file that
 * cannot be read is logged.
 */
struct past *past_new(struct inherited *inherited);
/* Unmaps and closes all of them. NULL is allowed. */
void past_free(struct past *past);

/* Its number; 0: there was none that counts. And one above all numbers seen, for this process. */
uint64_t past_process(const struct past *past);
uint64_t past_next_process(const struct past *past);

/* Of the process that counts. NULL: there is none, or that worker's file is not there. */
const struct state_view *past_shared(const struct past *past);
const struct state_view *past_worker(const struct past *past, unsigned worker);
unsigned past_workers(const struct past *past);

/* How many allocations have a record with it. */
size_t past_allocations(const struct past *past);

/* The worst that was found of any file; STATE_GOOD: all could be read, or there was none. */
enum state_verdict past_verdict(const struct past *past);

/* Remove the groups of all earlier processes from the store: this one has taken over. */
void past_remove(const struct past *past);

#endif
