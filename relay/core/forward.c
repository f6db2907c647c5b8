/*
 * forward.c - the verdict on one datagram. Nothing here extends the lifetime of an allocation,
 * permission or channel, and nothing is answered: what may not pass is counted and dropped. The
 * MS dialect's verdicts are in forward_ms.c.
 */
#include "relay/core/forward.h"

#include "base/debug_assert.h"
#include "relay/core/allocation_table.h"
#include "relay/core/channel.h"
#include "relay/core/forward_ms.h"
#include "relay/core/forward_parts.h"
#include "relay/core/peer_policy.h"
#include "relay/core/permission.h"
#include "stun/attr.h"
#include "stun/chandata.h"
#include "stun/integrity.h"

/* Why a datagram of a channel may not pass, in either direction, or DROP_NONE. */
static enum drop_reason channel_refuses(const struct turn *turn, struct channel *ch,
					uint64_t now_ms)
{
	/* A live binding does not replace the permission (RFC 8656 section 9). */
	if (ch->permission == SLOT_NONE ||
	    permission_at(turn->table, ch->permission)->expires_ms <= now_ms)
		return DROP_NO_PERMISSION;
	return channel_is_allowed(turn, ch) ? DROP_NONE : DROP_POLICY;
}

void forward_channel_data(struct turn *turn, struct allocation *al, struct slice message,
			  uint64_t now_ms, struct forward *out)
{
	uint16_t number;
	struct slice payload;

	*out = (struct forward){.slot = al->slot};
	if (allocation_has_expired(al, now_ms)) {
		forward_drop(turn, DROP_NO_ALLOCATION, out);
		return;
	}
	if (!chandata_parse(message, &number, &payload)) {
		forward_drop(turn, DROP_BAD_CHANNEL_DATA, out);
		return;
	}
	struct channel *ch = channel_by_number(turn, al, number, now_ms);
	if (!ch) {
		forward_drop(turn, DROP_NO_CHANNEL, out);
		return;
	}
	enum drop_reason reason = channel_refuses(turn, ch, now_ms);
	if (reason != DROP_NONE) {
		forward_drop(turn, reason, out);
		return;
	}
	debug_assert(allocation_has_family(al, ch->peer.ip.family));
	struct endpoint peer = ch->peer;
	if (ch->own)
		peer_policy_to_local(turn->settings->policy, &peer);
	forward_to_peer(turn, al, &peer, payload, now_ms, out);
	forward_note(turn, al, ch, now_ms, out);
}

/*
 * Does DONT-FRAGMENT count? Between UDP and UDP only if both are IPv4 (RFC 8656 sections 13, 14); from
 * a stream always (section 15).
 */
static bool may_set_df(const struct allocation *al, const struct endpoint *peer)
{
	return transport_is_stream(al->transport) ||
	       (al->tuple.client.ip.family == IP_V4 && peer->ip.family == IP_V4);
}

/* Why a Send indication may not pass, or DROP_NONE with peer and payload filled. */
static enum drop_reason send_refused(const struct turn *turn, const struct allocation *al,
				     const struct stun_msg *msg, uint64_t now_ms,
				     struct endpoint *peer, struct slice *payload)
{
	struct stun_attr attr;

	if (allocation_has_expired(al, now_ms))
		return DROP_NO_ALLOCATION;
	if (!stun_msg_find(msg, TURN_XOR_PEER_ADDRESS, &attr) ||
	    !stun_attr_xor_address(&attr, msg->txid, peer) ||
	    !stun_msg_find(msg, TURN_DATA_ATTR, &attr))
		return DROP_BAD_INDICATION;
	*payload = attr.value;
	if (!allocation_has_family(al, peer->ip.family))
		return DROP_WRONG_FAMILY;
	if (peer->port == 0)
		return DROP_POLICY;

	struct endpoint named = peer_as_named(turn, peer);
	if (!permission_find(turn, al, &named.ip, now_ms))
		return DROP_NO_PERMISSION;
	/* The permission is for the address; the policy may name ports as well. */
	return peer_refused_by(turn, al->relay_transport, peer) ? DROP_POLICY : DROP_NONE;
}

void forward_send(struct turn *turn, struct allocation *al, const struct stun_msg *msg,
		  uint64_t now_ms, struct forward *out)
{
	struct endpoint peer;
	struct slice payload;
	struct stun_attr attr;

	*out = (struct forward){.slot = al->slot};
	enum drop_reason reason = send_refused(turn, al, msg, now_ms, &peer, &payload);
	if (reason != DROP_NONE) {
		forward_drop(turn, reason, out);
		return;
	}
	out->dont_fragment = stun_msg_find(msg, TURN_DONT_FRAGMENT, &attr) &&
			     may_set_df(al, &peer);
	peer_policy_to_local(turn->settings->policy, &peer);
	forward_to_peer(turn, al, &peer, payload, now_ms, out);
}

