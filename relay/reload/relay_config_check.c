/*
 * relay_config_check.c - see relay_config_check.h.
 */
#include "relay/reload/relay_config_check.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "relay/core/ids.h"
#include "relay/core/port_pool.h"
#include "relay/reload/discovery_fronts.h"
#include "relay/reload/relay_config.h"
#include "stun/ms_registry.h"

static bool has_address(const struct relay_config_side *side, const struct ip_addr *ip)
{
	return ip_addr_find(side->addresses, side->address_count, ip) != NULL;
}

struct check {
	struct relay_config *config;
	const struct relay_config_side *inside, *outside;
	char *error;
	size_t error_size;
};

/* The sentence about a field. Always false. */
#define REFUSE(check, field, ...)                                     \
	config_error(&(check)->config->common, field, (check)->error, \
		     (check)->error_size, __VA_ARGS__)

static bool check_present(const struct check *check)
{
	for (int i = 0; i < SIDE_COUNT; i++) {
		if (check->config->sides[i].address_count == 0)
			return REFUSE(
				check, &check->config->sides[i].addresses,
				"missing; write side %s { addresses = {\"%s\"} } with "
				"the addresses of this host on that side",
				side_name((enum side)i),
				i == SIDE_INSIDE ? "10.0.0.5" : "192.0.2.10");
	}
	return true;
}

/* Public addresses pair with the others by position. Without any, each address is its own. */
static bool pair_public(const struct check *check)
{
	struct relay_config_side *side = &check->config->sides[SIDE_OUTSIDE];
	char local[ENDPOINT_TEXT_LEN], text[ENDPOINT_TEXT_LEN];

	if (side->public_count == 0) {
		size_t size = side->address_count * sizeof(*side->public);

		side->public = malloc(size);
		if (!side->public)
			return REFUSE(check, &side->public, "out of memory; free some");
		memcpy(side->public, side->addresses, size);
		side->public_count = side->address_count;
	}
	for (size_t i = 0; i < side->public_count; i++) {
		const struct ip_addr *public = &side->public[i];

		ip_addr_format(public, text, sizeof(text));
		if (i == side->address_count)
			return REFUSE(check, public,
				      "%s is one too many: %zu public addresses for %zu "
				      "\"addresses\"; write one for each of them",
				      text, side->public_count, side->address_count);
		ip_addr_format(&side->addresses[i], local, sizeof(local));
		if (side->addresses[i].family != public->family)
			return REFUSE(check, public,
				      "%s is paired with %s of the other family; write "
				      "both lists in the same order",
				      text, local);
	}
	if (side->public_count < side->address_count)
		return REFUSE(check, &side->public,
			      "none for %s; write one public address for each of "
			      "\"addresses\", or none at all",
			      ip_addr_format(&side->addresses[side->public_count], text,
					     sizeof(text)));
	assert(side->public_count == side->address_count);
	return true;
}

/* A side is a property of the address: the same one twice would make both meaningless. */
static bool check_disjoint(const struct check *check)
{
	const struct relay_config_side *outside = check->outside;
	char text[ENDPOINT_TEXT_LEN], local[ENDPOINT_TEXT_LEN];

	for (size_t i = 0; i < outside->address_count; i++) {
		const struct ip_addr *public = &outside->public[i];

		ip_addr_format(public, text, sizeof(text));
		ip_addr_format(&outside->addresses[i], local, sizeof(local));
		if (has_address(check->inside, &outside->addresses[i]))
			return REFUSE(check, &outside->addresses[i],
				      "%s is also an inside address; give each side "
				      "addresses of its own",
				      local);
		if (has_address(check->inside, public))
			return REFUSE(check, public,
				      "%s is an inside address; write the address that "
				      "the Internet sees",
				      text);
		if (has_address(outside, public) &&
		    !ip_addr_equal(public, &outside->addresses[i]))
			return REFUSE(
				check, public,
				"%s, the public address of %s, is itself one of "
				"\"addresses\"; write the address that the Internet "
				"sees",
				text, local);
	}
	return true;
}

static bool check_fronts(const struct check *check)
{
	size_t fronts = 0;

	for (int i = 0; i < SIDE_COUNT; i++) {
		const struct relay_config_side *side = &check->config->sides[i];
		/* Each port is a plain and a secure front, so that a reload can bring TLS. */
		size_t each = 2 * (side->udp_port_count + side->tcp_port_count);

		fronts += each * side->address_count;
	}
	if (fronts == 0)
		return REFUSE(
			check, &check->inside->udp_ports,
			"both sides are without ports, so no client can connect; list "
			"some in udp_ports or tcp_ports");
	if (fronts > FRONTS_MAX)
		return REFUSE(check, &check->outside->addresses,
			      "%zu fronts on both sides together, at most %d; list fewer "
			      "addresses or ports",
			      fronts, FRONTS_MAX);
	if (check->outside->address_count > PORT_POOL_ADDRESSES_MAX)
		return REFUSE(check, &check->outside->addresses[PORT_POOL_ADDRESSES_MAX],
			      "more than %d; name fewer", PORT_POOL_ADDRESSES_MAX);
	return true;
}

