/*
 * state_file.c - writes a state file. Blocks for records are of 41 sizes: steps of 64 bytes up to
 * 1 KiB, then four to each doubling. A size takes memory in spans, from the front of
 * the file's last part to its end, and keeps what it has taken.
 *
 * The order of the writes is the whole point: a block that nobody refers to is filled, then one word
 * is stored. A process that is killed makes all writes that its program order has before that point and
 * none behind it, so the compiler is all that could reorder them: the store of the word is a release.
 */
#include "relay/state/state_file.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/debug_assert.h"
#include "relay/state/state_layout.h"

static_assert((int)STATE_KIND_COUNT <= (int)STATE_LAYOUT_KINDS, "room in the head");
static_assert((int)STATE_WINDOWS <= (int)STATE_LAYOUT_WINDOWS, "room in the head");

enum {
	FINE_CLASSES = 16, /* of STATE_UNIT, 2 * STATE_UNIT and so on */
	CLASSES = FINE_CLASSES + 25,
	SPAN_MIN = 64 << 10,
	/* Pages of free blocks of that size go back to the system, but for a few of them. */
	TRIM_FROM = 32 << 10,
	TRIM_KEEP = 4,
};

/* Blocks of one size. free has room for each that was made, so that giving one back cannot fail. */
struct block_class {
	uint32_t *free; /* numbers of units */
	uint32_t free_count, made, capacity;
	uint64_t next, end; /* what is left of its last span */
};

struct state_file {
	uint8_t *memory;
	size_t bytes;
	uint64_t process;
	struct state_sizes sizes;
	uint64_t index_at[STATE_KIND_COUNT], words_at[STATE_KIND_COUNT];
	uint64_t window_at[STATE_WINDOWS], window_words_at[STATE_WINDOWS];
	uint64_t spans_next;
	struct block_class classes[CLASSES];
	uint32_t sequence;
	size_t used;
	state_write_fn *before;
	void *arg;
};

/* The three ways to write to the memory. A watched one is written word by word, to be stopped anywhere. */

static void write_watched(struct state_file *file, uint8_t *to, const uint8_t *from,
			  size_t len)
{
	while (len > 0) {
		size_t step = len < sizeof(uint64_t) ? len : sizeof(uint64_t);

		file->before(file->arg, to, step);
		if (from)
			memcpy(to, from, step);
		else
			memset(to, 0, step);
		from = from ? from + step : NULL;
		to += step;
		len -= step;
	}
}

static inline void write_bytes(struct state_file *file, void *to, const void *from,
			       size_t len)
{
	if (__builtin_expect(file->before != NULL, 0))
		write_watched(file, to, from, len);
	else if (len > 0)
		memcpy(to, from, len);
}

static inline void write_zeros(struct state_file *file, void *to, size_t len)
{
	if (__builtin_expect(file->before != NULL, 0))
		write_watched(file, to, NULL, len);
	else
		memset(to, 0, len);
}

static inline void write_word(struct state_file *file, uint64_t *to, uint64_t value)
{
	if (__builtin_expect(file->before != NULL, 0))
		file->before(file->arg, to, sizeof(*to));
	__atomic_store_n(to, value, __ATOMIC_RELEASE);
}

/* What one record of a kind may take on average, so that any number of short ones finds room. */
static uint64_t room_per_record(enum state_kind kind)
{
	switch (kind) {
	case STATE_ALLOCATION:
		return 16 << 10;
	case STATE_STREAM_BYTES:
	case STATE_PEER_BYTES:
		return 8 << 10;
	case STATE_QUEUED:
		return 2 << 10;
	case STATE_RESERVATION:
	case STATE_RESTING:
		return 2 * STATE_UNIT;
	case STATE_STREAM:
	case STATE_PEER:
	case STATE_SECRETS:
	case STATE_PULSE:
	case STATE_KIND_COUNT:
		break;
	}
	return 1 << 10;
}

static size_t class_size(unsigned class)
{
	if (class < FINE_CLASSES)
		return (size_t)(class + 1) * STATE_UNIT;

	unsigned step = class - FINE_CLASSES;
	size_t base = (size_t)1024 << step / 4;

	return base + base / 4 * (step % 4 + 1);
}

