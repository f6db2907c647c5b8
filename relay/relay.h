/*
 * relay.h - the running relay: its workers, what they share, and what is asked of all of them.
 *
 * What belongs to a worker is asked on its thread, between two packets. Each question about
 * allocations is in relay_allocations.h.
 *
 * Threads  main builds it before the workers start and takes it down after they have ended. The
 *          functions are for any thread but a worker's; they wait for the workers they ask.
 */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/turn.h"

struct relay_config;
struct drain;
struct front_sockets;
struct inbox;
struct network;
struct offload;
struct record_writer;
struct records;
struct reload;
struct relay_settings;
struct take_up_report;
struct worker;

struct relay {
	const struct relay_config *config; /* as started; a reload replaces settings only */
	struct turn_shared shared;
	struct network *network; /* the tables of fronts and outside addresses */
	struct offload *offload; /* the kernel plane; NULL before there are workers */
	size_t worker_count;
	struct worker **workers;
	int64_t started_s;       /* Unix seconds */
	uint64_t started_ms;     /* monotonic */
	int64_t tls_not_after_s; /* of the certificate; 0: no TLS. Atomic */
	struct inbox *main;      /* main's own, for what only main may do */
	struct reload *reload;
	struct drain *drain;
	bool has_taken_up; /* allocations of the process before: their ids name no worker of this one */
	bool takes_over; /* from a running process, which ends clients over TLS itself */
	/* What this process took up; NULL until that is known. Main sets it, once. Atomic. */
	const struct take_up_report *taken_up;
	struct records *records; /* the newest, of allocations that have ended */
	struct record_writer
		*record_writer; /* of them to the log; NULL: none are written */
};

/*
 * Fronts of all workers, as worker.h has them for one.
 *
 * relay_open_fronts      sets: one for each worker. False if out of memory; then some workers may
 *                        serve what the caller has to retire or close again
 * relay_front_is_empty   has no worker an allocation there?
 */
bool relay_open_fronts(struct relay *relay, struct front_sockets *sets);
void relay_retire_fronts(struct relay *relay, const bool fronts[FRONTS_MAX]);
void relay_close_fronts(struct relay *relay, const bool fronts[FRONTS_MAX]);
bool relay_front_is_empty(const struct relay *relay, size_t front);

/* Replace the settings of all workers, which take references of their own. */
void relay_publish(struct relay *relay, struct relay_settings *settings);

/* Those in force, a reference for the caller. NULL if out of memory or there are no workers. */
struct relay_settings *relay_settings(struct relay *relay);

/* End all allocations, as drained, soon; does not wait. False if out of memory: some go on. */
bool relay_drain_all(struct relay *relay);

/* The self-test of each worker, see self_test.h. False with a sentence in error. */
bool relay_self_test(struct relay *relay, int64_t unix_s, char *error, size_t error_size);

/*
 * Has the loop of every worker turned since this last said yes? See heartbeat_all_moved().
 * Does not ask them, or it would wait for one that stands still.
 */
bool relay_is_alive(const struct relay *relay, uint64_t *seen, size_t *still);

/* Bring the counters of what the kernel dropped up to date. */
void relay_count_drops(struct relay *relay);

/* Sum over all workers. */
void relay_counters(struct relay *relay, struct counters *sum);
/* The unknown attributes of the MS dialect, most frequent first; returns how many. Any thread. */
size_t relay_unknown_attributes(const struct relay *relay,
				struct attribute_count list[ATTRIBUTE_COUNTS_MAX]);

/* The last credential that any worker refused for its time alone. */
struct turn_refusal relay_refusal(const struct relay *relay);

/*
 * Relay ports that other programs held when a worker wanted them: how many since the start, and one
 * of them; *local has port 0 if there was none.
 */
uint64_t relay_conflicts(const struct relay *relay, struct endpoint *local, bool *tcp);

/* Allocations of all workers whose record did not fit: what a restart would lose. */
uint64_t relay_unsaved(const struct relay *relay);
/* Likewise connections of clients, and connections with peers. */
uint64_t relay_unsaved_streams(const struct relay *relay);
uint64_t relay_unsaved_peers(const struct relay *relay);

/* How many there are, over all workers. */
uint64_t relay_allocation_count(const struct relay *relay);

/* What a worker does, read where it is. */
struct relay_worker {
	unsigned number;
	uint64_t allocations, connections;
	double cpu_s; /* processor time of its thread */
	struct traffic to_peer, to_client;
};
struct relay_worker relay_worker(const struct relay *relay, size_t number);

#endif
