/*
 * log_writer.c - see log_writer.h.
 */
#include "base/log_writer.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

enum { ROOM_OF_ALL = LOG_WRITER_ROOM - LOG_WRITER_RESERVE };

/* A message, or a gap: what was dropped before the next message. */
struct entry {
	struct entry *next;
	bool is_gap;
	union {
		struct log_message message;
		struct log_losses gap;
	};
	char bytes[]; /* of the message */
};

enum state {
	WRITER_OFF,
	WRITER_RUNS,
	WRITER_STOPS,    /* once the queue is written */
	WRITER_ABANDONED /* stalled at the stop */
};

static struct {
	pthread_mutex_t lock; /* held for no system call but malloc's */
	pthread_cond_t changed;
	pthread_t thread;
	enum state state;
	const struct log_writer_output *output;
	struct entry *first, **last;
	size_t used;                      /* bytes in the queue */
	bool is_dropping;                 /* until half is free */
	struct log_losses dropped;        /* behind the last entry */
	uint64_t lost[LOG_WRITER_LEVELS]; /* atomic */
} writer = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool has_losses(const struct log_losses *losses)
{
	for (int i = 0; i < LOG_WRITER_LEVELS; i++) {
		if (losses->count[i] > 0)
			return true;
	}
	return false;
}

static void count_loss(struct log_losses *losses, int level)
{
	assert(level >= 0 && level < LOG_WRITER_LEVELS);
	losses->count[level]++;
	__atomic_fetch_add(&writer.lost[level], 1, __ATOMIC_RELAXED);
}

uint64_t log_writer_lost(int level)
{
	assert(level >= 0 && level < LOG_WRITER_LEVELS);
	return __atomic_load_n(&writer.lost[level], __ATOMIC_RELAXED);
}

/* --- the queue; the lock is held ---------------------------------------------------------------- */

static size_t entry_size(const struct entry *entry)
{
	return sizeof(*entry) + (entry->is_gap ? 0 : entry->message.size);
}

static void append(struct entry *entry)
{
	entry->next = NULL;
	*writer.last = entry;
	writer.last = &entry->next;
	writer.used += entry_size(entry);
	assert(writer.used <= LOG_WRITER_ROOM + sizeof(*entry));
}

static struct entry *take(void)
{
	struct entry *entry = writer.first;

	if (entry == NULL)
		return NULL;
	writer.first = entry->next;
	if (writer.first == NULL)
		writer.last = &writer.first;
	assert(writer.used >= entry_size(entry));
	writer.used -= entry_size(entry);
	if (writer.used <= ROOM_OF_ALL / 2)
		writer.is_dropping = false;
	assert(writer.first != NULL || writer.used == 0);
	return entry;
}

static bool has_room(int level, size_t size)
{
	if (level <= LOG_WARNING)
		return writer.used + size <= LOG_WRITER_ROOM;
	if (writer.used + size > ROOM_OF_ALL)
		writer.is_dropping = true;
	return !writer.is_dropping;
}

/* Without memory it stays pending: the next message brings it, or the end of the queue. */
static void append_gap(void)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (entry == NULL)
		return;
	entry->is_gap = true;
	entry->gap = writer.dropped;
	writer.dropped = (struct log_losses){0};
	append(entry);
}

static void add(const struct log_message *message)
{
	size_t size = sizeof(struct entry) + message->size;
	struct entry *entry = NULL;

	if (writer.state != WRITER_ABANDONED && has_room(message->level, size))
		entry = calloc(1, size);
	if (entry == NULL) {
		count_loss(&writer.dropped, message->level);
		return;
	}
	entry->message = *message;
	memcpy(entry->bytes, message->bytes, message->size);
	entry->message.bytes = entry->bytes;
	if (!writer.is_dropping && has_losses(&writer.dropped))
		append_gap();
	append(entry);
}

bool log_writer_add(const struct log_message *message)
{
	assert(message->size > 0 && message->bytes[message->size - 1] == '\0');
	pthread_mutex_lock(&writer.lock);
	bool runs = writer.state != WRITER_OFF;
	if (runs) {
		add(message);
		pthread_cond_broadcast(&writer.changed);
	}
	pthread_mutex_unlock(&writer.lock);
	return runs;
}

