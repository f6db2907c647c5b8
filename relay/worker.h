/*
 * worker.h - a thread with everything it needs: event loop, fronts, relay sockets, allocation
 * table, counters, buffers. Nothing on the packet path is shared with another thread.
 *
 * Only worker.c, worker_edge.c, worker_flows.c and worker_delivery.c know all parts. Front and peer know it as struct
 * delivery; questions to a running relay, which are about all workers, are in relay.h.
 *
 * Owner    main, which creates and frees it while the thread does not run.
 */
#ifndef RELAY_WORKER_H
#define RELAY_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "base/inbox.h"
#include "relay/core/allocation.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/dialect/dispatch.h"
#include "relay/front/trace.h"
#include "relay/heartbeat.h"
#include "relay/loop.h"
#include "relay/offload/flow_place.h"
#include "relay/reload/relay_settings.h"
#include "relay/state/state_file.h"
#include "relay/state/state_memory.h"

struct clients;
struct data_conns;
struct flows;
struct keeper;
struct offload;
struct relay_config;
struct front_sockets;
struct rates;
struct records;
struct relay_tcp;
struct relay_udp;
struct stream;
struct tcp_fronts;
struct throttle;
struct udp_fronts;

struct worker {
	struct worker *const
		*siblings; /* by number, this one among them; see post() of delivery.h */
	size_t sibling_count;
	struct turn turn;
	struct loop loop;
	struct inbox *inbox; /* what is posted there runs on the thread */
	struct relay_settings *settings;
	struct offload *offload; /* of all workers; NULL: no kernel plane */
	struct delivery delivery;
	struct edge edge;
	struct records *records;
	/* What outlives the process; NULL, and no memory: nothing does. */
	struct state_memory state;
	struct state_file *state_file;
	struct keeper *keeper;
	struct udp_fronts *udp_fronts;
	struct tcp_fronts *tcp_fronts;
	struct clients *clients;
	struct relay_udp *relay_udp;
	struct relay_tcp *relay_tcp;
	struct data_conns *data_conns;
	struct throttle *throttle;
	struct event expiry;
	uint64_t expiry_armed_ms; /* UINT64_MAX: not armed */
	struct rates *rates;
	bool sampler_rests;   /* nothing has moved: no timer of its own */
	struct event sampler; /* of rates */
	struct event saver;   /* of what packets have moved */
	struct flows *flows;  /* NULL: no kernel plane */
	bool flows_rest; /* paused: they were read, and the next process may have them */
	struct event taker;       /* of what has become hot, into flows */
	struct event looker;      /* at flows */
	uint64_t looker_armed_ms; /* UINT64_MAX: not armed */
	struct heartbeat heartbeat;
	struct trace trace;
	uint8_t reply[DISPATCH_REPLY_MAX];
	uint8_t random[2048]; /* from the kernel's CSPRNG, used up from the front */
	size_t random_left;
	pthread_t thread;
	bool is_running;
};

/* What all workers have in common; it outlives them. */
struct worker_common {
	const struct relay_config *config; /* as started: it decides how large tables are */
	const struct turn_shared *shared;
	struct records *records;      /* of allocations that have ended */
	struct offload *offload;      /* NULL: no kernel plane */
	uint32_t flow_owner;          /* of its flows, see flows_new() */
	uint32_t unauthenticated_max; /* see clients_unauthenticated_max() */
	/* Of the files of records that the workers make, but for the worker; NULL: nothing outlives the process. */
	const struct state_head *state;
	/* All of them by number; filled in before the first one starts. */
	struct worker *const *workers;
	size_t worker_count;
};

/*
 * Everything but the thread and the sockets of its fronts. settings: one reference is taken
 * over on success. NULL with a sentence in error.
 */
struct worker *worker_new(const struct worker_common *common, unsigned number,
			  struct relay_settings *settings, char *error,
			  size_t error_size);
void worker_free(struct worker *worker); /* NULL is allowed; not while it runs */

