/*
 * port_table.c - see port_table.h.
 */
#include "relay/ops/port_table.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "relay/relay.h"
#include "relay/relay_allocations.h"
#include "relay/reload/network.h"
#include "relay/reload/relay_config.h"

/* What the Internet sees of a front; its own address unless that is behind 1:1 NAT. */
static struct endpoint public_of(const struct front *front,
				 const struct network_address *addresses, size_t count)
{
	struct endpoint public = front->local;

	for (size_t i = 0; front->side == SIDE_OUTSIDE && i < count; i++) {
		if (ip_addr_equal(&addresses[i].address.local, &front->local.ip) &&
		    !addresses[i].address.retired)
		public.ip = addresses[i].address.public;
	}
	return public;
}

static struct port_row front_row(const struct relay *relay,
				 const struct network_front *row_of,
				 const struct endpoint *public)
{
	const struct front *front = &row_of->front;
	bool stream = transport_is_stream(front->transport);
	bool secure = __atomic_load_n(&relay->tls_not_after_s, __ATOMIC_RELAXED) != 0 &&
		      (stream || relay->config->tls.dtls);
	struct port_row row = {
		.side = front->side,
		.address = front->local,
		.public = *public,
		.protocol = stream ? "tcp" : "udp",
		.direction = "in",
		.is_front = true,
		.secure = !secure  ? NULL
			  : stream ? transport_name(TRANSPORT_TLS)
				   : transport_name(TRANSPORT_DTLS),
		.draining = row_of->retired,
		.service = !secure && !stream ? "STUN/TURN"
			   : !stream          ? "STUN/TURN over UDP and DTLS"
			   : secure           ? "STUN/TURN over TCP and TLS"
					      : "STUN/TURN over TCP, no TLS",
	};
	snprintf(
		row.purpose, sizeof(row.purpose),
		row_of->retired
			? "%s clients from before the reload; closes with the last of them"
			: "%s clients reach the relay here",
		side_name(front->side));
	return row;
}

static struct port_row metrics_row(const struct endpoint *listen)
{
	return (struct port_row){
		.side = SIDE_COUNT,
		.address = *listen,
		.public = *listen,
		.protocol = "tcp",
		.direction = "in",
		.service = "metrics",
		.purpose = "figures for Prometheus and browsers on this host",
	};
}

static struct port_row relayed_row(const struct relay_allocation *al,
				   const struct endpoint *local,
				   const struct endpoint *public)
{
	struct port_row row = {
		.side = SIDE_OUTSIDE,
		.address = *local,
		.public = *public,
		.protocol = transport_name(al->relay_transport),
		.direction = "both",
		.service = "relay",
	};
	snprintf(row.purpose, sizeof(row.purpose), "media of an %s client on %s",
		 side_name(al->side), transport_name(al->transport));
	return row;
}

/* more: room for so many rows behind them. */
static int list_permanent(const struct relay *relay, size_t more, struct port_row **rows,
			  size_t *count)
{
	struct network_front fronts[FRONTS_MAX];
	struct network_address addresses[PORT_POOL_ADDRESSES_MAX];
	size_t front_count = network_fronts(relay->network, fronts);
	size_t address_count = network_addresses(relay->network, addresses);

	*rows = calloc(front_count + 1 + more, sizeof(**rows));
	*count = 0;
	if (*rows == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < front_count; i++) {
		struct endpoint public =
			public_of(&fronts[i].front, addresses, address_count);

		/* A secure front shares the port of the plain one. */
		if (!transport_is_secure(fronts[i].front.transport))
			(*rows)[(*count)++] = front_row(relay, &fronts[i], &public);
	}
	if (relay->config->common.metrics.address.ip.family != IP_NONE)
		(*rows)[(*count)++] = metrics_row(&relay->config->common.metrics.address);
	return 0;
}

int port_table_permanent(const struct relay *relay, struct port_row **rows, size_t *count)
{
	return list_permanent(relay, 0, rows, count);
}

int port_table(struct relay *relay, struct port_row **rows, size_t *count)
{
	struct relay_allocation *allocations;
	size_t allocation_count, permanent;
	int error = relay_allocations(relay, &allocations, &allocation_count);

	if (error != 0)
		return error;
	error = list_permanent(relay, 2 * allocation_count, rows, count);
	permanent = *count;
	for (size_t i = 0; error == 0 && i < allocation_count; i++) {
		const struct relay_allocation *al = &allocations[i];

		(*rows)[(*count)++] =
			relayed_row(al, &al->relayed_local, &al->relayed_public);
		if (al->second_local.ip.family != IP_NONE)
			(*rows)[(*count)++] =
				relayed_row(al, &al->second_local, &al->second_public);
	}
	assert(error != 0 || *count <= permanent + 2 * allocation_count);
	free(allocations);
	return error;
}
