/*
 * policy_fixture.h - a relay for tests of the peer policy: its addresses, services and
 * host, and policies built from a line of text.
 */
#ifndef TESTS_UNIT_CORE_POLICY_FIXTURE_H
#define TESTS_UNIT_CORE_POLICY_FIXTURE_H

#include "relay/core/peer_policy.h"

enum {
	FIXTURE_LIST_MAX = 16,
	FIXTURE_PORT = 50000, /* in use on both relayed addresses */
};

/* Behind NAT for IPv4 (10.9.0.1, public 8.8.4.4), not for IPv6 (2a00::1). */
extern const struct relay_address fixture_relays[2];

/* Fronts on the relayed address and inside, an outbound endpoint, and one on any address. */
enum { FIXTURE_SERVICES = 5 };
extern const struct endpoint fixture_services[FIXTURE_SERVICES];

/* Addresses of fronts. */
enum { FIXTURE_OWN = 2 };
extern const struct ip_addr fixture_own[FIXTURE_OWN];

struct fixture {
	struct ip_prefix allow[FIXTURE_LIST_MAX], deny[FIXTURE_LIST_MAX],
		inside[FIXTURE_LIST_MAX];
	struct peer_policy_config config; /* points at the lists above */
	struct peer_policy *policy;
	struct host_addresses *host;
	struct port_pool *pool;
};

/* The text has one prefix per word: +allow, -deny, @inside. */
void fixture_open(struct fixture *fixture, const char *text);
void fixture_close(struct fixture *fixture);

/* Build the policy again after a change of the lists. */
void fixture_rebuild(struct fixture *fixture);

struct peer_verdict fixture_check(const struct fixture *fixture,
				  const struct endpoint *peer);

/* These fail the test if the text is not an address or a prefix. */
struct endpoint fixture_peer(const char *ip, uint16_t port);
struct ip_prefix fixture_prefix(const char *text);

#endif
