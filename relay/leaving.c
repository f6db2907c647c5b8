/*
 * leaving.c - see leaving.h.
 */
#include "relay/leaving.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/descriptors/connections.h"
#include "base/descriptors/fd_store.h"
#include "base/inbox.h"
#include "base/log.h"
#include "relay/kernel_plane.h"
#include "relay/peer/relay_sockets.h"
#include "relay/relay.h"
#include "relay/worker.h"

/* What one worker sends to another has an answer, and that may have one. */
enum { ROUNDS = 4 };

void leaving_pause(struct relay *relay)
{
	for (size_t i = 0; i < relay->worker_count; i++)
		worker_pause(relay->workers[i]);
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < relay->worker_count; i++) {
			loop_turn(&relay->workers[i]->loop);
			inbox_run(relay->workers[i]->inbox);
		}
	}
	for (size_t i = 0; i < relay->worker_count; i++)
		worker_save_all(relay->workers[i]);
	kernel_plane_pause(relay);
}

int leaving_resume(struct relay *relay)
{
	int failed = 0;

	kernel_plane_resume(relay);
	for (size_t i = 0; i < relay->worker_count; i++) {
		int error = relay->workers[i]->is_running
				    ? 0
				    : worker_start(relay->workers[i]);

		if (error != 0)
			failed = error;
	}
	return failed;
}

struct walk {
	void (*fn)(void *arg, const char *name, int fd);
	void *arg;
	const char *name;
};

static void named(void *arg, int fd)
{
	const struct walk *walk = arg;

	walk->fn(walk->arg, walk->name, fd);
}

void leaving_each_descriptor(const struct relay *relay,
			     void (*fn)(void *arg, const char *name, int fd), void *arg)
{
	struct walk relayed = {fn, arg, RELAY_SOCKETS_NAME};
	struct walk connections = {fn, arg, CONNECTIONS_NAME};

	for (size_t i = 0; i < relay->worker_count; i++) {
		const struct worker *worker = relay->workers[i];

		worker_each_front_socket(worker, fn, arg);
		worker_each_relay_socket(worker, named, &relayed);
		worker_each_connection(worker, named, &connections);
		worker_each_peer(worker, fn, arg);
	}
}

void leaving_finish(struct relay *relay)
{
	for (size_t i = 0; i < relay->worker_count; i++)
		worker_leave(relay->workers[i]);
	kernel_plane_leave(relay);
}

struct list {
	int *fds;
	size_t count, room;
	size_t lost; /* for want of memory */
};

static void append(void *arg, int fd)
{
	struct list *list = arg;

	if (list->count == list->room) {
		size_t room = list->room > 0 ? 2 * list->room : 1024;
		int *fds = reallocarray(list->fds, room, sizeof(*fds));

		if (fds == NULL) {
			list->lost++;
			return;
		}
		list->fds = fds;
		list->room = room;
	}
	list->fds[list->count++] = fd;
}

void leaving_store(const struct relay *relay)
{
	struct list list = {0};

	for (size_t i = 0; i < relay->worker_count; i++)
		worker_each_relay_socket(relay->workers[i], append, &list);
	if (list.count > 0)
		fd_store_put_parcels(RELAY_SOCKETS_NAME, list.fds, list.count);
	if (list.lost > 0)
		log_warning("out of memory: %zu relay ports are bound again by the next "
			    "process, and packets may be lost meanwhile",
			    list.lost);
	free(list.fds);
}
