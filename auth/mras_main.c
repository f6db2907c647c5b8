/*
 * mras_main.c - the start of mrasd, in this order and no other: arguments, configuration
 * (--check stops here), bind, keys, drop privileges, self-test, serve, READY=1.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "auth/config.h"
#include "auth/connections.h"
#include "auth/http.h"
#include "auth/issuer.h"
#include "auth/listener.h"
#include "auth/reload.h"
#include "auth/self_test.h"
#include "auth/sip.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/privdrop.h"
#include "base/watchdog.h"
#include "stun/endpoint.h"

/* Everything main owns, in the order in which it comes into being. */
struct daemon {
	struct config *config; /* reload's from the moment there is one */
	struct listener_sockets sockets;
	struct issuer issuer;
	struct reload *reload;
	struct listeners *listeners;
	struct watchdog *watchdog;
	uint64_t told; /* credentials and refusals in the last status line */
	char error[512];
};

static const struct daemon_program program = {
	.name = "mrasd",
	.purpose = "Issues short-lived credentials for the relay to trusted servers.",
	.signals = "SIGHUP reloads, SIGUSR1 logs the counters, SIGTERM ends.",
	.config = SYSCONFDIR "/avedge/mrasd.conf",
	.print_keys = config_print_keys,
};

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
	issuer_tick(issuer);
	if (!self_test(issuer, daemon->error, sizeof(daemon->error)))
		return false;
	daemon->watchdog = watchdog_new(issuer->base, NULL, NULL);
	daemon->listeners = listeners_new(issuer, &daemon->sockets);
	return (daemon->watchdog != NULL && daemon->listeners != NULL) ||
	       no_memory(daemon);
}

static void asked_to_reload(void *arg)
{
	struct daemon *daemon = arg;

	issuer_tick(&daemon->issuer);
	notify_reloading();
	reload_configuration(daemon->reload);
	notify_ready();
}

static void asked_for_counters(void *arg)
{
	const struct daemon *daemon = arg;

	issuer_log_counters(&daemon->issuer);
}

static void look_around(void *arg)
{
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
	static const struct daemon_hooks hooks = {
		.reload = asked_to_reload,
		.tell = asked_for_counters,
		.look_around = look_around,
	};
	const struct config *config = daemon->config;
	struct event_base *base = daemon->issuer.base;
	struct daemon_events *events = daemon_events_new(base, &hooks, daemon);

	if (events == NULL)
		return no_memory(daemon);
	log_notice("serving on port %u of %zu inside address%s: %zu trusted server%s, "
		   "%zu relay%s",
		   config->port, config->address_count,
		   config->address_count == 1 ? "" : "es", config->server_count,
		   config->server_count == 1 ? "" : "s", config->relay_count,
		   config->relay_count == 1 ? "" : "s");
	notify_ready();
	event_base_dispatch(base);
	notify_stopping();
	issuer_log_counters(&daemon->issuer);
	daemon_events_free(events);
	return true;
}

static void take_down(struct daemon *daemon)
{
	struct issuer *issuer = &daemon->issuer;

	listeners_free(daemon->listeners);
	listener_close(&daemon->sockets);
	connections_free(issuer->connections);
	http_free(issuer->http);
	watchdog_free(daemon->watchdog);
	if (issuer->base != NULL)
		event_base_free(issuer->base);
	if (daemon->reload != NULL)
		reload_free(daemon->reload);
	else
		config_free(daemon->config);
	service_memory_free(issuer->memory);
	libevent_global_shutdown();
}

static int run(struct daemon *daemon, const struct daemon_arguments *arguments)
{
	enum log_level level;

	daemon->config =
		config_load(arguments->config, daemon->error, sizeof(daemon->error));
	if (daemon->config == NULL)
		return DAEMON_EXIT_CONFIG;
	if (log_level_parse(daemon->config->log.level, &level))
		log_set_level(level);
	if (arguments->check) {
		if (!read_files(daemon))
			return DAEMON_EXIT_CONFIG;
		printf("%s: good\n", arguments->config);
		return EXIT_SUCCESS;
	}

	privdrop_raise_files();
	if (!listener_bind(daemon->config, &daemon->sockets, daemon->error,
			   sizeof(daemon->error)))
		return EXIT_FAILURE;
	if (!read_files(daemon))
		return DAEMON_EXIT_CONFIG;
	if (!drop_privileges(daemon) || !make_parts(daemon) || !serve(daemon))
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct daemon_arguments arguments = daemon_read_arguments(&program, argc, argv);
	static struct daemon daemon;

	log_open("mrasd");
	signal(SIGPIPE, SIG_IGN);
	int status = run(&daemon, &arguments);
	if (status != EXIT_SUCCESS)
		log_error("%s", daemon.error);
	take_down(&daemon);
	return status;
}
