/*
 * config_schema.c - the table of keys.
 */
#include "relay/reload/config_schema.h"

#include <stdio.h>

#include "relay/core/ids.h"
#include "relay/core/nonce.h"

enum {
	DAY_S = 86400,
	DAY_MS = 86400 * 1000,
	YEAR_S = 366 * DAY_S,
	PATH_LEN_MAX = 1023,
	SOCKET_PATH_MAX = 107, /* sun_path */
	NAME_LEN_MAX = 32,
	SOFTWARE_MAX = 127,
};

/* Below this a call is of no use, and one message would block its allocation for seconds. */
#define BITRATE_MIN 64000
#define BITRATE_MAX 1000000000000

#define FIELD(member)                              \
	.offset = offsetof(struct config, member), \
	.size = sizeof(((struct config *)0)->member)
#define SIDE_FIELD(member)                              \
	.offset = offsetof(struct config_side, member), \
	.size = sizeof(((struct config_side *)0)->member)
#define COUNT(member) .count_offset = offsetof(struct config, member)
#define SIDE_COUNT_AT(member) .count_offset = offsetof(struct config_side, member)

#define KEY(section_, name_) .file = {.section = section_, .name = name_}
#define LIST(section_, name_) .file = {.section = section_, .name = name_, .list = true}
#define BOTH ON_INSIDE | ON_OUTSIDE

