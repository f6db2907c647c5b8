/*
 * fuzz_ms_session.c - bytes become a session in the MS dialect: clients on UDP and on streams,
 * two IETF clients on the same 5-tuples as two of them, peers, reloads, refusals and a clock
 * that jumps. After each step what must hold at any time is checked against a model that knows
 * only what went to a peer, and which destination a client was told it has.
 */
#include <string.h>

#include "stun/framing.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/session_model.h"
#include "tests/unit/ms_client.h"

enum {
	CLIENTS = 5,
	IETF_CLIENTS = 2, /* on the 5-tuples of the first ones */
	SLOTS = 16,
	STEPS_MAX = 400,
	ADDRESSES_MAX = STEPS_MAX,
};

/* What the model knows of one allocation, by its id. */
struct known {
	uint64_t allocation;
	struct ip_addr permitted; /* by a Send; or none */
	struct endpoint active;   /* by Set Active Destination; or none */
	uint32_t number;          /* used by a Send; or 0 */
};

struct session {
	struct slice input;
	struct world world;
	struct ms_client clients[CLIENTS];
	struct client ietf[IETF_CLIENTS];
	struct model books; /* of which only those of the world are kept */
	struct known known[ADDRESSES_MAX];
	size_t known_count;
};

static uint8_t take(struct session *s)
{
	if (s->input.len == 0)
		return 0;
	uint8_t byte = s->input.data[0];
	s->input = slice_skip(s->input, 1);
	return byte;
}

static uint32_t take_u16(struct session *s)
{
	uint32_t high = take(s);

	return high << 8 | take(s);
}

static struct ms_client *take_client(struct session *s)
{
	return &s->clients[take(s) % CLIENTS];
}

static struct endpoint take_peer(struct session *s)
{
	static const char *const named[] = {
		"192.0.2.1:7000",   "192.0.2.1:7001",       "192.0.2.2:7000",
		"192.0.2.3:9",      "[2001:db8:1::1]:7000", "10.0.0.9:5000",
		"198.18.0.1:50003", "203.0.113.1:50003",    "192.0.2.1:0",
	};
	uint8_t choice = take(s);
	const struct allocation *al;

	if (choice < 0xC0)
		return ep(named[choice % (sizeof(named) / sizeof(named[0]))]);
	al = allocation_next(s->world.turn.table, choice % SLOTS);
	if (al == NULL)
		return ep(named[0]);
	return choice & 0x20 ? allocation_relayed_public(&s->world.turn, al)
			     : allocation_relayed_local(&s->world.turn, al);
}

static struct endpoint as_named(const struct session *s, const struct endpoint *peer)
{
	struct endpoint named = *peer;

	peer_policy_to_public(s->world.settings.policy, NULL, &named);
	return named;
}

static void learn(struct session *s, const struct known *known)
{
	FUZZ_CHECK(s->known_count < ADDRESSES_MAX);
	s->known[s->known_count++] = *known;
}

static bool is_permitted(const struct session *s, const struct allocation *al,
			 const struct endpoint *peer)
{
	const struct endpoint named = as_named(s, peer);

	for (size_t i = 0; i < s->known_count; i++)
		if (s->known[i].allocation == al->id &&
		    ip_addr_equal(&s->known[i].permitted, &named.ip))
			return true;
	return false;
}

/* The last one that was confirmed; IP_NONE if none was. */
static struct endpoint active_of(const struct session *s, const struct allocation *al)
{
	struct endpoint active = {.ip.family = IP_NONE};

	for (size_t i = 0; i < s->known_count; i++)
		if (s->known[i].allocation == al->id &&
		    s->known[i].active.ip.family != IP_NONE)
			active = s->known[i].active;
	return active;
}

/* A Send left for its peer: that is what permits it, and its number is used up. */
static void note_send(struct session *s, const struct allocation *al,
		      const struct ms_msg *msg)
{
	struct known known = {.allocation = al->id};
	struct ms_sequence sequence = {.number = 0};
	struct endpoint peer;
	struct stun_attr attr;

	FUZZ_CHECK(ms_msg_find(msg, MS_DESTINATION_ADDRESS, &attr));
	FUZZ_CHECK(stun_attr_address(&attr, &peer));
	FUZZ_CHECK(peer.port != 0 && peer.ip.family == al->family);
	known.permitted = as_named(s, &peer).ip;
	if (ms_msg_find(msg, MS_SEQUENCE_NUMBER, &attr)) {
		FUZZ_CHECK(ms_attr_sequence(&attr, &sequence));
		for (size_t i = 0; i < s->known_count; i++)
			FUZZ_CHECK(s->known[i].allocation != al->id ||
				   sequence.number == 0 ||
				   s->known[i].number != sequence.number);
	}
	known.number = sequence.number;
	FUZZ_CHECK(ms_verify(msg, &al->key));
	learn(s, &known);
}

