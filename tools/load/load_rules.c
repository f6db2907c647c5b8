/*
 * load_rules.c - what options of avedge-load must agree on. See load_options.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "auth/credential/base64.h"
#include "auth/credential/credential.h"
#include "tools/load/load_options.h"

struct rules {
	struct load_options *options;
	char *error;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct rules *rules,
							 const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(rules->error, LOAD_ERROR_MAX, format, args);
	va_end(args);
	return false;
}

static bool is_base64(const char *text, size_t max)
{
	uint8_t bytes[CREDENTIAL_USERNAME_MAX];
	size_t len;

	return base64_decode(text, strlen(text), bytes, max, &len) && len > 0;
}

/* The session key encloses what a password would be (RFC 7635 section 6.2). */
static bool token_fits(struct rules *rules)
{
	struct load_options *options = rules->options;

	if (options->access_token == NULL)
		return true;
	if (options->dialect_ms)
		return refuse(rules, "--access-token is of RFC 7635: omit --dialect ms");
	if (!base64_decode(options->access_token, strlen(options->access_token),
			   options->token, sizeof(options->token), &options->token_len) ||
	    options->token_len == 0)
		return refuse(
			rules,
			"--access-token: not base64 of at most %d bytes, as printed "
			"by avedgectl access-token",
			LOAD_TOKEN_MAX);
	if (!base64_decode(options->password, strlen(options->password),
			   options->session_key, sizeof(options->session_key),
			   &options->session_key_len) ||
	    options->session_key_len == 0)
		return refuse(
			rules,
			"--access-token requires the session key, base64 of at most %d "
			"bytes, as --password",
			STUN_KEY_MAX);
	return true;
}

/* RFC 6062 section 4.1. */
static bool tcp_relay_fits(struct rules *rules)
{
	const struct load_options *options = rules->options;

	if (!options->tcp_relay)
		return true;
	if (options->dialect_ms)
		return refuse(rules,
			      "--tcp-relay is of RFC 6062: omit --dialect ms, which has "
			      "relayed addresses of TCP over tcp: and ptls:");
	if (options->transport != CLIENT_TCP && options->transport != CLIENT_TLS)
		return refuse(rules, "--tcp-relay requires --server tcp: or tls:");
	if (options->send_mode)
		return refuse(rules,
			      "--tcp-relay has data connections: omit --mode send");
	if (options->dont_fragment)
		return refuse(rules,
			      "--tcp-relay and --dont-fragment cannot be combined");
	return true;
}

static bool mobility_fits(struct rules *rules)
{
	const struct load_options *options = rules->options;

	if (options->move_every_s == 0)
		return true;
	if (options->dialect_ms)
		return refuse(rules, "--mobility is of RFC 8016: omit --dialect ms");
	if (options->task != LOAD_MEDIA)
		return refuse(rules, "--mobility moves clients while media runs: omit %s",
			      options->task == LOAD_HOLD ? "--hold" : "--cycles");
	if (options->move_every_s >= options->duration_s)
		return refuse(
			rules,
			"--mobility %llds: no client would move in a --duration of %llds",
			(long long)options->move_every_s, (long long)options->duration_s);
	return true;
}

static bool reconnect_fits(struct rules *rules)
{
	const struct load_options *options = rules->options;

	if (options->reconnect == LOAD_RECONNECT_NONE)
		return true;
	if (options->transport == CLIENT_UDP)
		return refuse(rules, "--reconnect is for tcp:, tls: and dtls: servers");
	if (options->dialect_ms)
		return refuse(rules, "--reconnect is of RFC 8656: omit --dialect ms");
	if (options->task == LOAD_CYCLES)
		return refuse(rules, "--reconnect and --cycles cannot be combined");
	if (options->tcp_relay)
		return refuse(rules, "--reconnect and --tcp-relay cannot be combined");
	if (options->reconnect == LOAD_RECONNECT_TICKET)
		return true;
	if (options->transport == CLIENT_DTLS)
		return refuse(rules,
			      "clients over DTLS come back with --reconnect ticket");
	if (options->between_clients)
		return refuse(rules,
			      "with --between-clients, use --reconnect ticket: the other "
			      "client would not know the new relayed address");
	return true;
}

static bool proxy_fits(struct rules *rules)
{
	const struct load_options *options = rules->options;
	struct ip_addr server;

	if (options->proxied.family != IP_NONE && ip_addr_parse(options->host, &server) &&
	    server.family != options->proxied.family)
		return refuse(
			rules,
			"--proxy-protocol requires an address of the server's family");
	return true;
}

static bool dialect_fits(struct rules *rules)
{
	const struct load_options *options = rules->options;

	if (!options->dialect_ms)
		return options->transport != CLIENT_PTLS ||
		       refuse(rules, "ptls: requires --dialect ms");
	if (load_has_certificate(options))
		return refuse(rules, "--dialect ms does not run over %s use %s",
			      options->transport == CLIENT_TLS ? "tls:;" : "dtls:;",
			      options->transport == CLIENT_TLS ? "ptls:" : "udp:");
	if (options->dont_fragment)
		return refuse(rules, "--dont-fragment is of RFC 8656: omit --dialect ms");
	return (is_base64(options->username, CREDENTIAL_USERNAME_MAX) &&
		is_base64(options->password, CREDENTIAL_PASSWORD_MAX)) ||
	       refuse(rules,
		      "--dialect ms requires --user and --password in base64, as printed by "
		      "avedgectl credential --form mras");
}

/* Without --peer-address the peers have an address of the server's family. */
static bool families_agree(struct rules *rules)
{
	const struct load_options *options = rules->options;
	bool own_peers = !options->between_clients && options->task != LOAD_CYCLES;
	struct ip_addr server;

	if (options->family != IP_NONE && options->peer_address.family == IP_NONE &&
	    own_peers && ip_addr_parse(options->host, &server) &&
	    server.family != options->family)
		return refuse(rules,
			      "--family %d requires a --peer-address of that family",
			      options->family == IP_V4 ? 4 : 6);

	if (options->family == IP_NONE || options->peer_address.family == IP_NONE ||
	    options->family == options->peer_address.family)
		return true;
	return refuse(rules,
		      "--family and --peer-address are of different families; a relayed "
		      "address reaches peers of its own family only");
}

bool load_rules_agree(struct load_options *options, char error[LOAD_ERROR_MAX])
{
	struct rules whole = {options, error}, *rules = &whole;

	if (options->host[0] == '\0')
		return refuse(rules, "--server is required");
	if (options->username == NULL || options->password == NULL)
		return refuse(rules, "--user and --password are required");
	if (options->between_clients && options->clients % 2 != 0)
		return refuse(rules,
			      "--between-clients requires an even number of --clients");
	if (options->between_clients &&
	    (options->peer_address.family != IP_NONE || options->peers > 0))
		return refuse(rules, "--between-clients has no peers: omit --peers and "
				     "--peer-address");
	if (options->rate > 0 && options->total_rate > 0)
		return refuse(rules, "--rate and --total-rate cannot be combined");
	if (options->progress && options->quiet)
		return refuse(rules, "--progress and --quiet cannot be combined");
	if (options->insecure && options->ca_file != NULL)
		return refuse(rules, "--insecure and --ca cannot be combined");
	return dialect_fits(rules) && token_fits(rules) && tcp_relay_fits(rules) &&
	       mobility_fits(rules) && reconnect_fits(rules) && proxy_fits(rules) &&
	       families_agree(rules);
}
