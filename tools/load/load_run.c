/*
 * load_run.c - see load_run.h. A timer of one millisecond drives it:
 *
 *   SET_UP --> MEDIA --> DRAIN --> RELEASE --> over
 *      |\----> HOLD -----------------/
 *      CYCLE --> over
 *
 * SIGINT, SIGTERM and SIGHUP lead to DRAIN or RELEASE, whichever is next; a second one ends the run
 * at once, when load_clients_free() still sends one release for each allocation.
 */
#include "tools/load/load_run.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "tools/client/clock.h"
#include "tools/load/load_clients.h"
#include "tools/load/load_net.h"
#include "tools/load/load_peers.h"
#include "tools/load/load_progress.h"
#include "tools/load/load_streams.h"
#include "tools/load/load_traffic.h"
#include "tools/load/pacer.h"

enum {
	TICK_NS = 1000000,
	DRAIN_MS = 3000, /* for packets in flight and moves; a busy machine is slow */
	SPARE_DESCRIPTORS = 64,
	ONE_SIGNAL_MS = 200, /* timeout(1) sends its signal twice within this */
};

enum phase { SET_UP, CYCLE, HOLD, MEDIA, DRAIN, RELEASE, OVER };

struct sender {
	uint32_t client;
	enum load_direction direction;
};

struct run {
	const struct load_options *options;
	struct load_result *result;
	struct event_base *base;
	struct event *tick, *interrupt, *terminate, *hangup;
	int timer_fd;
	SSL_CTX *tls;
	struct load_peers *peers;
	struct load_streams *streams; /* instead, if relayed addresses are of TCP */
	struct load_clients *clients;
	struct load_traffic *traffic;
	struct sender *senders; /* in the order of their turns */
	uint32_t sender_count;
	struct pacer pacer;
	enum phase phase;
	uint64_t phase_ns; /* when it began */
	uint64_t interrupted_ns;
	double cpu_s; /* used before the media began */
	struct load_progress progress;
};

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

/* --- media -------------------------------------------------------------------------------- */

static bool takes_part(const struct run *run, uint32_t id)
{
	return load_clients_is_ready(run->clients, id) &&
	       (!run->options->between_clients ||
		load_clients_is_ready(run->clients, id ^ 1));
}

static void add_sender(struct run *run, uint32_t id, enum load_direction direction)
{
	assert(run->sender_count < run->options->clients * LOAD_DIRECTIONS);
	if (run->options->direction[direction])
		run->senders[run->sender_count++] = (struct sender){id, direction};
}

static bool list_senders(struct run *run)
{
	uint32_t total = run->options->clients;

	run->senders = calloc((size_t)total * LOAD_DIRECTIONS, sizeof(*run->senders));
	if (run->senders == NULL)
		return false;
	for (uint32_t id = 0; id < total; id++) {
		if (!takes_part(run, id))
			continue;
		if (run->options->between_clients) {
			add_sender(run, id, id % 2 == 0 ? LOAD_UP : LOAD_DOWN);
		} else {
			add_sender(run, id, LOAD_UP);
			add_sender(run, id, LOAD_DOWN);
		}
	}
	return true;
}

static void send_burst(struct run *run, const struct sender *sender)
{
	bool from_peer = sender->direction == LOAD_DOWN && !run->options->between_clients;

	if (!load_clients_is_ready(run->clients, sender->client))
		return;
	for (uint32_t i = 0; i < run->options->burst; i++) {
		struct slice payload = load_traffic_next(run->traffic, sender->client,
							 sender->direction);
		bool ok = from_peer ? load_clients_send_down(run->clients, sender->client,
							     payload)
				    : load_clients_send(run->clients, sender->client,
							payload);
		load_traffic_sent(run->traffic, sender->client, sender->direction, ok);
	}
}

static void send_due(struct run *run, uint64_t now_ns)
{
	uint64_t first, count = pacer_due(&run->pacer, now_ns, &first);
	assert(run->sender_count > 0);
	uint32_t turn = (uint32_t)(first % run->sender_count);

	for (; count > 0; count--) {
		send_burst(run, &run->senders[turn]);
		turn = turn + 1 == run->sender_count ? 0 : turn + 1;
	}
}

