/*
 * relay.h - the running relay as main holds it and as the control interface asks it: workers,
 * commons, the published settings.
 *
 * Threads  main builds it before the workers start and takes it down after they ended.
 */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include <stddef.h>
#include <stdint.h>

#include "relay/config.h"
#include "relay/core/turn.h"

struct drain;
struct inbox;
struct reload;
struct worker;

struct relay {
	const struct config *config; /* as started; a reload replaces settings only */
	struct turn_commons commons;
	size_t worker_count;
	struct worker **workers;
	int64_t started_s;       /* Unix seconds */
	uint64_t started_ms;     /* monotonic */
	int64_t tls_not_after_s; /* of the certificate; 0: no TLS. Atomic */
	struct inbox *main;      /* main's own, for what only main may do */
	struct reload *reload;
	struct drain *drain;
};

/*
 * What a worker tells about itself, filled on its own thread. Allocation entries are copies,
 * malloc'ed, the caller's.
 */
struct relay_port {              /* one row of the port table */
	enum side side;          /* SIDE_COUNT: neither, for this host only */
	struct endpoint address; /* as bound */
	struct endpoint public;  /* as told to clients; equal without NAT */
	const char *protocol;    /* "udp", "tcp" */
	const char *service;     /* "STUN/TURN", "STUN/TURN over TCP and TLS", "relay" */
	char purpose[96];        /* for people; relay ports name their client's side */
};

/*
 * The process's own port table: fronts, control socket aside, and every relayed address.
 * *rows is malloc'ed. Returns 0 or a negative errno. Any thread but a worker's.
 */
int relay_port_table(struct relay *relay, struct relay_port **rows, size_t *count);

/* Sum over all workers. Any thread but a worker's. */
void relay_counters(struct relay *relay, struct counters *sum);

/* How many there are, over all workers. Any thread. */
uint64_t relay_allocation_count(const struct relay *relay);

struct relay_allocation { /* a copy for people */
	uint64_t id;
	struct five_tuple tuple;
	enum side side;
	enum transport transport;
	enum transport relay_transport; /* of the relayed address: UDP or TCP */
	enum dialect dialect;
	struct endpoint relayed_local, relayed_public;
	char user[CREDENTIAL_USER_MAX + 1];
	char key_id[KEY_ID_MAX + 1];
	uint64_t age_ms;
	uint64_t expires_in_ms;
	uint16_t permission_count, channel_count;
	unsigned peer_connections; /* TCP ones with peers */
	struct traffic to_peer, to_client;
};
int relay_allocations(struct relay *relay, struct relay_allocation **rows, size_t *count);

#endif
