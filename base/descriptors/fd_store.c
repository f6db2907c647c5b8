/*
 * fd_store.c - see fd_store.h. Messages are written here rather than by sd_pid_notify_with_fds(),
 * which blocks while PID 1 is busy.
 */
#include "base/descriptors/fd_store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/descriptors/fd_parcel.h"

enum {
	TEXT_MAX = FD_STORE_NAME_MAX + 64,
	/* Beyond that PID 1 does not come back soon, and copies cost descriptors. */
	WAITING_MAX = 16384,
	LOOKS_BETWEEN = 15,
};

#define CANARY_NAME "canary"

struct message {
	struct message *next;
	size_t text_len, count;
	char text[TEXT_MAX];
	int fds[]; /* copies of our own while it waits */
};

/*
 * The one store that a process has, as its log is the one log: connections of all workers and the
 * fronts of main go to the same socket, in one order.
 */
static struct store {
	pthread_mutex_t lock;
	int socket; /* -1: not open */
	struct message *first, **end;
	struct fd_store_figures figures;
	int canary;        /* systemd has its other end, or has dropped it; -1: none */
	unsigned looks;    /* since the last canary */
	uint64_t put_then; /* figures.put after it */
	bool is_full;
} store = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.socket = -1,
	.canary = -1,
	.looks = LOOKS_BETWEEN,
	.end = &store.first,
};

bool fd_store_is_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789._-");

	return len > 0 && len < FD_STORE_NAME_MAX && name[len] == '\0';
}

/* Of NOTIFY_SOCKET: a path, or an abstract name behind '@'. 0: there is none, or it is neither. */
static socklen_t address(struct sockaddr_un *un)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path != NULL ? strlen(path) : 0;

	if (len < 2 || len >= sizeof(un->sun_path) || (path[0] != '/' && path[0] != '@'))
		return 0;
	*un = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(un->sun_path, path, len + 1);
	if (path[0] == '/')
		return sizeof(*un);
	un->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

bool fd_store_is_there(void)
{
	struct sockaddr_un un;

	return address(&un) > 0;
}

/* Connected, so that poll() knows when there is room again. */
static bool open_socket(void)
{
	struct sockaddr_un un;
	socklen_t len = address(&un);

	if (store.socket >= 0)
		return true;
	if (len == 0)
		return false;
	store.socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (store.socket < 0)
		return false;
	if (connect(store.socket, (const struct sockaddr *)&un, len) == 0)
		return true;
	close(store.socket);
	store.socket = -1;
	return false;
}

void fd_store_open(void)
{
	pthread_mutex_lock(&store.lock);
	open_socket();
	pthread_mutex_unlock(&store.lock);
}

