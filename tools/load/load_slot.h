/*
 * load_slot.h - one client of a run: its states from the Allocate to the release, what it does on
 * each event, and what is counted.
 *
 * Owner    load_clients, which has all slots in one array; a slot borrows what they share.
 * Threads  that of the event base.
 */
#ifndef TOOLS_LOAD_LOAD_SLOT_H
#define TOOLS_LOAD_LOAD_SLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "stun/wire.h"
#include "tools/client/client_config.h"
#include "tools/load/load_clients_config.h"

struct event;
struct load_slot;
struct load_stream;

enum load_slot_state {
	SLOT_IDLE,
	SLOT_STARTING,
	SLOT_WAITING,
	SLOT_READY,
	SLOT_RELEASING,
	SLOT_RELEASED,
	SLOT_MOVING,
	SLOT_CLEANING,
	SLOT_FAILED,
	SLOT_STATES,
};

/* What all slots of a run share. */
struct load_slots {
	struct load_clients_config config;
	struct client_config client; /* the same for all */
	struct load_slot *slots;     /* config.options->clients of them */
	struct event *reap;          /* activated when one is reapable */
	uint32_t *reapable;          /* ids */
	uint32_t reapable_count;
	uint32_t count[SLOT_STATES];
	bool stopped;   /* start nothing more */
	bool releasing; /* and release all clients */
};

/* What the packet path needs comes first. */
struct load_slot {
	struct client *client;
	struct load_slots *all;
	uint32_t id;
	uint8_t ports; /* tried */
	bool bound, was_ready;
	enum load_slot_state state;
	struct load_stream *stream; /* of the peer, with streams */
	socklen_t relayed_len;
	struct sockaddr_storage relayed;
	uint64_t started_ns, left_ns;
	uint64_t move_ns; /* when it began to move; 0: it is not moving */
};

/* Are clients allocated and released repeatedly? */
bool load_slots_cycle(const struct load_slots *all);

/*
 * load_slot_start    connect an idle client and allocate; it may fail at once
 * load_slot_release  release the allocation of one that is set up
 * load_slot_fail     code: of STUN, or 0; what: a sentence, noted if it is the run's first
 */
void load_slot_start(struct load_slot *slot);
void load_slot_release(struct load_slot *slot);
void load_slot_fail(struct load_slot *slot, int code, const char *what);

/* One that is reapable, but not in its client's callback. False: it goes on from another port. */
bool load_slot_reset(struct load_slot *slot);

/* The last one started: release it if it waits for the other of its pair, which was never started. */
void load_slot_leave_pair(struct load_slot *slot);

/* One that is ready: to a new socket. Nothing happens while it is still moving. */
void load_slot_move(struct load_slot *slot);

uint32_t load_slot_peer(const struct load_slot *slot);

/* From its peer to it; it is ready. False: it did not go out. */
bool load_slot_send_down(struct load_slot *slot, struct slice payload);

/* Free what it has, in any state; the slot is not used again. */
void load_slot_close(struct load_slot *slot);

#endif
