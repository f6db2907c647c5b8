/*
 * ip_prefix.h - CIDR prefixes, and a longest-prefix match over a set of them. Ranges do not
 * exist here, so there is no comparison of ranges to get wrong (attack 4).
 */
#ifndef RELAY_CORE_IP_PREFIX_H
#define RELAY_CORE_IP_PREFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/endpoint.h"

struct ip_prefix {
	struct ip_addr ip;		/* bits behind the length are zero */
	uint8_t len;			/* 0..32, 0..128 */
};

/* "10.0.0.0/8", "::1"; no length means the whole address. False on bits behind the length. */
bool ip_prefix_parse(const char *text, struct ip_prefix *out);
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *ip);

/* A total order: IPv4 first, then by bytes. */
int ip_addr_compare(const struct ip_addr *a, const struct ip_addr *b);

/* Teredo 2001::/32 and 6to4 2002::/16, refused as clients (RFC 8656 section 21.4, T-252). */
bool ip_addr_is_tunnelled(const struct ip_addr *ip);

/*
 * A binary trie over both families, one bit a level. Built once, then read by anybody.
 *
 * The nodes are one array that refers to itself by index. A walk ends where the set says no
 * more about the address: three to sixteen levels for most public ones.
 */
struct prefix_trie;

/* bits: sum of the lengths of all prefixes that will be added. NULL if out of memory. */
struct prefix_trie *prefix_trie_new(size_t bits);
void prefix_trie_free(struct prefix_trie *trie);	/* NULL is allowed */

/* A later value for the same prefix replaces the earlier one. value: 1..255 */
void prefix_trie_add(struct prefix_trie *trie, const struct ip_prefix *prefix, uint8_t value);

/* Value of the longest prefix that contains ip, and its length; 0 if none does. */
uint8_t prefix_trie_find(const struct prefix_trie *trie, const struct ip_addr *ip,
                         uint8_t *len);

#endif
