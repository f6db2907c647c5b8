/*
 * privileges.h - down to the two capabilities that loading and attaching takes.
 */
#ifndef RELAY_OFFLOAD_LOADER_PRIVILEGES_H
#define RELAY_OFFLOAD_LOADER_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Keep CAP_BPF, to make tables and load programs, and CAP_NET_ADMIN, to load programs for networks and attach
 * them; no other, none gained by executing anything (no_new_privs), no core dumps and no ptrace by others. Not
 * CAP_PERFMON: the programs show no address of the kernel to anybody, and the verifier accepts them without.
 *
 * False with a sentence in error: one of the two is not there, or they cannot be kept. Before other threads exist.
 */
bool privileges_keep(char *error, size_t error_size);

#endif
