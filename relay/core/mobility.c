/*
 * mobility.c - see mobility.h.
 */
#include "relay/core/mobility.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>

#include "relay/core/allocation.h"
#include "relay/core/changes.h"
#include "relay/core/ids.h"
#include "relay/core/mobility_directory.h"
#include "relay/core/mobility_end.h"
#include "relay/core/mobility_state.h"
#include "relay/core/special_purpose.h"
#include "relay/core/tcp_connection.h"
#include "relay/core/turn.h"

/*
 * RFC 8016 section 3.2.2 asks for 30 s; a client repeats a request for 39.5 s (RFC 8489 section
 * 6.2.1).
 */
enum { REPEATED_MS = 40000 };

static struct mobility_place place_of(const struct turn *turn,
				      const struct allocation *al)
{
	return (struct mobility_place){
		.worker = turn->worker,
		.moves = mobility_of(turn, al)->hops,
		.slot = al->slot,
	};
}

bool mobility_begin(struct turn *turn, struct allocation *al)
{
	assert(al->dialect == DIALECT_IETF && !al->mobile);
	al->mobile = true;
	memset(mobility_of(turn, al), 0, sizeof(struct mobility));
	if (!mobility_directory_add(turn->shared->mobile, mobility_name(al->id),
				    place_of(turn, al))) {
		al->mobile = false;
		return false;
	}
	changes_note(turn, al);
	mobility_count(turn, MOBILITY_TICKET);
	return true;
}

bool mobility_locate(const struct turn *turn, uint64_t name, unsigned *worker)
{
	struct mobility_place place;

	if (!mobility_directory_find(turn->shared->mobile, name, &place))
		return false;
	*worker = place.worker;
	return true;
}

struct allocation *mobility_find(const struct turn *turn, uint64_t name)
{
	struct mobility_place place;
	struct allocation *al;

	if (!mobility_directory_find(turn->shared->mobile, name, &place) ||
	    place.worker != turn->worker)
		return NULL;
	al = allocation_at(turn->table, place.slot);
	return al != NULL && al->mobile && mobility_name(al->id) == name ? al : NULL;
}

bool mobility_ticket(const struct turn *turn, const struct allocation *al,
		     uint8_t out[MOBILITY_TICKET_LEN])
{
	const struct mobility_ticket ticket = {
		.name = mobility_name(al->id),
		.number = mobility_of(turn, al)->ticket,
	};

	return mobility_ticket_seal(&turn->shared->mobility_key, &ticket, out);
}

static bool is_owners(const struct allocation *al, const struct mobility_move *move)
{
	const struct stored_owner *is = &al->owner;
	const struct owner *claims = move->owner;

	if (!owner_id_equal(&is->id, &claims->id))
		return false;
	return !is->is_token ||
	       (claims->is_token && is->key.len == claims->key.len &&
		CRYPTO_memcmp(is->key.bytes, claims->key.bytes, is->key.len) == 0);
}

bool mobility_is_repeated(const struct turn *turn, const struct allocation *al,
			  const struct mobility_move *move, uint64_t now_ms,
			  uint32_t *answered_s)
{
	const struct mobility *mobility = mobility_of(turn, al);

	if (!is_owners(al, move) ||
	    move->ticket->number != (uint16_t)(mobility->ticket - 1) ||
	    now_ms >= mobility->until_ms ||
	    memcmp(move->txid, mobility->txid, sizeof(mobility->txid)) != 0 ||
	    !five_tuple_equal(move->to, &mobility->from))
		return false;
	*answered_s = mobility->answered_s;
	return true;
}

/* A connection that is closed is no place to be at, even if another one has its 5-tuple now. */
static bool is_there(const struct turn *turn, const struct allocation *al,
		     const struct five_tuple *tuple)
{
	return (!al->client_gone && five_tuple_equal(&al->tuple, tuple)) ||
	       (al->moving && five_tuple_equal(&mobility_of(turn, al)->to, tuple));
}

/*
 * The connection of the Refresh that made the valid ticket ended before any data came over it, so
 * whether its client has the answer is not known. Over a connection there is no repetition that could
 * be recognised: the client comes over another one, with either ticket.
 */
static bool answer_may_be_lost(const struct turn *turn, const struct allocation *al,
			       uint64_t now_ms)
{
	const struct mobility *mobility = mobility_of(turn, al);

	return !al->moving && now_ms < mobility->until_ms &&
	       transport_is_stream(
		       turn->shared->fronts[mobility->from.front].transport) &&
	       !five_tuple_equal(&mobility->from, &al->tuple);
}

