/*
 * main.c - avedge-offload: loads and attaches the programs of the kernel plane for a relay, which has no
 * privilege to do so. One loop over a few descriptors; nothing here is on a packet's path.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "base/fail.h"
#include "base/log.h"
#include "base/net/unix_listener.h"
#include "base/notify.h"
#include "base/privdrop.h"
#include "base/version.h"
#include "relay/offload/loader/privileges.h"
#include "relay/offload/loader/relays.h"
#include "relay/offload/loader/self_check.h"
#include "relay/offload/loader/tc_filter.h"
#include "relay/offload/loader_message.h"

static const char name[] = "avedge-offload";

enum {
	EXIT_USAGE = 2, /* as the daemons */
	STATUS_MS = 10000,
	/* One that systemd starts for a connection ends when it is not needed any more. */
	IDLE_MS = 60000,
};

struct arguments {
	const char *socket; /* NULL: the default */
	const char *group, *user;
	bool without_tcx;
	bool check;
	enum log_level level;
};

/* --- arguments ------------------------------------------------------------------------------- */

static void usage(void)
{
	printf("Usage: %s [--socket PATH] [--group GROUP] [--user USER]\n"
	       "                      [--attach auto|clsact] [--log-level LEVEL]\n"
	       "       %s --check\n"
	       "Load the kernel plane for mediarelayd, and attach it to network devices.\n\n"
	       "      --socket PATH      where relays connect, unless systemd passes a socket\n"
	       "                         (default %s)\n"
	       "      --group GROUP      may connect there\n"
	       "      --user USER        whose relay is served, besides those of root and of\n"
	       "                         this user\n"
	       "      --attach WAY       auto, or clsact: as kernels before 6.6 do\n"
	       "      --log-level LEVEL  error, warning, notice, info or debug (default info)\n"
	       "      --check            print what this machine can do; stop\n"
	       "      --version          print the version\n"
	       "      --help             print this\n\n"
	       "SIGTERM detaches everything and stops. See %s(8).\n",
	       name, name, LOADER_SOCKET, name);
}

static void __attribute__((noreturn, format(printf, 1, 2)))
wrong_usage(const char *format, ...)
{
	va_list args;

	if (format[0] != '\0') {
		fprintf(stderr, "%s: ", name);
		va_start(args, format);
		vfprintf(stderr, format, args);
		va_end(args);
		fputc('\n', stderr);
	}
	fprintf(stderr, "Try '%s --help'.\n", name);
	exit(EXIT_USAGE);
}

static bool is_clsact(const char *way)
{
	if (strcmp(way, "auto") != 0 && strcmp(way, "clsact") != 0)
		wrong_usage("--attach %s: write auto or clsact", way);
	return strcmp(way, "clsact") == 0;
}

static struct arguments read_arguments(int argc, char **argv)
{
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'},
		{"group", required_argument, NULL, 'g'},
		{"user", required_argument, NULL, 'u'},
		{"attach", required_argument, NULL, 'a'},
		{"log-level", required_argument, NULL, 'l'},
		{"check", no_argument, NULL, 'k'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct arguments arguments = {.level = LOG_LEVEL_INFO};
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 's':
			arguments.socket = optarg;
			break;
		case 'g':
			arguments.group = optarg;
			break;
		case 'u':
			arguments.user = optarg;
			break;
		case 'a':
			arguments.without_tcx = is_clsact(optarg);
			break;
		case 'l':
			if (!log_level_parse(optarg, &arguments.level))
				wrong_usage(
					"--log-level %s: write error, warning, notice, "
					"info or debug",
					optarg);
			break;
		case 'k':
			arguments.check = true;
			break;
		case 'V':
			printf("%s %s\n", name, version_string());
			exit(EXIT_SUCCESS);
		case 'h':
			usage();
			exit(EXIT_SUCCESS);
		default:
			wrong_usage("%s", "");
		}
	}
	if (optind < argc)
		wrong_usage("unexpected argument '%s'", argv[optind]);
	if (arguments.socket != NULL && arguments.socket[0] == '\0')
		wrong_usage("--socket: write a path");
	return arguments;
}

