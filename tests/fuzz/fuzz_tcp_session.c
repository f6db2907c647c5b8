/*
 * fuzz_tcp_session.c - bytes become a session of TCP allocations (RFC 6062): two users with two
 * control connections each, data connections, peers that connect or answer or not, guessed ids,
 * reloads and a clock that jumps, against the core and the dialect in the fixture of fake_edge.h.
 * The model knows what clients were told: an id binds once, for its user, within 30 s, while its
 * allocation lives, and nothing else does.
 */
#include <stdio.h>
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/permission.h"
#include "relay/core/tcp_connection.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/dialect/turn_client.h"

enum {
	CONTROLS = 4,
	DATAS = 3,
	CLIENTS = CONTROLS + DATAS,
	STEPS_MAX = 300,
	TOLD_MAX = STEPS_MAX,
	PEERS = 4,
};

/* A CONNECTION-ID as a client knows it. */
struct told {
	uint32_t id, index;
	uint64_t allocation;
	struct owner_id owner;
	bool is_used; /* bound, or known to be gone */
};

struct session {
	struct slice input;
	struct fixture fixture;
	struct client clients[CLIENTS];
	struct told told[TOLD_MAX];
	size_t told_count;
};

static uint8_t take(struct session *s)
{
	if (s->input.len == 0)
		return 0;
	uint8_t byte = s->input.data[0];
	s->input = slice_skip(s->input, 1);
	return byte;
}

static struct client *take_control(struct session *s)
{
	return &s->clients[take(s) % CONTROLS];
}

static void take_peer(struct session *s, char text[32])
{
	static const char *const special[] = {"10.0.0.9:80", "127.0.0.1:80",
					      "198.18.0.1:443", "192.0.2.1:0"};
	uint8_t which = take(s);

	if (which >= 0xE0)
		strcpy(text, special[which % 4]);
	else
		snprintf(text, 32, "192.0.2.%d:%d", 1 + which % PEERS,
			 7000 + which / 16 % 4);
}

/* --- the model ------------------------------------------------------------------------------- */

static void tell(struct session *s, uint32_t index)
{
	const struct turn *turn = &s->fixture.turn;
	const struct tcp_connection *c = tcp_connection_at(turn, index);
	const struct allocation *al = allocation_at(turn->table, c->slot);

	for (size_t i = 0; i < s->told_count; i++)
		FUZZ_CHECK(s->told[i].is_used || s->told[i].id != c->id ||
			   allocation_by_id(turn->table, s->told[i].allocation) == NULL);
	FUZZ_CHECK(c->id % FAKE_WORKERS == turn->worker);
	FUZZ_CHECK(c->state == TCP_CONNECTION_PENDING);
	if (s->told_count < TOLD_MAX)
		s->told[s->told_count++] =
			(struct told){c->id, index, al->id, al->owner.id, false};
}

static struct told *find_told(struct session *s, uint32_t index)
{
	uint32_t id = tcp_connection_at(&s->fixture.turn, index)->id;

	for (size_t i = 0; i < s->told_count; i++) {
		if (s->told[i].index == index && s->told[i].id == id &&
		    !s->told[i].is_used)
			return &s->told[i];
	}
	return NULL;
}

/* Sockets there are as many as connections, and each allocation has as many as it may. */
static void check_all(const struct session *s)
{
	const struct turn *turn = &s->fixture.turn;
	const struct allocation *al;
	unsigned sockets = 0, connections = 0;

	FUZZ_CHECK(tcp_connections_check(turn));
	for (uint32_t i = 0; i < FAKE_CONNECTIONS; i++)
		sockets += s->fixture.edge.connections[i];
	for (uint32_t slot = 0; (al = allocation_next(turn->table, slot)) != NULL;
	     slot = al->slot + 1) {
		uint32_t count = tcp_connections_count(turn, al->slot);

		FUZZ_CHECK(count <= 8);
		FUZZ_CHECK(count == 0 || allocation_has_data_connections(al));
		connections += count;
		for (uint32_t i = tcp_connections_first(turn, al->slot);
		     i != TCP_CONNECTION_NONE; i = tcp_connection_at(turn, i)->next)
			FUZZ_CHECK(s->fixture.edge.connections[i]);
	}
	FUZZ_CHECK(sockets == connections);
}

/* --- steps ----------------------------------------------------------------------------------- */

static void step_allocate(struct session *s)
{
	struct client *c = take_control(s);
	uint8_t wish = take(s);

	client_start(c, TURN_ALLOCATE);
	stun_add_u32(&c->b, TURN_REQUESTED_TRANSPORT,
		     (uint32_t)(wish & 1 ? TURN_TRANSPORT_UDP : TURN_TRANSPORT_TCP)
			     << 24);
	if (wish & 2)
		stun_builder_add(&c->b, TURN_REQUESTED_ADDRESS_FAMILY, "\x02\0\0", 4);
	if (wish & 4)
		stun_builder_add(&c->b, TURN_EVEN_PORT, "\0", 1);
	client_ask(c);
	FUZZ_CHECK(c->fault == NULL);
	client_keep_challenge(c);
}

