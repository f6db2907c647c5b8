/*
 * succession.c - see succession.h.
 */
#include "relay/succession.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/descriptors/connection_store.h"
#include "base/descriptors/fd_store.h"
#include "base/descriptors/inherited.h"
#include "base/log.h"
#include "relay/core/changes.h"
#include "relay/core/ids.h"
#include "relay/core/shared.h"
#include "relay/past.h"
#include "relay/relay.h"
#include "relay/state/shared_keeper.h"
#include "relay/state/state_memory.h"
#include "relay/take_up.h"
#include "relay/worker.h"

/* Of descriptors that stand for nothing, but are in the places for the state files of the next process. */
#define PLACES_NAME "places"

enum { PLACES_MIN = 8, STORE_WAIT_MS = 2000 };

struct succession {
	struct inherited *inherited;
	struct past *past; /* NULL once it is settled */
	struct shared_past was;
	struct state_head head;
	struct saved_secrets secrets;
	struct state_memory memory; /* of the shared file */
	struct state_file *file;
	struct shared_keeper *keeper;
	struct take_up *take_up;
	size_t waiting;
};

static uint64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* At most 256 bytes are asked for, which never come short. */
static void draw(void *buf, size_t len)
{
	if (getrandom(buf, len, 0) != (ssize_t)len)
		abort();
}

static void draw_secrets(struct saved_secrets *secrets)
{
	draw(secrets->nonce, sizeof(secrets->nonce));
	draw(&secrets->mobility, sizeof(secrets->mobility));
	draw(&secrets->hash, sizeof(secrets->hash));
}

static void close_places(struct inherited *inherited)
{
	int fd;

	while ((fd = inherited_take(inherited, PLACES_NAME)) >= 0)
		close(fd);
}

struct succession *succession_new(struct inherited *inherited)
{
	struct succession *succession = calloc(1, sizeof(*succession));
	const struct state_view *shared = NULL;

	if (succession == NULL)
		return NULL;
	succession->memory.fd = -1;
	succession->inherited = inherited;
	if (inherited != NULL) {
		close_places(inherited);
		succession->past = past_new(inherited);
		if (succession->past == NULL) {
			succession_free(succession);
			return NULL;
		}
		shared = past_shared(succession->past);
		succession->waiting = past_allocations(succession->past);
	}
	if (shared != NULL)
		shared_keeper_read(shared, &succession->was);
	succession->head.process = inherited != NULL ? past_next_process(succession->past)
						     : 1;
	if (succession->was.has_secrets)
		succession->secrets = succession->was.secrets;
	else
		draw_secrets(&succession->secrets);
	OPENSSL_cleanse(&succession->was.secrets, sizeof(succession->was.secrets));
	return succession;
}

void succession_free(struct succession *succession)
{
	if (succession == NULL)
		return;
	take_up_free(succession->take_up);
	shared_keeper_free(succession->keeper);
	state_file_free(succession->file);
	state_memory_release(&succession->memory);
	past_free(succession->past);
	OPENSSL_cleanse(&succession->secrets, sizeof(succession->secrets));
	free(succession);
}

size_t succession_waiting(const struct succession *succession)
{
	return succession->waiting;
}

const struct saved_secrets *succession_secrets(const struct succession *succession)
{
	return &succession->secrets;
}

const struct state_head *succession_head(const struct succession *succession)
{
	return &succession->head;
}

bool succession_begin(struct succession *succession, struct relay *relay,
		      const struct shared_sizes *sizes, char *error, size_t error_size)
{
	const struct state_sizes files = shared_keeper_sizes(sizes);
	struct state_head head;
	int failed;

	snprintf(error, error_size, "out of memory");
	if (!state_boot_id(succession->head.boot_id)) {
		snprintf(error, error_size,
			 "cannot read the boot id of this system from /proc");
		return false;
	}
	succession->head.workers = (uint32_t)relay->worker_count;
	head = succession->head;
	head.worker = STATE_SHARED;
	failed = state_memory_make(&succession->memory, "mediarelayd-shared",
				   state_file_bytes(&files));
	if (failed != 0) {
		snprintf(error, error_size, "memory for state: %s", strerror(-failed));
		return false;
	}
	succession->file = state_file_new(succession->memory.memory,
					  succession->memory.bytes, &head, &files);
	if (succession->file == NULL)
		return false;
	succession->keeper = shared_keeper_new(&relay->shared, succession->file, sizes);
	if (succession->keeper == NULL)
		return false;
	shared_keeper_secrets(succession->keeper, &succession->secrets);
	return true;
}

