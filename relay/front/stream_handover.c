/*
 * stream_handover.c - see stream_handover.h.
 */
#include "relay/front/stream_handover.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "relay/core/allocation_table.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/front/stream_conn.h"
#include "relay/loop.h"

/* On the thread of the other worker. */
static void arrive(struct delivery *there, void *arg)
{
	struct stream *stream = arg;

	counter_add(&there->turn->counters.connections_arrived, 1);
	stream->delivery = there;
	stream->clients = there->clients;
	stream_times_move(&stream->times, there->loop);
	event_base_set(there->loop->base, &stream->readable);
	event_base_set(there->loop->base, &stream->writable);
	/*
	 * Behind a balancer a stream here may have the same 5-tuple. Of two, the first that closes
	 * would end the other's allocation.
	 */
	if (clients_find(there->clients, &stream->client.tuple) != NULL ||
	    !clients_arrive(there->clients, &stream->client) ||
	    event_add(&stream->readable, NULL) != 0) {
		stream_conn_free(stream, CONNECTION_END_BROKEN);
		return;
	}
	/* What it was handed over for lies in its memory: no event of the socket tells of it. */
	event_active(&stream->readable, EV_READ, 0);
	stream_conn_arm(stream);
}

/* It had an allocation once. The record is this worker's, and what is kept lies in it. */
static bool leave_record(struct stream *stream)
{
	size_t len = stream->partial.len;
	uint8_t *kept = NULL;

	assert(stream->partial.size == 0);
	if (stream->partial.is_saved) {
		kept = malloc(len);
		if (kept == NULL)
			return false;
		memcpy(kept, stream->partial.data, len);
		stream_conn_free_partial(stream);
		stream->partial.data = kept;
		stream->partial.len = len;
	}
	stream_io_unsave(&stream->io);
	stream->is_admitted = false;
	return true;
}

void stream_handover(struct stream *stream, unsigned worker)
{
	struct delivery *here = stream->delivery;

	assert(stream->state == STREAM_OPEN && !stream->paused);
	assert(allocation_find(here->turn->table, &stream->client.tuple) == NULL);
	stream->leaves = false;
	if (stream_record_is(&stream->io.record) && !leave_record(stream)) {
		stream_conn_free(stream, CONNECTION_END_BROKEN);
		return;
	}
	stream_times_end(&stream->times);
	event_del(&stream->readable);
	event_del(&stream->writable);
	stream->waits_to_write = false;
	clients_depart(stream->clients, &stream->client);
	if (here->post(here->self, worker, arrive, stream))
		counter_add(&here->turn->counters.connections_departed, 1);
	else
		stream_conn_free(stream, CONNECTION_END_BROKEN);
}
