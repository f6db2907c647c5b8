/*
 * state_view.c - reads a state file. Nothing that the file says of places and lengths is used
 * before it is known to lie in the memory.
 */
#include "relay/state/state_view.h"

#include <assert.h>
#include <string.h>

#include "relay/state/state_layout.h"

const char *state_verdict_name(enum state_verdict verdict)
{
	switch (verdict) {
	case STATE_GOOD:
		return "good";
	case STATE_NOT_OURS:
		return "no state file";
	case STATE_OTHER_VERSION:
		return "of another version";
	case STATE_OTHER_BOOT:
		return "of another boot";
	case STATE_DAMAGED:
		return "damaged";
	case STATE_VERDICT_COUNT:
		break;
	}
	return "?";
}

/* Do count things of that size lie there, as a whole, behind the head? */
static bool lies_within(uint64_t at, uint64_t count, uint64_t size, uint64_t bytes)
{
	return at % sizeof(uint64_t) == 0 && at >= STATE_PAGE && at <= bytes &&
	       count <= (bytes - at) / size;
}

static bool read_places(struct state_view *view, const struct state_disk_head *head)
{
	uint64_t words_len = STATE_WORDS * sizeof(uint64_t);

	for (unsigned i = 0; i < STATE_KIND_COUNT; i++) {
		const struct state_disk_kind *kind = &head->kinds[i];

		if (kind->records == 0)
			continue; /* none, or a version that did not know them */
		if (!lies_within(kind->index_at, kind->records, sizeof(uint64_t),
				 head->bytes))
			return false;
		if (kind->words_at != 0 &&
		    !lies_within(kind->words_at, kind->records, words_len, head->bytes))
			return false;
		view->sizes.records[i] = kind->records;
		view->index_at[i] = kind->index_at;
		view->words_at[i] = kind->words_at;
	}
	for (unsigned i = 0; i < STATE_WINDOWS; i++) {
		const struct state_disk_window *window = &head->windows[i];

		if (window->at == 0)
			continue;
		if (!lies_within(window->at, 1, STATE_WINDOW_LEN, head->bytes) ||
		    !lies_within(window->words_at, 1, words_len, head->bytes))
			return false;
		view->window_at[i] = window->at;
		view->window_words_at[i] = window->words_at;
	}
	view->records_at = head->records_at;
	return lies_within(head->records_at, 0, 1, head->bytes);
}

static bool version_is_known(uint32_t version)
{
	return version > 0 && version + 1 >= STATE_FILE_VERSION &&
	       version <= STATE_FILE_VERSION;
}

enum state_verdict state_view_open(struct state_view *view, const void *memory,
				   size_t bytes, const uint8_t boot_id[16])
{
	struct state_disk_head head = {0};
	const uint8_t *from = memory;

	assert((uintptr_t)memory % sizeof(uint64_t) == 0);
	*view = (struct state_view){.memory = memory};
	if (bytes < sizeof(head.magic))
		return STATE_NOT_OURS;
	memcpy(&head.magic, from, sizeof(head.magic));
	if (head.magic != STATE_MAGIC)
		return STATE_NOT_OURS;

	/* Of any version, these are where they are: the version and the checksum of so many bytes. */
	if (bytes < STATE_PAGE)
		return STATE_DAMAGED;
	memcpy(&head, from, STATE_HEAD_CHECKED + sizeof(head.length));
	if (head.length < sizeof(head.length) ||
	    head.length > STATE_COMPLETE_AT - STATE_HEAD_CHECKED ||
	    state_head_checksum(from, head.length) != head.checksum)
		return STATE_DAMAGED;
	view->version = head.version;
	if (!version_is_known(head.version))
		return STATE_OTHER_VERSION;

	size_t known = STATE_HEAD_CHECKED + head.length;
	memcpy(&head, from, known < sizeof(head) ? known : sizeof(head));
	if (memcmp(head.boot_id, boot_id, sizeof(head.boot_id)) != 0)
		return STATE_OTHER_BOOT;
	if (head.bytes < STATE_PAGE || head.bytes > bytes || !read_places(view, &head))
		return STATE_DAMAGED;

	uint64_t complete;
	memcpy(&complete, from + STATE_COMPLETE_AT, sizeof(complete));
	view->complete = complete == (STATE_COMPLETE_MARK ^ head.process);
	view->bytes = (size_t)head.bytes;
	view->head.process = head.process;
	view->head.worker = head.worker;
	view->head.workers = head.workers;
	memcpy(view->head.boot_id, head.boot_id, sizeof(head.boot_id));
	return STATE_GOOD;
}

/* Is what the word leads to a whole record, and this one? */
static bool read_record(const struct state_view *view, enum state_kind kind,
			uint32_t index, uint64_t word, struct slice *out)
{
	uint64_t at = (uint64_t)state_word_unit(word) * STATE_UNIT;
	struct state_disk_record record;

	if (at < view->records_at || at > view->bytes ||
	    view->bytes - at < sizeof(record))
		return false;
	memcpy(&record, view->memory + at, sizeof(record));
	if (record.len > STATE_RECORD_MAX || record.open > record.len ||
	    record.len > view->bytes - at - sizeof(record))
		return false;
	if (record.kind != kind || record.index != index ||
	    record.sequence != state_word_sequence(word))
		return false;
	if (state_record_checksum(view->memory + at, record.len - record.open) !=
	    record.checksum)
		return false;
	*out = (struct slice){view->memory + at + sizeof(record), record.len};
	return true;
}

bool state_view_next(const struct state_view *view, enum state_kind kind,
		     uint32_t *cursor, struct state_found *found)
{
	assert(kind < STATE_KIND_COUNT);
	const uint64_t *index =
		(const uint64_t *)(const void *)(view->memory + view->index_at[kind]);

	const uint64_t *marks =
		(const uint64_t *)(const void *)(view->memory + STATE_MARKS_AT);
	uint32_t end = state_mark(marks[kind], view->sizes.records[kind]);

	while (*cursor < end) {
		uint32_t i = (*cursor)++;
		uint64_t word = index[i];

		if (word == 0)
			continue;
		*found = (struct state_found){.index = i};
		found->good = read_record(view, kind, i, word, &found->record);
		if (view->words_at[kind] != 0)
			found->words =
				(const uint64_t *)(const void *)(view->memory +
								 view->words_at[kind]) +
				(size_t)i * STATE_WORDS;
		return true;
	}
	return false;
}

const uint8_t *state_view_window(const struct state_view *view, unsigned number,
				 const uint64_t **words)
{
	assert(number < STATE_WINDOWS);
	if (view->window_at[number] == 0)
		return NULL;
	if (words)
		*words = (const uint64_t *)(const void *)(view->memory +
							  view->window_words_at[number]);
	return view->memory + view->window_at[number];
}
