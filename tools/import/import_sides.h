/*
 * import_sides.h - coturn has addresses, avedge has sides: which listening-ip is on which side.
 */
#ifndef TOOLS_IMPORT_IMPORT_SIDES_H
#define TOOLS_IMPORT_IMPORT_SIDES_H

#include <stdbool.h>
#include <stddef.h>

struct import_conf;
struct ip_addr;

struct import_plan {
	const char *const *inside; /* listening addresses on the inside */
	size_t inside_count;
	const char *keys; /* path of the new keyring; NULL: none */
};

/* The next listening-ip that is an address, from *index on. */
bool import_next_listening(const struct import_conf *conf, size_t *index,
			   struct ip_addr *ip);

/* Whether that address is a listening-ip. */
bool import_has_listening(const struct import_conf *conf, const struct ip_addr *ip);

/* Whether the plan puts that address on the inside; otherwise it is outside. */
bool import_is_inside(const struct import_plan *plan, const struct ip_addr *ip);

#endif
