/*
 * allocation_move.c - see allocation_move.h.
 */
#include "relay/core/allocation_move.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/debug_assert.h"
#include "relay/core/allocation_entries.h"
#include "relay/core/changes.h"
#include "relay/core/charge.h"
#include "relay/core/mobility_directory.h"
#include "relay/core/port_pool.h"
#include "relay/core/turn.h"

static const uint8_t families[2] = {IP_V4, IP_V6};

struct allocation_move *allocation_move_new(void)
{
	return calloc(1, sizeof(struct allocation_move));
}

void allocation_move_free(struct allocation_move *move)
{
	if (!move)
		return;
	OPENSSL_cleanse(&move->al.owner, sizeof(move->al.owner));
	OPENSSL_cleanse(&move->owner, sizeof(move->owner));
	free(move);
}

static struct slice copy(uint8_t *to, size_t size, struct slice from)
{
	assert(from.len <= size);
	(void)size;
	if (from.len > 0)
		memcpy(to, from.data, from.len);
	return (struct slice){to, from.len};
}

static void take_proof(struct turn *turn, const struct allocation *al,
		       struct allocation_move *move)
{
	struct owner_proof *proof = &move->proof;

	*proof = (struct owner_proof){.kind = OWNER_PROOF_NONE};
	if (turn->edge->proof_of == NULL)
		return;
	turn->edge->proof_of(turn->edge->self, al->slot, proof);
	proof->bytes = copy(move->text, OWNER_PROOF_BYTES_MAX, proof->bytes);
	proof->realm = copy(move->text + OWNER_PROOF_BYTES_MAX, OWNER_PROOF_REALM_MAX,
			    proof->realm);
}

void allocation_move_pack(struct turn *turn, struct allocation *al,
			  struct allocation_move *move)
{
	struct allocation_table *table = turn->table;

	assert(allocation_is_live(al) && al->dialect == DIALECT_IETF &&
	       al->relay_transport == TRANSPORT_UDP);
	turn->edge->client_leaves(turn->edge->self, al);
	for (size_t i = 0; i < 2; i++) {
		if (allocation_has_family(al, families[i]))
			turn->edge->relay_take(turn->edge->self, al->slot, families[i],
					       &move->sockets[i]);
	}
	allocation_entries_copy(table, al, move->permissions, move->channels);
	take_proof(turn, al, move);
	move->al = *al;
	move->al.owner.names = 0;
	allocation_owner(table, al, &move->owner);

	/* Channels refer to permissions, so channels go first. */
	channels_free(table, al);
	permissions_free(table, al);
	expiry_clear(&table->expiry, al->slot);
	turn_count_on_front(turn, al->tuple.front, -1);
	if (!al->client_gone)
		allocation_table_remove(table, al);
	if (al->mobile) {
		move->mobility = table->mobility[al->slot];
		move->mobility.hops++;
	}
	if (al->moving) {
		turn_count_on_front(turn, move->mobility.to.front, -1);
		allocation_table_remove_arriving(table, al);
	}
	move->left_slot = al->slot;
	allocation_table_leave(table, al);
	counter_add(&turn->counters.moved_out, 1);
}

void allocation_move_left(struct turn *turn, uint32_t slot)
{
	allocation_table_left(turn->table, slot);
	changes_note_slot(turn, slot);
}

struct mobility_place allocation_move_place(const struct allocation_move *move,
					    unsigned worker)
{
	return (struct mobility_place){
		.worker = (uint16_t)worker,
		.moves = move->mobility.hops,
		.slot = SLOT_NONE,
	};
}

/* Somebody else is there now; it ends as an allocation that does not move. */
static void unpack_arrival(struct turn *turn, struct allocation *al,
			   const struct allocation_move *move)
{
	const struct mobility *mobility = &move->mobility;

	if (allocation_find_any(turn->table, &mobility->to) != NULL) {
		al->moving = false;
		charge_drop(turn, al, &mobility->charge);
		return;
	}
	allocation_table_insert_arriving(turn->table, al);
	turn_count_on_front(turn, mobility->to.front, 1);
}

struct allocation *allocation_move_unpack(struct turn *turn,
					  const struct allocation_move *move)
{
	struct allocation_table *table = turn->table;
	struct allocation *al = allocation_table_take(table);

	if (!al)
		return NULL;
	const uint32_t slot = al->slot, generation = al->generation;

	*al = move->al;
	al->slot = slot;
	al->generation = generation;
	al->permissions = al->channels = SLOT_NONE;
	owner_store_put(&table->owners, &al->owner, &move->owner);
	allocation_entries_put(table, al, move->permissions, move->channels);
	if (al->mobile) {
		struct mobility_place place = allocation_move_place(move, turn->worker);

		table->mobility[slot] = move->mobility;
		table->mobility[slot].hops++;
		place.moves++;
		place.slot = slot;
		mobility_directory_move(turn->shared->mobile, mobility_name(al->id),
					place);
	}
	/* Its 5-tuple may be another allocation's here: behind a balancer several workers have it. */
	al->client_gone = true;
	turn_count_on_front(turn, al->tuple.front, 1);
	if (al->moving)
		unpack_arrival(turn, al, move);
	expiry_set(&table->expiry, slot, al->expires_ms);
	if (turn->edge->prove != NULL && move->proof.kind != OWNER_PROOF_NONE)
		turn->edge->prove(turn->edge->self, slot, &move->proof);
	changes_note(turn, al);
	for (size_t i = 0; i < 2; i++) {
		if (allocation_has_family(al, families[i]))
			turn->edge->relay_give(turn->edge->self, slot, families[i],
					       &move->sockets[i]);
	}
	counter_add(&turn->counters.moved_in, 1);
	return al;
}

struct allocation *allocation_move_put_back(struct turn *turn,
					    const struct allocation_move *move)
{
	allocation_table_left(turn->table, move->left_slot);

	struct allocation *al = allocation_move_unpack(turn, move);

	assert(al != NULL && al->moving == move->al.moving);
	al->client_gone = move->al.client_gone;
	if (!al->client_gone)
		allocation_table_insert(turn->table, al);
	return al;
}

void allocation_move_discard(struct turn *turn, const struct allocation_move *move,
			     uint64_t now_ms)
{
	const struct allocation *al = &move->al;
	struct port_pool *ports = turn->shared->ports;

	for (size_t i = 0; i < 2; i++) {
		if (allocation_has_family(al, families[i]))
			turn->edge->relay_give(turn->edge->self, SLOT_NONE, families[i],
					       &move->sockets[i]);
	}
	port_pool_give(ports, al->relay_address, al->relay_port, now_ms);
	if (al->dual.port != 0)
		port_pool_give(ports, al->dual.address, al->dual.port, now_ms);
	if (al->moving)
		charge_drop(turn, al, &move->mobility.charge);
	charge_return(turn, al);
	if (al->mobile)
		mobility_directory_remove(turn->shared->mobile, mobility_name(al->id));
	counter_add(&turn->counters.moved_in, 1);
	counter_add(&turn->counters.allocations_closed, 1);
	counter_add(&turn->counters.allocations_ended[END_SHUTDOWN], 1);
}
