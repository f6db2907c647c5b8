/*
 * allocation_image.c - see allocation_image.h.
 */
#include "relay/core/allocation_image.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>

#include "relay/core/allocation_entries.h"
#include "relay/core/allocation_table.h"
#include "relay/core/ms_reservation.h"
#include "relay/core/turn.h"
#include "stun/chandata.h"

static struct front front_of(const struct turn *turn, uint16_t front)
{
	assert(front < turn->shared->front_count);
	return turn->shared->fronts[front];
}

static struct ip_addr address_of(const struct turn *turn, uint16_t address)
{
	assert(address < turn->shared->relay_count);
	return turn->shared->relay[address].local;
}

static void take_mobility(const struct turn *turn, const struct allocation *al,
			  struct allocation_image *image)
{
	struct mobility *mobility = &image->move.mobility;

	*mobility = turn->table->mobility[al->slot];
	mobility->charge = (struct charge){0};
	if (mobility->until_ms != 0) {
		image->from_front = front_of(turn, mobility->from.front);
		mobility->from.front = 0;
	}
	if (al->moving) {
		image->to_front = front_of(turn, mobility->to.front);
		mobility->to.front = 0;
	} else {
		mobility->to = (struct five_tuple){0};
		mobility->via = 0;
		mobility->fingerprint = false;
	}
}

/* Policy judges them again wherever they are put. */
static void take_entries(const struct turn *turn, const struct allocation *al,
			 struct allocation_image *image)
{
	struct allocation_move *move = &image->move;

	allocation_entries_copy(turn->table, al, move->permissions, move->channels);
	for (uint16_t i = 0; i < al->permission_count; i++) {
		move->permissions[i].generation = 0;
		move->permissions[i].refused = move->permissions[i].own = false;
	}
	for (uint16_t i = 0; i < al->channel_count; i++) {
		move->channels[i].generation = 0;
		move->channels[i].refused = move->channels[i].own = false;
	}
	image->move.al.active.generation = 0;
	image->move.al.active.refused = image->move.al.active.own = false;
}

/* What is of this process alone. */
static void forget_places(struct allocation *al)
{
	al->tuple.front = 0;
	al->slot = al->generation = 0;
	al->permissions = al->channels = SLOT_NONE;
	al->group = 0;
	al->relay_address = al->dual.address = 0;
	al->end_reason = (enum end_reason)0;
	al->icmp_limit = (struct icmp_limit){0};
	al->user_quota = al->prefix_quota = 0;
	al->user_row = al->prefix_row = 0;
	al->credit = 0;
	al->lease = (struct lease){.average = al->lease.average, .peak = al->lease.peak};
}

void allocation_image_take(const struct turn *turn, const struct allocation *al,
			   struct allocation_image *image)
{
	struct allocation_move *move = &image->move;

	assert(allocation_is_live(al));
	move->al = *al;
	allocation_owner(turn->table, al, &move->owner);
	image->key_mark = owner_proof_mark(turn, &move->owner);
	OPENSSL_cleanse(&move->al.owner, sizeof(move->al.owner));
	OPENSSL_cleanse(&move->owner.key, sizeof(move->owner.key));
	move->owner.id = (struct owner_id){{0}};
	image->front = front_of(turn, al->tuple.front);
	image->to_front = image->from_front = (struct front){0};
	image->relay_address = address_of(turn, al->relay_address);
	image->second_address = al->dual.port != 0 ? address_of(turn, al->dual.address)
						   : (struct ip_addr){0};
	image->via = (struct endpoint){0};
	image->proof = (struct owner_proof){.kind = OWNER_PROOF_NONE};
	image->ms_reservation = *ms_reservation_of(turn, al);
	if (image->ms_reservation.state != MS_RESERVATION_MADE)
		image->ms_reservation.expires_ms = 0;
	take_entries(turn, al, image);
	forget_places(&move->al);
	move->mobility = (struct mobility){0};
	if (al->mobile)
		take_mobility(turn, al, image);
	for (size_t i = 0; i < 2; i++)
		move->sockets[i] = (struct relay_socket_state){.fd = -1};
}

/* The first kept entries remain; places says where each of the old ones is now, or SLOT_NONE. */
static void trim_permissions(struct allocation_move *move, uint64_t now_ms,
			     uint32_t places[ENTRIES_EACH_MAX])
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < move->al.permission_count; i++) {
		places[i] = SLOT_NONE;
		if (move->permissions[i].expires_ms <= now_ms)
			continue;
		places[i] = kept;
		move->permissions[kept++] = move->permissions[i];
	}
	move->al.permission_count = kept;
}