const struct config_key config_schema[] = {
	{KEY("", "realm"), CONFIG_TEXT, false, FIELD(realm), .min = 1, .max = REALM_MAX,
	 .fallback = "avedge", .doc = "realm of the credentials"},
	{KEY("", "keys"), CONFIG_PATH, true, FIELD(keys), .min = 1, .max = PATH_LEN_MAX,
	 .fallback = "/etc/avedge/keys", .watched = true,
	 .doc = "keyring file shared with the issuer"},
	{KEY("", "revoked_users"), CONFIG_OPTIONAL, true, FIELD(revoked_users),
	 .max = PATH_LEN_MAX, .fallback = "", .watched = true,
	 .doc = "file of users to refuse, one a line; empty: none"},
	{KEY("", "software"), CONFIG_TEXT, true, FIELD(software), .max = SOFTWARE_MAX,
	 .fallback = "avedge", .doc = "SOFTWARE in answers; empty leaves it out"},
	{KEY("", "rfc5766_channels"), CONFIG_BOOL, true, FIELD(rfc5766_channels),
	 .fallback = "false",
	 .doc = "channel numbers up to 0x7FFF for clients older than RFC 8656"},
	{KEY("", "workers"), CONFIG_NUMBER, false, FIELD(workers), .max = WORKERS_MAX,
	 .fallback = "0", .doc = "worker threads; 0: one per CPU"},
	{KEY("", "user"), CONFIG_OPTIONAL, false, FIELD(user), .max = NAME_LEN_MAX,
	 .fallback = "", .doc = "user to become after binding; empty: stay"},
	{KEY("", "group"), CONFIG_OPTIONAL, false, FIELD(group), .max = NAME_LEN_MAX,
	 .fallback = "", .doc = "group to become; empty: that of the user"},

	{KEY("tls", "certificate"), CONFIG_OPTIONAL, true, FIELD(tls.certificate),
	 .max = PATH_LEN_MAX, .fallback = "", .watched = true,
	 .doc = "PEM file, leaf first; empty: no TLS"},
	{KEY("tls", "private_key"), CONFIG_OPTIONAL, true, FIELD(tls.private_key),
	 .max = PATH_LEN_MAX, .fallback = "", .watched = true,
	 .doc = "PEM file of the certificate's key"},

	{LIST("side", "addresses"), CONFIG_ADDRESSES, CONFIG_LISTENERS, BOTH,
	 SIDE_FIELD(addresses), SIDE_COUNT_AT(address_count), .fallback = NULL,
	 .doc = "addresses of this side"},
	{LIST("side", "public"), CONFIG_PUBLIC, CONFIG_NEW_ALLOCATIONS, ON_OUTSIDE,
	 SIDE_FIELD(addresses), SIDE_COUNT_AT(address_count), .fallback = "{}",
	 .doc = "their public forms behind 1:1 NAT, by position"},
	{LIST("side", "networks"), CONFIG_PREFIXES, true, ON_INSIDE, SIDE_FIELD(networks),
	 SIDE_COUNT_AT(network_count), .fallback = "{}",
	 .doc = "what lies inside; refused as peers"},
	{LIST("side", "clients"), CONFIG_PREFIXES, true, BOTH, SIDE_FIELD(clients),
	 SIDE_COUNT_AT(client_count), .fallback = "{}",
	 .doc = "who may be a client here; empty: everybody"},
	{LIST("side", "alternate_servers"), CONFIG_ADDRESSES, true, BOTH,
	 SIDE_FIELD(alternates), SIDE_COUNT_AT(alternate_count), .fallback = "{}",
	 .doc = "where new clients are sent while the relay drains, one of each family"},
	{KEY("side", "alternate_domain"), CONFIG_OPTIONAL, true, BOTH,
	 SIDE_FIELD(alternate_domain), .max = ALTERNATE_DOMAIN_MAX, .fallback = "",
	 .doc = "name in the certificate there, if it is another one"},
	{KEY("side", "udp_port"), CONFIG_NUMBER, CONFIG_LISTENERS, BOTH,
	 SIDE_FIELD(udp_port), .max = UINT16_MAX, .fallback = "3478",
	 .doc = "port for UDP clients; 0: none"},
	{KEY("side", "tcp_port"), CONFIG_NUMBER, CONFIG_LISTENERS, BOTH,
	 SIDE_FIELD(tcp_port), .max = UINT16_MAX, .fallback = "443",
	 .doc = "port for TCP and TLS clients; 0: none"},

	{KEY("ms", "enabled"), CONFIG_BOOL, true, FIELD(ms.enabled), .fallback = "true",
	 .doc = "serve the dialect of Communicator, Lync and Skype for Business"},
	{KEY("ms", "realm"), CONFIG_TEXT, false, FIELD(ms.realm), .min = 1,
	 .max = REALM_MAX - 2, .fallback = "rtcmedia",
	 .doc = "realm of that dialect; sent in quotes"},
	{KEY("ms", "version"), CONFIG_NUMBER, true, FIELD(ms.version), .min = 1, .max = 4,
	 .fallback = "2", .doc = "highest MS-VERSION that clients are told of"},
	{KEY("ms", "bandwidth_management"), CONFIG_BOOL, true,
	 FIELD(ms.bandwidth_management), .fallback = "false",
	 .doc = "answer requests for bandwidth: there is room"},
	{KEY("ms", "ipv6"), CONFIG_BOOL, true, FIELD(ms.ipv6), .fallback = "false",
	 .doc = "relayed IPv6 addresses for clients of version 4"},

	{KEY("relay", "ports"), CONFIG_RANGE, CONFIG_NEW_ALLOCATIONS, FIELD(relay.first),
	 .min = 1024, .max = UINT16_MAX, .fallback = "50000-59999",
	 .doc = "ports of relayed addresses"},
	{KEY("relay", "rest"), CONFIG_MILLISECONDS, true, FIELD(relay.rest_ms),
	 .max = DAY_MS, .fallback = "30s",
	 .doc = "how long a port given back rests if others are free"},

	{KEY("relay", "peer_connections"), CONFIG_NUMBER, true,
	 FIELD(limits.peer_connections), .min = 1, .max = 1024, .fallback = "16",
	 .doc = "TCP connections with peers of one allocation"},
	{KEY("relay", "peer_timeout"), CONFIG_MILLISECONDS, true,
	 FIELD(relay.peer_timeout_ms), .min = 30000, .max = DAY_MS, .fallback = "30s",
	 .doc = "time to connect to a peer, and for a peer to make room in its full queue"},
	{KEY("relay", "peer_queue"), CONFIG_BYTES, true, FIELD(relay.peer_queue),
	 .min = 65536, .max = 1 << 30, .fallback = "256K",
	 .doc = "bytes queued towards one slow TCP peer before its client has to wait"},
	{KEY("relay", "held_connections"), CONFIG_NUMBER, true,
	 FIELD(limits.held_connections), .max = 1000000, .fallback = "256",
	 .doc = "early TCP connections kept waiting, per worker"},
	{KEY("relay", "early_peer_age"), CONFIG_MILLISECONDS, true,
	 FIELD(limits.early_peer_age_ms), .max = DAY_MS, .fallback = "10s",
	 .doc = "age up to which an allocation may have early peers"},
	{KEY("relay", "early_peer_hold"), CONFIG_MILLISECONDS, true,
	 FIELD(limits.early_peer_hold_ms), .max = DAY_MS, .fallback = "10s",
	 .doc = "how long an early peer waits for its permission; 0: it is reset"},

	{LIST("peers", "allow"), CONFIG_PREFIXES, true, FIELD(peers.allow),
	 COUNT(peers.allow_count), .fallback = "{}",
	 .doc = "peers allowed although special-purpose, inside or on this host"},
	{LIST("peers", "deny"), CONFIG_PREFIXES, true, FIELD(peers.deny),
	 COUNT(peers.deny_count), .fallback = "{}",
	 .doc = "peers refused although public"},

	{KEY("limits", "lifetime_default"), CONFIG_SECONDS, true,
	 FIELD(limits.lifetime_default_s), .min = 60, .max = DAY_S, .fallback = "10m",
	 .doc = "least lifetime of an allocation"},
	{KEY("limits", "lifetime_max"), CONFIG_SECONDS, true,
	 FIELD(limits.lifetime_max_s), .min = 60, .max = DAY_S, .fallback = "1h",
	 .doc = "greatest lifetime"},
	{KEY("limits", "nonce_lifetime"), CONFIG_SECONDS, true, FIELD(nonce_lifetime_s),
	 .min = 2 * NONCE_TICK_S, .max = DAY_S, .fallback = "30m",
	 .doc = "lifetime of a nonce"},
	{KEY("limits", "credential_lifetime_max"), CONFIG_SECONDS, true,
	 FIELD(limits.credential_ttl_max_s), .max = (uint64_t)10 * YEAR_S,
	 .fallback = "0",
	 .doc = "refuse credentials that expire later than this from now; 0: any"},
	{KEY("limits", "allocations_per_user"), CONFIG_NUMBER, true,
	 FIELD(limits.allocations_per_user), .max = UINT32_MAX, .fallback = "64",
	 .doc = "allocations at once of one user; 0: no limit"},
	{KEY("limits", "allocations_per_prefix"), CONFIG_NUMBER, true,
	 FIELD(limits.allocations_per_prefix), .max = UINT32_MAX, .fallback = "2048",
	 .doc = "allocations at once of one IPv4 address or IPv6 /64; 0: no limit"},
	{KEY("limits", "allocations_total"), CONFIG_NUMBER, false,
	 FIELD(fixed_limits.allocations_total), .max = UINT32_MAX, .fallback = "0",
	 .doc = "allocations at once of the whole relay; 0: as many as there are ports"},
	{KEY("limits", "allocations_reserved"), CONFIG_NUMBER, true,
	 FIELD(limits.allocations_reserved), .max = UINT32_MAX, .fallback = "0",
	 .doc = "of them, kept for users who have one already"},
	{KEY("limits", "allocations_inside"), CONFIG_NUMBER, true,
	 FIELD(limits.allocations_per_side[SIDE_INSIDE]), .max = UINT32_MAX,
	 .fallback = "0", .doc = "of them, of inside clients; 0: no limit"},
	{KEY("limits", "allocations_outside"), CONFIG_NUMBER, true,
	 FIELD(limits.allocations_per_side[SIDE_OUTSIDE]), .max = UINT32_MAX,
	 .fallback = "0", .doc = "of them, of outside clients; 0: no limit"},
	{KEY("limits", "bandwidth_per_allocation"), CONFIG_BITRATE, true,
	 FIELD(limits.bandwidth.per_allocation), .min = BITRATE_MIN, .max = BITRATE_MAX,
	 .fallback = "3Mbit",
	 .doc = "average of one allocation, both directions; 0: no limit"},
	{KEY("limits", "bandwidth_per_user"), CONFIG_BITRATE, true,
	 FIELD(limits.bandwidth.per_user), .min = BITRATE_MIN, .max = BITRATE_MAX,
	 .fallback = "10Mbit", .doc = "average of all allocations of one user"},
	{KEY("limits", "bandwidth_per_prefix"), CONFIG_BITRATE, true,
	 FIELD(limits.bandwidth.per_prefix), .min = BITRATE_MIN, .max = BITRATE_MAX,
	 .fallback = "0",
	 .doc = "average of all allocations from one IPv4 address or IPv6 /64"},
	{KEY("limits", "bandwidth_inside"), CONFIG_BITRATE, true,
	 FIELD(limits.bandwidth.per_side[SIDE_INSIDE]), .min = BITRATE_MIN,
	 .max = BITRATE_MAX, .fallback = "0",
	 .doc = "of all inside clients, shared fairly by their users"},
	{KEY("limits", "bandwidth_outside"), CONFIG_BITRATE, true,
	 FIELD(limits.bandwidth.per_side[SIDE_OUTSIDE]), .min = BITRATE_MIN,
	 .max = BITRATE_MAX, .fallback = "0",
	 .doc = "of all outside clients, shared fairly by their users"},
	{KEY("limits", "bandwidth_total"), CONFIG_BITRATE, true,
	 FIELD(limits.bandwidth.total), .min = BITRATE_MIN, .max = BITRATE_MAX,
	 .fallback = "0", .doc = "of the whole relay, shared fairly by all users"},
	{KEY("limits", "bandwidth_burst"), CONFIG_MILLISECONDS, true,
	 FIELD(limits.bandwidth.burst_ms), .min = 1000, .max = 60000, .fallback = "5s",
	 .doc = "time that the averages are taken over"},
	{KEY("limits", "bandwidth_peak"), CONFIG_NUMBER, true,
	 FIELD(limits.bandwidth.peak_percent), .min = 100, .max = 1000, .fallback = "200",
	 .doc = "most at any time, in percent of the average"},
	{KEY("limits", "enforce_credential_expiry"), CONFIG_BOOL, true,
	 FIELD(limits.enforce_credential_expiry), .fallback = "false",
	 .doc = "end an allocation when its credential expires"},
	{KEY("limits", "permissions"), CONFIG_NUMBER, false,
	 FIELD(fixed_limits.permissions), .min = 1, .max = ENTRIES_EACH_MAX,
	 .fallback = "64", .doc = "permissions of one allocation"},
	{KEY("limits", "channels"), CONFIG_NUMBER, false, FIELD(fixed_limits.channels),
	 .min = 1, .max = ENTRIES_EACH_MAX, .fallback = "64",
	 .doc = "channels of one allocation"},
	{KEY("limits", "stranger_rate"), CONFIG_NUMBER, true, FIELD(limits.stranger_rate),
	 .max = 1000000, .fallback = "10",
	 .doc = "UDP answers per second to one unauthenticated address; 0: no limit"},
	{KEY("limits", "stranger_burst"), CONFIG_NUMBER, true,
	 FIELD(limits.stranger_burst), .min = 1, .max = 1000000, .fallback = "5000",
	 .doc = "such answers at once after silence"},
	{KEY("limits", "connections"), CONFIG_NUMBER, true,
	 FIELD(fixed_limits.connections), .min = 1, .max = 1000000, .fallback = "20000",
	 .doc = "TCP connections per worker"},
	{KEY("limits", "unauthenticated"), CONFIG_NUMBER, false,
	 FIELD(fixed_limits.unauthenticated), .min = 1, .max = 1000000,
	 .fallback = "8192", .doc = "of them not yet authenticated"},
	{KEY("limits", "unauthenticated_per_prefix"), CONFIG_NUMBER, true,
	 FIELD(fixed_limits.unauthenticated_per_prefix), .min = 0, .max = 1000000,
	 .fallback = "2048",
	 .doc = "of all those from one IPv4 address or IPv6 /64; 0: no limit"},
	{KEY("limits", "greeting"), CONFIG_MILLISECONDS, true,
	 FIELD(fixed_limits.greeting_ms), .min = 100, .max = DAY_MS, .fallback = "5s",
	 .doc = "time for the first bytes and the TLS handshake"},
	{KEY("limits", "authentication"), CONFIG_MILLISECONDS, true,
	 FIELD(fixed_limits.authentication_ms), .min = 100, .max = DAY_MS,
	 .fallback = "10s",
	 .doc = "time for the first authenticated request on a connection"},
	{KEY("limits", "frame"), CONFIG_MILLISECONDS, true, FIELD(fixed_limits.frame_ms),
	 .min = 100, .max = DAY_MS, .fallback = "10s",
	 .doc = "time for the rest of a message that has begun"},
	{KEY("limits", "idle"), CONFIG_MILLISECONDS, true, FIELD(fixed_limits.idle_ms),
	 .max = DAY_MS, .fallback = "5m",
	 .doc = "time a connection may live without allocation; 0: for ever"},
	{KEY("limits", "send_queue"), CONFIG_BYTES, true, FIELD(fixed_limits.send_queue),
	 .min = 65536 + 4, .max = 1 << 30, .fallback = "256K",
	 .doc = "bytes queued towards one slow TCP client"},

	{KEY("log", "level"), CONFIG_LEVEL, true, FIELD(log.level), .fallback = "info",
	 .doc = "error, warning, notice, info or debug"},
	{KEY("log", "records"), CONFIG_BOOL, true, FIELD(log.records), .fallback = "true",
	 .doc = "one record at the end of every allocation"},

	{KEY("control", "socket"), CONFIG_OPTIONAL, false, FIELD(control.socket),
	 .max = SOCKET_PATH_MAX, .fallback = "/run/mediarelayd/control.sock",
	 .doc = "UNIX socket for avedgectl; empty: none"},
	{KEY("control", "group"), CONFIG_OPTIONAL, false, FIELD(control.group),
	 .max = NAME_LEN_MAX, .fallback = "",
	 .doc = "group that may use it besides root"},

	{KEY("metrics", "listen"), CONFIG_LOOPBACK, false, FIELD(metrics.listen),
	 .fallback = "",
	 .doc = "loopback address and port of metrics and status page; empty: none"},
};

