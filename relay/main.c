/*
 * main.c - the start of mediarelayd, in this order and no other: arguments, configuration
 * (--check stops here), bind, keys, drop privileges, workers, self-test, READY=1. Afterwards main waits
 * for signals, changed files and changed addresses.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/control/control_socket.h"
#include "base/daemon.h"
#include "base/inbox.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/privdrop.h"
#include "base/watchdog.h"
#include "relay/core/ids.h"
#include "relay/core/shared.h"
#include "relay/front/fronts.h"
#include "relay/ops/addresses.h"
#include "relay/ops/control.h"
#include "relay/ops/metrics_http.h"
#include "relay/ops/record_writer.h"
#include "relay/ops/records.h"
#include "relay/ops/status_line.h"
#include "relay/relay.h"
#include "relay/reload/config.h"
#include "relay/reload/drain.h"
#include "relay/reload/network.h"
#include "relay/reload/reload.h"
#include "relay/self_test.h"
#include "relay/worker.h"
#include "stun/integrity.h"

/* Everything main owns, in the order in which it comes into being. */
struct daemon {
	struct config *config; /* reload's from the moment there is one */
	struct front_sockets *sockets;
	struct relay relay;
	struct reload *reload;
	struct event_base *base;
	struct addresses *addresses;
	struct watchdog *watchdog;
	uint64_t heartbeats[WORKERS_MAX]; /* as of the last feeding */
	struct status_line status;
	bool failed_itself; /* the self-test: the keys are to blame, and trying again is vain */
	struct control_socket *control;
	struct metrics_http *metrics_http;
	struct daemon_identity identity;
	char error[512];
};

static const struct daemon_program program = {
	.name = "mediarelayd",
	.purpose = "STUN/TURN relay with an inside and an outside.",
	.signals = "SIGHUP reloads, SIGTERM ends.",
	.config = SYSCONFDIR "/avedge/mediarelayd.conf",
	.print_keys = config_print_keys,
};

static bool no_memory(struct daemon *daemon)
{
	snprintf(daemon->error, sizeof(daemon->error), "out of memory");
	return false;
}

static void random_bytes(void *buf, size_t len)
{
	/* At most 256 bytes are asked for, which never come short. */
	if (getrandom(buf, len, 0) != (ssize_t)len)
		abort();
}

static uint64_t monotonic_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Fronts and outside addresses as configured, before anything of them is open. */
static bool make_network(struct daemon *daemon)
{
	struct network *network = network_new();
	struct network_view first;

	daemon->relay.network = network;
	if (network == NULL)
		return no_memory(daemon);
	if (!network_plan(network, daemon->config, &first, daemon->error,
			  sizeof(daemon->error)))
		return false;
	network_set(network, &first);
	return true;
}

/* What the workers share. */
static bool make_shared(struct daemon *daemon)
{
	const struct config *config = daemon->config;
	const struct config_side *outside = &config->sides[SIDE_OUTSIDE];
	struct turn_shared *shared = &daemon->relay.shared;
	size_t ports = (size_t)(config->relay.last - config->relay.first + 1) *
		       outside->address_count;
	struct shared_sizes sizes = {
		.pool =
			{
				.address_count = outside->address_count,
				.first = config->relay.first,
				.last = config->relay.last,
				.rest_ms = config->relay.rest_ms,
			},
		.reservations = ports / 2 + 1,
		.owners = 2 * ports, /* an allocation on each, UDP and TCP */
	};

	if (!make_network(daemon))
		return false;
	shared->relay = network_view(daemon->relay.network)->relay;
	shared->relay_count = PORT_POOL_ADDRESSES_MAX;
	shared->fronts = network_view(daemon->relay.network)->fronts;
	shared->front_count = FRONTS_MAX;
	shared->allocations_total = config->fixed_limits.allocations_total;
	random_bytes(&shared->hash_key, sizeof(shared->hash_key));
	random_bytes(&sizes.pool.seed, sizeof(sizes.pool.seed));
	random_bytes(&sizes.tcp_seed, sizeof(sizes.tcp_seed));
	return shared_make(shared, &sizes) ? true : no_memory(daemon);
}

