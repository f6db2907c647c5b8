/*
 * forward_ms.c - the verdict on one datagram in the MS dialect.
 *
 *	client   control message: Send    -> its peer, which thereby gets a permission
 *	client   anything else            -> the active destination
 *	peer     the active destination   -> client, unchanged
 *	peer     another permitted one    -> client, in a Data Indication
 *
 * On a stream the last two are frames. Unlike RFC 8656 what the client sends keeps its
 * allocation alive: a client exists that never refreshes.
 */
#include "relay/core/forward_ms.h"

#include <assert.h>

#include "base/debug_assert.h"
#include "relay/core/allocation_table.h"
#include "relay/core/changes.h"
#include "relay/core/destination.h"
#include "relay/core/forward_parts.h"
#include "relay/core/peer_policy.h"
#include "relay/core/permission.h"
#include "stun/framing.h"
#include "stun/ms_attr.h"

static_assert((int)FORWARD_MS_FRAME_HEADER == (int)MS_FRAME_HEADER_LEN &&
		      (int)FORWARD_MS_DATA_HEADER_V4 == (int)MS_DATA_HEADER_V4 &&
		      (int)FORWARD_MS_DATA_HEADER_V6 == (int)MS_DATA_HEADER_V6,
	      "the codec writes what there is room for");

static void from_client(struct turn *turn, struct allocation *al,
			const struct endpoint *peer, bool own, struct slice payload,
			uint64_t now_ms, struct forward *out)
{
	struct endpoint to = *peer;

	if (own)
		peer_policy_to_local(turn->settings->policy, &to);
	forward_to_peer(turn, al, &to, payload, now_ms, out);
	if (out->kind == FORWARD_TO_PEER)
		allocation_touch(al, now_ms);
}

void forward_ms_raw(struct turn *turn, struct allocation *al, struct slice payload,
		    uint64_t now_ms, struct forward *out)
{
	const struct destination *active = &al->active;

	*out = (struct forward){.slot = al->slot};
	if (allocation_has_expired(al, now_ms))
		forward_drop(turn, DROP_NO_ALLOCATION, out);
	else if (!destination_is_set(active))
		forward_drop(turn, DROP_NO_DESTINATION, out);
	else if (!destination_is_allowed(turn, al))
		forward_drop(turn, DROP_POLICY, out);
	else
		from_client(turn, al, &active->peer, active->own, payload, now_ms, out);
	forward_note(turn, al, NULL, now_ms, out);
}

/* Policy, and a permission if there is none yet: why the Send may not pass, or DROP_NONE. */
static enum drop_reason permit(struct turn *turn, struct allocation *al,
			       const struct endpoint *peer, uint64_t now_ms)
{
	const struct endpoint named = peer_as_named(turn, peer);

	if (!allocation_has_family(al, peer->ip.family))
		return DROP_WRONG_FAMILY;
	if (peer->port == 0 || peer_refused_by(turn, al->relay_transport, peer))
		return DROP_POLICY;
	if (permission_find(turn, al, &named.ip, now_ms))
		return DROP_NONE;
	switch (permission_install(turn, al, peer, 1, now_ms, NULL)) {
	case 0:
		changes_save(turn, now_ms); /* the first Send to that peer */
		return DROP_NONE;
	case STUN_INSUFFICIENT_CAPACITY:
		return DROP_PERMISSIONS_FULL;
	default:
		return DROP_POLICY;
	}
}

void forward_ms_send(struct turn *turn, struct allocation *al,
		     const struct endpoint *peer, struct slice payload, uint64_t now_ms,
		     struct forward *out)
{
	enum drop_reason reason = DROP_NO_ALLOCATION;

	*out = (struct forward){.slot = al->slot};
	if (!allocation_has_expired(al, now_ms))
		reason = permit(turn, al, peer, now_ms);
	if (reason != DROP_NONE)
		forward_drop(turn, reason, out);
	else
		from_client(turn, al, peer, true, payload, now_ms, out);
}

/* Bare data: nothing in front on UDP, a frame on a stream. */
static bool wrap_raw(const struct allocation *al, size_t len, struct forward *out)
{
	if (!transport_is_stream(al->transport))
		return len <= forward_client_max(al);
	if (len > MS_FRAME_PAYLOAD_MAX)
		return false;
	ms_frame_write_header(out->header, MS_FRAME_DATA, len);
	out->header_len = MS_FRAME_HEADER_LEN;
	return true;
}

/* A Data Indication: no integrity, no padding, a transaction id that means nothing. */
static bool wrap_indication(struct turn *turn, const struct allocation *al,
			    const struct endpoint *peer, size_t len, struct forward *out)
{
	bool framed = transport_is_stream(al->transport);
	uint8_t *message = out->header + (framed ? MS_FRAME_HEADER_LEN : 0);
	size_t header_len = ms_data_header_len(peer);
	uint8_t txid[MS_TXID_LEN];

	if (len > MS_MSG_MAX - header_len || len + header_len > forward_client_max(al))
		return false;
	turn->edge->random(turn->edge->self, txid, sizeof(txid));
	ms_data_indication_header(message, txid, peer, len);
	if (framed) {
		ms_frame_write_header(out->header, MS_FRAME_CONTROL, header_len + len);
		header_len += MS_FRAME_HEADER_LEN;
	}
	debug_assert(header_len <= sizeof(out->header));
	out->header_len = (uint16_t)header_len;
	return true;
}

void forward_ms_from_peer(struct turn *turn, struct allocation *al,
			  const struct endpoint *named, struct slice payload,
			  uint64_t now_ms, struct forward *out)
{
	enum drop_reason reason = DROP_NONE;
	bool fits, paid = false;
	bool is_active = endpoint_equal(&al->active.peer, named);

	debug_assert(al->dialect == DIALECT_MS);
	if (is_active) {
		if (!destination_is_allowed(turn, al))
			reason = DROP_POLICY;
		paid = al->active.own;
		fits = wrap_raw(al, payload.len, out);
	} else {
		struct permission *p = permission_find(turn, al, &named->ip, now_ms);

		if (!p)
			reason = DROP_NO_PERMISSION;
		else if (!permission_is_allowed(turn, p))
			reason = DROP_POLICY;
		else
			paid = p->own &&
			       !peer_refused_by(turn, al->relay_transport, named);
		fits = reason == DROP_NONE &&
		       wrap_indication(turn, al, named, payload.len, out);
	}
	if (reason == DROP_NONE && !fits)
		reason = DROP_TOO_LARGE;
	if (reason == DROP_NONE)
		forward_to_client(turn, al, named, paid, payload, now_ms, out);
	else
		forward_drop(turn, reason, out);
	if (is_active)
		forward_note(turn, al, NULL, now_ms, out);
}
