/*
 * loader_link.c - see loader_link.h.
 */
#include "relay/offload/loader_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

enum { CLOSE_WAIT_MS = 500 };

struct loader_link {
	int fd;
	struct event *readable;
	struct loader_link_ops ops;
};

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static void tell_connect(const char *path, int error, char why[OFFLOAD_WHY_MAX])
{
	bool is_ours = strcmp(path, LOADER_SOCKET) == 0;

	if ((error == ENOENT || error == ECONNREFUSED) && !is_ours)
		snprintf(why, OFFLOAD_WHY_MAX,
			 "no avedge-offload listens on %s; start it with --socket %s, or "
			 "correct offload.socket",
			 path, path);
	else if (error == ENOENT)
		snprintf(why, OFFLOAD_WHY_MAX,
			 "%s is not there; install avedge-offload, and start "
			 "avedge-offload.socket",
			 path);
	else if (error == ECONNREFUSED)
		snprintf(why, OFFLOAD_WHY_MAX,
			 "nobody listens on %s; start avedge-offload.socket", path);
	else if (error == EACCES || error == EPERM)
		snprintf(why, OFFLOAD_WHY_MAX,
			 "%s: %s; start avedge-offload with --user and the user of this "
			 "relay",
			 path, strerror(error));
	else
		snprintf(why, OFFLOAD_WHY_MAX, "%s: %s; see the log of avedge-offload",
			 path, strerror(error));
}

/* --- */

static void close_all(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

static const char *reason_of(int error)
{
	switch (error) {
	case EPIPE:
		return "avedge-offload has ended";
	case EPROTONOSUPPORT:
		return "avedge-offload is of another release than this relay; install "
		       "the same of both";
	case EMFILE:
		return "no file descriptor is free for the tables of avedge-offload; "
		       "raise LimitNOFILE";
	default:
		return "avedge-offload answered what makes no sense; install the same "
		       "release of it and of the relay";
	}
}

/* One message. False: it is over, and the link may be gone. */
static bool receive(struct loader_link *link)
{
	struct loader_message message;
	int fds[LOADER_DESCRIPTOR_COUNT];
	size_t fd_count = 0;
	char why[OFFLOAD_WHY_MAX];
	int result = loader_message_receive(link->fd, &message, fds, &fd_count);
	bool ok = false;

	if (result == -EAGAIN)
		return true;
	if (result != 0)
		snprintf(why, sizeof(why), "%s", reason_of(-result));
	else if (message.kind == LOADER_REFUSED)
		snprintf(why, sizeof(why), "%s", message.why);
	else if (message.kind != LOADER_ANSWER)
		snprintf(why, sizeof(why), "%s", reason_of(EPROTO));
	else
		ok = link->ops.answered(link->ops.arg, &message, fds, fd_count, why);
	close_all(fds, fd_count);
	if (!ok)
		link->ops.ended(link->ops.arg, why);
	return ok;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	receive(arg);
}

struct loader_link *loader_link_open(const char *path, struct event_base *base,
				     const struct loader_link_ops *ops,
				     char why[OFFLOAD_WHY_MAX])
{
	struct loader_link *link = calloc(1, sizeof(*link));

	snprintf(why, OFFLOAD_WHY_MAX, "out of memory");
	if (link == NULL)
		return NULL;
	link->ops = *ops;
	link->fd = connect_to(path);
	if (link->fd < 0) {
		tell_connect(path, -link->fd, why);
		free(link);
		return NULL;
	}
	link->readable =
		event_new(base, link->fd, EV_READ | EV_PERSIST, on_readable, link);
	if (link->readable != NULL && event_add(link->readable, NULL) == 0)
		return link;
	loader_link_free(link);
	return NULL;
}

void loader_link_free(struct loader_link *link)
{
	if (link == NULL)
		return;
	if (link->readable != NULL)
		event_free(link->readable);
	close(link->fd);
	free(link);
}

bool loader_link_send(struct loader_link *link, const struct loader_message *message)
{
	if (loader_message_send(link->fd, message, NULL, 0) == 0)
		return true;
	/* What the loader said before is still read, then its end. */
	shutdown(link->fd, SHUT_RDWR);
	return false;
}

void loader_link_wait(struct loader_link *link, int wait_ms)
{
	struct pollfd poller = {.fd = link->fd, .events = POLLIN};

	if (poll(&poller, 1, wait_ms) == 1)
		receive(link);
}

void loader_link_hold(struct loader_link *link)
{
	event_del(link->readable);
}

void loader_link_close(struct loader_link *link)
{
	const struct loader_message message = {.kind = LOADER_CLOSE};
	struct pollfd poller = {.fd = link->fd, .events = POLLIN};
	char last[64];

	if (loader_link_send(link, &message)) {
		/* Answers that are still on their way are no use. */
		while (poll(&poller, 1, CLOSE_WAIT_MS) == 1 &&
		       recv(link->fd, last, sizeof(last), MSG_DONTWAIT) > 0)
			;
	}
	loader_link_free(link);
}