/* --- waiting ------------------------------------------------------------------------------------ */

static struct timespec in_ms(unsigned ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	return until;
}

bool log_writer_wait(unsigned wait_ms)
{
	struct timespec until = in_ms(wait_ms);
	bool is_free;

	pthread_mutex_lock(&writer.lock);
	while (!(is_free = writer.state == WRITER_OFF ||
			   (!writer.is_dropping && writer.used <= ROOM_OF_ALL / 2)) &&
	       pthread_cond_timedwait(&writer.changed, &writer.lock, &until) == 0)
		;
	pthread_mutex_unlock(&writer.lock);
	return is_free;
}

/* --- the thread --------------------------------------------------------------------------------- */

/* failed: what could not be written yet, told before what can be. */
static void tell(const struct log_losses *losses, struct log_losses *failed)
{
	int error = writer.output->tell(losses);

	if (error == 0)
		return;
	for (int i = 0; i < LOG_WRITER_LEVELS; i++)
		failed->count[i] += losses->count[i];
	failed->error = error;
}

static void put(const struct entry *entry, struct log_losses *failed)
{
	int error;

	if (has_losses(failed) && writer.output->tell(failed) == 0)
		*failed = (struct log_losses){0};
	if (entry->is_gap) {
		tell(&entry->gap, failed);
		return;
	}
	error = writer.output->put(&entry->message);
	if (error != 0) {
		count_loss(failed, entry->message.level);
		failed->error = error;
	}
}

/* One step without the lock, which is held before and after. False if there is nothing to do. */
static bool step(struct log_losses *failed)
{
	struct entry *entry = take();
	struct log_losses dropped = {0};

	if (entry == NULL) {
		if (!has_losses(&writer.dropped))
			return false;
		dropped = writer.dropped;
		writer.dropped = (struct log_losses){0};
	}
	pthread_mutex_unlock(&writer.lock);
	if (entry != NULL)
		put(entry, failed);
	else
		tell(&dropped, failed);
	free(entry);
	pthread_mutex_lock(&writer.lock);
	pthread_cond_broadcast(&writer.changed);
	return true;
}

static void *run(void *arg)
{
	struct log_losses failed = {0};

	(void)arg;
	pthread_mutex_lock(&writer.lock);
	for (;;) {
		while (step(&failed))
			;
		if (writer.state != WRITER_RUNS)
			break;
		pthread_cond_wait(&writer.changed, &writer.lock);
	}
	if (writer.state == WRITER_STOPS)
		writer.state = WRITER_OFF;
	pthread_cond_broadcast(&writer.changed);
	pthread_mutex_unlock(&writer.lock);
	return NULL;
}

int log_writer_start(const struct log_writer_output *output)
{
	pthread_condattr_t monotonic;
	sigset_t all, before;

	assert(writer.state == WRITER_OFF && writer.first == NULL);
	writer.output = output;
	writer.last = &writer.first;
	writer.state = WRITER_RUNS;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&writer.changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	int error = pthread_create(&writer.thread, NULL, run, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0) {
		pthread_cond_destroy(&writer.changed);
		writer.state = WRITER_OFF;
		return error;
	}
	pthread_setname_np(writer.thread, "log");
	return 0;
}

bool log_writer_stop(unsigned flush_ms)
{
	struct timespec until = in_ms(flush_ms);

	pthread_mutex_lock(&writer.lock);
	if (writer.state != WRITER_RUNS) {
		bool is_written = writer.state == WRITER_OFF;

		pthread_mutex_unlock(&writer.lock);
		return is_written;
	}
	writer.state = WRITER_STOPS;
	pthread_cond_broadcast(&writer.changed);
	while (writer.state != WRITER_OFF &&
	       pthread_cond_timedwait(&writer.changed, &writer.lock, &until) == 0)
		;
	bool is_written = writer.state == WRITER_OFF;
	if (!is_written)
		writer.state = WRITER_ABANDONED;
	pthread_mutex_unlock(&writer.lock);
	if (!is_written) {
		pthread_detach(writer.thread);
		return false;
	}
	pthread_join(writer.thread, NULL);
	pthread_cond_destroy(&writer.changed);
	return true;
}
