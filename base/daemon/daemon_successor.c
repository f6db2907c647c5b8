/*
 * daemon_successor.c - see daemon_successor.h.
 */
#include "base/daemon/daemon_successor.h"

#include <stddef.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "base/config/config.h"
#include "base/control/control_socket.h"
#include "base/daemon/daemon.h"
#include "base/descriptors/take_over_listener.h"
#include "base/metrics/metrics_listener.h"
#include "base/net/unix_listener.h"

/* --- its socket ------------------------------------------------------------------------------ */

bool daemon_successor_bind(struct daemon *daemon)
{
	char *const *path = &daemon->config->take_over.socket;
	const struct unix_listener_options options = {
		.key = "take_over.socket",
		.type = SOCK_SEQPACKET,
		.owner = daemon->who.uid,
		.group = (gid_t)-1,
	};
	char *error = daemon->error;
	size_t size = sizeof(daemon->error);

	if (*path == NULL || daemon->ops->take_over == NULL)
		return true;
	daemon->take_over_fd =
		predecessor_unix(&daemon->predecessor, PREDECESSOR_TAKE_OVER, *path);
	if (daemon->take_over_fd < 0)
		daemon->take_over_fd = unix_listener_bind(*path, &options, error, size);
	else if (!unix_listener_give(*path, &options, error, size))
		return daemon_value_error(daemon, path);
	return daemon->take_over_fd >= 0 || daemon_value_error(daemon, path);
}

/* After a change of user this may fail; the next start removes the stale socket. */
void daemon_successor_unbind(struct daemon *daemon)
{
	if (daemon->take_over_fd >= 0)
		unix_listener_remove(daemon->take_over_fd);
	daemon->take_over_fd = -1;
}

/* --- when it asks ---------------------------------------------------------------------------- */

static bool pause_daemon(void *self, char *error, size_t error_size)
{
	struct daemon *daemon = self;

	return daemon->ops->take_over->pause(daemon, error, error_size);
}

static void each(void *self, take_over_give_fn *give, void *arg)
{
	struct daemon *daemon = self;

	if (daemon->control != NULL)
		give(arg, PREDECESSOR_CONTROL,
		     control_socket_descriptor(daemon->control));
	if (daemon->metrics != NULL)
		give(arg, PREDECESSOR_METRICS,
		     metrics_listener_descriptor(daemon->metrics));
	give(arg, PREDECESSOR_TAKE_OVER, daemon->take_over_fd);
	daemon->ops->take_over->each(daemon, give, arg);
}

static void resume(void *self)
{
	struct daemon *daemon = self;

	daemon->ops->take_over->resume(daemon);
}

/*
 * At once: those who wait for an answer of a thread that stands still are let go, or the end
 * would wait for them.
 */
static void leave_to_successor(void *self)
{
	struct daemon *daemon = self;

	daemon->ops->leave(daemon);
	if (daemon->control != NULL)
		control_socket_leave(daemon->control);
	daemon->leaves = daemon->has_left = true;
	event_base_loopbreak(daemon->base);
}

bool daemon_successor_listen(struct daemon *daemon)
{
	const struct take_over_source source = {
		.daemon = daemon->ops->name,
		.self = daemon,
		.pause = pause_daemon,
		.each = each,
		.resume = resume,
		.leave = leave_to_successor,
	};

	if (daemon->take_over_fd < 0)
		return true;
	daemon->successors =
		take_over_listen(daemon->base, daemon->take_over_fd, &source);
	return daemon->successors != NULL || daemon_no_memory(daemon);
}
