/*
 * stream_frames.c - what has arrived is read into a buffer that all streams of a worker share,
 * and frames are handled where they lie; only a frame that is not complete has memory of its
 * own. So an idle connection owns nothing but its socket and its object.
 */
#include "relay/front/stream_frames.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/channel.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/dialect/dispatch.h"
#include "relay/front/stream_conn.h"
#include "relay/front/stream_marks.h"
#include "relay/front/stream_opening.h"
#include "relay/loop.h"
#include "stun/chandata.h"
#include "stun/framing.h"
#include "stun/ms_registry.h"

enum {
	/* Enough to know where a frame ends, and whether it is one. */
	FRAME_HEAD = MS_FRAME_HEADER_LEN + MS_MSG_MIN,
	LARGE = 4096, /* a longer frame is not moved while the rest of it arrives */
};

/* --- padding that is missing ----------------------------------------------------------------- */

static const struct allocation *allocation_of(const struct stream *stream)
{
	return allocation_find_any(stream->delivery->turn->table, &stream->client.tuple);
}

static uint16_t channel_max(const struct stream *stream)
{
	const struct allocation *al = allocation_of(stream);

	return al != NULL ? channel_data_max(al) : CHANNEL_NUMBER_MAX;
}

static bool is_bound(const void *self, uint16_t number)
{
	const struct stream *stream = self;
	const struct allocation *al = allocation_of(stream);

	return al != NULL && channel_by_number(stream->delivery->turn, al, number,
					       stream_conn_now_ms(stream)) != NULL;
}

static enum padding_verdict judge(const struct stream *stream, struct slice rest)
{
	return padding_judge(&stream->padding, rest, channel_max(stream), is_bound,
			     stream);
}

/* Does ChannelData carry a number that nobody has bound? */
static bool is_stray(const struct stream *stream, struct slice frame)
{
	return frame.len >= 2 && frame.data[0] >= CHANNEL_NUMBER_MIN >> 8 &&
	       !is_bound(stream, load_be16(frame.data));
}

/*
 * Before a frame is handled. Without its padding, ChannelData ends within the next message, of
 * which the rest may pass for ChannelData, too: what does not fit comes later.
 */
static void note_padding(struct stream *stream, struct slice frame)
{
	if (stream->is_unpadded)
		stream->is_unpadded = is_stray(stream, frame);
	else if (stream->padding.len > 0)
		stream->is_unpadded = judge(stream, frame) == PADDING_MISSING &&
				      is_stray(stream, frame);
	padding_note(&stream->padding, frame);
}

/*
 * What has arrived begins no frame. True if more bytes will tell why; otherwise the stream has
 * to end.
 */
static bool broken(struct stream *stream, struct slice arrived)
{
	enum padding_verdict verdict = stream->is_unpadded ? PADDING_MISSING
							   : judge(stream, arrived);
	uint64_t *drops = stream->delivery->turn->counters.drops;

	if (verdict == PADDING_UNCERTAIN)
		return true;
	if (verdict == PADDING_MISSING) {
		counter_add(&drops[DROP_UNPADDED_CHANNEL_DATA], 1);
		return stream_conn_fail(stream, CONNECTION_END_UNPADDED);
	}
	counter_add(&drops[DROP_NOT_STUN], 1);
	return stream_conn_fail(stream, CONNECTION_END_NOT_STUN);
}

bool stream_frames_unpadded(const struct stream *stream)
{
	struct slice begun = {stream->partial.data, stream->partial.len};

	if (stream->ms || stream->kept_back || begun.len == 0)
		return false;
	return stream->is_unpadded ||
	       (judge(stream, begun) == PADDING_MISSING && is_stray(stream, begun));
}

/* --- frames ---------------------------------------------------------------------------------- */

/* The count of its end, by which a process that handles it again knows it; 0: it will not be. */
static uint64_t end_of(const struct stream *stream, struct slice frame)
{
	const struct stream_record *record = &stream->io.record;

	return stream_record_is(record) ? stream_record_handled(record) + frame.len : 0;
}

static void answer(struct stream *stream, struct slice frame, size_t len)
{
	stream->io.record.answering = end_of(stream, frame);
	stream_conn_reply(stream, (struct slice){stream->delivery->reply, len});
	stream->io.record.answering = 0;
}

