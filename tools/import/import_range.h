/*
 * import_range.h - ranges of addresses as prefixes.
 */
#ifndef TOOLS_IMPORT_IMPORT_RANGE_H
#define TOOLS_IMPORT_IMPORT_RANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "stun/ip_prefix.h"

struct import_prefixes {
	struct ip_prefix *list;
	size_t count;
};

/*
 * Add the fewest prefixes that cover exactly "FIRST-LAST" or "ADDRESS". False, with nothing
 * added, on other text and if out of memory.
 */
bool import_range_add(struct import_prefixes *prefixes, const char *text);

/* Whether some prefix of the list covers all of another. */
bool import_range_covers(const struct import_prefixes *prefixes,
			 const struct ip_prefix *other);

#endif
