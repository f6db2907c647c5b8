/*
 * session_model.c - see session_model.h.
 */
#include "tests/fuzz/session_model.h"

#include <string.h>

#include "relay/core/channel.h"
#include "relay/core/mobility.h"
#include "relay/core/mobility_end.h"
#include "relay/core/mobility_state.h"
#include "relay/core/permission.h"
#include "tests/fuzz/fuzz.h"

static struct endpoint as_named(const struct model *m, struct endpoint peer)
{
	peer_policy_to_public(m->fixture->settings.policy, NULL, &peer);
	return peer;
}

static const struct grant *grant_find(const struct model *m, const struct allocation *al,
				      const struct endpoint *peer, uint16_t number)
{
	struct endpoint want = as_named(m, *peer);

	if (number == 0)
		want.port = 0;
	for (size_t i = 0; i < m->count; i++) {
		const struct grant *g = &m->grants[i];

		if (g->allocation == al->id && g->number == number &&
		    endpoint_equal(&g->peer, &want) && m->fixture->now_ms < g->until_ms)
			return g;
	}
	return NULL;
}

static void grant_add(struct model *m, const struct allocation *al,
		      const struct endpoint *peer, uint16_t number, uint64_t lifetime_ms)
{
	struct grant grant = {al->id, as_named(m, *peer), number,
			      m->fixture->now_ms + lifetime_ms};
	size_t i;

	if (number == 0)
		grant.peer.port = 0;
	for (i = 0; i < m->count; i++) {
		const struct grant *g = &m->grants[i];

		if (m->fixture->now_ms >= g->until_ms ||
		    (g->allocation == grant.allocation && g->number == number &&
		     endpoint_equal(&g->peer, &grant.peer)))
			break;
	}
	if (i == m->count)
		FUZZ_CHECK(m->count++ < GRANTS_MAX);
	m->grants[i] = grant;
}

static struct endpoint of_family(uint8_t family)
{
	return (struct endpoint){.ip.family = family};
}

/* The lifetime of each relayed address, as told to the client. */
static void note_lifetimes(struct model *m, const struct client *c,
			   const struct stun_msg *asked)
{
	const struct allocation *al = client_allocation(c);
	uint64_t told_ms = 1000 * (uint64_t)client_u32(c, TURN_LIFETIME);
	uint8_t only = IP_NONE;
	struct stun_attr attr;

	if (al == NULL ||
	    (asked->method != TURN_ALLOCATE && asked->method != TURN_REFRESH))
		return;
	if (asked->method == TURN_REFRESH &&
	    stun_msg_find(asked, TURN_REQUESTED_ADDRESS_FAMILY, &attr))
		only = attr.value.data[0];
	for (uint8_t family = IP_V4; family <= IP_V6; family++) {
		const struct endpoint it = of_family(family);

		if (only != IP_NONE && only != family)
			continue;
		/*
		 * The answer to a repeated Allocate has the remaining lifetime of the
		 * half that ends first.
		 */
		if (asked->method == TURN_ALLOCATE &&
		    grant_find(m, al, &it, GRANT_ADDRESS) != NULL)
			continue;
		FUZZ_CHECK(told_ms > 0 || !allocation_has_family(al, family));
		if (told_ms == 0 || allocation_has_family(al, family))
			grant_add(m, al, &it, GRANT_ADDRESS, told_ms);
	}
}

/* May anything pass through the relayed address of that family? */
static void check_address(const struct model *m, const struct allocation *al,
			  uint8_t family)
{
	const struct endpoint it = of_family(family);

	FUZZ_CHECK(allocation_has_family(al, family));
	FUZZ_CHECK(!allocation_family_has_expired(al, family, m->fixture->now_ms));
	FUZZ_CHECK(grant_find(m, al, &it, GRANT_ADDRESS) != NULL);
}

