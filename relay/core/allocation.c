/*
 * allocation.c - the table of allocations: making, finding and ending them. What it takes to
 * get a relayed transport address is in relay_port.c.
 */
#include "relay/core/allocation.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "relay/core/allocation_table.h"
#include "relay/core/bandwidth/bandwidth.h"
#include "relay/core/dual.h"
#include "relay/core/ids.h"
#include "relay/core/relay_port.h"

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
static_assert(sizeof(struct allocation) <= 640, "an idle call stays below 1.5 KB");
static_assert(sizeof(enum side) == 1 && sizeof(enum transport) == 1 &&
		      sizeof(enum dialect) == 1 && sizeof(enum end_reason) == 1,
	      "the layout is the same for every compiler");

const char *end_reason_name(enum end_reason reason)
{
	switch (reason) {
	case END_RELEASED:
		return "released";
	case END_EXPIRED:
		return "expired";
	case END_CLIENT_GONE:
		return "client-gone";
	case END_KILLED:
		return "killed";
	case END_SHUTDOWN:
		return "shutdown";
	case END_DRAINED:
		return "drained";
	case END_REVOKED:
		return "revoked";
	case END_CREDENTIAL:
		return "credential-expired";
	case END_REASON_COUNT:
		break;
	}
	return "unknown";
}

/* Chunks for each of so many allocations to be full. */
static bool chunks_init(struct slab *slab, size_t slots, uint16_t each, size_t chunk_size)
{
	size_t chunks = (each + CHUNK - 1) / CHUNK;

	return slots <= (SLOT_NONE - 1) / CHUNK / (chunks ? chunks : 1) &&
	       slab_init(slab, slots * chunks, chunk_size);
}

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
	table->mask = (uint32_t)buckets - 1;
	table->permissions_each = permissions_each;
	table->channels_each = channels_each;
	table->buckets = calloc(buckets, sizeof(*table->buckets));
	if (!table->buckets ||
	    !slab_init(&table->allocations, slots, sizeof(struct allocation)) ||
	    !chunks_init(&table->permissions, slots, permissions_each,
			 sizeof(struct permission_chunk)) ||
	    !chunks_init(&table->channels, slots, channels_each,
			 sizeof(struct channel_chunk)) ||
	    !expiry_init(&table->expiry, slots))
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
	expiry_release(&table->expiry);
	free(table->buckets);
	free(table);
}

/* The bucket of that 5-tuple, or the empty one where it would go. */
static uint32_t bucket_of(const struct allocation_table *table,
			  const struct five_tuple *tuple, uint32_t hash)
{
	uint32_t i = hash & table->mask;

	for (; table->buckets[i].taken; i = (i + 1) & table->mask) {
		const struct allocation *al;

		if (table->buckets[i].hash != hash)
			continue;
		al = slab_at(&table->allocations, table->buckets[i].taken - 1);
		if (five_tuple_equal(&al->tuple, tuple))
			break;
	}
	return i;
}

struct allocation *allocation_find(struct allocation_table *table,
				   const struct five_tuple *tuple)
{
	uint32_t hash = (uint32_t)five_tuple_hash(tuple, &table->key);
	uint32_t taken = table->buckets[bucket_of(table, tuple, hash)].taken;

	return taken ? slab_at(&table->allocations, taken - 1) : NULL;
}

static void table_insert(struct allocation_table *table, const struct allocation *al)
{
	uint32_t hash = (uint32_t)five_tuple_hash(&al->tuple, &table->key);
	struct bucket *bucket = &table->buckets[bucket_of(table, &al->tuple, hash)];

	assert(!bucket->taken);
	*bucket = (struct bucket){hash, al->slot + 1};
}

/*
 * Empty its bucket and move up those behind it that would no longer be found across the gap
 * (backward shift): no tombstones, so searches stay short for years.
 */
static void table_remove(struct allocation_table *table, const struct allocation *al)
{
	uint32_t hash = (uint32_t)five_tuple_hash(&al->tuple, &table->key);
	uint32_t mask = table->mask;
	uint32_t gap = bucket_of(table, &al->tuple, hash);

	assert(table->buckets[gap].taken == al->slot + 1);
	for (uint32_t i = (gap + 1) & mask; table->buckets[i].taken; i = (i + 1) & mask) {
		uint32_t home = table->buckets[i].hash & mask;

		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		table->buckets[gap] = table->buckets[i];
		gap = i;
	}
	table->buckets[gap] = (struct bucket){0};
}