/* One complete frame, which stays if the stream leaves. False if it has to end. */
static bool handle(struct stream *stream, struct slice frame)
{
	struct delivery *delivery = stream->delivery;
	uint64_t now_ms = stream_conn_now_ms(stream);
	struct dispatch dispatch;

	assert(stream->state == STREAM_OPEN && frame.len > 0);
	stream->times.frame_begun_ms = 0;
	delivery->handling = end_of(stream, frame);
	if (stream->ms) {
		dispatch_ms_frame(delivery->turn, &stream->client.tuple, frame, now_ms,
				  delivery->loop->unix_s, delivery->reply, &dispatch);
	} else {
		note_padding(stream, frame);
		(stream->binding_only ? dispatch_nat_discovery : dispatch_from_client)(
			delivery->turn, &stream->client.tuple, frame, now_ms,
			delivery->loop->unix_s, delivery->reply, &dispatch);
	}
	delivery->handling = 0;
	/* A valid signature is not enough: quotas bound allocations, not signatures. */
	const struct allocation *al = dispatch.authenticated &&
						      !stream_conn_is_admitted(stream)
					      ? allocation_of(stream)
					      : NULL;
	if (al != NULL) {
		stream_marks_allocated(stream, al);
		stream_conn_admit(stream);
	}
	switch (dispatch.action) {
	case DISPATCH_NOTHING:
		break;
	case DISPATCH_REPLY:
		answer(stream, frame, dispatch.reply_len);
		break;
	case DISPATCH_BIND:
		stream_conn_admit(stream);
		answer(stream, frame, dispatch.reply_len);
		stream->bound = dispatch.bound;
		stream_conn_enter(stream, STREAM_BOUND);
		return true;
	case DISPATCH_FORWARD:
		forward_set_header(delivery->turn, &dispatch.forward, stream->tos, 0);
		delivery->handling = end_of(stream, frame);
		delivery->to_peer(delivery->self, &dispatch.forward);
		delivery->handling = 0;
		break;
	case DISPATCH_CLOSE:
		return stream_conn_fail(stream, CONNECTION_END_NOT_STUN);
	case DISPATCH_HAND_OVER:
		stream->leaves = true;
		stream->leaves_for = dispatch.worker;
		return true;
	}
	/* What anybody may send does not keep a connection without an allocation. */
	if (dispatch.authenticated || dispatch.action == DISPATCH_FORWARD)
		stream->times.last_use_ms = now_ms;
	if (dispatch.authenticated)
		delivery->expire(delivery->self);
	return !stream->io.failed || stream_conn_fail(stream, CONNECTION_END_BROKEN);
}

/* Where the first frame ends, 0 if that is not known yet. False if there is none. */
static bool next_frame(const struct stream *stream, struct slice arrived,
		       size_t *frame_len)
{
	if (stream->ms)
		return ms_framing_next(arrived, frame_len) != MS_FRAMING_BROKEN;
	return framing_next_channels(arrived, channel_max(stream), frame_len) !=
	       FRAMING_BROKEN;
}

/* False: it has no record, or that has no room. */
static bool keep_saved(struct stream *stream, struct slice rest, size_t size)
{
	struct stream_record *record = &stream->io.record;

	if (!stream_record_is(record))
		return false;
	stream_record_store(record, STREAM_WORD_BEGUN_MS, stream->times.frame_begun_ms);
	stream->partial.data = stream_record_keep(record, rest, size);
	stream->partial.is_saved = stream->partial.data != NULL;
	return stream->partial.is_saved;
}

/*
 * Keep what is not complete. The next bytes go behind it: a small frame is moved to where they
 * arrive, and a large one gets memory for all of it, so that it is not moved for each byte of a
 * client that sends it byte by byte. False if out of memory.
 */
static bool keep(struct stream *stream, struct slice rest, size_t frame_len)
{
	bool large = rest.len >= FRAME_HEAD && frame_len > LARGE;

	assert(stream->partial.data == NULL && rest.len > 0);
	assert(!large || rest.len < frame_len);
	if (stream->times.frame_begun_ms == 0)
		stream->times.frame_begun_ms = stream_conn_now_ms(stream);
	if (!keep_saved(stream, rest, large ? frame_len : rest.len)) {
		stream->partial.data = malloc(large ? frame_len : rest.len);
		if (stream->partial.data == NULL)
			return stream_conn_fail(stream, CONNECTION_END_BROKEN);
		memcpy(stream->partial.data, rest.data, rest.len);
		stream_io_lose(&stream->io);
	}
	stream->partial.len = rest.len;
	stream->partial.size = large ? frame_len : 0;
	return true;
}

/* What the next frames of a process that takes over are judged by. */
static void save_marks(struct stream *stream)
{
	struct stream_record *record = &stream->io.record;
	const struct padding *padding = &stream->padding;
	uint64_t marks = padding->bytes[0] | (uint64_t)padding->bytes[1] << 8 |
			 (uint64_t)padding->bytes[2] << 16 |
			 (uint64_t)padding->len << 24 |
			 (uint64_t)stream->is_unpadded << 32;

	if (!stream->ms && record->words[STREAM_WORD_PADDING] != marks)
		stream_record_store(record, STREAM_WORD_PADDING, marks);
	/* What was kept before this, if anything, is handled. */
	if (stream->partial.data == NULL)
		stream_record_drop_kept(record);
}