/* What a success response grants, derived from the request, as the client would. */
static void note_success(struct model *m, const struct client *c)
{
	const struct allocation *al = client_allocation(c);
	struct stun_attr attr;
	struct stun_msg asked;
	struct slice rest;
	struct endpoint peer;
	uint16_t number = 0;

	FUZZ_CHECK(stun_msg_parse((struct slice){c->message, c->message_len}, &asked) ==
		   STUN_PARSE_OK);
	if (asked.method != STUN_BINDING && al != NULL) {
		FUZZ_CHECK(owner_id_equal(&al->owner.id, &c->owner));
		FUZZ_CHECK(m->fixture->now_ms < al->expires_ms);
	}
	note_lifetimes(m, c, &asked);
	if (asked.method != TURN_CREATE_PERMISSION && asked.method != TURN_CHANNEL_BIND)
		return;
	FUZZ_CHECK(al != NULL);
	if (asked.method == TURN_CHANNEL_BIND) {
		FUZZ_CHECK(stun_msg_find(&asked, TURN_CHANNEL_NUMBER, &attr));
		FUZZ_CHECK(stun_attr_channel_number(&attr, &number) && number >= 0x4000);
		FUZZ_CHECK(number <=
			   (m->fixture->settings.rfc5766_channels && !al->shows_rfc8656
				    ? 0x7FFF
				    : 0x4FFF));
	}
	for (rest = asked.body; stun_attr_next(&rest, &attr);) {
		if (attr.type != TURN_XOR_PEER_ADDRESS)
			continue;
		FUZZ_CHECK(stun_attr_xor_address(&attr, asked.txid, &peer));
		FUZZ_CHECK(allocation_has_family(al, peer.ip.family));
		grant_add(m, al, &peer, 0, PERMISSION_LIFETIME_MS);
		if (number != 0) {
			grant_add(m, al, &peer, number, CHANNEL_LIFETIME_MS);
			break;
		}
	}
}

/*
 * A packet leaves for a peer: from the client's own relayed address, and only if
 * permitted.
 */
static void check_to_peer(const struct model *m, const struct client *c)
{
	const struct forward *f = &c->out.forward;
	const struct allocation *al = client_allocation(c);

	FUZZ_CHECK(al != NULL && f->slot == al->slot && f->kind == FORWARD_TO_PEER);
	FUZZ_CHECK(m->fixture->now_ms < al->expires_ms);
	FUZZ_CHECK(f->peer.port != 0);
	check_address(m, al, f->peer.ip.family);
	FUZZ_CHECK(grant_find(m, al, &f->peer, 0) != NULL);
	FUZZ_CHECK(f->payload.len == 0 ||
		   (f->payload.data >= c->message &&
		    f->payload.data + f->payload.len <= c->message + c->message_len));
	if (c->message[0] >= 0x40)
		FUZZ_CHECK(grant_find(m, al, &f->peer, load_be16(c->message)) != NULL);
}

void model_check_answer(struct model *m, const struct client *c)
{
	FUZZ_CHECK(c->fault == NULL);
	switch (c->out.action) {
	case DISPATCH_NOTHING:
		break;
	case DISPATCH_REPLY:
		if (c->code == 0 && c->answer.method != STUN_BINDING)
			FUZZ_CHECK(c->out.authenticated);
		if (c->code == 0)
			note_success(m, c);
		break;
	case DISPATCH_FORWARD:
		check_to_peer(m, c);
		break;
	case DISPATCH_CLOSE:
		FUZZ_CHECK(transport_is_stream(
			m->fixture->fronts[c->tuple.front].transport));
		break;
	case DISPATCH_BIND:
	case DISPATCH_HAND_OVER:
		FUZZ_CHECK(c->out.worker != m->fixture->turn.worker);
		break;
	}
}

/*
 * Check that no other allocation has the ports of this one; returns its number of
 * sockets.
 */
static size_t check_sockets(const struct fixture *w, const struct allocation *al)
{
	const struct endpoint local = allocation_relayed_local(&w->turn, al);
	const struct endpoint second = allocation_second_local(&w->turn, al);
	struct port_pool *pool = turn_ports(&w->turn, al->relay_transport);
	const struct allocation *other;

	FUZZ_CHECK(w->edge.open[al->slot]);
	FUZZ_CHECK(endpoint_equal(&w->edge.local[al->slot], &local));
	FUZZ_CHECK(w->edge.second[al->slot].ip.family == second.ip.family);
	FUZZ_CHECK(w->edge.tcp[al->slot] == (al->relay_transport == TRANSPORT_TCP));
	FUZZ_CHECK(port_pool_in_use(pool, al->relay_address, al->relay_port));
	FUZZ_CHECK(al->families == (local.ip.family | second.ip.family));
	for (other = allocation_next(w->turn.table, 0); other != NULL;
	     other = allocation_next(w->turn.table, other->slot + 1)) {
		struct endpoint its = allocation_relayed_local(&w->turn, other);
		struct endpoint its_second = allocation_second_local(&w->turn, other);

		if (other == al || other->relay_transport != al->relay_transport)
			continue;
		FUZZ_CHECK(!endpoint_equal(&its, &local));
		FUZZ_CHECK(!endpoint_equal(&its_second, &local));
		FUZZ_CHECK(second.ip.family == IP_NONE ||
			   !endpoint_equal(&its_second, &second));
	}
	if (second.ip.family == IP_NONE)
		return 1;
	FUZZ_CHECK(endpoint_equal(&w->edge.second[al->slot], &second));
	FUZZ_CHECK(port_pool_in_use(pool, al->dual.address, al->dual.port));
	return 2;
}

