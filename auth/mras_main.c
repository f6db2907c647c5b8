/*
 * mras_main.c - the start of mrasd, in this order and no other: arguments, configuration
 * (--check stops here), bind, keys, drop privileges, serve, READY=1.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "auth/config.h"
#include "auth/connections.h"
#include "auth/http.h"
#include "auth/issuer.h"
#include "auth/listener.h"
#include "auth/reload.h"
#include "auth/sip.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/privdrop.h"
#include "base/version.h"
#include "stun/endpoint.h"

enum {
	EXIT_USAGE = 2,
	EXIT_CONFIG = 3, /* the configuration, or a file that it names */
	WATCH_S = 2,     /* how often key and certificate files are looked at */
};

struct arguments {
	const char *config;
	bool check;
};

/* Everything main owns, in the order in which it comes into being. */
struct daemon {
	struct config *config; /* reload's from the moment there is one */
	struct listener_sockets sockets;
	struct issuer issuer;
	struct reload *reload;
	struct listeners *listeners;
	uint64_t told; /* credentials and refusals in the last status line */
	char error[512];
};

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: mrasd [-c FILE] [--check]\n"
		"Issues short-lived credentials for the relay to trusted servers.\n\n"
		"  -c, --config FILE  configuration (default " SYSCONFDIR
		"/avedge/mrasd.conf)\n"
		"      --check        check the configuration and the files it names; stop\n"
		"      --list-keys    print every key of the configuration, its default and\n"
		"                     whether a reload applies it\n"
		"      --version      print the version\n"
		"      --help         print this\n\n"
		"SIGHUP reloads, SIGUSR1 logs the counters, SIGTERM ends. See mrasd(8).\n");
}

static struct arguments read_arguments(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'k'},
		{"list-keys", no_argument, NULL, 'l'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct arguments arguments = {.config = SYSCONFDIR "/avedge/mrasd.conf"};
	int option;

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			arguments.config = optarg;
			break;
		case 'k':
			arguments.check = true;
			break;
		case 'l':
			config_print_keys(stdout);
			exit(EXIT_SUCCESS);
		case 'V':
			printf("mrasd %s\n", version_string());
			exit(EXIT_SUCCESS);
		case 'h':
			usage(stdout);
			exit(EXIT_SUCCESS);
		default:
			usage(stderr);
			exit(EXIT_USAGE);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "mrasd: '%s' is not an option\n", argv[optind]);
		exit(EXIT_USAGE);
	}
	return arguments;
}

static bool no_memory(struct daemon *daemon)
{
	snprintf(daemon->error, sizeof(daemon->error), "out of memory");
	return false;
}

static bool read_files(struct daemon *daemon)
{
	daemon->reload = reload_new(&daemon->issuer, daemon->config, daemon->error,
				    sizeof(daemon->error));
	return daemon->reload != NULL;
}

static bool drop_privileges(struct daemon *daemon)
{
	struct privdrop_identity who;

	return privdrop_lookup(daemon->config->user, daemon->config->group, &who,
			       daemon->error, sizeof(daemon->error)) &&
	       privdrop_to(&who, false, daemon->error, sizeof(daemon->error));
}

static bool make_parts(struct daemon *daemon)
{
	struct issuer *issuer = &daemon->issuer;

	issuer->memory = service_memory_new();
	issuer->base = event_base_new();
	issuer->connections = connections_new();
	if (issuer->memory == NULL || issuer->base == NULL || issuer->connections == NULL)
		return no_memory(daemon);
	issuer->http = http_new(issuer, daemon->error, sizeof(daemon->error));
	if (issuer->http == NULL)
		return false;
	daemon->listeners = listeners_new(issuer, &daemon->sockets);
	return daemon->listeners != NULL || no_memory(daemon);
}

static void asked_to_end(evutil_socket_t signal, short events, void *arg)
{
	(void)events;
	struct daemon *daemon = arg;

	log_notice("ending on %s", strsignal((int)signal));
	event_base_loopbreak(daemon->issuer.base);
}

static void asked_to_reload(evutil_socket_t signal, short events, void *arg)
{
	(void)signal;
	(void)events;
	struct daemon *daemon = arg;

	issuer_tick(&daemon->issuer);
	notify_reloading();
	reload_configuration(daemon->reload);
	notify_ready();
}