/* 0 or an errno. */
static int send_now(char *text, size_t text_len, const int *fds, size_t count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(FD_STORE_BATCH * sizeof(int))];
	} control;
	struct iovec iov = {text, text_len};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	assert(count <= FD_STORE_BATCH);
	if (!open_socket())
		return ENOTCONN;
	if (count > 0) {
		memset(&control, 0, CMSG_SPACE(count * sizeof(int)));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	}
	if (sendmsg(store.socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return 0;

	int error = errno;
	if (error == ECONNREFUSED || error == ENOTCONN || error == ECONNRESET) {
		/* Another one may listen there by the next time. */
		close(store.socket);
		store.socket = -1;
	}
	return error;
}

/* Is it only that PID 1 has not read yet? ETOOMANYREFS: too many descriptors are on their way. */
static bool is_full(int error)
{
	return error == EAGAIN || error == ENOBUFS || error == ENOMEM || error == EINTR ||
	       error == ETOOMANYREFS;
}

static void close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

static void release(struct message *message)
{
	close_all(message->fds, message->count);
	free(message);
}

/* False: no memory or no descriptors. */
static bool keep(const char *text, size_t text_len, const int *fds, size_t count)
{
	struct message *message;

	/* A removal weighs as much as a descriptor. */
	if (store.figures.waiting + count >= WAITING_MAX)
		return false;
	message = malloc(sizeof(*message) + count * sizeof(int));
	if (message == NULL)
		return false;
	message->next = NULL;
	message->text_len = text_len;
	memcpy(message->text, text, text_len);
	for (message->count = 0; message->count < count; message->count++) {
		int copy = fcntl(fds[message->count], F_DUPFD_CLOEXEC, 0);

		if (copy < 0) {
			release(message);
			return false;
		}
		message->fds[message->count] = copy;
	}
	*store.end = message;
	store.end = &message->next;
	store.figures.waiting += count > 0 ? count : 1;
	return true;
}

static void drop_first(void)
{
	struct message *message = store.first;

	store.first = message->next;
	if (store.first == NULL)
		store.end = &store.first;
	store.figures.waiting -= message->count > 0 ? message->count : 1;
	release(message);
}

static void account(int error, size_t count)
{
	uint64_t some = count > 0 ? count : 1;

	if (error != 0)
		store.figures.given_up += some;
	else if (count > 0)
		store.figures.put += count;
	else
		store.figures.removed++;
}

/* What waits, in order, as far as PID 1 takes it. */
static bool flush(void)
{
	while (store.first != NULL) {
		struct message *message = store.first;
		int error = send_now(message->text, message->text_len, message->fds,
				     message->count);

		if (is_full(error))
			return false;
		account(error, message->count);
		drop_first();
	}
	return true;
}

/* False: given up. */
static bool tell(char *text, const int *fds, size_t count)
{
	size_t len = strlen(text);
	int error = flush() ? send_now(text, len, fds, count) : EAGAIN;

	if (is_full(error) && keep(text, len, fds, count))
		return true;
	account(error, count);
	return error == 0;
}

bool fd_store_put(const char *name, const int *fds, size_t count, bool poll)
{
	char text[TEXT_MAX];

	bool taken = true;

	assert(fd_store_is_name(name) && count > 0);
	if (!fd_store_is_there())
		return true;
	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s%s", name,
		 poll ? "" : "\nFDPOLL=0");
	pthread_mutex_lock(&store.lock);
	while (count > 0) {
		size_t some = count < FD_STORE_BATCH ? count : FD_STORE_BATCH;

		taken = tell(text, fds, some) && taken;
		fds += some;
		count -= some;
	}
	pthread_mutex_unlock(&store.lock);
	return taken;
}

static void give_up(size_t count)
{
	pthread_mutex_lock(&store.lock);
	store.figures.given_up += count;
	pthread_mutex_unlock(&store.lock);
}

void fd_store_put_parcels(const char *name, const int *fds, size_t count)
{
	while (count > 0 && fd_store_is_there()) {
		int parcel;
		size_t some = fd_parcel_pack(fds, count, &parcel);

		if (some == 0) {
			give_up(count);
			return;
		}
		fd_store_put(name, &parcel, 1, false);
		close(parcel);
		fds += some;
		count -= some;
	}
}