/* Handle all that is complete or may be, and keep the rest. False if the stream has to end. */
static bool handle_all(struct stream *stream, struct slice arrived)
{
	size_t frame_len = 0;
	bool whole = !stream->hello_due || stream_opening_hello(stream, &arrived);

	while (whole && !stream->hello_due && !stream->paused && arrived.len > 0) {
		whole = next_frame(stream, arrived, &frame_len);
		if (!whole || frame_len == 0 || arrived.len < frame_len)
			break;
		stream->arrived = arrived;
		if (!handle(stream, (struct slice){arrived.data, frame_len}))
			return false;
		if (stream->leaves)
			break;
		if (stream_record_is(&stream->io.record))
			stream_record_handle(&stream->io.record, frame_len);
		arrived = slice_skip(arrived, frame_len);
		if (stream->state == STREAM_BOUND)
			break;
	}
	if (!whole && !broken(stream, arrived))
		return false;
	bool is_held = stream->paused || stream->leaves || stream->state == STREAM_BOUND;
	stream->kept_back = is_held && arrived.len > 0;
	if (arrived.len > 0 && !keep(stream, arrived, is_held ? 0 : frame_len))
		return false;
	if (stream_record_is(&stream->io.record)) {
		save_marks(stream);
		stream_record_window_end(&stream->io.record);
	}
	return true;
}

/* What is kept, to where frames are handled. */
static uint8_t *into_window(struct stream *stream)
{
	uint8_t *window = clients_buffer(stream->clients);

	assert(stream_record_is(&stream->io.record));
	if (stream->partial.len > 0)
		memcpy(window, stream->partial.data, stream->partial.len);
	stream_record_window_begin(&stream->io.record);
	return window;
}

static bool handle_kept(struct stream *stream)
{
	uint8_t *data = stream->partial.data;
	struct slice kept = {data, stream->partial.len};

	/* Its memory is given up while packets of it may be under way. */
	if (stream->partial.is_saved) {
		kept.data = into_window(stream);
		data = NULL;
	}
	memset(&stream->partial, 0, sizeof(stream->partial));
	bool alive = handle_all(stream, kept);
	stream->delivery->flush_peers(stream->delivery->self);
	free(data);
	return alive;
}

bool stream_frames_keep_back(struct stream *stream, struct slice bytes)
{
	stream->kept_back = keep(stream, bytes, 0);
	return stream->kept_back;
}

bool stream_frames_resume(struct stream *stream)
{
	return !stream->kept_back || stream->paused || handle_kept(stream);
}

/* --- reading --------------------------------------------------------------------------------- */

static enum stream_io_result read_some(struct stream *stream, uint8_t *buf, size_t size,
				       size_t *len)
{
	enum stream_io_result result = stream_io_read(&stream->io, buf, size, len);

	if (result == STREAM_IO_FAILED)
		stream_conn_fail(stream, CONNECTION_END_BROKEN);
	return result;
}

static enum stream_io_result read_large(struct stream *stream)
{
	size_t len = 0;

	assert(stream->partial.len < stream->partial.size);
	enum stream_io_result result =
		read_some(stream, stream->partial.data + stream->partial.len,
			  stream->partial.size - stream->partial.len, &len);

	if (result != STREAM_IO_OK)
		return result;
	stream->partial.len += len;
	if (stream->partial.len < stream->partial.size)
		return STREAM_IO_OK;
	return handle_kept(stream) ? STREAM_IO_OK : STREAM_IO_FAILED;
}

/* Into the buffer that all streams share, until that is full or nothing more is there. */
static enum stream_io_result read_shared(struct stream *stream)
{
	uint8_t *buffer = clients_buffer(stream->clients);
	size_t kept = stream->partial.len, total = kept, len;
	enum stream_io_result result;

	assert(kept < CLIENTS_BUFFER && !stream->kept_back);
	if (stream_record_is(&stream->io.record))
		into_window(stream);
	else if (kept > 0)
		memcpy(buffer, stream->partial.data, kept);
	do {
		result = read_some(stream, buffer + total, CLIENTS_BUFFER - total, &len);
		if (result == STREAM_IO_OK)
			total += len;
	} while (result == STREAM_IO_OK && total < CLIENTS_BUFFER &&
		 stream_io_has_more(&stream->io));
	if (total == kept) {
		if (stream_record_is(&stream->io.record))
			stream_record_window_end(&stream->io.record);
		return result;
	}
	/* A record of it stays until another one takes its place, or none is needed. */
	if (!stream->partial.is_saved)
		free(stream->partial.data);
	memset(&stream->partial, 0, sizeof(stream->partial));
	bool alive = handle_all(stream, (struct slice){buffer, total});
	stream->delivery->flush_peers(stream->delivery->self);
	return alive ? result : STREAM_IO_FAILED;
}

enum stream_io_result stream_frames_read(struct stream *stream)
{
	return stream->partial.size > 0 ? read_large(stream) : read_shared(stream);
}
