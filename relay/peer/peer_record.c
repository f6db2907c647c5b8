/*
 * peer_record.c - see peer_record.h.
 */
#include "relay/peer/peer_record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "relay/core/counter.h"

enum {
	/* Connections of relayed addresses besides data connections, and pieces of queues. */
	OTHERS = 16384,
	PIECES = 16384,
	/* A piece that is shorter takes the next bytes in, too. */
	PIECE_LEN = 4096,
	NONE = UINT32_MAX,
};

/* Some bytes of a queue, in a record. */
struct peer_record_piece {
	struct peer_record_piece *next;
	uint64_t from;
	uint32_t len, index;
};

/* Indices of one kind: those given back are taken first, the last one before all. */
struct indices {
	uint32_t *free; /* NULL: none are there */
	uint32_t free_count, mark, size;
};

struct peer_records {
	struct state_file *file;
	struct indices connections, pieces;
	uint64_t serial; /* given last */
	uint64_t unsaved;
	uint64_t *window_words;
	uint8_t *window; /* its own, if there is no file */
	uint8_t scratch[SAVED_PEER_BYTES_HEAD + SAVED_PEER_BYTES_MAX];
};

void peer_records_sizes(size_t data_connections, struct state_sizes *sizes)
{
	sizes->records[STATE_PEER] = (uint32_t)data_connections + OTHERS;
	sizes->records[STATE_PEER_BYTES] = PIECES;
}

static bool indices_init(struct indices *indices, uint32_t size)
{
	indices->size = size;
	indices->free = calloc(size, sizeof(*indices->free));
	return indices->free != NULL;
}

static uint32_t indices_take(struct indices *indices)
{
	if (indices->free_count > 0)
		return indices->free[--indices->free_count];
	return indices->mark < indices->size ? indices->mark++ : (uint32_t)NONE;
}

static void indices_give(struct indices *indices, uint32_t index)
{
	assert(index < indices->mark && indices->free_count < indices->size);
	indices->free[indices->free_count++] = index;
}

struct peer_records *peer_records_new(struct state_file *file)
{
	struct peer_records *records = calloc(1, sizeof(*records));

	if (records == NULL)
		return NULL;
	records->file = file;
	if (file != NULL) {
		records->window =
			state_file_window(file, PEER_WINDOW, &records->window_words);
		if (indices_init(&records->connections,
				 state_file_size(file, STATE_PEER)) &&
		    indices_init(&records->pieces,
				 state_file_size(file, STATE_PEER_BYTES)))
			return records;
	} else {
		records->window = malloc(PEER_WINDOW_LEN);
		if (records->window != NULL)
			return records;
	}
	peer_records_free(records);
	return NULL;
}

void peer_records_free(struct peer_records *records)
{
	if (records == NULL)
		return;
	assert(records->connections.mark == records->connections.free_count);
	assert(records->pieces.mark == records->pieces.free_count);
	free(records->connections.free);
	free(records->pieces.free);
	if (records->file == NULL)
		free(records->window);
	free(records);
}

uint64_t peer_records_unsaved(const struct peer_records *records)
{
	return counter_read(&records->unsaved);
}

static void forget_first(struct peer_records *records, struct peer_record *record,
			 enum saved_peer_way way)
{
	struct peer_record_piece *piece = record->first[way];

	state_file_drop(records->file, STATE_PEER_BYTES, piece->index);
	indices_give(&records->pieces, piece->index);
	record->first[way] = piece->next;
	if (piece->next == NULL)
		record->last[way] = NULL;
	free(piece);
}

/* First of all the connection: its bytes mean nothing without it. */
void peer_record_drop(struct peer_records *records, struct peer_record *record)
{
	if (record->index > 0) {
		state_file_drop(records->file, STATE_PEER, record->index - 1);
		indices_give(&records->connections, record->index - 1);
	}
	for (unsigned way = 0; way < PEER_RECORD_WAYS; way++) {
		while (record->first[way] != NULL)
			forget_first(records, record, (enum saved_peer_way)way);
	}
	if (record->is_lost)
		counter_set(&records->unsaved, records->unsaved - 1);
	memset(record, 0, sizeof(*record));
}

