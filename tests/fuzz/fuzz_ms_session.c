/*
 * fuzz_ms_session.c - bytes become a session in the MS dialect: clients on UDP and on
 * streams, two IETF clients on the same 5-tuples as two of them, peers, reloads, refusals
 * and a clock that jumps. After each step the invariants are checked with ms_model.h.
 */
#include <string.h>

#include "stun/framing.h"
#include "stun/ms_bandwidth.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/ms_model.h"
#include "tests/fuzz/session_model.h"
#include "tests/unit/dialect/ms_client.h"

enum {
	CLIENTS = 5,
	IETF_CLIENTS = 2, /* on the 5-tuples of the first ones */
	SLOTS = 16,
	STEPS_MAX = MS_KNOWN_MAX, /* each adds at most one fact */
};

struct session {
	struct slice input;
	struct fixture fixture;
	struct ms_client clients[CLIENTS];
	uint8_t reservations[CLIENTS][MS_RESERVATION_ID_LEN]; /* the last one of each */
	struct client ietf[IETF_CLIENTS];
	struct model books; /* only those of the fixture are remembered */
	struct ms_model model;
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
	al = allocation_next(s->fixture.turn.table, choice % SLOTS);
	if (al == NULL)
		return ep(named[0]);
	return choice & 0x20 ? allocation_relayed_public(&s->fixture.turn, al)
			     : allocation_relayed_local(&s->fixture.turn, al);
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
			ms_model_granted(&s->model, c);
		break;
	case DISPATCH_FORWARD:
		ms_model_check_to_peer(&s->model, &c->tuple, sent, ms_msg_begins(sent),
				       &c->out.forward);
		break;
	case DISPATCH_CLOSE:
		FUZZ_CHECK(
			transport_is_stream(s->fixture.fronts[c->tuple.front].transport));
		break;
	case DISPATCH_BIND:
	case DISPATCH_HAND_OVER:
		FUZZ_CHECK(!"an id of the MS dialect names no worker");
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

static void add_amount(struct session *s, struct ms_client *c)
{
	const struct ms_reservation_amount amount = {take(s), take(s), take(s), take(s)};

	ms_add_reservation_amount(&c->b, &amount);
}

static void step_bandwidth(struct session *s)
{
	static const uint8_t site[8] = {0, IP_V4, 1, 2, 3, 4, 5, 6};
	struct ms_client *c = take_client(s);
	uint8_t *id = s->reservations[c - s->clients];
	uint8_t what = take(s);
	struct stun_attr attr;

	choose_wrong(s, c);
	ms_client_start(c, MS_ALLOCATE_REQUEST);
	ms_add_bandwidth_message(&c->b, what % 4);
	if ((what & 0xC0) == 0xC0)
		ms_add_u32(&c->b, MS_LIFETIME, 0);
	if (what % 4 == MS_BANDWIDTH_UPDATE)
		ms_add_reservation_id(&c->b, id);
	if (what & 4)
		add_amount(s, c);
	if (what & 8)
		ms_builder_add(&c->b, MS_REMOTE_SITE, site, sizeof(site));
	if (what & 16)
		ms_builder_add(&c->b, MS_LOCAL_SITE, site, sizeof(site));
	if (what & 32)
		ms_builder_add(&c->b, MS_REMOTE_RELAY_SITE, site, sizeof(site));
	ms_client_ask(c);
	check_answer(s, c);
	ms_client_keep_challenge(c);
	if (c->code == 0 && ms_client_find(c, MS_RESERVATION_ID, &attr))
		memcpy(id, attr.value.data, MS_RESERVATION_ID_LEN);
}

/* A changed message may no longer be a control message, so it is judged by its effect. */
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
	bool framed = transport_is_stream(s->fixture.fronts[c->tuple.front].transport);
	if (c->out.action == DISPATCH_FORWARD)
		ms_model_check_to_peer(&s->model, &c->tuple, sent,
				       !framed && ms_msg_begins(sent), &c->out.forward);
	/* A STUN datagram may be answered if its 5-tuple has no MS allocation. */
	const struct allocation *al = ms_client_allocation(c);
	if (c->out.action == DISPATCH_REPLY)
		FUZZ_CHECK(al == NULL || al->dialect == DIALECT_IETF ||
			   (!framed && ms_msg_begins(sent)));
}

static void step_from_peer(struct session *s)
{
	static const uint8_t data[200];
	const struct allocation *al =
		allocation_at(s->fixture.turn.table, take(s) % SLOTS);
	struct endpoint source = take_peer(s);
	struct slice payload = {data, take(s) % sizeof(data)};
	struct forward out;

	if (al == NULL)
		return;
	dispatch_from_peer(&s->fixture.turn, al->slot, &source, payload,
			   s->fixture.now_ms, &out);
	if (out.kind != FORWARD_DROP && al->dialect == DIALECT_MS)
		ms_model_check_to_client(&s->model, al, &source, payload, &out);
}

