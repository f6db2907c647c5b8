/*
 * probe_relay.c - an Allocate over every transport of every relay in an answer; with a token, in
 * the Microsoft dialect, too.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "base/tls_error.h"
#include "tools/client/client.h"
#include "tools/client/client_loop.h"
#include "tools/client/client_server.h"
#include "tools/client/clock.h"
#include "tools/probe/probe.h"

enum { SEND_QUEUE = 64 << 10, STUNS_PORT = 5349 };

/* A way to allocate; those of the Microsoft dialect follow the same transport in that of RFC 8656. */
static const struct way {
	const char *name;
	enum client_transport transport;
	bool ms;
} ways[] = {
	{"UDP", CLIENT_UDP, false},
	{"MS-TURN UDP", CLIENT_UDP, true},
	{"TCP", CLIENT_TCP, false},
	{"MS-TURN TCP", CLIENT_TCP, true},
	{"MS-TURN pseudo-TLS", CLIENT_PTLS, true},
	{"TLS", CLIENT_TLS, false},
};

/* A relay that drains redirects, refuses or ignores those without an allocation. */
#define DRAINING "see 'avedgectl status' there and 'avedgectl mras relays'"

/* One Allocate, and its release. */
struct trial {
	struct event_base *base;
	struct client *client;
	bool allocated;
	int code;
	char relayed[ENDPOINT_TEXT_LEN];
	char what[256];
};

static void ready(void *arg)
{
	struct trial *trial = arg;

	assert(!trial->allocated);
	trial->allocated = true;
	endpoint_format(client_relayed(trial->client), trial->relayed,
			sizeof(trial->relayed));
	client_release(trial->client);
}

static void released(void *arg)
{
	const struct trial *trial = arg;

	event_base_loopbreak(trial->base);
}

static void failed(void *arg, int code, const char *what)
{
	struct trial *trial = arg;

	/* A failed release does not matter. */
	if (!trial->allocated) {
		trial->code = code;
		snprintf(trial->what, sizeof(trial->what), "%s", what);
	}
	event_base_loopbreak(trial->base);
}

static const char *advice(const struct trial *trial, enum client_transport transport)
{
	switch (trial->code) {
	case 401:
	case 431:
	case 436:
		return "the relay rejects the credential; check that both daemons use the same "
		       "keys ('avedgectl key list' on both) and that the clocks are right";
	case 300:
		return "the relay sends clients elsewhere: it may be draining; " DRAINING;
	case 403:
		return "the relay forbids it; see its configuration";
	case 437:
	case 441:
		return "try again";
	case 486:
		return "the relay is full, this user has too many allocations ('avedgectl "
		       "limits'), or it is draining; " DRAINING;
	case 500:
	case 508:
		return "the relay is full, or this user has too many allocations; see "
		       "'avedgectl limits'";
	default:
		break;
	}
	if (transport == CLIENT_TLS)
		return "check that the relay serves TLS there, with a certificate for that host "
		       "from --relay-ca, and is not draining; " DRAINING;
	return "check that the relay is running and not draining, that no firewall drops it, and "
	       "host and ports of its relay { } block in mrasd.conf; " DRAINING;
}

static void try(struct trial *trial, struct client_config *config)
{
	static const struct timeval limit = {.tv_sec = PROBE_TIMEOUT_S};
	const struct client_events events = {
		.arg = trial, .ready = ready, .released = released, .failed = failed};

	snprintf(trial->what, sizeof(trial->what), "timeout");
	trial->base = event_base_new();
	config->loop = trial->base != NULL ? client_loop_new(trial->base) : NULL;
	if (config->loop != NULL)
		trial->client = client_new(config, &events);
	if (trial->client == NULL) {
		snprintf(trial->what, sizeof(trial->what), "out of memory");
	} else if (event_base_loopexit(trial->base, &limit) == 0) {
		event_base_dispatch(trial->base);
	}
	client_free(trial->client);
	client_loop_free(config->loop);
	if (trial->base != NULL)
		event_base_free(trial->base);
}

