/*
 * probe_turn.c - see probe_turn.h.
 */
#include "tools/probe/probe_turn.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/tls_error.h"
#include "stun/registry.h"
#include "tools/client/client_server.h"
#include "tools/probe/probe_call.h"
#include "tools/probe/probe_nat.h"

enum { SEND_QUEUE = 64 << 10 };

const char *const probe_transport_names[PROBE_TRANSPORTS + 1] = {
	[PROBE_UDP] = "udp",
	[PROBE_DTLS] = "dtls",
	[PROBE_TCP] = "tcp",
	[PROBE_TLS] = "tls",
};

struct turn {
	const struct probe_turn_options *options;
	struct probe_report *report;
	struct endpoint server; /* its port is the transport's */
	SSL_CTX *tls, *dtls;
	bool works[PROBE_TRANSPORTS];
	bool *reached;
};

static const char *advice(const struct probe_call *call, enum probe_transport transport)
{
	switch (call->code) {
	case STUN_TRY_ALTERNATE:
		return "the server sends clients elsewhere: it may be draining";
	case STUN_UNAUTHENTICATED:
		return "check user name and password, and the clock of this host and the "
		       "server's";
	case STUN_FORBIDDEN:
		return "the server forbids clients of this address, or the other's relayed "
		       "address as a peer";
	case STUN_QUOTA_REACHED:
	case STUN_SERVER_ERROR:
	case STUN_INSUFFICIENT_CAPACITY:
		return "the server is full, draining, or this user has too many allocations; "
		       "see 'avedgectl limits' there";
	default:
		break;
	}
	switch (transport) {
	case PROBE_UDP:
		return "does a firewall drop UDP, and is that the port? see --udp-port";
	case PROBE_DTLS:
		return "does the server have a certificate, for that name (--name, --ca), and "
		       "serve DTLS on that port? see --dtls-port";
	case PROBE_TCP:
		return "does a firewall drop it, and is that the port? see --tcp-port";
	case PROBE_TLS:
		return "does the server have a certificate, for that name (--name, --ca), and "
		       "serve TLS on that port? see --tls-port";
	case PROBE_TRANSPORTS:
		break;
	}
	return "see the server's log";
}

static struct probe_call call_over(const struct turn *turn,
				   enum probe_transport transport)
{
	static const enum client_transport transports[] = {
		[PROBE_UDP] = CLIENT_UDP,
		[PROBE_DTLS] = CLIENT_DTLS,
		[PROBE_TCP] = CLIENT_TCP,
		[PROBE_TLS] = CLIENT_TLS,
	};
	const struct probe_turn_options *options = turn->options;
	bool has_credential = options->username != NULL;

	return (struct probe_call){
		.config =
			{
				.transport = transports[transport],
				.server = {turn->server.ip, options->ports[transport]},
				.tls = transport == PROBE_DTLS ? turn->dtls : turn->tls,
				.tls_name = options->name,
				.username = has_credential ? options->username : "",
				.password = has_credential ? options->password : "",
				.family = turn->server.ip.family == IP_V6 ? IP_V6
									  : IP_NONE,
				.send_queue = SEND_QUEUE,
			},
	};
}

/* --- transports --------------------------------------------------------------------------- */

/* A handshake that fails has had an answer, too. */
static bool has_answered(const struct probe_call *call)
{
	return call->done || call->code != 0 || strstr(call->what, "TLS: ") != NULL;
}

static bool probe_transport(struct turn *turn, enum probe_transport transport)
{
	const char *name = probe_transport_names[transport];
	unsigned port = turn->options->ports[transport];
	bool has_credential = turn->options->username != NULL;
	struct probe_call call = call_over(turn, transport);
	char relayed[ENDPOINT_TEXT_LEN];

	probe_call(&call);
	*turn->reached |= has_answered(&call);
	turn->works[transport] = call.done;
	if (call.done) {
		endpoint_format(&call.relayed, relayed, sizeof(relayed));
		probe_ok(
			turn->report, name,
			"port %u: relays; set-up %.1f ms, there and back %.1f ms, relayed "
			"address %s",
			port, call.setup_ms, call.echo_ms, relayed);
		return true;
	}
	/* Without a credential the refusal is all that can be had. */
	if (!has_credential && call.code == STUN_UNAUTHENTICATED) {
		probe_ok(turn->report, name,
			 "port %u: answers, and asks for a credential", port);
		return true;
	}
	return probe_fail(turn->report, name, advice(&call, transport), "port %u: %s",
			  port, call.what);
}

/* --- what a server may serve --------------------------------------------------------------- */

static void tell(struct turn *turn, const char *step, const char *standard,
		 const struct probe_call *call, const char *works)
{
	if (call->done)
		probe_ok(turn->report, step, "%s (%s)", works, standard);
	else
		probe_ok(turn->report, step, "not served (%s): %s", standard, call->what);
}

static void probe_tcp_relay(struct turn *turn, enum probe_transport transport)
{
	struct probe_call call = call_over(turn, transport);

	call.config.tcp_relay = true;
	probe_call(&call);
	tell(turn, "tcp relay", "RFC 6062", &call, "relays connections of TCP");
}

static void probe_mobility(struct turn *turn, enum probe_transport transport)
{
	struct probe_call call = call_over(turn, transport);

	call.config.mobility = true;
	call.moves = true;
	probe_call(&call);
	tell(turn, "mobility", "RFC 8016", &call, "an allocation follows its client");
}

