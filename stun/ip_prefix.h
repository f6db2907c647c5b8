/*
 * ip_prefix.h - CIDR prefixes. There are no address ranges, so no comparison of ranges can be
 * wrong.
 */
#ifndef STUN_IP_PREFIX_H
#define STUN_IP_PREFIX_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "stun/endpoint.h"

struct ip_prefix {
	struct ip_addr ip; /* host bits are zero */
	uint8_t len;       /* 0..32, 0..128 */
};

/* "10.0.0.0/8", "::1"; no length means the whole address. False if host bits are set. */
bool ip_prefix_parse(const char *text, struct ip_prefix *out);
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *ip);
/* Does one of them? */
bool ip_prefixes_contain(const struct ip_prefix *list, size_t count,
			 const struct ip_addr *ip);

/* A total order: IPv4 first, then by bytes. */
int ip_addr_compare(const struct ip_addr *a, const struct ip_addr *b);

/* Bit 0 is the first on the wire. */
static inline bool ip_addr_bit(const struct ip_addr *ip, unsigned bit)
{
	assert(bit < 8 * sizeof(ip->bytes));
	return ip->bytes[bit / 8] >> (7 - bit % 8) & 1;
}

/* Teredo 2001::/32 and 6to4 2002::/16, refused as clients (RFC 8656 section 21.4). */
bool ip_addr_is_tunnelled(const struct ip_addr *ip);

#endif
