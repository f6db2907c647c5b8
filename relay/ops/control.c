/*
 * control.c - the control interface: libmicrohttpd on a UNIX socket of ours.
 *
 * Who may use it is decided twice: by the mode of the socket, and for every request by the
 * credentials of the peer, because a mode is easily changed by accident.
 */
#include "relay/ops/control.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/log.h"
#include "relay/ops/control_reply.h"

enum {
	BACKLOG = 16,
	CONNECTIONS_MAX = 16,
	TIMEOUT_S = 10,
	GROUPS_MAX = 256,
};

struct control {
	struct relay *relay;
	gid_t group;
	struct sockaddr_un address;
	int fd;     /* -1 when it is not ours to close or not open */
	bool bound; /* the path is ours to remove */
	struct MHD_Daemon *daemon;
};

static bool __attribute__((format(printf, 3, 4)))
fail(char *error, size_t error_size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, error_size, format, args);
	va_end(args);
	return false;
}

/* The peer's primary group is known from the socket, the others from the system. */
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

static bool peer_allowed(const struct control *control, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (!info ||
	    getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid() || is_member(&peer, control->group);
}

static enum MHD_Result send_document(struct MHD_Connection *connection, unsigned status,
				     json_t *document)
{
	char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
	struct MHD_Response *response;
	enum MHD_Result result;

	json_decref(document);
	if (!text)
		return MHD_NO; /* out of memory: the connection closes */
	response = MHD_create_response_from_buffer(strlen(text), text,
						   MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Content-Type",
				status == 200 ? "application/json"
					      : "application/problem+json");
	if (status == 405)
		MHD_add_response_header(response, "Allow", "GET");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection,
				  const char *path, const char *method,
				  const char *version, const char *upload,
				  size_t *upload_size, void **state)
{
	struct control *control = arg;
	unsigned status = 403;
	json_t *document;

	(void)version;
	(void)upload;
	/* The first call has only the head; a body, which nothing here takes, is skipped. */
	if (!*state) {
		*state = control;
		return MHD_YES;
	}
	if (*upload_size > 0) {
		*upload_size = 0;
		return MHD_YES;
	}
	if (peer_allowed(control, connection))
		document = control_reply(control->relay, method, path, &status);
	else
		document = control_problem(
			403, "only root, the relay's user and its control group may ask");
	return send_document(connection, status, document);
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

/*
 * The last folder only: the ones above it are the system's. One that we made belongs to whom
 * the socket belongs, so that it can be removed at the end; one that was there stays as it is.
 */
static bool make_folder(const char *path, uid_t owner, char *error, size_t error_size)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *folder;

	snprintf(copy, sizeof(copy), "%s", path);
	folder = dirname(copy);
	if (mkdir(folder, 0755) == 0) {
		if (owner != geteuid() && chown(folder, owner, (gid_t)-1) < 0)
			return fail(
				error, error_size,
				"control.socket: cannot give the folder %s to user %u: %s; "
				"create it, or change control.socket",
				folder, owner, strerror(errno));
		return true;
	}
	if (errno == EEXIST)
		return true;
	return fail(
		error, error_size,
		"control.socket: cannot create the folder %s: %s; create it, or change "
		"control.socket",
		folder, strerror(errno));
}

/* Does somebody answer there? A socket file outlives a process that was killed. */
static bool is_answered(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool answered = true;

	if (fd < 0)
		return true;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		answered = errno != ECONNREFUSED && errno != ENOENT;
	close(fd);
	return answered;
}

static bool remove_stale(const struct control *control, char *error, size_t error_size)
{
	const char *path = control->address.sun_path;
	struct stat st;

	if (lstat(path, &st) < 0)
		return true;
	if (!S_ISSOCK(st.st_mode))
		return fail(
			error, error_size,
			"control.socket: %s exists and is not a socket; remove it, or change "
			"control.socket",
			path);
	if (is_answered(&control->address))
		return fail(
			error, error_size,
			"control.socket: another process answers at %s; stop it, or change "
			"control.socket",
			path);
	if (unlink(path) < 0 && errno != ENOENT)
		return fail(
			error, error_size,
			"control.socket: cannot remove the left-over %s: %s; remove it, or "
			"change control.socket",
			path, strerror(errno));
	return true;
}

/* Nobody may connect before owner and group are right: the mode comes last. */
static bool bind_path(struct control *control, uid_t owner, char *error,
		      size_t error_size)
{
	const char *path = control->address.sun_path;

	fchmod(control->fd, 0600);
	if (bind(control->fd, (const struct sockaddr *)&control->address,
		 sizeof(control->address)) < 0)
		return fail(
			error, error_size,
			"control.socket: cannot create %s: %s; change its folder's owner, or "
			"control.socket",
			path, strerror(errno));
	control->bound = true;
	if (chown(path, owner, control->group) < 0)
		return fail(
			error, error_size,
			"control.group: cannot give %s to user %u, group %u: %s; start as "
			"root, or make the user a member of the group",
			path, owner, control->group, strerror(errno));
	if (chmod(path, control->group != (gid_t)-1 ? 0660 : 0600) < 0 ||
	    listen(control->fd, BACKLOG) < 0)
		return fail(error, error_size,
			    "control.socket: %s: %s; change control.socket", path,
			    strerror(errno));
	return true;
}

static bool open_socket(struct control *control, uid_t owner, char *error,
			size_t error_size)
{
	control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (control->fd < 0)
		return fail(error, error_size,
			    "control.socket: %s; set it to \"\" to go without",
			    strerror(errno));
	return make_folder(control->address.sun_path, owner, error, error_size) &&
	       remove_stale(control, error, error_size) &&
	       bind_path(control, owner, error, error_size);
}

bool control_start(struct control *control, struct relay *relay, char *error,
		   size_t error_size)
{
	control->relay = relay;
	control->daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC |
			MHD_USE_ERROR_LOG,
		0, NULL, NULL, on_request, control, MHD_OPTION_EXTERNAL_LOGGER, on_log,
		NULL, MHD_OPTION_LISTEN_SOCKET, control->fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)TIMEOUT_S, MHD_OPTION_END);
	if (!control->daemon)
		return fail(
			error, error_size,
			"control.socket: the HTTP server does not start; set it to \"\" to go "
			"without");
	control->fd = -1; /* the daemon closes it */
	return true;
}

struct control *control_bind(const char *path, uid_t owner, gid_t group, char *error,
			     size_t error_size)
{
	struct control *control = calloc(1, sizeof(*control));

	if (!control) {
		fail(error, error_size, "control.socket: out of memory");
		return NULL;
	}
	control->group = group;
	control->fd = -1;
	control->address.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(control->address.sun_path)) {
		fail(error, error_size,
		     "control.socket: %s is too long; write a path of at most %zu bytes",
		     path, sizeof(control->address.sun_path) - 1);
		control_stop(control);
		return NULL;
	}
	strcpy(control->address.sun_path, path);
	if (!open_socket(control, owner, error, error_size)) {
		control_stop(control);
		return NULL;
	}
	return control;
}

void control_stop(struct control *control)
{
	if (!control)
		return;
	if (control->daemon)
		MHD_stop_daemon(control->daemon);
	if (control->fd >= 0)
		close(control->fd);
	/* After a change of user the folder may not be ours; the next start finds it stale. */
	if (control->bound && unlink(control->address.sun_path) < 0)
		log_debug("control: %s stays behind: %s", control->address.sun_path,
			  strerror(errno));
	free(control);
}
