/*
 * relays.c - see relays.h.
 */
#include "relay/offload/loader/relays.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/log.h"
#include "relay/offload/flow_layout.h"
#include "relay/offload/loader/plane.h"
#include "relay/offload/loader_message.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif

enum {
	CONNECTIONS_MAX = RELAYS_WATCHED_MAX - 1,
	OPEN_MS = 5000, /* from a connection to its first message */
	TURN_MAX = 4,   /* messages of one connection before others have their turn */
	USER_NAME = 64,
};

struct connection {
	int fd;
	uid_t uid;
	pid_t pid;
	uint64_t since_ms;
	/* Why it will be refused, a sentence of ours; NULL: it may be served. */
	const char *refused;
	uint64_t opened; /* a serial number; 0: not yet. The latest has the tables. */
	struct loader_device wanted[OFFLOAD_DEVICES_MAX]; /* once opened */
	size_t wanted_count;
};

struct relays {
	struct relays_options options;
	struct connection connections[CONNECTIONS_MAX];
	size_t count;
	uint64_t last_opened;
	struct plane *plane;    /* NULL: there are no tables */
	uid_t owner;            /* of the tables */
	uint64_t kept_until_ms; /* with tables, while no relay is connected */
};

struct relays *relays_new(const struct relays_options *options)
{
	struct relays *relays = calloc(1, sizeof(*relays));

	if (relays != NULL)
		relays->options = *options;
	return relays;
}

void relays_free(struct relays *relays)
{
	if (relays == NULL)
		return;
	plane_free(relays->plane);
	for (size_t i = 0; i < relays->count; i++)
		close(relays->connections[i].fd);
	free(relays);
}

static const char *user_name(uid_t uid, char name[USER_NAME])
{
	const struct passwd *user = getpwuid(uid);

	if (user != NULL)
		snprintf(name, USER_NAME, "%s", user->pw_name);
	else
		snprintf(name, USER_NAME, "%u", uid);
	return name;
}

/* The one that has the tables; NULL: none has. */
static struct connection *holder(struct relays *relays)
{
	struct connection *latest = NULL;

	for (size_t i = 0; i < relays->count; i++) {
		struct connection *connection = &relays->connections[i];

		if (connection->opened > (latest != NULL ? latest->opened : 0))
			latest = connection;
	}
	assert(latest == NULL || relays->plane != NULL);
	return latest;
}

/* --- ends ------------------------------------------------------------------------------------ */

static void drop_tables(struct relays *relays)
{
	plane_free(relays->plane);
	relays->plane = NULL;
	relays->kept_until_ms = 0;
}

static void use_devices(struct relays *relays, const struct connection *connection,
			struct loader_device *answer)
{
	plane_use(relays->plane, connection->wanted, connection->wanted_count, answer);
}

/*
 * It is gone, and its place is that of the last one. The relay that it has taken over from goes on, if that is there;
 * otherwise the tables are kept.
 */
static void end(struct relays *relays, struct connection *connection, uint64_t now_ms)
{
	struct loader_device ignored[OFFLOAD_DEVICES_MAX];
	bool had_tables = connection == holder(relays);
	const struct connection *next;

	close(connection->fd);
	assert(relays->count > 0);
	*connection = relays->connections[--relays->count];
	if (!had_tables)
		return;
	next = holder(relays);
	if (next != NULL) {
		log_notice("the relay (process %d) goes on: the one that took over from "
			   "it is gone",
			   next->pid);
		use_devices(relays, next, ignored);
	} else {
		log_notice("the relay is gone; its flows are kept for %d s",
			   FLOW_LEASE_MS / 1000);
		relays->kept_until_ms = now_ms + FLOW_LEASE_MS;
	}
}

static void __attribute__((format(printf, 4, 5)))
refuse(struct relays *relays, struct connection *connection, uint64_t now_ms,
       const char *format, ...)
{
	static struct log_limit limit;
	struct loader_message message = {.kind = LOADER_REFUSED};
	char user[USER_NAME];
	va_list args;

	va_start(args, format);
	vsnprintf(message.why, sizeof(message.why), format, args);
	va_end(args);
	log_limited(&limit, LOG_LEVEL_WARNING, "process %d of user %s is refused: %s",
		    connection->pid, user_name(connection->uid, user), message.why);
	/* Best effort: one that does not read finds its connection closed. */
	loader_message_send(connection->fd, &message, NULL, 0);
	end(relays, connection, now_ms);
}

