/*
 * prefix_trie.c - the longest prefix of a set.
 */
#include "relay/core/prefix_trie.h"

#include <assert.h>
#include <stdlib.h>

#include "base/debug_assert.h"

struct node {
	uint32_t child[2]; /* 0: none; the roots are not children */
	uint8_t value;
};

enum { ROOT_V4, ROOT_V6, ROOTS };

struct prefix_trie {
	size_t count, size;
	struct node nodes[];
};

struct prefix_trie *prefix_trie_new(size_t bits)
{
	if (bits >= UINT32_MAX - ROOTS)
		return NULL;

	struct prefix_trie *trie =
		calloc(1, sizeof(*trie) + (ROOTS + bits) * sizeof(trie->nodes[0]));
	if (!trie)
		return NULL;
	trie->count = ROOTS;
	trie->size = ROOTS + bits;
	return trie;
}

void prefix_trie_free(struct prefix_trie *trie)
{
	free(trie);
}

void prefix_trie_add(struct prefix_trie *trie, const struct ip_prefix *prefix,
		     uint8_t value)
{
	uint32_t at = prefix->ip.family == IP_V4 ? ROOT_V4 : ROOT_V6;

	assert(value != 0 && prefix->len <= 8 * ip_addr_len(prefix->ip.family));
	for (unsigned i = 0; i < prefix->len; i++) {
		uint32_t *child = &trie->nodes[at].child[ip_addr_bit(&prefix->ip, i)];
		if (!*child) {
			assert(trie->count < trie->size);
			*child = (uint32_t)trie->count++;
		}
		at = *child;
	}
	trie->nodes[at].value = value;
}

uint8_t prefix_trie_find(const struct prefix_trie *trie, const struct ip_addr *ip,
			 uint8_t *len)
{
	const struct node *node = &trie->nodes[ip->family == IP_V4 ? ROOT_V4 : ROOT_V6];
	unsigned bits = 8 * (unsigned)ip_addr_len(ip->family);
	uint8_t value = node->value;

	*len = 0;
	for (unsigned i = 0; i < bits; i++) {
		uint32_t child = node->child[ip_addr_bit(ip, i)];
		if (!child)
			break;
		debug_assert(child < trie->count);
		node = &trie->nodes[child];
		if (node->value) {
			value = node->value;
			*len = (uint8_t)(i + 1);
		}
	}
	return value;
}
