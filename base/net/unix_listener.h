/*
 * unix_listener.h - a listening UNIX socket under a path, for peers of this host that are known by their
 * credentials.
 *
 * Threads  any; called before privileges are dropped.
 */
#ifndef BASE_NET_UNIX_LISTENER_H
#define BASE_NET_UNIX_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct unix_listener_options {
	const char *key; /* what the configuration calls the path: "control.socket" */
	int type;        /* SOCK_STREAM or SOCK_SEQPACKET */
	uid_t owner;     /* of the file, and of its directory if that is missing */
	gid_t group;     /* may connect besides; (gid_t)-1: none */
	const char *group_key; /* what the configuration calls the group; NULL: nothing */
};

/*
 * Create the socket, in place of a stale one. Nonblocking and listening; -1 with a sentence in error, and then
 * there is no file of ours.
 */
int unix_listener_bind(const char *path, const struct unix_listener_options *options,
		       char *error, size_t error_size);

/* Is fd a listening socket under that very path, which leads to it? */
bool unix_listener_is(int fd, const char *path);

/*
 * Make an open one, of another process perhaps, what the options say, as far as this process may. False with a
 * sentence in error.
 */
bool unix_listener_give(const char *path, const struct unix_listener_options *options,
			char *error, size_t error_size);

/* Close one of another process, and remove its file. */
void unix_listener_remove(int fd);

#endif
