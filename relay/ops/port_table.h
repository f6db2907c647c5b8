/*
 * port_table.h - the ports that this process has open, for people: fronts, the metrics port and
 * every relayed address. The control socket is no port.
 *
 * Threads  any but a worker's.
 */
#ifndef RELAY_OPS_PORT_TABLE_H
#define RELAY_OPS_PORT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "relay/core/front.h"
#include "stun/endpoint.h"

struct relay;

struct port_row {
	enum side side;          /* SIDE_COUNT: neither, for this host only */
	struct endpoint address; /* as bound */
	struct endpoint public;  /* as told to clients; equal without NAT */
	const char *protocol;    /* "udp", "tcp" */
	const char *direction;   /* of the firewall, seen from here: "in", "both" */
	bool is_front;           /* clients connect here, */
	const char *secure;      /* what it takes besides: "tls", "dtls"; NULL: nothing */
	bool draining;           /* those from before a reload only */
	const char *service;     /* "STUN/TURN over TCP and TLS", "relay" ... */
	char purpose[96];        /* for people; relay ports name their client's side */
};

/* *rows is malloc'ed. Returns 0 or a negative errno. */
int port_table(struct relay *relay, struct port_row **rows, size_t *count);

/* The same without relayed addresses: what is open however many clients there are. */
int port_table_permanent(const struct relay *relay, struct port_row **rows,
			 size_t *count);

#endif
