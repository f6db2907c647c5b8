/*
 * special_purpose.h - the rules of the peer policy by name, and the prefixes that are refused
 * because of what they are: both IANA special-purpose registries (RFC 6890 and later), IANA's
 * unallocated IPv6 space, multicast, and the metadata services of cloud providers.
 *
 * Threads  constant tables, read by any thread.
 */
#ifndef RELAY_CORE_SPECIAL_PURPOSE_H
#define RELAY_CORE_SPECIAL_PURPOSE_H

#include <stddef.h>

/* Identifier, name, whether it allows. The order has no meaning; 0 is no rule. */
#define PEER_RULES(X)                                          \
	X(PUBLIC, "public", true)                              \
	X(ALLOW, "allow", true)                                \
	X(RELAYED, "relayed", true)                            \
	X(DENY, "deny", false)                                 \
	X(INSIDE, "inside", false)                             \
	X(OWN_SERVICE, "own-service", false)                   \
	X(OWN_ADDRESS, "own-address", false)                   \
	X(RELAY_PORT_IDLE, "relay-port-idle", false)           \
	X(NO_ADDRESS, "no-address", false)                     \
	X(UNSPECIFIED, "unspecified", false)                   \
	X(THIS_NETWORK, "this-network", false)                 \
	X(LOOPBACK, "loopback", false)                         \
	X(PRIVATE_USE, "private-use", false)                   \
	X(SHARED_ADDRESS_SPACE, "shared-address-space", false) \
	X(UNIQUE_LOCAL, "unique-local", false)                 \
	X(SITE_LOCAL, "site-local", false)                     \
	X(LINK_LOCAL, "link-local", false)                     \
	X(CLOUD_METADATA, "cloud-metadata", false)             \
	X(MULTICAST, "multicast", false)                       \
	X(RESERVED, "reserved", false)                         \
	X(BROADCAST, "broadcast", false)                       \
	X(UNALLOCATED, "unallocated", false)                   \
	X(PROTOCOL_ASSIGNMENT, "protocol-assignment", false)   \
	X(DOCUMENTATION, "documentation", false)               \
	X(BENCHMARKING, "benchmarking", false)                 \
	X(AS112, "as112", false)                               \
	X(AMT, "amt", false)                                   \
	X(SIX_TO_FOUR_RELAY, "6to4-relay", false)              \
	X(DISCARD_ONLY, "discard-only", false)                 \
	X(DUMMY, "dummy", false)                               \
	X(ORCHID, "orchid", false)                             \
	X(DRONE_ID, "drone-id", false)                         \
	X(SRV6_SID, "srv6-sid", false)                         \
	X(NAT64, "nat64", false)                               \
	X(IPV4_MAPPED, "ipv4-mapped", false)                   \
	X(IPV4_COMPATIBLE, "ipv4-compatible", false)           \
	X(IPV4_TRANSLATED, "ipv4-translated", false)           \
	X(SIX_TO_FOUR, "6to4", false)                          \
	X(TEREDO, "teredo", false)

enum peer_rule {
	PEER_RULE_NONE,
#define X(id, name, allows) PEER_RULE_##id,
	PEER_RULES(X)
#undef X
		PEER_RULE_END
};

struct special_purpose {
	const char *prefix;
	enum peer_rule rule;
};

extern const struct special_purpose special_purposes[];
extern const size_t special_purpose_count;

#endif
