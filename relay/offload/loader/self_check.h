/*
 * self_check.h - can this machine have a kernel plane? For --check.
 */
#ifndef RELAY_OFFLOAD_LOADER_SELF_CHECK_H
#define RELAY_OFFLOAD_LOADER_SELF_CHECK_H

#include <stdbool.h>

/*
 * Load the programs, attach nothing, and print a line for the kernel, the programs and each device. False: the kernel
 * does not take the programs; the line of that says why.
 */
bool self_check(void);

#endif
