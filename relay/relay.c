/*
 * relay.c - questions to a running relay. Counters are read where they are; everything else is
 * asked of the workers, one after the other, and answered on their threads.
 */
#include "relay/relay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

struct listing {
	struct relay_allocation *rows;
	size_t count, room;
	bool failed;
};

static struct relay_allocation describe(const struct worker *worker,
					const struct allocation *al)
{
	const struct turn *turn = &worker->turn;
	uint64_t now_ms = worker->now_ms;
	struct relay_allocation row = {
		.id = al->id,
		.tuple = al->tuple,
		.side = (enum side)al->side,
		.transport = (enum transport)al->transport,
		.relay_transport = (enum transport)al->relay_transport,
		.dialect = (enum dialect)al->dialect,
		.relayed_local = allocation_relayed_local(turn, al),
		.relayed_public = allocation_relayed_public(turn, al),
		.age_ms = now_ms - al->created_ms,
		.expires_in_ms = al->expires_ms > now_ms ? al->expires_ms - now_ms : 0,
		.permission_count = al->permission_count,
		.channel_count = al->channel_count,
		.peer_connections = relay_tcp_connections(worker->tcp_relays, al->slot),
		.to_peer = al->to_peer,
		.to_client = al->to_client,
	};
	memcpy(row.user, al->user, sizeof(row.user));
	memcpy(row.key_id, al->key_id, sizeof(row.key_id));
	return row;
}

static void list(struct worker *worker, void *arg)
{
	struct listing *listing = arg;
	size_t more = allocation_count(worker->turn.table);
	const struct allocation *al;

	if (more == 0 || listing->failed)
		return;
	struct relay_allocation *rows =
		realloc(listing->rows, (listing->count + more) * sizeof(*rows));
	if (rows == NULL) {
		listing->failed = true;
		return;
	}
	listing->rows = rows;
	for (uint32_t slot = 0; (al = allocation_next(worker->turn.table, slot)) != NULL;
	     slot = al->slot + 1)
		rows[listing->count++] = describe(worker, al);
}

int relay_allocations(struct relay *relay, struct relay_allocation **rows, size_t *count)
{
	struct listing listing = {0};

	for (size_t i = 0; i < relay->worker_count; i++) {
		if (!handoff_call(relay->workers[i]->inbox, list, &listing))
			listing.failed = true;
	}
	if (listing.failed) {
		free(listing.rows);
		return -ENOMEM;
	}
	*rows = listing.rows;
	*count = listing.count;
	return 0;
}

static struct relay_port front_row(const struct front *front)
{
	bool stream = transport_is_stream(front->transport);
	struct relay_port row = {
		.side = front->side,
		.address = front->local,
		.public = front->local,
		.protocol = stream ? "tcp" : "udp",
		.service = stream ? "STUN/TURN over TCP and TLS" : "STUN/TURN",
	};
	snprintf(row.purpose, sizeof(row.purpose), "%s clients reach the relay here",
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

int relay_port_table(struct relay *relay, struct relay_port **rows, size_t *count)
{
	struct relay_allocation *allocations;
	size_t allocation_count;
	int error = relay_allocations(relay, &allocations, &allocation_count);
	if (error != 0)
		return error;

	const struct turn_commons *commons = &relay->commons;
	*rows = calloc(commons->front_count + 1 + allocation_count, sizeof(**rows));
	*count = 0;
	if (*rows == NULL) {
		free(allocations);
		return -ENOMEM;
	}
	for (size_t i = 0; i < commons->front_count; i++) {
		/* The TLS front shares the TCP front's port. */
		if (commons->fronts[i].transport != TRANSPORT_TLS)
			(*rows)[(*count)++] = front_row(&commons->fronts[i]);
	}
	if (relay->config->metrics.listen.ip.family != IP_NONE)
		(*rows)[(*count)++] = metrics_row(&relay->config->metrics.listen);
	for (size_t i = 0; i < allocation_count; i++)
		(*rows)[(*count)++] = relayed_row(&allocations[i]);
	free(allocations);
	return 0;
}
