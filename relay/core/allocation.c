/*
 * allocation.c - makes and ends allocations. relay_port.c gets the relayed transport address,
 * allocation_table.c finds allocations.
 */
#include "relay/core/allocation.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>

#include "relay/core/changes.h"
#include "relay/core/charge.h"
#include "relay/core/dual.h"
#include "relay/core/ids.h"
#include "relay/core/mobility_end.h"
#include "relay/core/ms_reservation.h"
#include "relay/core/owner_proof.h"
#include "relay/core/relay_port.h"
#include "relay/core/tcp_connection.h"
#include "relay/core/turn.h"
#include "relay/core/user_groups.h"

const char *end_reason_name(enum end_reason reason)
{
	switch (reason) {
	case END_RELEASED:
		return "released";
	case END_EXPIRED:
		return "expired";
	case END_CLIENT_GONE:
		return "client-gone";
	case END_UNPADDED:
		return "unpadded-channel-data";
	case END_KILLED:
		return "killed";
	case END_SHUTDOWN:
		return "shutdown";
	case END_DRAINED:
		return "drained";
	case END_REVOKED:
		return "revoked";
	case END_RESTART:
		return "tls-restart";
	case END_CREDENTIAL:
		return "credential-expired";
	case END_LOST:
		return "lost";
	case END_REASON_COUNT:
		break;
	}
	return "unknown";
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

void allocation_tell_group(const struct turn *turn, struct allocation *al)
{
	struct owner owner;

	allocation_owner(turn->table, al, &owner);
	al->group =
		user_groups_match(turn->settings->groups, &owner, &al->tuple.client.ip) &
		USER_GROUPS_MAX;
	OPENSSL_cleanse(&owner, sizeof(owner));
}

void allocation_regroup(struct turn *turn, const struct turn_settings *before)
{
	struct allocation *al;

	assert(before != turn->settings);
	if (turn->settings->groups == NULL && before->groups == NULL)
		return;
	for (uint32_t slot = 0; (al = allocation_next(turn->table, slot)) != NULL;
	     slot = al->slot + 1)
		allocation_tell_group(turn, al);
}

/* A slot with all that the request says; NULL if the table is full. */
static struct allocation *slot_take(struct turn *turn,
				    const struct allocation_request *request,
				    uint64_t now_ms)
{
	const struct front *front = &turn->shared->fronts[request->tuple.front];
	struct allocation *al = allocation_table_take(turn->table);

	if (!al)
		return NULL;
	al->tuple = request->tuple;
	al->side = front->side;
	al->transport = front->transport;
	al->dialect = request->dialect;
	al->relay_transport = request->relay_transport;
	al->data_connections = request->data_connections;
	al->lifetime_s = request->lifetime_s;
	al->ends_ms = request->ends_ms != 0 ? request->ends_ms : UINT64_MAX;
	al->id = id_make(turn->worker, al->generation, al->slot);
	al->created_ms = now_ms;
	owner_store_put(&turn->table->owners, &al->owner, request->owner);
	allocation_tell_group(turn, al);
	memcpy(al->txid, request->txid, sizeof(al->txid));
	allocation_touch(al, now_ms);
	return al;
}

static void refuse(struct turn *turn, const struct allocation_request *request,
		   enum refusal why)
{
	counter_add(&turn->counters.refusals[why], 1);
	if (request->why != NULL)
		*request->why = why;
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

void allocation_count_opened(struct turn *turn, const struct allocation *al)
{
	counter_add(&turn->counters.allocations_opened, 1);
	counter_add(&turnover_of(turn, al)->opened, 1);
	turn_count_on_front(turn, al->tuple.front, 1);
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

static void prove(struct turn *turn, const struct allocation *al,
		  const struct owner_proof *proof)
{
	if (turn->edge->prove != NULL && proof->kind != OWNER_PROOF_NONE)
		turn->edge->prove(turn->edge->self, al->slot, proof);
}

int allocation_create(struct turn *turn, const struct allocation_request *request,
		      uint64_t now_ms, struct allocation **out)
{
	struct allocation *al;
	enum refusal why;
	int code;

	assert(!allocation_find(turn->table, &request->tuple));
	assert(request->tuple.front < turn->shared->front_count);
	assert(!request->dual ||
	       (request->family == IP_V4 && request->relay_transport == TRANSPORT_UDP));
	assert(!request->data_connections || request->relay_transport == TRANSPORT_TCP);
	if (!transports_fit(turn, request))
		return STUN_UNSUPPORTED_TRANSPORT;
	if (!request->reservation_token && !relay_port_has_family(turn, request->family))
		return STUN_ADDRESS_FAMILY_NOT_SUPPORTED;
	al = slot_take(turn, request, now_ms);
	if (!al) {
		refuse(turn, request, REFUSAL_CAPACITY);
		return STUN_INSUFFICIENT_CAPACITY;
	}
	if (!charge_take(turn, al, request->owner->user, now_ms, &why)) {
		refuse(turn, request, why);
		code = why == REFUSAL_TOTAL ? STUN_INSUFFICIENT_CAPACITY
					    : STUN_QUOTA_REACHED;
		goto fail;
	}
	code = relay_port_open(turn, al, request, now_ms);
	if (code) {
		refuse(turn, request,
		       code == STUN_QUOTA_REACHED ? REFUSAL_USER : REFUSAL_CAPACITY);
		goto fail_charged;
	}
	if (request->dual)
		al->dual.missing_code =
			(uint16_t)relay_port_open_second(turn, al, request, now_ms);

	allocation_table_insert(turn->table, al);
	expiry_set(&turn->table->expiry, al->slot, al->expires_ms);
	allocation_count_opened(turn, al);
	assert(al->families != IP_NONE && al->relay_port != 0);
	assert(al->expires_ms <= al->ends_ms);
	if (request->proof != NULL)
		prove(turn, al, request->proof);
	changes_note(turn, al);
	*out = al;
	return 0;

fail_charged:
	charge_return(turn, al);
fail:
	allocation_table_give(turn->table, al);
	return code;
}

void allocation_bound(struct turn *turn, struct allocation *al, uint64_t ends_ms)
{
	assert(allocation_is_live(al));
	if (al->ends_ms == ends_ms)
		return;
	changes_note(turn, al);
	/* After a reload that lifts an earlier bound, the next refresh applies the new one. */
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
	assert(al->expires_ms <= ends_ms);
	assert(al->dual.later_family == IP_NONE || al->dual.later_ms <= ends_ms);
}

void allocation_reown(struct turn *turn, struct allocation *al, const struct owner *owner,
		      const struct owner_proof *proof, uint64_t ends_ms)
{
	assert(owner_id_equal(&al->owner.id, &owner->id));
	owner_store_put(&turn->table->owners, &al->owner, owner);
	allocation_tell_group(turn, al);
	prove(turn, al, proof);
	changes_note(turn, al);
	allocation_bound(turn, al, ends_ms);
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
	assert(allocation_is_live(al) && lifetime_s > 0);
	changes_note(turn, al);
	al->lifetime_s = lifetime_s;
	al->dual.later_family = IP_NONE;
	allocation_touch(al, now_ms);
	expiry_set(&turn->table->expiry, al->slot, al->expires_ms);
}

void allocation_delete(struct turn *turn, struct allocation *al, enum end_reason reason,
		       uint64_t now_ms)
{
	assert(allocation_is_live(al) && reason < END_REASON_COUNT);
	changes_note(turn, al);
	al->end_reason = reason;
	/* Its last figures come with that. */
	turn->edge->allocation_ended(turn->edge->self, al);
	count_end(turn, al, now_ms);
	turn_count_on_front(turn, al->tuple.front, -1);
	tcp_connections_end(turn, al);

	mobility_end(turn, al);
	/* A port it reserved for another allocation stays reserved (RFC 8656 section 7.2). */
	relay_port_close(turn, al, now_ms);
	ms_reservation_forget(turn, al);
	charge_return(turn, al);
	permissions_free(turn->table, al);
	channels_free(turn->table, al);
	expiry_clear(&turn->table->expiry, al->slot);
	if (!al->client_gone)
		allocation_table_remove(turn->table, al);
	allocation_table_give(turn->table, al);
}

void allocation_change_client(struct turn *turn, struct allocation *al,
			      const struct five_tuple *to, const struct charge *charge)
{
	const struct front *front = &turn->shared->fronts[to->front];

	assert(allocation_is_live(al) && !allocation_find(turn->table, to));
	changes_note(turn, al);
	counter_add(&turnover_of(turn, al)->closed, 1);
	turn_count_on_front(turn, al->tuple.front, -1);
	if (!al->client_gone)
		allocation_table_remove(turn->table, al);
	al->client_gone = false;
	al->tuple = *to;
	al->transport = front->transport;
	allocation_tell_group(turn, al); /* its networks may have another */
	charge_switch(turn, al, charge);
	assert(al->side == front->side);
	allocation_table_insert(turn->table, al);
	turn_count_on_front(turn, to->front, 1);
	counter_add(&turnover_of(turn, al)->opened, 1);
}

struct allocation *allocation_end_expired(struct turn *turn, struct allocation *al,
					  uint64_t now_ms)
{
	assert(allocation_has_expired(al, now_ms));
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
		assert(allocation_is_live(al) && due <= al->expires_ms);
		/* Data has extended the deadline meanwhile: see allocation_touch(). */
		if (now_ms < al->expires_ms)
			expiry_set(&turn->table->expiry, slot, al->expires_ms);
		else
			allocation_end_expired(turn, al, now_ms);
	}
	return UINT64_MAX;
}

static struct endpoint at_local(const struct turn *turn, uint16_t address, uint16_t port)
{
	assert(address < turn->shared->relay_count);
	return (struct endpoint){turn->shared->relay[address].local, port};
}

static struct endpoint at_public(const struct turn *turn, uint16_t address, uint16_t port)
{
	assert(address < turn->shared->relay_count);
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
