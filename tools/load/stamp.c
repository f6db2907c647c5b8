/*
 * stamp.c - see stamp.h.
 */
#include "tools/load/stamp.h"

/* The first byte is no STUN message, no channel number and no DTLS record. */
#define STAMP_MAGIC 0xAE15ED6Eu

enum { WINDOW = 64 };

void stamp_write(uint8_t out[STAMP_LEN], const struct stamp *stamp)
{
	store_be32(out, STAMP_MAGIC);
	store_be32(out + 4, stamp->run);
	store_be32(out + 8, stamp->client);
	store_be32(out + 12, stamp->direction);
	store_be64(out + 16, stamp->sequence);
	store_be64(out + 24, stamp->sent_ns);
}

bool stamp_read(struct slice payload, struct stamp *stamp)
{
	const uint8_t *p = payload.data;

	if (payload.len < STAMP_LEN || load_be32(p) != STAMP_MAGIC)
		return false;
	*stamp = (struct stamp){
		.run = load_be32(p + 4),
		.client = load_be32(p + 8),
		.direction = load_be32(p + 12),
		.sequence = load_be64(p + 16),
		.sent_ns = load_be64(p + 24),
	};
	return true;
}

static enum stamp_order take_late(struct stamp_flow *flow, uint64_t sequence)
{
	uint64_t age = flow->next - 1 - sequence;

	if (age >= WINDOW)
		return STAMP_REORDERED;

	uint64_t bit = (uint64_t)1 << age;
	if (flow->recent & bit)
		return STAMP_DUPLICATED;
	flow->recent |= bit;
	return STAMP_REORDERED;
}

enum stamp_order stamp_flow_take(struct stamp_flow *flow, uint64_t sequence)
{
	if (sequence < flow->next)
		return take_late(flow, sequence);

	uint64_t ahead = sequence - flow->next + 1;
	flow->recent = ahead >= WINDOW ? 1 : flow->recent << ahead | 1;
	flow->next = sequence + 1;
	return STAMP_IN_ORDER;
}
