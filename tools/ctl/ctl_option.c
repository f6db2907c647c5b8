/*
 * ctl_option.c - the table of options of all commands. An option name with two meanings
 * has two entries.
 */
#include "tools/ctl/ctl_option.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "tools/ctl/ctl.h"

static const char *const sides[] = {"inside", "outside", NULL};
static const char *const dialects[] = {"ietf", "ms", NULL};
static const char *const transports[] = {"udp", "dtls", "tcp", "tls", NULL};
static const char *const relay_transports[] = {"udp", "tcp", NULL};
static const char *const orders[] = {"age", "bytes", "rate", "user", "expires", NULL};
static const char *const hashes[] = {"sha1", "sha256", "none", NULL};
static const char *const forms[] = {"rest", "mras", NULL};

const char *const ctl_levels[] = {"error", "warning", "notice", "info",
				  "debug", "default", NULL};

const char *const ctl_switches[] = {"on", "off", NULL};

enum { DAY_S = 86400, YEAR_S = 365 * DAY_S };

/* What Microsoft's issuer allows for a credential: one minute to half a year. */
enum { TTL_MIN_S = 60, TTL_MAX_S = 180 * DAY_S };

#define LONGEST_S (36500LL * DAY_S)

const struct ctl_option ctl_options[OPTION_COUNT] = {
	[OPTION_SOCKET] = {"socket", CTL_FILE, "PATH",
			   "control socket of mediarelayd (default: " CTL_SOCKET_PATH
			   ")"},
	[OPTION_MRAS_OWN_SOCKET] =
		{"socket", CTL_FILE, "PATH",
		 "control socket of mrasd (default: " CTL_MRAS_SOCKET_PATH ")"},
	[OPTION_MRAS_SOCKET] =
		{"mras-socket", CTL_FILE, "PATH",
		 "with --mras: control socket of mrasd (default: " CTL_MRAS_SOCKET_PATH
		 ")"},
	[OPTION_JSON] = {"json", CTL_FLAG, NULL, "print JSON"},
	[OPTION_ALL_LIMITS] = {"all", CTL_FLAG, NULL,
			       "include the limits, as avedgectl limits shows them"},
	[OPTION_ALL_COUNTERS] = {"all", CTL_FLAG, NULL, "include counters that are 0"},
	[OPTION_ALL_KEYS] = {"all", CTL_FLAG, NULL, "include keys at their default"},
	[OPTION_EXPLAIN] = {"explain", CTL_NUMBER, "PORT",
			    "explain a port of an Edge server, ours or not",
			    .max = UINT16_MAX},
	[OPTION_PORTS_CONFIG] =
		{"config", CTL_FILE, "FILE",
		 "ports of this mediarelayd.conf, without asking the relay"},
	[OPTION_USER] = {"user", CTL_USER, "USER", "only allocations of this user"},
	[OPTION_SIDE] = {"side", CTL_CHOICE, "SIDE", "only clients on this side",
			 .choices = sides},
	[OPTION_DIALECT] = {"dialect", CTL_CHOICE, "DIALECT",
			    "only allocations of this dialect", .choices = dialects},
	[OPTION_TRANSPORT] = {"transport", CTL_CHOICE, "TRANSPORT",
			      "only clients connected over this transport",
			      .choices = transports},
	[OPTION_RELAY_TRANSPORT] = {"relay-transport", CTL_CHOICE, "TRANSPORT",
				    "only allocations relayed over this transport",
				    .choices = relay_transports},
	[OPTION_CLIENT] = {"client", CTL_PREFIX, "PREFIX",
			   "only clients in this address prefix"},
	[OPTION_PEER] = {"peer", CTL_PREFIX, "PREFIX",
			 "only allocations with a permission in this address prefix"},
	[OPTION_KEY] = {"key", CTL_KEY, "ID",
			"only allocations authenticated by this key"},
	[OPTION_SORT] = {"sort", CTL_CHOICE, "BY", "sort order", .choices = orders},
	[OPTION_LIMIT] = {"limit", CTL_NUMBER, "NUMBER", "show at most this many rows",
			  .min = 1, .max = 1000000},
	[OPTION_WATCH] = {"watch", CTL_PERIOD, "SECONDS",
			  "repeat at this interval (default: 2)", .min = 1, .max = 3600},
	[OPTION_KILL_USER] = {"user", CTL_USER, "USER", "all allocations of this user"},
	[OPTION_KILL_KEY] = {"key", CTL_KEY, "ID",
			     "all allocations authenticated by this key"},
	[OPTION_DEADLINE] = {"deadline", CTL_DURATION, "TIME",
			     "end remaining allocations after this time", .min = 1,
			     .max = YEAR_S},
	[OPTION_WAIT] = {"wait", CTL_FLAG, NULL,
			 "wait until the last allocation has ended"},
	[OPTION_DRAIN_MRAS] = {"mras", CTL_FLAG, NULL,
			       "also have mrasd stop sending clients here, first"},
	[OPTION_UNDRAIN_MRAS] = {"mras", CTL_FLAG, NULL,
				 "also have mrasd send clients here again"},
	[OPTION_FORCE] = {"force", CTL_FLAG, NULL,
			  "even if it is the last relay of its location"},
	[OPTION_RELOAD_MRAS] = {"mras", CTL_FLAG, NULL, "also reload mrasd"},
	[OPTION_UPGRADE_CONFIG] = {"config", CTL_FILE, "FILE",
				   "check this mediarelayd.conf, too (default: its own)"},
	[OPTION_CHECK] = {"check", CTL_FLAG, NULL,
			  "say what a restart would lose, and why"},
	[OPTION_FOLLOW] = {"follow", CTL_FLAG, NULL,
			   "keep printing new records as they come"},
	[OPTION_RECORDS_USER] = {"user", CTL_TEXT, "USER", "only records of this user"},
	[OPTION_SINCE] =
		{"since", CTL_SINCE, "TIME",
		 "only records that ended at this time or later: 15m, or a UTC time "
		 "such as 2026-01-31T00:00:00Z",
		 .max =
			 LONGEST_S},
	[OPTION_RECORDS_LIMIT] = {"limit", CTL_NUMBER, "NUMBER",
				  "of the records so far only this many, the newest",
				  .max = 1000000},
	[OPTION_WATCH_COUNTERS] = {"watch", CTL_PERIOD, "SECONDS",
				   "print differences at this interval (default: 2)",
				   .min = 1, .max = 3600},
	[OPTION_ONCE] = {"once", CTL_FLAG, NULL, "print one snapshot and exit"},
	[OPTION_INTERVAL] = {"interval", CTL_NUMBER, "SECONDS",
			     "time between updates (default: 1)", .min = 1, .max = 60},
	[OPTION_KEYS] = {"keys", CTL_FILE, "FILE",
			 "keyring (default: " CTL_KEYS_PATH ")"},
	[OPTION_ID] = {"id", CTL_TEXT, "ID",
		       "id of the new key (default: derived from the date)"},
	[OPTION_VALID] = {"valid", CTL_DURATION, "TIME",
			  "lifetime of the new key (default: unlimited)", .min = 60,
			  .max = LONGEST_S},
	[OPTION_REST] = {"rest", CTL_CHOICE, "HASH",
			 "HMAC for the key's TURN REST credentials", .choices = hashes},
	[OPTION_OVERLAP] = {"overlap", CTL_DURATION, "TIME",
			    "how long old keys still verify after the delay (default: 8h)",
			    .max = LONGEST_S},
	[OPTION_DELAY] = {"delay", CTL_DURATION, "TIME",
			  "delay before the new key is valid (default: 30s)",
			  .max = LONGEST_S},
	[OPTION_SECRET] = {"secret", CTL_FLAG, NULL,
			   "print only the secret, for a TURN REST issuer"},
	[OPTION_FOR_USER] = {"user", CTL_TEXT, "NAME",
			     "name the credential is issued to"},
	[OPTION_TTL] = {"ttl", CTL_DURATION, "TIME",
			"how long clients can start calls with it (default: 8h)",
			.min = TTL_MIN_S, .max = TTL_MAX_S},
	[OPTION_FORM] = {"form", CTL_CHOICE, "FORM", "form of the credential",
			 .choices = forms},
	[OPTION_REALM] = {"realm", CTL_TEXT, "REALM", "with --json: realm to include"},
	[OPTION_SERVER] = {"server", CTL_TEXT, "HOST[:PORT]",
			   "name or address of a relay, for its turn: and turns: URIs",
			   .many = true},
	[OPTION_TOKEN_KEYS] = {"keys", CTL_FILE, "FILE",
			       "keys of access tokens, as third_party_authorization has"},
	[OPTION_SERVER_NAME] = {"server-name", CTL_TEXT, "NAME",
				"name of the relay in tokens, likewise"},
	[OPTION_KID] = {"kid", CTL_TEXT, "KID",
			"use this key (default: the first valid one)"},
	[OPTION_TOKEN_TTL] = {"ttl", CTL_DURATION, "TIME",
			      "lifetime of the token (default: 1h)", .min = 1,
			      .max = YEAR_S},
	[OPTION_SHA256] =
		{"sha256", CTL_FLAG, NULL,
		 "session key of 32 bytes, for MESSAGE-INTEGRITY-SHA256, instead of 20"},
	[OPTION_PROBE_CERT] = {"cert", CTL_FILE, "FILE",
			       "client certificate, PEM, with its chain"},
	[OPTION_PROBE_KEY] = {"key", CTL_FILE, "FILE", "private key of the certificate"},
	[OPTION_PROBE_CA] = {"ca", CTL_FILE, "FILE",
			     "CAs to verify mrasd with (default: the system's)"},
	[OPTION_PROBE_RELAY_CA] = {"relay-ca", CTL_FILE, "FILE",
				   "CAs to verify the relays with (default: as --ca)"},
	[OPTION_PROBE_NAME] = {"name", CTL_TEXT, "NAME",
			       "name expected in mrasd's certificate (default: HOST)"},
	[OPTION_PROBE_IDENTITY] = {"identity", CTL_TEXT, "NAME",
				   "identity to request for (default: "
				   "sip:probe@probe.invalid)"},
	[OPTION_PROBE_TTL] = {"ttl", CTL_DURATION, "TIME",
			      "lifetime to request (default: 10m)", .min = TTL_MIN_S,
			      .max = TTL_MAX_S},
	[OPTION_PROBE_SIP] = {"sip", CTL_FLAG, NULL,
			      "request over SIP, as a front end does (default)"},
	[OPTION_PROBE_HTTP] = {"http", CTL_FLAG, NULL,
			       "request over HTTP, as a web application does"},
	[OPTION_PROBE_FORM] = {"form", CTL_CHOICE, "FORM",
			       "form of the credential, with --http", .choices = forms},
	[OPTION_TURN_USER] = {"user", CTL_TEXT, "NAME", "user name to relay with"},
	[OPTION_TURN_PASSWORD] = {"password", CTL_TEXT, "TEXT", "its password"},
	[OPTION_TURN_KEYS] = {"keys", CTL_FILE, "FILE",
			      "issue a credential with this keyring, instead of --user"},
	[OPTION_TURN_TRANSPORT] = {"transport", CTL_CHOICE, "TRANSPORT",
				   "only this transport (default: all)",
				   .choices = transports, .many = true},
	[OPTION_TURN_UDP_PORT] = {"udp-port", CTL_NUMBER, "PORT",
				  "port of UDP (default: 3478)", .min = 1,
				  .max = UINT16_MAX},
	[OPTION_TURN_DTLS_PORT] = {"dtls-port", CTL_NUMBER, "PORT",
				   "port of DTLS (default: that of UDP)", .min = 1,
				   .max = UINT16_MAX},
	[OPTION_TURN_TCP_PORT] = {"tcp-port", CTL_NUMBER, "PORT",
				  "port of TCP (default: 443)", .min = 1,
				  .max = UINT16_MAX},
	[OPTION_TURN_TLS_PORT] = {"tls-port", CTL_NUMBER, "PORT",
				  "port of TLS (default: that of TCP)", .min = 1,
				  .max = UINT16_MAX},
	[OPTION_TURN_CA] = {"ca", CTL_FILE, "FILE",
			    "CAs to verify the server with (default: the system's)"},
	[OPTION_TURN_NAME] = {"name", CTL_TEXT, "NAME",
			      "name expected in the server's certificate (default: HOST)"},
	[OPTION_TURN_INSECURE] = {"insecure", CTL_FLAG, NULL, "accept any certificate"},
	[OPTION_OUTPUT] = {"output", CTL_FILE, "FILE",
			   "write to this file, not to standard output"},
	[OPTION_IMPORT_KEYS] = {"keys", CTL_FILE, "FILE",
				"write the secrets as keys to this new file"},
	[OPTION_INSIDE] = {"inside", CTL_TEXT, "ADDRESS",
			   "address of a listening-ip on the inside", .many = true},
};

bool ctl_is_choice(const char *const *choices, const char *text)
{
	while (*choices && strcmp(*choices, text) != 0)
		choices++;
	return *choices != NULL;
}

const char *ctl_choices(const char *const *choices, char buf[CTL_CHOICES_SIZE])
{
	size_t used = 0;

	*buf = '\0';
	for (size_t i = 0; choices && choices[i]; i++) {
		used += (size_t)snprintf(buf + used, CTL_CHOICES_SIZE - used, "%s%s",
					 i == 0           ? ""
					 : choices[i + 1] ? ", "
							  : " or ",
					 choices[i]);
		assert(used < CTL_CHOICES_SIZE);
	}
	return buf;
}
