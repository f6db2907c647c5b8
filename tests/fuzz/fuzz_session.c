/*
 * fuzz_session.c - bytes become a session: several clients, peers, reloads, refusals and
 * a clock that jumps, against the core and the dialect in the fixture of fake_edge.h.
 * After each step the invariants are checked against a model that knows only the answers:
 * which permissions and channels each client got, and until when.
 */
#include <string.h>

#include "relay/core/auth.h"
#include "relay/core/mobility_ticket.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/session_model.h"
#include "tests/unit/dialect/turn_client.h"

enum {
	CLIENTS = 5,
	SLOTS = 16,
	STEPS_MAX = 400,
};

struct session {
	struct slice input;
	struct fixture fixture;
	struct client clients[CLIENTS];
	uint8_t tickets[2][MOBILITY_TICKET_LEN]; /* the last ones seen, by anybody */
	struct model model;
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

static struct client *take_client(struct session *s)
{
	return &s->clients[take(s) % CLIENTS];
}

/*
 * A peer: some are chosen for their special address, some are our own relayed addresses.
 */
static struct endpoint take_peer(struct session *s)
{
	static const char *const named[] = {
		"192.0.2.1:7000",       "192.0.2.1:7001",
		"192.0.2.2:7000",       "192.0.2.3:9",
		"198.51.100.7:5000",    "[2001:db8:1::1]:7000",
		"[2001:db8:2::2]:7000", "10.0.0.9:5000",
		"127.0.0.1:80",         "198.18.0.1:3478",
		"203.0.113.1:3478",     "198.18.0.1:50003",
		"203.0.113.1:50003",    "[2001:db8::1]:50003",
		"[2001:0:1::1]:7000",   "[2002:c000:0201::1]:7000",
	};
	uint8_t choice = take(s);
	const struct allocation *al;