/* RFC 5780 section 6: the same two ports on two addresses. */
static bool check_discovery(const struct check *check,
			    const struct relay_config_side *side)
{
	size_t i = 0;

	if (side->response_port && !side->nat_discovery)
		config_warn(
			&check->config->common, &side->response_port,
			"has no effect without nat_discovery; set nat_discovery = true "
			"too, or remove it");
	if (!side->nat_discovery)
		return true;
	while (i < side->address_count &&
	       discovery_fronts_other_address(side, i) == side->address_count)
		i++;
	if (i == side->address_count)
		return REFUSE(check, &side->nat_discovery,
			      "needs two addresses of one family; list another in "
			      "addresses, or remove nat_discovery");
	if (side->udp_port_count < 2)
		return REFUSE(check, &side->nat_discovery,
			      "needs two UDP ports on each address; list another in "
			      "udp_ports, or remove nat_discovery");
	return true;
}

static bool is_own(const struct check *check, const struct ip_addr *ip)
{
	return has_address(check->inside, ip) || has_address(check->outside, ip) ||
	       ip_addr_find(check->outside->public, check->outside->public_count, ip);
}

static bool check_alternates(const struct check *check,
			     const struct relay_config_side *side)
{
	/* RFC 8489 section 14.16: ASCII, so that a client can compare it with the certificate. */
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
	const char *domain = side->alternate_domain;
	char text[ENDPOINT_TEXT_LEN];

	if (side->alternate_count == 0 && side->drain_answer == DRAIN_REDIRECT + 1 &&
	    config_line(&check->config->common, &side->drain_answer) != 0)
		config_warn(&check->config->common, &side->drain_answer,
			    "nowhere to redirect clients to, so they are refused; set "
			    "alternate_servers, or write \"refuse\"");
	/* RFC 8489 section 10: one ALTERNATE-SERVER of each family, and elsewhere. */
	for (size_t i = 0; i < side->alternate_count; i++) {
		const struct ip_addr *ip = &side->alternates[i];

		ip_addr_format(ip, text, sizeof(text));
		if (is_own(check, ip))
			return REFUSE(check, ip,
				      "%s is an address of this relay; name another one, "
				      "or none",
				      text);
		if (i > 0 && ip->family == side->alternates[0].family)
			return REFUSE(check, ip,
				      "%s is the second of its family; clients are told "
				      "one of each, remove one",
				      text);
	}
	if (!domain || domain[strspn(domain, allowed)] == '\0')
		return true;
	return REFUSE(
		check, &side->alternate_domain,
		"\"%s\" is not a DNS name in ASCII; write letters, digits, dots and "
		"hyphens",
		domain);
}

/* A wildcard stands for the first label, as in a certificate. */
static bool check_own_names(const struct check *check,
			    const struct relay_pass_through *pass_through)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";

	for (size_t i = 0; i < pass_through->own_name_count; i++) {
		char *const *own = &pass_through->own_names[i];
		const char *name = strncmp(*own, "*.", 2) == 0 ? *own + 2 : *own;

		if (name[0] == '\0' || name[strspn(name, allowed)] != '\0')
			return REFUSE(
				check, own,
				"\"%s\" is not a DNS name in ASCII; write "
				"turn.example.com, or *.example.com for any label in "
				"front",
				*own);
	}
	return true;
}

/* Ports of outside clients; name: of their key. */
static bool check_relay_ports(const struct check *check, const char *name,
			      const uint16_t *ports, size_t count)
{
	const struct relay_config *config = check->config;
	uint16_t first = config->relay.ports.first, last = config->relay.ports.last;

	for (size_t i = 0; i < count; i++) {
		if (ports[i] < first || ports[i] > last)
			continue;
		if (config_line(&config->common, &config->relay.ports) == 0)
			return REFUSE(check, &ports[i],
				      "%u lies in relay.ports, %u-%u; move one of them",
				      ports[i], first, last);
		return REFUSE(check, &config->relay.ports,
			      "%u-%u contains %u of side.outside.%s; move one of them",
			      first, last, ports[i], name);
	}
	return true;
}

static bool check_relay_range(const struct check *check)
{
	const struct relay_config_side *outside = check->outside;

	return check_relay_ports(check, "udp_ports", outside->udp_ports,
				 outside->udp_port_count) &&
	       check_relay_ports(check, "tcp_ports", outside->tcp_ports,
				 outside->tcp_port_count);
}

static bool check_peers(const struct check *check)
{
	const struct relay_config *config = check->config;
	char text[ENDPOINT_TEXT_LEN];

	for (size_t i = 0; i < config->peers.deny_count; i++) {
		const struct ip_prefix *deny = &config->peers.deny[i];

		for (size_t j = 0; j < config->peers.allow_count; j++) {
			const struct ip_prefix *allow = &config->peers.allow[j];

			if (allow->len == deny->len &&
			    ip_addr_equal(&allow->ip, &deny->ip))
				return REFUSE(
					check, deny,
					"%s/%u is in peers.allow too (line %u); "
					"remove one",
					ip_addr_format(&deny->ip, text, sizeof(text)),
					deny->len, config_line(&config->common, allow));
		}
	}
	return true;
}

