/*
 * ctl_relay.c - avedgectl status, ports, counters, allocations: what a running relay tells
 * through its control socket.
 */
#include "tools/ctl_relay.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "tools/ctl.h"

enum {
	CONNECT_TIMEOUT_MS = 3000,
	TIMEOUT_MS = 15000,
	ANSWER_MAX = 64 << 20, /* a hundred thousand allocations and more */
	HTTP_OK = 200,
};

struct relay_options {
	const char *socket;
	bool json;
	bool all;
};

struct answer {
	char *text;
	size_t len;
	long status;
};

static const struct option long_options[] = {
	{"socket", required_argument, NULL, 's'},
	{"json", no_argument, NULL, 'j'},
	{"all", no_argument, NULL, 'a'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct document {
	const char *name;
	const char *url;
	bool has_all;
	bool (*print)(json_t *document, bool all);
	const char *help;
} documents[] = {
	{"status", "http://relay/v1/status", true, ctl_print_status,
	 "What the relay is and how full it is; with --all also the limits in force.\n"},
	{"ports", "http://relay/v1/ports", false, ctl_print_ports,
	 "Every address and port the relay has open, and what for.\n"},
	{"counters", "http://relay/v1/counters", true, ctl_print_counters,
	 "What happened since the start; with --all also what never did.\n"},
	{"allocations", "http://relay/v1/allocations", false, ctl_print_allocations,
	 "Every allocation: who, from where, and the bytes both ways.\n"},
};

static size_t collect(char *data, size_t size, size_t count, void *arg)
{
	struct answer *answer = arg;
	size_t len = size * count;
	char *text;

	if (len > ANSWER_MAX - answer->len)
		return 0;
	text = realloc(answer->text, answer->len + len + 1);
	if (!text)
		return 0;
	memcpy(text + answer->len, data, len);
	answer->text = text;
	answer->len += len;
	return len;
}

/* Why no connection came about; an exit code. */
static int unreachable(const char *socket, int error)
{
	if (error == EACCES || error == EPERM)
		return ctl_fail(
			"%s: permission denied: run as root or as a member of the "
			"group that control.group of mediarelayd.conf names.",
			socket);
	if (error == ENOENT)
		ctl_fail(
			"%s: there is no such socket: mediarelayd is not running, or its "
			"control.socket is another one (give it with --socket).",
			socket);
	else if (error == ECONNREFUSED)
		ctl_fail(
			"%s: nobody listens: mediarelayd has ended; see 'systemctl status "
			"mediarelayd'.",
			socket);
	else
		ctl_fail("%s: cannot connect: %s.", socket, strerror(error));
	return CTL_UNREACHABLE;
}

static int transfer_failed(CURL *curl, CURLcode code, const char *socket)
{
	long error = 0;

	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
	if (code == CURLE_COULDNT_CONNECT && error != 0)
		return unreachable(socket, (int)error);
	if (code == CURLE_OPERATION_TIMEDOUT)
		ctl_fail("%s: the relay does not answer in time.", socket);
	else
		ctl_fail("%s: %s.", socket, curl_easy_strerror(code));
	return CTL_UNREACHABLE;
}

static int fetch(const char *socket, const char *url, struct answer *answer)
{
	CURL *curl = curl_easy_init();
	CURLcode code;
	int status = CTL_OK;

	if (!curl)
		return ctl_fail("out of memory.");
	code = curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_URL, url);
	if (code == CURLE_OK) {
		curl_easy_setopt(curl, CURLOPT_PROXY, "");
		curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
		curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
				 (long)CONNECT_TIMEOUT_MS);
		curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
		code = curl_easy_perform(curl);
	}
	if (code == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
	else
		status = transfer_failed(curl, code, socket);
	curl_easy_cleanup(curl);
	return status;
}

/* The document of an answer, or NULL after a complaint. */
static json_t *understand(const char *socket, const struct answer *answer)
{
	json_t *json = json_loadb(answer->text ? answer->text : "", answer->len, 0, NULL);
	const char *detail = json_string_value(json_object_get(json, "detail"));

	if (answer->status == HTTP_OK && json_is_object(json))
		return json;
	if (answer->status == HTTP_OK)
		ctl_fail(
			"%s: the answer is not JSON; is this the relay's control socket?",
			socket);
	else
		ctl_fail("%s: refused (%ld)%s%s.", socket, answer->status,
			 detail ? ": " : "", detail ? detail : "");
	json_decref(json);
	return NULL;
}

static int show(const struct document *document, const struct relay_options *options)
{
	struct answer answer = {0};
	int status = fetch(options->socket, document->url, &answer);
	json_t *json = status == CTL_OK ? understand(options->socket, &answer) : NULL;

	if (json && options->json)
		printf("%.*s\n", (int)answer.len, answer.text);
	else if (json && !document->print(json, options->all))
		status = ctl_fail("out of memory.");
	else if (!json && status == CTL_OK)
		status = CTL_FAILED;
	json_decref(json);
	free(answer.text);
	return status;
}

static void help(const char *command, const struct document *document)
{
	printf("Usage: %s [--socket PATH] %s[--json]\n%s\n"
	       "  --socket PATH  the relay's control socket (" CTL_SOCKET_PATH ")\n"
	       "%s"
	       "  --json         print the relay's answer as it is\n",
	       command, document->has_all ? "[--all] " : "", document->help,
	       document->has_all ? "  --all          leave nothing out\n" : "");
}

static int run(const struct document *document, int argc, char **argv)
{
	struct relay_options options = {.socket = CTL_SOCKET_PATH};
	int letter;

	while ((letter = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (letter) {
		case 's':
			options.socket = optarg;
			break;
		case 'j':
			options.json = true;
			break;
		case 'a':
			options.all = true;
			break;
		case 'h':
			help(argv[0], document);
			return CTL_OK;
		default:
			fprintf(stderr, "Try '%s --help'.\n", argv[0]);
			return CTL_USAGE;
		}
	}
	if (optind < argc)
		return ctl_usage(argv[0], "'%s' is one word too many.", argv[optind]);
	if (options.all && !document->has_all)
		return ctl_usage(argv[0], "%s takes no --all.", document->name);
	return show(document, &options);
}

int ctl_relay(int argc, char **argv)
{
	const char *name = strrchr(argv[0], ' ');

	for (size_t i = 0; name && i < sizeof(documents) / sizeof(documents[0]); i++) {
		if (strcmp(documents[i].name, name + 1) == 0)
			return run(&documents[i], argc, argv);
	}
	return CTL_USAGE;
}
