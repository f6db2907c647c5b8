/*
 * fuzz_state_file.c - what a process finds in memory that another one left. The first byte says what the
 * others are: 0: the memory itself. Else a good file that they change, at 4 bytes of place
 * and 1 to XOR each; its bits say whether the checksum of the head (2), and those of the
 * records (4), are made right afterwards.
 */
#include <string.h>

#include "relay/state/saved_shared.h"
#include "relay/state/state_layout.h"
#include "relay/state/state_view.h"
#include "tests/fuzz/fuzz.h"

enum { RECORDS = 8 };

static const uint8_t boot_id[16] = {1, 2, 3};

/* A good file, cut behind its last record. */
static uint8_t *good_file(size_t *bytes)
{
	static const struct state_sizes sizes = {
		{[STATE_ALLOCATION] = RECORDS, [STATE_STREAM] = RECORDS}};
	static const uint8_t text[600];
	struct state_head head = {.process = 1, .worker = 0, .workers = 1};
	struct state_disk_head disk;
	size_t all = state_file_bytes(&sizes);
	uint8_t *memory = aligned_alloc(STATE_PAGE, all);

	FUZZ_CHECK(memory);
	memset(memory, 0, all);
	memcpy(head.boot_id, boot_id, sizeof(boot_id));
	struct state_file *file = state_file_new(memory, all, &head, &sizes);
	FUZZ_CHECK(file);
	for (uint32_t i = 0; i < RECORDS; i++) {
		FUZZ_CHECK(state_file_put(file, STATE_ALLOCATION, i,
					  (struct slice){text, 10 + i * 40}));
		FUZZ_CHECK(state_file_put(file, STATE_STREAM, i,
					  (struct slice){text, 30 + i * 80}));
	}
	state_file_complete(file);
	state_file_free(file);

	memcpy(&disk, memory, sizeof(disk));
	size_t end = all;
	while (memory[end - 1] == 0)
		end--;
	disk.bytes = (end + STATE_PAGE) / STATE_PAGE * STATE_PAGE;
	memcpy(memory, &disk, sizeof(disk));
	disk.checksum = state_head_checksum(memory, disk.length);
	memcpy(memory, &disk, sizeof(disk));
	*bytes = (size_t)disk.bytes;
	return memory;
}

static void mend_head(uint8_t *memory)
{
	struct state_disk_head disk;

	memcpy(&disk, memory, sizeof(disk));
	if (disk.length > STATE_COMPLETE_AT)
		return;
	disk.checksum = state_head_checksum(memory, disk.length);
	memcpy(memory, &disk, sizeof(disk));
}

/* So that lengths and places in records are tried that no checksum would let through. */
static void mend_records(uint8_t *memory, size_t bytes, size_t from)
{
	for (size_t at = from; at + sizeof(struct state_disk_record) < bytes;
	     at += STATE_UNIT) {
		struct state_disk_record record;
		size_t left = bytes - at - sizeof(record);

		memcpy(&record, memory + at, sizeof(record));
		if (record.sequence == 0 || record.len > left)
			continue;
		record.checksum = state_record_checksum(memory + at, record.len);
		memcpy(memory + at, &record, sizeof(record));
	}
}

static unsigned sum(struct slice bytes)
{
	unsigned all = 0;

	for (size_t i = 0; i < bytes.len; i++)
		all += bytes.data[i];
	return all;
}

/* What is read of it is sound, or it is not read. */
static void read_shared(struct slice record)
{
	struct saved_secrets secrets;
	struct saved_reservation reservation;
	struct saved_pulse pulse;
	struct saved_rest rest;

	saved_secrets_read(record, &secrets);
	saved_pulse_read(record, &pulse);
	if (saved_reservation_read(record, &reservation))
		FUZZ_CHECK(reservation.held.port % 2 == 1 &&
			   (reservation.ip.family == IP_V4 ||
			    reservation.ip.family == IP_V6));
	if (saved_rest_read(record, &rest))
		FUZZ_CHECK(rest.local.port != 0 && (rest.local.ip.family == IP_V4 ||
						    rest.local.ip.family == IP_V6));
}

/* Read all there is; every byte that is returned lies in the memory. */
static void read_all(const uint8_t *memory, size_t bytes)
{
	static unsigned volatile all;
	struct state_view view;

	if (state_view_open(&view, memory, bytes, boot_id) != STATE_GOOD)
		return;
	FUZZ_CHECK(view.bytes <= bytes);
	for (int kind = 0; kind < STATE_KIND_COUNT; kind++) {
		struct state_found found;
		uint32_t cursor = 0, before = 0;

		while (state_view_next(&view, (enum state_kind)kind, &cursor, &found)) {
			FUZZ_CHECK(cursor > before && found.index == cursor - 1);
			FUZZ_CHECK(found.index < view.sizes.records[kind]);
			before = cursor;
			FUZZ_CHECK(found.good || found.record.data == NULL);
			FUZZ_CHECK(!found.good ||
				   (found.record.data >= memory &&
				    found.record.len <= (size_t)(memory + bytes -
								 found.record.data)));
			all += sum(found.record);
			if (found.words)
				all += sum((struct slice){(const uint8_t *)found.words,
							  STATE_WORDS * 8});
		}
	}
	for (unsigned i = 0; i < STATE_WINDOWS; i++) {
		const uint64_t *words;
		const uint8_t *window = state_view_window(&view, i, &words);

		if (window)
			all += sum((struct slice){window, STATE_WINDOW_LEN}) +
			       sum((struct slice){(const uint8_t *)words,
						  STATE_WORDS * 8});
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *good;
	static size_t good_bytes;

	if (!good)
		good = good_file(&good_bytes);
	if (size == 0)
		return 0;

	read_shared((struct slice){data, size});
	bool raw = data[0] == 0;
	size_t bytes = raw ? size - 1 : good_bytes;
	/* Of exactly that size, so that a read behind it is seen. */
	uint8_t *memory = malloc(bytes + 1);

	FUZZ_CHECK(memory);
	memcpy(memory, raw ? data + 1 : good, bytes);
	for (size_t i = 1; !raw && i + 5 <= size; i += 5)
		memory[load_be32(data + i) % bytes] ^= data[i + 4];
	if (!raw && (data[0] & 4)) {
		struct state_disk_head disk;

		memcpy(&disk, good, sizeof(disk));
		mend_records(memory, bytes, (size_t)disk.records_at);
	}
	if (!raw && (data[0] & 2))
		mend_head(memory);
	read_all(memory, bytes);
	free(memory);
	return 0;
}
