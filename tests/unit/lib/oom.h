/*
 * oom.h - runs of a constructor in which each of its allocations fails in turn.
 *
 * A test program that uses it lists oom.c in its sources and $(oom_wrap) in its _LDFLAGS.
 * Calls to malloc, calloc, realloc, aligned_alloc and free of everything linked into it (not of
 * shared libraries) then come through here.
 */
#ifndef TESTS_UNIT_LIB_OOM_H
#define TESTS_UNIT_LIB_OOM_H

#include <stdbool.h>

/* Let n more allocations of this thread succeed and the next one fail, once. */
void oom_arm(unsigned n);
/* Back to normal. True if an allocation failed since oom_arm(). */
bool oom_disarm(void);

/*
 * Blocks allocated and not yet freed by this thread. Use only differences, without an
 * assertion in between, because libcheck allocates too.
 */
long oom_live_blocks(void);

/*
 * Call make(arg) with its first, second ... allocation failing, until one run meets no
 * failure. Asserts that each run with a failure returned NULL and leaked nothing, and
 * that the last one returned an object, which drop() frees completely. Returns how many
 * allocations make() needs.
 */
unsigned oom_try_each(void *(*make)(void *arg), void (*drop)(void *object), void *arg);

#endif
