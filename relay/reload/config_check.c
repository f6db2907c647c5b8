/*
 * config_check.c - what no value of the configuration can tell alone.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "relay/core/port_pool.h"
#include "relay/reload/config_schema.h"
#include "stun/ms_registry.h"

struct check {
	const struct config *config;
	const struct conffile *file;
	char *error;
	size_t error_size;
};

/* Of the index-th value of a key; 0 if it is not in the file. */
static unsigned line_in(const struct conffile *file, const char *section,
			const char *title, const char *name, size_t index)
{
	size_t count;
	const struct conffile_value *values = conffile_values(file, &count);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(values[i].key->section, section) == 0 &&
		    strcmp(values[i].key->name, name) == 0 &&
		    strcmp(values[i].title, title) == 0 && index-- == 0)
			return values[i].line;
	}
	return 0;
}

static unsigned line_of(const struct check *check, const char *section, const char *title,
			const char *name, size_t index)
{
	return line_in(check->file, section, title, name, index);
}

void config_note_lines(struct config *config, const struct conffile *file)
{
	config->lines.keys = line_in(file, "", "", "keys", 0);
	config->lines.revoked_users = line_in(file, "", "", "revoked_users", 0);
	config->lines.certificate = line_in(file, "tls", "", "certificate", 0);
	config->lines.private_key = line_in(file, "tls", "", "private_key", 0);
	config->lines.user = line_in(file, "", "", "user", 0);
	config->lines.group = line_in(file, "", "", "group", 0);
	config->lines.control_socket = line_in(file, "control", "", "socket", 0);
	config->lines.control_group = line_in(file, "control", "", "group", 0);
	config->lines.metrics_listen = line_in(file, "metrics", "", "listen", 0);
	for (int i = 0; i < SIDE_COUNT; i++) {
		struct config_side *side = &config->sides[i];

		for (size_t j = 0; j < side->address_count; j++)
			side->addresses[j].line = line_in(
				file, "side", side_name((enum side)i), "addresses", j);
	}
}

static bool __attribute__((format(printf, 3, 4)))
refuse(const struct check *check, unsigned line, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	conffile_error(check->file, line, check->error, check->error_size, "%s", text);
	return false;
}

static unsigned side_line(const struct check *check, enum side side, const char *name,
			  size_t index)
{
	return line_of(check, "side", side_name(side), name, index);
}

static bool check_present(const struct check *check)
{
	for (int i = 0; i < SIDE_COUNT; i++) {
		if (check->config->sides[i].address_count == 0)
			return refuse(
				check, 0,
				"side.%s.addresses: missing; write side %s { addresses = "
				"{\"%s\"} } with the addresses of this host on that side",
				side_name((enum side)i), side_name((enum side)i),
				i == SIDE_INSIDE ? "10.0.0.5" : "192.0.2.10");
	}
	return true;
}

/* "A side is a property of the address": the same one twice would make both meaningless. */
static bool check_disjoint(const struct check *check)
{
	const struct config_side *inside = &check->config->sides[SIDE_INSIDE];
	const struct config_side *outside = &check->config->sides[SIDE_OUTSIDE];
	char text[ENDPOINT_TEXT_LEN];

	for (size_t i = 0; i < outside->address_count; i++) {
		const struct config_address *address = &outside->addresses[i];

		for (size_t j = 0; j < inside->address_count; j++) {
			const struct ip_addr *other = &inside->addresses[j].local;

			ip_addr_format(other, text, sizeof(text));
			if (ip_addr_equal(other, &address->local))
				return refuse(
					check,
					side_line(check, SIDE_OUTSIDE, "addresses", i),
					"side.outside.addresses: %s is also an inside address; "
					"give each side addresses of its own",
					text);
			if (ip_addr_equal(other, &address->public))
				return refuse(
					check,
					side_line(check, SIDE_OUTSIDE, "public", i),
					"side.outside.public: %s is an inside address; write the "
					"address that the Internet sees",
					text);
		}
	}
	return true;
}