struct allocation *allocation_at(struct allocation_table *table, uint32_t slot)
{
	struct allocation *al;

	if (slot >= table->allocations.mark)
		return NULL;
	al = slab_at(&table->allocations, slot);
	return al->generation & 1 ? al : NULL;
}

struct allocation *allocation_by_id(struct allocation_table *table, uint64_t id)
{
	struct allocation *al = allocation_at(table, id_slot(id));

	return al && al->id == id ? al : NULL;
}

size_t allocation_count(const struct allocation_table *table)
{
	return table->allocations.used;
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

uint32_t allocation_lifetime(const struct turn *turn, uint32_t requested_s)
{
	const struct turn_limits *limits = &turn->settings->limits;
	uint32_t granted_s = requested_s;

	if (granted_s > limits->lifetime_max_s)
		granted_s = limits->lifetime_max_s;
	if (granted_s < limits->lifetime_default_s)
		granted_s = limits->lifetime_default_s;
	return granted_s;
}

static uint64_t prefix_hash(const struct turn *turn, const struct ip_addr *client)
{
	struct ip_addr prefix = source_prefix(client);

	return siphash(&turn->shared->hash_key, &prefix, sizeof(prefix));
}

/* A slot with all that the request says; NULL if the table is full. */
static struct allocation *slot_take(struct turn *turn,
				    const struct allocation_request *request,
				    uint64_t now_ms)
{
	const struct front *front = &turn->shared->fronts[request->tuple.front];
	uint32_t slot = slab_take(&turn->table->allocations);

	if (slot == SLAB_NONE)
		return NULL;
	struct allocation *al = slab_at(&turn->table->allocations, slot);
	uint32_t generation = al->generation + 1;

	*al = (struct allocation){
		.tuple = request->tuple,
		.slot = slot,
		.permissions = SLOT_NONE,
		.channels = SLOT_NONE,
		.side = front->side,
		.transport = front->transport,
		.dialect = request->dialect,
		.relay_transport = request->relay_transport,
		.lifetime_s = request->lifetime_s,
		.ends_ms = request->ends_ms != 0 ? request->ends_ms : UINT64_MAX,
		.id = id_make(turn->worker, generation, slot),
		.created_ms = now_ms,
		.prefix_quota = prefix_hash(turn, &request->tuple.client.ip),
		.owner = *request->owner,
		.generation = generation,
	};
	allocation_touch(al, now_ms);
	memcpy(al->txid, request->txid, sizeof(al->txid));
	al->user_quota =
		siphash(&turn->shared->hash_key, al->owner.user, strlen(al->owner.user));
	return al;
}

/* Nothing of it stays but the generation: an id of the past never comes back. */
static void slot_give(struct turn *turn, struct allocation *al)
{
	uint32_t slot = al->slot;
	uint32_t generation = al->generation + 1;

	OPENSSL_cleanse(al, sizeof(*al));
	al->generation = generation;
	slab_give(&turn->table->allocations, slot);
}

static void count_refusal(struct turn *turn, enum refusal why)
{
	counter_add(&turn->counters.refusals[why], 1);
}

/*
 * How many there may be for this one to be made (attack 23). A reserve that is all of it, after a
 * reload, leaves the total as it is.
 */
static uint32_t total_for(const struct turn *turn, const struct allocation *al)
{
	uint32_t total = turn->shared->allocations_total;
	uint32_t reserved = turn->settings->limits.allocations_reserved;

	if (reserved == 0 || reserved >= total ||
	    quota_held(turn->shared->users, al->user_quota) > 0)
		return total;
	return total - reserved;
}

/* T-207, T-236: 0, or the code to answer with, having charged nobody. */
static int charge(struct turn *turn, const struct allocation *al)
{
	const struct turn_shared *shared = turn->shared;
	const struct turn_limits *limits = &turn->settings->limits;
	enum refusal why = REFUSAL_TOTAL;

	if (!quota_acquire(shared->total, 0, total_for(turn, al)))
		goto no_total;
	why = REFUSAL_SIDE;
	if (!quota_acquire(shared->sides[al->side], 0,
			   limits->allocations_per_side[al->side]))
		goto no_side;
	why = REFUSAL_USER;
	if (!quota_acquire(shared->users, al->user_quota, limits->allocations_per_user))
		goto no_user;
	why = REFUSAL_PREFIX;
	if (!quota_acquire(shared->prefixes, al->prefix_quota,
			   limits->allocations_per_prefix))
		goto no_prefix;
	return 0;

no_prefix:
	quota_release(shared->users, al->user_quota);
no_user:
	quota_release(shared->sides[al->side], 0);
no_side:
	quota_release(shared->total, 0);
no_total:
	count_refusal(turn, why);
	return why == REFUSAL_TOTAL ? STUN_INSUFFICIENT_CAPACITY : STUN_QUOTA_REACHED;
}

static void discharge(struct turn *turn, const struct allocation *al)
{
	quota_release(turn->shared->prefixes, al->prefix_quota);
	quota_release(turn->shared->users, al->user_quota);
	quota_release(turn->shared->sides[al->side], 0);
	quota_release(turn->shared->total, 0);
}

/* A stream of bytes cannot be relayed to a client that may lose some (RFC 6062 section 5.1). */
static bool transports_fit(const struct turn *turn,
			   const struct allocation_request *request)
{
	const struct front *front = &turn->shared->fronts[request->tuple.front];

	return request->relay_transport == TRANSPORT_UDP ||
	       (request->relay_transport == TRANSPORT_TCP &&
		transport_is_stream(front->transport));
}

static struct turnover *turnover_of(struct turn *turn, const struct allocation *al)
{
	return &turn->counters.allocations[al->dialect][al->side][al->transport]
					  [al->relay_transport];
}

/* main waits for a front's last one to end. */
static void count_on_front(struct turn *turn, const struct allocation *al, int by)
{
	uint32_t *count = &turn->front_allocations[al->tuple.front];

	__atomic_store_n(count, *count + (uint32_t)by, __ATOMIC_RELAXED);
}

static void count_end(struct turn *turn, const struct allocation *al, uint64_t now_ms)
{
	struct counters *counters = &turn->counters;

	_Static_assert((int)END_REASON_COUNT <= (int)COUNTED_REASONS, "room for each");
	counter_add(&counters->allocations_closed, 1);
	counter_add(&turnover_of(turn, al)->closed, 1);
	counter_add(&counters->allocations_ended[al->end_reason], 1);
	distribution_add(&counters->allocation_duration, &distribution_durations,
			 now_ms > al->created_ms ? now_ms - al->created_ms : 0);
	distribution_add(&counters->allocation_bytes, &distribution_bytes,
			 al->to_peer.bytes + al->to_client.bytes);
}

int allocation_create(struct turn *turn, const struct allocation_request *request,
		      uint64_t now_ms, struct allocation **out)
{
	struct allocation *al;
	int code;

	assert(!allocation_find(turn->table, &request->tuple));
	if (!transports_fit(turn, request))
		return STUN_UNSUPPORTED_TRANSPORT;
	if (!request->reservation_token && !relay_port_has_family(turn, request->family))
		return STUN_ADDRESS_FAMILY_NOT_SUPPORTED;
	al = slot_take(turn, request, now_ms);
	if (!al) {
		count_refusal(turn, REFUSAL_CAPACITY);
		return STUN_INSUFFICIENT_CAPACITY;
	}
	code = charge(turn, al);
	if (code)
		goto fail;
	if (!bandwidth_join(turn, al)) {
		code = STUN_INSUFFICIENT_CAPACITY;
		count_refusal(turn, REFUSAL_CAPACITY);
		goto fail_charged;
	}
	code = relay_port_open(turn, al, request, now_ms);
	if (code) {
		count_refusal(turn, REFUSAL_CAPACITY);
		goto fail_joined;
	}
	if (request->dual)
		al->dual.missing_code =
			(uint16_t)relay_port_open_second(turn, al, request, now_ms);

	table_insert(turn->table, al);
	expiry_set(&turn->table->expiry, al->slot, al->expires_ms);
	counter_add(&turn->counters.allocations_opened, 1);
	counter_add(&turnover_of(turn, al)->opened, 1);
	count_on_front(turn, al, 1);
	*out = al;
	return 0;

fail_joined:
	bandwidth_leave(turn, al);
fail_charged:
	discharge(turn, al);
fail:
	slot_give(turn, al);
	return code;
}

void allocation_bound(struct turn *turn, struct allocation *al, uint64_t ends_ms)
{
	if (al->ends_ms == ends_ms)
		return;
	/* What a reload takes back, because it bound it before, comes with the next refresh. */
	al->ends_ms = ends_ms;
	if (al->dual.later_family != IP_NONE && al->dual.later_ms > ends_ms) {
		al->dual.later_ms = ends_ms;
		if (al->expires_ms >= ends_ms)
			al->dual.later_family = IP_NONE;
	}
	if (al->expires_ms > ends_ms) {
		al->expires_ms = ends_ms;
		expiry_set(&turn->table->expiry, al->slot, ends_ms);
	}
}

uint32_t allocation_left_s(const struct allocation *al, uint64_t now_ms)
{
	uint64_t left_ms = al->expires_ms > now_ms ? al->expires_ms - now_ms : 0;

	return (uint32_t)((left_ms + 999) / 1000);
}

enum end_reason allocation_expiry_reason(const struct allocation *al, uint64_t now_ms)
{
	return al->ends_ms <= now_ms ? END_CREDENTIAL : END_EXPIRED;
}

void allocation_refresh(struct turn *turn, struct allocation *al, uint32_t lifetime_s,
			uint64_t now_ms)
{
	al->lifetime_s = lifetime_s;
	al->dual.later_family = IP_NONE;
	allocation_touch(al, now_ms);
	expiry_set(&turn->table->expiry, al->slot, al->expires_ms);
}

void allocation_delete(struct turn *turn, struct allocation *al, enum end_reason reason,
		       uint64_t now_ms)
{
	al->end_reason = reason;
	count_end(turn, al, now_ms);
	count_on_front(turn, al, -1);
	turn->edge->allocation_ended(turn->edge->self, al);

	/* A port that it reserved for another allocation is held on (T-239). */
	relay_port_close(turn, al, now_ms);
	bandwidth_leave(turn, al);
	discharge(turn, al);
	permissions_free(turn->table, al);
	channels_free(turn->table, al);
	expiry_clear(&turn->table->expiry, al->slot);
	table_remove(turn->table, al);
	slot_give(turn, al);
}

struct allocation *allocation_end_overdue(struct turn *turn, struct allocation *al,
					  uint64_t now_ms)
{
	if (al->dual.later_family != IP_NONE && now_ms < al->dual.later_ms) {
		dual_end_half(turn, al, al->families & (uint8_t)~al->dual.later_family,
			      now_ms);
		return al;
	}
	allocation_delete(turn, al, allocation_expiry_reason(al, now_ms), now_ms);
	return NULL;
}

uint64_t allocation_table_expire(struct turn *turn, uint64_t now_ms)
{
	uint32_t slot;
	uint64_t due;

	while (expiry_first(&turn->table->expiry, &slot, &due)) {
		if (now_ms < due)
			return due;
		struct allocation *al = slab_at(&turn->table->allocations, slot);
		/* Data has moved the deadline on meanwhile: see allocation_touch(). */
		if (now_ms < al->expires_ms)
			expiry_set(&turn->table->expiry, slot, al->expires_ms);
		else
			allocation_end_overdue(turn, al, now_ms);
	}
	return UINT64_MAX;
}

static struct endpoint at_local(const struct turn *turn, uint16_t address, uint16_t port)
{
	return (struct endpoint){turn->shared->relay[address].local, port};
}

static struct endpoint at_public(const struct turn *turn, uint16_t address, uint16_t port)
{
	return (struct endpoint){turn->shared->relay[address].public, port};
}

struct endpoint allocation_relayed_local(const struct turn *turn,
					 const struct allocation *al)
{
	return at_local(turn, al->relay_address, al->relay_port);
}

struct endpoint allocation_relayed_public(const struct turn *turn,
					  const struct allocation *al)
{
	return at_public(turn, al->relay_address, al->relay_port);
}

struct endpoint allocation_second_local(const struct turn *turn,
					const struct allocation *al)
{
	if (al->dual.port == 0)
		return (struct endpoint){.ip.family = IP_NONE};
	return at_local(turn, al->dual.address, al->dual.port);
}

struct endpoint allocation_second_public(const struct turn *turn,
					 const struct allocation *al)
{
	if (al->dual.port == 0)
		return (struct endpoint){.ip.family = IP_NONE};
	return at_public(turn, al->dual.address, al->dual.port);
}