static void fail(struct peer_records *records, struct peer_record *record)
{
	assert(!record->is_lost);
	peer_record_drop(records, record);
	counter_set(&records->unsaved, records->unsaved + 1);
	record->is_lost = true;
}

static uint64_t serial_of(struct peer_records *records, struct peer_record *record)
{
	if (record->serial == 0)
		record->serial = ++records->serial;
	return record->serial;
}

void peer_record_put(struct peer_records *records, struct peer_record *record,
		     const struct saved_peer *saved)
{
	struct saved_peer whole = *saved;
	uint8_t buf[SAVED_PEER_MAX];

	if (records->file == NULL || record->is_lost)
		return;
	if (record->index == 0) {
		uint32_t index = indices_take(&records->connections);

		if (index == NONE) {
			fail(records, record);
			return;
		}
		record->index = index + 1;
	}
	whole.serial = serial_of(records, record);
	const struct slice bytes = {buf, saved_peer_write(&whole, buf, sizeof(buf))};
	if (!state_file_put(records->file, STATE_PEER, record->index - 1, bytes))
		fail(records, record);
}

/* The record of that piece, with more behind what it has. */
static bool put_piece(struct peer_records *records, const struct peer_record *record,
		      enum saved_peer_way way, const struct peer_record_piece *piece,
		      struct slice more)
{
	struct slice old = {NULL, 0};
	size_t len;

	if (piece->len > 0) {
		old = state_file_get(records->file, STATE_PEER_BYTES, piece->index);
		assert(old.len + more.len <= sizeof(records->scratch));
		memcpy(records->scratch, old.data, old.len);
		memcpy(records->scratch + old.len, more.data, more.len);
		len = old.len + more.len;
	} else {
		const struct saved_peer_bytes saved = {record->serial, way, piece->from,
						       more};

		len = saved_peer_bytes_write(&saved, records->scratch,
					     sizeof(records->scratch));
	}
	return state_file_put(records->file, STATE_PEER_BYTES, piece->index,
			      (struct slice){records->scratch, len});
}

static struct peer_record_piece *new_piece(struct peer_records *records,
					   struct peer_record *record,
					   enum saved_peer_way way, uint64_t from)
{
	struct peer_record_piece *piece = malloc(sizeof(*piece));
	uint32_t index;

	if (piece == NULL)
		return NULL;
	index = indices_take(&records->pieces);
	if (index == NONE) {
		free(piece);
		return NULL;
	}
	*piece = (struct peer_record_piece){.from = from, .index = index};
	if (record->last[way] != NULL)
		record->last[way]->next = piece;
	else
		record->first[way] = piece;
	record->last[way] = piece;
	return piece;
}

void peer_record_keep(struct peer_records *records, struct peer_record *record,
		      enum saved_peer_way way, uint64_t from, struct slice bytes)
{
	struct peer_record_piece *piece = record->last[way];

	assert(bytes.len > 0 && bytes.len <= SAVED_PEER_BYTES_MAX);
	if (records->file == NULL || record->is_lost)
		return;
	serial_of(records, record);
	assert(piece == NULL || from == piece->from + piece->len);
	if (piece == NULL || piece->len + bytes.len > PIECE_LEN)
		piece = new_piece(records, record, way, from);
	if (piece == NULL || !put_piece(records, record, way, piece, bytes)) {
		fail(records, record);
		return;
	}
	piece->len += (uint32_t)bytes.len;
}

void peer_record_pass(struct peer_records *records, struct peer_record *record,
		      enum saved_peer_way way, uint64_t upto)
{
	while (record->first[way] != NULL &&
	       record->first[way]->from + record->first[way]->len <= upto)
		forget_first(records, record, way);
}

void peer_record_note(struct peer_records *records, const struct peer_record *record,
		      enum saved_peer_word word, uint64_t value)
{
	if (record->index == 0)
		return;
	uint64_t *words = state_file_words(records->file, STATE_PEER, record->index - 1);
	if (words[word] != value)
		state_word_store(records->file, &words[word], value);
}

uint8_t *peer_records_window(struct peer_records *records)
{
	return records->window;
}

void peer_record_reads(struct peer_records *records, const struct peer_record *record,
		       uint64_t from)
{
	if (record->index > 0)
		state_word_store(records->file, &records->window_words[0],
				 peer_window_word(record->index - 1, from));
}