static bool is_good(const struct turn *turn, const struct allocation *al,
		    const struct mobility_ticket *ticket, uint64_t now_ms)
{
	const struct mobility *mobility = mobility_of(turn, al);

	return ticket->number == mobility->ticket ||
	       (ticket->number == (uint16_t)(mobility->ticket - 1) &&
		answer_may_be_lost(turn, al, now_ms));
}

enum mobility_event mobility_judge(const struct turn *turn, const struct allocation *al,
				   const struct mobility_move *move, uint64_t now_ms)
{
	const struct front *front = &turn->shared->fronts[move->to->front];

	if (!is_good(turn, al, move->ticket, now_ms))
		return MOBILITY_OLD_TICKET;
	if (is_there(turn, al, move->to))
		return MOBILITY_SAME_ADDRESS;
	if (!is_owners(al, move))
		return MOBILITY_WRONG_OWNER;
	if (allocation_find_any(turn->table, move->to) != NULL)
		return MOBILITY_IN_USE;
	/* A stream of bytes needs a client that loses none (RFC 6062 section 5.1). */
	if (al->relay_transport == TRANSPORT_TCP &&
	    !transport_is_stream(front->transport))
		return MOBILITY_TRANSPORT;
	if (turn->settings->retired_fronts[move->to->front])
		return MOBILITY_FORBIDDEN;
	/* As for a new allocation (RFC 8656 section 21.4). */
	if (ip_addr_is_tunnelled(&move->to->client.ip))
		return MOBILITY_ADDRESS;
	return MOBILITY_PREPARED;
}

bool mobility_prepare(struct turn *turn, struct allocation *al,
		      const struct mobility_move *move, uint64_t now_ms,
		      enum refusal *why)
{
	struct mobility *mobility = mobility_of(turn, al);
	uint32_t connections = al->relay_transport == TRANSPORT_TCP
				       ? tcp_connections_count(turn, al->slot)
				       : 0;
	struct charge charge;

	assert(is_good(turn, al, move->ticket, now_ms));
	assert(!allocation_find_any(turn->table, move->to));
	if (!charge_hold(turn, al, move->to, connections, &charge, why))
		return false;
	if (al->moving)
		mobility_abandon(turn, al);
	changes_note(turn, al);
	/* The next one is not the next but one if the answer that had it was lost. */
	mobility->ticket = (uint16_t)(move->ticket->number + 1);
	mobility->from = *move->to;
	memcpy(mobility->txid, move->txid, sizeof(mobility->txid));
	mobility->until_ms = now_ms + REPEATED_MS;
	mobility->to = *move->to;
	mobility->via = (uint16_t)move->via;
	mobility->charge = charge;
	mobility->fingerprint = move->fingerprint;
	al->moving = true;
	allocation_table_insert_arriving(turn->table, al);
	turn_count_on_front(turn, mobility->to.front, 1);
	mobility_count(turn, MOBILITY_PREPARED);
	return true;
}

void mobility_answered(struct turn *turn, const struct allocation *al,
		       uint32_t lifetime_s)
{
	changes_note(turn, al);
	mobility_of(turn, al)->answered_s = lifetime_s;
}

void mobility_complete(struct turn *turn, struct allocation *al)
{
	struct mobility *mobility = mobility_of(turn, al);

	assert(al->moving);
	/* Behind a balancer, data may come another way than the Refresh did. */
	if (mobility->via != turn->worker)
		turn->edge->arrival_ended(turn->edge->self, mobility->via, &mobility->to);
	allocation_table_remove_arriving(turn->table, al);
	al->moving = false;
	turn->edge->client_leaves(turn->edge->self, al);
	allocation_change_client(turn, al, &mobility->to, &mobility->charge);
	turn_count_on_front(turn, mobility->to.front, -1);
	al->fingerprint = mobility->fingerprint;
	mobility->moves++;
	mobility_count(turn, MOBILITY_MOVED);
}

bool mobility_client_gone(struct turn *turn, struct allocation *al,
			  const struct five_tuple *tuple)
{
	if (!al->mobile)
		return false;
	if (al->moving && five_tuple_equal(&mobility_of(turn, al)->to, tuple)) {
		mobility_abandon(turn, al);
		return true;
	}
	assert(!al->client_gone && five_tuple_equal(&al->tuple, tuple));
	const struct mobility *mobility = mobility_of(turn, al);

	if (al->moving && mobility->via == turn->worker) {
		mobility_complete(turn, al);
		return true;
	}
	if (al->moving)
		turn->edge->arrival_due(turn->edge->self, mobility->via, &mobility->to);
	turn->edge->client_leaves(turn->edge->self, al);
	changes_note(turn, al);
	allocation_table_remove(turn->table, al);
	al->client_gone = true;
	mobility_count(turn, MOBILITY_KEPT);
	return true;
}
