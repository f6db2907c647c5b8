/*
 * allocation_table.h - where a worker's allocations, their permissions and their channels lie,
 * and how they are found. Nothing here knows policy, quotas or sockets.
 *
 * Permissions and channels are entries of chains, see chain.h; their numbers are in
 * al->permissions, al->channels and channel->permission.
 *
 * Owner    the worker. Pointers handed out are borrowed until the event loop resumes.
 * Threads  one table per worker, used only by that worker. No locks.
 * Time     monotonic milliseconds, passed in.
 * Memory   fixed arrays, sized at start, reserved but not touched until used; objects refer to
 *          each other by index, so the arrays may live at any address.
 */
#ifndef RELAY_CORE_ALLOCATION_TABLE_H
#define RELAY_CORE_ALLOCATION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/core/allocation_state.h"
#include "relay/core/chain.h"
#include "relay/core/expiry.h"
#include "relay/core/slab.h"

/*
 * generation is that of the settings under which peer policy judged the peer; refused is what
 * it said.
 */
struct permission {
	uint64_t expires_ms; /* 0: a free entry */
	uint32_t generation;
	bool refused;
	bool own;            /* the peer has a relayed address of ours */
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
	struct permission entries[CHAIN_CHUNK];
};

struct channel_chunk {
	uint32_t next;
	struct channel entries[CHAIN_CHUNK];
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
	struct owner_store owners;
	struct expiry expiry;
	struct ms_reservation
		*reservations; /* of bandwidth, by slot; see ms_reservation.h */
	struct expiry reservation_expiry;
	struct mobility *mobility; /* by slot; see mobility_state.h */
	struct bucket *buckets;    /* of the 5-tuples of clients ... */
	struct bucket *arrivals;   /* ... and of those to which they move */
	struct five_tuple last; /* found last: packets of a client come in bursts ... */
	uint32_t last_slot;     /* ... with this slot; SLOT_NONE: none */
	uint32_t arrival_count;
	uint32_t resting; /* slots whose allocations have left; see allocation_table_leave() */
	uint32_t generation; /* of slots that were never taken; even */
	uint32_t highest;    /* of any slot so far */
	uint32_t mask;       /* number of buckets - 1 of each, a power of two */
	uint16_t permissions_each;
	uint16_t channels_each;
};

/* Most permissions, and most channels, that one allocation can be given. */
enum { ENTRIES_EACH_MAX = 256 };

/*
 * NULL if out of memory. slots: most allocations at once, up to SLOTS_MAX. permissions_each,
 * channels_each: per allocation; more than ENTRIES_EACH_MAX means that. The size is final.
 */
struct allocation_table *allocation_table_new(size_t slots, uint16_t permissions_each,
					      uint16_t channels_each,
					      const struct siphash_key *key);
/* Frees memory only: to close sockets and make records, delete all allocations first. */
void allocation_table_free(struct allocation_table *table); /* NULL is allowed */

/*
 * Nothing was ever taken from it: the generations of its slots start above that one, so that ids do
 * not come again that another table has given out.
 */
void allocation_table_start(struct allocation_table *table, uint32_t generation);
/* The highest generation so far, or where they start. */
uint32_t allocation_table_generation(const struct allocation_table *table);

/* Borrowed, or NULL. On the packet path. */
struct allocation *allocation_find(struct allocation_table *table,
				   const struct five_tuple *tuple);
/* The same among the 5-tuples to which mobile clients move, see mobility.h. */
struct allocation *allocation_find_arriving(struct allocation_table *table,
					    const struct five_tuple *tuple);
/* Either. */
struct allocation *allocation_find_any(struct allocation_table *table,
				       const struct five_tuple *tuple);