static bool check_public(const struct check *check)
{
	const struct config_side *outside = &check->config->sides[SIDE_OUTSIDE];
	char local[ENDPOINT_TEXT_LEN], text[ENDPOINT_TEXT_LEN];

	for (size_t i = 0; i < outside->address_count; i++) {
		const struct config_address *address = &outside->addresses[i];

		ip_addr_format(&address->local, local, sizeof(local));
		if (address->public.family == IP_NONE)
			return refuse(
				check, side_line(check, SIDE_OUTSIDE, "public", i - 1),
				"side.outside.public: none for %s; write one public address "
				"for each of \"addresses\", or none at all",
				local);
		for (size_t j = 0; j < outside->address_count; j++) {
			if (j == i || !ip_addr_equal(&address->public,
						     &outside->addresses[j].local))
				continue;
			return refuse(
				check, side_line(check, SIDE_OUTSIDE, "public", i),
				"side.outside.public: %s, the public form of %s, is itself one "
				"of \"addresses\"; write the address that the Internet sees",
				ip_addr_format(&address->public, text, sizeof(text)),
				local);
		}
	}
	return true;
}

static bool check_fronts(const struct check *check)
{
	const struct config *config = check->config;
	size_t fronts = 0;

	for (int i = 0; i < SIDE_COUNT; i++) {
		const struct config_side *side = &config->sides[i];
		/* A TCP port is a plain and a TLS front, so that a reload can bring TLS. */
		size_t each = (side->udp_port != 0) + 2 * (side->tcp_port != 0);

		fronts += each * side->address_count;
	}
	if (fronts == 0)
		return refuse(
			check, side_line(check, SIDE_INSIDE, "udp_port", 0),
			"side.inside.udp_port: all ports of both sides are 0, nobody could "
			"connect; set one of udp_port and tcp_port");
	if (fronts > FRONTS_MAX)
		return refuse(
			check, side_line(check, SIDE_OUTSIDE, "addresses", 0),
			"side.outside.addresses: both sides together make %zu fronts of at "
			"most %d; name fewer addresses, or set udp_port or tcp_port to 0",
			fronts, FRONTS_MAX);
	if (config->sides[SIDE_OUTSIDE].address_count > PORT_POOL_ADDRESSES_MAX)
		return refuse(check,
			      side_line(check, SIDE_OUTSIDE, "addresses",
					PORT_POOL_ADDRESSES_MAX),
			      "side.outside.addresses: more than %d; name fewer",
			      PORT_POOL_ADDRESSES_MAX);
	return true;
}

static bool is_own(const struct config *config, const struct ip_addr *ip)
{
	for (int i = 0; i < SIDE_COUNT; i++) {
		const struct config_side *side = &config->sides[i];

		for (size_t j = 0; j < side->address_count; j++) {
			if (ip_addr_equal(&side->addresses[j].local, ip) ||
			    ip_addr_equal(&side->addresses[j].public, ip))
				return true;
		}
	}
	return false;
}

/* RFC 8489 section 10: one ALTERNATE-SERVER of each family, and elsewhere. */
static bool check_alternates(const struct check *check, enum side number)
{
	const struct config_side *side = &check->config->sides[number];
	char text[ENDPOINT_TEXT_LEN];

	for (size_t i = 0; i < side->alternate_count; i++) {
		const struct ip_addr *ip = &side->alternates[i].local;
		unsigned line = side_line(check, number, "alternate_servers", i);

		ip_addr_format(ip, text, sizeof(text));
		if (is_own(check->config, ip))
			return refuse(
				check, line,
				"side.%s.alternate_servers: %s is an address of this "
				"relay; name another one, or none",
				side_name(number), text);
		if (i > 0 && ip->family == side->alternates[0].local.family)
			return refuse(
				check, line,
				"side.%s.alternate_servers: %s is the second of its "
				"family; clients are told one of each, remove one",
				side_name(number), text);
	}
	return true;
}

/* RFC 8489 section 14.16: ASCII, so that a client can compare it with the certificate. */
static bool check_alternate_domain(const struct check *check, enum side number)
{
	const char *domain = check->config->sides[number].alternate_domain;
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";

	if (domain == NULL || domain[strspn(domain, allowed)] == '\0')
		return true;
	return refuse(check, side_line(check, number, "alternate_domain", 0),
		      "side.%s.alternate_domain: \"%s\" is no DNS name in ASCII; write "
		      "letters, digits, dots and hyphens",
		      side_name(number), domain);
}

static bool in_relay_range(const struct config *config, uint16_t port)
{
	return port >= config->relay.first && port <= config->relay.last;
}