const size_t config_schema_count = sizeof(config_schema) / sizeof(config_schema[0]);

static const char *const sides[] = {"inside", "outside", NULL};

const struct conffile_section config_sections[] = {
	{.name = "tls"},     {.name = "side", .titles = sides},
	{.name = "ms"},      {.name = "relay"},
	{.name = "peers"},   {.name = "limits"},
	{.name = "log"},     {.name = "control"},
	{.name = "metrics"},
};

const size_t config_section_count = sizeof(config_sections) / sizeof(config_sections[0]);

const char *config_key_name(const struct config_key *key, enum side side, char *buf,
			    size_t size)
{
	if (side != SIDE_COUNT)
		snprintf(buf, size, "%s.%s.%s", key->file.section, side_name(side),
			 key->file.name);
	else
		snprintf(buf, size, "%s%s%s", key->file.section,
			 *key->file.section ? "." : "", key->file.name);
	return buf;
}

void *config_base(struct config *config, enum side side)
{
	return side == SIDE_COUNT ? (void *)config : &config->sides[side];
}

const void *config_base_const(const struct config *config, enum side side)
{
	return side == SIDE_COUNT ? (const void *)config : &config->sides[side];
}

/* Step i is key i / SIDE_COUNT on side i % SIDE_COUNT; other keys exist on the first step. */
bool config_walk(struct config_walk *walk)
{
	while (walk->next < config_schema_count * SIDE_COUNT) {
		const struct config_key *key = &config_schema[walk->next / SIDE_COUNT];
		unsigned side = walk->next % SIDE_COUNT;

		walk->next++;
		walk->key = key;
		walk->side = key->sides ? (enum side)side : SIDE_COUNT;
		if (key->sides ? (key->sides & 1u << side) != 0 : side == 0)
			return true;
	}
	return false;
}
