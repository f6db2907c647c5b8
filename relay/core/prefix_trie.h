/*
 * prefix_trie.h - a longest-prefix match over a set of prefixes of both families.
 *
 * Owner    the caller of prefix_trie_new().
 * Threads  immutable once filled, then read by any thread.
 */
#ifndef RELAY_CORE_PREFIX_TRIE_H
#define RELAY_CORE_PREFIX_TRIE_H

#include <stddef.h>
#include <stdint.h>

#include "stun/ip_prefix.h"

/*
 * A binary trie over both families, one bit a level. Built once, then read by any thread.
 *
 * The nodes are one array that refers to itself by index. A walk ends where the set says no
 * more about the address: three to sixteen levels for most public ones.
 */
struct prefix_trie;

/* bits: sum of the lengths of all prefixes that will be added. NULL if out of memory. */
struct prefix_trie *prefix_trie_new(size_t bits);
void prefix_trie_free(struct prefix_trie *trie); /* NULL is allowed */

/* A later value for the same prefix replaces the earlier one. value: 1..255 */
void prefix_trie_add(struct prefix_trie *trie, const struct ip_prefix *prefix,
		     uint8_t value);

/* Value of the longest prefix that contains ip, and its length; 0 if none does. */
uint8_t prefix_trie_find(const struct prefix_trie *trie, const struct ip_addr *ip,
			 uint8_t *len);

#endif
