/*
 * ctl_probe.c - avedgectl mras-probe: act as a trusted server, and report which step fails;
 * avedgectl probe: act as clients of a TURN server.
 */
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

#include "auth/credential/credential.h"
#include "auth/credential/keyfile.h"
#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_run.h"
#include "tools/probe/probe.h"
#include "tools/probe/probe_turn.h"

enum { HOST_SIZE = PROBE_HOST_MAX + 1, TTL_S = 600 };

/* HOST, HOST:PORT, [ADDRESS]:PORT; an IPv6 address alone needs no brackets. */
static bool take_host(const char *text, char host[HOST_SIZE],
		      struct probe_options *options)
{
	const char *colon = strrchr(text, ':'), *end = text + strlen(text);
	size_t len;

	options->port = "5062";
	if (*text == '[') {
		end = strchr(text, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
		if (end[1] == ':')
			options->port = end + 2;
		text++;
	} else if (colon != NULL && strchr(text, ':') == colon) {
		end = colon;
		options->port = colon + 1;
	}
	len = (size_t)(end - text);
	if (len == 0 || len >= HOST_SIZE || *options->port == '\0')
		return false;
	assert(!memchr(text, '\0', len));
	memcpy(host, text, len);
	host[len] = '\0';
	options->host = host;
	if (options->name == NULL)
		options->name = host;
	return true;
}

static void show_answer(struct probe_report *report, const struct probe_options *options,
			const struct probe_answer *answer)
{
	probe_ok(report, "answer", "valid for %lld s%s%s%s%s, %zu relay%s",
		 (long long)answer->ttl_s, *answer->expires ? ", until " : "",
		 answer->expires, *answer->realm ? ", realm " : "", answer->realm,
		 answer->relay_count, answer->relay_count == 1 ? "" : "s");
	if (!options->json)
		printf("username     %s\npassword     %s\n", answer->username,
		       answer->password);
}

static void print_json(const struct probe_options *options,
		       const struct probe_report *report,
		       const struct probe_answer *answer, bool ok)
{
	json_t *document = json_pack("{s:s, s:s, s:b, s:O}", "host", options->host,
				     "port", options->port, "ok", ok ? 1 : 0, "steps",
				     report->steps);

	if (document && *answer->username)
		json_object_set_new(document, "credential",
				    json_pack("{s:s, s:s, s:I}", "username",
					      answer->username, "password",
					      answer->password, "ttl",
					      (json_int_t)answer->ttl_s));
	ctl_print_json(document);
}

static int run(const struct probe_options *options)
{
	struct probe_answer answer = {.relay_count = 0};
	struct probe_report report;
	struct probe_tls *tls = NULL;
	bool ok = false;

	/* A peer that refuses may close the connection while we still write. */
	signal(SIGPIPE, SIG_IGN);
	if (!probe_report_begin(&report, options->json))
		return ctl_fail("out of memory");

	enum probe_reached reached = probe_tls_open(options, &report, &tls);
	if (reached == PROBE_CONNECTED)
		ok = options->sip ? probe_sip(tls, options, &report, &answer)
				  : probe_http(tls, options, &report, &answer);
	assert(!ok || reached == PROBE_CONNECTED);
	probe_tls_close(tls);
	if (ok && answer.relay_count == 0)
		ok = probe_fail(
			&report, "answer",
			"add relay { } blocks to mrasd.conf; if it has some, they "
			"are draining: see 'avedgectl mras relays'",
			"no relays");
	if (ok) {
		show_answer(&report, options, &answer);
		ok = probe_relays(options, &report, &answer);
	}
	if (options->json)
		print_json(options, &report, &answer, ok);
	else
		puts(ok ? "all steps passed" : "a step failed");
	probe_report_end(&report);
	if (ok)
		return CTL_OK;
	return reached == PROBE_UNREACHABLE ? CTL_UNREACHABLE : CTL_FAILED;
}

int ctl_probe(const struct ctl_args *args)
{
	const char *command = args->name;
	struct probe_options options = {
		.certificate = ctl_value(args, OPTION_PROBE_CERT, NULL),
		.key = ctl_value(args, OPTION_PROBE_KEY, NULL),
		.ca = ctl_value(args, OPTION_PROBE_CA, NULL),
		.relay_ca = ctl_value(args, OPTION_PROBE_RELAY_CA, NULL),
		.name = ctl_value(args, OPTION_PROBE_NAME, NULL),
		.identity =
			ctl_value(args, OPTION_PROBE_IDENTITY, "sip:probe@probe.invalid"),
		.ttl_s = ctl_number(args, OPTION_PROBE_TTL, TTL_S),
		.mras = strcmp(ctl_value(args, OPTION_PROBE_FORM, "rest"), "mras") == 0,
		.sip = !ctl_has(args, OPTION_PROBE_HTTP),
		.json = ctl_has(args, OPTION_JSON),
	};
	char host[HOST_SIZE];

	if (!take_host(args->operands[0], host, &options))
		return ctl_usage(command,
				 "'%s': expected HOST, HOST:PORT or [ADDRESS]:PORT",
				 args->operands[0]);
	if ((options.certificate == NULL) != (options.key == NULL))
		return ctl_usage(command, "--cert and --key must be given together");
	if (!options.sip && ctl_has(args, OPTION_PROBE_SIP))
		return ctl_usage(command, "--sip and --http cannot be combined");
	if (ctl_has(args, OPTION_PROBE_FORM) && options.sip)
		return ctl_usage(command, "--form requires --http");
	return run(&options);
}

/* --- avedgectl probe ----------------------------------------------------------------------- */

/* A credential of some minutes for ourselves. False after a message. */
static bool issue_own(const char *path, struct credential_pair *pair)
{
	static const char name[] = "probe";
	char error[CTL_ERROR_SIZE];
	int64_t now_s = time(NULL);
	struct keyring *ring = keyfile_load(path, error, sizeof(error));
	const struct key *key;
	bool ok;

	if (ring == NULL) {
		ctl_fail("%s", error);
		return false;
	}
	key = keyring_signer(ring, now_s);
	ok = key != NULL && key->rest != KEY_REST_NONE &&
	     credential_issue_rest(
		     key, (struct slice){(const uint8_t *)name, sizeof(name) - 1},
		     now_s + TTL_S, NULL, pair);
	keyring_free(ring);
	if (!ok)
		ctl_fail(
			"%s: no valid key that signs REST credentials; see 'avedgectl key "
			"list --keys %s'",
			path, path);
	return ok;
}

static void choose_transports(const struct ctl_args *args,
			      struct probe_turn_options *options)
{
	for (int i = 0; i < PROBE_TRANSPORTS; i++)
		options->transports[i] = args->many_count == 0;
	for (size_t i = 0; i < args->many_count; i++) {
		for (int j = 0; j < PROBE_TRANSPORTS; j++)
			options->transports[j] |=
				strcmp(args->many[i], probe_transport_names[j]) == 0;
	}
}

static int check_turn(const struct ctl_args *args)
{
	const char *command = args->name;
	bool user = ctl_has(args, OPTION_TURN_USER);

	if (user != ctl_has(args, OPTION_TURN_PASSWORD))
		return ctl_usage(command, "--user and --password must be given together");
	if (user && ctl_has(args, OPTION_TURN_KEYS))
		return ctl_usage(command, "--user and --keys cannot be combined");
	if (ctl_has(args, OPTION_TURN_INSECURE) &&
	    (ctl_has(args, OPTION_TURN_CA) || ctl_has(args, OPTION_TURN_NAME)))
		return ctl_usage(command,
				 "--insecure cannot be combined with --ca and --name");
	return CTL_OK;
}

static int run_turn(const struct ctl_args *args, const struct probe_turn_options *options)
{
	bool json = ctl_has(args, OPTION_JSON), reached = false;
	struct probe_report report;

	signal(SIGPIPE, SIG_IGN);
	if (!probe_report_begin(&report, json))
		return ctl_fail("out of memory");
	bool ok = probe_turn(options, &report, &reached);
	if (json)
		ctl_print_json(json_pack("{s:s, s:b, s:O}", "host", options->host, "ok",
					 ok ? 1 : 0, "steps", report.steps));
	else
		puts(ok ? "every transport works" : "a step failed");
	probe_report_end(&report);
	return ok ? CTL_OK : reached ? CTL_FAILED : CTL_UNREACHABLE;
}

int ctl_probe_turn(const struct ctl_args *args)
{
	uint16_t udp = (uint16_t)ctl_number(args, OPTION_TURN_UDP_PORT, 3478);
	uint16_t tcp = (uint16_t)ctl_number(args, OPTION_TURN_TCP_PORT, 443);
	struct probe_turn_options options = {
		.host = args->operands[0],
		.ports =
			{
				[PROBE_UDP] = udp,
				[PROBE_DTLS] = (uint16_t)ctl_number(
					args, OPTION_TURN_DTLS_PORT, udp),
				[PROBE_TCP] = tcp,
				[PROBE_TLS] = (uint16_t)ctl_number(
					args, OPTION_TURN_TLS_PORT, tcp),
			},
		.username = ctl_value(args, OPTION_TURN_USER, NULL),
		.password = ctl_value(args, OPTION_TURN_PASSWORD, NULL),
		.ca = ctl_value(args, OPTION_TURN_CA, NULL),
		.name = ctl_has(args, OPTION_TURN_INSECURE)
				? NULL
				: ctl_value(args, OPTION_TURN_NAME, args->operands[0]),
	};
	struct credential_pair pair;
	int status = check_turn(args);

	if (status != CTL_OK)
		return status;
	choose_transports(args, &options);
	if (ctl_has(args, OPTION_TURN_KEYS)) {
		if (!issue_own(ctl_value(args, OPTION_TURN_KEYS, NULL), &pair))
			return CTL_FAILED;
		options.username = pair.username;
		options.password = pair.password;
	}
	status = run_turn(args, &options);
	OPENSSL_cleanse(&pair, sizeof(pair));
	return status;
}
