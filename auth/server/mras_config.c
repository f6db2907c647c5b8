/*
 * mras_config.c - mrasd.conf: its keys, and what no value can tell alone.
 */
#include "auth/server/mras_config.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "auth/mras/mras_xml.h"
#include "base/units.h"

/* --- the keys -------------------------------------------------------------------------------- */

enum {
	DAY_MS = 86400 * 1000,
	HOUR_S = 3600,
	PATH_LEN_MAX = 1023,
	NAME_LEN_MAX = 32,
	REALM_LEN_MAX = 127,
	SOCKET_PATH_MAX = 107, /* sun_path */
	IDENTITY_LEN_MAX = 255,
};

#define KEY(...) CONFIG_KEY(struct mras_config, __VA_ARGS__)
/* A limit that a reload applies. */
#define LIMIT(name, type, ...) KEY("limits", name, type, APPLIED, __VA_ARGS__)
#define LIST(...) CONFIG_LIST(struct mras_config, __VA_ARGS__)
#define SERVER_KEY(...) CONFIG_KEY(struct service_server, __VA_ARGS__)
#define SERVER_LIST(...) CONFIG_LIST(struct service_server, __VA_ARGS__)
#define RELAY_KEY(...) CONFIG_KEY(struct service_relay, __VA_ARGS__)
#define RELAY_LIST(...) CONFIG_LIST(struct service_relay, __VA_ARGS__)

/* As limits of bandwidth in mediarelayd.conf. */
#define BITRATE_MIN 64000
#define BITRATE_MAX 1000000000000

/* By enum service_location, from 1. */
static const char *const locations[] = {"inside", "outside", NULL};
static_assert(LOCATION_INTRANET == 1 && LOCATION_INTERNET == 2, "words count from 1");