/* Something leaves for a peer, from the relayed address of whoever sent it. */
static void check_to_peer(struct session *s, const struct five_tuple *tuple,
			  struct slice sent, bool control, const struct forward *f)
{
	const struct allocation *al = allocation_find(s->world.turn.table, tuple);
	struct ms_msg msg;

	FUZZ_CHECK(al != NULL && al->dialect == DIALECT_MS && f->slot == al->slot);
	FUZZ_CHECK(f->kind == FORWARD_TO_PEER && f->peer.port != 0);
	FUZZ_CHECK(s->world.now_ms < al->expires_ms && f->peer.ip.family == al->family);
	/* It keeps the allocation alive. */
	FUZZ_CHECK(al->expires_ms == s->world.now_ms + al->lifetime_s * UINT64_C(1000));
	if (control) {
		FUZZ_CHECK(ms_msg_parse(sent, &msg) == MS_PARSE_OK);
		FUZZ_CHECK(msg.type == MS_SEND_REQUEST);
		note_send(s, al, &msg);
	} else {
		struct endpoint active = active_of(s, al), named = as_named(s, &f->peer);

		FUZZ_CHECK(endpoint_equal(&active, &named));
		FUZZ_CHECK(f->payload.len == sent.len);
	}
	FUZZ_CHECK(is_permitted(s, al, &f->peer));
}

/* A request was granted: what its client believes from now on. */
static void note_success(struct session *s, const struct ms_client *c)
{
	const struct allocation *al = ms_client_allocation(c);
	struct known known = {0};
	struct stun_attr attr;
	struct ms_msg msg;

	FUZZ_CHECK(ms_msg_parse((struct slice){c->message, c->message_len}, &msg) ==
		   MS_PARSE_OK);
	if (msg.type == MS_ALLOCATE_REQUEST) {
		bool released = ms_client_u32(c, MS_LIFETIME) == 0;
		FUZZ_CHECK(released == (al == NULL));
		return;
	}
	FUZZ_CHECK(al != NULL && al->dialect == DIALECT_MS);
	FUZZ_CHECK(ms_msg_find(&msg, MS_DESTINATION_ADDRESS, &attr));
	FUZZ_CHECK(stun_attr_address(&attr, &known.active));
	known.allocation = al->id;
	known.active = as_named(s, &known.active);
	FUZZ_CHECK(is_permitted(s, al, &known.active));
	/* The answer to a repetition is old; what it said may have been replaced since. */
	if (endpoint_equal(&known.active, &al->active.peer))
		learn(s, &known);
}

/* After anything that c sent as a control message. */
static void check_answer(struct session *s, struct ms_client *c)
{
	const struct slice sent = {c->message, c->message_len};

	/* Where the dialect is not served this is a Binding request of RFC 3489. */
	if (c->out.action == DISPATCH_REPLY && load_be16(c->message) == STUN_BINDING)
		return;
	FUZZ_CHECK(c->fault == NULL);
	switch (c->out.action) {
	case DISPATCH_NOTHING:
		break;
	case DISPATCH_REPLY:
		if (c->code == 0)
			note_success(s, c);
		break;
	case DISPATCH_FORWARD:
		check_to_peer(s, &c->tuple, sent, ms_msg_begins(sent), &c->out.forward);
		break;
	case DISPATCH_CLOSE:
		FUZZ_CHECK(
			transport_is_stream(s->world.fronts[c->tuple.front].transport));
		break;
	}
}

static void choose_wrong(struct session *s, struct ms_client *c)
{
	uint8_t byte = take(s);

	c->bare = byte >= 0xF0;
	c->wrong = byte >= 0xC0 && byte < 0xF0 ? 1u << (take(s) % 11) : 0;
	c->kind = byte & 0x08 ? MS_INTEGRITY_SHA256 : MS_INTEGRITY_SHA1;
	c->version = byte % 8;
}

