/*
 * ms_model.c - see ms_model.h.
 */
#include "tests/fuzz/ms_model.h"

#include <string.h>

#include "relay/core/ms_reservation.h"
#include "stun/framing.h"
#include "stun/ms_bandwidth.h"
#include "tests/fuzz/fuzz.h"

static struct endpoint as_named(const struct ms_model *m, const struct endpoint *peer)
{
	struct endpoint named = *peer;

	peer_policy_to_public(m->fixture->settings.policy, NULL, &named);
	return named;
}

static void learn(struct ms_model *m, const struct ms_known *known)
{
	FUZZ_CHECK(m->count < MS_KNOWN_MAX);
	m->known[m->count++] = *known;
}

static bool is_permitted(const struct ms_model *m, const struct allocation *al,
			 const struct endpoint *peer)
{
	const struct endpoint named = as_named(m, peer);

	for (size_t i = 0; i < m->count; i++)
		if (m->known[i].allocation == al->id &&
		    ip_addr_equal(&m->known[i].permitted, &named.ip))
			return true;
	return false;
}

/* The last confirmed destination; IP_NONE if there is none. */
static struct endpoint active_of(const struct ms_model *m, const struct allocation *al)
{
	struct endpoint active = {.ip.family = IP_NONE};

	for (size_t i = 0; i < m->count; i++)
		if (m->known[i].allocation == al->id &&
		    m->known[i].active.ip.family != IP_NONE)
			active = m->known[i].active;
	return active;
}

/*
 * A Send left for its peer: it installs the permission, and its sequence number is used.
 */
static void note_send(struct ms_model *m, const struct allocation *al,
		      const struct ms_msg *msg)
{
	struct ms_known known = {.allocation = al->id};
	struct ms_sequence sequence = {.number = 0};
	struct endpoint peer;
	struct stun_attr attr;

	FUZZ_CHECK(ms_msg_find(msg, MS_DESTINATION_ADDRESS, &attr));
	FUZZ_CHECK(stun_attr_address(&attr, &peer));
	FUZZ_CHECK(peer.port != 0 && allocation_has_family(al, peer.ip.family));
	known.permitted = as_named(m, &peer).ip;
	if (ms_msg_find(msg, MS_SEQUENCE_NUMBER, &attr)) {
		FUZZ_CHECK(ms_attr_sequence(&attr, &sequence));
		for (size_t i = 0; i < m->count; i++)
			FUZZ_CHECK(m->known[i].allocation != al->id ||
				   sequence.number == 0 ||
				   m->known[i].number != sequence.number);
	}
	known.number = sequence.number;
	FUZZ_CHECK(ms_verify(msg, &al->owner.key));
	learn(m, &known);
}

void ms_model_check_to_peer(struct ms_model *m, const struct five_tuple *tuple,
			    struct slice sent, bool control, const struct forward *f)
{
	const struct allocation *al = allocation_find(m->fixture->turn.table, tuple);
	struct ms_msg msg;

	FUZZ_CHECK(al != NULL && al->dialect == DIALECT_MS && f->slot == al->slot);
	FUZZ_CHECK(f->kind == FORWARD_TO_PEER && f->peer.port != 0);
	FUZZ_CHECK(m->fixture->now_ms < al->expires_ms &&
		   allocation_has_family(al, f->peer.ip.family));
	/* The packet keeps the allocation alive. */
	FUZZ_CHECK(al->expires_ms ==
		   m->fixture->now_ms + al->lifetime_s * UINT64_C(1000));
	if (control) {
		FUZZ_CHECK(ms_msg_parse(sent, &msg) == MS_PARSE_OK);
		FUZZ_CHECK(msg.type == MS_SEND_REQUEST);
		note_send(m, al, &msg);
	} else {
		struct endpoint active = active_of(m, al), named = as_named(m, &f->peer);

		FUZZ_CHECK(endpoint_equal(&active, &named));
		FUZZ_CHECK(f->payload.len == sent.len);
	}
	FUZZ_CHECK(is_permitted(m, al, &f->peer));
}

static bool has(const struct ms_msg *msg, uint16_t type)
{
	struct stun_attr attr;

	return ms_msg_find(msg, type, &attr);
}

static void check_path(const struct ms_client *c, uint16_t type,
		       const struct ms_reservation_amount *asked)
{
	struct ms_path path;
	struct stun_attr attr;

	if (!ms_client_find(c, type, &attr))
		return;
	FUZZ_CHECK(ms_attr_path(&attr, &path));
	FUZZ_CHECK(path.max_send <= asked->max_send);
	FUZZ_CHECK(path.max_receive <= asked->max_receive);
	FUZZ_CHECK(path.usable ? path.max_send >= asked->min_send &&
					 path.max_receive >= asked->min_receive
			       : path.max_send == 0 && path.max_receive == 0);
}

