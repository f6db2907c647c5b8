/*
 * host_remarks.h - remarks (config.h) on a configuration as seen from this host: its addresses, its
 * ports, the modes of its files.
 *
 * Threads  any; reads /proc, looks at files, and binds ports that the system chooses.
 */
#ifndef BASE_CONFIG_HOST_REMARKS_H
#define BASE_CONFIG_HOST_REMARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config/config.h"

/* Those of the list that no socket can be bound to here. list: the field, or one like it. */
void host_remarks_addresses(struct config *config, const struct ip_addr *list,
			    size_t count);

/* A file with a secret that others may read or write; field has its path. NULL: none. */
void host_remarks_secret(struct config *config, char *const *field);

/*
 * The watched files that the configured user may not read: root reads them at the start, and no
 * reload can. Only before the switch to that user, and before other threads.
 */
void host_remarks_user(struct config *config);

/* A range of ports that the system gives to any program that asks for no port of its own. */
void host_remarks_ports(struct config *config, const void *field, uint16_t first,
			uint16_t last);

/*
 * Which ports of first..last are ephemeral and not reserved. range and reserved are as in
 * /proc/sys/net/ipv4/ip_local_port_range ("32768 60999") and ip_local_reserved_ports
 * ("8080,9000-9010"). False if there are none; else *low and *high are the outermost ones.
 */
bool host_remarks_ephemeral(uint16_t first, uint16_t last, const char *range,
			    const char *reserved, uint16_t *low, uint16_t *high);

#endif
