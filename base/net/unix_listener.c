/*
 * unix_listener.c - see unix_listener.h.
 */
#include "base/net/unix_listener.h"

#include <assert.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fail.h"

enum { BACKLOG = 16 };

/*
 * Create the last directory of the path; its parents must exist. Ours gets the owner of the
 * socket, so that the socket can be removed at the end; an existing one is left alone.
 */
static bool make_directory(const char *path, const struct unix_listener_options *options,
			   char *error, size_t error_size)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *dir;

	snprintf(copy, sizeof(copy), "%s", path);
	dir = dirname(copy);
	if (mkdir(dir, 0755) == 0) {
		if (options->owner != geteuid() &&
		    chown(dir, options->owner, (gid_t)-1) < 0)
			return fail(error, error_size,
				    "cannot change the owner of directory %s to user %u: "
				    "%s; create it, or change %s",
				    dir, options->owner, strerror(errno), options->key);
		return true;
	}
	if (errno == EEXIST)
		return true;
	return fail(error, error_size,
		    "cannot create directory %s: %s; create it, or change %s", dir,
		    strerror(errno), options->key);
}

/* Is a process listening there? A socket file outlives a killed process. */
static bool is_answered(const struct sockaddr_un *address, int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool answered = true;

	if (fd < 0)
		return true;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		answered = errno != ECONNREFUSED && errno != ENOENT;
	close(fd);
	return answered;
}

static bool remove_stale(const struct sockaddr_un *address,
			 const struct unix_listener_options *options, char *error,
			 size_t error_size)
{
	const char *path = address->sun_path;
	struct stat st;

	if (lstat(path, &st) < 0)
		return true;
	if (!S_ISSOCK(st.st_mode))
		return fail(error, error_size,
			    "%s exists and is not a socket; remove it, or change %s",
			    path, options->key);
	if (is_answered(address, options->type))
		return fail(error, error_size,
			    "another process is listening on %s; stop it, or change %s",
			    path, options->key);
	if (unlink(path) < 0 && errno != ENOENT)
		return fail(error, error_size,
			    "cannot remove the stale socket %s: %s; remove it, or "
			    "change %s",
			    path, strerror(errno), options->key);
	return true;
}

bool unix_listener_give(const char *path, const struct unix_listener_options *options,
			char *error, size_t error_size)
{
	bool has_group = options->group != (gid_t)-1;

	if (chown(path, options->owner, options->group) < 0) {
		if (options->group_key == NULL)
			return fail(error, error_size,
				    "cannot change the owner of %s to user %u: %s; start "
				    "as root, or change user",
				    path, options->owner, strerror(errno));
		return fail(
			error, error_size,
			"%s: cannot change the owner of %s to user %u, group %u: %s; start as root, or "
			"add the user to the group",
			options->group_key, path, options->owner, options->group,
			strerror(errno));
	}
	if (chmod(path, has_group ? 0660 : 0600) < 0)
		return fail(error, error_size, "%s: %s; change %s", path, strerror(errno),
			    options->key);
	return true;
}

/* The mode is set last: no client may connect before owner and group are set. */
static bool bind_path(int fd, const struct sockaddr_un *address,
		      const struct unix_listener_options *options, char *error,
		      size_t error_size)
{
	const char *path = address->sun_path;

	fchmod(fd, 0600);
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return fail(error, error_size,
			    "cannot create %s: %s; change the owner of its directory, "
			    "or %s",
			    path, strerror(errno), options->key);
	if (unix_listener_give(path, options, error, error_size)) {
		if (listen(fd, BACKLOG) == 0)
			return true;
		fail(error, error_size, "%s: %s; change %s", path, strerror(errno),
		     options->key);
	}
	unlink(path);
	return false;
}

int unix_listener_bind(const char *path, const struct unix_listener_options *options,
		       char *error, size_t error_size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	assert(path[0] != '\0');
	if (strlen(path) >= sizeof(address.sun_path)) {
		fail(error, error_size, "%s is too long; use a path of at most %zu bytes",
		     path, sizeof(address.sun_path) - 1);
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, options->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		fail(error, error_size, "%s; set it to \"\" to disable it",
		     strerror(errno));
		return -1;
	}
	if (make_directory(path, options, error, error_size) &&
	    remove_stale(&address, options, error, error_size) &&
	    bind_path(fd, &address, options, error, error_size))
		return fd;
	close(fd);
	return -1;
}

/* False: it is no listening socket, or under no path. */
static bool path_of(int fd, struct sockaddr_un *address)
{
	socklen_t len = sizeof(*address), size = sizeof(int);
	int listens = 0;

	memset(address, 0, sizeof(*address));
	/* The last byte is for a NUL, which a path as long as that has not. */
	return getsockname(fd, (struct sockaddr *)address, &len) == 0 &&
	       address->sun_family == AF_UNIX && len <= sizeof(*address) &&
	       address->sun_path[0] == '/' &&
	       memchr(address->sun_path, '\0', sizeof(address->sun_path)) != NULL &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
	       listens != 0;
}

bool unix_listener_is(int fd, const char *path)
{
	struct sockaddr_un address;
	struct stat st;

	/* The file has to be there: a client comes by the path. */
	return path_of(fd, &address) && strcmp(address.sun_path, path) == 0 &&
	       lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

void unix_listener_remove(int fd)
{
	struct sockaddr_un address;

	if (path_of(fd, &address))
		unlink(address.sun_path);
	close(fd);
}
