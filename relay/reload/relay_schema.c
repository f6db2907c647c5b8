/*
 * relay_schema.c - see relay_schema.h.
 */
#include "relay/reload/relay_schema.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "auth/credential/credential.h"
#include "base/config/dscp.h"
#include "base/units.h"
#include "relay/core/allocation_table.h"
#include "relay/core/ids.h"
#include "relay/core/nonce.h"
#include "relay/core/port_pool.h"
#include "relay/reload/relay_config.h"
#include "relay/reload/relay_config_check.h"
#include "stun/ms_attr.h"
#include "stun/ms_registry.h"

/* --- the keys -------------------------------------------------------------------------------- */

enum {
	HOUR_S = 3600,
	DAY_S = 86400,
	DAY_MS = 86400 * 1000,
	YEAR_S = 366 * DAY_S,
	PATH_LEN_MAX = 1023,
	SOCKET_PATH_MAX = 107, /* sun_path */
	NAME_LEN_MAX = 32,
	SOFTWARE_MAX = 127,
	OWN_NAME_MAX = 255,
};

/* Below this a call is of no use, and one message would block its allocation for seconds. */
#define BITRATE_MIN 64000
#define BITRATE_MAX 1000000000000

#define KEY(...) CONFIG_KEY(struct relay_config, __VA_ARGS__)
/* A limit that a reload applies. */
#define LIMIT(name, type, ...) KEY("limits", name, type, APPLIED, __VA_ARGS__)
#define LIST(...) CONFIG_LIST(struct relay_config, __VA_ARGS__)
#define SIDE_KEY(...) CONFIG_KEY(struct relay_config_side, __VA_ARGS__)
#define GROUP_KEY(...) CONFIG_KEY(struct relay_config_group, __VA_ARGS__)
#define GROUP_LIST(...) CONFIG_LIST(struct relay_config_group, __VA_ARGS__)
#define SIDE_LIST(...) CONFIG_LIST(struct relay_config_side, __VA_ARGS__)

#define PASS_KEY(name, type, ...)                                                  \
	CONFIG_KEY(struct relay_pass_through, "pass_through", name, type, APPLIED, \
		   __VA_ARGS__)
#define PASS_LIST(name, type, ...)                                                  \
	CONFIG_LIST(struct relay_pass_through, "pass_through", name, type, APPLIED, \
		    __VA_ARGS__)

static const char *const drain_answers[] = {"redirect", "refuse", "ignore", NULL};
static_assert(DRAIN_REDIRECT == 0 && DRAIN_REFUSE == 1 && DRAIN_IGNORE == 2,
	      "words count from 1");

static const char *const offload_modes[] = {"auto", "tc", "xdp", "off", NULL};
static_assert(OFFLOAD_AUTO == 0 && OFFLOAD_TC == 1 && OFFLOAD_XDP == 2 &&
		      OFFLOAD_OFF == 3 && OFFLOAD_MODE_COUNT == 4,
	      "words count from 1");

static const char *const hop_limits[] = {"default", "decrement", NULL};

