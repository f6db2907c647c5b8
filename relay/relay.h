/*
 * relay.h - the running relay as main holds it and as the control interface asks it: workers,
 * shared, the published settings.
 *
 * Threads  main builds it before the workers start and takes it down after they ended.
 */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include <stddef.h>
#include <stdint.h>

#include "relay/core/turn.h"
#include "relay/peer/relay_tcp.h"
#include "relay/rates.h"
#include "relay/reload/config.h"
#include "stun/ip_prefix.h"

struct drain;
struct inbox;
struct network;
struct record_writer;
struct records;
struct reload;
struct worker;

struct relay {
	const struct config *config; /* as started; a reload replaces settings only */
	struct turn_shared shared;
	struct network *network; /* the tables of fronts and outside addresses */
	size_t worker_count;
	struct worker **workers;
	int64_t started_s;       /* Unix seconds */
	uint64_t started_ms;     /* monotonic */
	int64_t tls_not_after_s; /* of the certificate; 0: no TLS. Atomic */
	struct inbox *main;      /* main's own, for what only main may do */
	struct reload *reload;
	struct drain *drain;
	struct records *records; /* the newest; NULL: none are kept */
	struct record_writer
		*record_writer; /* of them to the log; NULL: none are written */
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
	const char *service;     /* "STUN/TURN over TCP and TLS", "relay" ... */
	char purpose[96];        /* for people; relay ports name their client's side */
};

/*
 * The process's own port table: fronts, control socket aside, and every relayed address.
 * *rows is malloc'ed. Returns 0 or a negative errno. Any thread but a worker's.
 */
int relay_port_table(struct relay *relay, struct relay_port **rows, size_t *count);

/* The same without relayed addresses: what is open however many clients there are. */
int relay_listener_table(const struct relay *relay, struct relay_port **rows,
			 size_t *count);

/* The limits in force; a reload changes them. */
struct relay_limits {
	struct turn_limits turn;
	uint32_t connections; /* per worker */
	uint32_t permissions, channels;
};
struct relay_limits relay_limits(struct relay *relay);

/* The keys in force; never a secret. rows has room for RELAY_KEYS_MAX; returns how many. */
enum { RELAY_KEYS_MAX = KEYRING_MAX };
struct relay_key {
	char id[KEY_ID_MAX + 1];
	int64_t not_before_s, not_after_s; /* INT64_MIN, INT64_MAX: no such bound */
	const char *state;                 /* "signs", "verifies", "future", "past" */
};
size_t relay_keys(struct relay *relay, struct relay_key *rows);

/* What a worker does, read where it is. Any thread. */
struct relay_worker {
	unsigned number;
	uint64_t allocations, connections;
	double cpu_s; /* processor time of its thread */
	struct traffic to_peer, to_client;
};
struct relay_worker relay_worker(const struct relay *relay, size_t number);

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
	struct endpoint second_local, second_public; /* of no family: it is not dual */
	char user[CREDENTIAL_USER_MAX + 1];
	char key_id[KEY_ID_MAX + 1];
	uint64_t age_ms;
	uint64_t expires_in_ms;
	uint16_t permission_count, channel_count;
	unsigned peer_connections; /* TCP ones with peers */
	struct traffic to_peer, to_client;
	struct rate rate;
	bool over_average, over_peak; /* of its own bandwidth; see core/bandwidth.h */
};
int relay_allocations(struct relay *relay, struct relay_allocation **rows, size_t *count);

/* Which allocations are meant; what is not set is not asked for. Texts are borrowed. */
struct relay_filter {
	const char *user, *key_id;
	bool has_side, has_dialect, has_transport, has_relay_transport, has_client,
		has_peer;
	enum side side;
	enum dialect dialect;
	enum transport transport, relay_transport;
	struct ip_prefix client, peer; /* a permission or the destination lies there */
};
/* The same, of those. *rows may be NULL if there are none. */
int relay_allocations_like(struct relay *relay, const struct relay_filter *filter,
			   struct relay_allocation **rows, size_t *count);

/* One with all that hangs off it. Expired entries are left out. */
struct relay_allocation_detail {
	struct relay_allocation row;
	struct endpoint front;  /* as bound */
	struct endpoint active; /* of no family: none */
	uint32_t lifetime_s;
	int64_t credential_expires_s; /* Unix seconds */
	uint64_t ends_in_ms;          /* whatever is refreshed; UINT64_MAX: it need not */
	uint16_t stream_type;
	size_t permission_count, channel_count, peer_count;
	struct {
		struct ip_addr peer;
		uint64_t expires_in_ms; /* UINT64_MAX: with the allocation */
	} permissions[ENTRIES_EACH_MAX];
	struct {
		struct endpoint peer;
		uint64_t expires_in_ms;
		uint16_t number;
	} channels[ENTRIES_EACH_MAX];
	struct relay_tcp_peer peers[1024];
};
/* 0, -ENOENT if there is none with that id, or another negative errno. */
int relay_allocation_show(struct relay *relay, uint64_t id,
			  struct relay_allocation_detail *detail);

/* End those with reason END_KILLED. Returns how many, or a negative errno. */
int64_t relay_end_by_id(struct relay *relay, uint64_t id);
int64_t relay_end_like(struct relay *relay, const struct relay_filter *filter);

#endif