static const struct config_key keys[] = {
	LIST("", "addresses", ADDRESSES, APPLIED, addresses, address_count, NULL,
	     "inside addresses of this host to serve on"),
	KEY("", "port", NUMBER, APPLIED, port, "5062", 1, UINT16_MAX,
	    "TCP port to serve on"),
	LIST("", "outside_addresses", ADDRESSES, APPLIED, outside, outside_count, "{}",
	     "outside addresses of the relay; never served"),
	KEY("", "keys", PATH, APPLIED, common.keys, "/etc/avedge/keys", 1, PATH_LEN_MAX,
	    "keyring file shared with the relay", .watched = true),
	KEY("", "clock_skew", SECONDS, APPLIED, clock_skew_s, "60s", 0, HOUR_S,
	    "by how much the clock that dated a key may differ"),
	KEY("", "realm", TEXT, APPLIED, realm, "edge", 1, REALM_LEN_MAX,
	    "realm of the relay, told with each credential"),
	KEY("", "user", OPTIONAL, RESTART, common.user, "", 0, NAME_LEN_MAX,
	    "user to switch to after binding; empty: stay"),
	KEY("", "group", OPTIONAL, RESTART, common.group, "", 0, NAME_LEN_MAX,
	    "group to switch to; empty: that of the user"),

	KEY("tls", "certificate", PATH, APPLIED, tls.certificate, NULL, 1, PATH_LEN_MAX,
	    "PEM file with our certificate, leaf first", .watched = true),
	KEY("tls", "private_key", PATH, APPLIED, tls.private_key, NULL, 1, PATH_LEN_MAX,
	    "PEM file of the certificate's key", .watched = true),
	KEY("tls", "ca", PATH, APPLIED, tls.ca, NULL, 1, PATH_LEN_MAX,
	    "PEM file with the CAs that may have signed a trusted server",
	    .watched = true),
	KEY("tls", "crl", OPTIONAL, APPLIED, tls.crl, "", 0, PATH_LEN_MAX,
	    "PEM file with their revocation lists; empty: none", .watched = true),

	SERVER_LIST("server", "networks", PREFIXES, APPLIED, networks, network_count,
		    "{}", "networks this server may connect from; empty: any"),
	SERVER_LIST("server", "identities", TEXTS, APPLIED, identities, identity_count,
		    "{}", "suffixes of the identities it may ask for; empty: any",
		    .min = 1, .max = IDENTITY_LEN_MAX),
	SERVER_KEY("server", "max_duration", SECONDS, APPLIED, ttl_max_s, "0", 0,
		   SERVICE_TTL_MAX_S,
		   "maximum lifetime of its credentials; 0: duration.max"),
	SERVER_KEY("server", "requests_per_second", NUMBER, APPLIED, requests_per_s,
		   "200", 0, 1000000, "requests per second it may make; 0: no limit"),
	SERVER_KEY("server", "legacy_tls", BOOL, APPLIED, legacy_tls, "false", 0, 0,
		   "whether it may use TLS 1.0, TLS 1.1 and CBC suites; needs networks"),

	SERVER_KEY("server", "allocations", NUMBER, APPLIED, quota.allocations, "0", 0,
		   UINT32_MAX,
		   "allocations of each user it asks for; 0: as the relay limits users"),
	SERVER_KEY("server", "bandwidth", BITRATE, APPLIED, quota.bandwidth_bps, "0",
		   BITRATE_MIN, BITRATE_MAX,
		   "bandwidth of each user it asks for; 0: as the relay limits users"),

	RELAY_KEY("relay", "location", WORD, APPLIED, location, NULL, 0, 0,
		  "inside or outside: which clients it is for", .words = locations),
	RELAY_KEY("relay", "host", TEXT, APPLIED, host, NULL, 1, SERVICE_HOST_MAX,
		  "name or address for clients"),
	RELAY_KEY("relay", "address", ADDRESS, APPLIED, direct, "", 0, 0,
		  "its address, for requests of route directip"),
	RELAY_LIST("relay", "udp_ports", PORTS, APPLIED, udp_ports, udp_port_count,
		   "{3478}", "its ports for UDP; empty: none", .former = "udp_port"),
	RELAY_LIST("relay", "tcp_ports", PORTS, APPLIED, tcp_ports, tcp_port_count,
		   "{443}", "its ports for TCP; empty: none", .former = "tcp_port"),
	RELAY_KEY("relay", "tls", BOOL, APPLIED, tls, "true", 0, 0,
		  "whether the TCP ports serve TLS too"),

	KEY("duration", "default", SECONDS, APPLIED, duration.default_s, "8h",
	    SERVICE_TTL_MIN_S, SERVICE_TTL_MAX_S,
	    "lifetime of a credential unless a request asks for another"),
	KEY("duration", "max", SECONDS, APPLIED, duration.max_s, "8h", SERVICE_TTL_MIN_S,
	    SERVICE_TTL_MAX_S, "maximum lifetime"),

	LIMIT("connections", NUMBER, limits.connections, "1000", 1, 100000,
	      "concurrent connections"),
	LIMIT("connections_per_server", NUMBER, limits.connections_per_server, "200", 1,
	      100000, "concurrent connections of one trusted server"),
	LIMIT("half_open", NUMBER, limits.half_open, "256", 1, 100000,
	      "connections in their handshake; the oldest of the fullest source gives way"),
	LIMIT("half_open_per_source", NUMBER, limits.half_open_per_source, "32", 1,
	      100000,
	      "connections in their handshake from one address; the oldest gives way"),
	LIMIT("handshake", MILLISECONDS, limits.handshake_ms, "5s", 100, DAY_MS,
	      "time for the TLS handshake"),
	LIMIT("request", MILLISECONDS, limits.request_ms, "10s", 100, DAY_MS,
	      "time for the first request, for the rest of one once begun, and to take an answer"),
	LIMIT("idle", MILLISECONDS, limits.idle_ms, "10m", 0, DAY_MS,
	      "time between requests on a connection; 0: no limit"),
	LIMIT("body", BYTES, limits.body, "1M", 1024, MRAS_BODY_MAX,
	      "maximum body of a request"),
	LIMIT("identity_per_minute", NUMBER, limits.identity_per_minute, "60", 0, 1000000,
	      "credentials for one identity; 0: no limit"),

	KEY("log", "level", LEVEL, APPLIED, common.log.level, "info", 0, 0,
	    "error, warning, notice, info or debug"),
	KEY("log", "records", BOOL, APPLIED, common.log.records, "true", 0, 0,
	    "log a record of each credential issued or refused"),
	KEY("log", "identities", BOOL, APPLIED, log_identities, "true", 0, 0,
	    "records name the identity of a credential"),

	KEY("control", "socket", OPTIONAL, RESTART, common.control.socket,
	    "/run/mrasd/control.sock", 0, SOCKET_PATH_MAX,
	    "UNIX socket for avedgectl; empty: none"),
	KEY("control", "group", OPTIONAL, RESTART, common.control.group, "", 0,
	    NAME_LEN_MAX, "group that may use it besides root"),

	KEY("metrics", "address", LOOPBACK, RESTART, common.metrics.address, "", 0, 0,
	    "loopback address and port for Prometheus; empty: none", .former = "listen"),
};

