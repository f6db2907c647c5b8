/*
 * daemon_run.c - see daemon_run.h.
 */
#include "base/daemon/daemon_run.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/config/command_line.h"
#include "base/config/config.h"
#include "base/control/control_socket.h"
#include "base/daemon/daemon.h"
#include "base/daemon/daemon_successor.h"
#include "base/descriptors/fd_store.h"
#include "base/descriptors/restarts.h"
#include "base/descriptors/take_over_listener.h"
#include "base/inbox.h"
#include "base/log.h"
#include "base/metrics/metrics_listener.h"
#include "base/notify.h"
#include "base/watchdog.h"

enum {
	PERIOD_S = 2,          /* how often key and certificate files are looked at */
	RELOAD_PAUSE_MS = 250, /* between reloads: signals in a row are one */
	LOG_FLUSH_MS = 500,    /* at the end, for a reader of the log that is behind */
	STORE_MS = 5000,       /* at the end, for systemd to take descriptors */
};

/* --- configuration ------------------------------------------------------------------------- */

static bool load_config(struct daemon *daemon)
{
	enum log_level level;

	daemon->config = config_load(daemon->ops->schema, daemon->path, daemon->error,
				     sizeof(daemon->error));
	if (daemon->config == NULL)
		return false;
	if (log_level_parse(daemon->config->log.level, &level))
		log_set_level(level);
	return true;
}

static void free_config(struct daemon *daemon)
{
	if (!daemon->config_is_taken)
		config_free(daemon->config);
}

/* Users and groups that it names. */
static bool look_up_names(struct daemon *daemon)
{
	const struct config *config = daemon->config;
	const char *group = config->control.group;
	size_t size = sizeof(daemon->error);

	if (!privdrop_lookup(config->user, NULL, &daemon->who, daemon->error, size))
		return daemon_value_error(daemon, &config->user);
	if (!privdrop_lookup(config->user, config->group, &daemon->who, daemon->error,
			     size))
		return daemon_value_error(daemon, &config->group);
	daemon->control_group = group != NULL ? privdrop_group(group) : (gid_t)-1;
	if (group == NULL || daemon->control_group != (gid_t)-1)
		return true;
	snprintf(daemon->error, size, "no group \"%s\"; create it or change it", group);
	return daemon_value_error(daemon, &config->control.group);
}

static bool read_keys(struct daemon *daemon)
{
	assert(daemon->config != NULL && !daemon->config_is_taken);
	daemon->config_is_taken = daemon->ops->keys.up(daemon);
	return daemon->config_is_taken;
}

static bool inspect(struct daemon *daemon)
{
	bool ok = daemon->ops->inspect == NULL || daemon->ops->inspect(daemon);

	/* At a start they wait for the log's thread, so that a journal nobody reads is no harm. */
	if (daemon->check ? !daemon->quiet || !ok
			  : !ok && restarts_say(RESTARTS_SAID_REMARKS))
		config_tell_remarks(daemon->config, daemon->check ? stderr : NULL);
	if (!ok || !daemon->strict)
		return ok;

	size_t warnings = config_remark_count(daemon->config, CONFIG_WARNING);
	snprintf(daemon->error, sizeof(daemon->error),
		 "%s: %zu warning%s; correct the file, or check it without --strict",
		 daemon->path, warnings, warnings == 1 ? "" : "s");
	return warnings == 0;
}

/* --- while we may still create directories, give files away and take low ports -------------- */

static bool raise_limits(struct daemon *daemon)
{
	(void)daemon;
	privdrop_raise_files();
	return true;
}

/* The configuration has been checked: a child has done it. */
static bool ask_predecessor(struct daemon *daemon)
{
	return predecessor_ask(&daemon->predecessor, daemon->take_over, daemon->ops->name,
			       daemon->error, sizeof(daemon->error));
}

static bool bind_control(struct daemon *daemon)
{
	char *const *socket = &daemon->config->control.socket;
	size_t size = sizeof(daemon->error);
	int fd;

	if (*socket == NULL)
		return true;
	fd = predecessor_unix(&daemon->predecessor, PREDECESSOR_CONTROL, *socket);
	daemon->control =
		fd >= 0 ? control_socket_adopt(fd, *socket, daemon->who.uid,
					       daemon->control_group, daemon->error, size)
			: control_socket_bind(*socket, daemon->who.uid,
					      daemon->control_group, daemon->error, size);
	return daemon->control != NULL || daemon_value_error(daemon, socket);
}

static void stop_control(struct daemon *daemon)
{
	control_socket_stop(daemon->control);
	daemon->control = NULL;
}

