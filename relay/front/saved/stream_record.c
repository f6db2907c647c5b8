/*
 * stream_record.c - see stream_record.h.
 */
#include "relay/front/saved/stream_record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "relay/core/counter.h"

/* Indices of records that are free: those that were given back, and all from next on. */
struct indices {
	uint32_t *free;
	uint32_t free_count, next, size;
};

struct stream_records {
	struct state_file *file;
	struct indices streams, messages;
	uint64_t unsaved; /* is_lost */
	uint8_t *window;
	uint64_t *window_words;
	uint8_t scratch[SAVED_MESSAGE_HEAD + STATE_WINDOW_LEN];
};

static bool indices_init(struct indices *indices, const struct state_file *file,
			 enum state_kind kind)
{
	indices->size = state_file_records(file, kind);
	/* Untouched until it is used. */
	indices->free = calloc(indices->size + 1, sizeof(*indices->free));
	return indices->free != NULL;
}

static uint32_t index_take(struct indices *indices)
{
	if (indices->free_count > 0)
		return indices->free[--indices->free_count];
	return indices->next < indices->size ? indices->next++ : STREAM_RECORD_NONE;
}

static void index_give(struct indices *indices, uint32_t index)
{
	assert(index < indices->next && indices->free_count < indices->next);
	indices->free[indices->free_count++] = index;
}

struct stream_records *stream_records_new(struct state_file *file)
{
	struct stream_records *records = calloc(1, sizeof(*records));

	if (records == NULL)
		return NULL;
	records->file = file;
	records->window = state_file_window(file, 0, &records->window_words);
	if (!indices_init(&records->streams, file, STATE_STREAM) ||
	    !indices_init(&records->messages, file, STATE_QUEUED)) {
		stream_records_free(records);
		return NULL;
	}
	assert(state_file_records(file, STATE_STREAM_BYTES) >= records->streams.size);
	return records;
}

void stream_records_free(struct stream_records *records)
{
	if (records == NULL)
		return;
	free(records->streams.free);
	free(records->messages.free);
	free(records);
}

uint8_t *stream_records_window(struct stream_records *records)
{
	return records->window;
}

uint64_t stream_records_unsaved(const struct stream_records *records)
{
	return counter_read(&records->unsaved);
}

static bool lose(struct stream_record *record, struct stream_records *records)
{
	assert(!record->is_lost);
	record->records = records;
	record->is_lost = true;
	counter_set(&records->unsaved, records->unsaved + 1);
	return false;
}

void stream_record_lose(struct stream_record *record)
{
	assert(!stream_record_is(record));
	lose(record, record->records);
}

static void find_again(struct stream_record *record)
{
	if (record->is_lost)
		counter_set(&record->records->unsaved, record->records->unsaved - 1);
	record->is_lost = false;
}

static uint64_t window_of(const struct stream_record *record)
{
	return (uint64_t)record->index + 1;
}

/* base: the count of its first byte. */
static void window_set(struct stream_record *record, uint64_t base)
{
	uint64_t *words = record->records->window_words;

	state_word_store(record->file, &words[STREAM_WINDOW_BASE], base);
	state_word_store(record->file, &words[STREAM_WINDOW_OF], window_of(record));
}

static bool lies_in_window(const struct stream_records *records, struct slice bytes)
{
	return bytes.data >= records->window &&
	       bytes.data + bytes.len <= records->window + STATE_WINDOW_LEN;
}

static bool put(struct stream_record *record, const struct saved_stream *saved)
{
	uint8_t bytes[SAVED_STREAM_MAX];

	return state_file_put(record->file, STATE_STREAM, record->index,
			      (struct slice){bytes, saved_stream_write(saved, bytes)});
}

/* An index of its own; words only once there is a record. */
static bool make(struct stream_record *record, struct stream_records *records)
{
	assert(!stream_record_is(record));
	find_again(record);
	*record = (struct stream_record){
		.file = records->file,
		.records = records,
		.index = index_take(&records->streams),
	};
	return record->index != STREAM_RECORD_NONE ? true : lose(record, records);
}

/* It is in force, or not. */
static bool made(struct stream_record *record, bool good)
{
	if (good) {
		record->words =
			state_file_words(record->file, STATE_STREAM, record->index);
		return true;
	}
	stream_record_window_end(record);
	state_file_drop(record->file, STATE_STREAM_BYTES, record->index);
	index_give(&record->records->streams, record->index);
	return lose(record, record->records);
}

