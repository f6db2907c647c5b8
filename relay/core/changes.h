/*
 * changes.h - allocations whose durable state has changed and is to be saved before anybody learns
 * of it. Every function of the core that changes what allocation_image.h has calls changes_note();
 * dispatch saves before it returns a reply, and whoever else has called the core, before the loop waits.
 *
 * Not for what every packet changes: byte counters, bandwidth in advance, deadlines that data
 * extends, sequence numbers of what is sent. Those are saved once a second (relay/state/keeper.h).
 *
 * Owner    embedded in struct turn; its worker.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_CHANGES_H
#define RELAY_CORE_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct allocation;
struct turn;

/* All zero: nobody saves, and nothing is noted. */
struct changes {
	uint32_t *slots; /* each once */
	uint8_t *noted;  /* by slot */
	uint32_t count;
};

/* False if out of memory. slots: of the allocation table. */
bool changes_init(struct changes *changes, size_t slots);
void changes_release(struct changes *changes); /* a zeroed one is allowed */

/* This allocation has changed, is new, or is about to be freed. */
void changes_note(struct turn *turn, const struct allocation *al);
/* Whatever is in that slot by now, if anything. */
void changes_note_slot(struct turn *turn, uint32_t slot);

/* Have what is noted saved, by edge->save; nothing if there is none. Not for each packet. */
void changes_save(struct turn *turn, uint64_t now_ms);

/* For edge->save: all that is noted is in its hands. */
void changes_forget(struct changes *changes);

#endif