static void client_data(void *arg, uint32_t id, const struct client_data *data)
{
	struct run *run = arg;
	const struct load_options *options = run->options;
	uint16_t channel = load_clients_channel(run->clients, id);
	uint32_t from = options->between_clients ? id ^ 1 : id;
	enum load_direction direction =
		options->between_clients && id % 2 == 1 ? LOAD_UP : LOAD_DOWN;
	struct stamp stamp;

	if (!load_traffic_read(run->traffic, data->payload, &stamp))
		return;
	if (stamp.client == from && stamp.direction == direction &&
	    data->channel == channel)
		load_traffic_arrived(run->traffic, &stamp, data->arrived_ns);
	else
		load_traffic_misdelivered(run->traffic, &stamp);
}

static void peer_data(void *arg, uint32_t index, struct slice payload,
		      uint64_t arrived_ns)
{
	struct run *run = arg;
	struct stamp stamp;

	/* The empty Send with which a client of the Microsoft dialect permits its peer. */
	if (payload.len == 0 && run->options->dialect_ms)
		return;
	if (!load_traffic_read(run->traffic, payload, &stamp))
		return;
	if (stamp.direction == LOAD_UP &&
	    load_clients_peer(run->clients, stamp.client) == index)
		load_traffic_arrived(run->traffic, &stamp, arrived_ns);
	else
		load_traffic_misdelivered(run->traffic, &stamp);
}

/* --- phases ------------------------------------------------------------------------------- */

static void enter(struct run *run, enum phase phase, uint64_t now_ns)
{
	assert(phase >= run->phase);
	run->phase = phase;
	run->phase_ns = now_ns;
	if (phase == OVER)
		event_base_loopbreak(run->base);
}

static void begin_media(struct run *run, uint64_t now_ns)
{
	const struct load_options *options = run->options;

	if (!list_senders(run) || run->sender_count == 0) {
		enter(run, RELEASE, now_ns);
		return;
	}
	double packets_per_s = options->total_rate > 0
				       ? (double)options->total_rate
				       : (double)options->rate * run->sender_count;
	pacer_start(&run->pacer, packets_per_s / options->burst,
		    (double)options->duration_s, now_ns);
	run->cpu_s = cpu_seconds();
	enter(run, MEDIA, now_ns);
}

static void set_up_is_over(struct run *run, uint64_t now_ns)
{
	run->result->setup_s = (double)(now_ns - run->phase_ns) * 1e-9;
	run->result->handshakes = load_clients_handshakes(run->clients);
	if (run->result->ready == 0)
		enter(run, RELEASE, now_ns);
	else if (run->options->task == LOAD_HOLD)
		enter(run, HOLD, now_ns);
	else
		begin_media(run, now_ns);
}

static void end_media(struct run *run, uint64_t now_ns)
{
	run->result->media_s = (double)(now_ns - run->phase_ns) * 1e-9;
	run->result->media_cpu_s = cpu_seconds() - run->cpu_s;
	run->result->skipped = run->pacer.skipped * run->options->burst;
	enter(run, DRAIN, now_ns);
}

static bool has_lasted(const struct run *run, uint64_t now_ns, uint64_t ms)
{
	return now_ns - run->phase_ns >= ms * 1000000;
}

static void step(struct run *run, uint64_t now_ns)
{
	uint64_t duration_ms = (uint64_t)run->options->duration_s * 1000;

	switch (run->phase) {
	case SET_UP:
		if (load_clients_set_up(run->clients, now_ns))
			set_up_is_over(run, now_ns);
		break;
	case CYCLE:
		if (load_clients_cycle(run->clients, now_ns)) {
			run->result->setup_s = (double)(now_ns - run->phase_ns) * 1e-9;
			run->result->handshakes = load_clients_handshakes(run->clients);
			enter(run, OVER, now_ns);
		}
		break;
	case HOLD:
		if (has_lasted(run, now_ns, duration_ms))
			enter(run, RELEASE, now_ns);
		break;
	case MEDIA:
		if (run->options->move_every_s > 0)
			load_clients_move(run->clients, now_ns - run->phase_ns);
		send_due(run, now_ns);
		if (pacer_is_done(&run->pacer) && has_lasted(run, now_ns, duration_ms))
			end_media(run, now_ns);
		break;
	case DRAIN:
		if ((load_traffic_is_complete(run->traffic) &&
		     run->result->unfinished == 0) ||
		    has_lasted(run, now_ns, DRAIN_MS)) {
			load_traffic_end(run->traffic);
			enter(run, RELEASE, now_ns);
		}
		break;
	case RELEASE:
		if (load_clients_release(run->clients, now_ns))
			enter(run, OVER, now_ns);
		break;
	case OVER:
		break;
	}
}

