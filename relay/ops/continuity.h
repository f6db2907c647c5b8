/*
 * continuity.h - what the last restart did to calls, and what the next one will depend on: for the
 * status, the page and metrics. And what the next one would cost: allocations that the next process
 * would not take up, by reason, judged by the configuration file, the keys and the list of revoked
 * users as they are on disk, for "avedgectl upgrade --check". That process judges again
 * (core/restore_plan.h), and knows more: a credential may expire until then. What is counted as lost
 * here is lost there.
 *
 * Threads  any but a worker's; checks ask the workers for their allocations.
 */
#ifndef RELAY_OPS_CONTINUITY_H
#define RELAY_OPS_CONTINUITY_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/descriptors/connection_store.h"
#include "base/descriptors/fd_store.h"
#include "relay/core/counters.h"
#include "relay/take_up.h"

struct front;
struct relay;
struct relay_allocation;
struct relay_config;

/* Who gives the descriptors of this process to the next one. */
enum continuity_way {
	CONTINUITY_NONE,      /* nobody: calls end with the process */
	CONTINUITY_SYSTEMD,   /* the descriptor store of the service */
	CONTINUITY_TAKE_OVER, /* a process started with --take-over asks for them */
};
const char *continuity_way_name(
	enum continuity_way way); /* "systemd", "take-over"; NULL: none */

struct continuity {
	struct take_up_report taken; /* process 0: this start was a fresh one */
	enum continuity_way way;
	uint64_t unsaved; /* allocations whose record did not fit */
	uint64_t unsaved_streams, unsaved_peers; /* connections, likewise */
	struct fd_store_figures store;
	struct connection_store_figures connections;
	bool store_is_full;
};

struct continuity continuity_of(const struct relay *relay);

/* Members of the status: a new reference, NULL if out of memory. */
json_t *continuity_taken_up(
	const struct continuity *continuity); /* null after a fresh start */
json_t *continuity_next(const struct continuity *continuity);

/* --- what the next restart would cost -------------------------------------------------------- */

struct continuity_check {
	struct continuity continuity;
	uint64_t allocations;
	uint64_t lost[RESTORE_RESULT_COUNT];
	/* Not lost, but their clients notice: */
	uint64_t handshakes; /* over DTLS: a new handshake */
	uint64_t reconnects; /* over TLS with a ticket (RFC 8016): a new connection */
	uint64_t data_connections; /* of RFC 6062 whose client has TLS: they are reset */
	char error[512]; /* why no process starts (relay/reload/next_start.h); empty: one does */
};

/* By that configuration; front: of its client, as it is now. RESTORED: it comes back. */
enum restore_result continuity_check_judge(const struct relay_config *next,
					   const struct relay_allocation *row,
					   const struct front *front);

/* False if out of memory. */
bool continuity_check_make(struct continuity_check *check, struct relay *relay);

/* Over all reasons; with no way at all or no configuration, every allocation. */
uint64_t continuity_check_lost(const struct continuity_check *check);

/* A new reference; NULL if out of memory. */
json_t *continuity_check_document(const struct continuity_check *check);

#endif
