/*
 * predecessor.c - see predecessor.h.
 */
#include "base/descriptors/predecessor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/descriptors/inherited.h"
#include "base/descriptors/take_over.h"
#include "base/log.h"
#include "base/net/unix_listener.h"
#include "base/sockaddr.h"

enum { LOG_FLUSH_MS = 500 };

bool predecessor_check(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0)
		return true;
	if (child < 0) {
		log_error("cannot start a process that checks the configuration: %s",
			  strerror(errno));
		exit(EXIT_FAILURE);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return false;
	/* It has said why. */
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

bool predecessor_ask(struct predecessor *predecessor, const char *path,
		     const char *daemon, char *error, size_t error_size)
{
	if (path == NULL)
		return true;
	predecessor->inherited = inherited_new();
	if (predecessor->inherited == NULL) {
		snprintf(error, error_size, "out of memory");
		return false;
	}
	predecessor->asked =
		take_over_ask(path, daemon, predecessor->inherited, error, error_size);
	if (predecessor->asked == NULL) {
		/* Nothing of it is ended. */
		inherited_leave(predecessor->inherited);
		predecessor->inherited = NULL;
		return false;
	}
	log_notice("take-over: process %d has given %zu descriptors and waits",
		   take_over_pid(predecessor->asked),
		   inherited_count(predecessor->inherited));
	return true;
}

/* Sockets of the old process under paths that are not ours. */
static void remove_listeners(struct inherited *inherited)
{
	static const char *const names[] = {PREDECESSOR_CONTROL, PREDECESSOR_TAKE_OVER};
	int fd;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		while ((fd = inherited_take(inherited, names[i])) >= 0)
			unix_listener_remove(fd);
	}
}

bool predecessor_done(struct predecessor *predecessor, char *error, size_t error_size)
{
	if (predecessor->asked == NULL)
		return true;
	if (!take_over_done(predecessor->asked, TAKE_OVER_SEND_MS, error, error_size))
		return false;
	log_notice("take-over: process %d has handed over and leaves",
		   take_over_pid(predecessor->asked));
	take_over_free(predecessor->asked);
	predecessor->asked = NULL;
	remove_listeners(predecessor->inherited);
	return true;
}

void predecessor_abandon(const struct predecessor *predecessor, const char *error,
			 int status)
{
	if (predecessor->asked == NULL)
		return;
	take_over_refuse(predecessor->asked, error);
	log_error("take-over: process %d serves on", take_over_pid(predecessor->asked));
	log_stop_writer(LOG_FLUSH_MS);
	/* Taken down in order, what both have would end. */
	_exit(status);
}

int predecessor_unix(struct predecessor *predecessor, const char *name, const char *path)
{
	size_t cursor = 0;
	const char *other;
	int fd;

	while (predecessor->asked != NULL &&
	       inherited_next(predecessor->inherited, &cursor, &other, &fd)) {
		if (strcmp(other, name) != 0 || !unix_listener_is(fd, path))
			continue;
		inherited_taken(predecessor->inherited, fd);
		return fd;
	}
	return -1;
}

int predecessor_tcp(struct predecessor *predecessor, const char *name,
		    const struct endpoint *where)
{
	size_t cursor = 0;
	const char *other;
	int fd;

	while (predecessor->asked != NULL &&
	       inherited_next(predecessor->inherited, &cursor, &other, &fd)) {
		struct endpoint local;

		if (strcmp(other, name) != 0 || !sockaddr_of(fd, &local) ||
		    !endpoint_equal(&local, where))
			continue;
		inherited_taken(predecessor->inherited, fd);
		return fd;
	}
	return -1;
}