/* --- messages -------------------------------------------------------------------------------- */

static void note_devices(struct connection *connection,
			 const struct loader_message *message)
{
	connection->wanted_count = message->device_count;
	memcpy(connection->wanted, message->devices,
	       message->device_count * sizeof(message->devices[0]));
}

/* False: it is gone. */
static bool answer(struct relays *relays, struct connection *connection,
		   struct loader_message *message, size_t fd_count, uint64_t now_ms)
{
	int error;

	message->kind = LOADER_ANSWER;
	message->flows = plane_places(relays->plane);
	message->device_count = (uint32_t)connection->wanted_count;
	error = loader_message_send(connection->fd, message,
				    plane_descriptors(relays->plane), fd_count);
	if (error == 0)
		return true;
	log_warning("the relay (process %d) does not take an answer: %s", connection->pid,
		    strerror(-error));
	end(relays, connection, now_ms);
	return false;
}

/* Its end has not been read yet. */
static bool is_gone(const struct connection *connection)
{
	struct pollfd polled = {.fd = connection->fd, .events = POLLRDHUP};

	return poll(&polled, 1, 0) > 0 &&
	       (polled.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0;
}

static struct connection *find(struct relays *relays, int fd)
{
	for (size_t i = 0; i < relays->count; i++) {
		if (relays->connections[i].fd == fd)
			return &relays->connections[i];
	}
	return NULL;
}

/* May it have the tables? "" or why not. */
static void judge_open(struct relays *relays, const struct connection *connection,
		       const struct loader_message *message, uint64_t now_ms,
		       char why[OFFLOAD_WHY_MAX])
{
	const struct connection *served = holder(relays);
	char user[USER_NAME];

	why[0] = '\0';
	if (relays->plane == NULL || (connection->uid == relays->owner &&
				      (served == NULL || message->resumed == 1)))
		return;
	user_name(relays->owner, user);
	if (served != NULL)
		fail(why, OFFLOAD_WHY_MAX,
		     "another relay has the kernel plane: process %d of user %s; stop it, or "
		     "leave this one on sockets",
		     served->pid, user);
	else
		fail(why, OFFLOAD_WHY_MAX,
		     "the flows of a relay of user %s are kept for another %" PRIu64
		     " ms; retry then",
		     user,
		     relays->kept_until_ms > now_ms ? relays->kept_until_ms - now_ms : 0);
}

/* End all others: their tables are not those of the plane any more. */
static void end_others(struct relays *relays, int fd)
{
	size_t kept = 0;

	for (size_t i = 0; i < relays->count; i++) {
		struct connection *connection = &relays->connections[i];

		if (connection->opened == 0 || connection->fd == fd)
			relays->connections[kept++] = *connection;
		else
			close(connection->fd);
	}
	relays->count = kept;
}

/* There are tables of that size, or a sentence in why. */
static bool have_tables(struct relays *relays, uint32_t flows, int fd, bool *resumed,
			char why[OFFLOAD_WHY_MAX])
{
	*resumed = relays->plane != NULL && plane_has_size(relays->plane, flows);
	if (*resumed)
		return true;
	end_others(relays, fd);
	drop_tables(relays);
	relays->plane =
		plane_new(flows, relays->options.without_tcx, why, OFFLOAD_WHY_MAX);
	return relays->plane != NULL;
}

static void open_tables(struct relays *relays, int fd,
			const struct loader_message *message, uint64_t now_ms)
{
	struct connection *connection = find(relays, fd), *before = holder(relays);
	struct loader_message reply = {.kind = LOADER_ANSWER};
	char why[OFFLOAD_WHY_MAX], user[USER_NAME];
	bool resumed;

	if (connection->opened != 0) {
		refuse(relays, connection, now_ms, "it has opened already");
		return;
	}
	for (; before != NULL && is_gone(before); before = holder(relays))
		end(relays, before, now_ms);
	connection = find(relays, fd);
	judge_open(relays, connection, message, now_ms, why);
	if (why[0] != '\0' || !have_tables(relays, message->flows, fd, &resumed, why)) {
		refuse(relays, find(relays, fd), now_ms, "%s", why);
		return;
	}
	connection = find(relays, fd);
	connection->opened = ++relays->last_opened;
	relays->owner = connection->uid;
	relays->kept_until_ms = 0;
	log_notice("the relay (process %d of user %s) %s, with room for %u flows",
		   connection->pid, user_name(connection->uid, user),
		   resumed ? "goes on with the flows of the one before" : "is served",
		   plane_places(relays->plane));
	note_devices(connection, message);
	use_devices(relays, connection, reply.devices);
	reply.resumed = resumed;
	answer(relays, connection, &reply, LOADER_DESCRIPTOR_COUNT, now_ms);
}

static void change_devices(struct relays *relays, struct connection *connection,
			   const struct loader_message *message, uint64_t now_ms)
{
	struct loader_message reply = {.kind = LOADER_ANSWER};

	note_devices(connection, message);
	if (connection == holder(relays)) {
		use_devices(relays, connection, reply.devices);
	} else {
		for (size_t i = 0; i < message->device_count; i++) {
			reply.devices[i].ifindex = message->devices[i].ifindex;
			reply.devices[i].mode = OFFLOAD_OFF;
			snprintf(reply.devices[i].why, OFFLOAD_WHY_MAX,
				 "another process has taken over");
		}
	}
	answer(relays, connection, &reply, 0, now_ms);
}

/* All is detached before its connection ends, unless another relay is there to go on. */
static void close_tables(struct relays *relays, struct connection *connection,
			 uint64_t now_ms)
{
	uint64_t opened = connection->opened;

	log_notice("the relay (process %d) closes", connection->pid);
	connection->opened = 0;
	if (holder(relays) == NULL)
		drop_tables(relays);
	else
		connection->opened = opened;
	end(relays, connection, now_ms);
}

/* False: the connection is gone, or has nothing more. */
static bool take_message(struct relays *relays, int fd, uint64_t now_ms)
{
	struct connection *connection = find(relays, fd);
	struct loader_message message;
	int fds[LOADER_DESCRIPTOR_COUNT];
	size_t fd_count;
	int error = loader_message_receive(fd, &message, fds, &fd_count);

	if (error == -EAGAIN)
		return false;
	if (error == -EPIPE) {
		end(relays, connection, now_ms);
		return false;
	}
	if (error == -EPROTONOSUPPORT) {
		refuse(relays, connection, now_ms,
		       "it speaks another version; restart avedge-offload and the relay "
		       "after an upgrade");
		return false;
	}
	if (error != 0) {
		refuse(relays, connection, now_ms, "it sent something else (%s)",
		       strerror(-error));
		return false;
	}
	/* Descriptors come with an answer alone. */
	assert(fd_count == 0 || message.kind == LOADER_ANSWER);
	for (size_t i = 0; i < fd_count; i++)
		close(fds[i]);
	if (connection->refused != NULL) {
		refuse(relays, connection, now_ms, "%s", connection->refused);
	} else if (message.kind == LOADER_OPEN) {
		open_tables(relays, fd, &message, now_ms);
	} else if (connection->opened != 0 && message.kind == LOADER_DEVICES) {
		change_devices(relays, connection, &message, now_ms);
	} else if (connection->opened != 0 && message.kind == LOADER_CLOSE) {
		close_tables(relays, connection, now_ms);
	} else {
		refuse(relays, connection, now_ms, "it sent a message out of turn");
	}
	return find(relays, fd) != NULL;
}

/* --- connections ----------------------------------------------------------------------------- */

static bool network_namespace(int fd, uint64_t *cookie)
{
	socklen_t size = sizeof(*cookie);

	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &size) == 0;
}

