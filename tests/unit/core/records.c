/*
 * records.c - see records.h.
 */
#include "tests/unit/core/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "relay/core/allocation_table.h"
#include "relay/core/turn.h"
#include "relay/state/keeper.h"
#include "relay/state/saved_allocation.h"
#include "tests/unit/state/images.h"

/* So many slots at a time, in turns: a test may have thousands of allocations. */
enum { SLICE = 32 };

struct records_of {
	void *memory;
	size_t bytes;
	struct state_file *file;
	struct keeper *keeper;
	uint32_t next; /* slot to look at */
	struct allocation_image saved, live;
};

static struct endpoint via(void *arg, const struct allocation *al)
{
	(void)arg;
	(void)al;
	return (struct endpoint){.ip.family = IP_NONE};
}

struct records_of *records_of_new(struct turn *turn, size_t slots)
{
	const struct state_sizes sizes = {
		.records = {[STATE_ALLOCATION] = (uint32_t)slots}};
	const struct state_head head = {.process = 1, .workers = 1};
	struct records_of *records = calloc(1, sizeof(*records));

	turn->changes = (struct change_list){0};
	if (records == NULL)
		return NULL;
	records->bytes = state_file_bytes(&sizes);
	records->memory = mmap(NULL, records->bytes, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (records->memory == MAP_FAILED)
		records->memory = NULL;
	else
		records->file =
			state_file_new(records->memory, records->bytes, &head, &sizes);
	if (records->file != NULL && change_list_init(&turn->changes, slots))
		records->keeper = keeper_new(turn, records->file, slots, via, NULL);
	if (records->keeper != NULL)
		return records;
	records_of_free(records, turn);
	return NULL;
}

void records_of_free(struct records_of *records, struct turn *turn)
{
	if (records == NULL)
		return;
	keeper_free(records->keeper);
	state_file_free(records->file);
	change_list_release(&turn->changes);
	if (records->memory != NULL)
		munmap(records->memory, records->bytes);
	free(records);
}

struct keeper *records_of_keeper(struct records_of *records)
{
	return records->keeper;
}

bool records_of_read(const struct records_of *records, uint32_t slot,
		     struct allocation_image *image)
{
	struct slice record = state_file_get(records->file, STATE_ALLOCATION, slot);
	enum saved_verdict verdict;

	if (record.data == NULL)
		return false;
	verdict = saved_allocation_read(record, image);
	if (verdict != SAVED_GOOD) {
		fprintf(stderr, "slot %u: its record cannot be read: %d\n", slot,
			(int)verdict);
		abort();
	}
	return true;
}

static void check_slot(struct records_of *records, struct turn *turn, uint32_t slot,
		       uint64_t now_ms)
{
	const struct allocation *al = allocation_at(turn->table, slot);
	bool has_record = records_of_read(records, slot, &records->saved);
	const char *difference;

	if (has_record != (al != NULL)) {
		fprintf(stderr, "slot %u: %s\n", slot,
			has_record ? "a record without an allocation"
				   : "an allocation without a record");
		abort();
	}
	if (al == NULL)
		return;
	allocation_image_take(turn, al, &records->live);
	allocation_image_trim(&records->live, now_ms);
	allocation_image_trim(&records->saved, now_ms);
	records->live.via = records->saved.via;
	records->live.proof = records->saved.proof;
	image_catch_up(&records->saved, &records->live);
	difference = images_difference(&records->saved, &records->live);
	if (difference != NULL) {
		fprintf(stderr, "slot %u: its record has another %s\n", slot, difference);
		abort();
	}
}

void records_of_check(struct records_of *records, struct turn *turn, uint64_t now_ms)
{
	if (turn->changes.count > 0) {
		fprintf(stderr, "slot %u: changed and not saved\n",
			turn->changes.slots[0]);
		abort();
	}
	const uint32_t used = allocation_slots(turn->table);
	const uint32_t looks = used < SLICE ? used : SLICE;

	for (uint32_t i = 0; i < looks; i++)
		check_slot(records, turn, records->next++ % used, now_ms);
}
