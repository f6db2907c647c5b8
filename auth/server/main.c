/*
 * mras_main.c - the start of mrasd, in this order and no other: arguments, configuration
 * (--check stops here), bind, keys, drop privileges, self-test, serve, READY=1.
 */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "auth/mras/drain.h"
#include "auth/mras/sip.h"
#include "auth/server/config.h"
#include "auth/server/connections.h"
#include "auth/server/control.h"
#include "auth/server/http.h"
#include "auth/server/issuer.h"
#include "auth/server/listener.h"
#include "auth/server/metrics.h"
#include "auth/server/reload.h"
#include "auth/server/self_test.h"
#include "auth/server/settings.h"
#include "base/control/control_socket.h"
#include "base/daemon.h"
#include "base/inbox.h"
#include "base/log.h"
#include "base/metrics/metrics_listener.h"
#include "base/metrics/process_metrics.h"
#include "base/notify.h"
#include "base/privdrop.h"
#include "base/watchdog.h"
#include "stun/endpoint.h"

/* Everything main owns, in the order in which it comes into being. */
struct daemon {
	struct config *config; /* reload's from the moment there is one */
	struct daemon_identity identity;
	struct listener_sockets sockets;
	struct control_socket *control;
	struct metrics_listener *metrics;
	struct issuer issuer;
	struct reload *reload;
	struct watchdog *watchdog;
	struct inbox *inbox;
	struct issuer_control asked; /* of the control interface */
	bool failed_itself; /* the self-test: the keys are to blame, and trying again is vain */
	char told[160]; /* the last status line */
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

/* Users and groups that the configuration names. */
static bool look_up_names(struct daemon *daemon)
{
	const struct config *config = daemon->config;
	const struct daemon_names names = {
		.path = config->path,
		.user = {config->user, config->lines.user},
		.group = {config->group, config->lines.group},
		.control_group = {config->control.group, config->lines.control_group},
	};

	return daemon_look_up(&names, &daemon->identity, daemon->error,
			      sizeof(daemon->error));
}

/* Put the place in the configuration before the sentence. Always false. */
static bool blame(struct daemon *daemon, unsigned line, const char *key)
{
	config_blame(daemon->config, line, key, daemon->error, sizeof(daemon->error));
	return false;
}

/* While we may still create folders, give files away and take low ports. */
static bool bind_all(struct daemon *daemon)
{
	const struct config *config = daemon->config;
	char *error = daemon->error;
	size_t size = sizeof(daemon->error);

	if (!listener_bind(config, NULL, &daemon->sockets, error, size))
		return blame(daemon, config->lines.addresses, "addresses");
	if (config->control.socket != NULL) {
		daemon->control = control_socket_bind(config->control.socket,
						      daemon->identity.who.uid,
						      daemon->identity.control_group,
						      error, size);
		if (daemon->control == NULL)
			return blame(daemon, config->lines.control_socket,
				     "control.socket");
	}
	if (config->metrics_listen.ip.family != IP_NONE) {
		daemon->metrics =
			metrics_listener_bind(&config->metrics_listen, error, size);
		if (daemon->metrics == NULL)
			return blame(daemon, config->lines.metrics_listen,
				     "metrics.listen");
	}
	return true;
}

static bool drop_privileges(struct daemon *daemon)
{
	return privdrop_to(&daemon->identity.who, false, daemon->error,
			   sizeof(daemon->error));
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
	if (!self_test(issuer, daemon->error, sizeof(daemon->error))) {
		daemon->failed_itself = true;
		return false;
	}
	daemon->watchdog = watchdog_new(issuer->base, NULL, NULL);
	issuer->listeners = listeners_new(issuer, &daemon->sockets);
	daemon->inbox = inbox_new(issuer->base);
	if (daemon->watchdog == NULL || issuer->listeners == NULL ||
	    daemon->inbox == NULL)
		return no_memory(daemon);
	daemon->asked = (struct issuer_control){issuer, daemon->reload, daemon->inbox};
	return true;
}

struct scrape {
	struct daemon *daemon;
	struct openmetrics *om;
};

static void write_metrics(void *arg)
{
	const struct scrape *scrape = arg;

	issuer_metrics(&scrape->daemon->issuer, scrape->daemon->reload, scrape->om);
}

/* On the thread of the listener; nearly empty when we are about to end. */
static void asked_for_metrics(void *arg, struct openmetrics *om)
{
	struct daemon *daemon = arg;
	struct scrape scrape = {daemon, om};

	process_metrics(om, daemon->issuer.started_s);
	inbox_call(daemon->inbox, write_metrics, &scrape);
}

/* Threads for those who ask; signals are main's alone. */
static bool start_answering(struct daemon *daemon)
{
	const struct metrics_source source = {.write = asked_for_metrics, .arg = daemon};
	sigset_t all, before;
	const struct config *config = daemon->config;
	bool ok = true;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	if (daemon->control != NULL)
		ok = control_socket_start(daemon->control, issuer_routes,
					  issuer_route_count, &daemon->asked,
					  daemon->error, sizeof(daemon->error)) ||
		     blame(daemon, config->lines.control_socket, "control.socket");
	if (ok && daemon->metrics != NULL)
		ok = metrics_listener_start(daemon->metrics, &source, daemon->error,
					    sizeof(daemon->error)) ||
		     blame(daemon, config->lines.metrics_listen, "metrics.listen");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ok;
}

static void asked_to_reload(void *arg)
{
	struct daemon *daemon = arg;

	issuer_tick(&daemon->issuer);
	notify_reloading();
	reload_configuration(daemon->reload, NULL);
	notify_ready();
}

static void asked_for_counters(void *arg)
{
	const struct daemon *daemon = arg;

	issuer_log_counters(&daemon->issuer);
}

/* The line of systemctl status, when it has become another. */
static void tell_status(struct daemon *daemon)
{
	const struct issuer *issuer = &daemon->issuer;
	const struct service *service = &issuer->settings->service;
	size_t draining = drain_count(service->relays, service->relay_count);
	char line[sizeof(daemon->told)], drains[48] = "";

	if (draining > 0)
		snprintf(drains, sizeof(drains), ", %zu of %zu relays draining", draining,
			 service->relay_count);
	snprintf(line, sizeof(line),
		 "%zu connections, %" PRIu64 " credentials issued, %" PRIu64 " refused%s",
		 connections_count(issuer->connections),
		 mras_counters_issued(&issuer->mras_counters),
		 mras_counters_refused(&issuer->mras_counters), drains);
	if (strcmp(line, daemon->told) == 0)
		return;
	memcpy(daemon->told, line, sizeof(line));
	notify_status("%s", line);
}

static void periodic(void *arg)
{
	struct daemon *daemon = arg;

	issuer_tick(&daemon->issuer);
	reload_watched_files(daemon->reload);
	tell_status(daemon);
}

static bool serve(struct daemon *daemon)
{
	static const struct daemon_hooks hooks = {
		.reload = asked_to_reload,
		.tell = asked_for_counters,
		.periodic = periodic,
	};
	const struct config *config = daemon->config;
	struct event_base *base = daemon->issuer.base;
	struct daemon_events *events = daemon_events_new(base, &hooks, daemon);

	if (events == NULL)
		return no_memory(daemon);
	if (!start_answering(daemon)) {
		daemon_events_free(events);
		return false;
	}
	listeners_start(daemon->issuer.listeners, config, NULL);
	log_notice("serving on port %u of %zu inside address%s: %zu trusted server%s, "
		   "%zu relay%s",
		   config->port, config->address_count,
		   config->address_count == 1 ? "" : "es", config->server_count,
		   config->server_count == 1 ? "" : "s", config->relay_count,
		   config->relay_count == 1 ? "" : "s");
	notify_ready();
	tell_status(daemon);
	event_base_dispatch(base);
	notify_stopping();
	issuer_log_counters(&daemon->issuer);
	daemon_events_free(events);
	return true;
}

static void take_down(struct daemon *daemon)
{
	struct issuer *issuer = &daemon->issuer;

	/* Nobody may wait for us who is waited for. */
	if (daemon->inbox != NULL)
		inbox_close(daemon->inbox);
	control_socket_stop(daemon->control);
	metrics_listener_stop(daemon->metrics);
	inbox_free(daemon->inbox);
	listeners_free(issuer->listeners);
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
	if (!look_up_names(daemon))
		return DAEMON_EXIT_CONFIG;
	issuer_begin(&daemon->issuer);
	if (arguments->check) {
		if (!read_files(daemon))
			return DAEMON_EXIT_CONFIG;
		printf("%s: good\n", arguments->config);
		return EXIT_SUCCESS;
	}

	privdrop_raise_files();
	if (!bind_all(daemon))
		return EXIT_FAILURE;
	if (!read_files(daemon))
		return DAEMON_EXIT_CONFIG;
	if (!drop_privileges(daemon) || !make_parts(daemon) || !serve(daemon))
		return daemon->failed_itself ? DAEMON_EXIT_CONFIG : EXIT_FAILURE;
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