static void probe_dont_fragment(struct turn *turn, enum probe_transport transport)
{
	struct probe_call call = call_over(turn, transport);

	call.config.dont_fragment = true;
	call.only_allocate = true;
	probe_call(&call);
	tell(turn, "fragments", "RFC 8656 section 7.1", &call,
	     "DONT-FRAGMENT is granted");
}

static void probe_dual(struct turn *turn, enum probe_transport transport)
{
	struct probe_call call = call_over(turn, transport);
	char first[ENDPOINT_TEXT_LEN], second[ENDPOINT_TEXT_LEN];

	call.config.dual = true;
	call.config.family = IP_NONE;
	call.only_allocate = true;
	probe_call(&call);
	if (!call.done || call.relayed_too.ip.family == IP_NONE)
		probe_ok(turn->report, "families", "one per allocation%s%s",
			 call.done ? "" : ": ", call.done ? "" : call.what);
	else
		probe_ok(turn->report, "families", "both in one allocation: %s and %s",
			 endpoint_format(&call.relayed, first, sizeof(first)),
			 endpoint_format(&call.relayed_too, second, sizeof(second)));
}

static void probe_extras(struct turn *turn)
{
	enum probe_transport best = PROBE_TRANSPORTS, stream = PROBE_TRANSPORTS;

	for (int i = PROBE_TRANSPORTS - 1; i >= 0; i--) {
		if (!turn->works[i])
			continue;
		best = (enum probe_transport)i;
		if (i == PROBE_TCP || i == PROBE_TLS)
			stream = best;
	}
	if (stream != PROBE_TRANSPORTS)
		probe_tcp_relay(turn, stream);
	if (best != PROBE_TRANSPORTS) {
		probe_mobility(turn, best);
		probe_dont_fragment(turn, best);
		probe_dual(turn, best);
	}
}

/* --- NAT ---------------------------------------------------------------------------------- */

static void probe_path(struct turn *turn)
{
	const struct endpoint server = {turn->server.ip, turn->options->ports[PROBE_UDP]};
	char local[ENDPOINT_TEXT_LEN], mapped[ENDPOINT_TEXT_LEN],
		other[ENDPOINT_TEXT_LEN];
	struct probe_nat nat;
	const char *why;

	if (!probe_nat(&server, &nat, &why)) {
		probe_ok(turn->report, "address", "unknown: %s", why);
		return;
	}
	*turn->reached = true;
	endpoint_format(&nat.local, local, sizeof(local));
	endpoint_format(&nat.mapped, mapped, sizeof(mapped));
	if (endpoint_equal(&nat.local, &nat.mapped))
		probe_ok(turn->report, "address", "the server sees %s, our own: no NAT",
			 mapped);
	else
		probe_ok(turn->report, "address",
			 "the server sees %s, ours is %s: there is a NAT", mapped, local);
	if (nat.other.ip.family == IP_NONE) {
		probe_ok(turn->report, "nat", "not served (RFC 5780): no OTHER-ADDRESS");
		return;
	}
	probe_ok(turn->report, "nat", "mapping %s, filtering %s (RFC 5780, with %s)",
		 probe_nat_rule_name(nat.mapping), probe_nat_rule_name(nat.filtering),
		 endpoint_format(&nat.other, other, sizeof(other)));
}

/* --- all of it ----------------------------------------------------------------------------- */

static bool find_server(struct turn *turn)
{
	const char *why;
	char text[ENDPOINT_TEXT_LEN];

	if (!client_server_find(turn->options->host, 0, IP_NONE, &turn->server, &why))
		return probe_fail(turn->report, "server", "check the name", "%s: %s",
				  turn->options->host, why);
	ip_addr_format(&turn->server.ip, text, sizeof(text));
	if (strcmp(turn->options->host, text) == 0)
		probe_ok(turn->report, "server", "%s", text);
	else
		probe_ok(turn->report, "server", "%s is %s", turn->options->host, text);
	return true;
}

static bool load_trust(struct turn *turn)
{
	const char *ca = turn->options->ca;

	turn->tls = client_server_tls(ca);
	turn->dtls = client_server_dtls(ca);
	if (turn->tls == NULL || turn->dtls == NULL)
		return probe_fail(turn->report, "server",
				  "use a readable PEM file for --ca", "%s: %s",
				  ca != NULL ? ca : "system CAs", tls_error_reason());
	if (turn->options->name == NULL) {
		SSL_CTX_set_verify(turn->tls, SSL_VERIFY_NONE, NULL);
		SSL_CTX_set_verify(turn->dtls, SSL_VERIFY_NONE, NULL);
	}
	return true;
}

bool probe_turn(const struct probe_turn_options *options, struct probe_report *report,
		bool *reached)
{
	struct turn turn = {.options = options, .report = report, .reached = reached};
	bool ok = find_server(&turn) && load_trust(&turn);

	*reached = false;
	if (ok) {
		if (options->transports[PROBE_UDP])
			probe_path(&turn);
		for (int i = 0; i < PROBE_TRANSPORTS; i++) {
			if (options->transports[i])
				ok &= probe_transport(&turn, (enum probe_transport)i);
		}
		if (options->username != NULL)
			probe_extras(&turn);
	}
	SSL_CTX_free(turn.tls);
	SSL_CTX_free(turn.dtls);
	return ok;
}