static void removal_of(const char *name, char text[TEXT_MAX])
{
	snprintf(text, TEXT_MAX, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

void fd_store_remove(const char *name)
{
	char text[TEXT_MAX];

	assert(fd_store_is_name(name));
	if (!fd_store_is_there())
		return;
	removal_of(name, text);
	pthread_mutex_lock(&store.lock);
	tell(text, NULL, 0);
	/* There may be room now. */
	if (store.is_full)
		store.looks = LOOKS_BETWEEN;
	pthread_mutex_unlock(&store.lock);
}

/* Does a message with that line at its end, or in front of another one, wait? */
static bool waits_for(const char *name)
{
	char line[TEXT_MAX];
	size_t len = (size_t)snprintf(line, sizeof(line), "\nFDNAME=%s", name);

	for (const struct message *message = store.first; message != NULL;
	     message = message->next) {
		const char *at = memmem(message->text, message->text_len, line, len);

		if (at != NULL &&
		    (at + len == message->text + message->text_len || at[len] == '\n'))
			return true;
	}
	return false;
}

void fd_store_remove_first(const char *name)
{
	char text[TEXT_MAX];
	int error = EAGAIN;

	assert(fd_store_is_name(name));
	if (!fd_store_is_there())
		return;
	removal_of(name, text);
	pthread_mutex_lock(&store.lock);
	if (!waits_for(name))
		error = send_now(text, strlen(text), NULL, 0);
	if (is_full(error))
		tell(text, NULL, 0);
	else
		account(error, 0);
	pthread_mutex_unlock(&store.lock);
}

bool fd_store_flush(void)
{
	pthread_mutex_lock(&store.lock);
	bool done = flush();
	pthread_mutex_unlock(&store.lock);
	return done;
}

/* --- is there room? -------------------------------------------------------------------------- */

bool fd_store_is_full(void)
{
	return __atomic_load_n(&store.is_full, __ATOMIC_RELAXED);
}

static void set_full(bool is_full)
{
	__atomic_store_n(&store.is_full, is_full, __ATOMIC_RELAXED);
}

void fd_store_refused(void)
{
	set_full(true);
}

/* It drops by itself what has hung up, so this one needs no removal. */
static void send_canary(void)
{
	char text[] = "FDSTORE=1\nFDNAME=" CANARY_NAME;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return;
	if (send_now(text, sizeof(text) - 1, &pair[1], 1) == 0)
		store.canary = pair[0];
	else
		close(pair[0]);
	close(pair[1]);
	store.looks = 0;
	store.put_then = store.figures.put;
}

/* Once systemd has read everything. */
static void look_at_canary(void)
{
	struct pollfd canary = {.fd = store.canary};
	int unread = 0;

	if (store.socket >= 0 && ioctl(store.socket, SIOCOUTQ, &unread) == 0 &&
	    unread > 0)
		return;
	set_full(poll(&canary, 1, 0) == 1 && (canary.revents & POLLHUP) != 0);
	close(store.canary);
	store.canary = -1;
}

void fd_store_look(void)
{
	if (!fd_store_is_there())
		return;
	pthread_mutex_lock(&store.lock);
	if (store.looks < LOOKS_BETWEEN)
		store.looks++;
	if (store.canary >= 0)
		look_at_canary();
	else if (flush() && store.looks >= LOOKS_BETWEEN &&
		 (store.is_full || store.figures.put != store.put_then))
		send_canary();
	pthread_mutex_unlock(&store.lock);
}

/* --- waiting for systemd --------------------------------------------------------------------- */

static uint64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool fd_store_wait(unsigned ms)
{
	uint64_t until = monotonic_ms() + ms, now;

	while (!fd_store_flush()) {
		struct pollfd room = {.events = POLLOUT};

		now = monotonic_ms();
		if (now >= until)
			return false;
		pthread_mutex_lock(&store.lock);
		room.fd = store.socket;
		pthread_mutex_unlock(&store.lock);
		/* With room, it was too many descriptors at once, for which there is no event. */
		if (poll(&room, 1, (int)(until - now)) > 0)
			nanosleep(&(const struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return true;
}

/* systemd closes its end of the pipe when it has come so far. */
bool fd_store_settle(unsigned ms)
{
	char text[] = "BARRIER=1";
	uint64_t until = monotonic_ms() + ms, now;
	struct pollfd done = {.fd = -1};
	int ends[2], error = EAGAIN;

	if (!fd_store_is_there())
		return true;
	if (!fd_store_wait(ms) || pipe2(ends, O_CLOEXEC) != 0)
		return false;
	pthread_mutex_lock(&store.lock);
	error = flush() ? send_now(text, sizeof(text) - 1, &ends[1], 1) : EAGAIN;
	pthread_mutex_unlock(&store.lock);
	close(ends[1]);
	done.fd = ends[0];
	now = monotonic_ms();
	bool settled = error == 0 &&
		       poll(&done, 1, now < until ? (int)(until - now) : 0) == 1;
	close(ends[0]);
	return settled;
}

struct fd_store_figures fd_store_figures(void)
{
	pthread_mutex_lock(&store.lock);
	struct fd_store_figures figures = store.figures;
	pthread_mutex_unlock(&store.lock);
	return figures;
}

void fd_store_close(void)
{
	pthread_mutex_lock(&store.lock);
	while (store.first != NULL) {
		account(ECANCELED, store.first->count);
		drop_first();
	}
	if (store.socket >= 0)
		close(store.socket);
	store.socket = -1;
	if (store.canary >= 0)
		close(store.canary);
	store.canary = -1;
	store.looks = LOOKS_BETWEEN;
	store.put_then = 0;
	set_full(false);
	pthread_mutex_unlock(&store.lock);
}
