/*
 * policy_fixture.c - see policy_fixture.h.
 */
#include "tests/unit/core/policy_fixture.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "relay/core/port_pool.h"

const struct relay_address fixture_relays[2] = {
	{{IP_V4, {10, 9, 0, 1}}, {IP_V4, {8, 8, 4, 4}}, false},
	{{IP_V6, {0x2a, 0, [15] = 1}}, {IP_V6, {0x2a, 0, [15] = 1}}, false},
};

const struct endpoint fixture_services[FIXTURE_SERVICES] = {
	{{IP_V4, {10, 9, 0, 1}}, 3478},
	{{IP_V4, {8, 8, 4, 4}}, 3478},
	{{IP_V4, {192, 168, 7, 7}}, 3478},
	{{IP_V4, {9, 9, 9, 9}}, 53},
	{{IP_V6, {0}}, 9641},
};

/* As in a lab: loopback addresses that netlink does not report. */
const struct ip_addr fixture_own[FIXTURE_OWN] = {
	{IP_V4, {192, 168, 7, 7}},
	{IP_V4, {127, 9, 0, 1}},
};

static const char *const host_addresses[] = {
	"2a00::1",   "fe80::1",     "2a00::2", "10.9.0.1",
	"127.0.0.1", "192.168.7.7", "9.1.2.3",
};

enum { HOST_ADDRESSES = sizeof(host_addresses) / sizeof(host_addresses[0]) };

struct endpoint fixture_peer(const char *ip, uint16_t port)
{
	struct endpoint ep = {.port = port};
	ck_assert_msg(ip_addr_parse(ip, &ep.ip), "\"%s\" is not an address", ip);
	return ep;
}

struct ip_prefix fixture_prefix(const char *text)
{
	struct ip_prefix prefix;
	ck_assert_msg(ip_prefix_parse(text, &prefix), "\"%s\" is not a prefix", text);
	return prefix;
}

static int compare(const void *a, const void *b)
{
	return ip_addr_compare(a, b);
}

static struct host_addresses *make_host(void)
{
	struct host_addresses *host =
		calloc(1, sizeof(*host) + HOST_ADDRESSES * sizeof(host->addresses[0]));
	ck_assert_ptr_nonnull(host);
	for (size_t i = 0; i < HOST_ADDRESSES; i++)
		host->addresses[host->count++] = fixture_peer(host_addresses[i], 0).ip;
	qsort(host->addresses, host->count, sizeof(host->addresses[0]), compare);
	return host;
}

static void add(struct ip_prefix *list, size_t *count, const char *text)
{
	ck_assert_uint_lt(*count, FIXTURE_LIST_MAX);
	list[(*count)++] = fixture_prefix(text);
}

void fixture_open(struct fixture *fixture, const char *text)
{
	const struct port_pool_config ports = {2, FIXTURE_PORT, FIXTURE_PORT, 0, 1};
	char words[512], *state;

	memset(fixture, 0, sizeof(*fixture));
	fixture->config = (struct peer_policy_config){
		.allow = fixture->allow,
		.deny = fixture->deny,
		.inside = fixture->inside,
		.relay = fixture_relays,
		.relay_count = 2,
		.services = fixture_services,
		.service_count = FIXTURE_SERVICES,
		.own = fixture_own,
		.own_count = FIXTURE_OWN,
	};
	ck_assert_uint_lt(strlen(text), sizeof(words));
	strcpy(words, text);
	for (char *word = strtok_r(words, " ", &state); word;
	     word = strtok_r(NULL, " ", &state)) {
		if (*word == '+')
			add(fixture->allow, &fixture->config.allow_count, word + 1);
		else if (*word == '-')
			add(fixture->deny, &fixture->config.deny_count, word + 1);
		else if (*word == '@')
			add(fixture->inside, &fixture->config.inside_count, word + 1);
		else
			ck_abort_msg("\"%s\" does not begin with + - or @", word);
	}
	fixture_rebuild(fixture);

	fixture->host = make_host();
	fixture->pool = port_pool_new(&ports);
	ck_assert_ptr_nonnull(fixture->pool);
	ck_assert_uint_eq(port_pool_take(fixture->pool, 0, PORT_ANY, 0), FIXTURE_PORT);
	ck_assert_uint_eq(port_pool_take(fixture->pool, 1, PORT_ANY, 0), FIXTURE_PORT);
}

void fixture_close(struct fixture *fixture)
{
	peer_policy_free(fixture->policy);
	port_pool_free(fixture->pool);
	free(fixture->host);
}

void fixture_rebuild(struct fixture *fixture)
{
	peer_policy_free(fixture->policy);
	fixture->policy = peer_policy_new(&fixture->config);
	ck_assert_ptr_nonnull(fixture->policy);
}

struct peer_verdict fixture_check(const struct fixture *fixture,
				  const struct endpoint *peer)
{
	return peer_policy_check(fixture->policy, fixture->host, fixture->pool, peer);
}
