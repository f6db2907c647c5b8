/*
 * daemon.c - see daemon.h.
 */
#include "base/daemon/daemon.h"

#include <assert.h>
#include <stdio.h>

#include <event2/event.h>

#include "base/config/config.h"

bool daemon_no_memory(struct daemon *daemon)
{
	snprintf(daemon->error, sizeof(daemon->error), "out of memory");
	return false;
}

bool daemon_value_error(struct daemon *daemon, const void *field)
{
	return config_locate(daemon->config, field, daemon->error, sizeof(daemon->error));
}

bool daemon_take_over_done(struct daemon *daemon)
{
	return predecessor_done(&daemon->predecessor, daemon->error,
				sizeof(daemon->error));
}

void daemon_leave(struct daemon *daemon)
{
	assert(daemon->leaves);
	event_base_loopbreak(daemon->base);
}
