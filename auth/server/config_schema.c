/*
 * config_schema.c - the table of keys.
 */
#include "auth/server/config_schema.h"

#include <string.h>

#include "auth/mras/mras_xml.h"
#include "auth/mras/service.h"

enum {
	DAY_S = 86400,
	DAY_MS = 86400 * 1000,
	PATH_LEN_MAX = 1023,
	NAME_LEN_MAX = 32,
	REALM_LEN_MAX = 127,
	SOCKET_PATH_MAX = 107,
	IDENTITY_LEN_MAX = 255,
};

#define FIELD(member)                              \
	.offset = offsetof(struct config, member), \
	.size = sizeof(((struct config *)0)->member)
#define COUNT(member) .count_offset = offsetof(struct config, member)
#define SERVER_FIELD(member)                              \
	.offset = offsetof(struct config_server, member), \
	.size = sizeof(((struct config_server *)0)->member)
#define SERVER_COUNT(member) .count_offset = offsetof(struct config_server, member)
#define RELAY_FIELD(member)                              \
	.offset = offsetof(struct config_relay, member), \
	.size = sizeof(((struct config_relay *)0)->member)

#define KEY(section_, name_) .file = {.section = section_, .name = name_}
#define LIST(section_, name_) .file = {.section = section_, .name = name_, .list = true}

static const char *const locations[] = {"inside", "outside", NULL};