/* Everything that was restored is in our own files from now on. */
static void save_all(const struct relay *relay)
{
	for (size_t i = 0; i < relay->worker_count; i++) {
		struct worker *worker = relay->workers[i];

		changes_save(&worker->turn, worker->loop.now_ms);
	}
}

enum { LAST_MOMENTS_MS = 5000 }; /* to end a process that was continued for it */

/*
 * Whatever it was that a worker of the process before did last. If one had stood still until just before, what
 * came after served nobody, and clients have waited since that began.
 */
static void note_alive(struct succession *succession, uint64_t now_ms)
{
	uint64_t *alive_ms = &succession->was.alive_ms;
	uint64_t still_ms = UINT64_MAX, again_ms = 0;

	for (unsigned i = 0; i < past_workers(succession->past); i++) {
		const struct state_view *view = past_worker(succession->past, i);
		const uint64_t *words;

		if (view == NULL || state_view_window(view, 0, &words) == NULL)
			continue;
		if (words[STATE_WORD_ALIVE] > *alive_ms &&
		    words[STATE_WORD_ALIVE] <= now_ms)
			*alive_ms = words[STATE_WORD_ALIVE];
		if (words[STATE_WORD_AGAIN] > again_ms &&
		    words[STATE_WORD_AGAIN] <= now_ms) {
			again_ms = words[STATE_WORD_AGAIN];
			still_ms = words[STATE_WORD_STILL];
		}
	}
	if (again_ms > 0 && still_ms < *alive_ms &&
	    again_ms + LAST_MOMENTS_MS >= *alive_ms)
		*alive_ms = still_ms;
}

static void restore_shared(struct shared_keeper *keeper, const struct state_view *shared)
{
	struct shared_restored restored =
		shared_keeper_restore(keeper, shared, monotonic_ms());

	if (restored.reservations_lost > 0)
		log_warning(
			"%u reserved ports (EVEN-PORT) are lost: in use by now, or of an "
			"address that is not configured",
			restored.reservations_lost);
}

bool succession_take_up(struct succession *succession, struct relay *relay, char *error,
			size_t error_size)
{
	const struct state_view *shared;

	assert(succession->file != NULL && succession->take_up == NULL);
	if (succession->past == NULL)
		return true;
	succession->take_up = take_up_run(relay, succession->past, succession->inherited,
					  succession->was.generation);
	if (succession->take_up == NULL) {
		snprintf(error, error_size, "out of memory");
		return false;
	}
	shared = past_shared(succession->past);
	note_alive(succession, monotonic_ms());
	if (shared != NULL)
		restore_shared(succession->keeper, shared);
	save_all(relay);
	return true;
}

struct descriptors {
	int fds[WORKERS_MAX + 1];
	size_t count;
};

static void gather(void *arg, const char *name, int fd)
{
	struct descriptors *descriptors = arg;

	(void)name;
	descriptors->fds[descriptors->count++] = fd;
}

/*
 * systemd drops what its store has no room for, and does not say so. So connections must not get the
 * places that the state files of the next process need, for it stores them while ours are still there.
 * Twice as many as we have: one that is killed while it settles leaves two sets.
 */