/* The smallest that holds len bytes, 1 to the size of the last one. */
static unsigned class_of(size_t len)
{
	if (len <= FINE_CLASSES * STATE_UNIT)
		return (unsigned)((len + STATE_UNIT - 1) / STATE_UNIT - 1);

	unsigned class = FINE_CLASSES;
	while (class_size(class) < len)
		class ++;
	assert(class < CLASSES);
	return class;
}

static uint64_t whole_pages(uint64_t bytes)
{
	return (bytes + STATE_PAGE - 1) / STATE_PAGE * STATE_PAGE;
}

/* Where everything lies. */
static void lay_out(const struct state_sizes *sizes, struct state_disk_head *head)
{
	uint64_t at = STATE_PAGE, room = CLASSES * (uint64_t)SPAN_MIN * 4;

	for (unsigned i = 0; i < STATE_WINDOWS; i++) {
		head->windows[i].at = at;
		at += STATE_WINDOW_LEN;
	}
	for (unsigned i = 0; i < STATE_WINDOWS; i++) {
		head->windows[i].words_at = at;
		at += STATE_WORDS * sizeof(uint64_t);
	}
	at = whole_pages(at);
	for (unsigned kind = 0; kind < STATE_KIND_COUNT; kind++) {
		uint64_t records = sizes->records[kind];

		head->kinds[kind].records = sizes->records[kind];
		head->kinds[kind].index_at = at;
		at = whole_pages(at + records * sizeof(uint64_t));
		if (state_kind_has_words(kind)) {
			head->kinds[kind].words_at = at;
			at = whole_pages(at + records * STATE_WORDS * sizeof(uint64_t));
		}
		room += records * room_per_record(kind);
	}
	head->records_at = at;
	head->bytes = at + whole_pages(room);
}

size_t state_file_bytes(const struct state_sizes *sizes)
{
	struct state_disk_head head = {0};

	lay_out(sizes, &head);
	if (head.bytes / STATE_UNIT > UINT32_MAX || head.bytes > SIZE_MAX / 2)
		return 0;
	return (size_t)head.bytes;
}

static void write_head(struct state_file *file, const struct state_head *head,
		       struct state_disk_head *disk)
{
	disk->version = STATE_FILE_VERSION;
	disk->length = sizeof(*disk) - STATE_HEAD_CHECKED;
	disk->worker = head->worker;
	disk->process = head->process;
	disk->workers = head->workers;
	memcpy(disk->boot_id, head->boot_id, sizeof(disk->boot_id));
	disk->checksum = state_head_checksum((const uint8_t *)disk, disk->length);

	disk->magic = 0;
	write_bytes(file, file->memory, disk, sizeof(*disk));
	write_word(file, (uint64_t *)(void *)file->memory, STATE_MAGIC);
}

static uint64_t *mark_word(const struct state_file *file, enum state_kind kind)
{
	return (uint64_t *)(void *)(file->memory + STATE_MARKS_AT) + kind;
}

struct state_file *state_file_new(void *memory, size_t bytes,
				  const struct state_head *head,
				  const struct state_sizes *sizes)
{
	struct state_disk_head disk = {0};
	struct state_file *file = calloc(1, sizeof(*file));

	assert((uintptr_t)memory % STATE_PAGE == 0);
	assert(bytes > 0 && bytes == state_file_bytes(sizes));
	if (!file)
		return NULL;
	lay_out(sizes, &disk);
	file->memory = memory;
	file->bytes = bytes;
	file->process = head->process;
	file->sizes = *sizes;
	for (unsigned kind = 0; kind < STATE_KIND_COUNT; kind++) {
		file->index_at[kind] = disk.kinds[kind].index_at;
		file->words_at[kind] = disk.kinds[kind].words_at;
	}
	for (unsigned i = 0; i < STATE_WINDOWS; i++) {
		file->window_at[i] = disk.windows[i].at;
		file->window_words_at[i] = disk.windows[i].words_at;
	}
	file->spans_next = disk.records_at;
	for (unsigned kind = 0; kind < STATE_KIND_COUNT; kind++)
		write_word(file, mark_word(file, (enum state_kind)kind),
			   state_mark_of(0));
	write_head(file, head, &disk);
	return file;
}

