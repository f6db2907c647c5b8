/*
 * main.c - mrasd: its stages in the life of a daemon (base/daemon/daemon.h).
 */
#include <inttypes.h>
#include <stdio.h>

#include <event2/event.h>

#include "auth/mras/mras_drain.h"
#include "auth/server/control.h"
#include "auth/server/issuer.h"
#include "auth/server/metrics.h"
#include "auth/server/mras_config.h"
#include "auth/server/mras_connections.h"
#include "auth/server/mras_listener.h"
#include "auth/server/mras_reload.h"
#include "auth/server/mras_remarks.h"
#include "auth/server/mras_settings.h"
#include "auth/server/self_test.h"
#include "base/daemon/daemon.h"
#include "base/daemon/daemon_run.h"
#include "base/descriptors/inherited.h"
#include "base/descriptors/restarts.h"
#include "base/inbox.h"
#include "base/log.h"
#include "base/metrics/metrics_listener.h"
#include "base/metrics/process_metrics.h"

enum {
	QUIET_MS = 1000,  /* a connection that asks nothing for so long is idle */
	FINISH_MS = 3000, /* and nothing is waited for any longer */
};

struct mrasd {
	struct issuer issuer;
	struct mras_listener_sockets sockets; /* until listeners take them over */
	struct mras_reload *reload;
	struct inherited *inherited;   /* until the ports are bound */
	struct inbox *inbox;           /* borrowed from the daemon */
	struct event *finishing;       /* a timer, while the process leaves */
	uint64_t finish_ms;            /* when that began, monotonic */
	struct issuer_control control; /* the argument of the routes */
};

static struct mrasd *self_of(const struct daemon *daemon)
{
	return daemon->ops->self;
}

static const struct mras_config *config_of(const struct daemon *daemon)
{
	return (const struct mras_config *)daemon->config;
}

/* --- stages ------------------------------------------------------------------------------------ */

static bool prepare(struct daemon *daemon)
{
	/* Credentials have no peers. */
	log_omit_subsystem(SUBSYSTEM_PEER);
	issuer_begin(&self_of(daemon)->issuer);
	return true;
}

static bool bind_ports(struct daemon *daemon)
{
	const struct mras_config *config = config_of(daemon);
	struct mrasd *self = self_of(daemon);
	char *error = daemon->error;
	size_t size = sizeof(daemon->error);

	self->inherited = inherited_new();
	if (self->inherited == NULL || !inherited_from_environment(self->inherited))
		return daemon_no_memory(daemon);
	restarts_pause(self->inherited);
	return mras_listener_bind(config, NULL, self->inherited, &self->sockets, error,
				  size) ||
	       config_locate(&config->common, &config->addresses, error, size);
}

static void unbind_ports(struct daemon *daemon)
{
	inherited_leave(self_of(daemon)->inherited);
	mras_listener_close(&self_of(daemon)->sockets);
}

static bool read_keys(struct daemon *daemon)
{
	struct mrasd *self = self_of(daemon);

	self->reload = mras_reload_new(&self->issuer, daemon->config, daemon->error,
				       sizeof(daemon->error));
	return self->reload != NULL;
}

static void free_keys(struct daemon *daemon)
{
	mras_reload_free(self_of(daemon)->reload);
}

static bool inspect(struct daemon *daemon)
{
	const struct issuer *issuer = &self_of(daemon)->issuer;

	return mras_remarks_start(issuer->settings, issuer->unix_s, daemon->error,
				  sizeof(daemon->error));
}

static bool start_work(struct daemon *daemon)
{
	struct mrasd *self = self_of(daemon);
	struct issuer *issuer = &self->issuer;

	self->inbox = daemon->inbox;
	self->control = (struct issuer_control){issuer, mras_reload_engine(self->reload),
						daemon->inbox};
	issuer->base = daemon->base;
	issuer->memory = service_memory_new();
	issuer->connections = mras_connections_new();
	if (issuer->memory == NULL || issuer->connections == NULL)
		return daemon_no_memory(daemon);
	issuer->listeners = mras_listeners_new(issuer, &self->sockets);
	return issuer->listeners != NULL ? true : daemon_no_memory(daemon);
}

static void stop_work(struct daemon *daemon)
{
	struct issuer *issuer = &self_of(daemon)->issuer;

	if (self_of(daemon)->finishing != NULL)
		event_free(self_of(daemon)->finishing);
	mras_listeners_free(issuer->listeners);
	mras_connections_free(issuer->connections);
	service_memory_free(issuer->memory);
}

static bool self_test(struct daemon *daemon)
{
	struct issuer *issuer = &self_of(daemon)->issuer;

	issuer_tick(issuer);
	return issuer_self_test(issuer, daemon->error, sizeof(daemon->error));
}

/* --- metrics ----------------------------------------------------------------------------------- */

