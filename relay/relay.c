/*
 * relay.c - questions to a running relay. Counters are read where they are; about allocations
 * see relay_allocations.c.
 */
#include "relay/relay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "relay/reload/network.h"
#include "relay/worker.h"

void relay_counters(struct relay *relay, struct counters *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (size_t i = 0; i < relay->worker_count; i++)
		counters_sum(sum, &relay->workers[i]->turn.counters);
}

uint64_t relay_allocation_count(const struct relay *relay)
{
	uint64_t count = 0;

	for (size_t i = 0; i < relay->worker_count; i++) {
		const struct counters *counters = &relay->workers[i]->turn.counters;
		/* In this order, so that one that comes and goes meanwhile is not negative. */
		uint64_t closed = counter_read(&counters->allocations_closed);

		count += counter_read(&counters->allocations_opened) - closed;
	}
	return count;
}

/* A worker's settings are its own; it copies from them between two packets. */
static void copy_limits(struct worker *worker, void *arg)
{
	struct relay_limits *limits = arg;

	limits->turn = worker->settings->turn.limits;
	limits->connections = worker->settings->stream.connections;
}

struct relay_limits relay_limits(struct relay *relay)
{
	const struct config *config = relay->config;
	struct relay_limits limits = {
		.turn = config->limits,
		.connections = config->fixed_limits.connections,
		.permissions = config->fixed_limits.permissions,
		.channels = config->fixed_limits.channels,
	};

	if (relay->worker_count > 0)
		handoff_call(relay->workers[0]->inbox, copy_limits, &limits);
	return limits;
}

struct key_list {
	struct relay_key *rows;
	size_t count;
};

static const char *key_state(const struct keyring *ring, const struct key *key,
			     int64_t unix_s)
{
	if (key == keyring_signer(ring, unix_s))
		return "signs";
	if (key_is_valid(key, unix_s))
		return "verifies";
	return unix_s < key->not_before_s ? "future" : "past";
}

static void copy_keys(struct worker *worker, void *arg)
{
	const struct keyring *ring = worker->settings->turn.keyring;
	struct key_list *list = arg;

	for (size_t i = 0; i < ring->count; i++) {
		const struct key *key = &ring->keys[i];
		struct relay_key *row = &list->rows[list->count++];

		memcpy(row->id, key->id, sizeof(row->id));
		row->not_before_s = key->not_before_s;
		row->not_after_s = key->not_after_s;
		row->state = key_state(ring, key, worker->unix_s);
	}
}

size_t relay_keys(struct relay *relay, struct relay_key *rows)
{
	struct key_list list = {.rows = rows};

	if (relay->worker_count > 0)
		handoff_call(relay->workers[0]->inbox, copy_keys, &list);
	return list.count;
}

static void add_traffic(struct traffic *sum, const struct traffic *more)
{
	sum->packets += counter_read(&more->packets);
	sum->bytes += counter_read(&more->bytes);
}

struct relay_worker relay_worker(const struct relay *relay, size_t number)
{
	const struct worker *worker = relay->workers[number];
	const struct counters *counters = &worker->turn.counters;
	struct relay_worker row = {.number = (unsigned)number};
	struct timespec cpu = {0};
	clockid_t clock;

	/* What ended is read first: nothing is ever below zero then. */
	uint64_t closed = counter_read(&counters->connections_closed);
	row.connections = counter_read(&counters->connections_opened) - closed;
	closed = counter_read(&counters->allocations_closed);
	row.allocations = counter_read(&counters->allocations_opened) - closed;
	for (int side = 0; side < SIDE_COUNT; side++) {
		for (int i = 0; i < TRANSPORT_COUNT; i++) {
			add_traffic(&row.to_peer, &counters->to_peer[side][i]);
			add_traffic(&row.to_client, &counters->to_client[side][i]);
		}
	}
	if (worker->running && pthread_getcpuclockid(worker->thread, &clock) == 0 &&
	    clock_gettime(clock, &cpu) == 0)
		row.cpu_s = (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9;
	return row;
}

static const char *service_of(const struct relay *relay, bool stream)
{
	if (!stream)
		return "STUN/TURN";
	return __atomic_load_n(&relay->tls_not_after_s, __ATOMIC_RELAXED) != 0
		       ? "STUN/TURN over TCP and TLS"
		       : "STUN/TURN over TCP, no TLS";
}

static struct relay_port front_row(const struct relay *relay,
				   const struct network_front *row_of)
{
	const struct front *front = &row_of->front;
	bool stream = transport_is_stream(front->transport);
	struct relay_port row = {
		.side = front->side,
		.address = front->local,
		.public = front->local,
		.protocol = stream ? "tcp" : "udp",
		.service = service_of(relay, stream),
	};
	snprintf(row.purpose, sizeof(row.purpose),
		 row_of->retired
			 ? "%s clients from before the reload; gone with the last of them"
			 : "%s clients reach the relay here",
		 side_name(front->side));
	return row;
}

static struct relay_port metrics_row(const struct endpoint *listen)
{
	return (struct relay_port){
		.side = SIDE_COUNT,
		.address = *listen,
		.public = *listen,
		.protocol = "tcp",
		.service = "metrics",
		.purpose = "Prometheus and browsers of this host see figures here",
	};
}

static struct relay_port relayed_row(const struct relay_allocation *al,
				     const struct endpoint *local,
				     const struct endpoint *public)
{
	struct relay_port row = {
		.side = SIDE_OUTSIDE,
		.address = *local,
		.public = *public,
		.protocol = transport_name(al->relay_transport),
		.service = "relay",
	};
	snprintf(row.purpose, sizeof(row.purpose), "media of an %s client on %s",
		 side_name(al->side), transport_name(al->transport));
	return row;
}

/* With room for more behind them. */
static int list_listeners(const struct relay *relay, size_t more,
			  struct relay_port **rows, size_t *count)
{
	struct network_front fronts[FRONTS_MAX];
	size_t front_count = network_fronts(relay->network, fronts);

	*rows = calloc(front_count + 1 + more, sizeof(**rows));
	*count = 0;
	if (*rows == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < front_count; i++) {
		/* The TLS front shares the TCP front's port. */
		if (fronts[i].front.transport != TRANSPORT_TLS)
			(*rows)[(*count)++] = front_row(relay, &fronts[i]);
	}
	if (relay->config->metrics.listen.ip.family != IP_NONE)
		(*rows)[(*count)++] = metrics_row(&relay->config->metrics.listen);
	return 0;
}

int relay_listener_table(const struct relay *relay, struct relay_port **rows,
			 size_t *count)
{
	return list_listeners(relay, 0, rows, count);
}

int relay_port_table(struct relay *relay, struct relay_port **rows, size_t *count)
{
	struct relay_allocation *allocations;
	size_t allocation_count;
	int error = relay_allocations(relay, &allocations, &allocation_count);

	if (error != 0)
		return error;
	error = list_listeners(relay, 2 * allocation_count, rows, count);
	for (size_t i = 0; error == 0 && i < allocation_count; i++) {
		const struct relay_allocation *al = &allocations[i];

		(*rows)[(*count)++] =
			relayed_row(al, &al->relayed_local, &al->relayed_public);
		if (al->second_local.ip.family != IP_NONE)
			(*rows)[(*count)++] =
				relayed_row(al, &al->second_local, &al->second_public);
	}
	free(allocations);
	return error;
}
