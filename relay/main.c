/*
 * main.c - mediarelayd: its stages in the life of a daemon (base/daemon/daemon.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/daemon/daemon.h"
#include "base/daemon/daemon_run.h"
#include "base/descriptors/fd_store.h"
#include "base/descriptors/inherited.h"
#include "base/descriptors/restarts.h"
#include "base/log.h"
#include "base/metrics/metrics_listener.h"
#include "base/watchdog.h"
#include "relay/core/ids.h"
#include "relay/core/shared.h"
#include "relay/descriptor_limit.h"
#include "relay/front/clients.h"
#include "relay/front/fronts.h"
#include "relay/front/udp.h"
#include "relay/kernel_plane.h"
#include "relay/leaving.h"
#include "relay/ops/addresses.h"
#include "relay/ops/control.h"
#include "relay/ops/metrics_http.h"
#include "relay/ops/port_conflicts.h"
#include "relay/ops/record_writer.h"
#include "relay/ops/records.h"
#include "relay/ops/status_line.h"
#include "relay/relay.h"
#include "relay/reload/drain.h"
#include "relay/reload/network.h"
#include "relay/reload/relay_config.h"
#include "relay/reload/relay_reload.h"
#include "relay/reload/relay_remarks.h"
#include "relay/reload/relay_schema.h"
#include "relay/self_test.h"
#include "relay/succession.h"
#include "relay/worker.h"
#include "stun/integrity.h"

struct mediarelayd {
	struct relay relay;
	struct relay_reload *reload;
	struct inherited *inherited; /* NULL once all is taken up, and with --check */
	struct succession *succession;
	struct shared_sizes sizes;
	uint64_t served_ms;            /* when the workers began to run */
	struct front_sockets *sockets; /* one set for each worker */
	struct addresses *addresses;
	struct metrics_http *metrics_http;
	struct status_line status;
	struct port_conflicts conflicts;
	uint32_t unauthenticated_max;     /* stream clients of a worker */
	uint64_t heartbeats[WORKERS_MAX]; /* as of the last feeding of the watchdog */
};

static struct mediarelayd *self_of(const struct daemon *daemon)
{
	return daemon->ops->self;
}

