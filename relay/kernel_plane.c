/*
 * kernel_plane.c - see kernel_plane.h.
 */
#include "relay/kernel_plane.h"

#include <assert.h>
#include <stddef.h>

#include "base/inbox.h"
#include "relay/offload/offload.h"
#include "relay/relay.h"
#include "relay/reload/offload_settings.h"
#include "relay/worker.h"

static void tell_worker(void *arg)
{
	struct worker *worker = arg;

	loop_turn(&worker->loop);
	worker_offload_changed(worker);
}

/* All workers, each on its thread; back when the last has let go of the table before. */
static void changed(void *arg)
{
	const struct relay *relay = arg;

	for (size_t i = 0; relay->workers != NULL && i < relay->worker_count; i++) {
		struct worker *worker = relay->workers[i];

		if (worker == NULL)
			continue;
		if (worker->is_running)
			inbox_call(worker->inbox, tell_worker, worker);
		else
			tell_worker(worker);
	}
}

bool kernel_plane_start(struct relay *relay, struct event_base *base)
{
	struct offload_wanted wanted;

	assert(relay->offload == NULL && relay->workers == NULL);
	offload_settings_fill(relay->config, network_view(relay->network), &wanted);
	relay->offload = offload_start(&wanted, base);
	if (relay->offload == NULL)
		return false;
	offload_on_change(relay->offload, changed, relay);
	return true;
}

void kernel_plane_stop(struct relay *relay)
{
	offload_stop(relay->offload);
	relay->offload = NULL;
}

void kernel_plane_leave(struct relay *relay)
{
	offload_leave(relay->offload);
	relay->offload = NULL;
}
