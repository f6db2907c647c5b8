/*
 * import_range.c - ranges of addresses as prefixes.
 */
#include "tools/import/import_range.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The last address of the prefix. */
static struct ip_addr last_of(const struct ip_prefix *prefix)
{
	struct ip_addr ip = prefix->ip;
	unsigned bits = 8 * (unsigned)ip_addr_len(ip.family);

	assert(prefix->len <= bits);
	for (unsigned i = prefix->len; i < bits; i++)
		ip.bytes[i / 8] |= (uint8_t)(0x80 >> i % 8);
	return ip;
}

/* Advance to the next address; false after the last one. */
static bool next_of(struct ip_addr *ip)
{
	for (size_t i = ip_addr_len(ip->family); i-- > 0;) {
		if (++ip->bytes[i] != 0)
			return true;
	}
	return false;
}

static bool add(struct import_prefixes *prefixes, const struct ip_prefix *prefix)
{
	struct ip_prefix *list =
		reallocarray(prefixes->list, prefixes->count + 1, sizeof(*list));

	if (!list)
		return false;
	prefixes->list = list;
	list[prefixes->count++] = *prefix;
	return true;
}

/* The largest prefix that starts at first and does not extend beyond last. */
static struct ip_prefix largest(const struct ip_addr *first, const struct ip_addr *last)
{
	struct ip_prefix prefix = {*first, (uint8_t)(8 * ip_addr_len(first->family))};

	assert(first->family == last->family && ip_addr_compare(first, last) <= 0);
	while (prefix.len > 0 && !ip_addr_bit(first, prefix.len - 1u)) {
		struct ip_prefix larger = {*first, (uint8_t)(prefix.len - 1)};
		struct ip_addr end = last_of(&larger);

		if (ip_addr_compare(&end, last) > 0)
			break;
		prefix = larger;
	}
	return prefix;
}

static bool parse(const char *text, struct ip_addr *first, struct ip_addr *last)
{
	const char *dash = strchr(text, '-');
	char begin[64];

	if (!dash) {
		if (!ip_addr_parse(text, first))
			return false;
		*last = *first;
		return true;
	}
	if ((size_t)(dash - text) >= sizeof(begin))
		return false;
	memcpy(begin, text, (size_t)(dash - text));
	begin[dash - text] = '\0';
	return ip_addr_parse(begin, first) && ip_addr_parse(dash + 1, last) &&
	       first->family == last->family && ip_addr_compare(first, last) <= 0;
}

bool import_range_add(struct import_prefixes *prefixes, const char *text)
{
	size_t before = prefixes->count;
	struct ip_addr first, last, end;

	if (!parse(text, &first, &last))
		return false;
	do {
		struct ip_prefix prefix = largest(&first, &last);

		if (!add(prefixes, &prefix)) {
			prefixes->count = before;
			return false;
		}
		first = end = last_of(&prefix);
		assert(ip_addr_compare(&end, &last) <= 0);
	} while (ip_addr_compare(&end, &last) < 0 && next_of(&first));
	return true;
}

bool import_range_covers(const struct import_prefixes *prefixes,
			 const struct ip_prefix *other)
{
	for (size_t i = 0; i < prefixes->count; i++) {
		if (prefixes->list[i].len <= other->len &&
		    ip_prefix_contains(&prefixes->list[i], &other->ip))
			return true;
	}
	return false;
}