/* 0 or an errno. */
int worker_start(struct worker *worker);
/*
 * Ask it to end its allocations and its loop, and wait for it; from then on nothing can be posted
 * to it. Stop all workers before the first is freed: what one has posted to another may still run.
 */
void worker_stop(struct worker *worker);

/*
 * Its thread ends between two events, and nothing of what it has; worker_start() goes on.
 */
void worker_pause(struct worker *worker);
/*
 * All workers are paused, and nothing is on its way between them any more: the next process has
 * what this one has, as far as it may. Afterwards there is nothing but the end of the process,
 * without worker_free().
 */
void worker_leave(struct worker *worker);

/*
 * Call fn with each socket of its relayed addresses, or of its fronts under its name in the store. Not
 * while it runs.
 */
void worker_each_relay_socket(const struct worker *worker, void (*fn)(void *arg, int fd),
			      void *arg);
/* What packets have moved as well; not while it runs. */
void worker_save_all(struct worker *worker);
/* Likewise connections of clients. */
void worker_each_connection(const struct worker *worker, void (*fn)(void *arg, int fd),
			    void *arg);
/* Of peers, and pipes, under their names in the store. */
void worker_each_peer(const struct worker *worker,
		      void (*fn)(void *arg, const char *name, int fd), void *arg);
void worker_each_front_socket(const struct worker *worker,
			      void (*fn)(void *arg, const char *name, int fd), void *arg);

/*
 * The functions from here on are for its own thread, or while it does not run: relay.c and tests
 * post what calls them to its inbox.
 *
 * worker_open_fronts    serve these sockets; what is taken over is -1 afterwards. False if out
 *                       of memory; then it serves none of them
 * worker_drain_leftovers  handle what waits in sockets of workers that the process before had, and
 *                         close them; once its allocations are back
 * worker_retire_fronts  take no more connections there; datagrams and what is connected go on
 * worker_close_fronts   close them, and end the allocations that they still have, if any
 */
bool worker_open_fronts(struct worker *worker, struct front_sockets *sockets);
void worker_drain_leftovers(struct worker *worker, struct front_sockets *sockets);
void worker_retire_fronts(struct worker *worker, const bool fronts[FRONTS_MAX]);
void worker_close_fronts(struct worker *worker, const bool fronts[FRONTS_MAX]);

/* Replace the settings; takes over a reference. */
void worker_use(struct worker *worker, struct relay_settings *settings);

/* offload_table() is another than before: let go of the one before, and take up what is in the new one. */
void worker_offload_changed(struct worker *worker);

/* The figures of that allocation are about to be shown, or compared: what the kernel has forwarded, too. */
void worker_read_flows(struct worker *worker, const struct allocation *al);
/* Where its channel is relayed, by place; SLOT_NONE: its active destination. */
struct flow_place worker_flow_place(struct worker *worker, const struct allocation *al,
				    uint32_t channel);

/* End all its allocations, leaving time for their records. */
void worker_end_all(struct worker *worker, enum end_reason reason);

/* The balancer through which a client comes; of no family: it comes itself. */
struct endpoint worker_via(const struct worker *worker, const struct allocation *al);

/* Drop what is due, and arm the one timer for the next deadline. */
void worker_expire(struct worker *worker);

/*
 * The tables of functions by which its core and its two sides reach it; for worker_new(), before there
 * are any parts. In worker_edge.c and worker_delivery.c.
 */
struct edge worker_edge(struct worker *worker, bool saves);
struct delivery worker_delivery(struct worker *worker);

/*
 * In worker_flows.c: for worker_new(), once it has its tables, and worker_free(); and after packets, if any of
 * what they belong to has become hot.
 */
bool worker_make_flows(struct worker *worker, uint32_t owner);
void worker_free_flows(struct worker *worker);
void worker_take_hot(struct worker *worker);

/* NULL: its client is one of datagrams, or it is gone and another may have its 5-tuple. */
struct stream *worker_stream(const struct worker *worker, const struct allocation *al);

#endif
