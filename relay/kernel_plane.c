/*
 * kernel_plane.c - see kernel_plane.h.
 */
#include "relay/kernel_plane.h"

#include <assert.h>
#include <stddef.h>
#include <time.h>

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

static uint64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint32_t kernel_plane_owner(const struct relay *relay)
{
	uint32_t owner = (uint32_t)relay->started_ms;

	return owner != 0 ? owner : 1;
}

static bool is_own(void *arg, uint32_t flow)
{
	const struct relay *relay = arg;

	return flow_table_owner(offload_table(relay->offload), flow) ==
	       kernel_plane_owner(relay);
}

/* Without memory to ask it, it goes on with a table that is about to be unmapped: it is asked again. */
static void tell(struct worker *worker)
{
	const struct timespec pause = {.tv_nsec = 10000000};

	if (!worker->is_running) {
		tell_worker(worker);
		return;
	}
	while (!inbox_call(worker->inbox, tell_worker, worker))
		nanosleep(&pause, NULL);
}

/*
 * All workers, each on its thread; back when the last has let go of the table before. What none of them has
 * taken up in the new one stood on what is no longer so.
 */
static void changed(void *arg)
{
	struct relay *relay = arg;
	struct flow_table *table = offload_table(relay->offload);

	for (size_t i = 0; relay->workers != NULL && i < relay->worker_count; i++) {
		if (relay->workers[i] != NULL)
			tell(relay->workers[i]);
	}
	if (table != NULL && flow_table_count(table) > 0)
		flow_table_sweep(table, is_own, relay, monotonic_ms());
}

void kernel_plane_take_up(struct relay *relay)
{
	changed(relay);
}

bool kernel_plane_start(struct relay *relay, struct event_base *base)
{
	struct offload_wanted wanted;

	assert(relay->offload == NULL && relay->workers == NULL);
	offload_settings_fill(relay->config, network_view(relay->network), &wanted);
	wanted.takes_over = relay->takes_over;
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

void kernel_plane_pause(struct relay *relay)
{
	if (relay->offload != NULL)
		offload_pause(relay->offload);
}

void kernel_plane_resume(struct relay *relay)
{
	if (relay->offload != NULL)
		offload_resume(relay->offload);
}

void kernel_plane_leave(struct relay *relay)
{
	offload_leave(relay->offload);
	relay->offload = NULL;
}
