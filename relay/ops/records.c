/*
 * records.c - see records.h.
 */
#include "relay/ops/records.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "relay/ops/record_sums.h"

enum { PATIENCE_MS = 500 }; /* with a reader that is behind */

struct records {
	pthread_mutex_t lock;
	pthread_cond_t added;
	size_t room;
	uint64_t end;     /* position of the next one */
	uint64_t done;    /* as its reader says; UINT64_MAX: it has none. Atomic */
	uint64_t stalled; /* done when patience with it ended; UINT64_MAX: never. Atomic */
	bool closed;
	struct record_sums sums;
	struct record *ring; /* position % room */
};

struct records *records_new(size_t room)
{
	struct records *records = calloc(1, sizeof(*records));
	pthread_condattr_t monotonic;

	if (records == NULL)
		return NULL;
	assert(room > 1); /* half of it is what records_catch_up() leaves free */
	records->room = room;
	records->done = UINT64_MAX;
	records->stalled = UINT64_MAX;
	records->ring = calloc(room, sizeof(*records->ring));
	if (records->ring == NULL) {
		free(records);
		return NULL;
	}
	pthread_mutex_init(&records->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&records->added, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return records;
}

void records_free(struct records *records)
{
	if (records == NULL)
		return;
	pthread_cond_destroy(&records->added);
	pthread_mutex_destroy(&records->lock);
	free(records->ring);
	free(records);
}

static void append(struct records *records, const struct record *record)
{
	records->ring[records->end % records->room] = *record;
	records->end++;
}

static uint64_t append_sums(struct records *records, uint64_t now_ms)
{
	struct record sum;
	uint64_t wait_ms;

	while (record_sums_take(&records->sums, now_ms, &sum, &wait_ms))
		append(records, &sum);
	return wait_ms;
}

void records_add(struct records *records, const struct record *record)
{
	pthread_mutex_lock(&records->lock);
	append(records, record);
	pthread_mutex_unlock(&records->lock);
	pthread_cond_broadcast(&records->added);
}

void records_add_short(struct records *records, const struct record *record,
		       uint64_t now_ms)
{
	pthread_mutex_lock(&records->lock);
	uint64_t before = records->end;
	append_sums(records, now_ms);
	if (!record_sums_add(&records->sums, record, now_ms))
		append(records, record);
	bool is_more = records->end != before;
	pthread_mutex_unlock(&records->lock);
	if (is_more)
		pthread_cond_broadcast(&records->added);
}

uint64_t records_add_sums(struct records *records, uint64_t now_ms)
{
	pthread_mutex_lock(&records->lock);
	uint64_t before = records->end;
	uint64_t wait_ms = append_sums(records, now_ms);
	bool is_more = records->end != before;
	pthread_mutex_unlock(&records->lock);
	if (is_more)
		pthread_cond_broadcast(&records->added);
	return wait_ms;
}

static uint64_t first(const struct records *records)
{
	return records->end > records->room ? records->end - records->room : 0;
}

uint64_t records_first(struct records *records)
{
	pthread_mutex_lock(&records->lock);
	uint64_t position = first(records);
	pthread_mutex_unlock(&records->lock);
	return position;
}

uint64_t records_end(struct records *records)
{
	pthread_mutex_lock(&records->lock);
	uint64_t position = records->end;
	pthread_mutex_unlock(&records->lock);
	return position;
}

bool records_read(struct records *records, uint64_t *position, struct record *record,
		  uint64_t *lost)
{
	bool found;

	pthread_mutex_lock(&records->lock);
	assert(*position <= records->end);
	if (*position < first(records)) {
		*lost += first(records) - *position;
		*position = first(records);
	}
	found = *position < records->end;
	if (found)
		*record = records->ring[(*position)++ % records->room];
	pthread_mutex_unlock(&records->lock);
	return found;
}

void records_wait(struct records *records, uint64_t position, unsigned wait_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&records->lock);
	while (records->end <= position && !records->closed &&
	       pthread_cond_timedwait(&records->added, &records->lock, &until) == 0)
		;
	pthread_mutex_unlock(&records->lock);
}

void records_set_done(struct records *records, uint64_t position)
{
	__atomic_store_n(&records->done, position, __ATOMIC_RELAXED);
}

bool records_catch_up(struct records *records)
{
	uint64_t done = UINT64_MAX;

	for (int i = 0; i < PATIENCE_MS; i++) {
		done = __atomic_load_n(&records->done, __ATOMIC_RELAXED);
		if (done == UINT64_MAX)
			return false;
		if (records_end(records) - done < records->room / 2)
			return true;
		/* Workers stop one after the other: only one waits for the same standstill. */
		if (done == __atomic_load_n(&records->stalled, __ATOMIC_RELAXED))
			return false;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	__atomic_store_n(&records->stalled, done, __ATOMIC_RELAXED);
	return false;
}

void records_close(struct records *records)
{
	pthread_mutex_lock(&records->lock);
	append_sums(records, UINT64_MAX);
	records->closed = true;
	pthread_mutex_unlock(&records->lock);
	pthread_cond_broadcast(&records->added);
}

bool records_is_closed(struct records *records)
{
	pthread_mutex_lock(&records->lock);
	bool closed = records->closed;
	pthread_mutex_unlock(&records->lock);
	return closed;
}
