/*
 * ctl_probe.c - avedgectl mras-probe: go the way of a trusted server, and say where it ends.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl.h"
#include "tools/probe.h"

enum { HOST_SIZE = PROBE_HOST_MAX + 1, TTL_S = 600 };

static const int64_t ttl_min_s = 60;
static const int64_t ttl_max_s = 180 * 86400;

enum {
	OPTION_SIP = 1000,
	OPTION_HTTP,
	OPTION_RELAY_CA,
	OPTION_NAME,
	OPTION_TTL,
	OPTION_FORM,
};

static const struct option long_options[] = {
	{"cert", required_argument, NULL, 'c'},
	{"key", required_argument, NULL, 'k'},
	{"ca", required_argument, NULL, 'a'},
	{"relay-ca", required_argument, NULL, OPTION_RELAY_CA},
	{"name", required_argument, NULL, OPTION_NAME},
	{"identity", required_argument, NULL, 'i'},
	{"ttl", required_argument, NULL, OPTION_TTL},
	{"sip", no_argument, NULL, OPTION_SIP},
	{"http", no_argument, NULL, OPTION_HTTP},
	{"form", required_argument, NULL, OPTION_FORM},
	{"json", no_argument, NULL, 'j'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const char help_text[] =
	"Usage: avedgectl mras-probe HOST[:PORT] --cert FILE --key FILE [--ca FILE]\n"
	"                            [--identity NAME] [--sip | --http [--form rest|mras]]\n"
	"\n"
	"Asks mrasd for a credential as a trusted server does, and each relay in its answer for\n"
	"an allocation; says which step failed and what to do.\n"
	"\n"
	"  --cert FILE      our certificate, PEM, with its chain\n"
	"  --key FILE       its key\n"
	"  --ca FILE        who may have signed mrasd's (the system's CAs)\n"
	"  --relay-ca FILE  who may have signed the relays' (--ca)\n"
	"  --name NAME      what mrasd's certificate must show (HOST)\n"
	"  --identity NAME  whom the credential is for (sip:probe@probe.invalid)\n"
	"  --ttl TIME       how long (10m)\n"
	"  --sip            ask in SIP, as a front end does (default)\n"
	"  --http           ask over HTTP, as a web application does\n"
	"  --form FORM      of the credential, with --http: rest (default) or mras\n"
	"  --json           print JSON\n";

static bool take_form(const char *command, const char *text,
		      struct probe_options *options)
{
	options->mras = strcmp(text, "mras") == 0;
	if (options->mras || strcmp(text, "rest") == 0)
		return true;
	ctl_usage(command, "--form %s: there are rest and mras.", text);
	return false;
}

static bool take_option(const char *command, int letter, struct probe_options *options)
{
	switch (letter) {
	case 'c':
		options->certificate = optarg;
		return true;
	case 'k':
		options->key = optarg;
		return true;
	case 'a':
		options->ca = optarg;
		return true;
	case OPTION_RELAY_CA:
		options->relay_ca = optarg;
		return true;
	case OPTION_NAME:
		options->name = optarg;
		return true;
	case 'i':
		options->identity = optarg;
		return true;
	case OPTION_TTL:
		return ctl_duration(command, "--ttl", optarg, ttl_min_s, ttl_max_s,
				    &options->ttl_s);
	case OPTION_SIP:
		options->sip = true;
		return true;
	case OPTION_HTTP:
		options->sip = false;
		return true;
	case OPTION_FORM:
		return take_form(command, optarg, options);
	case 'j':
		options->json = true;
		return true;
	default:
		fprintf(stderr, "Try '%s --help'.\n", command);
		return false;
	}
}

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

static int print_json(const struct probe_options *options,
		      const struct probe_report *report,
		      const struct probe_answer *answer, bool ok)
{
	json_t *document = json_pack("{s:s, s:s, s:b, s:O}", "host", options->host,
				     "port", options->port, "ok", ok ? 1 : 0, "steps",
				     report->steps);

	if (document == NULL)
		return ctl_fail("out of memory.");
	if (*answer->username)
		json_object_set_new(document, "credential",
				    json_pack("{s:s, s:s, s:I}", "username",
					      answer->username, "password",
					      answer->password, "ttl",
					      (json_int_t)answer->ttl_s));
	json_dumpf(document, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(document);
	return CTL_OK;
}

static int run(const struct probe_options *options)
{
	struct probe_answer answer = {.relay_count = 0};
	struct probe_report report;
	struct probe_tls *tls = NULL;
	bool ok = false;

	/* A refused connection may be closed while we still write. */
	signal(SIGPIPE, SIG_IGN);
	if (!probe_report_begin(&report, options->json))
		return ctl_fail("out of memory.");

	enum probe_reached reached = probe_tls_open(options, &report, &tls);
	if (reached == PROBE_CONNECTED)
		ok = options->sip ? probe_sip(tls, options, &report, &answer)
				  : probe_http(tls, options, &report, &answer);
	probe_tls_close(tls);
	if (ok) {
		show_answer(&report, options, &answer);
		ok = probe_relays(options, &report, &answer);
	}
	if (options->json)
		print_json(options, &report, &answer, ok);
	else
		puts(ok ? "all is well" : "a step failed");
	probe_report_end(&report);
	if (ok)
		return CTL_OK;
	return reached == PROBE_UNREACHABLE ? CTL_UNREACHABLE : CTL_FAILED;
}

int ctl_probe(int argc, char **argv)
{
	const char *command = argv[0];
	struct probe_options options = {
		.sip = true, .ttl_s = TTL_S, .identity = "sip:probe@probe.invalid"};
	char host[HOST_SIZE];
	int letter;

	while ((letter = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (letter == 'h') {
			fputs(help_text, stdout);
			return CTL_OK;
		}
		if (!take_option(command, letter, &options))
			return CTL_USAGE;
	}
	if (optind >= argc)
		return ctl_usage(command, "HOST is missing: where is mrasd?");
	if (optind + 1 < argc)
		return ctl_usage(command, "'%s' is one word too many.", argv[optind + 1]);
	if (!take_host(argv[optind], host, &options))
		return ctl_usage(command,
				 "'%s' is not HOST, HOST:PORT or [ADDRESS]:PORT.",
				 argv[optind]);
	if ((options.certificate == NULL) != (options.key == NULL))
		return ctl_usage(command, "--cert and --key go together.");
	if (options.mras && options.sip)
		return ctl_usage(command, "--form goes with --http.");
	return run(&options);
}