static const struct config_key keys[] = {
	KEY("", "realm", TEXT, RESTART, realm, "edge", 1, REALM_MAX,
	    "realm of the credentials"),
	KEY("", "keys", PATH, APPLIED, common.keys, "/etc/avedge/keys", 1, PATH_LEN_MAX,
	    "keyring file shared with the issuer", .watched = true),
	KEY("", "clock_skew", SECONDS, APPLIED, limits.clock_skew_s, "60s", 0, HOUR_S,
	    "by how much clocks of issuers may differ"),
	KEY("", "revoked_users", OPTIONAL, APPLIED, revoked_users, "", 0, PATH_LEN_MAX,
	    "file of users to refuse, one per line; empty: none", .watched = true),
	KEY("", "software", TEXT, APPLIED, software, "avedge", 0, SOFTWARE_MAX,
	    "SOFTWARE in answers; empty leaves it out"),
	KEY("", "rfc5766_channels", BOOL, APPLIED, rfc5766_channels, "true", 0, 0,
	    "channel numbers up to 0x7FFF for clients older than RFC 8656"),
	KEY("", "mobility", BOOL, APPLIED, mobility, "false", 0, 0,
	    "let clients keep an allocation when their address changes (RFC 8016)"),
	KEY("", "classic_stun", BOOL, APPLIED, classic_stun, "true", 0, 0,
	    "answer Binding requests of clients of RFC 3489"),
	KEY("", "workers", NUMBER, RESTART, workers, "0", 0, WORKERS_MAX,
	    "worker threads; 0: one per CPU"),
	KEY("", "user", OPTIONAL, RESTART, common.user, "", 0, NAME_LEN_MAX,
	    "user to switch to after binding; empty: stay"),
	KEY("", "group", OPTIONAL, RESTART, common.group, "", 0, NAME_LEN_MAX,
	    "group to switch to; empty: that of the user"),

	KEY("tls", "certificate", OPTIONAL, APPLIED, tls.certificate, "", 0, PATH_LEN_MAX,
	    "PEM file, leaf first; empty: no TLS", .watched = true),
	KEY("tls", "private_key", OPTIONAL, APPLIED, tls.private_key, "", 0, PATH_LEN_MAX,
	    "PEM file of the certificate's key", .watched = true),
	KEY("tls", "dtls", BOOL, APPLIED, tls.dtls, "true", 0, 0,
	    "serve DTLS 1.2 on UDP ports, with the same certificate"),

	SIDE_LIST("side", "addresses", ADDRESSES, DRAINING, addresses, address_count,
		  NULL, "addresses of this side"),
	SIDE_LIST("side", "public", ADDRESSES, NEW_ALLOCATIONS, public, public_count,
		  "{}", "their public forms behind 1:1 NAT, by position",
		  .titles = 1u << SIDE_OUTSIDE),
	SIDE_LIST("side", "networks", PREFIXES, APPLIED, networks, network_count, "{}",
		  "inside networks; refused as peers", .titles = 1u << SIDE_INSIDE),
	SIDE_LIST("side", "clients", PREFIXES, APPLIED, clients, client_count, "{}",
		  "networks of allowed clients; empty: any"),
	SIDE_LIST("side", "balancers", PREFIXES, APPLIED, balancers, balancer_count, "{}",
		  "balancers that tell the client's address in a PROXY header"),
	SIDE_LIST("side", "alternate_servers", ADDRESSES, APPLIED, alternates,
		  alternate_count, "{}",
		  "where new clients are sent while the relay drains, one of each family"),
	SIDE_KEY("side", "alternate_domain", OPTIONAL, APPLIED, alternate_domain, "", 0,
		 ALTERNATE_DOMAIN_MAX, "name in the certificate there, if it differs"),
	SIDE_KEY("side", "drain_answer", WORD, APPLIED, drain_answer, "redirect", 0, 0,
		 "what new clients get while the relay drains: redirect, refuse or ignore",
		 .words = drain_answers),
	SIDE_KEY("side", "nat_discovery", BOOL, APPLIED, nat_discovery, "false", 0, 0,
		 "NAT behaviour discovery; needs two addresses and two UDP ports"),
	SIDE_KEY("side", "response_port", BOOL, APPLIED, response_port, "false", 0, 0,
		 "with it, answer to any port of a client's address when asked"),
	SIDE_LIST("side", "udp_ports", PORTS, DRAINING, udp_ports, udp_port_count,
		  "{3478}", "ports for UDP clients; empty: none", .former = "udp_port"),
	SIDE_LIST("side", "tcp_ports", PORTS, DRAINING, tcp_ports, tcp_port_count,
		  "{443}", "ports for TCP and TLS clients; empty: none",
		  .former = "tcp_port"),
	SIDE_KEY("side", "offload", WORD, APPLIED, offload, "auto", 0, 0,
		 "media of this side in the kernel: auto, tc, xdp or off",
		 .words = offload_modes),

	KEY("ms", "enabled", BOOL, APPLIED, ms.enabled, "true", 0, 0,
	    "serve the dialect of Communicator, Lync and Skype for Business"),
	KEY("ms", "realm", TEXT, RESTART, ms.realm, "rtcmedia", 1, REALM_MAX - 2,
	    "realm of that dialect; sent in quotes"),
	KEY("ms", "version", NUMBER, APPLIED, ms.version, "2", 1, 4,
	    "highest MS-VERSION announced to clients"),
	KEY("ms", "bandwidth_management", BOOL, APPLIED, ms.bandwidth_management, "false",
	    0, 0, "answer clients that ask for bandwidth, and reserve it"),
	KEY("ms", "reservation_lifetime", SECONDS, APPLIED, ms.reservation_lifetime_s,
	    "30m", 60, DAY_S, "how long reserved bandwidth is kept without a refresh"),
	KEY("ms", "bandwidth_unit", NUMBER, APPLIED, ms.bandwidth_unit_bps, "1000", 1,
	    MS_BANDWIDTH_UNIT_MAX, "bits per second of one unit in which clients ask"),
	KEY("ms", "pstn_failover", BOOL, APPLIED, ms.pstn_failover, "false", 0, 0,
	    "suggest the telephone network where there is no bandwidth"),
	KEY("ms", "ipv6", BOOL, APPLIED, ms.ipv6, "false", 0, 0,
	    "relayed IPv6 addresses for clients of version 4"),
	KEY("ms", "allocations_per_user", NUMBER, APPLIED,
	    limits.allocations_per_user[DIALECT_MS], "64", 0, UINT32_MAX,
	    "concurrent allocations of one user of that dialect; 0: no limit"),
	KEY("ms", "bandwidth_per_allocation", BITRATE, APPLIED,
	    limits.bandwidth.per_allocation[DIALECT_MS], "3Mbit", BITRATE_MIN,
	    BITRATE_MAX,
	    "average of one allocation of that dialect, both directions; 0: no limit"),
	KEY("ms", "bandwidth_per_user", BITRATE, APPLIED,
	    limits.bandwidth.per_user[DIALECT_MS], "10Mbit", BITRATE_MIN, BITRATE_MAX,
	    "average of all allocations of one user of that dialect"),

	KEY("third_party_authorization", "server_name", TEXT, APPLIED,
	    third_party.server_name, "", 0, ACCESS_TOKEN_SERVER_NAME_MAX,
	    "name of this server in access tokens; clients are told it"),
	KEY("third_party_authorization", "keys", OPTIONAL, APPLIED, third_party.keys, "",
	    0, PATH_LEN_MAX, "file of keys that open access tokens; empty: not served",
	    .watched = true),

	KEY("relay", "ports", RANGE, NEW_ALLOCATIONS, relay.ports, "50000-59999", 1024,
	    UINT16_MAX, "ports of relayed addresses"),
	KEY("relay", "rest", MILLISECONDS, APPLIED, relay.rest_ms, "30s", 0, DAY_MS,
	    "how long a freed port rests if others are free"),
	KEY("relay", "hop_limit", WORD, APPLIED, relay.hop_limit, "default", 0, 0,
	    "hop limit (TTL) of relayed datagrams: default (the system's), or decrement",
	    .words = hop_limits),
	KEY("relay", "tcp_allocations", BOOL, APPLIED, relay.tcp_allocations, "true", 0,
	    0, "TCP allocations for clients on TCP and TLS (RFC 6062)"),
	KEY("relay", "peer_connections", NUMBER, APPLIED, limits.peer_connections, "16",
	    1, 1024, "TCP connections with peers of one allocation"),
	KEY("relay", "peer_connections_per_user", NUMBER, APPLIED,
	    limits.peer_connections_per_user, "256", 0, UINT32_MAX,
	    "the same of all TCP allocations of one user; 0: no limit"),
	KEY("relay", "peer_timeout", MILLISECONDS, APPLIED, peer.timeout_ms, "30s", 30000,
	    DAY_MS,
	    "time to connect to a peer, and for a peer to make room in its full queue"),
	KEY("relay", "peer_queue", BYTES, APPLIED, peer.queue, "256K", 65536, 1 << 30,
	    "bytes queued for a slow TCP peer before its client has to wait"),
	KEY("relay", "held_connections", NUMBER, APPLIED, limits.held_connections, "256",
	    0, 1000000, "early TCP connections held, per worker"),
	KEY("relay", "early_peer_age", MILLISECONDS, APPLIED, limits.early_peer_age_ms,
	    "10s", 0, DAY_MS, "age up to which an allocation may have early peers"),
	KEY("relay", "early_peer_hold", MILLISECONDS, APPLIED, limits.early_peer_hold_ms,
	    "10s", 0, DAY_MS,
	    "how long an early peer waits for its permission; 0: it is reset"),

	KEY("dscp", "peers", DSCP, APPLIED, dscp.legs[MARKING_PEERS], "copy", 0,
	    DSCP_COPY,
	    "DSCP of datagrams to peers: copy (as it came), a name or a number"),
	KEY("dscp", "inside", DSCP, APPLIED, dscp.legs[MARKING_INSIDE], "copy", 0,
	    DSCP_COPY, "DSCP of datagrams to inside clients"),
	KEY("dscp", "outside", DSCP, APPLIED, dscp.legs[MARKING_OUTSIDE], "copy", 0,
	    DSCP_COPY, "DSCP of datagrams to outside clients"),
	KEY("dscp", "inside_dtls", DSCP, APPLIED, dscp.legs[MARKING_INSIDE_DTLS], "", 0,
	    DSCP_NONE, "the same over DTLS; empty: as inside"),
	KEY("dscp", "outside_dtls", DSCP, APPLIED, dscp.legs[MARKING_OUTSIDE_DTLS], "", 0,
	    DSCP_NONE, "the same over DTLS; empty: as outside"),
	KEY("dscp", "inside_tcp", DSCP, APPLIED, dscp.connections[SIDE_INSIDE], "default",
	    0, DSCP_COPY,
	    "DSCP of new TCP connections of inside clients; copy: as the client marks it"),
	KEY("dscp", "outside_tcp", DSCP, APPLIED, dscp.connections[SIDE_OUTSIDE],
	    "default", 0, DSCP_COPY, "DSCP of new TCP connections of outside clients"),
	KEY("dscp", "inside_tls", DSCP, APPLIED, dscp.tls_connections[SIDE_INSIDE], "", 0,
	    DSCP_NONE,
	    "the same over TLS, once it has an allocation; empty: as inside_tcp"),
	KEY("dscp", "outside_tls", DSCP, APPLIED, dscp.tls_connections[SIDE_OUTSIDE], "",
	    0, DSCP_NONE,
	    "the same over TLS, once it has an allocation; empty: as outside_tcp"),
	KEY("dscp", "audio", DSCP, APPLIED, dscp.streams[MS_STREAM_AUDIO], "", 0,
	    DSCP_NONE,
	    "DSCP of all datagrams of MS-TURN allocations for audio; empty: as above"),
	KEY("dscp", "video", DSCP, APPLIED, dscp.streams[MS_STREAM_VIDEO], "", 0,
	    DSCP_NONE, "the same for video"),
	KEY("dscp", "supplemental_video", DSCP, APPLIED,
	    dscp.streams[MS_STREAM_SUPPLEMENTAL_VIDEO], "", 0, DSCP_NONE,
	    "the same for supplemental video"),
	KEY("dscp", "data", DSCP, APPLIED, dscp.streams[MS_STREAM_DATA], "", 0, DSCP_NONE,
	    "the same for data"),

	GROUP_LIST("user_group", "users", TEXTS, APPLIED, group.users, group.user_count,
		   "{}",
		   "names of users, or beginnings of names with * behind; empty: any",
		   .min = 1, .max = CREDENTIAL_USER_MAX),
	GROUP_LIST("user_group", "networks", PREFIXES, APPLIED, group.networks,
		   group.network_count, "{}", "networks of clients; empty: any"),
	GROUP_LIST("user_group", "keys", TEXTS, APPLIED, group.keys, group.key_count,
		   "{}", "ids of the keys that made the credentials; empty: any",
		   .min = 1, .max = KEY_ID_MAX),
	GROUP_KEY("user_group", "dscp_peers", DSCP, APPLIED, peers, "", 0, DSCP_NONE,
		  "DSCP of datagrams to peers; empty, here and below: as section dscp"),
	GROUP_KEY("user_group", "dscp_clients", DSCP, APPLIED, clients, "", 0, DSCP_NONE,
		  "DSCP of datagrams to clients over UDP and DTLS"),
	GROUP_KEY("user_group", "dscp_connections", DSCP, APPLIED, connections, "", 0,
		  DSCP_NONE, "DSCP of connections of clients over TCP and TLS"),
	GROUP_KEY(
		"user_group", "dscp_audio", DSCP, APPLIED, streams[MS_STREAM_AUDIO], "",
		0, DSCP_NONE,
		"DSCP of all datagrams of MS-TURN allocations for audio; empty: as above"),
	GROUP_KEY("user_group", "dscp_video", DSCP, APPLIED, streams[MS_STREAM_VIDEO], "",
		  0, DSCP_NONE, "the same for video"),
	GROUP_KEY("user_group", "dscp_supplemental_video", DSCP, APPLIED,
		  streams[MS_STREAM_SUPPLEMENTAL_VIDEO], "", 0, DSCP_NONE,
		  "the same for supplemental video"),
	GROUP_KEY("user_group", "dscp_data", DSCP, APPLIED, streams[MS_STREAM_DATA], "",
		  0, DSCP_NONE, "the same for data"),

	LIST("peers", "allow", PREFIXES, APPLIED, peers.allow, peers.allow_count, "{}",
	     "peers allowed although special-purpose, inside or on this host"),
	LIST("peers", "deny", PREFIXES, APPLIED, peers.deny, peers.deny_count, "{}",
	     "peers refused although public"),

	LIMIT("lifetime_default", SECONDS, limits.lifetime_default_s, "10m", 60, DAY_S,
	      "minimum lifetime of an allocation"),
	LIMIT("lifetime_max", SECONDS, limits.lifetime_max_s, "1h", 60, DAY_S,
	      "maximum lifetime"),
	LIMIT("nonce_lifetime", SECONDS, nonce_lifetime_s, "30m", 2 * NONCE_TICK_S, DAY_S,
	      "lifetime of a nonce"),
	LIMIT("credential_lifetime_max", SECONDS, limits.credential_ttl_max_s, "0", 0,
	      (uint64_t)10 * YEAR_S,
	      "refuse credentials that expire later than this; 0: any"),
	LIMIT("allocations_per_user", NUMBER, limits.allocations_per_user[DIALECT_IETF],
	      "0", 0, UINT32_MAX,
	      "concurrent allocations of one user of the IETF dialect; 0: no limit"),
	LIMIT("allocations_per_prefix", NUMBER, limits.allocations_per_prefix, "2048", 0,
	      UINT32_MAX,
	      "concurrent allocations of one IPv4 address or IPv6 /64; 0: no limit"),
	LIMIT("allocation_rate_per_user", NUMBER, limits.allocation_rate_per_user, "100",
	      0, 1000000, "new allocations per second of one user; 0: no limit"),
	LIMIT("allocation_burst_per_user", NUMBER, limits.allocation_burst_per_user,
	      "5000", 1, 1000000, "how many of them at once after a pause"),
	KEY("limits", "allocations_total", NUMBER, RESTART,
	    fixed_limits.allocations_total, "0", 0, UINT32_MAX,
	    "concurrent allocations of the relay; 0: as many as there are ports"),
	LIMIT("allocations_reserved", NUMBER, limits.allocations_reserved, "0", 0,
	      UINT32_MAX,
	      "how many of allocations_total are reserved for users that already hold one"),
	LIMIT("allocations_inside", NUMBER, limits.allocations_per_side[SIDE_INSIDE], "0",
	      0, UINT32_MAX, "concurrent allocations of inside clients; 0: no limit"),
	LIMIT("allocations_outside", NUMBER, limits.allocations_per_side[SIDE_OUTSIDE],
	      "0", 0, UINT32_MAX,
	      "concurrent allocations of outside clients; 0: no limit"),
	LIMIT("bandwidth_per_allocation", BITRATE,
	      limits.bandwidth.per_allocation[DIALECT_IETF], "0", BITRATE_MIN,
	      BITRATE_MAX,
	      "average of one allocation of the IETF dialect, both directions; 0: no limit"),
	LIMIT("bandwidth_per_user", BITRATE, limits.bandwidth.per_user[DIALECT_IETF], "0",
	      BITRATE_MIN, BITRATE_MAX,
	      "average of all allocations of one user of the IETF dialect"),
	LIMIT("bandwidth_per_prefix", BITRATE, limits.bandwidth.per_prefix, "0",
	      BITRATE_MIN, BITRATE_MAX,
	      "average of all allocations from one IPv4 address or IPv6 /64"),
	LIMIT("bandwidth_inside", BITRATE, limits.bandwidth.per_side[SIDE_INSIDE], "0",
	      BITRATE_MIN, BITRATE_MAX,
	      "average of all inside clients, shared fairly by their users"),
	LIMIT("bandwidth_outside", BITRATE, limits.bandwidth.per_side[SIDE_OUTSIDE], "0",
	      BITRATE_MIN, BITRATE_MAX,
	      "average of all outside clients, shared fairly by their users"),
	LIMIT("bandwidth_total", BITRATE, limits.bandwidth.total, "0", BITRATE_MIN,
	      BITRATE_MAX, "average of the whole relay, shared fairly by all users"),
	LIMIT("bandwidth_burst", MILLISECONDS, limits.bandwidth.burst_ms, "5s", 1000,
	      60000, "time over which rates are averaged"),
	LIMIT("bandwidth_peak", NUMBER, limits.bandwidth.peak_percent, "200", 100, 1000,
	      "peak rate, in percent of the average"),
	LIMIT("enforce_credential_expiry", BOOL, limits.enforce_credential_expiry,
	      "false", 0, 0, "end an allocation when its credential expires"),
	KEY("limits", "permissions", NUMBER, RESTART, fixed_limits.permissions, "64", 1,
	    ENTRIES_EACH_MAX, "permissions of one allocation"),
	KEY("limits", "channels", NUMBER, RESTART, fixed_limits.channels, "64", 1,
	    ENTRIES_EACH_MAX, "channels of one allocation"),
	LIMIT("stranger_rate", NUMBER, limits.stranger_rate, "10", 0, 1000000,
	      "UDP answers per second to one unauthenticated address; 0: no limit"),
	LIMIT("stranger_burst", NUMBER, limits.stranger_burst, "5000", 1, 1000000,
	      "burst of such answers after silence"),
	LIMIT("connections", NUMBER, stream.connections, "20000", 1, 1000000,
	      "TCP connections per worker; unauthenticated ones give way"),
	KEY("limits", "unauthenticated", NUMBER, RESTART, stream.unauthenticated, "8192",
	    1, 1000000,
	    "of them not yet authenticated; the oldest of the fullest source gives way"),
	LIMIT("unauthenticated_per_prefix", NUMBER, stream.unauthenticated_per_prefix,
	      "2048", 0, 1000000,
	      "of one IPv4 address or IPv6 /64, all workers; its oldest gives way; 0: no limit"),
	LIMIT("greeting", MILLISECONDS, stream.greeting_ms, "30s", 100, DAY_MS,
	      "time for the first bytes and the TLS handshake, while there is room"),
	LIMIT("greeting_min", MILLISECONDS, stream.greeting_min_ms, "5s", 100, DAY_MS,
	      "what is left of it as the room for unauthenticated connections fills"),
	LIMIT("authentication", MILLISECONDS, stream.authentication_ms, "60s", 100,
	      DAY_MS, "time for the first allocation on a connection, likewise"),
	LIMIT("authentication_min", MILLISECONDS, stream.authentication_min_ms, "10s",
	      100, DAY_MS, "what is left of that"),
	LIMIT("frame", MILLISECONDS, stream.frame_ms, "10s", 100, DAY_MS,
	      "time for the rest of a message once begun"),
	LIMIT("idle", MILLISECONDS, stream.idle_ms, "5m", 0, DAY_MS,
	      "time a connection may exist without an allocation; 0: no limit"),
	LIMIT("send_queue", BYTES, stream.send_queue, "256K", 65536 + 4, 1 << 30,
	      "bytes queued for a slow TCP client"),

	PASS_KEY("backend", LOOPBACK, backend, "", 0, 0,
		 "web server for TLS that is not the relay's; empty: none"),
	PASS_LIST("own_names", TEXTS, own_names, own_name_count, "{}",
		  "names of the relay in TLS hellos without ALPN; empty: any", .min = 1,
		  .max = OWN_NAME_MAX),
	PASS_KEY("proxy_protocol", BOOL, proxy_protocol, "false", 0, 0,
		 "send the client's address to the backend in a PROXY header"),
	PASS_KEY("connections", NUMBER, connections, "1000", 1, 1000000,
		 "such connections per worker"),
	PASS_KEY("connect_timeout", MILLISECONDS, connect_timeout_ms, "5s", 100, DAY_MS,
		 "time to connect to the backend"),
	PASS_KEY("idle", MILLISECONDS, idle_ms, "5m", 1000, DAY_MS,
		 "time without a byte in either direction"),

	KEY("offload", "socket", OPTIONAL, APPLIED, offload.socket,
	    "/run/avedge-offload/socket", 0, SOCKET_PATH_MAX,
	    "UNIX socket of avedge-offload, which loads the kernel plane; empty: none"),
	KEY("offload", "flows", NUMBER, APPLIED, offload.flows, "65536",
	    OFFLOAD_FLOWS_MIN, OFFLOAD_FLOWS_MAX,
	    "room for so many flows in the kernel; a bound channel has two"),

	KEY("log", "level", LEVEL, APPLIED, common.log.level, "info", 0, 0,
	    "error, warning, notice, info or debug"),
	KEY("log", "records", BOOL, APPLIED, common.log.records, "true", 0, 0,
	    "log a record at the end of each allocation"),

	KEY("control", "socket", OPTIONAL, RESTART, common.control.socket,
	    "/run/mediarelayd/control.sock", 0, SOCKET_PATH_MAX,
	    "UNIX socket for avedgectl; empty: none"),
	KEY("control", "group", OPTIONAL, RESTART, common.control.group, "", 0,
	    NAME_LEN_MAX, "group that may use it besides root"),

	KEY("metrics", "address", LOOPBACK, RESTART, common.metrics.address, "", 0, 0,
	    "loopback address and port of metrics and status page; empty: none",
	    .former = "listen"),

	KEY("take_over", "socket", OPTIONAL, RESTART, common.take_over.socket, "", 0,
	    SOCKET_PATH_MAX, "UNIX socket for mediarelayd --take-over; empty: none"),
};

