/*
 * allocation_table.h - inside the table: for allocation, permission, channel and forward only.
 *
 * Permissions and channels lie in chunks of four, and an allocation's chunks are chained. Most
 * allocations have a few of either, so a search is one or two steps through memory that lies
 * together, and the longest (64 entries) is sixteen. Moving the last one used to the front
 * would make that shorter, but it would have packets rewrite the chains, and what is durable
 * changes on requests only: whoever takes the memory up after a crash must find it whole.
 *
 * An entry is named by chunk * 4 + its place in the chunk, in al->permissions, al->channels
 * and channel->permission alike.
 */
#ifndef RELAY_CORE_ALLOCATION_TABLE_H
#define RELAY_CORE_ALLOCATION_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/allocation.h"
#include "relay/core/expiry.h"
#include "relay/core/slab.h"
#include "relay/core/turn.h"

enum { CHUNK = 4 };

/*
 * generation is that of the settings under which peer policy judged the peer; refused is what
 * it said.
 */
struct permission {
	uint64_t expires_ms; /* 0: a free entry */
	uint32_t generation;
	bool refused;
	struct ip_addr peer; /* relayed addresses of ours in public form */
};

struct channel {
	uint64_t expires_ms; /* 0: a free entry */
	uint32_t permission; /* of the peer's address, or SLOT_NONE */
	uint32_t generation;
	struct endpoint peer; /* relayed addresses of ours in public form */
	uint16_t number;
	bool refused;
	bool own; /* the peer is a relayed address of ours */
};

struct permission_chunk {
	uint32_t next; /* its first entry, or SLOT_NONE */
	struct permission entries[CHUNK];
};

struct channel_chunk {
	uint32_t next;
	struct channel entries[CHUNK];
};

/* A bucket of the table of 5-tuples; all zero is an empty one. */
struct bucket {
	uint32_t hash;
	uint32_t taken; /* slot + 1 */
};

struct allocation_table {
	struct siphash_key key;
	struct slab allocations;
	struct slab permissions; /* chunks */
	struct slab channels;    /* chunks */
	struct expiry expiry;
	struct bucket *buckets;
	uint32_t mask; /* number of buckets - 1, a power of two */
	uint16_t permissions_each;
	uint16_t channels_each;
};

static inline struct permission_chunk *permission_chunk_at(struct allocation_table *table,
							   uint32_t entry)
{
	return slab_at(&table->permissions, entry / CHUNK);
}

static inline struct permission *permission_at(struct allocation_table *table,
					       uint32_t entry)
{
	return &permission_chunk_at(table, entry)->entries[entry % CHUNK];
}

static inline struct channel_chunk *channel_chunk_at(struct allocation_table *table,
						     uint32_t entry)
{
	return slab_at(&table->channels, entry / CHUNK);
}

static inline struct channel *channel_at(struct allocation_table *table, uint32_t entry)
{
	return &channel_chunk_at(table, entry)->entries[entry % CHUNK];
}

/* The next entry of the chain, free ones included; SLOT_NONE at its end. */
static inline uint32_t permission_after(struct allocation_table *table, uint32_t entry)
{
	if ((entry + 1) % CHUNK != 0)
		return entry + 1;
	return permission_chunk_at(table, entry)->next;
}

static inline uint32_t channel_after(struct allocation_table *table, uint32_t entry)
{
	if ((entry + 1) % CHUNK != 0)
		return entry + 1;
	return channel_chunk_at(table, entry)->next;
}

/* The live permission of that address (public form), or NULL. */
struct permission *permission_find(const struct turn *turn, const struct allocation *al,
				   const struct ip_addr *peer, uint64_t now_ms);
/* Live ones, or NULL. The peer in public form. */
struct channel *channel_by_number(const struct turn *turn, const struct allocation *al,
				  uint16_t number, uint64_t now_ms);
struct channel *channel_by_peer(const struct turn *turn, const struct allocation *al,
				const struct endpoint *peer, uint64_t now_ms);

/* Does the policy of the day still allow them? Judged again when the settings are new. */
bool permission_is_allowed(const struct turn *turn, struct permission *permission);
bool channel_is_allowed(const struct turn *turn, struct channel *channel);

/*
 * The name of the rule that refuses that peer, or NULL if none does. relay: transport of the
 * relayed address, because a peer may be another of ours, on a port of the same transport.
 */
const char *peer_refused_by(const struct turn *turn, enum transport relay,
			    const struct endpoint *peer);
/* A relayed address of ours; whether its port is taken is another question. */
bool peer_is_own(const struct turn *turn, const struct ip_addr *ip);
/* An address that clients name: ours in public form, all others as they are. */
struct endpoint peer_as_named(const struct turn *turn, const struct endpoint *peer);

/* Give the chunks back. */
void permissions_free(struct allocation_table *table, struct allocation *al);
void channels_free(struct allocation_table *table, struct allocation *al);
/* Forget those of peers of that family; the chunks stay. */
void permissions_forget(struct allocation_table *table, struct allocation *al,
			uint8_t family);
void channels_forget(struct allocation_table *table, struct allocation *al,
		     uint8_t family);
/* A permission was made or replaced: bring the channels that rest on it up to date. */
void channels_relink(struct allocation_table *table, struct allocation *al,
		     uint32_t permission);

#endif