/* By slot; NULL if that slot is free. */
struct allocation *allocation_at(struct allocation_table *table, uint32_t slot);
/* A packet of it is about to come: what each reads of an allocation, into the cache. */
static inline void allocation_prefetch(const struct allocation_table *table,
				       uint32_t slot)
{
	const uint8_t *place =
		table->allocations.places + (size_t)slot * table->allocations.place_size;

	__builtin_prefetch(place);
	__builtin_prefetch(place + SLAB_ALIGN);
}

/* By id; NULL if that allocation is gone, even if its slot is taken again. */
struct allocation *allocation_by_id(struct allocation_table *table, uint64_t id);
size_t allocation_count(const struct allocation_table *table);
/* Slots from this one on were never taken. */
uint32_t allocation_slots(const struct allocation_table *table);
/* Walk all: start with slot 0, continue with the found slot + 1; NULL at the end. */
struct allocation *allocation_next(struct allocation_table *table, uint32_t slot);

/*
 * A slot for a new allocation, its generation counted up and all else zero; NULL if the table
 * is full. It is not found by its 5-tuple before it is inserted.
 */
struct allocation *allocation_table_take(struct allocation_table *table);
/* The 5-tuple must have no allocation. */
void allocation_table_insert(struct allocation_table *table, const struct allocation *al);
void allocation_table_remove(struct allocation_table *table, const struct allocation *al);
/* The same two for mobility->to; what is inserted is moving. */
void allocation_table_insert_arriving(struct allocation_table *table,
				      const struct allocation *al);
void allocation_table_remove_arriving(struct allocation_table *table,
				      const struct allocation *al);
/* Only its generation stays, so an old id never becomes valid again. */
void allocation_table_give(struct allocation_table *table, struct allocation *al);
/*
 * The same for one that goes on in another table: no other gets its slot before
 * allocation_table_left(), so what is saved under the slot remains until then.
 */
void allocation_table_leave(struct allocation_table *table, struct allocation *al);
void allocation_table_left(struct allocation_table *table, uint32_t slot);

/* Its owner; cleanse it before dropping it. */
static inline void allocation_owner(const struct allocation_table *table,
				    const struct allocation *al, struct owner *owner)
{
	owner_store_get(&table->owners, &al->owner, owner);
}

/* The names of its owner, borrowed. */
static inline const char *allocation_user(const struct allocation_table *table,
					  const struct allocation *al)
{
	return owner_store_user(&table->owners, &al->owner);
}

static inline const char *allocation_key_id(const struct allocation_table *table,
					    const struct allocation *al)
{
	return owner_store_key_id(&table->owners, &al->owner);
}

static inline struct permission *permission_at(const struct allocation_table *table,
					       uint32_t entry)
{
	return chain_at(&table->permissions, entry, sizeof(struct permission));
}

static inline uint32_t permission_after(const struct allocation_table *table,
					uint32_t entry)
{
	return chain_after(&table->permissions, entry);
}

static inline struct channel *channel_at(const struct allocation_table *table,
					 uint32_t entry)
{
	return chain_at(&table->channels, entry, sizeof(struct channel));
}

/* The entry of a channel, which is in the table. */
static inline uint32_t channel_entry(const struct allocation_table *table,
				     const struct channel *channel)
{
	size_t at = (size_t)((const uint8_t *)channel - table->channels.places);
	size_t chunk = at / sizeof(struct channel_chunk);
	size_t in_chunk = at - chunk * sizeof(struct channel_chunk) -
			  offsetof(struct channel_chunk, entries);

	return (uint32_t)(chunk * CHAIN_CHUNK + in_chunk / sizeof(struct channel));
}

static inline uint32_t channel_after(const struct allocation_table *table, uint32_t entry)
{
	return chain_after(&table->channels, entry);
}

/* The permission of that address, in public form, live or expired; SLOT_NONE if none. */
uint32_t permission_entry(const struct allocation_table *table,
			  const struct allocation *al, const struct ip_addr *peer);

/* Look at everything; false if an invariant does not hold. For tests. */
bool allocation_table_check(const struct allocation_table *table);

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