static void asked_for_counters(evutil_socket_t signal, short events, void *arg)
{
	(void)signal;
	(void)events;
	const struct daemon *daemon = arg;

	issuer_log_counters(&daemon->issuer);
}

static void look_around(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct daemon *daemon = arg;
	const struct issuer *issuer = &daemon->issuer;
	uint64_t happened = issuer->counters[COUNT_CREDENTIALS] +
			    issuer->counters[COUNT_REFUSED_REQUESTS] +
			    issuer->counters[COUNT_TRUSTED];

	issuer_tick(&daemon->issuer);
	reload_watched_files(daemon->reload);
	if (happened == daemon->told)
		return;
	daemon->told = happened;
	notify_status("%zu connections, %llu credentials issued, %llu refused",
		      connections_count(issuer->connections),
		      (unsigned long long)issuer->counters[COUNT_CREDENTIALS],
		      (unsigned long long)issuer->counters[COUNT_REFUSED_REQUESTS]);
}

static bool serve(struct daemon *daemon)
{
	static const struct timeval interval = {.tv_sec = WATCH_S};
	struct event_base *base = daemon->issuer.base;
	struct event *events[] = {
		evsignal_new(base, SIGTERM, asked_to_end, daemon),
		evsignal_new(base, SIGINT, asked_to_end, daemon),
		evsignal_new(base, SIGHUP, asked_to_reload, daemon),
		evsignal_new(base, SIGUSR1, asked_for_counters, daemon),
		event_new(base, -1, EV_PERSIST, look_around, daemon),
	};
	const size_t count = sizeof(events) / sizeof(events[0]);
	bool ok = true;

	for (size_t i = 0; i < count; i++) {
		if (events[i] == NULL ||
		    event_add(events[i], i == count - 1 ? &interval : NULL) != 0)
			ok = no_memory(daemon);
	}
	if (ok) {
		log_notice("serving on port %u of %zu inside address%s: %zu trusted "
			   "server%s, %zu relay%s",
			   daemon->config->port, daemon->config->address_count,
			   daemon->config->address_count == 1 ? "" : "es",
			   daemon->config->server_count,
			   daemon->config->server_count == 1 ? "" : "s",
			   daemon->config->relay_count,
			   daemon->config->relay_count == 1 ? "" : "s");
		notify_ready();
		event_base_dispatch(base);
		notify_stopping();
		issuer_log_counters(&daemon->issuer);
	}
	for (size_t i = 0; i < count; i++) {
		if (events[i] != NULL)
			event_free(events[i]);
	}
	return ok;
}

static void take_down(struct daemon *daemon)
{
	struct issuer *issuer = &daemon->issuer;

	listeners_free(daemon->listeners);
	listener_close(&daemon->sockets);
	connections_free(issuer->connections);
	http_free(issuer->http);
	if (issuer->base != NULL)
		event_base_free(issuer->base);
	if (daemon->reload != NULL)
		reload_free(daemon->reload);
	else
		config_free(daemon->config);
	service_memory_free(issuer->memory);
	libevent_global_shutdown();
}

static int run(struct daemon *daemon, const struct arguments *arguments)
{
	enum log_level level;

	daemon->config =
		config_load(arguments->config, daemon->error, sizeof(daemon->error));
	if (daemon->config == NULL)
		return EXIT_CONFIG;
	if (log_level_parse(daemon->config->log.level, &level))
		log_set_level(level);
	if (arguments->check) {
		if (!read_files(daemon))
			return EXIT_CONFIG;
		printf("%s: good\n", arguments->config);
		return EXIT_SUCCESS;
	}

	privdrop_raise_files();
	if (!listener_bind(daemon->config, &daemon->sockets, daemon->error,
			   sizeof(daemon->error)))
		return EXIT_FAILURE;
	if (!read_files(daemon))
		return EXIT_CONFIG;
	if (!drop_privileges(daemon) || !make_parts(daemon) || !serve(daemon))
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct arguments arguments = read_arguments(argc, argv);
	static struct daemon daemon;

	log_open("mrasd");
	signal(SIGPIPE, SIG_IGN);
	int status = run(&daemon, &arguments);
	if (status != EXIT_SUCCESS)
		log_error("%s", daemon.error);
	take_down(&daemon);
	return status;
}
