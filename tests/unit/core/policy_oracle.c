/*
 * policy_oracle.c - see policy_oracle.h.
 */
#include "tests/unit/core/policy_oracle.h"

#include <string.h>

#include "relay/core/port_pool.h"
#include "tests/unit/core/policy_fixture.h"

number number_of(const struct ip_addr *ip)
{
	number n = 0;
	for (size_t i = 0; i < ip_addr_len(ip->family); i++)
		n = n << 8 | ip->bytes[i];
	return n;
}

struct ip_addr address_of(number n, uint8_t family)
{
	struct ip_addr ip = {.family = family};
	for (size_t i = ip_addr_len(family); i-- > 0; n >>= 8)
		ip.bytes[i] = (uint8_t)n;
	return ip;
}

number prefix_first(const struct ip_prefix *prefix)
{
	return number_of(&prefix->ip);
}

number prefix_last(const struct ip_prefix *prefix)
{
	unsigned host_bits = 8 * (unsigned)ip_addr_len(prefix->ip.family) - prefix->len;
	number hosts = host_bits == 128 ? ~(number)0 : ((number)1 << host_bits) - 1;
	return number_of(&prefix->ip) + hosts;
}

const struct special_row special_rows[] = {
	{"0.0.0.0/8", "this-network", false},
	{"0.0.0.0/32", "unspecified", false},
	{"10.0.0.0/8", "private-use", false},
	{"100.64.0.0/10", "shared-address-space", false},
	{"100.100.100.200/32", "cloud-metadata", false},
	{"127.0.0.0/8", "loopback", false},
	{"168.63.129.16/32", "cloud-metadata", false},
	{"169.254.0.0/16", "link-local", false},
	{"169.254.169.253/32", "cloud-metadata", false},
	{"169.254.169.254/32", "cloud-metadata", false},
	{"169.254.170.2/32", "cloud-metadata", false},
	{"169.254.170.23/32", "cloud-metadata", false},
	{"172.16.0.0/12", "private-use", false},
	{"192.0.0.0/24", "protocol-assignment", false},
	{"192.0.0.0/29", "protocol-assignment", false},
	{"192.0.0.8/32", "protocol-assignment", false},
	{"192.0.0.9/32", "protocol-assignment", false},
	{"192.0.0.10/32", "protocol-assignment", false},
	{"192.0.0.170/32", "protocol-assignment", false},
	{"192.0.0.171/32", "protocol-assignment", false},
	{"192.0.0.192/32", "cloud-metadata", false},
	{"192.0.2.0/24", "documentation", false},
	{"192.31.196.0/24", "as112", false},
	{"192.52.193.0/24", "amt", false},
	{"192.88.99.0/24", "6to4-relay", false},
	{"192.88.99.2/32", "6to4-relay", false},
	{"192.168.0.0/16", "private-use", false},
	{"192.175.48.0/24", "as112", false},
	{"198.18.0.0/15", "benchmarking", false},
	{"198.51.100.0/24", "documentation", false},
	{"203.0.113.0/24", "documentation", false},
	{"224.0.0.0/4", "multicast", false},
	{"240.0.0.0/4", "reserved", false},
	{"255.255.255.255/32", "broadcast", false},
	{"::/3", "unallocated", false},
	{"::/96", "ipv4-compatible", true},
	{"::/128", "unspecified", false},
	{"::1/128", "loopback", false},
	{"::ffff:0:0/96", "ipv4-mapped", true},
	{"::ffff:0:0:0/96", "ipv4-translated", true},
	{"64:ff9b::/96", "nat64", false},
	{"64:ff9b:1::/48", "nat64", false},
	{"100::/64", "discard-only", false},
	{"100:0:0:1::/64", "dummy", false},
	{"2001::/23", "protocol-assignment", false},
	{"2001::/32", "teredo", true},
	{"2001:1::1/128", "protocol-assignment", false},
	{"2001:1::2/128", "protocol-assignment", false},
	{"2001:1::3/128", "protocol-assignment", false},
	{"2001:2::/48", "benchmarking", false},
	{"2001:3::/32", "amt", false},
	{"2001:4:112::/48", "as112", false},
	{"2001:10::/28", "orchid", false},
	{"2001:20::/28", "orchid", false},
	{"2001:30::/28", "drone-id", false},
	{"2001:db8::/32", "documentation", false},
	{"2002::/16", "6to4", true},
	{"2620:4f:8000::/48", "as112", false},
	{"3fff::/20", "documentation", false},
	{"4000::/2", "unallocated", false},
	{"5f00::/16", "srv6-sid", false},
	{"8000::/1", "unallocated", false},
	{"fc00::/7", "unique-local", false},
	{"fd00:ec2::23/128", "cloud-metadata", false},
	{"fd00:ec2::253/128", "cloud-metadata", false},
	{"fd00:ec2::254/128", "cloud-metadata", false},
	{"fd20:ce::254/128", "cloud-metadata", false},
	{"fe80::/10", "link-local", false},
	{"fec0::/10", "site-local", false},
	{"ff00::/8", "multicast", false},
};

const size_t special_row_count = sizeof(special_rows) / sizeof(special_rows[0]);

/* The longest prefix so far, and its rule. */
struct longest {
	int len;
	const char *rule;
};

static struct {
	struct ip_prefix prefix;
	number first, last;
} parsed[128];

static void parse_special(void)
{
	for (size_t i = 0; i < special_row_count; i++) {
		parsed[i].prefix = fixture_prefix(special_rows[i].prefix);
		parsed[i].first = prefix_first(&parsed[i].prefix);
		parsed[i].last = prefix_last(&parsed[i].prefix);
	}
}