static const char *const sides[] = {"inside", "outside", NULL};

static const struct config_section sections[] = {
	{.name = ""},
	{.name = "tls"},
	{.name = "side",
	 .form = CONFIG_TITLED,
	 .titles = sides,
	 .offset = offsetof(struct relay_config, sides),
	 .size = sizeof(struct relay_config_side)},
	{.name = "ms"},
	{.name = "third_party_authorization"},
	{.name = "relay"},
	{.name = "dscp"},
	{.name = "user_group",
	 .form = CONFIG_NAMED,
	 .there = "a group",
	 .gone = "none",
	 .offset = offsetof(struct relay_config, groups),
	 .size = sizeof(struct relay_config_group),
	 .count_offset = offsetof(struct relay_config, group_count)},
	{.name = "peers"},
	{.name = "limits"},
	{.name = "pass_through",
	 .form = CONFIG_TITLED,
	 .titles = sides,
	 .offset = offsetof(struct relay_config, pass_through),
	 .size = sizeof(struct relay_pass_through)},
	{.name = "offload"},
	{.name = "log"},
	{.name = "control"},
	{.name = "metrics"},
	{.name = "take_over"},
};

/* --- what a reload does to fronts ---------------------------------------------------------------- */

static bool has_address(const struct relay_config_side *side, const struct ip_addr *ip)
{
	return ip_addr_find(side->addresses, side->address_count, ip) != NULL;
}

