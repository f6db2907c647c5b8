/*
 * control_socket.c - the control interface: libmicrohttpd on a UNIX socket that we create.
 *
 * Access is checked twice: by the mode of the socket, and on every request by the credentials of
 * the peer, because a mode is easily changed by accident.
 *
 * Each connection has a thread. libmicrohttpd could suspend an idle stream instead, but then
 * nothing would notice that its client is gone, and every reply would wait for the slowest
 * handler and the largest document. There are few connections.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_CONTROL
#include "base/control/control_socket.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/fail.h"
#include "base/http_body.h"
#include "base/log.h"
#include "base/net/unix_listener.h"

enum {
	CONNECTIONS_MAX = 32,
	STREAMS_MAX = 16, /* leaves connections for other requests */
	TIMEOUT_S = 10,
	GROUPS_MAX = 256,
	ARGUMENTS_MAX = 32,
	STREAM_BLOCK = 16 * 1024,
	STREAM_WAIT_MS = 250,     /* how soon either side notices the other's end */
	STACK_SIZE = 1024 * 1024, /* jansson recurses, and bodies may nest 2048 deep */
};

struct control_socket {
	const char *name; /* of the daemon */
	const struct control_route *routes;
	size_t route_count;
	void *arg;
	gid_t group;
	char *path;
	int fd;     /* -1: not open, or not ours to close */
	bool bound; /* the path is ours to remove */
	struct MHD_Daemon *daemon;
	pthread_mutex_t serial; /* held while a handler runs */
	unsigned streams;       /* open ones; atomic */
	bool stopping;          /* atomic */
};

/* The part of a request received so far. */
struct upload {
	char *body;
	size_t len, room;
	size_t seen; /* bytes of the body, kept or not */
	bool too_large;
};

/* A stream being sent. */
struct follower {
	struct control_socket *control;
	struct control_stream stream;
	int fd; /* of the connection; borrowed */
};

/* The socket tells the peer's primary group, the user database the others. */
static bool is_member(const struct ucred *peer, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	int count = GROUPS_MAX;
	struct passwd entry, *user = NULL;
	char names[4096];

	if (group == (gid_t)-1)
		return false;
	if (peer->gid == group)
		return true;
	if (getpwuid_r(peer->uid, &entry, names, sizeof(names), &user) != 0 || !user ||
	    getgrouplist(user->pw_name, peer->gid, groups, &count) < 0)
		return false;
	for (int i = 0; i < count; i++) {
		if (groups[i] == group)
			return true;
	}
	return false;
}

static int connection_fd(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

static bool peer_allowed(const struct control_socket *control,
			 struct MHD_Connection *connection)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(connection_fd(connection), SOL_SOCKET, SO_PEERCRED, &peer, &len) <
	    0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid() || is_member(&peer, control->group);
}

/* Has the client closed? One that has only shut down its sending side still listens. */
static bool is_gone(int fd)
{
	struct pollfd poll_fd = {.fd = fd};

	return poll(&poll_fd, 1, 0) != 0;
}

static ssize_t follow(void *arg, uint64_t position, char *buf, size_t size)
{
	struct follower *follower = arg;
	int len = 0;

	(void)position;
	while (len == 0) {
		if (__atomic_load_n(&follower->control->stopping, __ATOMIC_RELAXED))
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (is_gone(follower->fd))
			return MHD_CONTENT_READER_END_WITH_ERROR;
		len = follower->stream.read(follower->stream.arg, buf, size,
					    STREAM_WAIT_MS);
	}
	return len > 0 ? len : MHD_CONTENT_READER_END_OF_STREAM;
}

static void unfollow(void *arg)
{
	struct follower *follower = arg;

	assert(__atomic_load_n(&follower->control->streams, __ATOMIC_RELAXED) > 0);
	follower->stream.close(follower->stream.arg);
	__atomic_fetch_sub(&follower->control->streams, 1, __ATOMIC_RELAXED);
	free(follower);
}

static struct MHD_Response *stream_response(struct control_socket *control,
					    struct MHD_Connection *connection,
					    struct control_reply *reply)
{
	struct follower *follower = malloc(sizeof(*follower));
	struct MHD_Response *response;

	if (!follower)
		return NULL;
	*follower = (struct follower){control, reply->stream, connection_fd(connection)};
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK,
						     follow, follower, unfollow);
	if (!response) {
		free(follower);
		return NULL;
	}
	__atomic_fetch_add(&control->streams, 1, __ATOMIC_RELAXED);
	MHD_add_response_header(response, "Content-Type", reply->stream.content_type);
	/*
	 * A client may pause reading, so only the end of the connection ends the stream. Since
	 * the connection has no timeout from now on, no request may follow.
	 */
	MHD_add_response_header(response, "Connection", "close");
	MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
	reply->stream = (struct control_stream){0}; /* the response owns it now */
	return response;
}

