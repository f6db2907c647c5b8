/*
 * hot.h - channels and active destinations with so much traffic that the kernel should forward it
 * (relay/offload): HOT_PACKETS packets within about a second, both directions together. What is idle never
 * gets here, and costs nothing.
 *
 * Owner    embedded in struct turn; its worker.
 * Time     monotonic milliseconds, passed in.
 */
#ifndef RELAY_CORE_HOT_H
#define RELAY_CORE_HOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HOT_PACKETS = 8, HOT_LIST_MAX = 1024 };

/* One that has become hot: a channel by its place in the table, or the active destination of a slot. */
struct hot_one {
	uint32_t slot;
	uint32_t channel; /* UINT32_MAX: the active destination */
};

/* All zero: nobody asks, and nothing is noted. */
struct hot {
	uint16_t *channels; /* by place: the second in the high byte, packets in the low one; NULL: nobody asks */
	uint16_t *destinations; /* by slot */
	struct hot_one list[HOT_LIST_MAX];
	unsigned count; /* of list; what finds it full comes again with its next packets */
};

/*
 * Memory is reserved, untouched until used, for so many places of channels and so many slots. False if out of
 * it, and nobody asks.
 */
bool hot_init(struct hot *hot, size_t channels, size_t slots);
void hot_release(struct hot *hot); /* nobody asks any more; a zeroed one is allowed */

/* The slow half: it has HOT_PACKETS in this second. */
void hot_add(struct hot *hot, uint32_t slot, uint32_t channel);

static inline uint16_t *hot_seen(struct hot *hot, uint32_t slot, uint32_t channel)
{
	return channel != UINT32_MAX ? &hot->channels[channel] : &hot->destinations[slot];
}

/* A packet of it passes on the packet path, and somebody asks; forgotten when the second changes. */
static inline void hot_note(struct hot *hot, uint32_t slot, uint32_t channel,
			    uint64_t now_ms)
{
	uint16_t *seen = hot_seen(hot, slot, channel);
	uint16_t second = (uint16_t)((now_ms >> 10 & 0xFF) << 8);

	if ((*seen & 0xFF00) != second)
		*seen = second;
	if ((*seen & 0xFF) < HOT_PACKETS && (++*seen & 0xFF) == HOT_PACKETS)
		hot_add(hot, slot, channel);
}

#endif
