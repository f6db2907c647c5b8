/*
 * probe_call.c - see probe_call.h.
 */
#include "tools/probe/probe_call.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "tools/client/client.h"
#include "tools/client/client_loop.h"
#include "tools/client/clock.h"

enum {
	CHANNEL = 0x4000,
	AGAIN_MS = 400, /* a datagram may be lost */
};

static const uint8_t packet[] = "avedgectl probe";

struct end {
	struct run *run;
	struct client *client;
	bool ready, bound, released;
};

struct run {
	struct probe_call *call;
	struct event_base *base;
	struct end ends[2];
	struct event *again;
	uint64_t start_ns, sent_ns;
	bool moving, over;
};

static struct end *other(struct end *end)
{
	return end == &end->run->ends[0] ? &end->run->ends[1] : &end->run->ends[0];
}

static double ms_since(uint64_t start_ns)
{
	return (double)(clock_monotonic_ns() - start_ns) / 1e6;
}

/* A release that fails does not matter. */
static void finish(struct run *run)
{
	run->over = true;
	event_del(run->again);
	for (int i = 0; i < 2; i++) {
		struct end *end = &run->ends[i];
		if (end->client != NULL && client_holds(end->client))
			client_release(end->client);
		else
			end->released = true;
	}
	if (run->ends[0].released && run->ends[1].released)
		event_base_loopbreak(run->base);
}

static void send_packet(struct run *run)
{
	const struct timeval later = {.tv_usec = AGAIN_MS * 1000};

	run->sent_ns = clock_monotonic_ns();
	client_send(run->ends[0].client, (struct slice){packet, sizeof(packet)});
	/* A stream loses nothing, and its peer would answer twice. */
	if (run->call->config.transport == CLIENT_UDP ||
	    run->call->config.transport == CLIENT_DTLS)
		event_add(run->again, &later);
}

static void again_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	send_packet(arg);
}

static void bind_to_other(struct end *end)
{
	client_bind(end->client, CHANNEL, client_relayed(other(end)->client));
}

static void ready(void *arg)
{
	struct end *end = arg;
	struct run *run = end->run;
	struct probe_call *call = run->call;

	end->ready = true;
	if (end == &run->ends[0]) {
		call->relayed = *client_relayed(end->client);
		call->relayed_too = *client_relayed_too(end->client);
		call->mapped = *client_mapped(end->client);
		client_local(end->client, &call->local);
	}
	if (call->only_allocate) {
		call->done = true;
		call->setup_ms = ms_since(run->start_ns);
		finish(run);
		return;
	}
	if (!other(end)->ready)
		return;
	if (call->config.tcp_relay) {
		client_await(run->ends[0].client, client_relayed(run->ends[1].client));
		return;
	}
	bind_to_other(end);
	bind_to_other(other(end));
}

static void permitted(void *arg)
{
	bind_to_other(other(arg));
}

static void bound(void *arg)
{
	struct end *end = arg;
	struct run *run = end->run;

	end->bound = true;
	if (!other(end)->bound)
		return;
	run->call->setup_ms = ms_since(run->start_ns);
	send_packet(run);
}

static void data(void *arg, const struct client_data *got)
{
	struct end *end = arg;
	struct run *run = end->run;

	if (run->over || got->payload.len != sizeof(packet) ||
	    memcmp(got->payload.data, packet, sizeof(packet)) != 0)
		return;
	if (end == &run->ends[1]) {
		client_send(end->client, got->payload);
		return;
	}
	event_del(run->again);
	if (run->call->moves && !run->moving) {
		run->moving = true;
		if (client_move(end->client))
			return;
		snprintf(run->call->what, sizeof(run->call->what), "no second socket");
		finish(run);
		return;
	}
	run->call->echo_ms = ms_since(run->sent_ns);
	run->call->done = true;
	finish(run);
}

static void moved(void *arg)
{
	const struct end *end = arg;

	send_packet(end->run);
}

static void released(void *arg)
{
	struct end *end = arg;

	end->released = true;
	if (other(end)->released)
		event_base_loopbreak(end->run->base);
}

static void failed(void *arg, int code, const char *what)
{
	struct end *end = arg;
	struct run *run = end->run;

	if (run->over) {
		released(end);
		return;
	}
	run->call->code = code;
	snprintf(run->call->what, sizeof(run->call->what), "%s", what);
	finish(run);
}

static bool open_end(struct run *run, struct end *end)
{
	const struct client_events events = {
		.arg = end,
		.ready = ready,
		.bound = bound,
		.permitted = permitted,
		.moved = moved,
		.data = data,
		.released = released,
		.failed = failed,
	};

	end->run = run;
	end->client = client_new(&run->call->config, &events);
	return end->client != NULL;
}

static bool begin(struct run *run)
{
	static const struct timeval limit = {.tv_sec = PROBE_CALL_TIMEOUT_S};

	run->base = event_base_new();
	if (run->base == NULL)
		return false;
	run->again = event_new(run->base, -1, 0, again_due, run);
	run->call->config.loop = client_loop_new(run->base);
	if (run->again == NULL || run->call->config.loop == NULL)
		return false;
	run->start_ns = clock_monotonic_ns();
	run->ends[1].run = run;
	if (!open_end(run, &run->ends[0]) ||
	    (!run->call->only_allocate && !open_end(run, &run->ends[1])))
		return false;
	return event_base_loopexit(run->base, &limit) == 0;
}

void probe_call(struct probe_call *call)
{
	struct run run = {.call = call};

	assert(!call->moves || call->config.mobility);
	call->done = false;
	call->code = 0;
	snprintf(call->what, sizeof(call->what), "timeout");
	if (begin(&run))
		event_base_dispatch(run.base);
	else
		snprintf(call->what, sizeof(call->what), "out of memory or descriptors");
	client_free(run.ends[0].client);
	client_free(run.ends[1].client);
	client_loop_free(call->config.loop);
	call->config.loop = NULL;
	if (run.again != NULL)
		event_free(run.again);
	if (run.base != NULL)
		event_base_free(run.base);
}
