/*
 * record_writer.c - see record_writer.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_RECORDS
#include "relay/ops/record_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "relay/ops/records.h"

enum {
	WAIT_MS = 10000,
	LOG_WAIT_MS = 100, /* how soon a stop is noticed while the log stalls */
	LAST_WAIT_MS = 500 /* at the stop, for all that is left */
};

struct record_writer {
	struct records *records;
	uint64_t position; /* of the next to write */
	uint64_t end_ms; /* monotonic; the log is waited for until then. 0: as long as it takes */
	pthread_t thread;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The ring holds more than the log's queue: wait here, and leave that to more urgent messages. */
static void wait_for_log(struct record_writer *writer)
{
	while (!records_is_closed(writer->records)) {
		if (log_wait_room(LOG_WAIT_MS))
			return;
	}

	uint64_t now = now_ms();

	if (writer->end_ms == 0)
		writer->end_ms = now + LAST_WAIT_MS;
	if (now < writer->end_ms)
		log_wait_room((unsigned)(writer->end_ms - now));
}

/* Write all that are there. */
static void write_all(struct record_writer *writer)
{
	static struct log_limit limit;
	uint64_t lost = 0;
	struct record record;

	while (records_read(writer->records, &writer->position, &record, &lost)) {
		if (lost > 0)
			log_limited(&limit, LOG_LEVEL_WARNING,
				    "%" PRIu64
				    " records were not logged: the log is too slow",
				    lost);
		lost = 0;
		if (record.is_logged) {
			wait_for_log(writer);
			record_log(&record);
		}
		records_set_done(writer->records, writer->position);
	}
}

static void *run(void *arg)
{
	struct record_writer *writer = arg;
	bool is_closed;

	do {
		/* Asked first: after it is closed nothing comes that is not seen below. */
		is_closed = records_is_closed(writer->records);

		uint64_t wait_ms = records_add_sums(writer->records, now_ms());

		write_all(writer);
		if (!is_closed)
			records_wait(writer->records, writer->position,
				     wait_ms < WAIT_MS ? (unsigned)wait_ms : WAIT_MS);
	} while (!is_closed);
	return NULL;
}

struct record_writer *record_writer_start(struct records *records)
{
	struct record_writer *writer = calloc(1, sizeof(*writer));
	int error;

	if (writer == NULL)
		return NULL;
	writer->records = records;
	writer->position = records_first(records);
	records_set_done(records, writer->position);
	error = pthread_create(&writer->thread, NULL, run, writer);
	if (error != 0) {
		free(writer);
		errno = error;
		return NULL;
	}
	pthread_setname_np(writer->thread, "records");
	return writer;
}

void record_writer_stop(struct record_writer *writer)
{
	if (writer == NULL)
		return;
	records_close(writer->records);
	pthread_join(writer->thread, NULL);
	free(writer);
}
