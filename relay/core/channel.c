/*
 * channel.c - see channel.h. A channel knows the permission of its peer's address, so one
 * search decides what happens to a datagram.
 */
#include "relay/core/channel.h"

#include <assert.h>
#include <string.h>

#include "base/debug_assert.h"
#include "relay/core/allocation_table.h"
#include "relay/core/changes.h"
#include "relay/core/permission.h"
#include "relay/core/turn.h"
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
 * A verdict holds until the settings change, except for our own relayed addresses: their ports
 * come and go with their allocations.
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

uint16_t channel_number_max(const struct turn *turn, const struct allocation *al)
{
	return turn->settings->rfc5766_channels && !al->shows_rfc8656
		       ? CHANNEL_NUMBER_MAX_RFC5766
		       : CHANNEL_NUMBER_MAX;
}

uint16_t channel_data_max(const struct allocation *al)
{
	return al->rfc5766_channel ? CHANNEL_NUMBER_MAX_RFC5766 : CHANNEL_NUMBER_MAX;
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
	if (!ch &&
	    chain_live(&table->channels, al->channels, now_ms) >= table->channels_each)
		return STUN_INSUFFICIENT_CAPACITY;
	code = permission_install(turn, al, peer, 1, now_ms, refused);
	if (code)
		return code;

	changes_note(turn, al);
	if (!ch) {
		bool was_free;
		uint32_t entry =
			chain_take(&table->channels, &al->channels, now_ms, &was_free);

		al->channel_count += was_free;
		assert(al->channel_count <= ENTRIES_EACH_MAX);
		ch = channel_at(table, entry);
	}
	*ch = (struct channel){
		.expires_ms = now_ms + CHANNEL_LIFETIME_MS,
		.permission = permission_entry(table, al, &named.ip),
		.generation = turn->settings->generation,
		.peer = named,
		.number = number,
		.own = peer_is_own(turn, &named.ip),
	};
	al->rfc5766_channel = al->rfc5766_channel || number > CHANNEL_NUMBER_MAX;
	assert(ch->permission != SLOT_NONE && number <= channel_data_max(al));
	debug_assert(channel_by_number(turn, al, number, now_ms) == ch);
	debug_assert(channel_by_peer(turn, al, &named, now_ms) == ch);
	return 0;
}