static void show_progress(struct run *run, uint64_t now_ns)
{
	const struct load_result *result = run->result;
	const struct load_options *options = run->options;
	uint64_t seconds = (now_ns - run->phase_ns) / 1000000000u;

	if (!load_progress_is_due(&run->progress, now_ns))
		return;
	switch (run->phase) {
	case SET_UP:
		load_progress_show(&run->progress, "set-up: %u of %u clients, %u failed",
				   result->ready, options->clients, result->failed);
		break;
	case CYCLE:
		load_progress_show(&run->progress,
				   "cycles: %" PRIu64 " of %" PRIu64 ", %" PRIu64
				   " failed",
				   result->cycles_done, options->cycles,
				   result->cycles_failed);
		break;
	case HOLD:
		load_progress_show(&run->progress,
				   "hold: %" PRIu64 " of %" PRId64
				   " s, %u clients, %u failed",
				   seconds, options->duration_s, result->ready,
				   result->failed);
		break;
	case MEDIA:
		load_progress_show(&run->progress,
				   "media: %" PRIu64 " of %" PRId64 " s, sent %" PRIu64
				   ", received %" PRIu64 ", %u clients failed",
				   seconds, options->duration_s,
				   result->direction[LOAD_UP].sent +
					   result->direction[LOAD_DOWN].sent,
				   result->direction[LOAD_UP].received +
					   result->direction[LOAD_DOWN].received,
				   result->failed);
		break;
	case RELEASE:
		load_progress_show(&run->progress, "release: %u of %u clients",
				   result->released, result->ready);
		break;
	case DRAIN:
	case OVER:
		break;
	}
}

static void tick(evutil_socket_t fd, short events, void *arg)
{
	(void)events;
	uint64_t expired, now_ns = clock_monotonic_ns();

	if (read(fd, &expired, sizeof(expired)) != sizeof(expired))
		return;
	step(arg, now_ns);
	show_progress(arg, now_ns);
}

static void interrupted(evutil_socket_t signal_number, short events, void *arg)
{
	(void)signal_number;
	(void)events;
	struct run *run = arg;
	uint64_t now_ns = clock_monotonic_ns();

	if (run->result->interrupted) {
		if (now_ns - run->interrupted_ns > ONE_SIGNAL_MS * 1000000u)
			enter(run, OVER, now_ns);
		return;
	}
	run->result->interrupted = true;
	run->interrupted_ns = now_ns;
	load_clients_stop(run->clients);
	if (run->phase == SET_UP)
		run->result->setup_s = (double)(now_ns - run->phase_ns) * 1e-9;
	if (run->phase == MEDIA)
		end_media(run, now_ns);
	else if (run->phase == SET_UP || run->phase == HOLD)
		enter(run, RELEASE, now_ns);
}

/* --- beginning and end -------------------------------------------------------------------- */

static bool complain(char *error, const char *what, const char *why)
{
	snprintf(error, LOAD_ERROR_MAX, "%s: %s", what, why);
	return false;
}

/*
 * One descriptor per client, per peer, per connection to a peer, per data connection, and per socket
 * that a client has left.
 */
static bool raise_descriptors(const struct load_options *options, char *error)
{
	rlim_t need = (rlim_t)options->clients + options->peers +
		      (load_peers_are_streams(options) ? options->clients : 0) +
		      (options->tcp_relay ? options->clients : 0) +
		      (options->move_every_s > 0 ? options->clients : 0) +
		      SPARE_DESCRIPTORS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need)
		return true;
	limit.rlim_cur = need;
	if (limit.rlim_max < need)
		limit.rlim_max = need;
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return true;
	snprintf(
		error, LOAD_ERROR_MAX,
		"%lu file descriptors exceed the limit; raise it (ulimit -n) or use fewer "
		"--clients",
		(unsigned long)need);
	return false;
}