static bool bind_fronts(struct daemon *daemon)
{
	struct relay *relay = &daemon->relay;
	const struct network_view *view = network_view(relay->network);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	bool fronts[FRONTS_MAX], addresses[PORT_POOL_ADDRESSES_MAX];

	relay->worker_count = daemon->config->workers;
	if (relay->worker_count == 0)
		relay->worker_count = cpus < 1             ? 1
				      : cpus > WORKERS_MAX ? WORKERS_MAX
							   : (size_t)cpus;
	daemon->sockets = calloc(relay->worker_count, sizeof(*daemon->sockets));
	if (daemon->sockets == NULL)
		return no_memory(daemon);
	for (size_t i = 0; i < FRONTS_MAX; i++)
		fronts[i] = view->front_states[i] == NETWORK_SERVING;
	for (size_t i = 0; i < PORT_POOL_ADDRESSES_MAX; i++)
		addresses[i] = view->relay_states[i] == NETWORK_SERVING;
	return fronts_bind(daemon->config, view->fronts, fronts, daemon->sockets,
			   relay->worker_count, daemon->error, sizeof(daemon->error)) &&
	       fronts_try_outside(daemon->config, view->relay, addresses, daemon->error,
				  sizeof(daemon->error));
}

static bool read_settings(struct daemon *daemon)
{
	struct nonce_key nonce_key = {.lifetime_s = daemon->config->nonce_lifetime_s};

	if (!stun_integrity_ready()) {
		snprintf(
			daemon->error, sizeof(daemon->error),
			"OpenSSL offers no MD5, SHA-1 or SHA-256; a FIPS policy may be why");
		return false;
	}

	random_bytes(nonce_key.bytes, sizeof(nonce_key.bytes));
	daemon->reload = reload_new(&daemon->relay, daemon->config, &nonce_key,
				    daemon->error, sizeof(daemon->error));
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

/* While we may still create folders and give files away. */
static bool bind_control(struct daemon *daemon)
{
	const char *socket = daemon->config->control.socket;

	if (socket == NULL)
		return true;
	daemon->control = control_socket_bind(socket, daemon->identity.who.uid,
					      daemon->identity.control_group,
					      daemon->error, sizeof(daemon->error));
	return daemon->control != NULL ||
	       blame(daemon, daemon->config->lines.control_socket, "control.socket");
}

static bool bind_metrics_http(struct daemon *daemon)
{
	const struct endpoint *where = &daemon->config->metrics.listen;

	if (where->ip.family == IP_NONE)
		return true;
	daemon->metrics_http =
		metrics_http_bind(where, daemon->error, sizeof(daemon->error));
	return daemon->metrics_http != NULL ||
	       blame(daemon, daemon->config->lines.metrics_listen, "metrics.listen");
}

/* A reload may add a listener on a low port. */
static bool drop_privileges(struct daemon *daemon)
{
	return bind_control(daemon) && bind_metrics_http(daemon) &&
	       privdrop_to(&daemon->identity.who, true, daemon->error,
			   sizeof(daemon->error));
}

static bool make_workers(struct daemon *daemon)
{
	struct relay *relay = &daemon->relay;
	size_t count = relay->worker_count;

	relay->workers = calloc(count, sizeof(*relay->workers));
	relay->shared.half_open =
		quota_new(count * daemon->config->fixed_limits.unauthenticated);
	if (relay->workers == NULL || relay->shared.half_open == NULL)
		return no_memory(daemon);
	for (size_t i = 0; i < count; i++) {
		struct settings *settings = settings_ref(reload_settings(daemon->reload));
		relay->workers[i] = worker_new(relay, (unsigned)i, settings,
					       daemon->error, sizeof(daemon->error));
		if (relay->workers[i] == NULL) {
			settings_unref(settings);
			return false;
		}
		if (!worker_adopt(relay->workers[i], &daemon->sockets[i]) ||
		    !heartbeat_start(&relay->workers[i]->heartbeat,
				     relay->workers[i]->base, watchdog_heartbeat_ms()))
			return no_memory(daemon);
	}
	return true;
}

/* What other threads ask of main, and what workers tell them. */
static bool open_inbox(struct daemon *daemon)
{
	struct relay *relay = &daemon->relay;

	relay->main = inbox_new(daemon->base);
	relay->drain = drain_new(daemon->base, relay);
	relay->records = records_new(RECORDS_KEPT);
	relay->reload = daemon->reload;
	return relay->main != NULL && relay->drain != NULL && relay->records != NULL
		       ? true
		       : no_memory(daemon);
}

static bool start_workers(struct daemon *daemon)
{
	sigset_t all, before;

	/* Signals are main's alone. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	daemon->relay.record_writer = record_writer_start(daemon->relay.records);
	if (daemon->relay.record_writer == NULL) {
		snprintf(daemon->error, sizeof(daemon->error), "thread: %s",
			 strerror(errno));
		return false;
	}
	for (size_t i = 0; i < daemon->relay.worker_count; i++) {
		int error = worker_start(daemon->relay.workers[i]);
		if (error != 0) {
			snprintf(daemon->error, sizeof(daemon->error), "thread: %s",
				 strerror(error));
			return false;
		}
	}
	if (!self_test(&daemon->relay, time(NULL), daemon->error,
		       sizeof(daemon->error))) {
		daemon->failed_itself = true;
		return false;
	}
	if (daemon->control != NULL &&
	    !control_socket_start(daemon->control, control_routes, control_route_count,
				  &daemon->relay, daemon->error, sizeof(daemon->error)))
		return blame(daemon, daemon->config->lines.control_socket,
			     "control.socket");
	if (daemon->metrics_http != NULL &&
	    !metrics_http_start(daemon->metrics_http, &daemon->relay, daemon->error,
				sizeof(daemon->error)))
		return blame(daemon, daemon->config->lines.metrics_listen,
			     "metrics.listen");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return true;
}

static void asked_to_reload(void *arg)
{
	struct daemon *daemon = arg;

	notify_reloading();
	reload_configuration(daemon->reload, NULL);
	notify_ready();
}

/* What systemctl status shows. */
static void tell_status(struct daemon *daemon)
{
	struct drain_state drain;
	struct counters sum;

	relay_counters(&daemon->relay, &sum);
	drain = drain_state(daemon->relay.drain);
	if (status_line_update(&daemon->status, &sum, &drain, monotonic_ms()))
		notify_status("%s", daemon->status.text);
}

static void periodic(void *arg)
{
	struct daemon *daemon = arg;

	reload_watched_files(daemon->reload);
	reload_retired(daemon->reload);
	tell_status(daemon);
}

static void host_changed(void *arg, struct host_addresses *now)
{
	struct daemon *daemon = arg;

	reload_host_addresses(daemon->reload, now);
}

/* A call on a worker that stands still is dead; a restart at least ends the waiting. */
static bool workers_live(void *arg)
{
	struct daemon *daemon = arg;
	size_t still;

	if (heartbeat_all_moved(&daemon->relay, daemon->heartbeats, &still))
		return true;
	log_warning("worker %zu has stood still since the watchdog was last fed", still);
	return false;
}

static bool serve(struct daemon *daemon)
{
	static const struct daemon_hooks hooks = {
		.reload = asked_to_reload,
		.periodic = periodic,
	};
	const struct config_side *outside = &daemon->config->sides[SIDE_OUTSIDE];
	struct daemon_events *events = daemon_events_new(daemon->base, &hooks, daemon);
	bool ok = false;

	daemon->watchdog = watchdog_new(daemon->base, workers_live, daemon);
	daemon->addresses = addresses_watch(daemon->base, host_changed, daemon);
	if (daemon->addresses == NULL)
		snprintf(daemon->error, sizeof(daemon->error), "netlink: %s",
			 strerror(errno));
	else if (events == NULL || daemon->watchdog == NULL)
		no_memory(daemon);
	else
		ok = start_workers(daemon);
	if (ok) {
		log_notice(
			"serving: %zu workers, relay ports %u-%u on %zu outside address%s",
			daemon->relay.worker_count, daemon->config->relay.first,
			daemon->config->relay.last, outside->address_count,
			outside->address_count == 1 ? "" : "es");
		notify_ready();
		tell_status(daemon);
		event_base_dispatch(daemon->base);
		notify_stopping();
	}
	daemon_events_free(events);
	return ok;
}

static void take_down(struct daemon *daemon)
{
	struct relay *relay = &daemon->relay;

	/* Whoever still waits for main is let go before its thread is waited for. */
	if (relay->main != NULL)
		inbox_close(relay->main);
	control_socket_stop(daemon->control);
	metrics_http_stop(daemon->metrics_http);
	drain_free(relay->drain);
	inbox_free(relay->main);
	addresses_free(daemon->addresses);
	watchdog_free(daemon->watchdog);
	for (size_t i = 0; relay->workers != NULL && i < relay->worker_count; i++) {
		if (relay->workers[i] != NULL)
			worker_stop(relay->workers[i]);
	}
	for (size_t i = 0; relay->workers != NULL && i < relay->worker_count; i++)
		worker_free(relay->workers[i]);
	free(relay->workers);
	record_writer_stop(relay->record_writer);
	records_free(relay->records);
	if (daemon->base != NULL)
		event_base_free(daemon->base);
	if (daemon->reload != NULL)
		reload_free(daemon->reload);
	else
		config_free(daemon->config);
	shared_free(&relay->shared);
	network_free(relay->network);
	free(daemon->sockets);
	libevent_global_shutdown();
}

static int run(struct daemon *daemon, const struct daemon_arguments *arguments)
{
	struct relay *relay = &daemon->relay;
	enum log_level level;

	daemon->config =
		config_load(arguments->config, daemon->error, sizeof(daemon->error));
	if (daemon->config == NULL)
		return DAEMON_EXIT_CONFIG;
	if (log_level_parse(daemon->config->log.level, &level))
		log_set_level(level);
	relay->config = daemon->config;
	relay->started_s = time(NULL);
	relay->started_ms = monotonic_ms();
	if (!look_up_names(daemon))
		return DAEMON_EXIT_CONFIG;
	if (!make_shared(daemon))
		return EXIT_FAILURE;
	if (arguments->check) {
		if (!read_settings(daemon))
			return DAEMON_EXIT_CONFIG;
		printf("%s: good\n", arguments->config);
		return EXIT_SUCCESS;
	}

	privdrop_raise_files();
	if (!bind_fronts(daemon))
		return EXIT_FAILURE;
	if (!read_settings(daemon))
		return DAEMON_EXIT_CONFIG;
	if (!drop_privileges(daemon))
		return EXIT_FAILURE;
	daemon->base = event_base_new();
	if (daemon->base == NULL)
		no_memory(daemon);
	if (daemon->base == NULL || !open_inbox(daemon) || !make_workers(daemon) ||
	    !serve(daemon))
		return daemon->failed_itself ? DAEMON_EXIT_CONFIG : EXIT_FAILURE;
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct daemon_arguments arguments = daemon_read_arguments(&program, argc, argv);
	static struct daemon daemon;

	log_open("mediarelayd");
	signal(SIGPIPE, SIG_IGN);
	int status = run(&daemon, &arguments);
	if (status != EXIT_SUCCESS)
		log_error("%s", daemon.error);
	take_down(&daemon);
	return status;
}