static void add_attributes(struct session *s, struct ms_client *c)
{
	static const uint16_t types[] = {
		MS_LIFETIME,
		MS_BANDWIDTH,
		MS_REQUESTED_ADDRESS_FAMILY,
		MS_SERVICE_QUALITY,
		MS_BANDWIDTH_MESSAGE,
		MS_RESERVATION_ID,
		MS_RESERVATION_AMOUNT,
		MS_REMOTE_RELAY_SITE,
		MS_SEQUENCE_NUMBER,
		MS_REALM,
		MS_NONCE,
		MS_USERNAME,
		MS_VERSION,
		MS_DATA,
		MS_DESTINATION_ADDRESS,
		0x7FFF,
		0x8006,
	};

	for (unsigned count = take(s) % 6; count > 0; count--) {
		uint16_t type = types[take(s) % (sizeof(types) / sizeof(types[0]))];
		size_t len = take(s) % 28;
		uint8_t value[28];

		for (size_t i = 0; i < len; i++)
			value[i] = take(s);
		ms_builder_add(&c->b, type, value, len);
	}
}

static void build(struct session *s, struct ms_client *c)
{
	static const uint8_t data[64];
	uint8_t method = take(s);
	struct endpoint peer;

	switch (method % 4) {
	case 0:
		ms_client_start(c, MS_ALLOCATE_REQUEST);
		if (method & 0x10)
			ms_add_u32(&c->b, MS_LIFETIME, method & 0x20 ? 0 : take_u16(s));
		if (method & 0x40)
			ms_add_family(&c->b, method & 0x80 ? IP_V6 : IP_V4);
		break;
	case 1:
		ms_client_start(c, MS_SET_ACTIVE_DESTINATION_REQUEST);
		peer = take_peer(s);
		ms_add_address(&c->b, MS_DESTINATION_ADDRESS, &peer);
		break;
	case 2:
		ms_client_start(c, MS_SEND_REQUEST);
		peer = take_peer(s);
		ms_add_address(&c->b, MS_DESTINATION_ADDRESS, &peer);
		ms_builder_add(&c->b, MS_DATA, data, method / 4);
		break;
	default:
		ms_client_start(c, (uint16_t)take_u16(s) & 0x3FFF);
		break;
	}
}

static void step_request(struct session *s, bool strange)
{
	struct ms_client *c = take_client(s);

	choose_wrong(s, c);
	build(s, c);
	if (strange)
		add_attributes(s, c);
	ms_client_ask(c);
	check_answer(s, c);
	ms_client_keep_challenge(c);
}

/* What is no control message any more may be anything else, and is judged by its effect. */
static void check_changed(struct session *s, struct ms_client *c)
{
	const struct slice sent = {c->message, c->message_len};

	if (c->out.action != DISPATCH_REPLY || ms_msg_begins(sent))
		check_answer(s, c);
}

static void step_mutated(struct session *s)
{
	struct ms_client *c = take_client(s);

	choose_wrong(s, c);
	build(s, c);
	ms_client_sign(c);
	for (unsigned flips = 1 + take(s) % 8; flips > 0; flips--)
		c->message[take_u16(s) % c->message_len] ^= (uint8_t)(1 + take(s) % 255);
	if (take(s) % 4 == 0)
		c->message_len -= take(s) % c->message_len;
	ms_client_again(c);
	check_changed(s, c);
}

static void step_again(struct session *s)
{
	struct ms_client *c = take_client(s);

	if (c->message_len == 0)
		return;
	ms_client_again(c);
	check_changed(s, c);
}

static void step_data(struct session *s)
{
	struct ms_client *c = take_client(s);
	uint8_t bytes[256];
	size_t len = take(s);

	for (size_t i = 0; i < len; i++)
		bytes[i] = take(s);
	ms_client_data(c, bytes, len);
	const struct slice sent = {bytes, len};
	bool framed = transport_is_stream(s->world.fronts[c->tuple.front].transport);
	if (c->out.action == DISPATCH_FORWARD)
		check_to_peer(s, &c->tuple, sent, !framed && ms_msg_begins(sent),
			      &c->out.forward);
	/* A datagram that is STUN may be answered where no MS allocation is. */
	const struct allocation *al = ms_client_allocation(c);
	if (c->out.action == DISPATCH_REPLY)
		FUZZ_CHECK(al == NULL || al->dialect == DIALECT_IETF ||
			   (!framed && ms_msg_begins(sent)));
}

