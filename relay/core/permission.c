/*
 * permission.c - see permission.h. A packet never changes the chain.
 */
#include "relay/core/permission.h"

#include <assert.h>
#include <string.h>

#include "base/debug_assert.h"
#include "relay/core/allocation_table.h"
#include "relay/core/changes.h"
#include "relay/core/peer_policy.h"
#include "relay/core/turn.h"

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

		/* Without a port any pool will do. */
		permission->refused = peer_refused_by(turn, TRANSPORT_UDP, &peer) != NULL;
		permission->own = peer_is_own(turn, &permission->peer);
		permission->generation = turn->settings->generation;
	}
	return !permission->refused;
}

struct permission *permission_find(const struct turn *turn, const struct allocation *al,
				   const struct ip_addr *peer, uint64_t now_ms)
{
	uint32_t entry = permission_entry(turn->table, al, peer);

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

static void install(struct turn *turn, struct allocation *al, const struct ip_addr *peer,
		    uint64_t now_ms)
{
	struct allocation_table *table = turn->table;
	uint32_t entry = permission_entry(table, al, peer);
	bool is_new = entry == SLOT_NONE;
	bool was_free = false;

	if (is_new)
		entry = chain_take(&table->permissions, &al->permissions, now_ms,
				   &was_free);
	al->permission_count += was_free;
	assert(al->permission_count <= ENTRIES_EACH_MAX);
	*permission_at(table, entry) = (struct permission){
		.expires_ms = al->dialect == DIALECT_MS ? UINT64_MAX
							: now_ms + PERMISSION_LIFETIME_MS,
		.generation = turn->settings->generation,
		.own = peer_is_own(turn, peer),
		.peer = *peer,
	};
	if (is_new)
		channels_relink(table, al, entry);
	debug_assert(permission_entry(table, al, peer) == entry);
}

/*
 * Is there room for all? What has no live permission is collected once, and the collection is
 * bounded, so a request that names thousands of addresses costs a bounded search for each.
 */
static bool have_room(const struct turn *turn, const struct allocation *al,
		      const struct endpoint *peers, size_t count, uint64_t now_ms)
{
	struct ip_addr fresh[ENTRIES_EACH_MAX];
	size_t room = turn->table->permissions_each -
		      chain_live(&turn->table->permissions, al->permissions, now_ms);
	size_t used = 0;

	assert(room <= turn->table->permissions_each);
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
		assert(used < ENTRIES_EACH_MAX);
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

	changes_note(turn, al);
	for (size_t i = 0; i < count; i++) {
		struct endpoint named = peer_as_named(turn, &peers[i]);
		install(turn, al, &named.ip, now_ms);
	}
	if (al->relay_transport == TRANSPORT_TCP)
		turn->edge->relay_permitted(turn->edge->self, al->slot);
	return 0;
}