/* ChannelData: padding on streams only (RFC 8656 section 12.5). */
static bool wrap_channel(const struct allocation *al, uint16_t number, size_t len,
			 struct forward *out)
{
	if (len > UINT16_MAX || len > forward_client_max(al) - FORWARD_CHANNEL_HEADER)
		return false;
	chandata_write_header(out->header, number, len);
	out->header_len = FORWARD_CHANNEL_HEADER;
	if (transport_is_stream(al->transport))
		out->padding_len = (uint16_t)(padded4(len) - len);
	return true;
}

/* A Data indication up to its payload; no integrity, no FINGERPRINT. */
static bool wrap_data(struct turn *turn, const struct allocation *al,
		      const struct endpoint *peer, size_t len, struct forward *out)
{
	size_t header_len = peer->ip.family == IP_V4 ? FORWARD_DATA_HEADER_V4
						     : FORWARD_DATA_HEADER_V6;
	size_t body_len = header_len - STUN_HEADER_LEN + padded4(len);
	uint8_t txid[STUN_TXID_LEN];
	struct stun_builder b;

	if (body_len > STUN_BODY_MAX ||
	    body_len > forward_client_max(al) - STUN_HEADER_LEN)
		return false;
	turn->edge->random(turn->edge->self, txid, sizeof(txid));
	stun_builder_start(&b, out->header, sizeof(out->header), TURN_DATA,
			   STUN_INDICATION, txid);
	stun_add_xor_address(&b, TURN_XOR_PEER_ADDRESS, peer);

	/* The payload stays where it is: write what the builder would write in front of it. */
	uint8_t *attr = out->header + header_len - STUN_ATTR_HEADER_LEN;
	store_be16(attr, TURN_DATA_ATTR);
	store_be16(attr + 2, (uint16_t)len);
	store_be16(out->header + 2, (uint16_t)body_len);
	debug_assert(header_len <= sizeof(out->header) && body_len % 4 == 0);
	out->header_len = (uint16_t)header_len;
	out->padding_len = (uint16_t)(padded4(len) - len);
	return true;
}

bool forward_set_header(struct turn *turn, struct forward *forward, uint8_t tos,
			uint8_t hop_limit)
{
	debug_assert(forward->kind != FORWARD_DROP);
	if (hop_limit == 1) {
		forward_drop(turn, DROP_HOP_LIMIT, forward);
		return false;
	}
	forward->tos = marking_apply(forward->marking, tos);
	forward->hop_limit = hop_limit != 0 ? hop_limit - 1 : 0;
	return true;
}

void forward_from_peer(struct turn *turn, struct allocation *al,
		       const struct endpoint *source, struct slice payload,
		       uint64_t now_ms, struct forward *out)
{
	const struct endpoint named = peer_as_named(turn, source);
	enum drop_reason reason;
	bool fits;

	*out = (struct forward){.slot = al->slot};
	if (allocation_family_has_expired(al, source->ip.family, now_ms)) {
		forward_drop(turn, DROP_NO_ALLOCATION, out);
		return;
	}
	if (al->dialect == DIALECT_MS) {
		forward_ms_from_peer(turn, al, &named, payload, now_ms, out);
		return;
	}
	/* A channel knows its permission, so one search decides (RFC 8656 section 11.3). */
	struct channel *ch = channel_by_peer(turn, al, &named, now_ms);
	struct permission *p = ch ? NULL : permission_find(turn, al, &named.ip, now_ms);
	if (ch)
		reason = channel_refuses(turn, ch, now_ms);
	else if (!p)
		reason = DROP_NO_PERMISSION;
	else
		reason = permission_is_allowed(turn, p) ? DROP_NONE : DROP_POLICY;
	if (reason != DROP_NONE) {
		forward_drop(turn, reason, out);
		return;
	}

	fits = ch ? wrap_channel(al, ch->number, payload.len, out)
		  : wrap_data(turn, al, &named, payload.len, out);
	if (!fits) {
		forward_drop(turn, DROP_TOO_LARGE, out);
		return;
	}
	/* A permission is for all ports of an address, but only relayed ones have paid. */
	bool paid = ch != NULL ? ch->own
			       : p->own && !peer_refused_by(turn, al->relay_transport,
							    source);
	forward_to_client(turn, al, &named, paid, payload, now_ms, out);
	if (ch)
		forward_note(turn, al, ch, now_ms, out);
}
