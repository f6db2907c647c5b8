/*
 * peer_progress.c - see peer_progress.h.
 */
#include "relay/peer/peer_progress.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "base/descriptors/connection_store.h"
#include "base/net/tcp_progress.h"
#include "relay/delivery.h"

void peer_progress_start(struct peer_records *records, struct peer_progress *progress,
			 int fd, const struct saved_peer *saved)
{
	struct saved_peer whole = *saved;
	struct tcp_progress now;

	assert(progress->given == 0 && progress->handled == 0);
	/* Otherwise it has failed already, as its first event will tell. */
	if (!tcp_progress_read(fd, &now))
		return;
	progress->start = (struct saved_start){now.taken, now.given};
	whole.start = progress->start;
	/* In this order: a connection that counts on its socket finds it. */
	connection_store_put(&fd, 1);
	peer_record_put(records, &progress->record, &whole);
}

void peer_progress_release(struct peer_records *records, struct peer_progress *progress)
{
	peer_record_drop(records, &progress->record);
	free(progress->rest.data);
	progress->rest.data = NULL;
	if (progress->queue != NULL)
		evbuffer_free(progress->queue);
	progress->queue = NULL;
}

size_t peer_progress_queued(const struct peer_progress *progress)
{
	return progress->queue != NULL ? evbuffer_get_length(progress->queue) : 0;
}

static bool enqueue(struct peer_progress *progress, struct slice bytes)
{
	if (progress->queue == NULL)
		progress->queue = evbuffer_new();
	return progress->queue != NULL &&
	       evbuffer_add(progress->queue, bytes.data, bytes.len) == 0;
}

/* Into the record, in pieces of what one has room for. */
static void keep(struct peer_records *records, struct peer_progress *progress,
		 enum saved_peer_way way, uint64_t from, struct slice bytes)
{
	while (bytes.len > 0) {
		struct slice some = bytes;

		if (some.len > SAVED_PEER_BYTES_MAX)
			some.len = SAVED_PEER_BYTES_MAX;
		peer_record_keep(records, &progress->record, way, from, some);
		from += some.len;
		bytes = slice_skip(bytes, some.len);
	}
}

bool peer_progress_queue(struct peer_records *records, struct peer_progress *progress,
			 struct slice bytes)
{
	uint64_t from = peer_progress_accepted(progress);

	if (!enqueue(progress, bytes))
		return false;
	keep(records, progress, SAVED_TO_PEER, from, bytes);
	return true;
}

bool peer_progress_flush(struct peer_records *records, struct peer_progress *progress,
			 int fd)
{
	while (peer_progress_queued(progress) > 0) {
		int sent = evbuffer_write(progress->queue, fd);

		if (sent < 0)
			return errno == EAGAIN || errno == EINTR;
		peer_progress_given(records, progress, (size_t)sent);
	}
	return true;
}

bool peer_progress_restore(struct peer_records *records, struct peer_progress *progress,
			   const struct saved_peer *saved,
			   const struct peer_progress_was *was)
{
	struct saved_peer whole = *saved;

	assert(progress->record.index == 0 && progress->queue == NULL);
	if (was->queue.len > 0 && !enqueue(progress, was->queue))
		return false;
	if (was->rest.len > 0) {
		progress->rest.data = malloc(was->rest.len);
		if (progress->rest.data == NULL)
			return false;
		memcpy(progress->rest.data, was->rest.data, was->rest.len);
		progress->rest.len = was->rest.len;
	}
	progress->start = whole.start = was->start;
	progress->given = was->given;
	progress->handled = was->handled;
	progress->frame_word = was->frame_word;
	progress->repeats = was->frame_word != 0;
	peer_record_put(records, &progress->record, &whole);
	peer_record_note(records, &progress->record, SAVED_PEER_HANDLED, was->handled);
	peer_record_note(records, &progress->record, SAVED_PEER_FRAME, was->frame_word);
	keep(records, progress, SAVED_TO_PEER, was->given, was->queue);
	keep(records, progress, SAVED_FROM_PEER, was->handled, was->rest);
	return true;
}

size_t peer_progress_take_rest(struct peer_progress *progress, uint8_t *buf)
{
	assert(progress->rest.data != NULL);
	memcpy(buf, progress->rest.data, progress->rest.len);
	free(progress->rest.data);
	progress->rest.data = NULL;
	return progress->rest.len;
}

void peer_progress_given(struct peer_records *records, struct peer_progress *progress,
			 size_t len)
{
	progress->given += len;
	peer_record_pass(records, &progress->record, SAVED_TO_PEER, progress->given);
}

void peer_progress_reads(struct peer_records *records,
			 const struct peer_progress *progress,
			 const struct delivery *delivery, uint32_t slot)
{
	if (progress->record.index == 0)
		return;
	/* The word is 0 where no stream tells. */
	peer_record_note(records, &progress->record, SAVED_PEER_CLIENT,
			 delivery->client_accepted(delivery->self, slot) + 1);
	peer_record_reads(records, &progress->record, progress->handled);
}

void peer_progress_handled(struct peer_records *records, struct peer_progress *progress,
			   size_t len)
{
	progress->handled += len;
	peer_record_note(records, &progress->record, SAVED_PEER_HANDLED,
			 progress->handled);
	peer_record_pass(records, &progress->record, SAVED_FROM_PEER, progress->handled);
}

/* Does it come behind the last one? */
static bool is_new(const struct peer_progress *progress, uint64_t frame)
{
	uint32_t last = (uint32_t)(progress->frame_word >> 32);

	return progress->frame_word == 0 || frame == 0 ||
	       (int32_t)((uint32_t)frame - last) > 0;
}

static bool leave_out(const struct peer_progress *progress, uint64_t frame,
		      uint64_t accepted, struct slice *message)
{
	bool is_last = (uint32_t)frame == (uint32_t)(progress->frame_word >> 32);
	uint32_t done = (uint32_t)accepted - (uint32_t)progress->frame_word;

	if (!is_last)
		done = (uint32_t)message->len;
	if (done > message->len)
		return false;
	*message = slice_skip(*message, done);
	return true;
}

bool peer_progress_message(struct peer_records *records, struct peer_progress *progress,
			   const struct delivery *delivery, struct slice *message)
{
	uint64_t frame = delivery->handling;
	uint64_t accepted = peer_progress_accepted(progress);

	if (progress->repeats && !is_new(progress, frame))
		return leave_out(progress, frame, accepted, message);
	progress->repeats = false;
	progress->frame_word = frame != 0 ? peer_frame_word(frame, accepted) : 0;
	peer_record_note(records, &progress->record, SAVED_PEER_FRAME,
			 progress->frame_word);
	return true;
}
