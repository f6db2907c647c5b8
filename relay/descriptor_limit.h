/*
 * descriptor_limit.h - what the process's limit of open descriptors (RLIMIT_NOFILE) leaves to clients
 * that are not authenticated yet.
 *
 * Threads  main's.
 */
#ifndef RELAY_DESCRIPTOR_LIMIT_H
#define RELAY_DESCRIPTOR_LIMIT_H

#include <stdint.h>

struct relay;

/*
 * How many such stream clients a worker may have (clients_unauthenticated_max()); UINT32_MAX: the system
 * sets no limit. Logs that it is less than is configured. Only at a start: --check runs in a shell, whose limit
 * differs from that of the service. The relay has its configuration and its number of workers.
 */
uint32_t descriptor_limit_unauthenticated(const struct relay *relay);

#endif
