/*
 * peer_policy.c - the checks of peer_policy.h, in their order.
 *
 * Called for each Send indication, so it is a few binary searches in small sorted arrays and
 * one walk down the trie, without locks.
 */
#include "relay/core/peer_policy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "relay/core/port_pool.h"
#include "relay/core/prefix_trie.h"
#include "relay/core/special_purpose.h"

/* One form of one relayed address. The pool knows the address by its index. */
struct relay_ip {
	struct ip_addr ip;
	struct ip_addr other; /* its other form; the same without NAT */
	size_t index;
	bool is_local, retired;
};

struct peer_policy {
	struct prefix_trie *prefixes;
	struct relay_ip *relay; /* sorted by IP address */
	size_t relay_count;
	struct endpoint *services; /* sorted by IP address, then port */
	size_t service_count;
	struct ip_addr *own; /* sorted */
	size_t own_count;
};

static const char *const rule_names[] = {"none",
#define X(id, name, allows) name,
					 PEER_RULES(X)
#undef X
};

static const bool rule_allows[] = {false,
#define X(id, name, allows) allows,
				   PEER_RULES(X)
#undef X
};

size_t peer_policy_rules(const char *const **names)
{
	*names = rule_names + 1;
	return PEER_RULE_END - 1;
}

static int compare_relay(const void *a, const void *b)
{
	const struct relay_ip *x = a, *y = b;
	return ip_addr_compare(&x->ip, &y->ip);
}

static int compare_endpoint(const void *a, const void *b)
{
	const struct endpoint *x = a, *y = b;
	int order = ip_addr_compare(&x->ip, &y->ip);
	return order ? order : (int)x->port - (int)y->port;
}

static int compare_ip(const void *a, const void *b)
{
	return ip_addr_compare(a, b);
}

static size_t sum_of_lengths(const struct ip_prefix *prefixes, size_t count)
{
	size_t sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += prefixes[i].len;
	return sum;
}

static void add_all(struct prefix_trie *trie, const struct ip_prefix *prefixes,
		    size_t count, enum peer_rule rule)
{
	for (size_t i = 0; i < count; i++)
		prefix_trie_add(trie, &prefixes[i], (uint8_t)rule);
}

/* At equal length a later entry wins: the operator over the registries, allow over all. */
static struct prefix_trie *build_prefixes(const struct peer_policy_config *config)
{
	size_t bits = 128 * special_purpose_count +
		      sum_of_lengths(config->inside, config->inside_count) +
		      sum_of_lengths(config->deny, config->deny_count) +
		      sum_of_lengths(config->allow, config->allow_count);
	struct prefix_trie *trie = prefix_trie_new(bits);
	if (!trie)
		return NULL;

	for (size_t i = 0; i < special_purpose_count; i++) {
		struct ip_prefix prefix;
		bool ok = ip_prefix_parse(special_purposes[i].prefix, &prefix);
		assert(ok);
		if (ok)
			prefix_trie_add(trie, &prefix, (uint8_t)special_purposes[i].rule);
	}
	add_all(trie, config->inside, config->inside_count, PEER_RULE_INSIDE);
	add_all(trie, config->deny, config->deny_count, PEER_RULE_DENY);
	add_all(trie, config->allow, config->allow_count, PEER_RULE_ALLOW);
	return trie;
}

static void copy_relay(struct peer_policy *policy, const struct relay_address *relay,
		       size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct ip_addr *local = &relay[i].local, *public = &relay[i].public;
		if (local->family == IP_NONE)
			continue;
		policy->relay[policy->relay_count++] =
			(struct relay_ip){*local, *public, i, true, relay[i].retired};
		if (!ip_addr_equal(local, public))
			policy->relay[policy->relay_count++] = (struct relay_ip){
				*public, *local, i, false, relay[i].retired};
	}
	assert(policy->relay_count <= 2 * count);
	qsort(policy->relay, policy->relay_count, sizeof(policy->relay[0]),
	      compare_relay);
}

struct peer_policy *peer_policy_new(const struct peer_policy_config *config)
{
	struct peer_policy *policy = calloc(1, sizeof(*policy));
	if (!policy)
		return NULL;

	policy->prefixes = build_prefixes(config);
	/* One entry more than needed: an empty array is not the same as no memory. */
	policy->relay = calloc(2 * config->relay_count + 1, sizeof(policy->relay[0]));
	policy->services = calloc(config->service_count + 1, sizeof(policy->services[0]));
	policy->own = calloc(config->own_count + 1, sizeof(policy->own[0]));
	if (!policy->prefixes || !policy->relay || !policy->services || !policy->own)
		goto fail;

