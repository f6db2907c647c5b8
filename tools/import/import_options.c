/*
 * import_options.c - the options of coturn's configuration file, as of 4.6, and their
 * equivalents.
 */
#include "tools/import/import_conf.h"

#define CARRIED IMPORT_CARRIED
#define SAME IMPORT_SAME
#define LOST IMPORT_LOST
enum { VALUE = false, FLAG = true };

#define DATABASE                                                                             \
	"no user database: issue credentials from the keyring, with 'avedgectl credential' " \
	"or a TURN REST issuer"
#define CIPHERS "OpenSSL's defaults apply; see openssl.cnf"
#define CONSOLE \
	"use avedgectl on the control socket, as root or a member of control.group"
#define WEB "use the read-only status page on metrics.address"
#define REDIRECT \
	"clients are redirected only during a drain; see alternate_servers of a side"
#define DEVICE "set the addresses of each side instead of a device"
#define LOG "logs go to the journal or standard error; see log.level"

const struct import_option import_options[] = {
	/* addresses and ports */
	{"listening-port", CARRIED, VALUE, NULL},
	{"tls-listening-port", CARRIED, VALUE, NULL},
	{"listening-ip", CARRIED, VALUE, NULL},
	{"relay-ip", CARRIED, VALUE, NULL},
	{"external-ip", CARRIED, VALUE, NULL},
	{"min-port", CARRIED, VALUE, NULL},
	{"max-port", CARRIED, VALUE, NULL},
	{"no-udp", CARRIED, FLAG, NULL},
	{"no-tcp", CARRIED, FLAG, NULL},
	{"no-tls", CARRIED, FLAG, NULL},
	{"no-dtls", SAME, FLAG, NULL},
	{"alt-listening-port", CARRIED, VALUE, NULL},
	{"alt-tls-listening-port", CARRIED, VALUE, NULL},
	{"listening-device", LOST, VALUE, DEVICE},
	{"relay-device", LOST, VALUE, DEVICE},
	{"aux-server", CARRIED, VALUE, NULL},
	{"tcp-proxy-port", LOST, VALUE, "the PROXY protocol is not supported"},
	{"no-udp-relay", LOST, FLAG, "UDP relayed addresses cannot be disabled"},
	/* Allocations of RFC 6062 are not served anyway. */
	{"no-tcp-relay", SAME, FLAG, NULL},
	{"udp-self-balance", SAME, FLAG, NULL},
	{"ne", SAME, VALUE, NULL},
	{"relay-threads", CARRIED, VALUE, NULL},

	/* authentication */
	{"realm", CARRIED, VALUE, NULL},
	{"lt-cred-mech", SAME, FLAG, NULL},
	{"use-auth-secret", SAME, FLAG, NULL},
	{"static-auth-secret", CARRIED, VALUE, NULL},
	{"no-auth", LOST, FLAG, "authentication cannot be disabled"},
	{"user", LOST, VALUE,
	 "no static users; issue an expiring credential with 'avedgectl "
	 "credential'"},
	{"userdb", LOST, VALUE, DATABASE},
	{"db", LOST, VALUE, DATABASE},
	{"psql-userdb", LOST, VALUE, DATABASE},
	{"mysql-userdb", LOST, VALUE, DATABASE},
	{"mongo-userdb", LOST, VALUE, DATABASE},
	{"redis-userdb", LOST, VALUE, DATABASE},
	{"secret-key-file", LOST, VALUE, DATABASE},
	{"rest-api-separator", CARRIED, VALUE, NULL},
	{"no-auth-pings", SAME, FLAG, NULL},
	{"no-dynamic-realms", SAME, FLAG, NULL},
	{"no-dynamic-ip-list", SAME, FLAG, NULL},
	{"oauth", LOST, FLAG,
	 "third-party authorization (RFC 7635) needs its keys in a "
	 "file; see third_party_authorization in mediarelayd.conf(5)"},
	{"server-name", LOST, VALUE,
	 "see third_party_authorization.server_name in mediarelayd.conf(5)"},
	{"check-origin-consistency", LOST, FLAG, "ORIGIN is ignored"},
	{"secure-stun", LOST, FLAG,
	 "Binding requests need no credential; limits.stranger_rate "
	 "limits them"},
	{"stun-only", LOST, FLAG,
	 "relaying cannot be disabled; clients without a credential only get Binding "
	 "responses"},
	{"no-stun", LOST, FLAG,
	 "Binding requests are always answered, up to "
	 "limits.stranger_rate"},
	{"server-relay", LOST, FLAG,
	 "peers without permission are always refused (RFC 8656 "
	 "section 9)"},
	{"mobility", LOST, FLAG, "mobility (RFC 8016) is not served"},

	/* peers */
	{"allowed-peer-ip", CARRIED, VALUE, NULL},
	{"denied-peer-ip", CARRIED, VALUE, NULL},
	{"allow-loopback-peers", CARRIED, FLAG, NULL},
	{"no-multicast-peers", SAME, FLAG, NULL},

	/* limits */
	{"user-quota", CARRIED, VALUE, NULL},
	{"total-quota", CARRIED, VALUE, NULL},
	{"max-bps", CARRIED, VALUE, NULL},
	{"bps-capacity", CARRIED, VALUE, NULL},
	{"stale-nonce", CARRIED, VALUE, NULL},
	{"max-allocate-lifetime", CARRIED, VALUE, NULL},
	{"channel-lifetime", CARRIED, VALUE, NULL},
	{"permission-lifetime", CARRIED, VALUE, NULL},
	{"max-allocate-timeout", LOST, VALUE,
	 "see limits.authentication and limits.greeting"},

	/* TLS */
	{"cert", CARRIED, VALUE, NULL},
	{"pkey", CARRIED, VALUE, NULL},
	{"pkey-pwd", LOST, VALUE,
	 "encrypted keys are not supported; remove the passphrase"},
	{"CA-file", LOST, VALUE,
	 "client certificates are not used; clients need a credential"},
	{"no-tlsv1", SAME, FLAG, NULL},
	{"no-tlsv1_1", SAME, FLAG, NULL},
	{"no-tlsv1_2", LOST, FLAG, "TLS 1.2 cannot be disabled"},
	{"cipher-list", LOST, VALUE, CIPHERS},
	{"ec-curve-name", LOST, VALUE, CIPHERS},
	{"dh-file", LOST, VALUE, CIPHERS},
	{"dh566", LOST, FLAG, CIPHERS},
	{"dh1066", LOST, FLAG, CIPHERS},
	{"acme-redirect", LOST, VALUE, "HTTP is not served on client ports"},

	/* protocol */
	{"no-software-attribute", CARRIED, FLAG, NULL},
	{"prod", SAME, FLAG, NULL},
	{"fingerprint", SAME, FLAG, NULL},
	{"no-rfc5780", SAME, FLAG, NULL},
	{"no-stun-backward-compatibility", SAME, FLAG, NULL},
	{"response-origin-only-with-rfc5780", SAME, FLAG, NULL},
	{"allocation-default-address-family", CARRIED, VALUE, NULL},
	{"keep-address-family", LOST, FLAG,
	 "requests without a family get IPv4 (RFC 8656 "
	 "section 7.2)"},
	{"alternate-server", LOST, VALUE, REDIRECT},
	{"tls-alternate-server", LOST, VALUE, REDIRECT},

	/* process, log, administration */
	{"proc-user", CARRIED, VALUE, NULL},
	{"proc-group", CARRIED, VALUE, NULL},
	{"pidfile", SAME, VALUE, NULL},
	{"daemon", SAME, FLAG, NULL},
	{"no-cli", SAME, FLAG, NULL},
	{"cli-ip", LOST, VALUE, CONSOLE},
	{"cli-port", LOST, VALUE, CONSOLE},
	{"cli-password", LOST, VALUE, CONSOLE},
	{"cli-max-output-sessions", LOST, VALUE, CONSOLE},
	{"web-admin", LOST, FLAG, WEB},
	{"web-admin-ip", LOST, VALUE, WEB},
	{"web-admin-port", LOST, VALUE, WEB},
	{"web-admin-listen-on-workers", LOST, FLAG, WEB},
	{"prometheus", CARRIED, FLAG, NULL},
	{"prometheus-port", CARRIED, VALUE, NULL},
	{"prometheus-username-labels", LOST, FLAG,
	 "users are never labels; see 'avedgectl limits' for the top users"},
	{"redis-statsdb", LOST, VALUE,
	 "see 'avedgectl records --follow' and the metrics"},
	{"log-file", LOST, VALUE, LOG},
	{"syslog-facility", LOST, VALUE, LOG},
	{"syslog", SAME, FLAG, NULL},
	{"simple-log", SAME, FLAG, NULL},
	{"no-stdout-log", SAME, FLAG, NULL},
	{"new-log-timestamp", SAME, FLAG, NULL},
	{"new-log-timestamp-format", LOST, VALUE, LOG},
	{"log-binding", LOST, FLAG, "Binding requests are counted, not logged"},
	{"verbose", SAME, FLAG, NULL},
	{"Verbose", CARRIED, FLAG, NULL},
};

const size_t import_option_count = sizeof(import_options) / sizeof(import_options[0]);