/* An IETF client on the 5-tuple of an MS client: which dialect answers? */
static void step_ietf(struct session *s)
{
	struct client *c = &s->ietf[take(s) % IETF_CLIENTS];
	const struct allocation *al = client_allocation(c);
	bool ms = al != NULL && al->dialect == DIALECT_MS &&
		  s->fixture.now_ms < al->expires_ms;

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
		ms_model_check_to_peer(&s->model, &c->tuple,
				       (struct slice){c->message, c->message_len}, false,
				       &c->out.forward);
}

static void step_clock(struct session *s)
{
	static const uint32_t jumps_ms[] = {1,      999,    16000,  39999,   40000,
					    300000, 599999, 600000, 3600000, 86400000};
	uint8_t choice = take(s);

	s->fixture.now_ms += jumps_ms[choice % (sizeof(jumps_ms) / sizeof(jumps_ms[0]))];
	if (choice & 0x40)
		return; /* not swept yet */
	uint64_t next = dispatch_expire(&s->fixture.turn, s->fixture.now_ms);
	FUZZ_CHECK(next > s->fixture.now_ms);
	for (const struct allocation *al = allocation_next(s->fixture.turn.table, 0);
	     al != NULL; al = allocation_next(s->fixture.turn.table, al->slot + 1))
		FUZZ_CHECK(al->expires_ms > s->fixture.now_ms && next <= al->expires_ms);
}

static void step_reload(struct session *s)
{
	struct turn_settings *settings = &s->fixture.settings;
	uint8_t what = take(s);

	settings->generation++;
	switch (what % 6) {
	case 0:
		FUZZ_CHECK(fixture_deny(&s->fixture, what & 8 ? "192.0.2.1/32" : NULL));
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
		settings->limits.bandwidth.total = what & 32 ? 400000 : 0;
		settings->limits.bandwidth.per_user[DIALECT_MS] = what & 64 ? 300000 : 0;
		settings->limits.bandwidth.burst_ms = 5000;
		settings->limits.bandwidth.peak_percent = 200;
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

static void step_fixture(struct session *s)
{
	uint8_t what = take(s);
	struct ms_client *c = take_client(s);

	switch (what % 4) {
	case 0:
		s->fixture.edge.refuse = what & 0x80 ? -98 : -24;
		s->fixture.edge.refuse_times = what / 16 % 4;
		s->fixture.edge.refuse_family = what & 0x40 ? IP_V6 : IP_NONE;
		break;
	case 1:
		/* The connection closes; the next one uses the same dialect. */
		if (transport_is_stream(s->fixture.fronts[c->tuple.front].transport))
			dispatch_client_gone(&s->fixture.turn, &c->tuple, END_CLIENT_GONE,
					     s->fixture.now_ms);
		break;
	case 2:
		c->number = what / 4;
		break;
	default:
		ms_client_credential(c, what & 4 ? "alice" : "bob",
				     (enum ms_form)(what / 8 % 3),
				     s->fixture.unix_s + (what & 0x80 ? 86400 : 1));
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
		step_request(s, false);
		break;
	case 4:
		step_bandwidth(s);
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
		step_fixture(s);
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
	const struct fixture_options options = {
		.slots = SLOTS,
		.permissions_each = shape & 1 ? 2 : 5,
		.last_port = shape & 4 ? 50003 : 50015,
		.nat = (shape & 16) != 0,
		.no_v4 = (shape & 0xE0) == 0x20,
		.no_v6 = (shape & 0xE0) == 0x40,
		.allocations_total = (shape & 0xE0) == 0x80 ? 3 : 0,
	};

	FUZZ_CHECK(fixture_start(&s->fixture, &options));
	ms_fixture_enable(&s->fixture);
	s->fixture.settings.ms.ipv6 = (shape & 8) != 0;
	s->fixture.settings.ms.version = shape & 8 ? 4 : 2;
	s->books.fixture = s->model.fixture = &s->fixture;
	for (size_t i = 0; i < CLIENTS; i++) {
		ms_client_init(&s->clients[i], &s->fixture, clients[i].address,
			       clients[i].front, clients[i].user);
		ms_client_login(&s->clients[i]);
	}
	for (size_t i = 0; i < IETF_CLIENTS; i++)
		client_init(&s->ietf[i], &s->fixture, clients[i].address,
			    clients[i].front, "ietf");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct session s;

	s.input = (struct slice){data, size};
	s.model.count = 0;
	memset(s.reservations, 0, sizeof(s.reservations));
	start(&s);
	for (unsigned steps = 0; s.input.len > 0 && steps < STEPS_MAX; steps++) {
		step(&s);
		model_check_invariants(&s.books);
		ms_model_check_reservations(&s.model);
	}
	model_check_ports(&s.books);

	/* After everything has expired, all resources are released. */
	s.fixture.now_ms += 86400u * 1000;
	dispatch_expire(&s.fixture.turn, s.fixture.now_ms);
	FUZZ_CHECK(fixture_is_clean(&s.fixture));
	fixture_stop(&s.fixture);
	return 0;
}