/* A socket belongs to the network namespace of the process that made it; unknown counts as ours. */
static bool is_elsewhere(int client)
{
	uint64_t theirs, ours;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	bool differs = fd >= 0 && network_namespace(client, &theirs) &&
		       network_namespace(fd, &ours) && theirs != ours;

	if (fd >= 0)
		close(fd);
	return differs;
}

static bool accept_one(struct relays *relays, uint64_t now_ms)
{
	static struct log_limit limit;
	struct connection *connection;
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t size = sizeof(peer);
	int fd = accept4(relays->options.listener, NULL, NULL,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			log_limited(&limit, LOG_LEVEL_WARNING,
				    "cannot accept a connection: %s", strerror(errno));
		return false;
	}
	if (relays->count == CONNECTIONS_MAX ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
		log_limited(&limit, LOG_LEVEL_WARNING,
			    "more than %d connections; process %d is refused",
			    CONNECTIONS_MAX, peer.pid);
		close(fd);
		return true;
	}
	connection = &relays->connections[relays->count++];
	*connection = (struct connection){
		.fd = fd, .uid = peer.uid, .pid = peer.pid, .since_ms = now_ms};
	/* It is told when it has sent something: one that still sends would lose the answer. */
	if (peer.uid != 0 && peer.uid != geteuid() && peer.uid != relays->options.user)
		connection->refused =
			"its user may not have the kernel plane; start avedge-offload with --user and "
			"the name of that user";
	else if (is_elsewhere(fd))
		connection->refused = "relay and avedge-offload are in different network "
				      "namespaces; start avedge-offload in the relay's";
	return true;
}

