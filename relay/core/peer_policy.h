/*
 * peer_policy.h - which peers a relayed address may talk to. Deny by default, by named sets;
 * what the configuration allows is explicit.
 *
 * Addresses that carry an IPv4 address inside IPv6 come first. Mapped, compatible, translated,
 * 6to4 and Teredo forms are never allowed, whatever the configuration says. NAT64 and ISATAP
 * forms are never allowed where the bare IPv4 address is not; beyond that they are ordinary
 * addresses, and the NAT64 prefixes are among the special-purpose ones.
 *
 * Longest prefix wins; at equal length allow wins over a built-in deny. The order of checks:
 *
 *   1. our own relayed addresses (local or public form): IP allowed; with a port, if that relay
 *      port is taken now (short-cut between two of our clients), otherwise refused unless the
 *      configuration allows exactly this address and nothing below refuses it
 *   2. our fronts, address and port, and the endpoints this host serves or connects to: refused
 *   3. another address of this host or of our fronts, on loopback too: refused unless the
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
#include "stun/ip_prefix.h"

struct peer_policy;
struct port_pool;

/* Where relayed addresses live. public equals local when there is no NAT. */
struct relay_address {
	struct ip_addr local; /* of family IP_NONE: there is none at this index */
	struct ip_addr public;
	bool retired; /* only for the allocations that it has */
};

/* Addresses that this host has, from netlink. Immutable; main replaces it whole. */
struct host_addresses {
	size_t count;
	struct ip_addr addresses[]; /* sorted by ip_addr_compare() */
};

/* All borrowed during the call, copied where needed. */
struct peer_policy_config {
	const struct ip_prefix *allow;
	size_t allow_count;
	const struct ip_prefix *deny;
	size_t deny_count;
	const struct ip_prefix *inside; /* networks of the inside */
	size_t inside_count;
	const struct relay_address *relay;
	size_t relay_count;
	/*
	 * Fronts, whatever else this host serves, and what it connects to. The unspecified
	 * address stands for every address of this host.
	 */
	const struct endpoint *services;
	size_t service_count;
	/*
	 * Addresses of this host besides those that netlink reports: all of 127.0.0.0/8 is local,
	 * and it reports what is configured.
	 */
	const struct ip_addr *own;
	size_t own_count;
};

/*
 * NULL if out of memory. The configuration has refused a prefix in both allow and deny, and
 * relayed addresses behind one public address (their ports would collide).
 */
struct peer_policy *peer_policy_new(const struct peer_policy_config *config);
void peer_policy_free(struct peer_policy *policy); /* NULL is allowed */

/* Which rule decided; names are a closed set ("loopback", "private-use", "inside" ...). */
struct peer_verdict {
	bool allowed;
	const char *rule;
};

/* That set; returns how many there are. */
size_t peer_policy_rules(const char *const **names);

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
 *
 * pool  knows for which address a port is taken: after a reload a local address may have an old
 *       public form, for existing allocations, and a new one. NULL: the new one
 */
bool peer_policy_to_local(const struct peer_policy *policy, struct endpoint *ep);
bool peer_policy_to_public(const struct peer_policy *policy, const struct port_pool *pool,
			   struct endpoint *ep);

/* Is that one of our relayed addresses, in either form? */
bool peer_policy_is_relay(const struct peer_policy *policy, const struct ip_addr *ip);

#endif