/* Which attributes of [MS-TURNBWM] an answer to that request may have. */
static void check_bandwidth(const struct ms_model *m, const struct ms_client *c,
			    const struct ms_msg *msg)
{
	struct ms_reservation_amount asked = {0};
	struct stun_attr attr;
	uint16_t message, told;

	if (!ms_client_has(c, MS_BANDWIDTH_MESSAGE)) {
		for (uint16_t type = MS_RESERVATION_ID; type < MS_SIP_DIALOG_ID; type++)
			FUZZ_CHECK(!ms_client_has(c, type));
		return;
	}
	FUZZ_CHECK(m->fixture->settings.ms.bandwidth_management);
	FUZZ_CHECK(ms_msg_find(msg, MS_BANDWIDTH_MESSAGE, &attr));
	FUZZ_CHECK(ms_attr_bandwidth_message(&attr, &message));
	FUZZ_CHECK(ms_client_find(c, MS_BANDWIDTH_MESSAGE, &attr));
	FUZZ_CHECK(ms_attr_bandwidth_message(&attr, &told) && told == message);
	if (ms_msg_find(msg, MS_RESERVATION_AMOUNT, &attr))
		(void)ms_attr_reservation_amount(&attr, &asked);
	FUZZ_CHECK(message == MS_BANDWIDTH_UPDATE ||
		   (has(msg, MS_RESERVATION_AMOUNT) && has(msg, MS_REMOTE_SITE)));
	FUZZ_CHECK(message != MS_BANDWIDTH_COMMIT || has(msg, MS_LOCAL_SITE));
	FUZZ_CHECK(ms_client_has(c, MS_REMOTE_SITE_RESPONSE) ==
		   (message == MS_BANDWIDTH_CHECK));
	FUZZ_CHECK(ms_client_has(c, MS_RESERVATION_AMOUNT) ==
		   (message == MS_BANDWIDTH_UPDATE));
	FUZZ_CHECK(message != MS_BANDWIDTH_CHECK || !ms_client_has(c, MS_RESERVATION_ID));
	for (uint16_t type = MS_REMOTE_SITE_RESPONSE;
	     type <= MS_LOCAL_RELAY_SITE_RESPONSE; type++)
		check_path(c, type, &asked);
}

void ms_model_check_reservations(const struct ms_model *m)
{
	struct turn *turn = &m->fixture->turn;
	struct ms_reserved_figures sum = {0},
				   told = ms_reserved_figures(turn->shared->reserved);

	for (const struct allocation *al = allocation_next(turn->table, 0); al != NULL;
	     al = allocation_next(turn->table, al->slot + 1)) {
		const struct ms_reservation *reservation = ms_reservation_of(turn, al);

		if (reservation->state != MS_RESERVATION_MADE) {
			FUZZ_CHECK(reservation->bps == 0);
			continue;
		}
		FUZZ_CHECK(al->dialect == DIALECT_MS);
		sum.count++;
		sum.bps += reservation->bps;
		sum.bps_of_side[al->side] += reservation->bps;
	}
	FUZZ_CHECK(sum.count == told.count && sum.bps == told.bps);
	for (int side = 0; side < SIDE_COUNT; side++)
		FUZZ_CHECK(sum.bps_of_side[side] == told.bps_of_side[side]);
}

void ms_model_granted(struct ms_model *m, const struct ms_client *c)
{
	const struct allocation *al = ms_client_allocation(c);
	struct ms_known known = {0};
	struct stun_attr attr;
	struct ms_msg msg;

	FUZZ_CHECK(ms_msg_parse((struct slice){c->message, c->message_len}, &msg) ==
		   MS_PARSE_OK);
	if (msg.type == MS_ALLOCATE_REQUEST) {
		bool released = ms_client_u32(c, MS_LIFETIME) == 0;
		FUZZ_CHECK(released == (al == NULL));
		check_bandwidth(m, c, &msg);
		return;
	}
	FUZZ_CHECK(al != NULL && al->dialect == DIALECT_MS);
	FUZZ_CHECK(ms_msg_find(&msg, MS_DESTINATION_ADDRESS, &attr));
	FUZZ_CHECK(stun_attr_address(&attr, &known.active));
	known.allocation = al->id;
	known.active = as_named(m, &known.active);
	FUZZ_CHECK(is_permitted(m, al, &known.active));
	/* The answer to a retransmission is old and may be out of date. */
	if (endpoint_equal(&known.active, &al->active.peer))
		learn(m, &known);
}

void ms_model_check_to_client(const struct ms_model *m, const struct allocation *al,
			      const struct endpoint *source, struct slice payload,
			      const struct forward *f)
{
	struct endpoint active = active_of(m, al), named = as_named(m, source), told;
	size_t skip = transport_is_stream(al->transport) ? MS_FRAME_HEADER_LEN : 0;
	uint8_t wire[FORWARD_HEADER_MAX + 256];
	size_t len = f->header_len + payload.len;
	struct stun_attr attr;
	struct ms_msg msg;

	FUZZ_CHECK(f->kind == FORWARD_TO_CLIENT && f->slot == al->slot);
	FUZZ_CHECK(f->header_len <= FORWARD_HEADER_MAX && f->padding_len == 0);
	FUZZ_CHECK(allocation_has_family(al, source->ip.family));
	FUZZ_CHECK(is_permitted(m, al, source));
	FUZZ_CHECK(f->payload.data == payload.data && f->payload.len == payload.len);
	if (skip > 0)
		FUZZ_CHECK(load_be16(f->header + 2) == len - skip);
	if (endpoint_equal(&active, &named)) {
		FUZZ_CHECK(f->header_len == skip);
		FUZZ_CHECK(skip == 0 || f->header[0] == MS_FRAME_DATA);
		return;
	}
	memcpy(wire, f->header, f->header_len);
	memcpy(wire + f->header_len, payload.data, payload.len);
	FUZZ_CHECK(ms_msg_parse((struct slice){wire + skip, len - skip}, &msg) ==
		   MS_PARSE_OK);
	FUZZ_CHECK(msg.type == MS_DATA_INDICATION);
	FUZZ_CHECK(ms_msg_find(&msg, MS_REMOTE_ADDRESS, &attr));
	FUZZ_CHECK(stun_attr_address(&attr, &told) && endpoint_equal(&told, &named));
}
