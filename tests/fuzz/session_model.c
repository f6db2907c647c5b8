/*
 * session_model.c - see session_model.h.
 */
#include "tests/fuzz/session_model.h"

#include <string.h>

#include "relay/core/channel.h"
#include "relay/core/permission.h"
#include "tests/fuzz/fuzz.h"

static struct endpoint as_named(const struct model *m, struct endpoint peer)
{
	peer_policy_to_public(m->world->settings.policy, NULL, &peer);
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
		    endpoint_equal(&g->peer, &want) && m->world->now_ms < g->until_ms)
			return g;
	}
	return NULL;
}

static void grant_add(struct model *m, const struct allocation *al,
		      const struct endpoint *peer, uint16_t number, uint64_t lifetime_ms)
{
	struct grant grant = {al->id, as_named(m, *peer), number,
			      m->world->now_ms + lifetime_ms};
	size_t i;

	if (number == 0)
		grant.peer.port = 0;
	for (i = 0; i < m->count; i++) {
		const struct grant *g = &m->grants[i];

		if (m->world->now_ms >= g->until_ms ||
		    (g->allocation == grant.allocation && g->number == number &&
		     endpoint_equal(&g->peer, &grant.peer)))
			break;
	}
	if (i == m->count)
		FUZZ_CHECK(m->count++ < GRANTS_MAX);
	m->grants[i] = grant;
}

/* What a success answer gave: read from the request, as its client would. */
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
		FUZZ_CHECK(owner_equal(&al->owner, &c->owner));
		FUZZ_CHECK(m->world->now_ms < al->expires_ms);
	}
	if (asked.method != TURN_CREATE_PERMISSION && asked.method != TURN_CHANNEL_BIND)
		return;
	FUZZ_CHECK(al != NULL);
	if (asked.method == TURN_CHANNEL_BIND) {
		FUZZ_CHECK(stun_msg_find(&asked, TURN_CHANNEL_NUMBER, &attr));
		FUZZ_CHECK(stun_attr_channel_number(&attr, &number) && number >= 0x4000);
		FUZZ_CHECK(number <=
			   (m->world->settings.rfc5766_channels && al->fingerprint
				    ? 0x7FFF
				    : 0x4FFF));
	}
	for (rest = asked.body; stun_attr_next(&rest, &attr);) {
		if (attr.type != TURN_XOR_PEER_ADDRESS)
			continue;
		FUZZ_CHECK(stun_attr_xor_address(&attr, asked.txid, &peer));
		FUZZ_CHECK(peer.ip.family == al->family);
		grant_add(m, al, &peer, 0, PERMISSION_LIFETIME_MS);
		if (number != 0) {
			grant_add(m, al, &peer, number, CHANNEL_LIFETIME_MS);
			break;
		}
	}
}

/* Something leaves for a peer: from the client's own relay, and only where it was let. */
static void check_to_peer(const struct model *m, const struct client *c)
{
	const struct forward *f = &c->out.forward;
	const struct allocation *al = client_allocation(c);

	FUZZ_CHECK(al != NULL && f->slot == al->slot && f->kind == FORWARD_TO_PEER);
	FUZZ_CHECK(m->world->now_ms < al->expires_ms);
	FUZZ_CHECK(f->peer.port != 0 && f->peer.ip.family == al->family);
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
		FUZZ_CHECK(
			transport_is_stream(m->world->fronts[c->tuple.front].transport));
		break;
	}
}

void model_check_world(const struct model *m)
{
	const struct world *w = m->world;
	size_t count = 0, used = 0;

	for (const struct allocation *al = allocation_next(w->turn.table, 0); al != NULL;
	     al = allocation_next(w->turn.table, al->slot + 1)) {
		struct endpoint local = allocation_relayed_local(&w->turn, al);
		uint32_t same = 0;

		count++;
		FUZZ_CHECK(allocation_find(w->turn.table, &al->tuple) == al);
		FUZZ_CHECK(w->edge.open[al->slot]);
		FUZZ_CHECK(endpoint_equal(&w->edge.local[al->slot], &local));
		FUZZ_CHECK(w->edge.tcp[al->slot] ==
			   (al->relay_transport == TRANSPORT_TCP));
		FUZZ_CHECK(port_pool_in_use(
			turn_ports(&w->turn, (enum transport)al->relay_transport),
			al->relay_address, al->relay_port));
		for (const struct allocation *other = allocation_next(w->turn.table, 0);
		     other != NULL;
		     other = allocation_next(w->turn.table, other->slot + 1)) {
			struct endpoint its = allocation_relayed_local(&w->turn, other);

			FUZZ_CHECK(other == al || !endpoint_equal(&its, &local) ||
				   other->relay_transport != al->relay_transport);
			same += other->user_quota == al->user_quota;
		}
		FUZZ_CHECK(quota_held(w->commons.users, al->user_quota) == same);
	}
	FUZZ_CHECK(allocation_count(w->turn.table) == count);
	FUZZ_CHECK(w->edge.opened - w->edge.closed == count);
	/* A socket may close unused, when the reservation for the next port fails. */
	FUZZ_CHECK(w->edge.closed >= w->edge.ended);
	FUZZ_CHECK(w->edge.ended == w->turn.counters.allocations_closed);
	FUZZ_CHECK(quota_held(w->commons.total, 0) == count);
	FUZZ_CHECK(port_pool_check(w->commons.ports));
	FUZZ_CHECK(port_pool_check(w->commons.tcp_ports));
	for (size_t i = 0; i < w->commons.relay_count; i++) {
		used += port_pool_figures(w->commons.ports, i, w->now_ms).used;
		used += port_pool_figures(w->commons.tcp_ports, i, w->now_ms).used;
	}
	FUZZ_CHECK(used >= count);
}

void model_check_to_client(const struct model *m, const struct allocation *al,
			   const struct endpoint *source, const struct forward *f)
{
	uint8_t wire[FORWARD_HEADER_MAX + 256] = {0};
	size_t len = f->header_len + f->payload.len + f->padding_len;
	struct stun_msg msg;

	FUZZ_CHECK(f->slot == al->slot && f->header_len <= FORWARD_HEADER_MAX);
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