static const struct relay_config *config_of(const struct daemon *daemon)
{
	return (const struct relay_config *)daemon->config;
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

/* --- prepare: what the workers share --------------------------------------------------------- */

/* Fronts and outside addresses as configured, before anything of them is open. */
static bool make_network(struct daemon *daemon)
{
	struct network *network = network_new();
	struct network_view first;

	self_of(daemon)->relay.network = network;
	if (network == NULL)
		return daemon_no_memory(daemon);
	if (!network_plan(network, config_of(daemon), &first, daemon->error,
			  sizeof(daemon->error)))
		return false;
	network_set(network, &first);
	return true;
}

/* What the process before has left; its keys are needed first. */
static bool inherit(struct daemon *daemon)
{
	struct mediarelayd *self = self_of(daemon);

	self->inherited = daemon->predecessor.inherited;
	if (!daemon->check && self->inherited == NULL) {
		self->inherited = inherited_new();
		if (self->inherited == NULL ||
		    !inherited_from_environment(self->inherited))
			return daemon_no_memory(daemon);
		restarts_pause(self->inherited);
		fd_store_open();
	}
	self->succession = succession_new(self->inherited);
	return self->succession != NULL ? true : daemon_no_memory(daemon);
}

/* Also before there is anything but a configuration that cannot be read. */
static size_t waiting(struct daemon *daemon)
{
	struct mediarelayd *self = self_of(daemon);
	size_t count = 0;

	if (self->succession != NULL)
		return succession_waiting(self->succession);
	if (inherit(daemon))
		count = succession_waiting(self->succession);
	succession_free(self->succession);
	inherited_leave(self->inherited);
	self->succession = NULL;
	self->inherited = NULL;
	return count;
}

static const struct saved_secrets *secrets_of(const struct daemon *daemon)
{
	return succession_secrets(self_of(daemon)->succession);
}

static bool prepare(struct daemon *daemon)
{
	const struct relay_config *config = config_of(daemon);
	const struct relay_config_side *outside = &config->sides[SIDE_OUTSIDE];
	struct relay *relay = &self_of(daemon)->relay;
	struct turn_shared *shared = &relay->shared;
	size_t ports =
		(size_t)(config->relay.ports.last - config->relay.ports.first + 1) *
		outside->address_count;
	struct shared_sizes *sizes = &self_of(daemon)->sizes;

	*sizes = (struct shared_sizes){
		.pool =
			{
				.address_count = outside->address_count,
				.first = config->relay.ports.first,
				.last = config->relay.ports.last,
				.rest_ms = config->relay.rest_ms,
			},
		.reservations = ports / 2 + 1,
		.owners = 2 * ports, /* an allocation on each, UDP and TCP */
	};

	relay->config = config;
	relay->started_s = time(NULL);
	relay->started_ms = monotonic_ms();
	if (!make_network(daemon) || !inherit(daemon))
		return false;
	shared->relay = network_view(relay->network)->relay;
	shared->relay_count = PORT_POOL_ADDRESSES_MAX;
	shared->fronts = network_view(relay->network)->fronts;
	shared->front_count = FRONTS_MAX;
	shared->allocations_total = config->fixed_limits.allocations_total;
	shared->hash_key = secrets_of(daemon)->hash;
	shared->mobility_key = secrets_of(daemon)->mobility;
	random_bytes(&sizes->pool.seed, sizeof(sizes->pool.seed));
	random_bytes(&sizes->tcp_seed, sizeof(sizes->tcp_seed));
	return shared_make(shared, sizes) ? true : daemon_no_memory(daemon);
}

static void unprepare(struct daemon *daemon)
{
	struct mediarelayd *self = self_of(daemon);

	succession_free(self->succession);
	inherited_leave(self->inherited);
	shared_free(&self->relay.shared);
	network_free(self->relay.network);
}

/* --- bind -------------------------------------------------------------------------------------- */

static size_t worker_count(const struct relay_config *config)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (config->workers != 0)
		return config->workers;
	return cpus < 1 ? 1 : cpus > WORKERS_MAX ? WORKERS_MAX : (size_t)cpus;
}

static bool bind_fronts(struct daemon *daemon)
{
	struct mediarelayd *self = self_of(daemon);
	const struct network_view *view = network_view(self->relay.network);
	bool serving[NETWORK_ROWS];

	self->relay.worker_count = worker_count(config_of(daemon));
	self->sockets = calloc(self->relay.worker_count, sizeof(*self->sockets));
	if (self->sockets == NULL)
		return daemon_no_memory(daemon);
	for (size_t i = 0; i < NETWORK_ROWS; i++)
		serving[i] = view->states[i] == NETWORK_SERVING;
	return fronts_bind(config_of(daemon), view->fronts, serving, self->inherited,
			   self->sockets, self->relay.worker_count, daemon->error,
			   sizeof(daemon->error)) &&
	       fronts_try_outside(config_of(daemon), view->relay, &serving[FRONTS_MAX],
				  daemon->error, sizeof(daemon->error));
}

static void unbind_fronts(struct daemon *daemon)
{
	free(self_of(daemon)->sockets); /* workers have adopted what is open */
}

/* --- keys -------------------------------------------------------------------------------------- */

static bool read_keys(struct daemon *daemon)
{
	struct nonce_key nonce_key = {.lifetime_s = config_of(daemon)->nonce_lifetime_s};
	struct relay *relay = &self_of(daemon)->relay;

	if (!stun_integrity_ready()) {
		snprintf(
			daemon->error, sizeof(daemon->error),
			"OpenSSL offers no MD5, SHA-1 or SHA-256; check its FIPS policy");
		return false;
	}
	memcpy(nonce_key.bytes, secrets_of(daemon)->nonce, sizeof(nonce_key.bytes));
	self_of(daemon)->reload = relay_reload_new(relay, daemon->config, &nonce_key,
						   daemon->error, sizeof(daemon->error));
	return self_of(daemon)->reload != NULL;
}

