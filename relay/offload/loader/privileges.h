/*
 * privileges.h - down to the three capabilities that loading and attaching takes.
 */
#ifndef RELAY_OFFLOAD_LOADER_PRIVILEGES_H
#define RELAY_OFFLOAD_LOADER_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Keep CAP_BPF, to make tables and load programs, CAP_NET_ADMIN, to load programs for networks and attach them,
 * and CAP_PERFMON, without which the verifier refuses to move a payload whose length it does not know; no other,
 * none gained by executing anything (no_new_privs), no core dumps and no ptrace by others.
 *
 * False with a sentence in error: one of them is not there, or they cannot be kept. Before other threads exist.
 */
bool privileges_keep(char *error, size_t error_size);

#endif