/* --- start ----------------------------------------------------------------------------------- */

struct loader {
	struct relays *relays;
	int listener;
	bool by_systemd; /* it keeps the socket, and starts us again */
	int lock;
	int signals;
	char error[512];
};

static bool find_user(struct loader *loader, const char *user, uid_t *uid)
{
	struct privdrop_identity identity;

	*uid = (uid_t)-1;
	if (user == NULL)
		return true;
	if (!privdrop_lookup(user, NULL, &identity, loader->error, sizeof(loader->error)))
		return fail(loader->error, sizeof(loader->error),
			    "no user \"%s\"; create it, or change --user", user);
	*uid = identity.uid;
	return true;
}

static bool take_socket_of_systemd(struct loader *loader)
{
	if (sd_listen_fds(1) != 1 ||
	    sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_SEQPACKET, 1, NULL, 0) <= 0)
		return fail(loader->error, sizeof(loader->error),
			    "systemd has to pass one socket of ListenSequentialPacket=; "
			    "see avedge-offload.socket");
	loader->listener = SD_LISTEN_FDS_START;
	loader->by_systemd = true;
	/* systemd's blocks, and is shared with nobody but systemd, which does not accept. */
	if (fcntl(loader->listener, F_SETFL, O_NONBLOCK) == 0)
		return true;
	return fail(loader->error, sizeof(loader->error), "the socket of systemd: %s",
		    strerror(errno));
}

static bool listen_on(struct loader *loader, const struct arguments *arguments)
{
	struct unix_listener_options options = {.key = "--socket",
						.type = SOCK_SEQPACKET,
						.owner = geteuid(),
						.group = (gid_t)-1,
						.group_key = "--group"};
	const char *path = arguments->socket;

	if (path == NULL && getenv("LISTEN_FDS") != NULL)
		return take_socket_of_systemd(loader);
	if (arguments->group != NULL) {
		options.group = privdrop_group(arguments->group);
		if (options.group == (gid_t)-1)
			return fail(loader->error, sizeof(loader->error),
				    "no group \"%s\"; create it, or change --group",
				    arguments->group);
	}
	loader->listener = unix_listener_bind(path != NULL ? path : LOADER_SOCKET,
					      &options, loader->error,
					      sizeof(loader->error));
	return loader->listener >= 0;
}

/* Anybody can have that name: say who it is. */
static bool tell_holder(struct loader *loader, const struct sockaddr_un *address,
			socklen_t size)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred holder = {0};
	socklen_t holder_size = sizeof(holder);

	if (fd >= 0) {
		if (connect(fd, (const struct sockaddr *)address, size) == 0)
			getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &holder, &holder_size);
		close(fd);
	}
	return fail(
		loader->error, sizeof(loader->error),
		"another avedge-offload runs in this network namespace, process %d of "
		"user %u (it has the name @%s); stop it",
		holder.pid, holder.uid, name);
}

/*
 * One in a network namespace: each would take the filters of the other for those of a killed one. Abstract names are of a
 * namespace, and end with the process.
 */
static bool be_the_only_one(struct loader *loader)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t size =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof(name));

	memcpy(address.sun_path + 1, name, sizeof(name) - 1);
	loader->lock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	/* It listens so that one who comes later sees who has it; nobody is accepted. */
	if (loader->lock >= 0 &&
	    bind(loader->lock, (const struct sockaddr *)&address, size) == 0 &&
	    listen(loader->lock, SOMAXCONN) == 0)
		return true;
	if (errno == EADDRINUSE)
		return tell_holder(loader, &address, size);
	return fail(loader->error, sizeof(loader->error), "@%s: %s", name,
		    strerror(errno));
}

static bool catch_signals(struct loader *loader)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	loader->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (loader->signals >= 0)
		return true;
	return fail(loader->error, sizeof(loader->error), "signals: %s", strerror(errno));
}

