/*
 * changes.h - allocations whose durable state has changed and is to be saved, and to hold for what the
 * kernel forwards (relay/offload), before anybody learns of it. Every function of the core that changes what allocation_image.h has calls changes_note();
 * dispatch saves before it returns a reply, and whoever else has called the core, before the loop waits.
 *
 * Not for what every packet changes: byte counters, bandwidth in advance, deadlines that data
 * extends, sequence numbers of what is sent. Those are saved once a second (relay/state/keeper.h).
 *
 * Threads  the worker of turn.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_CHANGES_H
#define RELAY_CORE_CHANGES_H

#include <stdint.h>

struct allocation;
struct turn;

/* This allocation has changed, is new, or is about to be freed. */
void changes_note(struct turn *turn, const struct allocation *al);
/* Whatever is in that slot by now, if anything. */
void changes_note_slot(struct turn *turn, uint32_t slot);

/* Have what is noted saved, by edge->save; nothing if there is none. Not for each packet. */
void changes_save(struct turn *turn, uint64_t now_ms);

#endif
