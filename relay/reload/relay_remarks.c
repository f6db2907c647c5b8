/*
 * relay_remarks.c - see relay_remarks.h.
 */
#include "relay/reload/relay_remarks.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "auth/credential/keyring.h"
#include "base/config/host_remarks.h"
#include "base/config/tls_remarks.h"
#include "relay/core/special_purpose.h"

/* Shorter prefixes than these hold more than one kind of network: nobody means all of it. */
enum {
	ALLOW_V4_MIN = 8, /* 10.0.0.0/8 */
	ALLOW_V6_MIN = 7, /* fc00::/7 */
	/* One network of balancers. */
	BALANCERS_V4_MIN = 24,
	BALANCERS_V6_MIN = 64,
};

/* --- sides ----------------------------------------------------------------------------------- */

static bool contains_any(const struct ip_prefix *prefix, const struct ip_addr *list,
			 size_t count, const struct ip_addr **found)
{
	for (size_t i = 0; i < count; i++) {
		*found = &list[i];
		if (ip_prefix_contains(prefix, *found))
			return true;
	}
	return false;
}

static void check_networks(struct relay_config *config)
{
	const struct relay_config_side *inside = &config->sides[SIDE_INSIDE];
	const struct relay_config_side *outside = &config->sides[SIDE_OUTSIDE];
	char text[ENDPOINT_TEXT_LEN], network[ENDPOINT_TEXT_LEN];
	const struct ip_addr *ip;

	if (inside->network_count == 0) {
		config_warn(&config->common, &inside->networks,
			    "missing, so inside networks with public addresses are not "
			    "refused as peers; write networks = {10.0.0.0/8} with all of "
			    "them");
		return;
	}
	for (size_t i = 0; i < inside->address_count; i++) {
		ip = &inside->addresses[i];
		if (!ip_prefixes_contain(inside->networks, inside->network_count, ip))
			config_warn(
				&config->common, &inside->networks,
				"none contains the inside address %s; add its network",
				ip_addr_format(ip, text, sizeof(text)));
	}
	for (size_t i = 0; i < inside->network_count; i++) {
		const struct ip_prefix *prefix = &inside->networks[i];

		if (contains_any(prefix, outside->addresses, outside->address_count,
				 &ip) ||
		    contains_any(prefix, outside->public, outside->public_count, &ip))
			config_warn(&config->common, prefix,
				    "%s/%u contains the outside address %s; name only "
				    "what is inside",
				    ip_addr_format(&prefix->ip, network, sizeof(network)),
				    prefix->len, ip_addr_format(ip, text, sizeof(text)));
	}
}

/* PEER_RULE_NONE: an address like any other. */
static enum peer_rule special_rule(const struct ip_addr *ip)
{
	enum peer_rule rule = PEER_RULE_NONE;
	struct ip_prefix prefix;
	unsigned longest = 0;

	for (size_t i = 0; i < special_purpose_count; i++) {
		if (ip_prefix_parse(special_purposes[i].prefix, &prefix) &&
		    ip_prefix_contains(&prefix, ip) && prefix.len >= longest) {
			longest = prefix.len;
			rule = special_purposes[i].rule;
		}
	}
	return rule;
}

/* What the Internet never reaches; other special addresses are those of examples. */
static const char *private_kind(const struct ip_addr *ip)
{
	static const struct {
		enum peer_rule rule;
		const char *kind;
	} kinds[] = {
		{PEER_RULE_PRIVATE_USE, "private"},
		{PEER_RULE_UNIQUE_LOCAL, "private"},
		{PEER_RULE_SITE_LOCAL, "private"},
		{PEER_RULE_SHARED_ADDRESS_SPACE, "shared (RFC 6598)"},
		{PEER_RULE_LINK_LOCAL, "link-local"},
		{PEER_RULE_LOOPBACK, "loopback"},
	};
	enum peer_rule rule = special_rule(ip);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].rule == rule)
			return kinds[i].kind;
	}
	return NULL;
}