/* What has arrived is found before the record is, so that there is no record without it. */
bool stream_record_begin(struct stream_record *record, struct stream_records *records,
			 const struct saved_stream *saved, struct slice arrived)
{
	if (records == NULL || !make(record, records))
		return false;
	if (lies_in_window(records, arrived))
		window_set(record,
			   (uint64_t)0 - (uint64_t)(arrived.data - records->window));
	else if (stream_record_keep(record, arrived, arrived.len) == NULL)
		return made(record, false);
	return made(record, put(record, saved));
}

bool stream_record_bind(struct stream_record *record)
{
	struct saved_stream saved;
	bool good = saved_stream_read(
		state_file_get(record->file, STATE_STREAM, record->index), &saved);

	assert(good && !saved.is_bound);
	saved.is_bound = true;
	return put(record, &saved);
}

bool stream_record_resume(struct stream_record *record, struct stream_records *records,
			  const struct saved_stream *saved,
			  const struct saved_stream_standing *standing)
{
	if (records == NULL || !make(record, records))
		return false;
	if (!made(record, put(record, saved)))
		return false;
	stream_record_store(record, STREAM_WORD_HANDLED, standing->handled);
	stream_record_store(record, STREAM_WORD_INTENDED, standing->given);
	stream_record_store(record, STREAM_WORD_DONE, standing->given);
	return true;
}

void stream_record_end(struct stream_record *record)
{
	find_again(record);
	if (!stream_record_is(record))
		return;
	state_file_drop(record->file, STATE_STREAM, record->index);
	stream_record_window_end(record);
	state_file_drop(record->file, STATE_STREAM_BYTES, record->index);
	index_give(&record->records->streams, record->index);
	record->words = NULL;
}

/* --- what is received ------------------------------------------------------------------------ */

void stream_record_window_begin(struct stream_record *record)
{
	window_set(record, stream_record_handled(record));
}

void stream_record_window_end(struct stream_record *record)
{
	uint64_t *word = &record->records->window_words[STREAM_WINDOW_OF];

	if (*word == window_of(record))
		state_word_store(record->file, word, 0);
}

uint8_t *stream_record_keep(struct stream_record *record, struct slice rest, size_t size)
{
	uint8_t head[SAVED_BYTES_HEAD];

	/* The words of a stream that has no record yet are zero. */
	saved_bytes_write(stream_record_is(record) ? stream_record_handled(record) : 0,
			  head);
	return state_file_put_open(record->file, STATE_STREAM_BYTES, record->index,
				   (struct slice){head, sizeof(head)}, rest, size);
}

void stream_record_drop_kept(struct stream_record *record)
{
	state_file_drop(record->file, STATE_STREAM_BYTES, record->index);
}

/* --- what is sent ---------------------------------------------------------------------------- */

void stream_record_answer(struct stream_record *record, size_t len, bool directly)
{
	assert(record->answering > stream_record_handled(record));
	stream_record_store(record, STREAM_WORD_ANSWER,
			    directly ? stream_record_given(record) + len : UINT64_MAX);
	stream_record_store(record, STREAM_WORD_ANSWERED, record->answering);
}

uint32_t stream_record_queue(struct stream_record *record, struct slice rest,
			     bool is_reply, size_t sent)
{
	struct stream_records *records = record->records;
	const struct saved_message message = {
		.stream = record->index,
		.sequence = record->sequence + 1,
		.is_reply = is_reply,
		.answers = is_reply ? record->answering : 0,
		.at = sent > 0 ? stream_record_given(record) + sent + 1 : 0,
	};
	size_t head = saved_message_write(&message, records->scratch);
	uint32_t index = STREAM_RECORD_NONE;

	if (rest.len <= STATE_WINDOW_LEN)
		index = index_take(&records->messages);
	if (index == STREAM_RECORD_NONE)
		return index;
	memcpy(records->scratch + head, rest.data, rest.len);
	if (!state_file_put(record->file, STATE_QUEUED, index,
			    (struct slice){records->scratch, head + rest.len})) {
		index_give(&records->messages, index);
		return STREAM_RECORD_NONE;
	}
	record->sequence++;
	return index;
}

void stream_record_offer(struct stream_record *record, uint32_t message)
{
	uint64_t *words = state_file_words(record->file, STATE_QUEUED, message);

	state_word_store(record->file, &words[QUEUED_WORD_AT],
			 stream_record_given(record) + 1);
}

void stream_record_unqueue(struct stream_record *record, uint32_t message)
{
	state_file_drop(record->file, STATE_QUEUED, message);
	index_give(&record->records->messages, message);
}
