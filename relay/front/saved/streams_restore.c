/*
 * streams_restore.c - see streams_restore.h.
 */
#include "relay/front/saved/streams_restore.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/descriptors/connections.h"
#include "base/net/tcp_progress.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/front/clients.h"
#include "relay/front/stream.h"
#include "relay/front/stream_conn.h"
#include "relay/state/state_view.h"

const char *stream_restored_name(enum stream_restored result)
{
	static const char *const names[] = {
		[STREAM_RESTORED] = "restored",
		[STREAM_LOST_DAMAGED] = "damaged",
		[STREAM_LOST_IN_DOUBT] = "in-doubt",
		[STREAM_LOST_CONNECTION] = "no-connection",
		[STREAM_LOST_FRONT] = "no-front",
		[STREAM_LOST_FULL] = "full",
		[STREAM_LOST_UNBOUND] = "no-data-connection",
	};

	assert(result < STREAM_RESTORED_COUNT);
	return names[result];
}

struct restore {
	struct clients *clients;
	const struct state_view *view;
	struct connections *connections;
	struct saved_message *messages; /* of all streams: by stream, then by sequence */
	size_t message_count;
	struct slice *bytes; /* records of kept bytes by index of the stream */
	size_t bytes_count;
};

/* --- what the file has besides --------------------------------------------------------------- */

static int compare(const void *left, const void *right)
{
	const struct saved_message *a = left, *b = right;

	if (a->stream != b->stream)
		return a->stream < b->stream ? -1 : 1;
	return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

/* One that is damaged is as one that is lost: its stream is in doubt. */
static bool gather_messages(struct restore *restore)
{
	struct state_found found;
	uint32_t cursor = 0;
	size_t count = 0;

	while (state_view_next(restore->view, STATE_QUEUED, &cursor, &found))
		count++;
	restore->messages = calloc(count + 1, sizeof(*restore->messages));
	if (restore->messages == NULL)
		return false;
	cursor = 0;
	while (restore->message_count < count &&
	       state_view_next(restore->view, STATE_QUEUED, &cursor, &found)) {
		struct saved_message *message =
			&restore->messages[restore->message_count];

		if (found.good && saved_message_read(found.record, found.words, message))
			restore->message_count++;
	}
	qsort(restore->messages, restore->message_count, sizeof(*restore->messages),
	      compare);
	return true;
}

static bool gather_bytes(struct restore *restore)
{
	struct state_found found;
	uint32_t cursor = 0;

	restore->bytes_count = restore->view->sizes.records[STATE_STREAM_BYTES];
	restore->bytes = calloc(restore->bytes_count + 1, sizeof(*restore->bytes));
	if (restore->bytes == NULL)
		return false;
	while (state_view_next(restore->view, STATE_STREAM_BYTES, &cursor, &found)) {
		if (found.good)
			restore->bytes[found.index] = found.record;
	}
	return true;
}

/* Of that stream: the first one, and *count of them. */
static const struct saved_message *messages_of(const struct restore *restore,
					       uint32_t stream, size_t *count)
{
	size_t low = 0, high = restore->message_count, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (restore->messages[middle].stream < stream)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < restore->message_count; end++) {
		if (restore->messages[end].stream != stream)
			break;
	}
	*count = end - low;
	return &restore->messages[low];
}

/* --- one stream ------------------------------------------------------------------------------ */

/* False: there is none like it in this process. */
static bool find_front(const struct restore *restore, const struct front *front,
		       uint16_t *index)
{
	const struct turn_shared *shared =
		clients_delivery(restore->clients)->turn->shared;

	for (size_t i = 0; i < shared->front_count; i++) {
		const struct front *here = &shared->fronts[i];

		if (here->side != front->side || here->transport != front->transport ||
		    !endpoint_equal(&here->local, &front->local))
			continue;
		*index = (uint16_t)i;
		return true;
	}
	return false;
}

static enum stream_restored judge(const struct restore *restore, int fd,
				  const struct state_found *found,
				  struct stream_resumed *resumed,
				  struct saved_stream_standing *standing)
{
	struct tcp_progress progress;
	const uint64_t *window_words = NULL;

