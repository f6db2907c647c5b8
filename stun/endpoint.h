/*
 * endpoint.h - IP addresses and transport addresses without sockets.
 *
 * Nothing here changes the family of an address: an IPv4-mapped IPv6 address from the wire or
 * from text stays IPv6, and relay/core/peer_policy extracts the embedded IPv4 address.
 * base/sockaddr makes an address from a dual-stack socket IPv4.
 */
#ifndef STUN_ENDPOINT_H
#define STUN_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The values are those of the family byte on the wire (RFC 8489 section 14.1). */
enum ip_family {
	IP_NONE = 0,
	IP_V4 = 1,
	IP_V6 = 2,
};

struct ip_addr {
	uint8_t family;    /* enum ip_family */
	uint8_t bytes[16]; /* network order; IPv4 uses the first four, the rest is zero */
};

/* A transport address: IP address and port (host order). Compare with endpoint_equal(). */
struct endpoint {
	struct ip_addr ip;
	uint16_t port;
};

/* "[2001:db8::1]:65535" and its NUL. */
#define ENDPOINT_TEXT_LEN 56

static inline size_t ip_addr_len(uint8_t family)
{
	return family == IP_V4 ? 4 : family == IP_V6 ? 16 : 0;
}

bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b);
/* The one in the list that equals it; NULL if there is none. */
const struct ip_addr *ip_addr_find(const struct ip_addr *list, size_t count,
				   const struct ip_addr *ip);
bool ip_addr_is_loopback(const struct ip_addr *ip); /* 127.0.0.0/8 and ::1 */
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

/* Numeric text, "192.0.2.1" or "2001:db8::1" (no brackets, no zone). False if it is neither. */
bool ip_addr_parse(const char *text, struct ip_addr *out);

/*
 * "192.0.2.1:3478" or "[2001:db8::1]:3478"; without a port default_port is used, unless it is 0.
 * False if it is neither. The port may be 0, which lets the system choose when a socket is bound.
 */
bool endpoint_parse(const char *text, uint16_t default_port, struct endpoint *out);

/* Both return buf, terminated; size is at least 1. An address without a family becomes "-". */
char *ip_addr_format(const struct ip_addr *ip, char *buf, size_t size);
char *endpoint_format(const struct endpoint *ep, char *buf, size_t size);

#endif