size_t relays_watch(const struct relays *relays, struct pollfd polled[RELAYS_WATCHED_MAX])
{
	polled[0] = (struct pollfd){.fd = relays->options.listener, .events = POLLIN};
	for (size_t i = 0; i < relays->count; i++)
		polled[i + 1] = (struct pollfd){.fd = relays->connections[i].fd,
						.events = POLLIN};
	return relays->count + 1;
}

uint64_t relays_deadline(const struct relays *relays)
{
	uint64_t earliest = relays->kept_until_ms != 0 ? relays->kept_until_ms
						       : UINT64_MAX;

	for (size_t i = 0; i < relays->count; i++) {
		const struct connection *connection = &relays->connections[i];

		if (connection->opened == 0 && connection->since_ms + OPEN_MS < earliest)
			earliest = connection->since_ms + OPEN_MS;
	}
	return earliest;
}

static void end_what_is_late(struct relays *relays, uint64_t now_ms)
{
	for (size_t i = relays->count; i-- > 0;) {
		struct connection *connection = &relays->connections[i];

		if (connection->opened == 0 && connection->since_ms + OPEN_MS <= now_ms)
			refuse(relays, connection, now_ms, "it says nothing");
	}
	if (relays->kept_until_ms != 0 && relays->kept_until_ms <= now_ms) {
		assert(holder(relays) == NULL);
		log_notice("no relay has come back; its flows are gone");
		drop_tables(relays);
	}
}

void relays_serve(struct relays *relays, const struct pollfd *polled, size_t count,
		  uint64_t now_ms)
{
	for (size_t i = 1; i < count; i++) {
		if (polled[i].revents == 0)
			continue;
		for (int turn = 0; turn < TURN_MAX; turn++) {
			/* Another one's message may have ended it. */
			if (find(relays, polled[i].fd) == NULL ||
			    !take_message(relays, polled[i].fd, now_ms))
				break;
		}
	}
	end_what_is_late(relays, now_ms);
	/* Last: a new connection may get the number of a descriptor that was polled. */
	if (count > 0 && polled[0].revents != 0) {
		for (int turn = 0; turn < TURN_MAX; turn++) {
			if (!accept_one(relays, now_ms))
				break;
		}
	}
}

bool relays_is_idle(const struct relays *relays)
{
	return relays->count == 0 && relays->plane == NULL;
}

void relays_status(const struct relays *relays, char *line, size_t size)
{
	size_t devices, flows;

	if (relays->plane == NULL) {
		snprintf(line, size, "no relay");
		return;
	}
	plane_count(relays->plane, &devices, &flows);
	snprintf(line, size, "%s: %zu device%s, %zu flow%s",
		 relays->kept_until_ms == 0 ? "serving" : "the relay is gone", devices,
		 devices == 1 ? "" : "s", flows, flows == 1 ? "" : "s");
}
