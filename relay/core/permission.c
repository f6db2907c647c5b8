/*
 * permission.c - a chain of chunks of four. An expired entry is passed over until its place is
 * needed; a packet never changes the chain.
 */
#include "relay/core/permission.h"

#include <assert.h>
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/peer_policy.h"

struct endpoint peer_as_named(const struct turn *turn, const struct endpoint *peer)
{
	struct endpoint named = *peer;

	peer_policy_to_public(turn->settings->policy, turn->shared->ports, &named);
	return named;
}

bool peer_is_own(const struct turn *turn, const struct ip_addr *ip)
{
	return peer_policy_is_relay(turn->settings->policy, ip);
}

const char *peer_refused_by(const struct turn *turn, enum transport relay,
			    const struct endpoint *peer)
{
	struct peer_verdict verdict = peer_policy_check(turn->settings->policy,
							turn->settings->host,
							turn_ports(turn, relay), peer);

	return verdict.allowed ? NULL : verdict.rule;
}

bool permission_is_allowed(const struct turn *turn, struct permission *permission)
{
	if (permission->generation != turn->settings->generation) {
		const struct endpoint peer = {permission->peer, 0};

		/* Without a port it does not matter whose ports are asked. */
		permission->refused = peer_refused_by(turn, TRANSPORT_UDP, &peer) != NULL;
		permission->generation = turn->settings->generation;
	}
	return !permission->refused;
}

/* The entry of that address, live or expired, or SLOT_NONE. */
static uint32_t entry_of(struct allocation_table *table, const struct allocation *al,
			 const struct ip_addr *peer)
{
	uint32_t entry = al->permissions;

	for (; entry != SLOT_NONE; entry = permission_after(table, entry)) {
		const struct permission *p = permission_at(table, entry);
		if (p->expires_ms != 0 && ip_addr_equal(&p->peer, peer))
			break;
	}
	return entry;
}

struct permission *permission_find(const struct turn *turn, const struct allocation *al,
				   const struct ip_addr *peer, uint64_t now_ms)
{
	uint32_t entry = entry_of(turn->table, al, peer);

	if (entry == SLOT_NONE)
		return NULL;
	struct permission *p = permission_at(turn->table, entry);
	return now_ms < p->expires_ms ? p : NULL;
}

bool permission_allows(const struct turn *turn, const struct allocation *al,
		       const struct ip_addr *peer, uint64_t now_ms)
{
	const struct endpoint unnamed = {*peer, 0};
	const struct endpoint named = peer_as_named(turn, &unnamed);
	struct permission *p = permission_find(turn, al, &named.ip, now_ms);

	return p && permission_is_allowed(turn, p);
}

bool permission_next(const struct turn *turn, uint32_t *cursor, struct ip_addr *peer,
		     uint64_t *expires_ms)
{
	while (*cursor != SLOT_NONE) {
		const struct permission *p = permission_at(turn->table, *cursor);

		*cursor = permission_after(turn->table, *cursor);
		if (p->expires_ms == 0)
			continue;
		*peer = p->peer;
		*expires_ms = p->expires_ms;
		return true;
	}
	return false;
}

static size_t live_count(struct allocation_table *table, const struct allocation *al,
			 uint64_t now_ms)
{
	uint32_t entry = al->permissions;
	size_t live = 0;

	for (; entry != SLOT_NONE; entry = permission_after(table, entry))
		live += now_ms < permission_at(table, entry)->expires_ms;
	return live;
}

/* A free entry, an expired one, or one of a new chunk. There is room: the caller counted. */
static uint32_t entry_take(struct allocation_table *table, struct allocation *al,
			   uint64_t now_ms)
{
	uint32_t entry = al->permissions;

	for (; entry != SLOT_NONE; entry = permission_after(table, entry)) {
		if (permission_at(table, entry)->expires_ms <= now_ms)
			return entry;
	}

	uint32_t chunk = slab_take(&table->permissions);
	assert(chunk != SLAB_NONE);
	entry = chunk * CHUNK;
	*permission_chunk_at(table, entry) = (struct permission_chunk){
		.next = al->permissions,
	};
	al->permissions = entry;
	return entry;
}

static void install(struct turn *turn, struct allocation *al, const struct ip_addr *peer,
		    uint64_t now_ms)
{
	struct allocation_table *table = turn->table;
	uint32_t entry = entry_of(table, al, peer);
	bool is_new = entry == SLOT_NONE;

	if (is_new)
		entry = entry_take(table, al, now_ms);
	struct permission *p = permission_at(table, entry);
	if (is_new && p->expires_ms == 0)
		al->permission_count++;
	*p = (struct permission){
		.expires_ms = al->dialect == DIALECT_MS ? UINT64_MAX
							: now_ms + PERMISSION_LIFETIME_MS,
		.generation = turn->settings->generation,
		.peer = *peer,
	};
	if (is_new)
		channels_relink(table, al, entry);
}

/*
 * Is there room for all? What has no live permission is collected once, and the collection is
 * bounded, so a request that names thousands of addresses costs a bounded search for each.
 */
static bool have_room(const struct turn *turn, const struct allocation *al,
		      const struct endpoint *peers, size_t count, uint64_t now_ms)
{
	struct ip_addr fresh[ENTRIES_EACH_MAX];
	size_t room = turn->table->permissions_each - live_count(turn->table, al, now_ms);
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		struct endpoint named = peer_as_named(turn, &peers[i]);
		size_t at = 0;

		if (permission_find(turn, al, &named.ip, now_ms))
			continue;
		while (at < used && !ip_addr_equal(&fresh[at], &named.ip))
			at++;
		if (at < used)
			continue;
		if (used == room)
			return false;
		fresh[used++] = named.ip;
	}
	return true;
}

int permission_install(struct turn *turn, struct allocation *al,
		       const struct endpoint *peers, size_t count, uint64_t now_ms,
		       const char **refused)
{
	for (size_t i = 0; i < count; i++) {
		if (!allocation_has_family(al, peers[i].ip.family))
			return STUN_PEER_FAMILY_MISMATCH;
	}
	for (size_t i = 0; i < count; i++) {
		const struct endpoint any_port = {peers[i].ip, 0};
		const char *rule = peer_refused_by(turn, al->relay_transport, &any_port);

		if (rule) {
			if (refused)
				*refused = rule;
			return STUN_FORBIDDEN;
		}
	}
	if (!have_room(turn, al, peers, count, now_ms))
		return STUN_INSUFFICIENT_CAPACITY;

	for (size_t i = 0; i < count; i++) {
		struct endpoint named = peer_as_named(turn, &peers[i]);
		install(turn, al, &named.ip, now_ms);
	}
	if (al->relay_transport == TRANSPORT_TCP)
		turn->edge->relay_permitted(turn->edge->self, al->slot);
	return 0;
}

void permissions_forget(struct allocation_table *table, struct allocation *al,
			uint8_t family)
{
	uint32_t entry = al->permissions;

	for (; entry != SLOT_NONE; entry = permission_after(table, entry)) {
		struct permission *p = permission_at(table, entry);

		if (p->expires_ms == 0 || p->peer.family != family)
			continue;
		p->expires_ms = 0;
		al->permission_count--;
	}
}

void permissions_free(struct allocation_table *table, struct allocation *al)
{
	while (al->permissions != SLOT_NONE) {
		uint32_t chunk = al->permissions / CHUNK;

		al->permissions = permission_chunk_at(table, al->permissions)->next;
		slab_give(&table->permissions, chunk);
	}
	al->permission_count = 0;
}