static void free_keys(struct daemon *daemon)
{
	relay_reload_free(self_of(daemon)->reload);
}

static bool inspect(struct daemon *daemon)
{
	const struct mediarelayd *self = self_of(daemon);

	return relay_remarks_start(config_of(daemon), network_view(self->relay.network),
				   relay_reload_settings(self->reload), time(NULL),
				   daemon->error, sizeof(daemon->error));
}

/* --- work: threads, and what main watches ------------------------------------------------------- */

static bool make_worker(struct daemon *daemon, size_t index)
{
	struct mediarelayd *self = self_of(daemon);
	struct relay_settings *settings =
		relay_settings_ref(relay_reload_settings(self->reload));
	const struct worker_common common = {
		.config = self->relay.config,
		.shared = &self->relay.shared,
		.records = self->relay.records,
		.offload = self->relay.offload,
		.flow_owner = kernel_plane_owner(&self->relay),
		.unauthenticated_max = self->unauthenticated_max,
		.workers = self->relay.workers,
		.worker_count = self->relay.worker_count,
		.state = succession_head(self->succession),
	};
	struct worker *worker = worker_new(&common, (unsigned)index, settings,
					   daemon->error, sizeof(daemon->error));

	self->relay.workers[index] = worker;
	if (worker == NULL) {
		relay_settings_unref(settings);
		return false;
	}
	if (!worker_open_fronts(worker, &self->sockets[index]) ||
	    !heartbeat_start(&worker->heartbeat, worker->loop.base,
			     watchdog_heartbeat_ms()))
		return daemon_no_memory(daemon);
	return true;
}

static bool make_workers(struct daemon *daemon)
{
	struct relay *relay = &self_of(daemon)->relay;

	self_of(daemon)->unauthenticated_max = descriptor_limit_unauthenticated(relay);
	relay->workers = calloc(relay->worker_count, sizeof(*relay->workers));
	relay->shared.worker_count = (unsigned)relay->worker_count;
	relay->shared.half_open =
		quota_new(clients_owners(relay->worker_count,
					 config_of(daemon)->stream.unauthenticated),
			  0);
	if (relay->workers == NULL || relay->shared.half_open == NULL)
		return daemon_no_memory(daemon);
	if (!succession_begin(self_of(daemon)->succession, relay, &self_of(daemon)->sizes,
			      daemon->error, sizeof(daemon->error)))
		return false;
	for (size_t i = 0; i < relay->worker_count; i++) {
		if (!make_worker(daemon, i))
			return false;
	}
	return true;
}

static bool no_thread(struct daemon *daemon, int error)
{
	snprintf(daemon->error, sizeof(daemon->error), "thread: %s", strerror(error));
	return false;
}

static bool start_threads(struct daemon *daemon)
{
	struct relay *relay = &self_of(daemon)->relay;

	relay->record_writer = record_writer_start(relay->records);
	if (relay->record_writer == NULL)
		return no_thread(daemon, errno);
	for (size_t i = 0; i < relay->worker_count; i++) {
		int error = worker_start(relay->workers[i]);

		if (error != 0)
			return no_thread(daemon, error);
	}
	return true;
}

static void host_changed(void *arg, struct host_addresses *now)
{
	struct mediarelayd *self = arg;

	relay_reload_host_addresses(self->reload, now);
}

/* Before the process that is asked leaves; without one, self_test() comes soon enough. */
static bool is_sound(struct daemon *daemon)
{
	struct relay *relay = &self_of(daemon)->relay;

	for (size_t i = 0; i < relay->worker_count && daemon->take_over != NULL; i++) {
		struct worker *worker = relay->workers[i];

		if (!self_test_run(&worker->turn, relay->config->common.keys,
				   worker->loop.now_ms, worker->loop.unix_s,
				   daemon->error, sizeof(daemon->error)))
			return false;
	}
	return true;
}

