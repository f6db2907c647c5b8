/*
 * import_options.c - the options of coturn's configuration file, as of 4.6, and their
 * equivalents.
 */
#include "tools/import/import_conf.h"

#define CARRIED(name_)                                \
	{                                             \
		.name = name_, .fate = IMPORT_CARRIED \
	}
#define CARRIED_FLAG(name_)                                         \
	{                                                           \
		.name = name_, .fate = IMPORT_CARRIED, .flag = true \
	}
#define SAME(name_)                                \
	{                                          \
		.name = name_, .fate = IMPORT_SAME \
	}
#define SAME_FLAG(name_)                                         \
	{                                                        \
		.name = name_, .fate = IMPORT_SAME, .flag = true \
	}
#define LOST(name_, why)                                          \
	{                                                         \
		.name = name_, .fate = IMPORT_LOST, .reason = why \
	}
#define LOST_FLAG(name_, why)                                                   \
	{                                                                       \
		.name = name_, .fate = IMPORT_LOST, .flag = true, .reason = why \
	}

#define DATABASE                                                                             \
	"no user database: issue credentials from the keyring, with 'avedgectl credential' " \
	"or a TURN REST issuer"
#define DISCOVERY "NAT behaviour discovery (RFC 5780) is not served"
#define CIPHERS "OpenSSL's defaults apply; see openssl.cnf"
#define CONSOLE \
	"use avedgectl on the control socket, as root or a member of control.group"
#define WEB "use the read-only status page on metrics.listen"
#define REDIRECT \
	"clients are redirected only during a drain; see alternate_servers of a side"
#define DEVICE "set the addresses of each side instead of a device"
#define LOG "logs go to the journal or standard error; see log.level"