struct scrape {
	const struct mrasd *self;
	struct openmetrics *om;
};

static void write_metrics(void *arg)
{
	const struct scrape *scrape = arg;

	issuer_metrics(&scrape->self->issuer, mras_reload_engine(scrape->self->reload),
		       scrape->om);
}

/* On the thread of the listener; nearly empty when mrasd is stopping. */
static void on_scrape(void *arg, struct openmetrics *om)
{
	const struct mrasd *self = arg;
	struct scrape scrape = {self, om};

	process_metrics(om, self->issuer.started_s);
	inbox_call(self->inbox, write_metrics, &scrape);
}

static bool metrics(struct daemon *daemon, struct metrics_source *source)
{
	*source = (struct metrics_source){.write = on_scrape, .arg = self_of(daemon)};
	return true;
}

/* --- in the loop ------------------------------------------------------------------------------- */

static void serving(struct daemon *daemon)
{
	const struct mras_config *config = config_of(daemon);

	mras_listeners_start(self_of(daemon)->issuer.listeners, config, NULL);
	log_notice("serving on port %u of %zu inside address%s: %zu trusted server%s, "
		   "%zu relay%s",
		   config->port, config->address_count,
		   config->address_count == 1 ? "" : "es", config->server_count,
		   config->server_count == 1 ? "" : "s", config->relay_count,
		   config->relay_count == 1 ? "" : "s");
}

/*
 * Every 20 ms: requests that have begun are answered, quiet connections are ended, and when there are
 * none the process may end. New connections wait for the next one.
 */
static void finish_on(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct daemon *daemon = arg;
	struct mrasd *self = self_of(daemon);

	issuer_tick(&self->issuer);
	if (mras_connections_finish(&self->issuer, QUIET_MS) ||
	    self->issuer.now_ms - self->finish_ms >= FINISH_MS)
		daemon_leave(daemon);
}

static void finish(struct daemon *daemon)
{
	static const struct timeval often = {.tv_usec = 20000};
	struct mrasd *self = self_of(daemon);

	issuer_tick(&self->issuer);
	self->finish_ms = self->issuer.now_ms;
	self->issuer.leaves = true;
	mras_listeners_pause(self->issuer.listeners);
	self->finishing = event_new(daemon->base, -1, EV_PERSIST, finish_on, daemon);
	if (self->finishing == NULL || event_add(self->finishing, &often) != 0)
		daemon_leave(daemon);
}

static void reload(struct daemon *daemon)
{
	struct mrasd *self = self_of(daemon);

	issuer_tick(&self->issuer);
	reload_configuration(mras_reload_engine(self->reload), self->issuer.unix_s, NULL);
}

static void periodic(struct daemon *daemon)
{
	struct mrasd *self = self_of(daemon);

	issuer_tick(&self->issuer);
	mras_reload_periodic(self->reload);
}

static void status(struct daemon *daemon, char *line, size_t size)
{
	const struct issuer *issuer = &self_of(daemon)->issuer;
	const struct service *service = &issuer->settings->service;
	size_t draining = mras_drain_count(service->relays, service->relay_count);
	char drains[48] = "";

	if (draining > 0)
		snprintf(drains, sizeof(drains), ", %zu of %zu relays draining", draining,
			 service->relay_count);
	snprintf(line, size,
		 "%zu connections, %" PRIu64 " credentials issued, %" PRIu64 " refused%s",
		 mras_connections_count(issuer->connections),
		 mras_counters_issued(&issuer->mras_counters),
		 mras_counters_refused(&issuer->mras_counters), drains);
}

static void log_counters(struct daemon *daemon)
{
	issuer_log_counters(&self_of(daemon)->issuer);
}

int main(int argc, char **argv)
{
	static struct mrasd self;
	const struct daemon_ops ops = {
		.name = "mrasd",
		.purpose =
			"Issues short-lived credentials for the relay to trusted servers.",
		.signals =
			"SIGHUP reloads, SIGUSR1 logs the counters, SIGUSR2 leaves the ports to the "
			"next process, SIGTERM ends.",
		.config = SYSCONFDIR "/avedge/mrasd.conf",
		.self = &self,
		.schema = &mras_config_schema,
		.prepare = {"clock", prepare, NULL},
		.bind = {"ports", bind_ports, unbind_ports},
		.keys = {"keys", read_keys, free_keys},
		.inspect = inspect,
		.work = {"listeners", start_work, stop_work},
		.self_test = self_test,
		.metrics = metrics,
		.routes = issuer_routes,
		.route_count = issuer_route_count,
		.routes_arg = &self.control,
		.serving = serving,
		.reload = reload,
		.periodic = periodic,
		.status = status,
		.log_counters = log_counters,
		.finish = finish,
	};

	return daemon_run(&ops, argc, argv);
}