static void check_public(struct relay_config *config)
{
	const struct relay_config_side *outside = &config->sides[SIDE_OUTSIDE];
	bool given = config_line(&config->common, &outside->public) != 0;
	char text[ENDPOINT_TEXT_LEN];

	for (size_t i = 0; i < outside->public_count; i++) {
		const struct ip_addr *ip = &outside->public[i];
		const char *kind = private_kind(ip);

		if (!kind)
			continue;
		ip_addr_format(ip, text, sizeof(text));
		if (given)
			config_warn(&config->common, ip,
				    "%s is a %s address; write the one that the Internet "
				    "sees",
				    text, kind);
		else
			config_inform(
				&config->common, &outside->addresses[i],
				"%s is a %s address; behind 1:1 NAT, write in \"public\" "
				"the one that the Internet sees",
				text, kind);
	}
}

static void check_served(struct relay_config *config, const struct network_view *network)
{
	bool served[SIDE_COUNT] = {false};

	for (size_t i = 0; i < FRONTS_MAX; i++) {
		if (network->front_states[i] == NETWORK_SERVING)
			served[network->fronts[i].side] = true;
	}
	for (int i = 0; i < SIDE_COUNT; i++) {
		if (!served[i])
			config_warn(
				&config->common, &config->sides[i].addresses,
				"no client can connect on side %s, which has no ports; "
				"write one in udp_ports or tcp_ports",
				side_name((enum side)i));
	}
}

/* --- peers and ports ------------------------------------------------------------------------- */

static void check_allow(struct relay_config *config)
{
	char text[ENDPOINT_TEXT_LEN];

	for (size_t i = 0; i < config->peers.allow_count; i++) {
		const struct ip_prefix *allow = &config->peers.allow[i];

		if (allow->len >=
		    (allow->ip.family == IP_V4 ? ALLOW_V4_MIN : ALLOW_V6_MIN))
			continue;
		config_warn(&config->common, allow,
			    "%s/%u lets clients reach every private network behind this "
			    "host; name only those that they need (public peers need no "
			    "entry)",
			    ip_addr_format(&allow->ip, text, sizeof(text)), allow->len);
	}
}

/* Whoever sends from there can pass for any client. */
static void check_balancers(struct relay_config *config,
			    const struct relay_config_side *side)
{
	char text[ENDPOINT_TEXT_LEN];

	for (size_t i = 0; i < side->balancer_count; i++) {
		const struct ip_prefix *balancers = &side->balancers[i];

		if (balancers->len >=
		    (balancers->ip.family == IP_V4 ? BALANCERS_V4_MIN : BALANCERS_V6_MIN))
			continue;
		config_warn(
			&config->common, balancers,
			"%s/%u is wide: each of its hosts can pass for any client; name "
			"only the balancers",
			ip_addr_format(&balancers->ip, text, sizeof(text)),
			balancers->len);
	}
}

/* What a backend is for, and what it cannot be. */
static void check_pass_through(struct relay_config *config, enum side side)
{
	const struct relay_pass_through *pass_through = &config->pass_through[side];

	if (pass_through->backend.ip.family != IP_NONE &&
	    config->sides[side].tcp_port_count == 0)
		config_warn(
			&config->common, &pass_through->backend,
			"side %s has no tcp_ports, so no connection can be passed on; "
			"list some",
			side_name(side));
	if (pass_through->backend.ip.family == IP_NONE &&
	    pass_through->own_name_count > 0)
		config_warn(&config->common, &pass_through->own_names,
			    "of no use without a backend; set \"backend\"");
}

/* --- the kernel plane --------------------------------------------------------------------------- */

/*
 * What avedge-offload can do is known once it is asked; that it is not there, before. Where nobody has asked for
 * it, that is no remark: the log of a start says it.
 */
