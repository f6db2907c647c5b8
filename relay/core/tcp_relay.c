/*
 * tcp_relay.c - see tcp_relay.h.
 */
#include "relay/core/tcp_relay.h"

#include <assert.h>

#include "relay/core/allocation_state.h"
#include "relay/core/permission.h"
#include "relay/core/turn.h"

static void count(struct turn *turn, enum peer_event event)
{
	counter_add(&turn->counters.peer_events[event], 1);
}

static enum tcp_relay_verdict reset(struct turn *turn, enum peer_event why)
{
	count(turn, why);
	return TCP_RELAY_RESET;
}

static bool has_room(const struct turn *turn, const struct tcp_relay_load *load)
{
	return load->connections < turn->settings->limits.peer_connections;
}

/* May the client still permit a peer that it has not named yet? */
static bool expects_peers(const struct allocation *al)
{
	return al->dialect == DIALECT_MS && !destination_is_set(&al->active);
}

static bool may_wait(const struct turn *turn, const struct allocation *al,
		     uint64_t now_ms)
{
	const struct turn_limits *limits = &turn->settings->limits;

	return expects_peers(al) && limits->early_peer_hold_ms > 0 &&
	       now_ms - al->created_ms < limits->early_peer_age_ms;
}

/* An allocation may hold as many as it may have connections: flooding one starves no other. */
static bool may_hold_more(const struct turn *turn, const struct tcp_relay_load *load)
{
	const struct turn_limits *limits = &turn->settings->limits;

	return load->held < limits->peer_connections &&
	       load->held_total < limits->held_connections;
}

enum tcp_relay_verdict tcp_relay_incoming(struct turn *turn, const struct allocation *al,
					  const struct endpoint *peer,
					  const struct tcp_relay_load *load,
					  uint64_t now_ms, uint64_t *until_ms)
{
	assert(al->relay_transport == TRANSPORT_TCP);
	if (allocation_has_expired(al, now_ms) || peer->port == 0)
		return reset(turn, PEER_STRANGER);
	/* What policy refuses can never get a permission. */
	if (peer_refused_by(turn, TRANSPORT_TCP, peer))
		return reset(turn, PEER_REFUSED);
	if (permission_allows(turn, al, &peer->ip, now_ms)) {
		if (!has_room(turn, load))
			return reset(turn, PEER_FULL);
		count(turn, PEER_ACCEPTED);
		return TCP_RELAY_ACCEPT;
	}
	if (!may_wait(turn, al, now_ms))
		return reset(turn, PEER_STRANGER);
	if (!may_hold_more(turn, load))
		return reset(turn, PEER_HELD_FULL);
	*until_ms = now_ms + turn->settings->limits.early_peer_hold_ms;
	count(turn, PEER_HELD);
	return TCP_RELAY_HOLD;
}

enum tcp_relay_verdict tcp_relay_waiting(struct turn *turn, const struct allocation *al,
					 const struct endpoint *peer,
					 const struct tcp_relay_load *load,
					 uint64_t until_ms, uint64_t now_ms)
{
	assert(al->relay_transport == TRANSPORT_TCP);
	if (allocation_has_expired(al, now_ms))
		return reset(turn, PEER_HELD_EXPIRED);
	if (peer_refused_by(turn, TRANSPORT_TCP, peer))
		return reset(turn, PEER_REFUSED);
	if (permission_allows(turn, al, &peer->ip, now_ms)) {
		if (!has_room(turn, load))
			return reset(turn, PEER_FULL);
		count(turn, PEER_ADMITTED);
		return TCP_RELAY_ACCEPT;
	}
	if (!expects_peers(al) || now_ms >= until_ms)
		return reset(turn, PEER_HELD_EXPIRED);
	return TCP_RELAY_HOLD;
}

bool tcp_relay_outgoing(struct turn *turn, const struct tcp_relay_load *load)
{
	if (has_room(turn, load))
		return true;
	count(turn, PEER_FULL);
	return false;
}
