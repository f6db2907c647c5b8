/*
 * record_sums.c - see record_sums.h.
 */
#include "relay/ops/record_sums.h"

#include <assert.h>
#include <string.h>

enum { SHORT_MS = 1000 };

bool record_is_short(const struct record *record)
{
	return record->duration_ms < SHORT_MS && record->to_peer.packets == 0 &&
	       record->to_client.packets == 0 && record->moves == 0;
}

static bool is_same_kind(const struct record *a, const struct record *b)
{
	return a->side == b->side && a->transport == b->transport &&
	       a->relay_transport == b->relay_transport && a->dialect == b->dialect &&
	       a->reason == b->reason && a->is_logged == b->is_logged &&
	       a->quota.allocations == b->quota.allocations &&
	       a->quota.bandwidth_bps == b->quota.bandwidth_bps &&
	       strcmp(a->user, b->user) == 0 && strcmp(a->key_id, b->key_id) == 0;
}

/* An unused place, or that of the kind that began first and has no sum; NULL: none. */
static struct record_sum *free_place(struct record_sums *sums)
{
	struct record_sum *oldest = NULL;

	for (size_t i = 0; i < RECORD_SUMS_MAX; i++) {
		struct record_sum *sum = &sums->list[i];

		if (sum->seen == 0)
			return sum;
		if (sum->record.allocations == 0 &&
		    (oldest == NULL || sum->begun_ms < oldest->begun_ms))
			oldest = sum;
	}
	return oldest;
}

/* The place of its kind, made if need be; NULL if there is no room. */
static struct record_sum *place_of(struct record_sums *sums, const struct record *record,
				   uint64_t now_ms)
{
	for (size_t i = 0; i < RECORD_SUMS_MAX; i++) {
		struct record_sum *sum = &sums->list[i];

		if (sum->seen > 0 && is_same_kind(&sum->record, record))
			return sum;
	}

	struct record_sum *sum = free_place(sums);

	if (sum != NULL) {
		*sum = (struct record_sum){.begun_ms = now_ms, .record = *record};
		sum->record.allocations = 0;
	}
	return sum;
}

static uint16_t sum16(uint16_t a, uint16_t b)
{
	return b <= UINT16_MAX - a ? (uint16_t)(a + b) : UINT16_MAX;
}

bool record_sums_add(struct record_sums *sums, const struct record *record,
		     uint64_t now_ms)
{
	struct record_sum *sum = place_of(sums, record, now_ms);

	assert(record_is_short(record) && record->allocations == 1);
	if (sum == NULL)
		return false;
	if (sum->seen < RECORD_SUMS_ALONE) {
		sum->seen++;
		return false;
	}

	/* The newest one, with the figures of all. */
	struct record before = sum->record;

	sum->record = *record;
	if (before.allocations > 0) {
		sum->record.allocations += before.allocations;
		sum->record.duration_ms += before.duration_ms;
		sum->record.permissions = sum16(record->permissions, before.permissions);
		sum->record.channels = sum16(record->channels, before.channels);
	}
	return true;
}

bool record_sums_take(struct record_sums *sums, uint64_t now_ms, struct record *due,
		      uint64_t *wait_ms)
{
	*wait_ms = UINT64_MAX;
	for (size_t i = 0; i < RECORD_SUMS_MAX; i++) {
		struct record_sum *sum = &sums->list[i];

		if (sum->seen == 0)
			continue;

		uint64_t end_ms = sum->begun_ms + RECORD_SUMS_MS;

		if (now_ms < end_ms) {
			if (end_ms - now_ms < *wait_ms)
				*wait_ms = end_ms - now_ms;
			continue;
		}
		sum->seen = 0;
		if (sum->record.allocations > 0) {
			*due = sum->record;
			return true;
		}
	}
	return false;
}
