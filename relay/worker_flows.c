/*
 * worker_flows.c - what the kernel forwards for a worker (offload/flows.h), in its loop.
 */
#include "relay/worker.h"

#include <assert.h>

#include <event2/event.h>

#include "relay/offload/flows.h"
#include "relay/offload/offload.h"
#include "relay/rates.h"
#include "relay/reload/relay_settings.h"

static void arm(struct worker *worker, uint64_t due_ms)
{
	if (due_ms >= worker->looker_armed_ms)
		return;
	worker->looker_armed_ms = due_ms;
	loop_arm(&worker->loop, &worker->looker, due_ms);
}

static void look(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct worker *worker = arg;
	uint32_t wait_ms;

	worker->looker_armed_ms = UINT64_MAX;
	loop_turn(&worker->loop);
	wait_ms = flows_look(worker->flows, worker->loop.now_ms);
	if (wait_ms != UINT32_MAX)
		arm(worker, worker->loop.now_ms + wait_ms);
}

static void arm_first(struct worker *worker)
{
	if (!flows_is_empty(worker->flows))
		arm(worker, worker->loop.now_ms + FLOWS_FIRST_LOOK_MS);
}

static void take_hot(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct worker *worker = arg;

	loop_turn(&worker->loop);
	flows_take_hot(worker->flows, worker->loop.now_ms);
	arm_first(worker);
}

/* Not among packets: it asks for routes, and has a lock. */
void worker_take_hot(struct worker *worker)
{
	assert(worker->flows != NULL);
	event_active(&worker->taker, EV_TIMEOUT, 1);
}

/* Or whatever else the front says of each datagram by the address of its client (relay/front/udp.c). */
static bool by_balancer(void *arg, const struct allocation *al)
{
	const struct worker *worker = arg;
	const struct ip_addr *client = &al->tuple.client.ip;

	return worker_via(worker, al).ip.family != IP_NONE ||
	       relay_settings_is_balancer(worker->settings, al->side, client) ||
	       !relay_settings_client_allowed(worker->settings, al->side, client);
}

static void read_flows(void *arg, const struct allocation *al)
{
	worker_read_flows(arg, al);
}

bool worker_make_flows(struct worker *worker, uint32_t owner)
{
	if (worker->offload == NULL)
		return true;
	if (event_assign(&worker->taker, worker->loop.base, -1, 0, take_hot, worker) !=
		    0 ||
	    event_assign(&worker->looker, worker->loop.base, -1, 0, look, worker) != 0)
		return false;
	worker->flows =
		flows_new(&worker->turn, worker->offload, owner, by_balancer, worker);
	rates_read_with(worker->rates, read_flows, worker);
	return worker->flows != NULL;
}

void worker_free_flows(struct worker *worker)
{
	if (worker->looker.ev_base != NULL)
		event_del(&worker->looker);
	if (worker->taker.ev_base != NULL)
		event_del(&worker->taker);
	flows_free(worker->flows);
}

void worker_offload_changed(struct worker *worker)
{
	assert(worker->flows != NULL);
	flows_change_table(worker->flows, worker->loop.now_ms);
	arm_first(worker);
}

void worker_read_flows(struct worker *worker, const struct allocation *al)
{
	if (worker->flows != NULL)
		flows_read(worker->flows, al, worker->loop.now_ms);
}

struct flow_place worker_flow_place(struct worker *worker, const struct allocation *al,
				    uint32_t channel)
{
	bool on = worker->offload != NULL && offload_table(worker->offload) != NULL;

	return flow_place_of(&worker->turn, on ? worker->flows : NULL, al, channel,
			     by_balancer(worker, al), worker->loop.now_ms);
}