const struct config_key config_schema[] = {
	{LIST("", "addresses"), CONFIG_ADDRESSES, CONFIG_LISTENERS, FIELD(addresses),
	 COUNT(address_count), .fallback = NULL,
	 .doc = "inside addresses of this host to listen on"},
	{KEY("", "port"), CONFIG_NUMBER, CONFIG_LISTENERS, FIELD(port), .min = 1,
	 .max = UINT16_MAX, .fallback = "5062", .doc = "TCP port to listen on"},
	{LIST("", "outside_addresses"), CONFIG_ADDRESSES, CONFIG_RELOADS, FIELD(outside),
	 COUNT(outside_count), .fallback = "{}",
	 .doc = "outside addresses of the relay; mrasd refuses to listen there"},
	{KEY("", "keys"), CONFIG_PATH, CONFIG_RELOADS, FIELD(keys), .min = 1,
	 .max = PATH_LEN_MAX, .fallback = "/etc/avedge/keys",
	 .doc = "keyring file shared with the relay"},
	{KEY("", "realm"), CONFIG_TEXT, CONFIG_RELOADS, FIELD(realm), .min = 1,
	 .max = REALM_LEN_MAX, .fallback = "avedge",
	 .doc = "realm of the relay, told with each credential"},
	{KEY("", "user"), CONFIG_OPTIONAL, CONFIG_RESTART, FIELD(user),
	 .max = NAME_LEN_MAX, .fallback = "",
	 .doc = "user to become after binding; empty: stay"},
	{KEY("", "group"), CONFIG_OPTIONAL, CONFIG_RESTART, FIELD(group),
	 .max = NAME_LEN_MAX, .fallback = "",
	 .doc = "group to become; empty: that of the user"},

	{KEY("tls", "certificate"), CONFIG_PATH, CONFIG_RELOADS, FIELD(tls.certificate),
	 .min = 1, .max = PATH_LEN_MAX, .fallback = NULL,
	 .doc = "PEM file with our certificate, leaf first"},
	{KEY("tls", "private_key"), CONFIG_PATH, CONFIG_RELOADS, FIELD(tls.private_key),
	 .min = 1, .max = PATH_LEN_MAX, .fallback = NULL,
	 .doc = "PEM file of the certificate's key"},
	{KEY("tls", "ca"), CONFIG_PATH, CONFIG_RELOADS, FIELD(tls.ca), .min = 1,
	 .max = PATH_LEN_MAX, .fallback = NULL,
	 .doc = "PEM file with the CAs that may have signed a trusted server"},
	{KEY("tls", "crl"), CONFIG_OPTIONAL, CONFIG_RELOADS, FIELD(tls.crl),
	 .max = PATH_LEN_MAX, .fallback = "",
	 .doc = "PEM file with their revocation lists; empty: none"},

	{LIST("server", "networks"), CONFIG_PREFIXES, CONFIG_RELOADS,
	 SERVER_FIELD(networks), SERVER_COUNT(network_count), .fallback = "{}",
	 .doc = "where this server may come from; empty: anywhere"},
	{LIST("server", "identities"), CONFIG_TEXTS, CONFIG_RELOADS,
	 SERVER_FIELD(identities), SERVER_COUNT(identity_count), .min = 1,
	 .max = IDENTITY_LEN_MAX, .fallback = "{}",
	 .doc = "ends of the identities it may ask for; empty: any"},
	{KEY("server", "max_duration"), CONFIG_SECONDS, CONFIG_RELOADS,
	 SERVER_FIELD(max_duration_s), .max = SERVICE_TTL_MAX_S, .fallback = "0",
	 .doc = "longest credential for it; 0: duration.max"},
	{KEY("server", "requests_per_second"), CONFIG_NUMBER, CONFIG_RELOADS,
	 SERVER_FIELD(requests_per_second), .max = 1000000, .fallback = "200",
	 .doc = "requests it may make; 0: no limit"},

	{KEY("relay", "location"), CONFIG_WORD, CONFIG_RELOADS, RELAY_FIELD(location),
	 .fallback = NULL, .doc = "inside or outside: which clients it is for",
	 .words = locations},
	{KEY("relay", "host"), CONFIG_TEXT, CONFIG_RELOADS, RELAY_FIELD(host), .min = 1,
	 .max = SERVICE_NAME_MAX, .fallback = NULL, .doc = "name or address for clients"},
	{KEY("relay", "address"), CONFIG_ADDRESS, CONFIG_RELOADS, RELAY_FIELD(address),
	 .fallback = "", .doc = "its address, for requests of route directip"},
	{KEY("relay", "udp_port"), CONFIG_NUMBER, CONFIG_RELOADS, RELAY_FIELD(udp_port),
	 .max = UINT16_MAX, .fallback = "3478", .doc = "its port for UDP; 0: none"},
	{KEY("relay", "tcp_port"), CONFIG_NUMBER, CONFIG_RELOADS, RELAY_FIELD(tcp_port),
	 .max = UINT16_MAX, .fallback = "443", .doc = "its port for TCP; 0: none"},
	{KEY("relay", "tls"), CONFIG_BOOL, CONFIG_RELOADS, RELAY_FIELD(tls),
	 .fallback = "true", .doc = "whether the TCP port serves TLS, too"},

	{KEY("duration", "default"), CONFIG_SECONDS, CONFIG_RELOADS,
	 FIELD(duration.default_s), .min = SERVICE_TTL_MIN_S, .max = SERVICE_TTL_MAX_S,
	 .fallback = "8h", .doc = "of a credential, where a request asks for none"},
	{KEY("duration", "max"), CONFIG_SECONDS, CONFIG_RELOADS, FIELD(duration.max_s),
	 .min = SERVICE_TTL_MIN_S, .max = SERVICE_TTL_MAX_S, .fallback = "8h",
	 .doc = "longest credential"},

	{KEY("limits", "connections"), CONFIG_NUMBER, CONFIG_RELOADS,
	 FIELD(limits.connections), .min = 1, .max = 100000, .fallback = "1000",
	 .doc = "connections at once"},
	{KEY("limits", "connections_per_server"), CONFIG_NUMBER, CONFIG_RELOADS,
	 FIELD(limits.connections_per_server), .min = 1, .max = 100000, .fallback = "200",
	 .doc = "of them from one trusted server"},
	{KEY("limits", "half_open"), CONFIG_NUMBER, CONFIG_RELOADS,
	 FIELD(limits.half_open), .min = 1, .max = 100000, .fallback = "256",
	 .doc = "of them in their handshake; the oldest gives way"},
	{KEY("limits", "half_open_per_source"), CONFIG_NUMBER, CONFIG_RELOADS,
	 FIELD(limits.half_open_per_source), .min = 1, .max = 100000, .fallback = "32",
	 .doc = "of those from one address; the oldest gives way"},
	{KEY("limits", "handshake"), CONFIG_MILLISECONDS, CONFIG_RELOADS,
	 FIELD(limits.handshake_ms), .min = 100, .max = DAY_MS, .fallback = "5s",
	 .doc = "time for the TLS handshake"},
	{KEY("limits", "request"), CONFIG_MILLISECONDS, CONFIG_RELOADS,
	 FIELD(limits.request_ms), .min = 100, .max = DAY_MS, .fallback = "10s",
	 .doc = "time for the first request, for the rest of one that has begun, and to "
		"take an answer"},
	{KEY("limits", "idle"), CONFIG_MILLISECONDS, CONFIG_RELOADS,
	 FIELD(limits.idle_ms), .max = DAY_MS, .fallback = "10m",
	 .doc = "time between requests on a connection; 0: for ever"},
	{KEY("limits", "body"), CONFIG_BYTES, CONFIG_RELOADS, FIELD(limits.body),
	 .min = 1024, .max = MRAS_BODY_MAX, .fallback = "1M",
	 .doc = "largest body of a request"},
	{KEY("limits", "identity_per_minute"), CONFIG_NUMBER, CONFIG_RELOADS,
	 FIELD(limits.identity_per_minute), .max = 1000000, .fallback = "60",
	 .doc = "credentials for one identity; 0: no limit"},

	{KEY("log", "level"), CONFIG_LEVEL, CONFIG_RELOADS, FIELD(log.level),
	 .fallback = "info", .doc = "error, warning, notice, info or debug"},
	{KEY("log", "records"), CONFIG_BOOL, CONFIG_RELOADS, FIELD(log.records),
	 .fallback = "true", .doc = "one record for every credential issued or refused"},
	{KEY("log", "identities"), CONFIG_BOOL, CONFIG_RELOADS, FIELD(log.identities),
	 .fallback = "true", .doc = "records name whom a credential is for"},

	{KEY("control", "socket"), CONFIG_OPTIONAL, CONFIG_RESTART, FIELD(control.socket),
	 .max = SOCKET_PATH_MAX, .fallback = "/run/mrasd/control.sock",
	 .doc = "UNIX socket for avedgectl; empty: none"},
	{KEY("control", "group"), CONFIG_OPTIONAL, CONFIG_RESTART, FIELD(control.group),
	 .max = NAME_LEN_MAX, .fallback = "",
	 .doc = "group that may use it besides root"},

	{KEY("metrics", "listen"), CONFIG_LOOPBACK, CONFIG_RESTART, FIELD(metrics_listen),
	 .fallback = "", .doc = "loopback address and port for Prometheus; empty: none"},
};

const size_t config_schema_count = sizeof(config_schema) / sizeof(config_schema[0]);

const struct conffile_section config_sections[] = {
	{.name = "tls"},
	{.name = "server", .form = CONFFILE_NAMED},
	{.name = "relay", .form = CONFFILE_MANY},
	{.name = "duration"},
	{.name = "limits"},
	{.name = "log"},
	{.name = "control"},
	{.name = "metrics"},
};

const size_t config_section_count = sizeof(config_sections) / sizeof(config_sections[0]);

enum config_block config_key_block(const struct config_key *key)
{
	if (strcmp(key->file.section, "server") == 0)
		return BLOCK_SERVER;
	return strcmp(key->file.section, "relay") == 0 ? BLOCK_RELAY : BLOCK_TOP;
}