static bool bind_metrics(struct daemon *daemon)
{
	const struct endpoint *where = &daemon->config->metrics.address;
	size_t size = sizeof(daemon->error);
	int fd;

	if (where->ip.family == IP_NONE)
		return true;
	fd = predecessor_tcp(&daemon->predecessor, PREDECESSOR_METRICS, where);
	daemon->metrics = fd >= 0 ? metrics_listener_adopt(fd, where, daemon->error, size)
				  : metrics_listener_bind(where, daemon->error, size);
	return daemon->metrics != NULL || daemon_value_error(daemon, where);
}

static void stop_metrics(struct daemon *daemon)
{
	metrics_listener_stop(daemon->metrics);
	daemon->metrics = NULL;
}

static bool drop_privileges(struct daemon *daemon)
{
	return privdrop_to(&daemon->who, daemon->ops->binds_later, daemon->error,
			   sizeof(daemon->error));
}

/* Not before: a thread keeps the capabilities that it began with. */
static bool start_log(struct daemon *daemon)
{
	int error = log_start_writer();

	if (error != 0)
		snprintf(daemon->error, sizeof(daemon->error), "thread: %s",
			 strerrordesc_np(error));
	/* Not with each try of a start that fails: then again when one succeeds. */
	if (restarts_say(RESTARTS_SAID_REMARKS))
		config_tell_remarks(daemon->config, NULL);
	return error == 0;
}

/* --- signals and time ---------------------------------------------------------------------- */

static void on_end(evutil_socket_t signal, short what, void *arg)
{
	(void)what;
	struct daemon *daemon = arg;

	log_notice("received SIG%s, stopping", sigabbrev_np((int)signal));
	daemon->leaves = false;
	event_base_loopbreak(daemon->base);
}

static void on_leave(evutil_socket_t signal, short what, void *arg)
{
	(void)signal;
	(void)what;
	struct daemon *daemon = arg;

	if (daemon->leaves)
		return;
	if (!fd_store_is_there()) {
		log_warning(
			"received SIGUSR2, stopping: no service manager keeps descriptors "
			"(NOTIFY_SOCKET is not set), so there is nothing that a next process "
			"could go on with");
		event_base_loopbreak(daemon->base);
		return;
	}
	log_notice("received SIGUSR2, leaving everything to the next process");
	daemon->leaves = true;
	if (daemon->ops->finish != NULL)
		daemon->ops->finish(daemon);
	else
		daemon_leave(daemon);
}

static uint64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void on_reload(evutil_socket_t signal, short what, void *arg)
{
	(void)signal;
	(void)what;
	struct daemon *daemon = arg;

	notify_reloading();
	daemon->ops->reload(daemon);
	notify_ready();
	daemon->reloaded_ms = monotonic_ms();
}

/* Called once for each signal; however many there are, one reload at most is pending. */
static void on_hangup(evutil_socket_t signal, short what, void *arg)
{
	(void)signal;
	(void)what;
	const struct daemon *daemon = arg;
	uint64_t now = monotonic_ms(), due = daemon->reloaded_ms + RELOAD_PAUSE_MS;
	struct timeval wait = {0};

	if (evtimer_pending(daemon->reload, NULL))
		return;
	if (daemon->reloaded_ms > 0 && now < due)
		wait.tv_usec = (suseconds_t)(due - now) * 1000;
	event_add(daemon->reload, &wait);
}

static void on_counters(evutil_socket_t signal, short what, void *arg)
{
	(void)signal;
	(void)what;
	struct daemon *daemon = arg;

	daemon->ops->log_counters(daemon);
}

static void tell_status(struct daemon *daemon)
{
	char line[sizeof(daemon->status.line)];

	daemon->ops->status(daemon, line, sizeof(line));
	notify_status(&daemon->status, line);
}

static void on_period(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct daemon *daemon = arg;

	daemon->ops->periodic(daemon);
	store_health_look(&daemon->store);
	tell_status(daemon);
}

static bool is_alive(void *arg)
{
	struct daemon *daemon = arg;

	return daemon->ops->is_alive == NULL || daemon->ops->is_alive(daemon);
}

static bool add_event(struct daemon *daemon, struct event *event,
		      const struct timeval *interval)
{
	assert(daemon->event_count < sizeof(daemon->events) / sizeof(daemon->events[0]));
	if (event == NULL)
		return false;
	daemon->events[daemon->event_count++] = event;
	return event_add(event, interval) == 0;
}

static bool on_signal(struct daemon *daemon, int signal, event_callback_fn called)
{
	return add_event(daemon, evsignal_new(daemon->base, signal, called, daemon),
			 NULL);
}

