/*
 * policy_oracle.h - the peer policy again, slow and simple: it walks every list, and
 * addresses are 128-bit numbers. It has its own table of special-purpose prefixes, typed
 * from the registries, so that a mistake in either table shows.
 */
#ifndef TESTS_UNIT_CORE_POLICY_ORACLE_H
#define TESTS_UNIT_CORE_POLICY_ORACLE_H

#include "relay/core/peer_policy.h"

typedef unsigned __int128 number;

number number_of(const struct ip_addr *ip);
struct ip_addr address_of(number n, uint8_t family);

/* First and last address of a prefix. */
number prefix_first(const struct ip_prefix *prefix);
number prefix_last(const struct ip_prefix *prefix);

struct special_row {
	const char *prefix;
	const char *rule;
	bool never; /* nothing can allow it */
};
extern const struct special_row special_rows[];
extern const size_t special_row_count;

/* The prefix of a row; parsed once, because a libcheck assertion makes a system call. */
struct ip_prefix special_prefix(size_t row);

/* The name of the deciding rule; *allowed is its verdict. */
const char *oracle_check(const struct peer_policy_config *config,
			 const struct host_addresses *host, const struct port_pool *pool,
			 const struct endpoint *peer, bool *allowed);

#endif