static bool check_groups(const struct check *check)
{
	const struct relay_config *config = check->config;

	for (size_t i = 0; i < config->group_count; i++) {
		const struct user_group *group = &config->groups[i].group;

		if (i == USER_GROUPS_MAX)
			return REFUSE(check, &group->name,
				      "one group too many, at most %d; join some",
				      USER_GROUPS_MAX);
		if (strlen(group->name) > USER_GROUP_NAME_MAX)
			return REFUSE(check, &group->name,
				      "the name is longer than %d characters; shorten it",
				      USER_GROUP_NAME_MAX);
		if (group->user_count + group->network_count + group->key_count == 0)
			return REFUSE(
				check, &group->name,
				"would have everybody; list users, networks or keys, "
				"or write it in section dscp");
		for (size_t j = 0; j < group->user_count; j++) {
			if (!user_groups_pattern_is_valid(group->users[j]))
				return REFUSE(check, &group->users[j],
					      "\"%.80s\" is not a name of a user as "
					      "records show it; write * only at its end, "
					      "and a blank as \\x20",
					      group->users[j]);
		}
	}
	return true;
}

/* The key that is written in the file is the one to change. */
static const void *given(const struct relay_config *config, const void *field,
			 const void *other)
{
	return config_line(&config->common, field) != 0 ? field : other;
}

static bool check_lifetimes(const struct check *check)
{
	const struct turn_limits *limits = &check->config->limits;
	char usual[UNITS_TEXT_MAX], most[UNITS_TEXT_MAX];

	if (limits->lifetime_default_s <= limits->lifetime_max_s)
		return true;
	units_duration_text(limits->lifetime_default_s, usual);
	units_duration_text(limits->lifetime_max_s, most);
	if (config_line(&check->config->common, &limits->lifetime_max_s) != 0)
		return REFUSE(check, &limits->lifetime_max_s,
			      "%s is less than lifetime_default, %s; change one of them",
			      most, usual);
	return REFUSE(check, &limits->lifetime_default_s,
		      "%s is more than lifetime_max, %s; change one of them", usual,
		      most);
}

static bool check_pairs(const struct check *check)
{
	const struct relay_config *config = check->config;
	const struct turn_limits *limits = &config->limits;

	if (config->tls.certificate && !config->tls.private_key)
		return REFUSE(check, &config->tls.certificate,
			      "has no key; set tls.private_key too");
	if (!config->tls.certificate && config->tls.private_key)
		return REFUSE(check, &config->tls.private_key,
			      "has no certificate; set tls.certificate too");
	if (config->third_party.keys && config->third_party.server_name[0] == '\0')
		return REFUSE(check, &config->third_party.keys,
			      "has no server_name; set "
			      "third_party_authorization.server_name too");
	if (!config->third_party.keys && config->third_party.server_name[0] != '\0')
		return REFUSE(check, &config->third_party.server_name,
			      "has no keys; set third_party_authorization.keys too");
	if (!check_lifetimes(check))
		return false;
	if (limits->allocations_reserved != 0 &&
	    limits->allocations_reserved >= config->fixed_limits.allocations_total)
		return REFUSE(
			check, &limits->allocations_reserved,
			"%u is not less than limits.allocations_total, %u; change one "
			"of them",
			limits->allocations_reserved,
			config->fixed_limits.allocations_total);
	/* IPv6 is part of version 4; without it no client can ask for what is offered. */
	if (config->ms.ipv6 && config->ms.version < MS_VERSION_IPV6)
		return REFUSE(
			check, given(config, &config->ms.version, &config->ms.ipv6),
			"version %u has no IPv6; write version = 4, or ipv6 = false",
			config->ms.version);
	return true;
}

bool relay_config_check(struct config *common, char *error, size_t error_size)
{
	struct relay_config *config = (struct relay_config *)common;
	const struct check check = {
		.config = config,
		.inside = &config->sides[SIDE_INSIDE],
		.outside = &config->sides[SIDE_OUTSIDE],
		.error = error,
		.error_size = error_size,
	};

	config_remark_on_realm(&config->common, &config->realm);
	return check_present(&check) && pair_public(&check) && check_disjoint(&check) &&
	       check_fronts(&check) && check_relay_range(&check) && check_peers(&check) &&
	       check_discovery(&check, check.inside) &&
	       check_discovery(&check, check.outside) && check_groups(&check) &&
	       check_pairs(&check) && check_alternates(&check, check.inside) &&
	       check_alternates(&check, check.outside) &&
	       check_own_names(&check, &config->pass_through[SIDE_INSIDE]) &&
	       check_own_names(&check, &config->pass_through[SIDE_OUTSIDE]);
}
