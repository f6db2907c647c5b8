/*
 * ip_prefix.h - CIDR prefixes. Ranges do not exist here, so there is no comparison of ranges to
 * get wrong (attack 4).
 */
#ifndef STUN_IP_PREFIX_H
#define STUN_IP_PREFIX_H

#include <stdbool.h>
#include <stdint.h>

#include "stun/endpoint.h"

struct ip_prefix {
	struct ip_addr ip; /* bits behind the length are zero */
	uint8_t len;       /* 0..32, 0..128 */
};

/* "10.0.0.0/8", "::1"; no length means the whole address. False on bits behind the length. */
bool ip_prefix_parse(const char *text, struct ip_prefix *out);
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *ip);

/* A total order: IPv4 first, then by bytes. */
int ip_addr_compare(const struct ip_addr *a, const struct ip_addr *b);

/* Bit 0 is the first on the wire. */
static inline bool ip_addr_bit(const struct ip_addr *ip, unsigned bit)
{
	return ip->bytes[bit / 8] >> (7 - bit % 8) & 1;
}

/* Teredo 2001::/32 and 6to4 2002::/16, refused as clients (RFC 8656 section 21.4, T-252). */
bool ip_addr_is_tunnelled(const struct ip_addr *ip);

#endif
