/*
 * channel.c - a chain of chunks of four, as for permissions. A channel knows the permission of
 * its peer's address, so one search decides what happens to a datagram.
 */
#include "relay/core/channel.h"

#include <assert.h>
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/permission.h"
#include "stun/chandata.h"

struct channel *channel_by_number(const struct turn *turn, const struct allocation *al,
				  uint16_t number, uint64_t now_ms)
{
	uint32_t entry = al->channels;

	for (; entry != SLOT_NONE; entry = channel_after(turn->table, entry)) {
		struct channel *ch = channel_at(turn->table, entry);
		if (ch->number == number && now_ms < ch->expires_ms)
			return ch;
	}
	return NULL;
}

struct channel *channel_by_peer(const struct turn *turn, const struct allocation *al,
				const struct endpoint *peer, uint64_t now_ms)
{
	uint32_t entry = al->channels;

	for (; entry != SLOT_NONE; entry = channel_after(turn->table, entry)) {
		struct channel *ch = channel_at(turn->table, entry);
		if (endpoint_equal(&ch->peer, peer) && now_ms < ch->expires_ms)
			return ch;
	}
	return NULL;
}

bool channel_next(const struct turn *turn, uint32_t *cursor, uint16_t *number,
		  struct endpoint *peer, uint64_t *expires_ms)
{
	while (*cursor != SLOT_NONE) {
		const struct channel *ch = channel_at(turn->table, *cursor);

		*cursor = channel_after(turn->table, *cursor);
		if (ch->expires_ms == 0)
			continue;
		*number = ch->number;
		*peer = ch->peer;
		*expires_ms = ch->expires_ms;
		return true;
	}
	return false;
}

/*
 * A verdict holds until the settings change. Only for relayed addresses of ours it does not:
 * their ports come and go with their allocations.
 */
bool channel_is_allowed(const struct turn *turn, struct channel *ch)
{
	if (ch->own || ch->generation != turn->settings->generation) {
		/* Channels are for datagrams. */
		ch->own = peer_is_own(turn, &ch->peer.ip);
		ch->refused = peer_refused_by(turn, TRANSPORT_UDP, &ch->peer) != NULL;
		ch->generation = turn->settings->generation;
	}
	return !ch->refused;
}

/* A free or an expired entry; SLOT_NONE if there is none. */
static uint32_t vacant_entry(struct allocation_table *table, const struct allocation *al,
			     uint64_t now_ms)
{
	uint32_t entry = al->channels;

	while (entry != SLOT_NONE && now_ms < channel_at(table, entry)->expires_ms)
		entry = channel_after(table, entry);
	return entry;
}

static size_t live_count(struct allocation_table *table, const struct allocation *al,
			 uint64_t now_ms)
{
	uint32_t entry = al->channels;
	size_t live = 0;

	for (; entry != SLOT_NONE; entry = channel_after(table, entry))
		live += now_ms < channel_at(table, entry)->expires_ms;
	return live;
}

static struct channel *entry_take(struct allocation_table *table, struct allocation *al,
				  uint64_t now_ms)
{
	uint32_t entry = vacant_entry(table, al, now_ms);

	if (entry == SLOT_NONE) {
		uint32_t chunk = slab_take(&table->channels);
		assert(chunk != SLAB_NONE);
		entry = chunk * CHUNK;
		*channel_chunk_at(table, entry) = (struct channel_chunk){
			.next = al->channels,
		};
		al->channels = entry;
	}
	struct channel *ch = channel_at(table, entry);
	if (ch->expires_ms == 0)
		al->channel_count++;
	return ch;
}

static uint32_t permission_entry(struct allocation_table *table,
				 const struct allocation *al, const struct ip_addr *peer)
{
	uint32_t entry = al->permissions;

	while (entry != SLOT_NONE &&
	       (permission_at(table, entry)->expires_ms == 0 ||
		!ip_addr_equal(&permission_at(table, entry)->peer, peer)))
		entry = permission_after(table, entry);
	return entry;
}

uint16_t channel_number_max(const struct turn *turn, const struct allocation *al)
{
	enum { MD5_KEY_LEN = 16 };

	if (turn->settings->rfc5766_channels && al->owner.key.len == MD5_KEY_LEN &&
	    al->fingerprint)
		return CHANNEL_NUMBER_MAX_RFC5766;
	return CHANNEL_NUMBER_MAX;
}

int channel_bind(struct turn *turn, struct allocation *al, uint16_t number,
		 const struct endpoint *peer, uint64_t now_ms, const char **refused)
{
	struct allocation_table *table = turn->table;
	const struct endpoint named = peer_as_named(turn, peer);
	struct channel *ch;
	const char *rule;
	int code;

	if (number < CHANNEL_NUMBER_MIN || number > channel_number_max(turn, al) ||
	    peer->port == 0)
		return STUN_BAD_REQUEST;
	if (!allocation_has_family(al, peer->ip.family))
		return STUN_PEER_FAMILY_MISMATCH;
	ch = channel_by_number(turn, al, number, now_ms);
	if (channel_by_peer(turn, al, &named, now_ms) != ch)
		return STUN_BAD_REQUEST;
	rule = peer_refused_by(turn, TRANSPORT_UDP, peer);
	if (rule) {
		if (refused)
			*refused = rule;
		return STUN_FORBIDDEN;
	}
	if (!ch && live_count(table, al, now_ms) >= table->channels_each)
		return STUN_INSUFFICIENT_CAPACITY;
	code = permission_install(turn, al, peer, 1, now_ms, refused);
	if (code)
		return code;

	if (!ch)
		ch = entry_take(table, al, now_ms);
	*ch = (struct channel){
		.expires_ms = now_ms + CHANNEL_LIFETIME_MS,
		.permission = permission_entry(table, al, &named.ip),
		.generation = turn->settings->generation,
		.peer = named,
		.number = number,
		.own = peer_is_own(turn, &named.ip),
	};
	return 0;
}

void channels_relink(struct allocation_table *table, struct allocation *al,
		     uint32_t permission)
{
	const struct ip_addr *peer = &permission_at(table, permission)->peer;
	uint32_t entry = al->channels;

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
		ch->expires_ms = 0;
		al->channel_count--;
	}
}

void channels_free(struct allocation_table *table, struct allocation *al)
{
	while (al->channels != SLOT_NONE) {
		uint32_t chunk = al->channels / CHUNK;

		al->channels = channel_chunk_at(table, al->channels)->next;
		slab_give(&table->channels, chunk);
	}
	al->channel_count = 0;
}
