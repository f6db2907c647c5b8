/*
 * policy_oracle.h - the peer policy once more, as slow and as plain as can be: every list is
 * walked, addresses are 128-bit numbers. Its table of special-purpose prefixes is a second
 * one, typed from the registries, so that a slip in either shows.
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

/* The prefix of a row; parsed once, because an assertion of libcheck is a system call. */
struct ip_prefix special_prefix(size_t row);

/* The name of the rule that decides; *allowed is its verdict. */
const char *oracle_check(const struct peer_policy_config *config,
			 const struct host_addresses *host, const struct port_pool *pool,
			 const struct endpoint *peer, bool *allowed);

#endif