/* What a relay need not serve; silence is an answer, too. */
static bool may_be_missing(const struct way *way, const struct probe_relay *relay,
			   const struct trial *trial)
{
	return (way->ms && trial->code == 0) ||
	       (way->transport == CLIENT_TLS && relay->tls_unknown);
}

/* 0: none, nor any after it. */
static uint16_t port_of(const struct probe_relay *relay, const struct way *way, size_t i)
{
	if (i == PROBE_PORTS_MAX)
		return 0;
	return way->transport == CLIENT_UDP ? relay->udp_ports[i] : relay->tcp_ports[i];
}

/* Port 5349 is for TLS alone (RFC 8656 section 4.1): mrasd names it so. */
static bool is_named(const struct probe_relay *relay, const struct way *way,
		     uint16_t port)
{
	return way->transport != CLIENT_TCP || port != STUNS_PORT ||
	       (!relay->tls && !relay->tls_unknown);
}

static bool probe_one(struct probe_report *report, const struct probe_answer *answer,
		      const struct probe_relay *relay, const struct way *way,
		      uint16_t port, SSL_CTX *tls)
{
	struct client_config config = {
		.transport = way->transport,
		.ms = way->ms,
		.tls = tls,
		.tls_name = relay->host,
		.username = answer->username,
		.password = answer->password,
		.send_queue = SEND_QUEUE,
	};
	struct trial trial = {.code = 0};
	uint64_t start = clock_monotonic_ns();
	const char *why;

	assert(port != 0);
	if (!client_server_find(relay->host, port, IP_NONE, &config.server, &why))
		return probe_fail(
			report, "relay",
			"its host name must resolve here as it does for clients",
			"%s %s: %s", relay->location, relay->host, why);
	try(&trial, &config);
	if (trial.allocated) {
		probe_ok(report, "relay", "%s %s %s port %u: allocated %s, %.1f ms",
			 relay->location, relay->host, way->name, port, trial.relayed,
			 (double)(clock_monotonic_ns() - start) / 1e6);
		return true;
	}
	if (may_be_missing(way, relay, &trial)) {
		probe_ok(report, "relay", "%s %s %s port %u: not served (%s)",
			 relay->location, relay->host, way->name, port, trial.what);
		return true;
	}
	return probe_fail(report, "relay", advice(&trial, config.transport),
			  "%s %s %s port %u: %s", relay->location, relay->host, way->name,
			  port, trial.what);
}

/*
 * Try the Microsoft dialect only over a transport that worked in that of RFC 8656: otherwise it
 * would only repeat the failure.
 */
static bool probe_all(struct probe_report *report, const struct probe_answer *answer,
		      const struct probe_relay *relay, bool ms, SSL_CTX *tls)
{
	bool ok = true, worked = false;
	uint16_t port;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const struct way *way = &ways[i];

		if ((way->ms && !(ms && worked)) ||
		    (way->transport == CLIENT_TLS && !relay->tls && !relay->tls_unknown))
			continue;
		if (!way->ms)
			worked = true;
		for (size_t j = 0; (port = port_of(relay, way, j)) != 0; j++) {
			if (!is_named(relay, way, port))
				continue;
			bool done = probe_one(report, answer, relay, way, port, tls);

			ok &= done;
			worked &= done;
		}
	}
	return ok;
}

bool probe_relays(const struct probe_options *options, struct probe_report *report,
		  const struct probe_answer *answer)
{
	const char *ca = options->relay_ca != NULL ? options->relay_ca : options->ca;
	SSL_CTX *tls = client_server_tls(ca);
	bool ok = true;

	if (tls == NULL)
		return probe_fail(report, "relay",
				  "use a readable PEM file for --relay-ca", "%s: %s",
				  ca != NULL ? ca : "system CAs", tls_error_reason());
	assert(answer->relay_count <= PROBE_RELAYS_MAX);
	/* The Microsoft dialect signs with the bytes of a token and cannot use other credentials. */
	for (size_t i = 0; i < answer->relay_count; i++)
		ok &= probe_all(report, answer, &answer->relays[i],
				options->sip || options->mras, tls);
	SSL_CTX_free(tls);
	return ok;
}