static bool make_loop(struct daemon *daemon)
{
	static const struct timeval period = {.tv_sec = PERIOD_S};
	sigset_t all;

	daemon->base = event_base_new();
	if (daemon->base == NULL)
		return daemon_no_memory(daemon);
	daemon->inbox = inbox_new(daemon->base);
	daemon->watchdog = watchdog_new(daemon->base, is_alive, daemon);
	daemon->reload = event_new(daemon->base, -1, 0, on_reload, daemon);
	if (daemon->inbox == NULL || daemon->watchdog == NULL || daemon->reload == NULL ||
	    !on_signal(daemon, SIGTERM, on_end) || !on_signal(daemon, SIGINT, on_end) ||
	    !on_signal(daemon, SIGHUP, on_hangup) ||
	    !on_signal(daemon, SIGUSR2, on_leave) ||
	    (daemon->ops->log_counters != NULL &&
	     !on_signal(daemon, SIGUSR1, on_counters)) ||
	    !add_event(daemon, event_new(daemon->base, -1, EV_PERSIST, on_period, daemon),
		       &period))
		return daemon_no_memory(daemon);
	/* Threads that are made from now on inherit this: signals are main's alone. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &daemon->signals);
	return true;
}

static void free_loop(struct daemon *daemon)
{
	while (daemon->event_count > 0)
		event_free(daemon->events[--daemon->event_count]);
	if (daemon->reload != NULL)
		event_free(daemon->reload);
	watchdog_free(daemon->watchdog);
	inbox_free(daemon->inbox);
	if (daemon->base != NULL)
		event_base_free(daemon->base);
}

/* --- serving ------------------------------------------------------------------------------- */

static bool start_answers(struct daemon *daemon)
{
	const struct daemon_ops *ops = daemon->ops;
	size_t size = sizeof(daemon->error);
	struct metrics_source source;

	assert(daemon->config_is_taken && daemon->base != NULL);
	if (daemon->control != NULL &&
	    !control_socket_start(daemon->control, ops->name, ops->routes,
				  ops->route_count, ops->routes_arg, daemon->error, size))
		return daemon_value_error(daemon, &daemon->config->control.socket);
	if (daemon->metrics != NULL &&
	    (!ops->metrics(daemon, &source) ||
	     !metrics_listener_start(daemon->metrics, &source, daemon->error, size)))
		return daemon_value_error(daemon, &daemon->config->metrics.address);
	return daemon_successor_listen(daemon);
}

/* What these threads wait for is answered or refused before they are waited for. */
static void stop_answers(struct daemon *daemon)
{
	take_over_listener_free(daemon->successors);
	daemon->successors = NULL;
	inbox_close(daemon->inbox);
	stop_control(daemon);
	stop_metrics(daemon);
}

static bool serve(struct daemon *daemon)
{
	pthread_sigmask(SIG_SETMASK, &daemon->signals, NULL);
	config_tell_remarks(daemon->config, NULL); /* what start_log() has not told */
	daemon->ops->serving(daemon);
	restarts_serving();
	notify_ready();
	tell_status(daemon);
	event_base_dispatch(daemon->base);
	notify_stopping();
	if (daemon->ops->log_counters != NULL)
		daemon->ops->log_counters(daemon);
	return true;
}

/* --- the process ---------------------------------------------------------------------------- */

/* A socket that took the number of a closed stream would be sent what is written there. */
static bool open_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) == 0 || errno != EBADF)
			continue;
		if (open("/dev/null", O_RDWR) != fd)
			return false;
	}
	return true;
}

/* libevent's own way is a write to stderr, which may block. */
static void on_libevent_log(int severity, const char *text)
{
	static struct log_limit limit;

	if (severity >= EVENT_LOG_WARN)
		log_limited(&limit, LOG_LEVEL_WARNING, "libevent: %s", text);
}

/* --- the stages ---------------------------------------------------------------------------- */

struct step {
	struct daemon_stage stage;
	int status; /* of the process, if it does not go up */
	bool in_check;
};

/*
 * What the next process needs, it has. Everything else is this process's alone, and goes with it; taking
 * it down in order would end what both have.
 */
static void __attribute__((noreturn)) leave(struct daemon *daemon)
{
	stop_answers(daemon);
	if (daemon->ops->leave != NULL && !daemon->has_left)
		daemon->ops->leave(daemon);
	if (!fd_store_wait(STORE_MS))
		log_warning(
			"systemd has not taken %zu of the descriptors that outlive this "
			"process; connections among them are lost",
			fd_store_figures().waiting);
	log_stop_writer(LOG_FLUSH_MS);
	_exit(EXIT_SUCCESS);
}

