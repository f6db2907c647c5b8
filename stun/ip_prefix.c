/*
 * ip_prefix.c - see ip_prefix.h.
 */
#include "stun/ip_prefix.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One to three digits without sign, spaces or leading zero, at most max. */
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
		if (ip_addr_bit(&prefix.ip, i))
			return false;
	}
	*out = prefix;
	return true;
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *ip)
{
	if (prefix->ip.family != ip->family)
		return false;

	assert(prefix->len <= 8 * ip_addr_len(ip->family));
	size_t whole = prefix->len / 8;
	unsigned rest = 8 - prefix->len % 8;
	return memcmp(prefix->ip.bytes, ip->bytes, whole) == 0 &&
	       (rest == 8 || prefix->ip.bytes[whole] >> rest == ip->bytes[whole] >> rest);
}

bool ip_prefixes_contain(const struct ip_prefix *list, size_t count,
			 const struct ip_addr *ip)
{
	for (size_t i = 0; i < count; i++) {
		if (ip_prefix_contains(&list[i], ip))
			return true;
	}
	return false;
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