	if (choice < 0xC0)
		return ep(named[choice % (sizeof(named) / sizeof(named[0]))]);
	al = allocation_next(s->fixture.turn.table, choice % SLOTS);
	if (al == NULL)
		return ep(named[0]);
	struct endpoint peer = choice & 0x20
				       ? allocation_relayed_public(&s->fixture.turn, al)
				       : allocation_relayed_local(&s->fixture.turn, al);
	if (choice & 0x10)
		peer.port = 0;
	return peer;
}

/* Attributes chosen by the input; mostly those that the method needs. */
static void add_attributes(struct session *s, struct client *c)
{
	static const uint16_t types[] = {
		TURN_REQUESTED_TRANSPORT,
		TURN_LIFETIME,
		TURN_REQUESTED_ADDRESS_FAMILY,
		TURN_ADDITIONAL_ADDRESS_FAMILY,
		TURN_EVEN_PORT,
		TURN_RESERVATION_TOKEN,
		TURN_DONT_FRAGMENT,
		TURN_CHANNEL_NUMBER,
		TURN_XOR_PEER_ADDRESS,
		TURN_DATA_ATTR,
		STUN_SOFTWARE,
		STUN_USERNAME,
		STUN_NONCE,
		STUN_USERHASH,
		TURN_MOBILITY_TICKET,
		0x7FFF,
		0xC0FF,
		STUN_ACCESS_TOKEN,
	};
	/* Where NAT discovery and access tokens are served. */
	static const uint16_t served[] = {
		STUN_CHANGE_REQUEST,
		STUN_PADDING,
		STUN_RESPONSE_PORT,
		STUN_ACCESS_TOKEN,
		STUN_USERNAME,
		TURN_LIFETIME,
		0x7FFF,
	};
	bool is_served = s->fixture.settings.token_keys != NULL;
	unsigned count = take(s) % 6;

	while (count-- > 0) {
		uint8_t which = take(s);
		uint16_t type =
			is_served ? served[which % (sizeof(served) / sizeof(served[0]))]
				  : types[which % (sizeof(types) / sizeof(types[0]))];
		size_t len = take(s) % 24;
		uint8_t value[24];

		for (size_t i = 0; i < len; i++)
			value[i] = take(s);
		stun_builder_add(&c->b, type, value, len);
	}
}

static void add_token(struct session *s, struct client *c)
{
	const struct allocation *al =
		allocation_next(s->fixture.turn.table, take(s) % SLOTS);
	static const uint8_t none[8];

	stun_builder_add(&c->b, TURN_RESERVATION_TOKEN,
			 al != NULL ? al->reservation.token : none, 8);
}

static void do_allocate(struct session *s, struct client *c)
{
	uint8_t wish = take(s);
	uint8_t family[4] = {wish & 0x40 ? IP_V6 : IP_V4};
	uint8_t even = wish & 0x20 ? 0x80 : 0;

	client_start(c, TURN_ALLOCATE);
	stun_add_u32(&c->b, TURN_REQUESTED_TRANSPORT, 17u << 24);
	if (wish & 0x01)
		stun_builder_add(&c->b, TURN_EVEN_PORT, &even, 1);
	if (wish & 0x02)
		stun_builder_add(&c->b, TURN_REQUESTED_ADDRESS_FAMILY, family, 4);
	if (wish & 0x04)
		stun_builder_add(&c->b, TURN_ADDITIONAL_ADDRESS_FAMILY, "\x02\0\0", 4);
	if (wish & 0x08)
		add_token(s, c);
	if (wish & 0x10)
		stun_builder_add(&c->b, TURN_DONT_FRAGMENT, NULL, 0);
	if (wish & 0x80)
		stun_add_u32(&c->b, TURN_LIFETIME, take_u16(s));
}

static void keep_ticket(struct session *s, const struct client *c)
{
	struct stun_attr attr;

	if (!client_find(c, TURN_MOBILITY_TICKET, &attr))
		return;
	FUZZ_CHECK(attr.value.len == MOBILITY_TICKET_LEN && c->code == 0);
	memcpy(s->tickets[1], s->tickets[0], MOBILITY_TICKET_LEN);
	memcpy(s->tickets[0], attr.value.data, MOBILITY_TICKET_LEN);
}

/* One signed request, valid or not, built from the input. */
static void do_request(struct session *s, struct client *c)
{
	uint8_t method = take(s);
	struct endpoint peer;

	switch (method % 6) {
	case 0:
		do_allocate(s, c);
		if (method & 0x80)
			stun_builder_add(&c->b, TURN_MOBILITY_TICKET, NULL, 0);
		break;
	case 1:
		client_start(c, TURN_REFRESH);
		if (method & 0x40)
			stun_add_u32(&c->b, TURN_LIFETIME,
				     method & 0x80 ? 0 : take_u16(s));
		if (method & 0x08)
			stun_builder_add(&c->b, TURN_MOBILITY_TICKET,
					 s->tickets[method >> 2 & 1],
					 MOBILITY_TICKET_LEN);
		if (method & 0x20)
			stun_builder_add(&c->b, TURN_REQUESTED_ADDRESS_FAMILY,
					 method & 0x10 ? "\x02\0\0" : "\x01\0\0", 4);
		break;
	case 2:
		client_start(c, TURN_CREATE_PERMISSION);
		for (unsigned count = 1 + method / 64; count > 0; count--) {
			peer = take_peer(s);
			stun_add_xor_address(&c->b, TURN_XOR_PEER_ADDRESS, &peer);
		}
		break;
	case 3:
		client_start(c, TURN_CHANNEL_BIND);
		stun_add_u32(&c->b, TURN_CHANNEL_NUMBER,
			     (method & 0x80 ? take_u16(s) : 0x4000u + take(s) % 4) << 16);
		peer = take_peer(s);
		stun_add_xor_address(&c->b, TURN_XOR_PEER_ADDRESS, &peer);
		break;
	case 4:
		client_start(c, STUN_BINDING);
		break;
	default:
		client_start_class(c, take_u16(s) & 0xFFF,
				   (enum stun_class)(method >> 6));
		break;
	}
}

static void choose_auth(struct session *s, struct client *c)
{
	uint8_t byte = take(s);

	c->auth = (enum client_auth)(byte % CLIENT_AUTH_COUNT);
	c->bare = byte >= 0xF0;
	c->fingerprint = (byte & 0x08) != 0;
	c->wrong = byte >= 0xE0 && byte < 0xF0 ? 1u << (take(s) % 10) : 0;
}

static void step_request(struct session *s)
{
	struct client *c = take_client(s);

	choose_auth(s, c);
	do_request(s, c);
	client_ask(c);
	model_check_answer(&s->model, c);
	client_keep_challenge(c);
	keep_ticket(s, c);
}

/* The same with arbitrary attributes among the others or after the integrity. */
static void step_strange_request(struct session *s)
{
	struct client *c = take_client(s);

	choose_auth(s, c);
	do_request(s, c);
	add_attributes(s, c);
	if (take(s) & 1)
		client_add_tail(c, (uint16_t)take_u16(s), "\0\0\x07\x08", take(s) % 5);
	client_sign(c);
	client_again(c);
	model_check_answer(&s->model, c);
	client_keep_challenge(c);
}

/* Signed, then some bytes changed on the way. */
static void step_mutated(struct session *s)
{
	struct client *c = take_client(s);

	choose_auth(s, c);
	do_request(s, c);
	client_sign(c);
	for (unsigned flips = 1 + take(s) % 8; flips > 0; flips--) {
		size_t at = take_u16(s) % c->message_len;

		c->message[at] ^= (uint8_t)(1 + take(s) % 255);
	}
	if (take(s) % 4 == 0)
		c->message_len -= take(s) % c->message_len;
	client_again(c);
	model_check_answer(&s->model, c);
}

static void step_again(struct session *s)
{
	struct client *c = take_client(s);

	if (c->message_len == 0)
		return;
	client_again(c);
	model_check_answer(&s->model, c);
}

static void step_raw(struct session *s)
{
	struct client *c = take_client(s);
	uint8_t bytes[256];
	size_t len = take(s);

	for (size_t i = 0; i < len; i++)
		bytes[i] = take(s);
	client_raw(c, bytes, len);
	model_check_answer(&s->model, c);
}

static void step_send(struct session *s)
{
	static const uint8_t data[64];
	struct client *c = take_client(s);
	struct endpoint peer = take_peer(s);
	uint8_t how = take(s);

	c->fingerprint = false;
	client_start_class(c, TURN_SEND, STUN_INDICATION);
	stun_add_xor_address(&c->b, TURN_XOR_PEER_ADDRESS, &peer);
	stun_builder_add(&c->b, TURN_DATA_ATTR, data, how % 64);
	if (how & 0x40)
		stun_builder_add(&c->b, TURN_DONT_FRAGMENT, NULL, 0);
	if (how & 0x80)
		add_attributes(s, c);
	client_ask(c);
	model_check_answer(&s->model, c);
}

static void step_channel_data(struct session *s)
{
	static const uint8_t data[64];
	struct client *c = take_client(s);
	uint8_t number = take(s);

	client_channel_data(
		c, (uint16_t)(0x4000 + (number < 0x80 ? number % 4 : number * 64)), data,
		take(s) % 64);
	model_check_answer(&s->model, c);
}

static void step_from_peer(struct session *s)
{
	static const uint8_t data[200];
	uint32_t slot = take(s) % SLOTS;
	const struct allocation *al = allocation_at(s->fixture.turn.table, slot);
	struct endpoint source = take_peer(s);
	struct slice payload = {data, take(s) % sizeof(data)};
	struct forward out;

	dispatch_from_peer(&s->fixture.turn, slot, &source, payload, s->fixture.now_ms,
			   &out);
	if (out.kind == FORWARD_DROP)
		return;
	FUZZ_CHECK(out.kind == FORWARD_TO_CLIENT && al != NULL);
	model_check_to_client(&s->model, al, &source, &out);
}

static void step_clock(struct session *s)
{
	static const uint32_t jumps_ms[] = {1,      999,     1000,    16000,
					    30000,  40000,   299000,  300000,
					    600000, 3600000, 86400000};
	uint8_t choice = take(s);
	uint64_t jump = jumps_ms[choice % (sizeof(jumps_ms) / sizeof(jumps_ms[0]))];

	/* Now and then the machine was suspended for months. */
	if (choice >= 0xF8)
		jump *= 100;
	s->fixture.now_ms += jump;
	s->fixture.unix_s += (int64_t)(jump / 1000);
	if (choice & 0x40)
		return; /* not swept yet */
	uint64_t next = dispatch_expire(&s->fixture.turn, s->fixture.now_ms);
	FUZZ_CHECK(next > s->fixture.now_ms);
	for (const struct allocation *al = allocation_next(s->fixture.turn.table, 0);
	     al != NULL; al = allocation_next(s->fixture.turn.table, al->slot + 1))
		FUZZ_CHECK(al->expires_ms > s->fixture.now_ms && next <= al->expires_ms);
}

/* The smallest limits allowed, for some of them. */
static void limit_bandwidth(struct turn_settings *settings, uint8_t what)
{
	settings->limits.bandwidth = (struct turn_bandwidth){
		.per_allocation[DIALECT_IETF] = what & 8 ? 64000 : 0,
		.per_user[DIALECT_IETF] = what & 16 ? 64000 : 0,
		.per_prefix = what & 32 ? 64000 : 0,
		.per_side[SIDE_OUTSIDE] = what & 64 ? 64000 : 0,
		.total = what & 128 ? 64000 : 0,
		.burst_ms = 1000,
		.peak_percent = 200,
	};
}

static void step_reload(struct session *s)
{
	static const char *const denied[] = {"192.0.2.1/32", "192.0.2.0/25",
					     "2001:db8:1::/48", "198.51.100.0/24"};
	struct turn_settings *settings = &s->fixture.settings;
	uint8_t what = take(s);

	settings->generation++;
	switch (what % 8) {
	case 0:
		FUZZ_CHECK(fixture_deny(&s->fixture, denied[what / 8 % 4]));
		break;
	case 1:
		FUZZ_CHECK(fixture_deny(&s->fixture, NULL));
		break;
	case 2:
		strcpy(settings->realm, what & 8 ? "other.test" : fixture_realm);
		break;
	case 3:
		settings->nonce_key.bytes[0] ^= what;
		break;
	case 4:
		settings->nonce_key.lifetime_s = what & 8 ? 16 : 3600;
		break;
	case 5:
		settings->limits.allocations_per_user[DIALECT_IETF] = what / 8 % 4;
		settings->limits.allocations_per_prefix = what / 32 % 4;
		limit_bandwidth(settings, what);
		break;
	case 6:
		settings->limits.stranger_rate = what / 8;
		settings->limits.stranger_burst = what / 16;
		settings->mobility = what < 0xF0;
		break;
	default:
		settings->rfc5766_channels = (what & 8) != 0;
		settings->limits.lifetime_max_s = what & 16 ? 600 : 3600;
		strcpy(settings->software, what & 32 ? "" : "avedge");
		turn_set_draining(&s->fixture.shared, (what & 64) != 0);
		settings->limits.enforce_credential_expiry = (what & 128) != 0;
		break;
	}
}

static void step_fixture(struct session *s)
{
	static const int refusals[] = {-98 /* EADDRINUSE */, -24 /* EMFILE */,
				       -12 /* ENOMEM */};
	uint8_t what = take(s);
	struct client *c = take_client(s);

	switch (what % 4) {
	case 0:
		s->fixture.edge.refuse = refusals[what / 4 % 3];
		s->fixture.edge.refuse_times = what / 16;
		s->fixture.edge.refuse_family = what & 0x40 ? IP_V6 : IP_NONE;
		break;
	case 1:
		dispatch_client_gone(&s->fixture.turn, &c->tuple, END_CLIENT_GONE,
				     s->fixture.now_ms);
		break;
	case 2:
		/* A new port, so a new 5-tuple, with the old nonce. */
		c->tuple.client.port = (uint16_t)(5000 + what / 4 % 4);
		break;
	default:
		client_credential(c, what & 4 ? "alice" : "bob",
				  s->fixture.unix_s + (what & 8 ? 86400 : 1));
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
		step_request(s);
		break;
	case 5:
		step_strange_request(s);
		break;
	case 6:
		step_mutated(s);
		break;
	case 7:
		step_again(s);
		break;
	case 8:
		step_raw(s);
		break;
	case 9:
		step_send(s);
		break;
	case 10:
		step_channel_data(s);
		break;
	case 11:
	case 12:
		step_from_peer(s);
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

/* NAT discovery on all fronts, each of which is its own others, and access tokens. */
static void serve_more(struct fixture *fixture, bool response_port)
{
	static const struct token_keyring ring = {
		.count = 1,
		.keys = {{.kid = "kid",
			  .cipher = TOKEN_A256GCM,
			  .not_before_s = INT64_MIN,
			  .not_after_s = INT64_MAX}},
	};

	fixture->settings.token_keys = &ring;
	strcpy(fixture->settings.server_name, "turn.example.org");
	for (uint16_t i = 0; i < FAKE_FRONTS; i++)
		fixture->settings.discovery.fronts[i] = (struct discovery_front){
			.serves = true,
			.fronts = {i, i, i, i},
			.public = fixture->fronts[i].local.ip,
		};
	fixture->settings.discovery.response_port[SIDE_OUTSIDE] = response_port;
}

static void start(struct session *s)
{
	static const struct {
		const char *address, *user;
		uint16_t front;
	} clients[CLIENTS] = {
		{"192.0.2.200:5000", "alice", FRONT_OUTSIDE_UDP},
		{"[2001:db8:9::1]:5000", "bob", FRONT_OUTSIDE_UDP6},
		{"10.0.0.9:5000", "alice", FRONT_INSIDE_TCP},
		{"10.0.0.9:5000", "carol", FRONT_INSIDE_TLS},
		{"192.0.2.201:5000", "bob", FRONT_OUTSIDE_UDP},
	};
	uint8_t shape = take(s);
	const struct fixture_options options = {
		.slots = SLOTS,
		.permissions_each = shape & 1 ? 2 : 5,
		.channels_each = shape & 2 ? 2 : 5,
		.first_port = 50000,
		.last_port = shape & 4 ? 50003 : 50015,
		.reservations = shape & 8 ? 1 : 4,
		.nat = (shape & 16) != 0,
		.no_v4 = (shape & 0xE0) == 0x20,
		.no_v6 = (shape & 0xE0) == 0x40,
		.second_v4 = (shape & 0xE0) == 0x60,
		.allocations_total = (shape & 0xE0) == 0x80 ? 3 : 0,
		.mobility = true,
	};

	FUZZ_CHECK(fixture_start(&s->fixture, &options));
	if ((shape & 0xE0) == 0xC0)
		serve_more(&s->fixture, (shape & 1) != 0);
	for (size_t i = 0; i < CLIENTS; i++) {
		client_init(&s->clients[i], &s->fixture, clients[i].address,
			    clients[i].front, clients[i].user);
		client_login(&s->clients[i]);
		FUZZ_CHECK(s->clients[i].fault == NULL && s->clients[i].code == 401);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct session s;

	s.input = (struct slice){data, size};
	s.model = (struct model){.fixture = &s.fixture};
	start(&s);
	for (unsigned steps = 0; s.input.len > 0 && steps < STEPS_MAX; steps++) {
		step(&s);
		model_check_invariants(&s.model);
	}
	model_check_ports(&s.model);

	/* After everything has expired, all resources are released. */
	s.fixture.now_ms += 86400u * 1000;
	dispatch_expire(&s.fixture.turn, s.fixture.now_ms);
	FUZZ_CHECK(fixture_is_clean(&s.fixture));
	fixture_stop(&s.fixture);
	return 0;
}