/* Nothing can serve with that file. Exit, and how: once more if calls wait. */
static int config_status(struct daemon *daemon)
{
	char *end = strchr(daemon->error, ':');
	const char *file = daemon->path;
	size_t calls = 0;

	if (!daemon->check && daemon->take_over == NULL && daemon->ops->waiting != NULL)
		calls = daemon->ops->waiting(daemon);
	if (calls == 0)
		return DAEMON_EXIT_CONFIG;
	/* Most errors begin with the file. */
	if (end != NULL) {
		*end = '\0';
		if (access(daemon->error, F_OK) == 0)
			file = daemon->error;
	}
	if (restarts_say(RESTARTS_SAID_WAITING))
		log_error("%zu call%s wait%s for a start that succeeds: correct %s",
			  calls, calls == 1 ? "" : "s", calls == 1 ? "s" : "", file);
	return DAEMON_EXIT_WAITING;
}

int daemon_run(const struct daemon_ops *ops, int argc, char **argv)
{
	const struct step steps[] = {
		{{"configuration", load_config, free_config}, DAEMON_EXIT_CONFIG, true},
		{{"names", look_up_names, NULL}, DAEMON_EXIT_CONFIG, true},
		{{"limits", raise_limits, NULL}, EXIT_FAILURE, false},
		{{"take-over", ask_predecessor, NULL}, EXIT_FAILURE, false},
		{ops->prepare, EXIT_FAILURE, true},
		{ops->bind, EXIT_FAILURE, false},
		{{"control socket", bind_control, stop_control}, EXIT_FAILURE, false},
		{{"metrics", bind_metrics, stop_metrics}, EXIT_FAILURE, false},
		{{"take-over socket", daemon_successor_bind, daemon_successor_unbind},
		 EXIT_FAILURE,
		 false},
		{{ops->keys.name, read_keys, ops->keys.down}, DAEMON_EXIT_CONFIG, true},
		{{"remarks", inspect, NULL}, DAEMON_EXIT_CONFIG, true},
		{{"privileges", drop_privileges, NULL}, EXIT_FAILURE, false},
		{{"log", start_log, NULL}, EXIT_FAILURE, false},
		{{"loop", make_loop, free_loop}, EXIT_FAILURE, false},
		{ops->work, EXIT_FAILURE, false},
		{{"self-test", ops->self_test, NULL}, DAEMON_EXIT_CONFIG, false},
		{{"answers", start_answers, stop_answers}, EXIT_FAILURE, false},
		{{"service", serve, NULL}, EXIT_FAILURE, false},
	};
	/* First: what is read next may open files. */
	if (!open_streams())
		return EXIT_FAILURE;

	const struct command_line_texts texts = {
		.name = ops->name,
		.purpose = ops->purpose,
		.signals = ops->signals,
		.config = ops->config,
		.schema = ops->schema,
		.takes_over = ops->take_over != NULL,
	};
	struct command_line arguments = command_line_read(&texts, argc, argv);
	struct daemon daemon = {
		.ops = ops,
		.path = arguments.config,
		.strict = arguments.strict,
		.take_over = arguments.take_over,
		.take_over_fd = -1,
	};
	size_t count = sizeof(steps) / sizeof(steps[0]), reached = 0;
	int status = EXIT_SUCCESS;

	log_open(ops->name);
	event_set_log_callback(on_libevent_log);
	signal(SIGPIPE, SIG_IGN);
	if (arguments.take_over != NULL)
		daemon.quiet = arguments.check = predecessor_check();
	daemon.check = arguments.check;
	for (; reached < count && status == EXIT_SUCCESS; reached++) {
		const struct step *step = &steps[reached];

		if (arguments.check && !step->in_check)
			continue;
		log_debug("start: %s", step->stage.name);
		if (!step->stage.up(&daemon))
			status = step->status;
	}
	assert(status == EXIT_SUCCESS ? reached == count : daemon.error[0] != '\0');
	if (status != EXIT_SUCCESS)
		log_error("%s", daemon.error);
	else if (arguments.check && !daemon.quiet)
		printf("%s: valid\n", arguments.config);
	predecessor_abandon(&daemon.predecessor, daemon.error, status);
	if (status == DAEMON_EXIT_CONFIG)
		status = config_status(&daemon);
	if (daemon.leaves)
		leave(&daemon);
	while (reached-- > 0) {
		const struct step *step = &steps[reached];

		if (step->stage.down != NULL && (step->in_check || !arguments.check))
			step->stage.down(&daemon);
	}
	libevent_global_shutdown();
	log_stop_writer(LOG_FLUSH_MS);
	return status;
}
