/*
 * daemon.c - what both daemons do alike around their work.
 */
#include "base/daemon.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/config/explain.h"
#include "base/log.h"
#include "base/secret_file.h"
#include "base/version.h"

enum {
	LOOK_AROUND_S = 2, /* how often key and certificate files are looked at */
	EVENTS_MAX = 5,
};

/* --- the command line ---------------------------------------------------------------------- */

static void usage(const struct daemon_program *program)
{
	printf("Usage: %s [-c FILE] [--check]\n"
	       "%s\n\n"
	       "  -c, --config FILE  configuration (default %s)\n"
	       "      --check        check the configuration and the files it names; stop\n"
	       "      --list-keys    print every key of the configuration, its default and\n"
	       "                     whether a reload applies it\n"
	       "      --version      print the version\n"
	       "      --help         print this\n\n"
	       "%s See %s(8).\n",
	       program->name, program->purpose, program->config, program->signals,
	       program->name);
}

/* What is wrong has been said. */
static void __attribute__((noreturn)) wrong_usage(const struct daemon_program *program)
{
	fprintf(stderr, "Try '%s --help'.\n", program->name);
	exit(DAEMON_EXIT_USAGE);
}

struct daemon_arguments daemon_read_arguments(const struct daemon_program *program,
					      int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'k'},
		{"list-keys", no_argument, NULL, 'l'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct daemon_arguments arguments = {.config = program->config};
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
			program->print_keys(stdout);
			exit(EXIT_SUCCESS);
		case 'V':
			printf("%s %s\n", program->name, version_string());
			exit(EXIT_SUCCESS);
		case 'h':
			usage(program);
			exit(EXIT_SUCCESS);
		default:
			wrong_usage(program);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: '%s' is one word too many\n", program->name,
			argv[optind]);
		wrong_usage(program);
	}
	return arguments;
}

/* --- users and groups ---------------------------------------------------------------------- */

bool daemon_look_up(const struct daemon_names *names, struct daemon_identity *out,
		    char *error, size_t error_size)
{
	const char *user = names->user.text, *group = names->control_group.text;
	const struct daemon_name *wrong = &names->user;
	const char *key = "user";

	if (!privdrop_lookup(user, NULL, &out->who, error, error_size))
		goto fail;
	wrong = &names->group;
	key = "group";
	if (!privdrop_lookup(user, wrong->text, &out->who, error, error_size))
		goto fail;
	wrong = &names->control_group;
	key = "control.group";
	out->control_group = group ? privdrop_group(group) : (gid_t)-1;
	if (!group || out->control_group != (gid_t)-1)
		return true;
	snprintf(error, error_size, "there is no group \"%s\"; create it or change it",
		 group);
fail:
	explain_key(names->path, wrong->line, key, error, error_size);
	return false;
}

/* --- files --------------------------------------------------------------------------------- */

void daemon_tell_copy(const char *path)
{
	char copy[PATH_MAX];

	if (secret_file_path(path, copy, sizeof(copy)) != path)
		log_notice("%s: only root may read it; what systemd loaded at the start "
			   "is used, and a change needs a restart",
			   path);
}

/* --- signals and time ---------------------------------------------------------------------- */

struct daemon_events {
	struct event_base *base;
	struct daemon_hooks hooks;
	void *arg;
	struct event *list[EVENTS_MAX];
	size_t count;
};

static void asked_to_end(evutil_socket_t signal, short what, void *arg)
{
	(void)what;
	const struct daemon_events *events = arg;

	log_notice("ending on %s", strsignal((int)signal));
	event_base_loopbreak(events->base);
}

static void asked_to_reload(evutil_socket_t signal, short what, void *arg)
{
	(void)signal;
	(void)what;
	const struct daemon_events *events = arg;

	events->hooks.reload(events->arg);
}

static void asked_to_tell(evutil_socket_t signal, short what, void *arg)
{
	(void)signal;
	(void)what;
	const struct daemon_events *events = arg;

	events->hooks.tell(events->arg);
}

static void periodic_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	const struct daemon_events *events = arg;

	events->hooks.periodic(events->arg);
}

static bool add(struct daemon_events *events, struct event *event,
		const struct timeval *interval)
{
	if (event == NULL)
		return false;
	events->list[events->count++] = event;
	return event_add(event, interval) == 0;
}

static bool on_signal(struct daemon_events *events, int signal, event_callback_fn called)
{
	return add(events, evsignal_new(events->base, signal, called, events), NULL);
}

struct daemon_events *daemon_events_new(struct event_base *base,
					const struct daemon_hooks *hooks, void *arg)
{
	static const struct timeval interval = {.tv_sec = LOOK_AROUND_S};
	struct daemon_events *events = calloc(1, sizeof(*events));

	if (events == NULL)
		return NULL;
	events->base = base;
	events->hooks = *hooks;
	events->arg = arg;
	if (on_signal(events, SIGTERM, asked_to_end) &&
	    on_signal(events, SIGINT, asked_to_end) &&
	    on_signal(events, SIGHUP, asked_to_reload) &&
	    (hooks->tell == NULL || on_signal(events, SIGUSR1, asked_to_tell)) &&
	    add(events, event_new(base, -1, EV_PERSIST, periodic_due, events), &interval))
		return events;
	daemon_events_free(events);
	return NULL;
}

void daemon_events_free(struct daemon_events *events)
{
	if (events == NULL)
		return;
	for (size_t i = 0; i < events->count; i++)
		event_free(events->list[i]);
	free(events);
}