const struct import_option import_options[] = {
	/* addresses and ports */
	CARRIED("listening-port"),
	CARRIED("tls-listening-port"),
	CARRIED("listening-ip"),
	CARRIED("relay-ip"),
	CARRIED("external-ip"),
	CARRIED("min-port"),
	CARRIED("max-port"),
	CARRIED_FLAG("no-udp"),
	CARRIED_FLAG("no-tcp"),
	CARRIED_FLAG("no-tls"),
	SAME_FLAG("no-dtls"),
	LOST("alt-listening-port", DISCOVERY),
	LOST("alt-tls-listening-port", DISCOVERY),
	LOST("listening-device", DEVICE),
	LOST("relay-device", DEVICE),
	LOST("aux-server",
	     "all addresses of a side share the same ports; redirect others in "
	     "the firewall"),
	LOST("tcp-proxy-port", "the PROXY protocol is not supported"),
	LOST_FLAG("no-udp-relay", "UDP relayed addresses cannot be disabled"),
	/* Allocations of RFC 6062 are not served anyway. */
	SAME_FLAG("no-tcp-relay"),
	SAME_FLAG("udp-self-balance"),
	SAME("ne"),
	CARRIED("relay-threads"),

	/* authentication */
	CARRIED("realm"),
	SAME_FLAG("lt-cred-mech"),
	SAME_FLAG("use-auth-secret"),
	CARRIED("static-auth-secret"),
	LOST_FLAG("no-auth", "authentication cannot be disabled"),
	LOST("user", "no static users; issue an expiring credential with 'avedgectl "
		     "credential'"),
	LOST("userdb", DATABASE),
	LOST("db", DATABASE),
	LOST("psql-userdb", DATABASE),
	LOST("mysql-userdb", DATABASE),
	LOST("mongo-userdb", DATABASE),
	LOST("redis-userdb", DATABASE),
	LOST("secret-key-file", DATABASE),
	CARRIED("rest-api-separator"),
	SAME_FLAG("no-auth-pings"),
	SAME_FLAG("no-dynamic-realms"),
	SAME_FLAG("no-dynamic-ip-list"),
	LOST_FLAG("oauth", "third-party authorization (RFC 7635) is not served"),
	LOST("server-name", "for third-party authorization, which is not served"),
	LOST_FLAG("check-origin-consistency", "ORIGIN is ignored"),
	LOST_FLAG("secure-stun",
		  "Binding requests need no credential; limits.stranger_rate "
		  "limits them"),
	LOST_FLAG(
		"stun-only",
		"relaying cannot be disabled; clients without a credential only get Binding "
		"responses"),
	LOST_FLAG("no-stun", "Binding requests are always answered, up to "
			     "limits.stranger_rate"),
	LOST_FLAG("server-relay", "peers without permission are always refused (RFC 8656 "
				  "section 9)"),
	LOST_FLAG("mobility", "mobility (RFC 8016) is not served"),

	/* peers */
	CARRIED("allowed-peer-ip"),
	CARRIED("denied-peer-ip"),
	CARRIED_FLAG("allow-loopback-peers"),
	SAME_FLAG("no-multicast-peers"),

	/* limits */
	CARRIED("user-quota"),
	CARRIED("total-quota"),
	CARRIED("max-bps"),
	CARRIED("bps-capacity"),
	CARRIED("stale-nonce"),
	CARRIED("max-allocate-lifetime"),
	CARRIED("channel-lifetime"),
	CARRIED("permission-lifetime"),
	LOST("max-allocate-timeout", "see limits.authentication and limits.greeting"),

	/* TLS */
	CARRIED("cert"),
	CARRIED("pkey"),
	LOST("pkey-pwd", "encrypted keys are not supported; remove the passphrase"),
	LOST("CA-file", "client certificates are not used; clients need a credential"),
	SAME_FLAG("no-tlsv1"),
	SAME_FLAG("no-tlsv1_1"),
	LOST_FLAG("no-tlsv1_2", "TLS 1.2 cannot be disabled"),
	LOST("cipher-list", CIPHERS),
	LOST("ec-curve-name", CIPHERS),
	LOST("dh-file", CIPHERS),
	LOST_FLAG("dh566", CIPHERS),
	LOST_FLAG("dh1066", CIPHERS),
	LOST("acme-redirect", "HTTP is not served on client ports"),

	/* protocol */
	CARRIED_FLAG("no-software-attribute"),
	SAME_FLAG("prod"),
	SAME_FLAG("fingerprint"),
	SAME_FLAG("no-rfc5780"),
	SAME_FLAG("no-stun-backward-compatibility"),
	SAME_FLAG("response-origin-only-with-rfc5780"),
	CARRIED("allocation-default-address-family"),
	LOST_FLAG("keep-address-family", "requests without a family get IPv4 (RFC 8656 "
					 "section 7.2)"),
	LOST("alternate-server", REDIRECT),
	LOST("tls-alternate-server", REDIRECT),

	/* process, log, administration */
	CARRIED("proc-user"),
	CARRIED("proc-group"),
	SAME("pidfile"),
	SAME_FLAG("daemon"),
	SAME_FLAG("no-cli"),
	LOST("cli-ip", CONSOLE),
	LOST("cli-port", CONSOLE),
	LOST("cli-password", CONSOLE),
	LOST("cli-max-output-sessions", CONSOLE),
	LOST_FLAG("web-admin", WEB),
	LOST("web-admin-ip", WEB),
	LOST("web-admin-port", WEB),
	LOST_FLAG("web-admin-listen-on-workers", WEB),
	CARRIED_FLAG("prometheus"),
	CARRIED("prometheus-port"),
	LOST_FLAG("prometheus-username-labels",
		  "users are never labels; see 'avedgectl limits' for the top users"),
	LOST("redis-statsdb", "see 'avedgectl records --follow' and the metrics"),
	LOST("log-file", LOG),
	LOST("syslog-facility", LOG),
	SAME_FLAG("syslog"),
	SAME_FLAG("simple-log"),
	SAME_FLAG("no-stdout-log"),
	SAME_FLAG("new-log-timestamp"),
	LOST("new-log-timestamp-format", LOG),
	LOST_FLAG("log-binding", "Binding requests are counted, not logged"),
	SAME_FLAG("verbose"),
	CARRIED_FLAG("Verbose"),
};

const size_t import_option_count = sizeof(import_options) / sizeof(import_options[0]);
