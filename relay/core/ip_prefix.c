/*
 * ip_prefix.c - prefixes and the trie over them.
 */
#include "relay/core/ip_prefix.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool ip_bit(const struct ip_addr *ip, unsigned bit)
{
	return ip->bytes[bit / 8] >> (7 - bit % 8) & 1;
}

/* One to three digits without sign, blanks or a superfluous zero, at most max. */
static bool parse_len(const char *text, size_t max, uint8_t *len)
{
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 3 || text[digits] || (text[0] == '0' && digits > 1))
		return false;

	unsigned long value = strtoul(text, NULL, 10);
	if (value > max)
		return false;
	*len = (uint8_t)value;
	return true;
}

bool ip_prefix_parse(const char *text, struct ip_prefix *out)
{
	char address[ENDPOINT_TEXT_LEN];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	struct ip_prefix prefix;

	if (n >= sizeof(address))
		return false;
	memcpy(address, text, n);
	address[n] = '\0';
	if (!ip_addr_parse(address, &prefix.ip))
		return false;

	size_t bits = 8 * ip_addr_len(prefix.ip.family);
	prefix.len = (uint8_t)bits;
	if (slash && !parse_len(slash + 1, bits, &prefix.len))
		return false;
	for (unsigned i = prefix.len; i < bits; i++) {
		if (ip_bit(&prefix.ip, i))
			return false;
	}
	*out = prefix;
	return true;
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *ip)
{
	if (prefix->ip.family != ip->family)
		return false;

	size_t whole = prefix->len / 8;
	unsigned rest = 8 - prefix->len % 8;
	return memcmp(prefix->ip.bytes, ip->bytes, whole) == 0 &&
	       (rest == 8 || prefix->ip.bytes[whole] >> rest == ip->bytes[whole] >> rest);
}

int ip_addr_compare(const struct ip_addr *a, const struct ip_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool ip_addr_is_tunnelled(const struct ip_addr *ip)
{
	static const uint8_t teredo[] = {0x20, 0x01, 0x00, 0x00};
	static const uint8_t six_to_four[] = {0x20, 0x02};

	return ip->family == IP_V6 &&
	       (memcmp(ip->bytes, teredo, sizeof(teredo)) == 0 ||
		memcmp(ip->bytes, six_to_four, sizeof(six_to_four)) == 0);
}

struct node {
	uint32_t child[2]; /* 0: none; the roots are nobody's children */
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

	for (unsigned i = 0; i < prefix->len; i++) {
		uint32_t *child = &trie->nodes[at].child[ip_bit(&prefix->ip, i)];
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
		uint32_t child = node->child[ip_bit(ip, i)];
		if (!child)
			break;
		node = &trie->nodes[child];
		if (node->value) {
			value = node->value;
			*len = (uint8_t)(i + 1);
		}
	}
	return value;
}