static const struct config_section sections[] = {
	{.name = ""},
	{.name = "tls"},
	{.name = "server",
	 .form = CONFIG_NAMED,
	 .there = "trusted",
	 .gone = "not trusted",
	 .offset = offsetof(struct mras_config, servers),
	 .size = sizeof(struct service_server),
	 .count_offset = offsetof(struct mras_config, server_count)},
	{.name = "relay",
	 .form = CONFIG_MANY,
	 .name_offset = offsetof(struct service_relay, host),
	 .offset = offsetof(struct mras_config, relays),
	 .size = sizeof(struct service_relay),
	 .count_offset = offsetof(struct mras_config, relay_count)},
	{.name = "duration"},
	{.name = "limits"},
	{.name = "log"},
	{.name = "control"},
	{.name = "metrics"},
};

/* --- checks across keys ---------------------------------------------------------------------- */

struct check {
	const struct mras_config *config;
	char *error;
	size_t error_size;
};

/* The sentence about a field. Always false. */
#define REFUSE(check, field, ...)                                     \
	config_error(&(check)->config->common, field, (check)->error, \
		     (check)->error_size, __VA_ARGS__)

static bool check_addresses(const struct check *check)
{
	const struct mras_config *config = check->config;
	char text[ENDPOINT_TEXT_LEN];

	if (config->address_count == 0)
		return REFUSE(check, &config->addresses,
			      "missing; write addresses = {\"10.0.0.5\"} with the inside "
			      "addresses of this host");
	if (config->address_count > MRAS_CONFIG_ADDRESSES_MAX)
		return REFUSE(check, &config->addresses[MRAS_CONFIG_ADDRESSES_MAX],
			      "more than %d; name fewer", MRAS_CONFIG_ADDRESSES_MAX);
	for (size_t i = 0; i < config->address_count; i++) {
		const struct ip_addr *ip = &config->addresses[i];

		const struct ip_addr *outside =
			ip_addr_find(config->outside, config->outside_count, ip);
		if (outside)
			return REFUSE(check, ip,
				      "%s is an outside address (line %u); credentials "
				      "are issued inside only, name an inside address",
				      ip_addr_format(ip, text, sizeof(text)),
				      config_line(&config->common, outside));
	}
	return true;
}

/* An address of metrics is a loopback address, and so may be one of ours. */
static bool check_metrics(const struct check *check)
{
	const struct mras_config *config = check->config;
	const struct endpoint *metrics = &config->common.metrics.address;
	char text[ENDPOINT_TEXT_LEN];

	if (metrics->port != config->port ||
	    !ip_addr_find(config->addresses, config->address_count, &metrics->ip))
		return true;
	return REFUSE(check, metrics,
		      "%s is the port for trusted servers; write another port",
		      endpoint_format(metrics, text, sizeof(text)));
}

static bool check_required(const struct check *check)
{
	const struct mras_config *config = check->config;
	char usual[UNITS_TEXT_MAX], most[UNITS_TEXT_MAX];

	char *const *const files[] = {&config->tls.certificate, &config->tls.private_key,
				      &config->tls.ca};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (!*files[i])
			return REFUSE(
				check, files[i],
				"missing; write tls { certificate = \"...\" "
				"private_key = \"...\" ca = \"...\" } with PEM files");
	}
	if (config->duration.default_s <= config->duration.max_s)
		return true;
	units_duration_text(config->duration.default_s, usual);
	units_duration_text(config->duration.max_s, most);
	if (config_line(&config->common, &config->duration.max_s) != 0)
		return REFUSE(check, &config->duration.max_s,
			      "%s is less than duration.default, %s; change one of them",
			      most, usual);
	return REFUSE(check, &config->duration.default_s,
		      "%s is more than duration.max, %s; change one of them", usual,
		      most);
}