/* The fronts are ours alone. */
static bool settle_fronts(struct daemon *daemon)
{
	const struct relay *relay = &self_of(daemon)->relay;

	for (size_t i = 0; i < relay->worker_count; i++) {
		int failed = udp_fronts_settle(relay->workers[i]->udp_fronts);

		if (failed == 0)
			continue;
		snprintf(daemon->error, sizeof(daemon->error),
			 "cannot steer datagrams to workers (SO_ATTACH_REUSEPORT_CBPF): "
			 "%s; set \"workers = 1\"",
			 strerror(-failed));
		return false;
	}
	fronts_forget(self_of(daemon)->inherited);
	return true;
}

static bool start_work(struct daemon *daemon)
{
	struct mediarelayd *self = self_of(daemon);
	struct relay *relay = &self->relay;

	relay->main = daemon->inbox;
	relay->takes_over = daemon->take_over != NULL;
	relay->drain = drain_new(daemon->base, relay);
	relay->records = records_new(RECORDS_KEPT);
	if (relay->drain == NULL || relay->records == NULL ||
	    !kernel_plane_start(relay, daemon->base))
		return daemon_no_memory(daemon);
	self->addresses = addresses_watch(daemon->base, host_changed, self);
	if (self->addresses == NULL) {
		snprintf(daemon->error, sizeof(daemon->error), "netlink: %s",
			 strerror(errno));
		return false;
	}
	if (!make_workers(daemon) ||
	    !succession_take_up(self->succession, relay, daemon->error,
				sizeof(daemon->error)))
		return false;
	if (!is_sound(daemon) || !daemon_take_over_done(daemon) || !settle_fronts(daemon))
		return false;
	succession_settle(self->succession, relay);
	/* What nobody has taken by now, nobody needs. */
	inherited_free(self->inherited);
	self->inherited = NULL;
	worker_drain_leftovers(relay->workers[0], self->sockets);
	kernel_plane_take_up(relay);
	if (!start_threads(daemon))
		return false;
	self->served_ms = monotonic_ms();
	return true;
}

static void stop_work(struct daemon *daemon)
{
	struct mediarelayd *self = self_of(daemon);
	struct relay *relay = &self->relay;
	size_t count = relay->workers != NULL ? relay->worker_count : 0;

	metrics_http_free(self->metrics_http);
	drain_free(relay->drain);
	addresses_free(self->addresses);
	for (size_t i = 0; i < count; i++) {
		if (relay->workers[i] != NULL)
			worker_stop(relay->workers[i]);
	}
	for (size_t i = 0; i < count; i++)
		worker_free(relay->workers[i]);
	free(relay->workers);
	kernel_plane_stop(relay);
	record_writer_stop(relay->record_writer);
	records_free(relay->records);
}

static void leave(struct daemon *daemon)
{
	struct relay *relay = &self_of(daemon)->relay;

	leaving_pause(relay);
	leaving_finish(relay);
	succession_pulse(self_of(daemon)->succession, relay);
	leaving_store(relay);
	record_writer_stop(relay->record_writer);
}

/* --- another process takes over ---------------------------------------------------------------- */

static bool pause_work(struct daemon *daemon, char *error, size_t error_size)
{
	struct relay *relay = &self_of(daemon)->relay;

	(void)error;
	(void)error_size;
	leaving_pause(relay);
	succession_pulse(self_of(daemon)->succession, relay);
	return true;
}

static void each_descriptor(struct daemon *daemon,
			    void (*give)(void *arg, const char *name, int fd), void *arg)
{
	const struct relay *relay = &self_of(daemon)->relay;

	succession_each_descriptor(self_of(daemon)->succession, relay, give, arg);
	leaving_each_descriptor(relay, give, arg);
}

static void resume_work(struct daemon *daemon)
{
	struct relay *relay = &self_of(daemon)->relay;
	int failed;

	for (size_t i = 0; i < relay->worker_count; i++)
		udp_fronts_settle(relay->workers[i]->udp_fronts);
	failed = leaving_resume(relay);
	/* Their clients wait, and systemd or the operator has to know. */
	if (failed != 0)
		log_error("a worker cannot go on: %s", strerror(failed));
}