static void trim_channels(struct allocation_move *move, uint64_t now_ms,
			  const uint32_t places[ENTRIES_EACH_MAX])
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < move->al.channel_count; i++) {
		struct channel *ch = &move->channels[kept];

		if (move->channels[i].expires_ms <= now_ms)
			continue;
		*ch = move->channels[i];
		if (ch->permission != SLOT_NONE)
			ch->permission = places[ch->permission];
		kept++;
	}
	move->al.channel_count = kept;
}

/* The live ones, oldest first, from the first place on. */
static void trim_transactions(struct transactions *transactions, uint64_t now_ms)
{
	struct transactions kept = {.next = 0};

	for (size_t i = 0; i < TRANSACTIONS_KEPT; i++) {
		size_t from = (transactions->next + i) % TRANSACTIONS_KEPT;

		if (transactions->kept[from].until_ms <= now_ms)
			continue;
		kept.kept[kept.next] = transactions->kept[from];
		kept.codes[kept.next++] = transactions->codes[from];
	}
	kept.next %= TRANSACTIONS_KEPT;
	*transactions = kept;
}

static void trim_debt(struct tokens *tokens, uint64_t now_ms)
{
	if (tokens_debt_ns(tokens, now_ms * 1000000) == 0)
		tokens->full_ns = 0;
}

void allocation_image_trim(struct allocation_image *image, uint64_t now_ms)
{
	struct allocation_move *move = &image->move;
	struct mobility *mobility = &move->mobility;
	uint32_t places[ENTRIES_EACH_MAX];

	trim_permissions(move, now_ms, places);
	trim_channels(move, now_ms, places);
	trim_transactions(&move->al.transactions, now_ms);
	trim_debt(&move->al.lease.average, now_ms);
	trim_debt(&move->al.lease.peak, now_ms);
	if (mobility->until_ms <= now_ms) {
		image->from_front = (struct front){0};
		mobility->from = (struct five_tuple){0};
		memset(mobility->txid, 0, sizeof(mobility->txid));
		mobility->answered_s = 0;
		mobility->until_ms = 0;
	}
	if (move->al.dual.later_family == IP_NONE)
		move->al.dual.later_ms = 0;
}

/* --- is it sound? ---------------------------------------------------------------------------- */

static bool is_family(uint8_t family)
{
	return family == IP_V4 || family == IP_V6;
}

static bool is_address(const struct endpoint *ep)
{
	return is_family(ep->ip.family) && ep->port != 0;
}

static bool front_is_sound(const struct front *front)
{
	return front->side < SIDE_COUNT && front->transport < TRANSPORT_COUNT &&
	       is_address(&front->local);
}

static bool relayed_is_sound(const struct allocation_image *image)
{
	const struct allocation *al = &image->move.al;
	uint8_t first = image->relay_address.family,
		second = image->second_address.family;

	if (al->relay_port == 0 || !is_family(first))
		return false;
	if (al->dual.port == 0)
		return second == IP_NONE && al->families == first &&
		       al->dual.later_family == IP_NONE;
	if (!is_family(second) || second == first || al->families != (first | second) ||
	    al->relay_transport != TRANSPORT_UDP)
		return false;
	return al->dual.later_family == IP_NONE ||
	       (is_family(al->dual.later_family) && al->expires_ms < al->dual.later_ms &&
		al->dual.later_ms <= al->ends_ms);
}

static bool transports_are_sound(const struct allocation *al)
{
	bool stream = transport_is_stream(al->transport);

	if (al->relay_transport != TRANSPORT_UDP &&
	    (al->relay_transport != TRANSPORT_TCP || !stream))
		return false;
	if (al->dialect == DIALECT_MS)
		return !al->data_connections && !al->mobile && !al->rfc5766_channel;
	/* Only RFC 6062 gives a client of that dialect a TCP relayed address. */
	return al->dialect == DIALECT_IETF &&
	       al->data_connections == (al->relay_transport == TRANSPORT_TCP);
}

static bool mobility_is_sound(const struct allocation_image *image)
{
	const struct allocation *al = &image->move.al;
	const struct mobility *mobility = &image->move.mobility;

	if (!al->mobile)
		return !al->moving && !al->client_gone && mobility->until_ms == 0;
	if (mobility->until_ms != 0 &&
	    (!is_address(&mobility->from.client) || !front_is_sound(&image->from_front)))
		return false;
	return !al->moving ||
	       (is_address(&mobility->to.client) && front_is_sound(&image->to_front));
}