static void step_connect(struct session *s)
{
	struct client *c = take_control(s);
	char peer[32];

	take_peer(s, peer);
	s->fixture.edge.refuse_connect = take(s) >= 0xF0 ? -101 /* ENETUNREACH */ : 0;
	client_start(c, TURN_CONNECT);
	client_add_peer(c, peer);
	client_ask(c);
	FUZZ_CHECK(c->fault == NULL && c->code != 0);
	client_keep_challenge(c);
}

/* What becomes of a connection that is being made, if there is one in that place. */
static void step_decide(struct session *s)
{
	static const enum peer_event outcomes[] = {PEER_CONNECTED, PEER_CONNECTED,
						   PEER_CONNECT_FAILED,
						   PEER_CONNECT_TIMEOUT};
	uint32_t index = take(s) % 32;
	enum peer_event outcome = outcomes[take(s) % 4];
	uint8_t reply[DISPATCH_REPLY_MAX];
	struct stun_msg msg;
	bool kept;

	if (!s->fixture.edge.connections[index] ||
	    tcp_connection_at(&s->fixture.turn, index)->state !=
		    TCP_CONNECTION_CONNECTING)
		return;
	size_t len = dispatch_connected(&s->fixture.turn, index, outcome,
					s->fixture.now_ms, reply, &kept);
	FUZZ_CHECK(stun_msg_parse((struct slice){reply, len}, &msg) == STUN_PARSE_OK);
	FUZZ_CHECK(msg.method == TURN_CONNECT && kept == (msg.class == STUN_SUCCESS));
	FUZZ_CHECK(msg.mi_offset != 0 || msg.mi256_offset != 0);
	if (kept)
		tell(s, index);
	else
		s->fixture.edge.connections[index] = false;
}

static void step_accept(struct session *s)
{
	struct allocation *al = client_allocation(take_control(s));
	uint8_t reply[DISPATCH_REPLY_MAX];
	struct stun_msg msg;
	char peer[32];

	take_peer(s, peer);
	if (al == NULL || !allocation_has_data_connections(al) ||
	    !allocation_has_family(al, IP_V4))
		return;
	const struct endpoint source = ep(peer);
	bool permitted =
		permission_allows(&s->fixture.turn, al, &source.ip, s->fixture.now_ms);
	/* A pair of addresses has one connection at a time. */
	for (uint32_t i = tcp_connections_first(&s->fixture.turn, al->slot);
	     i != TCP_CONNECTION_NONE; i = tcp_connection_at(&s->fixture.turn, i)->next) {
		if (endpoint_equal(&tcp_connection_at(&s->fixture.turn, i)->peer,
				   &source))
			return;
	}
	uint32_t index = fixture_accept(&s->fixture, al, peer);
	if (index == TCP_CONNECTION_NONE)
		return;
	FUZZ_CHECK(permitted && s->fixture.now_ms < al->expires_ms);
	size_t len = dispatch_attempt(&s->fixture.turn, index, reply);
	FUZZ_CHECK(stun_msg_parse((struct slice){reply, len}, &msg) == STUN_PARSE_OK);
	FUZZ_CHECK(msg.class == STUN_INDICATION && msg.method == TURN_CONNECTION_ATTEMPT);
	tell(s, index);
}

static uint32_t take_id(struct session *s)
{
	uint8_t which = take(s);

	if (which < 0xE0 && s->told_count > 0)
		return s->told[which % s->told_count].id;
	if (which < 0xF0 && s->told_count > 0)
		return s->told[which % s->told_count].id + take(s) - 128;
	return (uint32_t)take(s) << 24 | (uint32_t)take(s) << 16 |
	       (uint32_t)take(s) << 8 | take(s);
}

static void step_bind(struct session *s)
{
	struct client *c = &s->clients[take(s) % CLIENTS];
	uint32_t id = take_id(s);
	uint8_t how = take(s);

	c->wrong = how >= 0xF0 ? WRONG_MAC : 0;
	client_start(c, TURN_CONNECTION_BIND);
	stun_add_u32(&c->b, TURN_CONNECTION_ID, id);
	client_ask(c);
	c->wrong = 0;
	FUZZ_CHECK(c->fault == NULL);
	client_keep_challenge(c);
	if (c->out.action == DISPATCH_HAND_OVER) {
		FUZZ_CHECK(how < 0xF0 && c->out.worker == id % FAKE_WORKERS);
		FUZZ_CHECK(c->out.worker != s->fixture.turn.worker);
		return;
	}
	FUZZ_CHECK((c->code == 0) == (c->out.action == DISPATCH_BIND));
	if (c->code != 0)
		return;
	struct told *told = find_told(s, c->out.bound);
	const struct tcp_connection *bound =
		tcp_connection_at(&s->fixture.turn, c->out.bound);
	FUZZ_CHECK(how < 0xF0 && told != NULL && told->id == id);
	FUZZ_CHECK(owner_id_equal(&told->owner, &c->owner));
	const struct allocation *al =
		allocation_by_id(s->fixture.turn.table, told->allocation);
	FUZZ_CHECK(al != NULL && s->fixture.now_ms < al->expires_ms);
	FUZZ_CHECK(bound->state == TCP_CONNECTION_BOUND && bound->id == id);
	FUZZ_CHECK(client_allocation(c) == NULL);
	told->is_used = true;
}