static const struct daemon_take_over_ops take_over = {
	.pause = pause_work,
	.each = each_descriptor,
	.resume = resume_work,
};

static bool self_test(struct daemon *daemon)
{
	return relay_self_test(&self_of(daemon)->relay, time(NULL), daemon->error,
			       sizeof(daemon->error));
}

static bool metrics(struct daemon *daemon, struct metrics_source *source)
{
	struct mediarelayd *self = self_of(daemon);

	self->metrics_http = metrics_http_new(&self->relay, source);
	return self->metrics_http != NULL ? true : daemon_no_memory(daemon);
}

/* --- in the loop ------------------------------------------------------------------------------- */

static void serving(struct daemon *daemon)
{
	const struct relay_config *config = config_of(daemon);
	size_t addresses = config->sides[SIDE_OUTSIDE].address_count;
	size_t workers = self_of(daemon)->relay.worker_count;

	log_notice("serving: %zu worker%s, relay ports %u-%u on %zu outside address%s",
		   workers, workers == 1 ? "" : "s", config->relay.ports.first,
		   config->relay.ports.last, addresses, addresses == 1 ? "" : "es");
	if (fd_store_is_there())
		log_notice("a restart keeps calls: in the descriptor store of systemd");
	else if (config->common.take_over.socket != NULL)
		log_notice(
			"a new process keeps calls by --take-over %s; any other restart "
			"ends them",
			config->common.take_over.socket);
	else
		log_notice("a restart ends calls: neither systemd's descriptor store nor "
			   "take_over.socket is there to keep them");
	succession_tell(self_of(daemon)->succession, &self_of(daemon)->relay,
			self_of(daemon)->served_ms);
}

static void reload(struct daemon *daemon)
{
	reload_configuration(self_of(daemon)->relay.reload, time(NULL), NULL);
}

static void periodic(struct daemon *daemon)
{
	struct mediarelayd *self = self_of(daemon);

	relay_reload_periodic(self->reload);
	succession_pulse(self->succession, &self->relay);
	port_conflicts_tell(&self->conflicts, &self->relay, monotonic_ms());
}

static void status(struct daemon *daemon, char *line, size_t size)
{
	struct mediarelayd *self = self_of(daemon);
	struct drain_state drain = drain_state(self->relay.drain);
	struct counters sum;

	relay_counters(&self->relay, &sum);
	status_line_write(&self->status, &sum, &drain, monotonic_ms(), line, size);
}

/* A call on a worker that stands still is dead; a restart at least ends the waiting. */
static bool is_alive(struct daemon *daemon)
{
	struct mediarelayd *self = self_of(daemon);
	size_t still;

	if (relay_is_alive(&self->relay, self->heartbeats, &still))
		return true;
	log_warning("worker %zu has stood still since the watchdog was last fed", still);
	return false;
}

int main(int argc, char **argv)
{
	static struct mediarelayd self;
	const struct daemon_ops ops = {
		.name = "mediarelayd",
		.purpose = "STUN/TURN relay with an inside and an outside.",
		.signals =
			"SIGHUP reloads, SIGUSR2 leaves the calls to the next process, SIGTERM ends.",
		.config = SYSCONFDIR "/avedge/mediarelayd.conf",
		.binds_later = true,
		.self = &self,
		.schema = &relay_config_schema,
		.waiting = waiting,
		.prepare = {"shared tables", prepare, unprepare},
		.bind = {"fronts", bind_fronts, unbind_fronts},
		.keys = {"keys", read_keys, free_keys},
		.inspect = inspect,
		.work = {"workers", start_work, stop_work},
		.self_test = self_test,
		.metrics = metrics,
		.routes = control_routes,
		.route_count = control_route_count,
		.routes_arg = &self.relay,
		.serving = serving,
		.reload = reload,
		.periodic = periodic,
		.status = status,
		.is_alive = is_alive,
		.leave = leave,
		.take_over = &take_over,
	};

	return daemon_run(&ops, argc, argv);
}