/* The user is charged once for each allocation, however many addresses it has. */
static void check_quota(const struct fixture *w, const struct allocation *al)
{
	const struct allocation *other;
	uint32_t same = 0;

	for (other = allocation_next(w->turn.table, 0); other != NULL;
	     other = allocation_next(w->turn.table, other->slot + 1))
		same += other->dialect == al->dialect &&
			other->user_quota == al->user_quota;
	FUZZ_CHECK(quota_held(w->shared.users[al->dialect], al->user_quota) == same);
}

/* It is found by its name and where it moves to, and both places have room for it. */
static void check_mobility(const struct fixture *w, const struct allocation *al)
{
	const struct mobility *mobility = mobility_of(&w->turn, al);

	FUZZ_CHECK(mobility_find(&w->turn, mobility_name(al->id)) == al);
	FUZZ_CHECK(al->prefix_row != UINT32_MAX);
	FUZZ_CHECK(quota_held(w->shared.prefixes, al->prefix_quota) > 0);
	if (!al->moving)
		return;
	FUZZ_CHECK(allocation_find_arriving(w->turn.table, &mobility->to) == al);
	FUZZ_CHECK(allocation_find(w->turn.table, &mobility->to) == NULL);
	FUZZ_CHECK(quota_held(w->shared.prefixes, mobility->charge.prefix_quota) > 0);
}

void model_check_invariants(const struct model *m)
{
	const struct fixture *w = m->fixture;
	size_t count = 0, sockets = 0;

	for (const struct allocation *al = allocation_next(w->turn.table, 0); al != NULL;
	     al = allocation_next(w->turn.table, al->slot + 1)) {
		count++;
		FUZZ_CHECK(al->client_gone ||
			   allocation_find(w->turn.table, &al->tuple) == al);
		FUZZ_CHECK(al->mobile || (!al->moving && !al->client_gone));
		if (al->mobile)
			check_mobility(w, al);
		FUZZ_CHECK(al->dual.later_family == IP_NONE ||
			   (al->dual.port != 0 && al->dual.later_ms > al->expires_ms &&
			    al->dual.later_ms <= al->ends_ms));
		sockets += check_sockets(w, al);
		check_quota(w, al);
	}
	FUZZ_CHECK(allocation_count(w->turn.table) == count);
	FUZZ_CHECK(w->edge.opened - w->edge.closed == sockets);
	/* A socket may close unused if the reservation of the next port fails. */
	FUZZ_CHECK(w->edge.closed >= w->edge.ended);
	FUZZ_CHECK(w->edge.ended == w->turn.counters.allocations_closed);
	FUZZ_CHECK(quota_held(w->shared.total, 0) == count);
}

void model_check_ports(const struct model *m)
{
	const struct fixture *w = m->fixture;
	size_t sockets = w->edge.opened - w->edge.closed, used = 0;

	FUZZ_CHECK(allocation_table_check(w->turn.table));
	FUZZ_CHECK(port_pool_check(w->shared.ports));
	FUZZ_CHECK(port_pool_check(w->shared.tcp_ports));
	for (size_t i = 0; i < w->shared.relay_count; i++) {
		used += port_pool_figures(w->shared.ports, i, w->now_ms).used;
		used += port_pool_figures(w->shared.tcp_ports, i, w->now_ms).used;
	}
	FUZZ_CHECK(used >= sockets);
}

void model_check_to_client(const struct model *m, const struct allocation *al,
			   const struct endpoint *source, const struct forward *f)
{
	uint8_t wire[FORWARD_HEADER_MAX + 256] = {0};
	size_t len = f->header_len + f->payload.len + f->padding_len;
	struct stun_msg msg;

	FUZZ_CHECK(f->slot == al->slot && f->header_len <= FORWARD_HEADER_MAX);
	check_address(m, al, source->ip.family);
	FUZZ_CHECK(source->port != 0 && grant_find(m, al, source, 0) != NULL);
	memcpy(wire, f->header, f->header_len);
	if (f->header_len == FORWARD_CHANNEL_HEADER) {
		FUZZ_CHECK(grant_find(m, al, source, load_be16(wire)) != NULL);
		FUZZ_CHECK(load_be16(wire + 2) == f->payload.len);
	} else {
		FUZZ_CHECK(stun_msg_parse((struct slice){wire, len}, &msg) ==
			   STUN_PARSE_OK);
		FUZZ_CHECK(msg.method == TURN_DATA && msg.class == STUN_INDICATION);
	}
}
