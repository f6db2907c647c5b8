/*
 * peer_policy.h - to whom a relayed address may talk. Deny by default, by named sets; what
 * the configuration allows is explicit (attacks 1 to 4, 10).
 *
 * One canonical form: an address is judged after every way to write IPv4 inside IPv6 has been
 * taken apart (mapped, compatible, NAT64, 6to4, Teredo, ISATAP). An embedding is never allowed
 * where the bare address is not; mapped, compatible, 6to4 and Teredo forms never are (T-292,
 * T-580).
 *
 * Longest prefix wins; at equal length allow wins over a built-in deny. The order of checks:
 *
 *   1. our own relayed addresses (local or public form): IP allowed; with a port, only if that
 *      relay port is taken now (short-cut between two of our clients)
 *   2. our fronts, address and port, and the endpoints this host serves or connects to: refused
 *   3. another address of this host, outside 127.0.0.0/8 and ::1: refused unless the
 *      configuration allows exactly this address (/32, /128)
 *   4. operator's allow and deny, the inside networks, special-purpose registries: longest
 *      prefix; inside networks and special-purpose ranges are denies
 *   5. everything else is public and allowed
 *
 * Owner    built from configuration by main; immutable, shared read-only by all workers.
 *          The addresses of this host are a second object, replaced when netlink reports.
 */
#ifndef RELAY_CORE_PEER_POLICY_H
#define RELAY_CORE_PEER_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/endpoint.h"

struct peer_policy;
struct port_pool;

struct ip_prefix {
	struct ip_addr ip;		/* bits behind the length are zero */
	uint8_t len;			/* 0..32, 0..128 */
};

/* "10.0.0.0/8", "::1"; no length means the whole address. False on bits behind the length. */
bool ip_prefix_parse(const char *text, struct ip_prefix *out);
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *ip);

/* Where relayed addresses live. public equals local when there is no NAT. */
struct relay_address {
	struct ip_addr local;
	struct ip_addr public;
};

/* Addresses that this host has, from netlink. Immutable; main replaces it whole. */
struct host_addresses {
	size_t count;
	struct ip_addr addresses[];	/* sorted by ip_addr_compare() */
};
int ip_addr_compare(const struct ip_addr *a, const struct ip_addr *b);

/* All borrowed during the call, copied where needed. */
struct peer_policy_config {
	const struct ip_prefix *allow;
	size_t allow_count;
	const struct ip_prefix *deny;
	size_t deny_count;
	const struct ip_prefix *inside;		/* networks of the inside */
	size_t inside_count;
	const struct relay_address *relay;
	size_t relay_count;
	const struct endpoint *services;	/* fronts and whatever else this host serves */
	size_t service_count;
};

/* NULL if out of memory. A prefix in both allow and deny was refused by the configuration. */
struct peer_policy *peer_policy_new(const struct peer_policy_config *config);
void peer_policy_free(struct peer_policy *policy);	/* NULL is allowed */

/* Which rule decided; names are a closed set ("loopback", "private-use", "inside" ...). */
struct peer_verdict {
	bool allowed;
	const char *rule;
};

/*
 * May anything be sent to that peer? port 0 asks for the IP alone (permissions). pool answers
 * for rule 1. host may be NULL (tests).
 */
struct peer_verdict peer_policy_check(const struct peer_policy *policy,
                                      const struct host_addresses *host,
                                      const struct port_pool *pool,
                                      const struct endpoint *peer);

/*
 * Our own relayed address behind NAT: *ep in public form becomes local and true; else false and
 * unchanged. And back, for the source of what arrives.
 */
bool peer_policy_to_local(const struct peer_policy *policy, struct endpoint *ep);
bool peer_policy_to_public(const struct peer_policy *policy, struct endpoint *ep);

/* Teredo 2001::/32 and 6to4 2002::/16, refused as clients (RFC 8656 section 21.4, T-252). */
bool ip_addr_is_tunnelled(const struct ip_addr *ip);

#endif
