/*
 * data_record.c - see data_record.h.
 */
#include "relay/peer/data_record.h"

#include <assert.h>
#include <string.h>

#include "base/net/tcp_progress.h"
#include "relay/core/allocation.h"
#include "relay/core/allocation_table.h"
#include "relay/core/turn.h"

void data_record_put(struct peer_records *records, struct data_record *record,
		     const struct turn *turn, uint32_t connection,
		     enum saved_peer_kind kind, const struct endpoint *peer,
		     uint64_t until_ms)
{
	const struct tcp_connection *c = tcp_connection_at(turn, connection);
	const struct allocation *al = allocation_at(turn->table, c->slot);
	struct saved_peer saved = {
		.kind = kind,
		.allocation = al->id,
		.local = allocation_relayed_local(turn, al),
		.peer = *peer,
		.start = record->start,
		.id = c->id,
		.is_incoming = c->is_incoming,
		.named = c->peer,
		.created_ms = c->created_ms,
		.until_ms = until_ms,
		.integrity = c->connect.kind,
		.has_fingerprint = c->connect.has_fingerprint,
		.client = record->client.client,
		.is_tls = record->is_tls,
		.client_start = record->client_start,
		.first_to_peer = record->first[TCP_TO_PEER],
		.first_to_client = record->first[TCP_TO_CLIENT],
	};

	if (record->client.client.ip.family != IP_NONE)
		saved.front = turn->shared->fronts[record->client.front];
	memcpy(saved.txid, c->connect.txid, sizeof(saved.txid));
	peer_record_put(records, &record->record, &saved);
}

/* Behind what was given of them already. */
static void keep(struct peer_records *records, struct data_record *record,
		 enum saved_peer_way way, uint32_t first, struct slice bytes)
{
	assert(bytes.len <= first);
	if (bytes.len > 0)
		peer_record_keep(records, &record->record, way, first - bytes.len, bytes);
}

void data_record_bind(struct peer_records *records, struct data_record *record,
		      const struct turn *turn, uint32_t connection,
		      const struct endpoint *peer, const struct data_record_ends *ends)
{
	struct tcp_progress at_peer, at_client;

	if (!tcp_progress_read(ends->peer, &at_peer) ||
	    !tcp_progress_read(ends->client, &at_client)) {
		peer_record_drop(records, &record->record);
		return;
	}
	record->is_tls = ends->is_tls;
	record->start = (struct saved_start){at_peer.taken, at_peer.given};
	record->client_start = (struct saved_start){at_client.taken, at_client.given};
	record->first[TCP_TO_PEER] = (uint32_t)ends->to_peer.len;
	record->first[TCP_TO_CLIENT] = (uint32_t)ends->to_client.len;
	/* The bytes before the record that counts on them. */
	keep(records, record, SAVED_TO_PEER, record->first[TCP_TO_PEER], ends->to_peer);
	keep(records, record, SAVED_TO_CLIENT, record->first[TCP_TO_CLIENT],
	     ends->to_client);
	data_record_put(records, record, turn, connection, SAVED_DATA_BOUND, peer,
			UINT64_MAX);
}

void data_record_restore(struct peer_records *records, struct data_record *record,
			 const struct turn *turn, uint32_t connection,
			 const struct saved_peer *saved, struct slice to_peer,
			 struct slice to_client)
{
	record->start = saved->start;
	record->client_start = saved->client_start;
	record->first[TCP_TO_PEER] = saved->first_to_peer;
	record->first[TCP_TO_CLIENT] = saved->first_to_client;
	keep(records, record, SAVED_TO_PEER, saved->first_to_peer, to_peer);
	keep(records, record, SAVED_TO_CLIENT, saved->first_to_client, to_client);
	data_record_put(records, record, turn, connection, SAVED_DATA_BOUND, &saved->peer,
			UINT64_MAX);
}

void data_record_first_gone(struct peer_records *records, struct data_record *record,
			    enum tcp_direction direction)
{
	peer_record_pass(records, &record->record,
			 direction == TCP_TO_PEER ? SAVED_TO_PEER : SAVED_TO_CLIENT,
			 record->first[direction]);
}

void data_record_pipe(struct peer_records *records, const struct data_record *record,
		      enum tcp_direction direction, uint64_t pipe)
{
	peer_record_note(records, &record->record,
			 direction == TCP_TO_PEER ? SAVED_PEER_PIPE_TO_PEER
						  : SAVED_PEER_PIPE_TO_CLIENT,
			 pipe);
}
