/*
 * stream_conn.c - see stream_conn.h.
 */
#include "relay/front/stream_conn.h"

#include <assert.h>
#include <stdlib.h>

#include <string.h>

#include "base/descriptors/connection_store.h"
#include "base/net/tcp_progress.h"
#include "relay/core/allocation_table.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/front/trace.h"
#include "relay/loop.h"
#include "relay/reload/relay_settings.h"

enum {
	/* A reply never waits behind more than the media queue and this much more. */
	REPLY_ROOM = 64 << 10,
};

uint64_t stream_conn_now_ms(const struct stream *stream)
{
	return stream->delivery->loop->now_ms;
}

/* An allocation is looked for only where it matters. */
static struct stream_waits waits_of(const struct stream *stream, unsigned pressure)
{
	return (struct stream_waits){
		.state = stream->state,
		.authenticated = stream->authenticated,
		.paused = stream->paused,
		.has_allocation = stream->state == STREAM_OPEN &&
				  allocation_find_any(stream->delivery->turn->table,
						      &stream->client.tuple) != NULL,
		.pressure = pressure,
	};
}

struct stream_deadline stream_conn_deadline(const struct stream *stream,
					    unsigned pressure)
{
	struct stream_waits waits = waits_of(stream, pressure);

	return stream_times_deadline(&stream->times, &waits, stream->delivery->settings);
}

static uint64_t next_look(const struct stream *stream, unsigned pressure)
{
	struct stream_waits waits = waits_of(stream, pressure);

	return stream_times_next(&stream->times, &waits, stream->delivery->settings,
				 stream_conn_now_ms(stream));
}

/* The pressure, which takes a lock, is looked at when the timer fires. */
void stream_conn_arm(struct stream *stream)
{
	stream_times_arm(&stream->times, stream->delivery->loop,
			 next_look(stream, STREAM_PRESSURE_LOW));
}

void stream_conn_rearm(struct stream *stream, unsigned pressure)
{
	stream_times_rearm(&stream->times, stream->delivery->loop,
			   next_look(stream, pressure));
}

void stream_conn_enter(struct stream *stream, enum stream_state state)
{
	assert(state > stream->state);
	stream->state = state;
	stream_conn_rearm(stream, STREAM_PRESSURE_LOW);
}

bool stream_conn_fail(struct stream *stream, enum connection_end why)
{
	stream->why = why;
	return false;
}

void stream_conn_reply(struct stream *stream, struct slice message)
{
	struct delivery *delivery = stream->delivery;
	size_t limit = (size_t)delivery->settings->stream.send_queue + REPLY_ROOM;
	unsigned dropped = stream_io_send(&stream->io, message, STREAM_IO_REPLY, limit);

	if (dropped > 0)
		counter_add(&delivery->turn->counters.drops[DROP_CLIENT_SLOW], dropped);
	trace_reply(delivery->trace, delivery->turn, &stream->client.tuple, message,
		    stream_conn_now_ms(stream));
}

void stream_conn_free_partial(struct stream *stream)
{
	if (!stream->partial.is_saved)
		free(stream->partial.data);
	else if (stream_record_is(&stream->io.record))
		stream_record_drop_kept(&stream->io.record);
	memset(&stream->partial, 0, sizeof(stream->partial));
}

static void describe(const struct stream *stream, struct saved_stream *saved)
{
	const struct delivery *delivery = stream->delivery;

	*saved = (struct saved_stream){
		.front = delivery->turn->shared->fronts[stream->client.tuple.front],
		.client = stream->client.tuple.client,
		.via = stream->via,
		.ms = stream->ms,
		.is_bound = stream->state == STREAM_BOUND,
		.tos = stream->tos,
		.accepted_ms = stream->times.accepted_ms,
		.last_use_ms = stream->times.last_use_ms,
	};
}

/* Counting begins with the frame that is being handled, which is not answered yet. */
static void begin_record(struct stream *stream)
{
	struct stream_records *records = clients_records(stream->clients);
	struct stream_io *io = &stream->io;
	struct tcp_progress progress;
	struct saved_stream saved;

	if (records == NULL || io->ssl != NULL || stream_record_is(&io->record) ||
	    !tcp_progress_read(io->fd, &progress))
		return;
	describe(stream, &saved);
	saved.origin_taken = progress.taken - stream->arrived.len;
	saved.origin_given = progress.given;
	if (!stream_record_begin(&io->record, records, &saved, stream->arrived))
		return;
	stream_io_save(io);
	if (io->is_stored || !stream_record_is(&io->record))
		return;
	connection_store_put(&io->fd, 1);
	io->is_stored = true;
}

bool stream_conn_is_admitted(const struct stream *stream)
{
	return stream->is_admitted &&
	       (stream_record_is(&stream->io.record) || stream->io.ssl != NULL ||
		clients_records(stream->clients) == NULL);
}

void stream_conn_admit(struct stream *stream)
{
	if (!stream->authenticated) {
		clients_authenticated(stream->clients, &stream->client);
		stream->authenticated = true;
	}
	stream->is_admitted = true;
	begin_record(stream);
}

void stream_conn_free(struct stream *stream, enum connection_end why)
{
	struct delivery *delivery = stream->delivery;
	struct counters *counters = &delivery->turn->counters;

	trace_end(delivery->trace, delivery->turn, &stream->client.tuple, why,
		  stream_conn_now_ms(stream));
	counter_add(&counters->connections_ended[why], 1);
	counter_add(&counters->connections_closed, 1);
	clients_leave(stream->clients, &stream->client);
	stream_times_end(&stream->times);
	event_del(&stream->writable);
	event_del(&stream->readable);
	stream_conn_free_partial(stream);
	stream_io_close(&stream->io);
	free(stream);
}