static void keep_places(size_t files)
{
	size_t count = 2 * files > PLACES_MIN ? 2 * files : PLACES_MIN;

	for (size_t i = 0; i < count && fd_store_is_there(); i++) {
		int fd = memfd_create("mediarelayd-place", MFD_CLOEXEC);

		if (fd < 0 || !fd_store_put(PLACES_NAME, &fd, 1, false))
			log_warning("cannot keep a place in systemd's descriptor store: "
				    "if it is full, the restart after the next loses "
				    "all calls");
		if (fd < 0)
			return;
		close(fd);
	}
}

/* In the places that the process before has kept. False: given up. */
static bool store_files(const char *name, const struct descriptors *own)
{
	uint64_t given_up = fd_store_figures().given_up;

	fd_store_remove(PLACES_NAME);
	return fd_store_put(name, own->fds, own->count, false) &&
	       fd_store_wait(STORE_WAIT_MS) && fd_store_figures().given_up == given_up;
}

struct batch {
	int fds[FD_STORE_BATCH];
	size_t count;
};

static void put_batch(struct batch *batch)
{
	if (batch->count > 0)
		connection_store_put(batch->fds, batch->count);
	batch->count = 0;
}

static void put_connection(void *arg, int fd)
{
	struct batch *batch = arg;

	batch->fds[batch->count++] = fd;
	if (batch->count == FD_STORE_BATCH)
		put_batch(batch);
}

static void put_named(void *arg, const char *name, int fd)
{
	if (strcmp(name, CONNECTIONS_NAME) == 0)
		put_connection(arg, fd);
}

/* Out of the parcels of the process before into some of our own. */
static void put_connections(const struct relay *relay)
{
	struct batch batch = {.count = 0};

	for (size_t i = 0; i < relay->worker_count; i++) {
		worker_each_connection(relay->workers[i], put_connection, &batch);
		worker_each_peer(relay->workers[i], put_named, &batch);
	}
	put_batch(&batch);
}

void succession_settle(struct succession *succession, struct relay *relay)
{
	struct descriptors own = {.count = 0};
	char name[PAST_NAME_SIZE];

	/* First they are where the next process finds them, then they count, then the old ones go. */
	past_name(succession->head.process, name);
	succession_each_descriptor(succession, relay, gather, &own);
	bool stored = store_files(name, &own);
	if (fd_store_is_there())
		put_connections(relay);
	succession_pulse(succession, relay);
	state_file_complete(succession->file);
	if (!stored)
		log_error("systemd has not taken the state files of this process into "
			  "its descriptor store: the next restart may lose calls");
	else if (succession->past != NULL)
		past_remove(succession->past);
	connection_store_settle();
	keep_places(own.count + connection_store_figures().parcels);
	if (succession->take_up != NULL)
		take_up_settle(succession->take_up);
	past_free(succession->past);
	succession->past = NULL;
	succession->inherited = NULL;
}

void succession_tell(struct succession *succession, struct relay *relay,
		     uint64_t served_ms)
{
	if (succession->take_up == NULL)
		return;
	take_up_tell(succession->take_up, relay, succession->was.alive_ms, served_ms);
}

void succession_pulse(struct succession *succession, const struct relay *relay)
{
	struct saved_pulse pulse = {.at_ms = monotonic_ms()};

	if (succession->keeper == NULL)
		return;
	for (size_t i = 0; i < relay->worker_count; i++) {
		uint32_t generation =
			allocation_table_generation(relay->workers[i]->turn.table);

		if (generation > pulse.generation)
			pulse.generation = generation;
	}
	shared_keeper_pulse(succession->keeper, &pulse);
}

const struct take_up_report *succession_report(const struct succession *succession)
{
	return succession->take_up != NULL ? take_up_report(succession->take_up) : NULL;
}

void succession_each_descriptor(const struct succession *succession,
				const struct relay *relay,
				void (*fn)(void *arg, const char *name, int fd),
				void *arg)
{
	char name[PAST_NAME_SIZE];

	past_name(succession->head.process, name);
	fn(arg, name, succession->memory.fd);
	for (size_t i = 0; i < relay->worker_count; i++)
		fn(arg, name, relay->workers[i]->state.fd);
}