static bool permissions_are_sound(const struct allocation_move *move)
{
	const struct allocation *al = &move->al;

	if (al->permission_count > ENTRIES_EACH_MAX)
		return false;
	for (uint16_t i = 0; i < al->permission_count; i++) {
		const struct permission *p = &move->permissions[i];

		if (p->expires_ms == 0 || !allocation_has_family(al, p->peer.family) ||
		    (al->dialect == DIALECT_MS) != (p->expires_ms == UINT64_MAX))
			return false;
		for (uint16_t j = 0; j < i; j++) {
			if (ip_addr_equal(&move->permissions[j].peer, &p->peer))
				return false;
		}
	}
	return true;
}

static bool channels_are_sound(const struct allocation_move *move)
{
	const struct allocation *al = &move->al;
	uint16_t most = al->rfc5766_channel ? CHANNEL_NUMBER_MAX_RFC5766
					    : CHANNEL_NUMBER_MAX;

	if (al->channel_count > ENTRIES_EACH_MAX ||
	    (al->channel_count > 0 &&
	     (al->dialect == DIALECT_MS || al->data_connections)))
		return false;
	for (uint16_t i = 0; i < al->channel_count; i++) {
		const struct channel *ch = &move->channels[i];

		if (ch->expires_ms == 0 || ch->number < CHANNEL_NUMBER_MIN ||
		    ch->number > most || !is_address(&ch->peer) ||
		    !allocation_has_family(al, ch->peer.ip.family))
			return false;
		if (ch->permission != SLOT_NONE &&
		    (ch->permission >= al->permission_count ||
		     !ip_addr_equal(&move->permissions[ch->permission].peer,
				    &ch->peer.ip)))
			return false;
		for (uint16_t j = 0; j < i; j++) {
			if (move->channels[j].number == ch->number ||
			    endpoint_equal(&move->channels[j].peer, &ch->peer))
				return false;
		}
	}
	return true;
}

static bool ms_is_sound(const struct allocation_image *image)
{
	const struct allocation *al = &image->move.al;
	const struct ms_reservation *reservation = &image->ms_reservation;
	const struct endpoint *active = &al->active.peer;
	bool made = reservation->state == MS_RESERVATION_MADE;

	if (al->dialect != DIALECT_MS)
		return reservation->state == MS_RESERVATION_NONE &&
		       active->ip.family == IP_NONE;
	if ((unsigned)reservation->state > MS_RESERVATION_ENDED ||
	    !ms_reservation_amount_is_valid(&reservation->amount) ||
	    (!made && (reservation->bps != 0 || reservation->amount.max_send != 0 ||
		       reservation->amount.max_receive != 0)))
		return false;
	return active->ip.family == IP_NONE ||
	       (is_address(active) && allocation_has_family(al, active->ip.family));
}

static bool proof_is_sound(const struct allocation_image *image)
{
	const struct owner_proof *proof = &image->proof;
	uint8_t len = proof->key_len;

	switch (proof->kind) {
	case OWNER_PROOF_NONE:
		return true;
	case OWNER_PROOF_USERNAME:
		return image->move.al.dialect == DIALECT_IETF &&
		       !image->move.owner.is_token && (len == 16 || len == 32);
	case OWNER_PROOF_MS_USERNAME:
		return image->move.al.dialect == DIALECT_MS &&
		       !image->move.owner.is_token && (len == 16 || len == 32);
	case OWNER_PROOF_TOKEN:
		return image->move.al.dialect == DIALECT_IETF &&
		       image->move.owner.is_token && len >= 16 && len <= STUN_KEY_MAX;
	case OWNER_PROOF_KIND_COUNT:
		break;
	}
	return false;
}

bool allocation_image_is_sound(const struct allocation_image *image)
{
	const struct allocation *al = &image->move.al;

	return is_address(&al->tuple.client) && front_is_sound(&image->front) &&
	       al->side == image->front.side && al->transport == image->front.transport &&
	       (image->via.ip.family == IP_NONE || is_address(&image->via)) &&
	       al->lifetime_s > 0 && al->expires_ms <= al->ends_ms &&
	       transports_are_sound(al) && relayed_is_sound(image) &&
	       mobility_is_sound(image) && permissions_are_sound(&image->move) &&
	       channels_are_sound(&image->move) && ms_is_sound(image) &&
	       proof_is_sound(image);
}
