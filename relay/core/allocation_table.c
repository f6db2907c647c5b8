/*
 * allocation_table.c - slots, the hash table of 5-tuples over them, and the chains of
 * permissions and channels.
 */
#include "relay/core/allocation_table.h"

#include <assert.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "base/debug_assert.h"
#include "relay/core/ids.h"
#include "relay/core/mobility_state.h"

/* What forward.c, forward_ms.c, and what they call, read or write of an allocation. */
#define IS_HOT(field)                                                            \
	static_assert(offsetof(struct allocation, field) +                       \
				      sizeof(((struct allocation *)0)->field) <= \
			      2 * (size_t)SLAB_ALIGN,                            \
		      #field " is read by every packet")
IS_HOT(tuple);
IS_HOT(side);
IS_HOT(transport);
IS_HOT(slot);
IS_HOT(generation);
IS_HOT(permissions);
IS_HOT(channels);
IS_HOT(dialect);
IS_HOT(relay_transport);
IS_HOT(families);
IS_HOT(lifetime_s);
IS_HOT(expires_ms);
IS_HOT(ends_ms);
IS_HOT(active);
IS_HOT(credit);
IS_HOT(to_peer);
IS_HOT(to_client);
static_assert(sizeof(struct allocation) % SLAB_ALIGN == 0, "each starts a cache line");
static_assert(sizeof(struct allocation) <= 512,
	      "an idle call stays below 1.6 KB, its record included");
static_assert(sizeof(enum side) == 1 && sizeof(enum transport) == 1 &&
		      sizeof(enum dialect) == 1 && sizeof(enum end_reason) == 1,
	      "the layout is the same for every compiler");

struct allocation_table *allocation_table_new(size_t slots, uint16_t permissions_each,
					      uint16_t channels_each,
					      const struct siphash_key *key)
{
	struct allocation_table *table;
	size_t buckets = 2;

	if (slots > SLOTS_MAX)
		return NULL;
	if (permissions_each > ENTRIES_EACH_MAX)
		permissions_each = ENTRIES_EACH_MAX;
	if (channels_each > ENTRIES_EACH_MAX)
		channels_each = ENTRIES_EACH_MAX;
	while (buckets < 2 * slots)
		buckets *= 2;

	table = calloc(1, sizeof(*table));
	if (!table)
		return NULL;
	table->key = *key;
	table->last_slot = SLOT_NONE;
	table->mask = (uint32_t)buckets - 1;
	table->permissions_each = permissions_each;
	table->channels_each = channels_each;
	table->buckets = calloc(buckets, sizeof(*table->buckets));
	table->arrivals = calloc(buckets, sizeof(*table->arrivals));
	table->reservations = calloc(slots + 1, sizeof(*table->reservations));
	table->mobility = calloc(slots + 1, sizeof(*table->mobility));
	if (!table->buckets || !table->arrivals || !table->reservations ||
	    !table->mobility ||
	    !slab_init(&table->allocations, slots, sizeof(struct allocation)) ||
	    !owner_store_init(&table->owners, slots) ||
	    !chain_slab_init(&table->permissions, slots, permissions_each,
			     sizeof(struct permission_chunk)) ||
	    !chain_slab_init(&table->channels, slots, channels_each,
			     sizeof(struct channel_chunk)) ||
	    !expiry_init(&table->expiry, slots) ||
	    !expiry_init(&table->reservation_expiry, slots))
		goto fail;
	return table;

fail:
	allocation_table_free(table);
	return NULL;
}

void allocation_table_free(struct allocation_table *table)
{
	if (!table)
		return;
	/* Places may still hold keys. */
	if (table->allocations.mark > 0)
		OPENSSL_cleanse(table->allocations.places,
				table->allocations.mark * sizeof(struct allocation));
	slab_release(&table->allocations);
	slab_release(&table->permissions);
	slab_release(&table->channels);
	owner_store_release(&table->owners);
	expiry_release(&table->expiry);
	expiry_release(&table->reservation_expiry);
	free(table->reservations);
	free(table->mobility);
	free(table->arrivals);
	free(table->buckets);
	free(table);
}

/*
 * Two hash tables of the same size over the same slots: by the client's 5-tuple, and by the one to
 * which a mobile client moves.
 */
static const struct five_tuple *tuple_in(const struct allocation_table *table,
					 const struct bucket *buckets,
					 const struct allocation *al)
{
	return buckets == table->buckets ? &al->tuple : &table->mobility[al->slot].to;
}

/* The bucket of that 5-tuple, or the empty one where it would go. */
static uint32_t bucket_of(const struct allocation_table *table,
			  const struct bucket *buckets, const struct five_tuple *tuple,
			  uint32_t hash)
{
	uint32_t i = hash & table->mask;

	for (; buckets[i].taken; i = (i + 1) & table->mask) {
		const struct allocation *al;

		if (buckets[i].hash != hash)
			continue;
		al = slab_at(&table->allocations, buckets[i].taken - 1);
		if (five_tuple_equal(tuple_in(table, buckets, al), tuple))
			break;
	}
	return i;
}

static struct allocation *find(struct allocation_table *table,
			       const struct bucket *buckets,
			       const struct five_tuple *tuple)
{
	uint32_t hash = (uint32_t)five_tuple_hash(tuple, &table->key);
	uint32_t taken = buckets[bucket_of(table, buckets, tuple, hash)].taken;

	return taken ? slab_at(&table->allocations, taken - 1) : NULL;
}

struct allocation *allocation_find(struct allocation_table *table,
				   const struct five_tuple *tuple)
{
	struct allocation *al;

	if (table->last_slot != SLOT_NONE && five_tuple_equal(&table->last, tuple))
		return slab_at(&table->allocations, table->last_slot);
	al = find(table, table->buckets, tuple);
	if (al) {
		table->last = *tuple;
		table->last_slot = al->slot;
	}
	return al;
}

struct allocation *allocation_find_arriving(struct allocation_table *table,
					    const struct five_tuple *tuple)
{
	return table->arrival_count > 0 ? find(table, table->arrivals, tuple) : NULL;
}

struct allocation *allocation_find_any(struct allocation_table *table,
				       const struct five_tuple *tuple)
{
	struct allocation *al = allocation_find(table, tuple);

	return al ? al : allocation_find_arriving(table, tuple);
}

static void insert(const struct allocation_table *table, struct bucket *buckets,
		   const struct allocation *al)
{
	const struct five_tuple *tuple = tuple_in(table, buckets, al);
	uint32_t hash = (uint32_t)five_tuple_hash(tuple, &table->key);
	struct bucket *bucket = &buckets[bucket_of(table, buckets, tuple, hash)];

	assert(allocation_is_live(al) && !bucket->taken);
	*bucket = (struct bucket){hash, al->slot + 1};
}

void allocation_table_insert(struct allocation_table *table, const struct allocation *al)
{
	assert(!al->client_gone);
	insert(table, table->buckets, al);
	debug_assert(allocation_find(table, &al->tuple) == al);
}

void allocation_table_insert_arriving(struct allocation_table *table,
				      const struct allocation *al)
{
	assert(al->moving);
	insert(table, table->arrivals, al);
	table->arrival_count++;
}

/* From the bucket up to the next empty one, all are found from where they belong. */
static bool run_is_whole(const struct allocation_table *table,
			 const struct bucket *buckets, uint32_t bucket)
{
	uint32_t mask = table->mask;

	for (uint32_t i = (bucket + 1) & mask; buckets[i].taken; i = (i + 1) & mask) {
		const struct allocation *al =
			slab_at(&table->allocations, buckets[i].taken - 1);

		if (bucket_of(table, buckets, tuple_in(table, buckets, al),
			      buckets[i].hash) != i)
			return false;
	}
	return true;
}

/*
 * Empty its bucket and move up those behind it that would no longer be found across the gap
 * (backward shift): no tombstones, so searches stay short for years.
 */
static void remove_from(const struct allocation_table *table, struct bucket *buckets,
			const struct allocation *al)
{
	const struct five_tuple *tuple = tuple_in(table, buckets, al);
	uint32_t hash = (uint32_t)five_tuple_hash(tuple, &table->key);
	uint32_t mask = table->mask;
	uint32_t gap = bucket_of(table, buckets, tuple, hash);

	assert(buckets[gap].taken == al->slot + 1);
	for (uint32_t i = (gap + 1) & mask; buckets[i].taken; i = (i + 1) & mask) {
		uint32_t home = buckets[i].hash & mask;

		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		buckets[gap] = buckets[i];
		gap = i;
	}
	buckets[gap] = (struct bucket){0};
	debug_assert(run_is_whole(table, buckets, gap));
}

void allocation_table_remove(struct allocation_table *table, const struct allocation *al)
{
	assert(!al->client_gone);
	remove_from(table, table->buckets, al);
	if (table->last_slot == al->slot)
		table->last_slot = SLOT_NONE;
}

void allocation_table_remove_arriving(struct allocation_table *table,
				      const struct allocation *al)
{
	assert(al->moving && table->arrival_count > 0);
	remove_from(table, table->arrivals, al);
	table->arrival_count--;
}

void allocation_table_start(struct allocation_table *table, uint32_t generation)
{
	assert(table->allocations.mark == 0);
	table->generation = table->highest = (generation + 1) & ~1u;
}

uint32_t allocation_table_generation(const struct allocation_table *table)
{
	return __atomic_load_n(&table->highest, __ATOMIC_RELAXED);
}

struct allocation *allocation_table_take(struct allocation_table *table)
{
	uint32_t mark = table->allocations.mark;
	uint32_t slot = slab_take(&table->allocations);

	if (slot == SLAB_NONE)
		return NULL;
	struct allocation *al = slab_at(&table->allocations, slot);
	uint32_t generation = (slot < mark ? al->generation : table->generation) + 1;

	assert(!allocation_is_live(al) && generation % 2 == 1);
	if (generation > table->highest)
		__atomic_store_n(&table->highest, generation, __ATOMIC_RELAXED);
	*al = (struct allocation){
		.slot = slot,
		.generation = generation,
		.permissions = SLOT_NONE,
		.channels = SLOT_NONE,
	};
	return al;
}

void allocation_table_leave(struct allocation_table *table, struct allocation *al)
{
	uint32_t generation = al->generation + 1;

	assert(allocation_is_live(al) && al == slab_at(&table->allocations, al->slot));
	assert(al->permissions == SLOT_NONE && al->channels == SLOT_NONE);
	owner_store_drop(&table->owners, &al->owner);
	OPENSSL_cleanse(al, sizeof(*al));
	al->generation = generation;
	table->resting++;
}

void allocation_table_left(struct allocation_table *table, uint32_t slot)
{
	assert(table->resting > 0 &&
	       !allocation_is_live(slab_at(&table->allocations, slot)));
	table->resting--;
	slab_give(&table->allocations, slot);
}

void allocation_table_give(struct allocation_table *table, struct allocation *al)
{
	uint32_t slot = al->slot;

	allocation_table_leave(table, al);
	allocation_table_left(table, slot);
}

struct allocation *allocation_at(struct allocation_table *table, uint32_t slot)
{
	struct allocation *al;

	if (slot >= table->allocations.mark)
		return NULL;
	al = slab_at(&table->allocations, slot);
	if (!allocation_is_live(al))
		return NULL;
	debug_assert(al->slot == slot);
	return al;
}

struct allocation *allocation_by_id(struct allocation_table *table, uint64_t id)
{
	struct allocation *al = allocation_at(table, id_slot(id));

	return al && al->id == id ? al : NULL;
}

size_t allocation_count(const struct allocation_table *table)
{
	return table->allocations.used - table->resting;
}

uint32_t allocation_slots(const struct allocation_table *table)
{
	return table->allocations.mark;
}

struct allocation *allocation_next(struct allocation_table *table, uint32_t slot)
{
	for (; slot < table->allocations.mark; slot++) {
		struct allocation *al = allocation_at(table, slot);
		if (al)
			return al;
	}
	return NULL;
}

uint32_t permission_entry(const struct allocation_table *table,
			  const struct allocation *al, const struct ip_addr *peer)
{
	uint32_t entry = al->permissions;

	for (; entry != SLOT_NONE; entry = permission_after(table, entry)) {
		const struct permission *p = permission_at(table, entry);
		if (p->expires_ms != 0 && ip_addr_equal(&p->peer, peer))
			break;
	}
	return entry;
}

void permissions_forget(struct allocation_table *table, struct allocation *al,
			uint8_t family)
{
	uint32_t entry = al->permissions;

	for (; entry != SLOT_NONE; entry = permission_after(table, entry)) {
		struct permission *p = permission_at(table, entry);

		if (p->expires_ms == 0 || p->peer.family != family)
			continue;
		assert(al->permission_count > 0);
		p->expires_ms = 0;
		al->permission_count--;
	}
}

/* Its counts are those of its chains, and no channel rests on a free permission. */
static bool entries_are_whole(const struct allocation_table *table,
			      const struct allocation *al)
{
	uint32_t entry = al->channels;
	size_t permissions, channels;

	if (!chain_check(&table->permissions, al->permissions, &permissions) ||
	    !chain_check(&table->channels, al->channels, &channels) ||
	    permissions != al->permission_count || channels != al->channel_count)
		return false;
	for (; entry != SLOT_NONE; entry = channel_after(table, entry)) {
		const struct channel *ch = channel_at(table, entry);
		const struct permission *p;

		if (ch->expires_ms == 0 || ch->permission == SLOT_NONE)
			continue;
		p = permission_at(table, ch->permission);
		if (p->expires_ms == 0 || !ip_addr_equal(&p->peer, &ch->peer.ip))
			return false;
	}
	return true;
}

void permissions_free(struct allocation_table *table, struct allocation *al)
{
	chain_free(&table->permissions, &al->permissions);
	al->permission_count = 0;
}

void channels_relink(struct allocation_table *table, struct allocation *al,
		     uint32_t permission)
{
	const struct ip_addr *peer = &permission_at(table, permission)->peer;
	uint32_t entry = al->channels;

	assert(permission_at(table, permission)->expires_ms != 0);
	for (; entry != SLOT_NONE; entry = channel_after(table, entry)) {
		struct channel *ch = channel_at(table, entry);

		if (ch->expires_ms == 0)
			continue;
		if (ip_addr_equal(&ch->peer.ip, peer))
			ch->permission = permission;
		else if (ch->permission == permission)
			ch->permission = SLOT_NONE;
	}
}

void channels_forget(struct allocation_table *table, struct allocation *al,
		     uint8_t family)
{
	uint32_t entry = al->channels;

	for (; entry != SLOT_NONE; entry = channel_after(table, entry)) {
		struct channel *ch = channel_at(table, entry);

		if (ch->expires_ms == 0 || ch->peer.ip.family != family)
			continue;
		assert(al->channel_count > 0);
		ch->expires_ms = 0;
		al->channel_count--;
	}
}

void channels_free(struct allocation_table *table, struct allocation *al)
{
	chain_free(&table->channels, &al->channels);
	al->channel_count = 0;
}

/* How many of its buckets are taken; SIZE_MAX if one is wrong. */
static size_t check_buckets(const struct allocation_table *table,
			    const struct bucket *buckets)
{
	size_t count = 0;

	for (uint32_t i = 0; i <= table->mask; i++) {
		const struct bucket *bucket = &buckets[i];
		const struct five_tuple *tuple;
		const struct allocation *al;

		if (!bucket->taken)
			continue;
		if (bucket->taken > table->allocations.mark)
			return SIZE_MAX;
		al = slab_at(&table->allocations, bucket->taken - 1);
		tuple = tuple_in(table, buckets, al);
		if (!allocation_is_live(al) ||
		    bucket->hash != (uint32_t)five_tuple_hash(tuple, &table->key) ||
		    bucket_of(table, buckets, tuple, bucket->hash) != i)
			return SIZE_MAX;
		count++;
	}
	return count;
}

bool allocation_table_check(const struct allocation_table *table)
{
	size_t live = 0, gone = 0, moving = 0;

	for (uint32_t slot = 0; slot < table->allocations.mark; slot++) {
		const struct allocation *al = slab_at(&table->allocations, slot);

		if (!allocation_is_live(al))
			continue;
		if (al->slot != slot || !entries_are_whole(table, al) ||
		    (!al->mobile && (al->moving || al->client_gone)))
			return false;
		live++;
		gone += al->client_gone;
		moving += al->moving;
	}
	return live - gone == check_buckets(table, table->buckets) &&
	       moving == check_buckets(table, table->arrivals) &&
	       moving == table->arrival_count &&
	       live + table->resting == table->allocations.used &&
	       expiry_check(&table->expiry) && expiry_check(&table->reservation_expiry);
}
