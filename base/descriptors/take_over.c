/*
 * take_over.c - see take_over.h.
 */
#include "base/descriptors/take_over.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/descriptors/inherited.h"
#include "base/descriptors/take_over_packet.h"
#include "base/fail.h"

enum { END_MS = 1000 /* from its sockets to its end */ };

struct take_over {
	int fd;
	int process; /* a pidfd; -1: not known */
	pid_t pid;
};

int take_over_pid(const struct take_over *take_over)
{
	return take_over->pid;
}

static bool connect_to(int fd, const char *path, char *error, size_t error_size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int on = 1;

	if (strlen(path) >= sizeof(address.sun_path))
		return fail(error, error_size, "%s is too long", path);
	strcpy(address.sun_path, path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0;
	if (errno == ENOENT || errno == ECONNREFUSED)
		return fail(error, error_size,
			    "no process listens on %s; start without --take-over, or set "
			    "take_over.socket of the one that runs",
			    path);
	return fail(error, error_size, "cannot connect to %s: %s", path, strerror(errno));
}

/* All that comes before the end. */
static bool receive_all(struct take_over *take_over, struct inherited *inherited,
			char *error, size_t error_size)
{
	uint64_t until_ms = take_over_now_ms() + TAKE_OVER_HELLO_MS + TAKE_OVER_SEND_MS;
	struct take_over_packet packet;
	size_t sum = 0;

	for (;;) {
		if (!take_over_receive(take_over->fd, &packet, until_ms, error,
				       error_size))
			return false;
		if (packet.pid > 0)
			take_over->pid = packet.pid;
		switch (packet.message.kind) {
		case TAKE_OVER_HELLO:
			break;
		case TAKE_OVER_DESCRIPTORS:
			for (size_t i = 0; i < packet.fd_count; i++) {
				if (!inherited_add(inherited, packet.message.name,
						   packet.fds[i]))
					return fail(error, error_size, "out of memory");
			}
			sum += packet.fd_count;
			break;
		case TAKE_OVER_END:
			return sum == packet.message.count ||
			       fail(error, error_size, "%zu of %u descriptors came", sum,
				    packet.message.count);
		case TAKE_OVER_NO:
			return fail(error, error_size, "the running process refuses: %s",
				    packet.message.text);
		case TAKE_OVER_DONE:
		case TAKE_OVER_GO:
		case TAKE_OVER_KIND_COUNT:
			return fail(error, error_size,
				    "the running process sent something else");
		}
	}
}

struct take_over *take_over_ask(const char *path, const char *daemon,
				struct inherited *inherited, char *error,
				size_t error_size)
{
	const struct take_over_message hello = take_over_hello(daemon);
	struct take_over *take_over = calloc(1, sizeof(*take_over));
	int failed;

	if (take_over == NULL) {
		fail(error, error_size, "out of memory");
		return NULL;
	}
	take_over->process = -1;
	take_over->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (take_over->fd < 0) {
		fail(error, error_size, "%s", strerror(errno));
		goto fail;
	}
	if (!connect_to(take_over->fd, path, error, error_size))
		goto fail;
	failed = take_over_send(take_over->fd, &hello, NULL,
				take_over_now_ms() + TAKE_OVER_HELLO_MS);
	/* It may have said no before it read anything. */
	if (failed != 0 && failed != EPIPE && failed != ECONNRESET) {
		fail(error, error_size, "%s: %s", path, strerror(failed));
		goto fail;
	}
	if (!receive_all(take_over, inherited, error, error_size))
		goto fail;
	if (take_over->pid > 0)
		take_over->process = pidfd_open(take_over->pid, 0);
	return take_over;
fail:
	take_over_free(take_over);
	return NULL;
}

/*
 * Has it ended, as far as this can be known? Its sockets are closed a moment before its end can be seen.
 */
static bool has_ended(const struct take_over *take_over)
{
	struct pollfd socket = {.fd = take_over->fd};

	if (take_over->process < 0)
		return false;
	if (poll(&socket, 1, 0) <= 0 || !(socket.revents & POLLHUP))
		return false;
	return take_over_wait(take_over->process, POLLIN, take_over_now_ms() + END_MS);
}

/*
 * What it has decided: TAKE_OVER_GO, TAKE_OVER_NO, or TAKE_OVER_KIND_COUNT if it has said neither. A
 * connection that it has reset tells of that once, before what it had said.
 */
static enum take_over_kind decision(const struct take_over *take_over, uint64_t until_ms,
				    char *error, size_t error_size)
{
	struct take_over_packet packet;

	if (!take_over_receive(take_over->fd, &packet, until_ms, error, error_size) &&
	    !take_over_receive(take_over->fd, &packet, 0, error, error_size))
		return TAKE_OVER_KIND_COUNT;
	take_over_drop(&packet);
	if (packet.message.kind == TAKE_OVER_GO)
		return TAKE_OVER_GO;
	fail(error, error_size, "the running process serves on%s%s",
	     packet.message.text[0] != '\0' ? ": " : "", packet.message.text);
	return packet.message.kind == TAKE_OVER_NO ? TAKE_OVER_NO : TAKE_OVER_KIND_COUNT;
}

bool take_over_done(struct take_over *take_over, unsigned patience_ms, char *error,
		    size_t error_size)
{
	const struct take_over_message done = {.kind = TAKE_OVER_DONE};
	uint64_t until_ms = take_over_now_ms() + patience_ms;
	int failed = take_over_send(take_over->fd, &done, NULL, until_ms);
	char late[TAKE_OVER_TEXT_MAX];
	enum take_over_kind decided;
	bool ended;

	decided = decision(take_over, failed == 0 ? until_ms : 0, error, error_size);
	if (decided != TAKE_OVER_KIND_COUNT)
		return decided == TAKE_OVER_GO;
	/*
	 * One that was killed meanwhile cannot serve on. This is asked while it can still say no: one that
	 * has served on and was killed then has said so, and what was taken up is out of date.
	 */
	ended = has_ended(take_over);
	/*
	 * Here it is decided: the kernel puts a "go" into the queue before this, where it counts, or fails it
	 * with EPIPE, and the other serves on.
	 */
	shutdown(take_over->fd, SHUT_RD);
	decided = decision(take_over, 0, late, sizeof(late));
	return decided == TAKE_OVER_GO || (decided == TAKE_OVER_KIND_COUNT && ended);
}

void take_over_refuse(struct take_over *take_over, const char *reason)
{
	take_over_send_no(take_over->fd, reason);
}

void take_over_free(struct take_over *take_over)
{
	if (take_over == NULL)
		return;
	if (take_over->fd >= 0)
		close(take_over->fd);
	if (take_over->process >= 0)
		close(take_over->process);
	free(take_over);
}