static void check_offload(struct config *common, struct relay_config *config)
{
	const char *path = config->offload.socket;
	bool is_wanted = false, is_asked_for = false;

	for (int i = 0; i < SIDE_COUNT; i++) {
		enum offload_mode mode =
			(enum offload_mode)(config->sides[i].offload - 1);

		is_wanted |= mode != OFFLOAD_OFF;
		is_asked_for |= mode == OFFLOAD_TC || mode == OFFLOAD_XDP;
	}
	if (!is_wanted || (path != NULL && access(path, F_OK) == 0))
		return;
	if (is_asked_for && path == NULL)
		config_warn(common, &config->offload.socket,
			    "empty, so media is relayed by sockets although a side says "
			    "tc or xdp; write the socket of avedge-offload");
	else if (is_asked_for)
		config_warn(common, &config->offload.socket,
			    "%s is not there, so media is relayed by sockets although a "
			    "side says tc or xdp; install avedge-offload, and start "
			    "avedge-offload.socket",
			    path);
	else if (path != NULL && config_line(common, &config->offload.socket) != 0)
		config_inform(common, &config->offload.socket,
			      "%s is not there, so media is relayed by sockets; start "
			      "avedge-offload.socket",
			      path);
}

/* --- files ----------------------------------------------------------------------------------- */

static void check_tls(struct relay_config *config, const struct relay_settings *settings,
		      int64_t now_s)
{
	struct config *common = &config->common;
	char *const *certificate = &config->tls.certificate;

	if (!settings->tls)
		return;
	host_remarks_secret(common, &config->tls.private_key);
	tls_remarks_certificate(common, certificate, settings->tls, now_s);
	tls_remarks_addresses(common, certificate, settings->tls,
			      config->sides[SIDE_INSIDE].addresses,
			      config->sides[SIDE_INSIDE].address_count);
	tls_remarks_addresses(common, certificate, settings->tls,
			      config->sides[SIDE_OUTSIDE].public,
			      config->sides[SIDE_OUTSIDE].public_count);
}

void relay_remarks_add(struct relay_config *config, const struct network_view *network,
		       const struct relay_settings *settings, int64_t now_s)
{
	check_networks(config);
	check_public(config);
	check_served(config, network);
	check_allow(config);
	for (int i = 0; i < SIDE_COUNT; i++) {
		check_balancers(config, &config->sides[i]);
		check_pass_through(config, (enum side)i);
	}
	check_offload(&config->common, config);
	check_tls(config, settings, now_s);
	host_remarks_user(&config->common);
	host_remarks_ports(&config->common, &config->relay.ports,
			   config->relay.ports.first, config->relay.ports.last);
	for (int i = 0; i < SIDE_COUNT; i++)
		host_remarks_addresses(&config->common, config->sides[i].addresses,
				       config->sides[i].address_count);
}

/* --- what a start notices later -------------------------------------------------------------- */

static const struct front *front_at(const struct network_view *network,
				    const struct endpoint *address)
{
	for (size_t i = 0; address->ip.family != IP_NONE && i < FRONTS_MAX; i++) {
		const struct front *front = &network->fronts[i];

		if (network->front_states[i] != NETWORK_FREE &&
		    front->transport == TRANSPORT_TCP &&
		    endpoint_equal(&front->local, address))
			return front;
	}
	return NULL;
}

bool relay_remarks_start(const struct relay_config *config,
			 const struct network_view *network,
			 const struct relay_settings *settings, int64_t now_s,
			 char *error, size_t error_size)
{
	const struct config *common = &config->common;
	const struct endpoint *addresses[] = {
		&common->metrics.address,
		&config->pass_through[SIDE_INSIDE].backend,
		&config->pass_through[SIDE_OUTSIDE].backend,
	};
	char text[ENDPOINT_TEXT_LEN];

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		const struct front *front = front_at(network, addresses[i]);

		if (front != NULL)
			return config_error(common, addresses[i], error, error_size,
					    "%s is a port for clients on side %s; write "
					    "another port",
					    endpoint_format(addresses[i], text,
							    sizeof(text)),
					    side_name(front->side));
	}
	if (keyring_signer(settings->turn.keyring, now_s) != NULL)
		return true;
	return config_error(common, &common->keys, error, error_size,
			    "no key of %s is valid now; see 'avedgectl key list', and "
			    "make one with 'avedgectl key new --keys %s'",
			    common->keys, common->keys);
}