static struct MHD_Response *document_response(const struct control_reply *reply)
{
	char *text = reply->document ? json_dumps(reply->document,
						  JSON_COMPACT | JSON_ENCODE_ANY |
							  JSON_REAL_PRECISION(9))
				     : NULL;
	struct MHD_Response *response = NULL;

	if (text)
		response = MHD_create_response_from_buffer(strlen(text), text,
							   MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return NULL;
	}
	MHD_add_response_header(response, "Content-Type",
				reply->status == 200 ? "application/json"
						     : "application/problem+json");
	if (reply->allow[0])
		MHD_add_response_header(response, "Allow", reply->allow);
	return response;
}

/* Out of memory: the connection closes. */
static enum MHD_Result send_reply(struct control_socket *control,
				  struct MHD_Connection *connection,
				  struct control_reply *reply)
{
	struct MHD_Response *response;
	enum MHD_Result result = MHD_NO;

	assert(reply->status != 0);
	if (reply->stream.read &&
	    __atomic_load_n(&control->streams, __ATOMIC_RELAXED) >= STREAMS_MAX)
		control_refuse(reply, 503,
			       "%d clients are following already; stop one of them",
			       STREAMS_MAX);
	response = reply->stream.read ? stream_response(control, connection, reply)
				      : document_response(reply);
	if (response) {
		MHD_add_response_header(response, "Server", control->name);
		result = MHD_queue_response(connection, reply->status, response);
		MHD_destroy_response(response);
	}
	control_reply_clear(reply);
	return result;
}

struct argument_list {
	struct control_argument list[ARGUMENTS_MAX];
	size_t count;
	bool bad;
};

static enum MHD_Result add_argument(void *arg, enum MHD_ValueKind kind, const char *name,
				    size_t name_len, const char *value, size_t value_len)
{
	struct argument_list *arguments = arg;

	(void)kind;
	/* A NUL would hide the bytes after it. */
	if (arguments->count == ARGUMENTS_MAX || strlen(name) != name_len ||
	    (value && strlen(value) != value_len)) {
		arguments->bad = true;
		return MHD_NO;
	}
	arguments->list[arguments->count++] = (struct control_argument){name, value};
	return MHD_YES;
}

static enum MHD_Result answer(struct control_socket *control,
			      struct MHD_Connection *connection, const char *path,
			      const char *method, const struct upload *upload)
{
	struct argument_list arguments = {0};
	struct control_reply reply = {0};
	struct control_message message = {
		.method = method,
		.path = path,
		.body = upload->body,
		.body_len = upload->len,
		.too_large = upload->too_large,
	};

	MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, add_argument,
				    &arguments);
	message.arguments = arguments.list;
	message.argument_count = arguments.count;
	if (arguments.bad) {
		control_refuse(&reply, 400,
			       "the query has too many arguments or contains a NUL byte");
	} else {
		pthread_mutex_lock(&control->serial);
		control_dispatch(control->routes, control->route_count, control->arg,
				 &message, &reply);
		pthread_mutex_unlock(&control->serial);
	}
	return send_reply(control, connection, &reply);
}

static enum MHD_Result refuse_peer(struct control_socket *control,
				   struct MHD_Connection *connection)
{
	struct control_reply reply = {0};

	control_refuse(&reply, 403,
		       "permission denied; only root, the daemon's user and its "
		       "control group have access");
	return send_reply(control, connection, &reply);
}

static enum MHD_Result refuse_body(struct control_socket *control,
				   struct MHD_Connection *connection, const char *fault)
{
	struct control_reply reply = {0};

	control_refuse(&reply, 400, "%s", fault);
	return send_reply(control, connection, &reply);
}

/* False if the connection must close: out of memory, or too much to skip. */
static bool upload_add(struct upload *upload, const char *data, size_t len)
{
	upload->seen += len;
	if (upload->seen > CONTROL_BODY_MAX) {
		upload->too_large = true;
		upload->len = 0;
		return upload->seen <= 16 * CONTROL_BODY_MAX;
	}
	if (upload->seen > upload->room) {
		size_t room = 2 * upload->seen;
		char *body = realloc(upload->body, room);

		if (!body)
			return false;
		upload->body = body;
		upload->room = room;
	}
	assert(upload->len + len == upload->seen);
	memcpy(upload->body + upload->len, data, len);
	upload->len += len;
	return true;
}

/* A body announced as too large is not read: the reply is immediate and closes the connection. */
static bool says_too_large(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							 "Content-Length");

	return length && strtoull(length, NULL, 10) > CONTROL_BODY_MAX;
}