void state_file_free(struct state_file *file)
{
	if (!file)
		return;
	for (unsigned i = 0; i < CLASSES; i++)
		free(file->classes[i].free);
	free(file);
}

/* Another span, and room to note all of its blocks as free. */
static bool class_extend(struct state_file *file, struct block_class *class, size_t size)
{
	uint64_t span = size <= SPAN_MIN / 8 ? SPAN_MIN : (uint64_t)size * 4;
	uint64_t left = file->bytes - file->spans_next;

	if (span > left)
		span = left;
	if (span < size)
		return false;

	uint64_t made = class->made + span / size;
	if (made > class->capacity) {
		uint64_t capacity = made + made / 2;
		uint32_t *grown =
			realloc(class->free, (size_t)capacity * sizeof(*class->free));

		if (!grown)
			return false;
		class->free = grown;
		class->capacity = (uint32_t)capacity;
	}
	class->made = (uint32_t)made;
	class->next = file->spans_next;
	class->end = class->next + span;
	file->spans_next = class->end;
	return true;
}

/* The number of its first unit; 0: no room. */
static uint32_t block_take(struct state_file *file, unsigned number)
{
	struct block_class *class = &file->classes[number];
	size_t size = class_size(number);
	uint32_t unit;

	if (class->free_count > 0) {
		unit = class->free[--class->free_count];
	} else {
		if (class->next + size > class->end && !class_extend(file, class, size))
			return 0;
		unit = (uint32_t)(class->next / STATE_UNIT);
		class->next += size;
	}
	file->used += size;
	return unit;
}

/* Its pages go back to the system, if the memory allows that; what is read there is zero. */
static void block_trim(const struct state_file *file, uint32_t unit, size_t size)
{
	uint64_t from = whole_pages((uint64_t)unit * STATE_UNIT);
	uint64_t to = ((uint64_t)unit * STATE_UNIT + size) / STATE_PAGE * STATE_PAGE;

	madvise(file->memory + from, (size_t)(to - from), MADV_REMOVE);
}

static void block_give(struct state_file *file, unsigned number, uint32_t unit)
{
	struct block_class *class = &file->classes[number];
	size_t size = class_size(number);

	assert(class->free_count < class->made && file->used >= size);
	file->used -= size;
	if (size < TRIM_FROM || class->free_count < TRIM_KEEP) {
		class->free[class->free_count++] = unit;
		return;
	}
	/* To the bottom with it, so that those with pages are taken first. */
	block_trim(file, unit, size);
	class->free[class->free_count++] = class->free[0];
	class->free[0] = unit;
}

static uint64_t *index_word(const struct state_file *file, enum state_kind kind,
			    uint32_t index)
{
	assert(kind < STATE_KIND_COUNT && index < file->sizes.records[kind]);
	return (uint64_t *)(void *)(file->memory + file->index_at[kind]) + index;
}

/* So that a reader need not look at indices that were never used: most of thousands. */
static void raise_mark(struct state_file *file, enum state_kind kind, uint32_t index)
{
	uint64_t *word = mark_word(file, kind);

	if (index >= (uint32_t)*word)
		write_word(file, word, state_mark_of(index + 1));
}

static uint8_t *at_unit(const struct state_file *file, uint32_t unit)
{
	debug_assert((uint64_t)unit * STATE_UNIT < file->bytes);
	return file->memory + (uint64_t)unit * STATE_UNIT;
}

/* Of the record in force there. */
static unsigned record_class(const struct state_file *file, uint32_t unit)
{
	struct state_disk_record record;

	memcpy(&record, at_unit(file, unit), sizeof(record));
	return class_of(sizeof(record) + record.len);
}

static uint32_t next_sequence(struct state_file *file)
{
	if (++file->sequence == 0)
		file->sequence = 1;
	return file->sequence;
}