static void check_to_client(const struct session *s, const struct allocation *al,
			    const struct endpoint *source, struct slice payload,
			    const struct forward *f)
{
	struct endpoint active = active_of(s, al), named = as_named(s, source), told;
	size_t skip = transport_is_stream((enum transport)al->transport)
			      ? MS_FRAME_HEADER_LEN
			      : 0;
	uint8_t wire[FORWARD_HEADER_MAX + 256];
	size_t len = f->header_len + payload.len;
	struct stun_attr attr;
	struct ms_msg msg;

	FUZZ_CHECK(f->kind == FORWARD_TO_CLIENT && f->slot == al->slot);
	FUZZ_CHECK(f->header_len <= FORWARD_HEADER_MAX && f->padding_len == 0);
	FUZZ_CHECK(is_permitted(s, al, source));
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

static void step_from_peer(struct session *s)
{
	static const uint8_t data[200];
	const struct allocation *al = allocation_at(s->world.turn.table, take(s) % SLOTS);
	struct endpoint source = take_peer(s);
	struct slice payload = {data, take(s) % sizeof(data)};
	struct forward out;

	if (al == NULL)
		return;
	dispatch_from_peer(&s->world.turn, al->slot, &source, payload, s->world.now_ms,
			   &out);
	if (out.kind != FORWARD_DROP && al->dialect == DIALECT_MS)
		check_to_client(s, al, &source, payload, &out);
}

/* An IETF client on the 5-tuple of an MS client: whose is it? */
static void step_ietf(struct session *s)
{
	struct client *c = &s->ietf[take(s) % IETF_CLIENTS];
	const struct allocation *al = client_allocation(c);
	bool ms = al != NULL && al->dialect == DIALECT_MS &&
		  s->world.now_ms < al->expires_ms;

	switch (take(s) % 8) {
	case 0:
		client_login(c);
		break;
	case 1:
		client_allocate(c);
		break;
	case 2:
		client_refresh(c, 600);
		break;
	case 3:
		client_refresh(c, 0);
		break;
	case 4:
		client_permit(c, "192.0.2.1:7000");
		break;
	case 5:
		client_bind(c, 0x4000, "192.0.2.1:7000");
		break;
	case 6:
		client_channel_data(c, 0x4000, "x", 1);
		break;
	default:
		client_start(c, STUN_BINDING);
		client_ask(c);
		break;
	}
	if (!ms) {
		FUZZ_CHECK(c->fault == NULL);
		return;
	}
	FUZZ_CHECK(c->out.action == DISPATCH_NOTHING ||
		   c->out.action == DISPATCH_FORWARD);
	if (c->out.action == DISPATCH_FORWARD)
		check_to_peer(s, &c->tuple, (struct slice){c->message, c->message_len},
			      false, &c->out.forward);
}

static void step_clock(struct session *s)
{
	static const uint32_t jumps_ms[] = {1,      999,    16000,  39999,   40000,
					    300000, 599999, 600000, 3600000, 86400000};
	uint8_t choice = take(s);

	s->world.now_ms += jumps_ms[choice % (sizeof(jumps_ms) / sizeof(jumps_ms[0]))];
	if (choice & 0x40)
		return; /* not swept yet */
	uint64_t next = dispatch_expire(&s->world.turn, s->world.now_ms);
	FUZZ_CHECK(next > s->world.now_ms);
	for (const struct allocation *al = allocation_next(s->world.turn.table, 0);
	     al != NULL; al = allocation_next(s->world.turn.table, al->slot + 1))
		FUZZ_CHECK(al->expires_ms > s->world.now_ms && next <= al->expires_ms);
}

static void step_reload(struct session *s)
{
	struct turn_settings *settings = &s->world.settings;
	uint8_t what = take(s);

	settings->generation++;
	switch (what % 6) {
	case 0:
		FUZZ_CHECK(world_deny(&s->world, what & 8 ? "192.0.2.1/32" : NULL));
		break;
	case 1:
		settings->ms.enabled = (what & 8) != 0;
		break;
	case 2:
		settings->ms.version = 1 + what / 8 % 4;
		settings->ms.ipv6 = (what & 0x80) != 0;
		break;
	case 3:
		settings->ms.bandwidth_management = (what & 8) != 0;
		settings->limits.lifetime_max_s = what & 16 ? 600 : 3600;
		break;
	case 4:
		settings->nonce_key.bytes[0] ^= what;
		settings->nonce_key.lifetime_s = what & 8 ? 16 : 3600;
		break;
	default:
		settings->limits.stranger_rate = what / 8;
		settings->limits.stranger_burst = what / 16;
		break;
	}
}

static void step_world(struct session *s)
{
	uint8_t what = take(s);
	struct ms_client *c = take_client(s);

	switch (what % 4) {
	case 0:
		s->world.edge.refuse = what & 0x80 ? -98 : -24;
		s->world.edge.refuse_times = what / 16 % 4;
		break;
	case 1:
		/* The connection closes; the next one speaks the same. */
		if (transport_is_stream(s->world.fronts[c->tuple.front].transport))
			dispatch_client_gone(&s->world.turn, &c->tuple, s->world.now_ms);
		break;
	case 2:
		c->number = what / 4;
		break;
	default:
		ms_client_credential(c, what & 4 ? "alice" : "bob",
				     (enum ms_form)(what / 8 % 3),
				     s->world.unix_s + (what & 0x80 ? 86400 : 1));
		break;
	}
}

static void step(struct session *s)
{
	switch (take(s) % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		step_request(s, false);
		break;
	case 5:
		step_request(s, true);
		break;
	case 6:
		step_mutated(s);
		break;
	case 7:
		step_again(s);
		break;
	case 8:
	case 9:
		step_data(s);
		break;
	case 10:
	case 11:
		step_from_peer(s);
		break;
	case 12:
		step_ietf(s);
		break;
	case 13:
		step_clock(s);
		break;
	case 14:
		step_reload(s);
		break;
	default:
		step_world(s);
		break;
	}
}

static void start(struct session *s)
{
	static const struct {
		const char *address, *user;
		uint16_t front;
	} clients[CLIENTS] = {
		{"192.0.2.200:5000", "alice", FRONT_OUTSIDE_UDP},
		{"10.0.0.9:5000", "bob", FRONT_INSIDE_UDP},
		{"192.0.2.200:5000", "alice", FRONT_OUTSIDE_TCP},
		{"[2001:db8:9::1]:5000", "bob", FRONT_OUTSIDE_UDP6},
		{"10.0.0.9:5000", "carol", FRONT_INSIDE_TCP},
	};
	uint8_t shape = take(s);
	const struct world_options options = {
		.slots = SLOTS,
		.permissions_each = shape & 1 ? 2 : 5,
		.last_port = shape & 4 ? 50003 : 50015,
		.nat = (shape & 16) != 0,
		.no_v4 = (shape & 0xE0) == 0x20,
		.no_v6 = (shape & 0xE0) == 0x40,
		.allocations_total = (shape & 0xE0) == 0x80 ? 3 : 0,
	};

	FUZZ_CHECK(world_start(&s->world, &options));
	ms_world_enable(&s->world);
	s->world.settings.ms.ipv6 = (shape & 8) != 0;
	s->world.settings.ms.version = shape & 8 ? 4 : 2;
	s->books.world = &s->world;
	for (size_t i = 0; i < CLIENTS; i++) {
		ms_client_init(&s->clients[i], &s->world, clients[i].address,
			       clients[i].front, clients[i].user);
		ms_client_login(&s->clients[i]);
	}
	for (size_t i = 0; i < IETF_CLIENTS; i++)
		client_init(&s->ietf[i], &s->world, clients[i].address, clients[i].front,
			    "ietf");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct session s;

	s.input = (struct slice){data, size};
	s.known_count = 0;
	start(&s);
	for (unsigned steps = 0; s.input.len > 0 && steps < STEPS_MAX; steps++) {
		step(&s);
		model_check_world(&s.books);
	}

	/* When everything has run out, everything has been given back. */
	s.world.now_ms += 86400u * 1000;
	dispatch_expire(&s.world.turn, s.world.now_ms);
	FUZZ_CHECK(world_is_clean(&s.world));
	world_stop(&s.world);
	return 0;
}