static bool has_port(const uint16_t *ports, size_t count, uint16_t port)
{
	size_t i = 0;

	while (i < count && ports[i] != port)
		i++;
	return i < count;
}

/* Is there a front on that side that the other configuration does not have? */
static bool loses_front(const struct relay_config_side *before,
			const struct relay_config_side *after)
{
	for (size_t i = 0; i < before->udp_port_count; i++) {
		if (!has_port(after->udp_ports, after->udp_port_count,
			      before->udp_ports[i]))
			return true;
	}
	for (size_t i = 0; i < before->tcp_port_count; i++) {
		if (!has_port(after->tcp_ports, after->tcp_port_count,
			      before->tcp_ports[i]))
			return true;
	}
	for (size_t i = 0; i < before->address_count; i++) {
		if (!has_address(after, &before->addresses[i]))
			return true;
	}
	return false;
}

static enum reload_effect front_effect(const struct config_key *key, size_t element,
				       const struct config *before,
				       const struct config *after)
{
	const struct relay_config *was = (const struct relay_config *)before;
	const struct relay_config *is = (const struct relay_config *)after;

	assert(element < SIDE_COUNT && key->effect == RELOAD_EFFECT_DRAINING);
	if (loses_front(&was->sides[element], &is->sides[element]))
		return RELOAD_EFFECT_DRAINING;
	/* Outside, an address is where relayed addresses are, too. */
	return element == SIDE_OUTSIDE && key->type == CONFIG_ADDRESSES
		       ? RELOAD_EFFECT_NEW_ALLOCATIONS
		       : RELOAD_EFFECT_APPLIED;
}

const struct config_schema relay_config_schema = {
	.size = sizeof(struct relay_config),
	.keys = keys,
	.key_count = sizeof(keys) / sizeof(keys[0]),
	.sections = sections,
	.section_count = sizeof(sections) / sizeof(sections[0]),
	.check = relay_config_check,
	.effect = front_effect,
};
