/*
 * relay.c - questions to a running relay. Counters are read where they are; about allocations
 * see relay_allocations.c.
 */
#include "relay/relay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay/network.h"
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

static struct relay_port front_row(const struct network_front *row_of)
{
	const struct front *front = &row_of->front;
	bool stream = transport_is_stream(front->transport);
	struct relay_port row = {
		.side = front->side,
		.address = front->local,
		.public = front->local,
		.protocol = stream ? "tcp" : "udp",
		.service = stream ? "STUN/TURN over TCP and TLS" : "STUN/TURN",
	};
	snprintf(row.purpose, sizeof(row.purpose),
		 row_of->retired
			 ? "%s clients that were here before it was taken out of the "
			   "configuration; gone with the last of them"
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

static struct relay_port relayed_row(const struct relay_allocation *al)
{
	struct relay_port row = {
		.side = SIDE_OUTSIDE,
		.address = al->relayed_local,
		.public = al->relayed_public,
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
			(*rows)[(*count)++] = front_row(&fronts[i]);
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
	error = list_listeners(relay, allocation_count, rows, count);
	for (size_t i = 0; error == 0 && i < allocation_count; i++)
		(*rows)[(*count)++] = relayed_row(&allocations[i]);
	free(allocations);
	return error;
}
