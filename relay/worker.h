/*
 * worker.h - a thread with everything it needs: event base, fronts, relay sockets, allocation
 * table, counters, buffers. Nothing on the packet path is shared with another thread.
 *
 * Owner    struct relay; created and freed by main while the thread does not run.
 * Time     worker_tick() at the start of each callback reads the coarse clock (a few
 *          nanoseconds, no system call); everything below takes it as an argument.
 */
#ifndef RELAY_WORKER_H
#define RELAY_WORKER_H

#include <pthread.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "relay/core/turn.h"
#include "relay/dialect/dispatch.h"
#include "relay/front/trace.h"
#include "relay/front/udp.h"
#include "relay/handoff.h"
#include "relay/heartbeat.h"
#include "relay/peer/relay_tcp.h"
#include "relay/peer/relay_udp.h"
#include "relay/rates.h"
#include "relay/relay.h"
#include "relay/reload/settings.h"

struct clients;
struct front_sockets;
struct relay_tcp;
struct relay_udp;
struct throttle;
struct udp_fronts;
struct listeners;

struct worker {
	struct turn turn;
	struct relay *relay;
	struct event_base *base;
	struct handoff *inbox;
	struct settings *settings;
	struct udp_fronts *udp;
	struct listeners *listeners;
	struct clients *clients;
	struct relay_udp *relay_sockets;
	struct relay_tcp *tcp_relays;
	struct throttle *throttle;
	struct edge edge;
	struct event expiry;
	uint64_t expiry_armed_ms; /* UINT64_MAX: not armed */
	struct rates *rates;
	struct event sampler; /* of rates */
	struct heartbeat heartbeat;
	uint64_t now_ms; /* monotonic, as of this turn of the loop */
	int64_t unix_s;
	struct trace trace;
	uint8_t reply[DISPATCH_REPLY_MAX];
	uint8_t random[2048]; /* from the kernel's CSPRNG, used up from the front */
	size_t random_left;
	pthread_t thread;
	bool running;
};

/*
 * Everything but the thread and the sockets of its fronts. settings: one reference is taken
 * over on success. NULL with a sentence in error.
 */
struct worker *worker_new(struct relay *relay, unsigned number, struct settings *settings,
			  char *error, size_t error_size);

/*
 * Serve the fronts of these sockets from now on. What is taken over is -1 afterwards. False if
 * out of memory; then it serves none of them. While it does not run, or, with
 * worker_open_fronts(), from any thread but a worker's.
 */
bool worker_adopt(struct worker *worker, struct front_sockets *sockets);
bool worker_open_fronts(struct worker *worker, struct front_sockets *sockets);

/*
 * worker_retire_fronts  take no more connections there; datagrams and what is connected go on
 * worker_close_fronts   close them, and end the allocations that they still have, if any
 *
 * Any thread but a worker's.
 */
void worker_retire_fronts(struct worker *worker, const bool fronts[FRONTS_MAX]);
void worker_close_fronts(struct worker *worker, const bool fronts[FRONTS_MAX]);

/* Allocations of that front. Any thread. */
uint32_t worker_front_allocations(const struct worker *worker, size_t front);

/* 0 or an errno. */
int worker_start(struct worker *worker);
/* Ask it to end its allocations and its loop; then wait for it. */
void worker_stop(struct worker *worker);
void worker_free(struct worker *worker); /* NULL is allowed; not while it runs */

/* Read the clock. */
void worker_tick(struct worker *worker);

/* Run the expiry now and arm its one timer for the next deadline. */
void worker_expire(struct worker *worker);

/* End all its allocations, leaving time for their records. On its thread. */
void worker_end_all(struct worker *worker, enum end_reason reason);

/* Replace the settings; takes a reference of its own. Any thread but a worker's. */
void worker_publish(struct worker *worker, struct settings *settings);

/*
 * Deliver a FORWARD_TO_CLIENT to the client of its allocation, whatever the transport. The
 * payload is borrowed until worker_flush_clients().
 *
 * room  the forward's own payload, writable, with FORWARD_HEADER_MAX bytes of room in front
 *       and 4 behind; NULL if there is none
 */
void worker_to_client(struct worker *worker, const struct forward *forward,
		      uint8_t *room);
void worker_flush_clients(struct worker *worker);

/*
 * Send a FORWARD_TO_PEER, whatever the transport of its relayed address. Its payload is
 * borrowed until relay_udp_flush().
 */
void worker_to_peer(struct worker *worker, const struct forward *forward);

/*
 * Between a stream client and the TCP peers of its allocation, none of which may lose a byte.
 *
 * worker_client_takes  would a message of that length be queued for the client of that slot,
 *                      not dropped? If not, relay_tcp_client_ready() follows.
 * worker_client_wait   handle nothing more of what that client sends, or go on with it
 * worker_client_ready  the front's side of the first: the client's queue is empty
 */
bool worker_client_takes(struct worker *worker, uint32_t slot, size_t len);
void worker_client_wait(struct worker *worker, uint32_t slot, bool wait);

/* The same for want of bandwidth, see relay/throttle.h. Nothing if it is no stream client. */
void worker_client_throttle(struct worker *worker, uint32_t slot, bool throttle);
void worker_client_ready(struct worker *worker, const struct five_tuple *tuple);

#endif