/* Letters, digits, hyphens and underlines between dots; no wildcard. */
static bool is_host_name(const char *name)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t len = strlen(name);

	return len > 0 && len <= SERVICE_NAME_MAX && strspn(name, allowed) == len &&
	       name[0] != '.' && name[len - 1] != '.' && strstr(name, "..") == NULL;
}

static bool check_server(const struct check *check, const struct service_server *server)
{
	uint32_t longest = check->config->duration.max_s;
	char asked[UNITS_TEXT_MAX], most[UNITS_TEXT_MAX];
	struct ip_addr ip;

	if (!is_host_name(server->name) || ip_addr_parse(server->name, &ip))
		return REFUSE(check, server,
			      "is not a full host name; write the name in the server's "
			      "certificate, such as fe01.lab.example");
	if (server->ttl_max_s != 0 && server->ttl_max_s < SERVICE_TTL_MIN_S)
		return REFUSE(check, &server->ttl_max_s,
			      "%" PRIi64 "s is less than a minute; write 1m or more, or "
			      "0 for duration.max",
			      server->ttl_max_s);
	if (server->ttl_max_s > longest)
		return REFUSE(check, &server->ttl_max_s,
			      "%s is more than duration.max, %s; change one of them",
			      units_duration_text(server->ttl_max_s, asked),
			      units_duration_text(longest, most));
	if (server->legacy_tls && server->network_count == 0)
		return REFUSE(check, &server->legacy_tls,
			      "needs networks, because a handshake begins before the "
			      "server is known; write networks = {\"10.0.0.7/32\"} with "
			      "its addresses");
	return true;
}

static bool check_relay(const struct check *check, const struct service_relay *relay)
{
	struct ip_addr ip;

	if (relay->location == LOCATION_ANY)
		return REFUSE(check, &relay->location,
			      "missing; write location = inside or location = outside");
	if (!relay->host)
		return REFUSE(
			check, &relay->host,
			"missing; write the name or address that clients connect to");
	if (!is_host_name(relay->host) && !ip_addr_parse(relay->host, &ip))
		return REFUSE(check, &relay->host,
			      "\"%s\" is neither a host name nor an address; write one "
			      "such as av.lab.example",
			      relay->host);
	if (relay->udp_port_count == 0 && relay->tcp_port_count == 0)
		return REFUSE(
			check, &relay->udp_ports,
			"empty, as is tcp_ports, so no client can connect; set one of "
			"them");
	return true;
}

static bool check_blocks(const struct check *check)
{
	const struct mras_config *config = check->config;

	for (size_t i = 0; i < config->server_count; i++) {
		if (i == MRAS_CONFIG_SERVERS_MAX)
			return REFUSE(check, &config->servers[i],
				      "more than %d servers; remove some", (int)i);
		if (!check_server(check, &config->servers[i]))
			return false;
	}
	for (size_t i = 0; i < config->relay_count; i++) {
		if (i == MRAS_CONFIG_RELAYS_MAX)
			return REFUSE(check, &config->relays[i].location,
				      "more than %d relays; remove some", (int)i);
		if (!check_relay(check, &config->relays[i]))
			return false;
	}
	if (config->server_count == 0)
		return REFUSE(check, &config->servers,
			      "missing; write server \"fe01.lab.example\" { } for each "
			      "server that may ask");
	if (config->relay_count == 0)
		return REFUSE(check, &config->relays,
			      "missing; write relay { location = outside host = "
			      "av.lab.example } for each that clients may use");
	return true;
}

static bool check_all(struct config *common, char *error, size_t error_size)
{
	struct mras_config *config = (struct mras_config *)common;
	const struct check check = {config, error, error_size};

	config_remark_on_realm(&config->common, &config->realm);
	return check_addresses(&check) && check_metrics(&check) &&
	       check_required(&check) && check_blocks(&check);
}

const struct config_schema mras_config_schema = {
	.size = sizeof(struct mras_config),
	.keys = keys,
	.key_count = sizeof(keys) / sizeof(keys[0]),
	.sections = sections,
	.section_count = sizeof(sections) / sizeof(sections[0]),
	.check = check_all,
};