/* Its sockets end, or its time is over, as the worker would see it. */
static void step_gone(struct session *s)
{
	uint32_t index = take(s) % 32;
	const struct tcp_connection *c;
	struct told *told;

	if (!s->fixture.edge.connections[index])
		return;
	c = tcp_connection_at(&s->fixture.turn, index);
	if (c->state == TCP_CONNECTION_CONNECTING)
		return;
	told = find_told(s, index);
	if (told != NULL)
		told->is_used = true;
	fixture_gone(&s->fixture, index,
		     c->state == TCP_CONNECTION_PENDING ? PEER_UNCLAIMED : PEER_CLOSED);
}

static void step_relay(struct session *s)
{
	uint32_t index = take(s) % 32;

	if (s->fixture.edge.connections[index] &&
	    tcp_connection_at(&s->fixture.turn, index)->state == TCP_CONNECTION_BOUND)
		tcp_connection_relayed(&s->fixture.turn, index,
				       take(s) & 1 ? TCP_TO_PEER : TCP_TO_CLIENT,
				       1 + (size_t)take(s) * 1000, s->fixture.now_ms);
}

static void step_permit(struct session *s)
{
	struct client *c = take_control(s);
	char peer[32];

	take_peer(s, peer);
	client_permit(c, peer);
	FUZZ_CHECK(c->fault == NULL);
	client_keep_challenge(c);
}

static void step_world(struct session *s)
{
	static const uint32_t jumps_ms[] = {1,      1000,   29999,  30000,
					    300000, 600000, 3600000};
	uint8_t what = take(s);
	struct client *c = take_control(s);

	switch (what % 6) {
	case 0:
		s->fixture.now_ms += jumps_ms[what / 6 % 7];
		s->fixture.unix_s += jumps_ms[what / 6 % 7] / 1000;
		if (what < 0x80)
			dispatch_expire(&s->fixture.turn, s->fixture.now_ms);
		break;
	case 1:
		client_refresh(c, what & 0x10 ? 0 : 600);
		FUZZ_CHECK(c->fault == NULL);
		client_keep_challenge(c);
		break;
	case 2:
		dispatch_client_gone(&s->fixture.turn, &c->tuple, END_CLIENT_GONE,
				     s->fixture.now_ms);
		break;
	case 3:
		FUZZ_CHECK(
			fixture_deny(&s->fixture, what & 0x10 ? "192.0.2.1/32" : NULL));
		tcp_connections_judge(&s->fixture.turn);
		break;
	case 4:
		s->fixture.settings.limits.peer_connections = 1 + what / 8 % 8;
		s->fixture.settings.limits.peer_connections_per_user = what / 64;
		break;
	default:
		s->fixture.settings.tcp_allocations = (what & 0x10) != 0;
		c->tuple.client.port =
			(uint16_t)(5000 + what / 6 % 4 * 8 + (c - s->clients));
		break;
	}
}

static void step(struct session *s)
{
	switch (take(s) % 12) {
	case 0:
		step_allocate(s);
		break;
	case 1:
	case 2:
		step_connect(s);
		break;
	case 3:
		step_decide(s);
		break;
	case 4:
		step_accept(s);
		break;
	case 5:
	case 6:
		step_bind(s);
		break;
	case 7:
		step_gone(s);
		break;
	case 8:
		step_relay(s);
		break;
	case 9:
		step_permit(s);
		break;
	default:
		step_world(s);
		break;
	}
}

static void start(struct session *s)
{
	static const char *const users[CLIENTS] = {"alice", "alice", "bob",  "bob",
						   "alice", "bob",   "alice"};

	FUZZ_CHECK(fixture_start(&s->fixture, &(struct fixture_options){.slots = 8}));
	s->told_count = 0;
	for (uint16_t i = 0; i < CLIENTS; i++) {
		char address[32];

		snprintf(address, sizeof(address), "192.0.2.%d:%d", 200 + i, 5000 + i);
		client_init(&s->clients[i], &s->fixture, address,
			    i == CLIENTS - 1 ? FRONT_INSIDE_TCP : FRONT_OUTSIDE_TCP,
			    users[i]);
		client_login(&s->clients[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct session s;

	s.input = (struct slice){data, size};
	start(&s);
	for (unsigned steps = 0; s.input.len > 0 && steps < STEPS_MAX; steps++) {
		step(&s);
		check_all(&s);
	}
	/* With the allocations everything else goes. */
	s.fixture.now_ms += 86400u * 1000;
	dispatch_expire(&s.fixture.turn, s.fixture.now_ms);
	check_all(&s);
	FUZZ_CHECK(fixture_is_clean(&s.fixture));
	fixture_stop(&s.fixture);
	return 0;
}