static bool open_timer(struct run *run)
{
	struct itimerspec every = {
		.it_interval = {.tv_nsec = TICK_NS},
		.it_value = {.tv_nsec = TICK_NS},
	};

	run->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (run->timer_fd < 0 || timerfd_settime(run->timer_fd, 0, &every, NULL) != 0)
		return false;
	run->tick = event_new(run->base, run->timer_fd, EV_READ | EV_PERSIST, tick, run);
	run->interrupt = evsignal_new(run->base, SIGINT, interrupted, run);
	run->terminate = evsignal_new(run->base, SIGTERM, interrupted, run);
	run->hangup = evsignal_new(run->base, SIGHUP, interrupted, run);
	return run->tick != NULL && run->interrupt != NULL && run->terminate != NULL &&
	       run->hangup != NULL && event_add(run->tick, NULL) == 0 &&
	       event_add(run->interrupt, NULL) == 0 &&
	       event_add(run->terminate, NULL) == 0 && event_add(run->hangup, NULL) == 0;
}

static bool open_base(struct run *run)
{
	struct event_config *config = event_config_new();

	if (config == NULL)
		return false;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	run->base = event_base_new_with_config(config);
	event_config_free(config);
	return run->base != NULL && open_timer(run);
}

static bool open_peers(struct run *run, const struct load_net *net, char *error)
{
	const struct load_peers_config config = {
		.base = run->base,
		.address = net->peer_address,
		.count = run->options->peers,
		.packet_size = run->options->packet_size,
		.arg = run,
		.data = peer_data,
	};
	char text[ENDPOINT_TEXT_LEN];

	if (load_peers_are_streams(run->options))
		run->streams = load_streams_open(&config);
	else
		run->peers = load_peers_open(&config);
	if (run->peers != NULL || run->streams != NULL)
		return true;
	ip_addr_format(&net->peer_address, text, sizeof(text));
	if (errno == EADDRNOTAVAIL)
		snprintf(error, LOAD_ERROR_MAX,
			 "--peer-address %s: this host does not have that address", text);
	else
		complain(error, text, strerror(errno));
	return false;
}

static bool begin(struct run *run, const struct load_net *net, char *error)
{
	const struct load_options *options = run->options;

	if (!raise_descriptors(options, error))
		return false;
	if (load_has_certificate(options)) {
		run->tls = load_net_tls(options, error);
		if (run->tls == NULL)
			return false;
	}
	if (!open_base(run))
		return complain(error, "cannot start the event loop", strerror(errno));
	if (options->task != LOAD_CYCLES && !options->between_clients &&
	    !open_peers(run, net, error))
		return false;

	struct load_clients_config config = {
		.base = run->base,
		.options = options,
		.result = run->result,
		.server = net->server,
		.tls = run->tls,
		.family = net->family,
		.peers = run->peers,
		.streams = run->streams,
		.peer_address = net->peer_address,
		.arg = run,
		.data = client_data,
	};
	run->clients = load_clients_new(&config);
	run->traffic = load_traffic_new(options, run->result);
	return (run->clients != NULL && run->traffic != NULL) ||
	       complain(error, "cannot create the clients", strerror(errno));
}

static void end(struct run *run)
{
	load_clients_free(run->clients);
	load_peers_close(run->peers);
	load_streams_close(run->streams);
	load_traffic_free(run->traffic);
	free(run->senders);
	SSL_CTX_free(run->tls);
	if (run->tick != NULL)
		event_free(run->tick);
	if (run->interrupt != NULL)
		event_free(run->interrupt);
	if (run->terminate != NULL)
		event_free(run->terminate);
	if (run->hangup != NULL)
		event_free(run->hangup);
	if (run->timer_fd >= 0)
		close(run->timer_fd);
	if (run->base != NULL)
		event_base_free(run->base);
}

enum load_status load_run(const struct load_options *options, struct load_result *result,
			  char error[LOAD_ERROR_MAX])
{
	struct run run = {.options = options, .result = result, .timer_fd = -1};
	struct load_net net;
	enum load_status status = load_net_find(options, &net, error);

	if (status != LOAD_AS_EXPECTED)
		return status;
	if (!begin(&run, &net, error)) {
		end(&run);
		return LOAD_NOTHING;
	}
	signal(SIGPIPE, SIG_IGN); /* from a stream that the server closed */
	enter(&run, options->task == LOAD_CYCLES ? CYCLE : SET_UP, clock_monotonic_ns());
	load_progress_start(&run.progress, options, run.phase_ns);
	event_base_dispatch(run.base);
	load_progress_end(&run.progress);
	end(&run);
	return LOAD_AS_EXPECTED;
}
