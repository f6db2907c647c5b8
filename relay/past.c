/*
 * past.c - see past.h.
 */
#include "relay/past.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/descriptors/fd_store.h"
#include "base/descriptors/inherited.h"
#include "base/log.h"
#include "relay/core/ids.h"
#include "relay/state/state_memory.h"

#define NAME_BEGIN "state."

struct file {
	struct state_memory memory;
	struct state_view view;
	bool good;
	char name[PAST_NAME_SIZE];
};

struct past {
	struct file *files;
	size_t count;
	uint8_t boot_id[16];
	uint64_t highest; /* process of any file or name */
	enum state_verdict verdict;
	const struct state_view *shared;
	const struct state_view *workers[WORKERS_MAX];
};

void past_name(uint64_t process, char name[PAST_NAME_SIZE])
{
	snprintf(name, PAST_NAME_SIZE, NAME_BEGIN "%" PRIu64, process);
}

static bool is_ours(const char *name)
{
	return strncmp(name, NAME_BEGIN, strlen(NAME_BEGIN)) == 0 &&
	       strlen(name) < PAST_NAME_SIZE;
}

/* What follows the name's dot; 0: no number. */
static uint64_t process_of(const char *name)
{
	char *end;
	unsigned long long process = strtoull(name + strlen(NAME_BEGIN), &end, 10);

	return *end == '\0' && process < UINT64_MAX ? process : 0;
}

static void raise_highest(struct past *past, uint64_t process)
{
	if (process > past->highest && process < UINT64_MAX)
		past->highest = process;
}

static void refuse(struct past *past, const struct file *file, enum state_verdict verdict)
{
	past->verdict = verdict;
	if (verdict == STATE_OTHER_VERSION)
		log_warning(
			"state file %s has version %u, which this release does not read; "
			"its allocations are lost",
			file->name, file->view.version);
	else
		log_warning("state file %s cannot be used: %s; its allocations are lost",
			    file->name, state_verdict_name(verdict));
}

/* fd is taken over. */
static void open_file(struct past *past, const char *name, int fd)
{
	struct file *file = &past->files[past->count++];
	enum state_verdict verdict = STATE_NOT_OURS;

	*file = (struct file){.memory = {.fd = -1}};
	snprintf(file->name, sizeof(file->name), "%s", name);
	raise_highest(past, process_of(name));
	if (state_memory_map(&file->memory, fd) == 0)
		verdict = state_view_open(&file->view, file->memory.memory,
					  file->memory.bytes, past->boot_id);
	file->good = verdict == STATE_GOOD;
	if (!file->good) {
		refuse(past, file, verdict);
		return;
	}
	raise_highest(past, file->view.head.process);
}

/* The shared file of the newest process that had taken over all it wanted. */
static void choose(struct past *past)
{
	for (size_t i = 0; i < past->count; i++) {
		const struct file *file = &past->files[i];

		if (!file->good || file->view.head.worker != STATE_SHARED ||
		    !file->view.complete || file->view.head.workers > WORKERS_MAX)
			continue;
		if (past->shared == NULL ||
		    file->view.head.process > past->shared->head.process)
			past->shared = &file->view;
	}
}

static void gather(struct past *past)
{
	const struct state_head *head = &past->shared->head;

	for (size_t i = 0; i < past->count; i++) {
		const struct file *file = &past->files[i];

		if (file->good && file->view.head.process == head->process &&
		    file->view.head.worker < head->workers &&
		    past->workers[file->view.head.worker] == NULL)
			past->workers[file->view.head.worker] = &file->view;
	}
	for (uint32_t i = 0; i < head->workers; i++) {
		if (past->workers[i] == NULL)
			log_warning("the state file of worker %u of process %" PRIu64
				    " was not kept; its allocations are lost",
				    i, head->process);
	}
}

static size_t count_files(const struct inherited *inherited)
{
	size_t cursor = 0, count = 0;
	const char *name;
	int fd;

	while (inherited_next(inherited, &cursor, &name, &fd))
		count += is_ours(name);
	return count;
}

struct past *past_new(struct inherited *inherited)
{
	struct past *past = calloc(1, sizeof(*past));
	size_t cursor = 0, count = count_files(inherited);
	const char *name;
	int fd;

	if (past == NULL)
		return NULL;
	past->files = calloc(count + 1, sizeof(*past->files));
	if (past->files == NULL || !state_boot_id(past->boot_id)) {
		past_free(past);
		return NULL;
	}
	while (inherited_next(inherited, &cursor, &name, &fd)) {
		if (!is_ours(name))
			continue;
		assert(past->count < count);
		char copy[PAST_NAME_SIZE];

		snprintf(copy, sizeof(copy), "%s", name);
		inherited_taken(inherited, fd);
		open_file(past, copy, fd);
	}
	choose(past);
	if (past->shared != NULL)
		gather(past);
	return past;
}

void past_free(struct past *past)
{
	if (past == NULL)
		return;
	for (size_t i = 0; i < past->count; i++)
		state_memory_release(&past->files[i].memory);
	free(past->files);
	free(past);
}

uint64_t past_process(const struct past *past)
{
	return past->shared != NULL ? past->shared->head.process : 0;
}

uint64_t past_next_process(const struct past *past)
{
	return past->highest + 1;
}

const struct state_view *past_shared(const struct past *past)
{
	return past->shared;
}

const struct state_view *past_worker(const struct past *past, unsigned worker)
{
	return worker < WORKERS_MAX ? past->workers[worker] : NULL;
}

unsigned past_workers(const struct past *past)
{
	return past->shared != NULL ? past->shared->head.workers : 0;
}

size_t past_allocations(const struct past *past)
{
	size_t count = 0;

	for (unsigned i = 0; i < past_workers(past); i++) {
		const struct state_view *view = past_worker(past, i);
		struct state_found found;
		uint32_t cursor = 0;

		while (view != NULL &&
		       state_view_next(view, STATE_ALLOCATION, &cursor, &found))
			count++;
	}
	return count;
}

enum state_verdict past_verdict(const struct past *past)
{
	return past->verdict;
}

void past_remove(const struct past *past)
{
	for (size_t i = 0; i < past->count; i++) {
		size_t before = 0;

		while (strcmp(past->files[before].name, past->files[i].name) != 0)
			before++;
		if (before == i)
			fd_store_remove(past->files[i].name);
	}
}
