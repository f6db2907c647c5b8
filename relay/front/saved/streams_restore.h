/*
 * streams_restore.h - puts the streams of clients of the process before into a worker of this one:
 * from the records of its state file and the connections that were inherited. Each goes on at the
 * byte where it stood; one of which that is not known is counted by name. Its connection, and that of
 * each stream that does not come back, is left to be ended with connections_free(), as the process
 * before may still go on until then.
 *
 * Order: streams first, then the allocations, which look for the streams of their clients
 * (stream_find()), then connections with peers, which take the streams that are bound to them
 * (stream_lend()), then streams_restored().
 *
 * Threads  main's, before the workers run.
 */
#ifndef RELAY_FRONT_SAVED_STREAMS_RESTORE_H
#define RELAY_FRONT_SAVED_STREAMS_RESTORE_H

#include <stddef.h>
#include <stdint.h>

struct clients;
struct connections;
struct state_view;

/* What became of one. The names are those of logs and counters. */
enum stream_restored {
	STREAM_RESTORED,
	STREAM_LOST_DAMAGED,    /* its record cannot be read, or contradicts its socket */
	STREAM_LOST_IN_DOUBT,   /* a message is sent in part, and its rest is lost */
	STREAM_LOST_CONNECTION, /* nobody has kept it, or it has ended meanwhile */
	STREAM_LOST_FRONT,      /* its front is not configured any more */
	STREAM_LOST_FULL,       /* limits are lower by now, or memory is short */
	STREAM_LOST_UNBOUND, /* the data connection that it was bound to has not come back */
	STREAM_RESTORED_COUNT
};
const char *stream_restored_name(enum stream_restored result); /* one word, with hyphens */

/*
 * All streams of one worker of the process before, into one of this. Their connections are taken out
 * of connections. counts: of each result, added to. clients_save() comes before, if at all.
 */
void streams_restore(struct clients *clients, const struct state_view *view,
		     struct connections *connections,
		     uint64_t counts[STREAM_RESTORED_COUNT]);

/* Nobody else comes for streams that are bound: those that are left are given up. */
void streams_restored(struct clients *clients, struct connections *connections,
		      uint64_t counts[STREAM_RESTORED_COUNT]);

/* Each connection that outlives the process. */
void streams_each_descriptor(struct clients *clients, void (*fn)(void *arg, int fd),
			     void *arg);

#endif