	*standing = (struct saved_stream_standing){0};
	resumed->standing = standing;
	resumed->words = found->words;
	if (resumed->saved->is_bound)
		return STREAM_RESTORED;
	if (!tcp_progress_read(fd, &progress))
		return STREAM_LOST_CONNECTION;
	resumed->messages = messages_of(restore, found->index, &resumed->message_count);
	struct saved_stream_state state = {
		.stream = resumed->saved,
		.index = found->index,
		.words = found->words,
		.messages = resumed->messages,
		.message_count = resumed->message_count,
		.taken = progress.taken,
		.given = progress.given,
	};
	state.window = state_view_window(restore->view, 0, &window_words);
	state.window_words = window_words;
	if (found->index < restore->bytes_count)
		state.bytes = restore->bytes[found->index];
	switch (saved_stream_judge(&state, standing)) {
	case SAVED_STREAM_WHOLE:
		return STREAM_RESTORED;
	case SAVED_STREAM_IN_DOUBT:
		return STREAM_LOST_IN_DOUBT;
	case SAVED_STREAM_DAMAGED:
		break;
	}
	return STREAM_LOST_DAMAGED;
}

static enum stream_restored restore_one(const struct restore *restore,
					const struct state_found *found)
{
	struct saved_stream saved;
	struct saved_stream_standing standing;
	struct stream_resumed resumed = {.saved = &saved};
	struct five_tuple tuple = {0};
	enum stream_restored result;

	if (!found->good || found->words == NULL ||
	    !saved_stream_read(found->record, &saved))
		return STREAM_LOST_DAMAGED;
	int fd = connections_take(restore->connections, &saved.front.local,
				  saved.via.ip.family != IP_NONE ? &saved.via
								 : &saved.client);
	if (fd < 0)
		return STREAM_LOST_CONNECTION;
	tuple.client = saved.client;
	if (!find_front(restore, &saved.front, &tuple.front)) {
		connections_give_up(restore->connections, fd);
		return STREAM_LOST_FRONT;
	}
	result = judge(restore, fd, found, &resumed, &standing);
	if (result == STREAM_RESTORED &&
	    stream_resume(restore->clients, fd, &tuple, &resumed) == NULL)
		result = STREAM_LOST_FULL;
	if (result != STREAM_RESTORED)
		connections_give_up(restore->connections, fd);
	return result;
}

/* Connections that end are known by their reasons. */
static void count(struct clients *clients, enum stream_restored result)
{
	uint64_t *ended = clients_delivery(clients)->turn->counters.connections_ended;

	if (result == STREAM_LOST_IN_DOUBT || result == STREAM_LOST_DAMAGED)
		counter_add(&ended[CONNECTION_END_IN_DOUBT], 1);
}

void streams_restore(struct clients *clients, const struct state_view *view,
		     struct connections *connections,
		     uint64_t counts[STREAM_RESTORED_COUNT])
{
	struct restore restore = {
		.clients = clients, .view = view, .connections = connections};
	struct state_found found;
	uint32_t cursor = 0;
	bool has_memory = gather_messages(&restore) && gather_bytes(&restore);

	while (state_view_next(view, STATE_STREAM, &cursor, &found)) {
		enum stream_restored result = has_memory ? restore_one(&restore, &found)
							 : STREAM_LOST_FULL;

		counts[result]++;
		count(clients, result);
	}
	free(restore.messages);
	free(restore.bytes);
}

struct walk {
	struct clients *clients;
	struct connections *connections;
	uint64_t *counts;
	void (*fn)(void *arg, int fd);
	void *arg;
};

static void end_unlent(void *arg, struct client *client)
{
	struct walk *walk = arg;
	int fd = stream_end_unlent(stream_of_client(client));

	if (fd < 0)
		return;
	connections_give_up(walk->connections, fd);
	walk->counts[STREAM_LOST_UNBOUND]++;
}

void streams_restored(struct clients *clients, struct connections *connections,
		      uint64_t counts[STREAM_RESTORED_COUNT])
{
	struct walk walk = {.connections = connections, .counts = counts};

	clients_each(clients, end_unlent, &walk);
}

static void tell_descriptor(void *arg, struct client *client)
{
	struct walk *walk = arg;
	const struct stream *stream = stream_of_client(client);

	if (stream_record_is(&stream->io.record))
		walk->fn(walk->arg, stream->io.fd);
}

void streams_each_descriptor(struct clients *clients, void (*fn)(void *arg, int fd),
			     void *arg)
{
	struct walk walk = {.fn = fn, .arg = arg};

	clients_each(clients, tell_descriptor, &walk);
}