static void sweep(void)
{
	int count = tc_filter_sweep();

	if (count < 0)
		log_warning("cannot look for filters that a killed process has left: %s; "
			    "\"tc filter show dev DEVICE ingress\" lists them",
			    strerror(-count));
	else if (count > 0)
		log_notice("removed %d filter%s that a killed process has left", count,
			   count == 1 ? "" : "s");
}

static bool start(struct loader *loader, const struct arguments *arguments)
{
	struct relays_options options = {.without_tcx = arguments->without_tcx};

	if (!find_user(loader, arguments->user, &options.user) ||
	    !be_the_only_one(loader) || !listen_on(loader, arguments) ||
	    !privileges_keep(loader->error, sizeof(loader->error)) ||
	    !catch_signals(loader))
		return false;
	sweep();
	options.listener = loader->listener;
	loader->relays = relays_new(&options);
	if (loader->relays == NULL)
		return fail(loader->error, sizeof(loader->error), "out of memory");
	return true;
}

/* --- life ------------------------------------------------------------------------------------ */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int wait_ms(uint64_t until_ms, uint64_t now)
{
	if (until_ms == UINT64_MAX)
		return -1;
	return until_ms <= now ? 0 : (int)(until_ms - now);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Until a signal comes, or nobody has needed it for long. */
static void serve(struct loader *loader)
{
	struct pollfd polled[1 + RELAYS_WATCHED_MAX];
	struct notify_status status = {0};
	uint64_t now = now_ms(), idle_since_ms = now;
	bool is_watched = getenv("NOTIFY_SOCKET") != NULL;

	for (;;) {
		size_t count = relays_watch(loader->relays, polled + 1);
		uint64_t until = relays_deadline(loader->relays);
		bool is_idle = relays_is_idle(loader->relays);
		char line[sizeof(status.line)];

		if (is_watched) {
			relays_status(loader->relays, line, sizeof(line));
			notify_status(&status, line);
		}
		if (!is_idle && is_watched)
			until = earlier(until, now + STATUS_MS);
		if (is_idle && loader->by_systemd)
			until = earlier(until, idle_since_ms + IDLE_MS);
		polled[0] = (struct pollfd){.fd = loader->signals, .events = POLLIN};
		if (poll(polled, 1 + count, wait_ms(until, now)) < 0)
			continue;
		now = now_ms();
		if (polled[0].revents != 0)
			return;
		relays_serve(loader->relays, polled + 1, count, now);
		if (!relays_is_idle(loader->relays)) {
			idle_since_ms = now;
		} else if (loader->by_systemd && now - idle_since_ms >= IDLE_MS) {
			log_info("no relay needs it; systemd starts it again for one");
			return;
		}
	}
}

static void stop(struct loader *loader)
{
	relays_free(loader->relays);
	if (loader->listener >= 0 && !loader->by_systemd)
		unix_listener_remove(loader->listener);
}

/* What libbpf says is for us; the caller gets a sentence of its own. */
static int __attribute__((format(printf, 2, 0)))
print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[512];
	size_t len;

	if (level == LIBBPF_DEBUG || !log_wants(SUBSYSTEM_MAIN, LOG_LEVEL_DEBUG))
		return 0;
	vsnprintf(line, sizeof(line), format, args);
	len = strcspn(line, "\n");
	log_debug("%.*s", (int)len, line);
	return 0;
}

int main(int argc, char **argv)
{
	struct arguments arguments = read_arguments(argc, argv);
	struct loader loader = {.listener = -1, .lock = -1, .signals = -1};

	log_open(name);
	log_set_level(arguments.level);
	libbpf_set_print(print_libbpf);
	if (arguments.check)
		return self_check() ? EXIT_SUCCESS : EXIT_FAILURE;
	if (!start(&loader, &arguments)) {
		log_error("%s", loader.error);
		stop(&loader);
		return EXIT_FAILURE;
	}
	log_notice("%s %s: waiting for a relay", name, version_string());
	notify_ready();
	serve(&loader);
	notify_stopping();
	stop(&loader);
	log_notice("stopped");
	return EXIT_SUCCESS;
}
