/*
 * edge.h - what the core needs from outside. One table of functions per worker; tests and
 * fuzzers provide a fake one and advance the clock themselves.
 *
 * Owner    the worker; struct turn borrows it.
 * Threads  called on the worker's thread only.
 */
#ifndef RELAY_CORE_EDGE_H
#define RELAY_CORE_EDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/endpoint.h"

struct allocation;
struct five_tuple;
struct owner_proof;

/* A relay socket on its way from one worker to another: its descriptor, and what was set of it. */
struct relay_socket_state {
	int fd;
	uint32_t drops; /* by the kernel, as counted */
	bool bursts;    /* UDP_GRO is on */
	bool df;        /* what is sent has DF set */
};

struct edge {
	void *self; /* given back as the first argument */

	/*
	 * Open the relayed transport address of an allocation: a UDP socket bound to local,
	 * whose datagrams come back with the allocation's slot. Returns 0 or a negative errno:
	 * -EADDRINUSE (another program has that port; the core tries the next), -EMFILE,
	 * -ENOMEM. A slot has at most one of each address family, and what is sent to a peer
	 * leaves from that of the peer's family.
	 */
	int (*relay_open)(void *self, uint32_t slot, const struct endpoint *local);
	/* Close it. Only after relay_open() succeeded for that slot and family. */
	void (*relay_close)(void *self, uint32_t slot, uint8_t family);

	/*
	 * The same two for an allocation whose relayed address is TCP: a listening socket from
	 * whose address and port connections are made as well. Closing ends them all.
	 */
	int (*relay_listen)(void *self, uint32_t slot, const struct endpoint *local);
	void (*relay_unlisten)(void *self, uint32_t slot);

	/*
	 * relay_open(), or with tcp relay_listen(), for a socket that the process before had
	 * bound to local, UDP or listening, and that is to be used in place of a new one. 0: fd
	 * is taken over. Or a negative errno, and fd is still the caller's.
	 */
	int (*relay_adopt)(void *self, uint32_t slot, const struct endpoint *local,
			   bool tcp, int fd);

	/*
	 * A data connection (core/tcp_connection.h) by index: connect it to that peer, from the
	 * relayed address of its allocation, and call dispatch_connected() when that is decided,
	 * later. 0, or a negative errno: it will not be called.
	 */
	int (*tcp_connect)(void *self, uint32_t connection, const struct endpoint *peer);
	/*
	 * Fail the connect of that connection now, because its client releases the allocation:
	 * call dispatch_connected() with PEER_CONNECT_FAILED before returning.
	 */
	void (*tcp_give_up)(void *self, uint32_t connection);
	/*
	 * A ConnectionBind for that connection is about to be answered, with success, on the stream
	 * of that 5-tuple. Must not call back into the core.
	 */
	void (*tcp_binding)(void *self, uint32_t connection,
			    const struct five_tuple *client);
	/* Close what it has, at both ends. Must not call back into the core. */
	void (*tcp_disconnect)(void *self, uint32_t connection);

	/*
	 * A permission was installed, or the destination was chosen, for an allocation whose
	 * relayed address is TCP: judge the peers held there (core/tcp_relay) again. Must not
	 * call back into the core.
	 */
	void (*relay_permitted)(void *self, uint32_t slot);

	/*
	 * The allocation goes to another worker (core/allocation_move): take the socket of that
	 * slot and family out, unread from here on; put it in there, into a slot that has none
	 * of that family. slot SLOT_NONE: close it.
	 */
	void (*relay_take)(void *self, uint32_t slot, uint8_t family,
			   struct relay_socket_state *state);
	void (*relay_give)(void *self, uint32_t slot, uint8_t family,
			   const struct relay_socket_state *state);

	/*
	 * Of a client that moves to a 5-tuple which another worker receives (core/visitors): it
	 * will not go there after all, or it is to be there now.
	 */
	void (*arrival_ended)(void *self, unsigned worker, const struct five_tuple *to);
	void (*arrival_due)(void *self, unsigned worker, const struct five_tuple *to);

	/*
	 * The client of an allocation is about to be another 5-tuple, or none (core/mobility):
	 * nothing of the allocation may hold up what that one still sends. Must not call back
	 * into the core.
	 */
	void (*client_leaves)(void *self, const struct allocation *al);

	/*
	 * The allocation is about to be freed; all its fields are still valid. For its final
	 * record. Must not call back into the core.
	 */
	void (*allocation_ended)(void *self, const struct allocation *al);

	/*
	 * What outlives the process (relay/state), or the kernel forwards by itself (relay/offload); prove and
	 * proof_of are NULL if nothing outlives it.
	 *
	 * prove     the owner of the allocation in that slot has just been authenticated with that, which
	 *           is copied; before the change is noted (core/changes.h)
	 * proof_of  what is known of it, borrowed until the next save; of kind NONE if nothing is
	 * save      put all that turn->changes has noted into its records, bring what the kernel does up to
	 *           date with it, and forget it there; NULL: neither, and nothing is noted
	 */
	void (*prove)(void *self, uint32_t slot, const struct owner_proof *proof);
	void (*proof_of)(void *self, uint32_t slot, struct owner_proof *proof);
	void (*save)(void *self, uint64_t now_ms);

	/* Cryptographically random bytes; cannot fail. */
	void (*random)(void *self, void *buf, size_t len);
};

#endif