static bool check_relay_range(const struct check *check)
{
	const struct config *config = check->config;
	const struct config_side *outside = &config->sides[SIDE_OUTSIDE];
	bool udp = in_relay_range(config, outside->udp_port);
	const char *name = udp ? "udp_port" : "tcp_port";
	unsigned line;

	if (!udp && !in_relay_range(config, outside->tcp_port))
		return true;
	line = line_of(check, "relay", "", "ports", 0);
	if (line == 0)
		line = side_line(check, SIDE_OUTSIDE, name, 0);
	return refuse(check, line,
		      "relay.ports: %u-%u contains side.outside.%s %u; move one of them",
		      config->relay.first, config->relay.last, name,
		      udp ? outside->udp_port : outside->tcp_port);
}

static bool check_peers(const struct check *check)
{
	const struct config *config = check->config;
	char text[ENDPOINT_TEXT_LEN];

	for (size_t i = 0; i < config->peers.deny_count; i++) {
		const struct ip_prefix *deny = &config->peers.deny[i];

		for (size_t j = 0; j < config->peers.allow_count; j++) {
			const struct ip_prefix *allow = &config->peers.allow[j];

			if (allow->len != deny->len ||
			    !ip_addr_equal(&allow->ip, &deny->ip))
				continue;
			return refuse(
				check, line_of(check, "peers", "", "deny", i),
				"peers.deny: %s/%u is in peers.allow too (line %u); remove one",
				ip_addr_format(&deny->ip, text, sizeof(text)), deny->len,
				line_of(check, "peers", "", "allow", j));
		}
	}
	return true;
}

static bool check_tls(const struct check *check)
{
	const struct config *config = check->config;

	if (config->tls.certificate && !config->tls.private_key)
		return refuse(check, line_of(check, "tls", "", "certificate", 0),
			      "tls.certificate: has no key; set tls.private_key too");
	if (!config->tls.certificate && config->tls.private_key)
		return refuse(
			check, line_of(check, "tls", "", "private_key", 0),
			"tls.private_key: has no certificate; set tls.certificate too");
	return true;
}

static bool check_lifetimes(const struct check *check)
{
	const struct turn_limits *limits = &check->config->limits;
	unsigned line = line_of(check, "limits", "", "lifetime_max", 0);

	if (limits->lifetime_default_s <= limits->lifetime_max_s)
		return true;
	if (line == 0)
		line = line_of(check, "limits", "", "lifetime_default", 0);
	return refuse(
		check, line,
		"limits.lifetime_max: %us is less than limits.lifetime_default, %us; "
		"change one of them",
		limits->lifetime_max_s, limits->lifetime_default_s);
}

static bool check_reserved(const struct check *check)
{
	const struct config *config = check->config;

	if (config->limits.allocations_reserved == 0 ||
	    config->limits.allocations_reserved < config->fixed_limits.allocations_total)
		return true;
	return refuse(check, line_of(check, "limits", "", "allocations_reserved", 0),
		      "limits.allocations_reserved: %u is not less than "
		      "limits.allocations_total, %u; change one of them",
		      config->limits.allocations_reserved,
		      config->fixed_limits.allocations_total);
}

/* IPv6 is part of version 4; without it nobody could ask for what is offered. */
static bool check_ms(const struct check *check)
{
	const struct config *config = check->config;
	unsigned line = line_of(check, "ms", "", "version", 0);

	if (!config->ms.ipv6 || config->ms.version >= MS_VERSION_IPV6)
		return true;
	if (line == 0)
		line = line_of(check, "ms", "", "ipv6", 0);
	return refuse(check, line,
		      "ms.version: %u has no IPv6; write 4, or set ms.ipv6 to false",
		      config->ms.version);
}

bool config_check(const struct config *config, const struct conffile *file, char *error,
		  size_t error_size)
{
	const struct check check = {
		.config = config, .file = file, .error = error, .error_size = error_size};

	return check_present(&check) && check_disjoint(&check) && check_public(&check) &&
	       check_fronts(&check) && check_relay_range(&check) && check_peers(&check) &&
	       check_tls(&check) && check_lifetimes(&check) && check_reserved(&check) &&
	       check_ms(&check) && check_alternates(&check, SIDE_INSIDE) &&
	       check_alternates(&check, SIDE_OUTSIDE) &&
	       check_alternate_domain(&check, SIDE_INSIDE) &&
	       check_alternate_domain(&check, SIDE_OUTSIDE);
}
