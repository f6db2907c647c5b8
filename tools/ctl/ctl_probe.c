/*
 * ctl_probe.c - avedgectl mras-probe: act as a trusted server, and report which step fails.
 */
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_run.h"
#include "tools/probe/probe.h"

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