	copy_relay(policy, config->relay, config->relay_count);
	for (size_t i = 0; i < config->service_count; i++)
		policy->services[i] = config->services[i];
	policy->service_count = config->service_count;
	qsort(policy->services, policy->service_count, sizeof(policy->services[0]),
	      compare_endpoint);
	for (size_t i = 0; i < config->own_count; i++)
		policy->own[i] = config->own[i];
	policy->own_count = config->own_count;
	qsort(policy->own, policy->own_count, sizeof(policy->own[0]), compare_ip);
	return policy;

fail:
	peer_policy_free(policy);
	return NULL;
}

void peer_policy_free(struct peer_policy *policy)
{
	if (!policy)
		return;
	prefix_trie_free(policy->prefixes);
	free(policy->relay);
	free(policy->services);
	free(policy->own);
	free(policy);
}

/* The first relayed address with that IP, and how many there are (public ones can be shared). */
static const struct relay_ip *find_relay(const struct peer_policy *policy,
					 const struct ip_addr *ip, size_t *count)
{
	size_t low = 0, high = policy->relay_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (ip_addr_compare(&policy->relay[middle].ip, ip) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	size_t end = low;
	while (end < policy->relay_count && ip_addr_equal(&policy->relay[end].ip, ip))
		end++;
	*count = end - low;
	return &policy->relay[low];
}

static bool host_has(const struct host_addresses *host, const struct ip_addr *ip)
{
	return host && bsearch(ip, host->addresses, host->count,
			       sizeof(host->addresses[0]), compare_ip);
}

static bool is_loopback(const struct ip_addr *ip)
{
	static const uint8_t one[16] = {[15] = 1};
	return ip->family == IP_V4 ? ip->bytes[0] == 127
				   : memcmp(ip->bytes, one, 16) == 0;
}

static bool is_service(const struct peer_policy *policy, const struct endpoint *peer,
		       bool own)
{
	if (peer->port == 0)
		return false;
	if (bsearch(peer, policy->services, policy->service_count, sizeof(*peer),
		    compare_endpoint))
		return true;
	if (!own)
		return false;

	/* A socket bound to "any address" is on each of ours; one on :: may take IPv4 too. */
	const struct endpoint any4 = {{.family = IP_V4}, peer->port};
	const struct endpoint any6 = {{.family = IP_V6}, peer->port};
	return bsearch(&any4, policy->services, policy->service_count, sizeof(any4),
		       compare_endpoint) ||
	       bsearch(&any6, policy->services, policy->service_count, sizeof(any6),
		       compare_endpoint);
}

/* The order of checks in peer_policy.h, for an address in canonical form. */
static enum peer_rule judge(const struct peer_policy *policy,
			    const struct host_addresses *host,
			    const struct port_pool *pool, const struct endpoint *peer)
{
	size_t relays;
	const struct relay_ip *relay = find_relay(policy, &peer->ip, &relays);

	if (relays && peer->port == 0)
		return PEER_RULE_RELAYED;
	for (size_t i = 0; i < relays; i++) {
		if (pool && port_pool_holds(pool, relay[i].index, peer->port))
			return PEER_RULE_RELAYED;
	}

	bool own = host_has(host, &peer->ip) ||
		   bsearch(&peer->ip, policy->own, policy->own_count,
			   sizeof(policy->own[0]), compare_ip);
	if (is_service(policy, peer, relays || own || is_loopback(&peer->ip)))
		return PEER_RULE_OWN_SERVICE;

	uint8_t len;
	uint8_t rule = prefix_trie_find(policy->prefixes, &peer->ip, &len);
	bool named = rule == PEER_RULE_ALLOW && len == 8 * ip_addr_len(peer->ip.family);
	if (relays && !named)
		return PEER_RULE_RELAY_PORT_IDLE;
	/* Of what nothing allows, "loopback" says more. */
	if (own && !named && rule != PEER_RULE_LOOPBACK)
		return PEER_RULE_OWN_ADDRESS;
	return rule ? (enum peer_rule)rule : PEER_RULE_PUBLIC;
}

/* Embedded IPv4 forms that no peer of a relay has a reason to use. */
static enum peer_rule refused_embedding(const struct ip_addr *ip)
{
	static const uint8_t zero[16];
	const uint8_t *b = ip->bytes;

	if (ip_addr_is_tunnelled(ip))
		return b[1] == 0x02 ? PEER_RULE_SIX_TO_FOUR : PEER_RULE_TEREDO;
	if (memcmp(b, zero, 8) != 0)
		return PEER_RULE_NONE;
	if (memcmp(b + 8, "\0\0\xff\xff", 4) == 0)
		return PEER_RULE_IPV4_MAPPED;
	if (memcmp(b + 8, "\xff\xff\0\0", 4) == 0)
		return PEER_RULE_IPV4_TRANSLATED;
	/* :: and ::1 look like 0.0.0.0 and 0.0.0.1, but have a meaning of their own. */
	if (memcmp(b + 8, zero, 7) == 0 && b[15] <= 1)
		return PEER_RULE_NONE;
	return memcmp(b + 8, zero, 4) == 0 ? PEER_RULE_IPV4_COMPATIBLE : PEER_RULE_NONE;
}

/* IPv4 addresses inside one IPv6 address: every reading that makes sense. */
struct embedded {
	size_t count;
	struct ip_addr v4[5];
};

static void embedded_add(struct embedded *e, uint8_t b0, uint8_t b1, uint8_t b2,
			 uint8_t b3)
{
	assert(e->count < sizeof(e->v4) / sizeof(e->v4[0]));
	e->v4[e->count++] = (struct ip_addr){IP_V4, {b0, b1, b2, b3}};
}

/*
 * Local-use NAT64 (RFC 8215) is a /48 in which each site chooses where the IPv4 address lies
 * (RFC 6052 section 2.2: behind 48, 56, 64 or 96 bits; the first three step over byte 8 and
 * end in zeros). An address can be read in more than one way, so each reading is judged.
 */
static void embedded_local_nat64(struct embedded *e, const uint8_t *b)
{
	static const uint8_t zero[8];
	bool stepped = b[8] == 0 && memcmp(b + 13, zero, 3) == 0;

	if (memcmp(b + 12, zero, 4) != 0)
		embedded_add(e, b[12], b[13], b[14], b[15]);
	if (stepped)
		embedded_add(e, b[9], b[10], b[11], b[12]);
	if (stepped && b[12] == 0)
		embedded_add(e, b[7], b[9], b[10], b[11]);
	if (stepped && b[12] == 0 && b[11] == 0)
		embedded_add(e, b[6], b[7], b[9], b[10]);
}

static void embedded_find(struct embedded *e, const struct ip_addr *ip)
{
	static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
	static const uint8_t local_nat64[6] = {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01};
	const uint8_t *b = ip->bytes;

	e->count = 0;
	if (memcmp(b, nat64, sizeof(nat64)) == 0)
		embedded_add(e, b[12], b[13], b[14], b[15]);
	if (memcmp(b, local_nat64, sizeof(local_nat64)) == 0)
		embedded_local_nat64(e, b);
	/* ISATAP (RFC 5214 section 6.1), in any prefix */
	if ((b[8] & ~0x02) == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe)
		embedded_add(e, b[12], b[13], b[14], b[15]);
}

static struct peer_verdict verdict(enum peer_rule rule)
{
	assert(rule > PEER_RULE_NONE && rule < PEER_RULE_END);
	return (struct peer_verdict){rule_allows[rule], rule_names[rule]};
}

struct peer_verdict peer_policy_check(const struct peer_policy *policy,
				      const struct host_addresses *host,
				      const struct port_pool *pool,
				      const struct endpoint *peer)
{
	if (peer->ip.family != IP_V4 && peer->ip.family != IP_V6)
		return verdict(PEER_RULE_NO_ADDRESS);

	if (peer->ip.family == IP_V6) {
		enum peer_rule refused = refused_embedding(&peer->ip);
		if (refused != PEER_RULE_NONE)
			return verdict(refused);

		struct embedded embedded;
		embedded_find(&embedded, &peer->ip);
		for (size_t i = 0; i < embedded.count; i++) {
			struct endpoint bare = {embedded.v4[i], peer->port};
			enum peer_rule rule = judge(policy, host, pool, &bare);
			if (!rule_allows[rule])
				return verdict(rule);
		}
	}
	return verdict(judge(policy, host, pool, peer));
}

bool peer_policy_to_local(const struct peer_policy *policy, struct endpoint *ep)
{
	size_t count;
	const struct relay_ip *relay = find_relay(policy, &ep->ip, &count);

	for (size_t i = 0; i < count; i++) {
		if (!relay[i].is_local) {
			ep->ip = relay[i].other;
			return true;
		}
	}
	return false;
}

bool peer_policy_to_public(const struct peer_policy *policy, const struct port_pool *pool,
			   struct endpoint *ep)
{
	const struct relay_ip *found = NULL;
	size_t count;
	const struct relay_ip *relay = find_relay(policy, &ep->ip, &count);

	for (size_t i = 0; i < count; i++) {
		if (!relay[i].is_local)
			continue;
		if (!found || found->retired)
			found = &relay[i];
		if (pool && count > 1 &&
		    port_pool_holds(pool, relay[i].index, ep->port)) {
			found = &relay[i];
			break;
		}
	}
	if (!found || ip_addr_equal(&found->other, &ep->ip))
		return false;
	ep->ip = found->other;
	return true;
}

bool peer_policy_is_relay(const struct peer_policy *policy, const struct ip_addr *ip)
{
	size_t count;

	find_relay(policy, ip, &count);
	return count > 0;
}