struct ip_prefix special_prefix(size_t row)
{
	if (parsed[0].prefix.ip.family == IP_NONE)
		parse_special();
	return parsed[row].prefix;
}

static void try_special(struct longest *best, const struct ip_addr *ip, bool never)
{
	number n = number_of(ip);

	special_prefix(0);
	for (size_t i = 0; i < special_row_count; i++) {
		if (special_rows[i].never == never &&
		    parsed[i].prefix.ip.family == ip->family && n >= parsed[i].first &&
		    n <= parsed[i].last && parsed[i].prefix.len >= best->len)
			*best = (struct longest){parsed[i].prefix.len,
						 special_rows[i].rule};
	}
}

static void try_list(struct longest *best, const struct ip_prefix *list, size_t count,
		     const char *rule, const struct ip_addr *ip)
{
	number n = number_of(ip);

	for (size_t i = 0; i < count; i++) {
		if (list[i].ip.family == ip->family && list[i].len >= best->len &&
		    n >= prefix_first(&list[i]) && n <= prefix_last(&list[i]))
			*best = (struct longest){list[i].len, rule};
	}
}

static bool listed(const struct endpoint *list, size_t count, const struct ip_addr *ip,
		   uint16_t port)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].port == port && ip_addr_equal(&list[i].ip, ip))
			return true;
	}
	return false;
}

static const char *judge(const struct peer_policy_config *c,
			 const struct host_addresses *host, const struct port_pool *pool,
			 const struct endpoint *peer)
{
	bool relay = false, own = false;

	for (size_t i = 0; i < c->relay_count; i++) {
		if (!ip_addr_equal(&c->relay[i].local, &peer->ip) &&
		    !ip_addr_equal(&c->relay[i].public, &peer->ip))
			continue;
		if (peer->port == 0 || port_pool_in_use(pool, i, peer->port))
			return "relayed";
		relay = true;
	}

	for (size_t i = 0; host && i < host->count; i++)
		own |= ip_addr_equal(&host->addresses[i], &peer->ip);
	for (size_t i = 0; i < c->own_count; i++)
		own |= ip_addr_equal(&c->own[i], &peer->ip);
	number n = number_of(&peer->ip);
	bool loopback = peer->ip.family == IP_V4 ? n >> 24 == 127 : n == 1;

	const struct ip_addr any4 = {.family = IP_V4}, any6 = {.family = IP_V6};
	if (peer->port && (listed(c->services, c->service_count, &peer->ip, peer->port) ||
			   ((relay || own || loopback) &&
			    (listed(c->services, c->service_count, &any4, peer->port) ||
			     listed(c->services, c->service_count, &any6, peer->port)))))
		return "own-service";

	bool named = false;
	for (size_t i = 0; i < c->allow_count; i++)
		named |= c->allow[i].len == 8 * ip_addr_len(peer->ip.family) &&
			 ip_addr_equal(&c->allow[i].ip, &peer->ip);
	if (relay && !named)
		return "relay-port-idle";

	struct longest best = {-1, "public"};
	try_special(&best, &peer->ip, false);
	try_list(&best, c->inside, c->inside_count, "inside", &peer->ip);
	try_list(&best, c->deny, c->deny_count, "deny", &peer->ip);
	try_list(&best, c->allow, c->allow_count, "allow", &peer->ip);
	if (own && !named && strcmp(best.rule, "loopback") != 0)
		return "own-address";
	return best.rule;
}

static bool allows(const char *rule)
{
	return strcmp(rule, "public") == 0 || strcmp(rule, "allow") == 0 ||
	       strcmp(rule, "relayed") == 0;
}

/* Bits `from` to `from + count`, counted from the left. */
static uint32_t bits(number n, unsigned from, unsigned count)
{
	return (uint32_t)(n >> (128 - from - count) & (((number)1 << count) - 1));
}

const char *oracle_check(const struct peer_policy_config *config,
			 const struct host_addresses *host, const struct port_pool *pool,
			 const struct endpoint *peer, bool *allowed)
{
	const char *rule;
	number n = number_of(&peer->ip);
	uint32_t inner[8];
	size_t count = 0;

	*allowed = false;
	if (peer->ip.family == IP_V6) {
		struct longest best = {-1, NULL};
		try_special(&best, &peer->ip, true);
		if (best.rule && n > 1)
			return best.rule;

		if (n >> 32 == (number)0x0064ff9b << 64)
			inner[count++] = (uint32_t)n;
		if (n >> 80 == 0x0064ff9b0001) {
			/* RFC 6052 section 2.2: the bits of each form, its zeros, its suffix */
			bool zero8 = bits(n, 64, 8) == 0;
			if (bits(n, 96, 32))
				inner[count++] = bits(n, 96, 32);
			if (zero8 && !bits(n, 104, 24))
				inner[count++] = bits(n, 72, 32);
			if (zero8 && !bits(n, 96, 32))
				inner[count++] = bits(n, 56, 8) << 24 | bits(n, 72, 24);
			if (zero8 && !bits(n, 88, 32) && !bits(n, 120, 8))
				inner[count++] = bits(n, 48, 16) << 16 | bits(n, 72, 16);
		}
		if (bits(n, 64, 32) == 0x00005efe || bits(n, 64, 32) == 0x02005efe)
			inner[count++] = (uint32_t)n;
	}
	for (size_t i = 0; i < count; i++) {
		struct endpoint bare = {address_of(inner[i], IP_V4), peer->port};
		rule = judge(config, host, pool, &bare);
		if (!allows(rule))
			return rule;
	}
	rule = judge(config, host, pool, peer);
	*allowed = allows(rule);
	return rule;
}
