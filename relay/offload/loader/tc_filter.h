/*
 * tc_filter.h - the program as a filter at a device's ingress, in a clsact qdisc, for kernels before 6.6, which
 * have no tcx links.
 *
 * A filter stays when its process is gone. Ours have a priority, a handle and a name that no other program
 * gives, so that the next process finds them; the handle also says whether the qdisc is ours. A qdisc of somebody else, or
 * with filters of somebody else, stays.
 */
#ifndef RELAY_OFFLOAD_LOADER_TC_FILTER_H
#define RELAY_OFFLOAD_LOADER_TC_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0 or -errno, having changed nothing. */
int tc_filter_add(uint32_t ifindex, int program);

/* With the qdisc if that is ours and empty. What is gone already is fine. */
void tc_filter_remove(uint32_t ifindex);

/* Is that program there? */
bool tc_filter_is(uint32_t ifindex, int program);

/* Remove those that a killed process has left, on all devices; how many, or -errno. */
int tc_filter_sweep(void);

#endif