uint8_t *state_file_put_open(struct state_file *file, enum state_kind kind,
			     uint32_t index, struct slice bytes, struct slice body,
			     size_t open)
{
	uint64_t *word = index_word(file, kind, index);
	uint64_t old = *word;

	assert(body.len <= open);
	if (bytes.len > STATE_RECORD_MAX || open > STATE_RECORD_MAX - bytes.len)
		return NULL;
	struct state_disk_record record = {
		.sequence = next_sequence(file),
		.index = index,
		.len = (uint32_t)(bytes.len + open),
		.kind = (uint16_t)kind,
		.version = STATE_FILE_VERSION,
		.open = (uint32_t)open,
	};
	uint32_t unit = block_take(file, class_of(sizeof(record) + record.len));
	if (unit == 0)
		return NULL;

	uint8_t *at = at_unit(file, unit), *behind = at + sizeof(record) + bytes.len;
	assert(unit != state_word_unit(old));
	write_bytes(file, at, &record, sizeof(record));
	write_bytes(file, at + sizeof(record), bytes.data, bytes.len);
	write_bytes(file, behind, body.data, body.len);
	record.checksum = state_record_checksum(at, (uint32_t)bytes.len);
	write_bytes(file, at, &record.checksum, sizeof(record.checksum));
	if (old == 0 && state_kind_has_words(kind))
		write_zeros(file, state_file_words(file, kind, index),
			    STATE_WORDS * sizeof(uint64_t));
	raise_mark(file, kind, index);
	write_word(file, word, state_word_of(record.sequence, unit));

	if (old != 0)
		block_give(file, record_class(file, state_word_unit(old)),
			   state_word_unit(old));
	return behind;
}

bool state_file_put(struct state_file *file, enum state_kind kind, uint32_t index,
		    struct slice bytes)
{
	return state_file_put_open(file, kind, index, bytes, (struct slice){NULL, 0},
				   0) != NULL;
}

void state_file_drop(struct state_file *file, enum state_kind kind, uint32_t index)
{
	uint64_t *word = index_word(file, kind, index);
	uint64_t old = *word;

	if (old == 0)
		return;
	write_word(file, word, 0);
	block_give(file, record_class(file, state_word_unit(old)), state_word_unit(old));
}

struct slice state_file_get(const struct state_file *file, enum state_kind kind,
			    uint32_t index)
{
	uint64_t word = *index_word(file, kind, index);
	struct state_disk_record record;

	if (word == 0)
		return (struct slice){NULL, 0};
	const uint8_t *at = at_unit(file, state_word_unit(word));
	memcpy(&record, at, sizeof(record));
	debug_assert(record.index == index && record.kind == kind);
	return (struct slice){at + sizeof(record), record.len};
}

uint32_t state_file_records(const struct state_file *file, enum state_kind kind)
{
	assert(kind < STATE_KIND_COUNT);
	return file->sizes.records[kind];
}

uint64_t *state_file_words(struct state_file *file, enum state_kind kind, uint32_t index)
{
	assert(state_kind_has_words(kind) && index < file->sizes.records[kind]);
	return (uint64_t *)(void *)(file->memory + file->words_at[kind]) +
	       (size_t)index * STATE_WORDS;
}

void state_word_store(struct state_file *file, uint64_t *word, uint64_t value)
{
	debug_assert((uint8_t *)word > file->memory &&
		     (uint8_t *)word < file->memory + file->bytes);
	write_word(file, word, value);
}

uint8_t *state_file_window(struct state_file *file, unsigned number, uint64_t **words)
{
	assert(number < STATE_WINDOWS);
	if (words)
		*words = (uint64_t *)(void *)(file->memory +
					      file->window_words_at[number]);
	return file->memory + file->window_at[number];
}

void state_file_complete(struct state_file *file)
{
	write_word(file, (uint64_t *)(void *)(file->memory + STATE_COMPLETE_AT),
		   STATE_COMPLETE_MARK ^ file->process);
}

uint32_t state_file_size(const struct state_file *file, enum state_kind kind)
{
	assert(kind < STATE_KIND_COUNT);
	return file->sizes.records[kind];
}

size_t state_file_used(const struct state_file *file)
{
	return file->used;
}

void state_file_watch(struct state_file *file, state_write_fn *before, void *arg)
{
	file->before = before;
	file->arg = arg;
}