/* The first call has only the header, each further one a piece of the body, the last nothing. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection,
				  const char *path, const char *method,
				  const char *version, const char *data,
				  size_t *data_size, void **state)
{
	struct control_socket *control = arg;
	struct upload *upload = *state;

	if (!upload) {
		const char *fault = http_body_fault(connection, version);

		if (!peer_allowed(control, connection))
			return refuse_peer(control, connection);
		if (fault)
			return refuse_body(control, connection, fault);
		*state = upload = calloc(1, sizeof(*upload));
		if (!upload)
			return MHD_NO;
		upload->too_large = says_too_large(connection);
		if (!upload->too_large)
			return MHD_YES;
	} else if (*data_size > 0) {
		bool taken = upload_add(upload, data, *data_size);

		*data_size = 0;
		return taken ? MHD_YES : MHD_NO;
	}
	return answer(control, connection, path, method, upload);
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode code)
{
	struct upload *upload = *state;

	(void)arg;
	(void)connection;
	(void)code;
	if (upload)
		free(upload->body);
	free(upload);
	*state = NULL;
}

static void on_log(void *arg, const char *format, va_list args)
{
	static struct log_limit limit;
	char text[256];

	(void)arg;
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	log_limited(&limit, LOG_LEVEL_DEBUG, "control: %s", text);
}

bool control_socket_start(struct control_socket *control, const char *name,
			  const struct control_route *routes, size_t count, void *arg,
			  char *error, size_t error_size)
{
	assert(control->fd >= 0 && control->daemon == NULL);
	control->name = name;
	control->routes = routes;
	control->route_count = count;
	control->arg = arg;
	control->daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
			MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG,
		0, NULL, NULL, on_request, control, MHD_OPTION_EXTERNAL_LOGGER, on_log,
		NULL, MHD_OPTION_LISTEN_SOCKET, control->fd, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, control, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)TIMEOUT_S, MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_SIZE,
		MHD_OPTION_END);
	if (!control->daemon)
		return fail(error, error_size,
			    "cannot start the HTTP server; set it to \"\" to disable it");
	control->fd = -1; /* the daemon closes it */
	return true;
}

static struct unix_listener_options options_for(uid_t owner, gid_t group)
{
	return (struct unix_listener_options){
		.key = "control.socket",
		.type = SOCK_STREAM,
		.owner = owner,
		.group = group,
		.group_key = "control.group",
	};
}

static struct control_socket *control_new(const char *path, gid_t group, char *error,
					  size_t error_size)
{
	struct control_socket *control = calloc(1, sizeof(*control));

	if (control == NULL || (control->path = strdup(path)) == NULL) {
		fail(error, error_size, "out of memory");
		free(control);
		return NULL;
	}
	pthread_mutex_init(&control->serial, NULL);
	control->group = group;
	control->fd = -1;
	return control;
}

struct control_socket *control_socket_bind(const char *path, uid_t owner, gid_t group,
					   char *error, size_t error_size)
{
	const struct unix_listener_options options = options_for(owner, group);
	struct control_socket *control = control_new(path, group, error, error_size);

	if (control == NULL)
		return NULL;
	control->fd = unix_listener_bind(path, &options, error, error_size);
	control->bound = control->fd >= 0;
	if (control->bound)
		return control;
	control_socket_stop(control);
	return NULL;
}

struct control_socket *control_socket_adopt(int fd, const char *path, uid_t owner,
					    gid_t group, char *error, size_t error_size)
{
	const struct unix_listener_options options = options_for(owner, group);
	struct control_socket *control = control_new(path, group, error, error_size);

	assert(unix_listener_is(fd, path));
	if (control == NULL)
		return NULL;
	if (!unix_listener_give(path, &options, error, error_size)) {
		control_socket_stop(control);
		return NULL;
	}
	control->fd = fd;
	control->bound = true;
	return control;
}

int control_socket_descriptor(const struct control_socket *control)
{
	const union MHD_DaemonInfo *info;

	if (control->daemon == NULL)
		return control->fd;
	info = MHD_get_daemon_info(control->daemon, MHD_DAEMON_INFO_LISTEN_FD);
	return info != NULL ? info->listen_fd : -1;
}

void control_socket_leave(struct control_socket *control)
{
	control->bound = false;
}

void control_socket_stop(struct control_socket *control)
{
	if (!control)
		return;
	__atomic_store_n(&control->stopping, true, __ATOMIC_RELAXED);
	if (control->daemon)
		MHD_stop_daemon(control->daemon);
	if (control->fd >= 0)
		close(control->fd);
	/* After a change of user this may fail; the next start removes the stale socket. */
	if (control->bound && unlink(control->path) < 0)
		log_debug("control: cannot remove %s: %s", control->path,
			  strerror(errno));
	pthread_mutex_destroy(&control->serial);
	free(control->path);
	free(control);
}
