/*
 * test_turn_tcp.c - TCP allocations (RFC 6062): Allocate, Connect, ConnectionBind and
 * ConnectionAttempt, as decided without a socket.
 */
#include <errno.h>
#include <stdio.h>

#include "relay/core/allocation_table.h"
#include "relay/core/permission.h"
#include "relay/core/tcp_connection.h"
#include "tests/unit/dialect/dialect_check.h"

#define CAROL "192.0.2.202:5000"
#define DATA "192.0.2.200:5001"
#define DATA_2 "192.0.2.200:5002"
#define OTHER_WORKERS_ID(id) ((id) + 1) /* worker 4 of 8, where ours is 3 */

/* Alice's data connections; bob has none. */
static struct client data, data_2;

static void add_tcp(struct client *c)
{
	stun_add_u32(&c->b, TURN_REQUESTED_TRANSPORT, (uint32_t)TURN_TRANSPORT_TCP << 24);
}

static int allocate_tcp(struct client *c)
{
	if (c->nonce_len == 0)
		client_login(c);
	client_start(c, TURN_ALLOCATE);
	add_tcp(c);
	return client_ask(c);
}

static void begin_with_options(const struct fixture_options *options)
{
	begin_with(options);
	client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	client_init(&bob, &fixture, BOB, FRONT_OUTSIDE_TCP, "bob");
	client_init(&data, &fixture, DATA, FRONT_OUTSIDE_TCP, "alice");
	client_init(&data_2, &fixture, DATA_2, FRONT_OUTSIDE_TCP, "alice");
	ck_assert_int_eq(client_login(&data), STUN_UNAUTHENTICATED);
	ck_assert_int_eq(client_login(&data_2), STUN_UNAUTHENTICATED);
	ck_assert_int_eq(allocate_tcp(&alice), 0);
}

static void begin_tcp(void)
{
	begin_with_options(NULL);
}

static void end_tcp(void)
{
	ck_assert(tcp_connections_check(&fixture.turn));
	end();
}

static uint64_t events(enum peer_event event)
{
	return fixture.turn.counters.peer_events[event];
}

static int connect_to(struct client *c, const char *peer)
{
	client_start(c, TURN_CONNECT);
	client_add_peer(c, peer);
	return client_ask(c);
}

/* The index of the newest connection of that client; NONE if it has none. */
static uint32_t newest(const struct client *c)
{
	return tcp_connections_first(&fixture.turn, client_allocation(c)->slot);
}

/*
 * What the relay tells that client now; its transaction is that of the last request, unless it is
 * an indication. The code, or -1.
 */
static uint8_t told[DISPATCH_REPLY_MAX];
static struct stun_msg told_msg;

static void hear(size_t len)
{
	ck_assert_uint_gt(len, 0);
	ck_assert_int_eq(stun_msg_parse((struct slice){told, len}, &told_msg),
			 STUN_PARSE_OK);
}

static bool decide(uint32_t connection, enum peer_event outcome)
{
	bool kept;

	if (outcome != PEER_CONNECTED)
		fixture.edge.connections[connection] = false;
	hear(dispatch_connected(&fixture.turn, connection, outcome, fixture.now_ms, told,
				&kept));
	if (!kept)
		fixture.edge.connections[connection] = false;
	return kept;
}

static uint32_t told_id(void)
{
	struct stun_attr attr;
	uint32_t id;

	ck_assert(stun_msg_find(&told_msg, TURN_CONNECTION_ID, &attr));
	ck_assert(stun_attr_u32(&attr, &id));
	return id;
}

static int told_code(void)
{
	struct stun_attr attr;
	struct slice reason;
	int code;

	if (told_msg.class == STUN_SUCCESS)
		return 0;
	ck_assert_int_eq(told_msg.class, STUN_ERROR);
	ck_assert(stun_msg_find(&told_msg, STUN_ERROR_CODE, &attr));
	ck_assert(stun_attr_error_code(&attr, &code, &reason));
	return code;
}

/* A pending connection of alice with that peer: its id. */
static uint32_t connected(const char *peer)
{
	ck_assert_int_eq(connect_to(&alice, peer), -1);
	ck_assert_ptr_null(alice.fault);
	ck_assert(decide(newest(&alice), PEER_CONNECTED));
	ck_assert_int_eq(told_code(), 0);
	return told_id();
}

static int bind_id(struct client *c, uint32_t id)
{
	client_start(c, TURN_CONNECTION_BIND);
	stun_add_u32(&c->b, TURN_CONNECTION_ID, id);
	return client_ask(c);
}

/* What it was told with a challenge, as if it were one client on two connections. */
static void take_nonce(struct client *to, const struct client *from)
{
	memcpy(to->nonce, from->nonce, from->nonce_len);
	to->nonce_len = from->nonce_len;
	strcpy(to->realm, from->realm);
	memcpy(to->algorithms, from->algorithms, from->algorithms_len);
	to->algorithms_len = from->algorithms_len;
}

/* --- Allocate -------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint16_t front;
	struct attr_row attrs[1];
	int want;
} allocations[] = {
	{"T-410 on TCP", FRONT_INSIDE_TCP, {{0, 0, {0}}}, 0},
	{"T-410 on TLS", FRONT_INSIDE_TLS, {{0, 0, {0}}}, 0},
	{"T-410 on TCP over IPv6", FRONT_OUTSIDE_TCP6, {{0, 0, {0}}}, 0},
	{"T-410 on UDP: 400", FRONT_INSIDE_UDP, {{0, 0, {0}}}, 400},
	{"T-411 DONT-FRAGMENT: 400",
	 FRONT_INSIDE_TCP,
	 {{TURN_DONT_FRAGMENT, 0, {0}}},
	 400},
	{"T-411 EVEN-PORT: 400", FRONT_INSIDE_TCP, {{TURN_EVEN_PORT, 1, {0}}}, 400},
	{"T-411 EVEN-PORT and the next one: 400",
	 FRONT_INSIDE_TCP,
	 {{TURN_EVEN_PORT, 1, {0x80}}},
	 400},
	{"T-411 RESERVATION-TOKEN: 400",
	 FRONT_INSIDE_TCP,
	 {{TURN_RESERVATION_TOKEN, 8, {1}}},
	 400},
	{"T-414 IPv6", FRONT_INSIDE_TCP, {{TURN_REQUESTED_ADDRESS_FAMILY, 4, {2}}}, 0},
	{"T-414 both families: 400",
	 FRONT_INSIDE_TCP,
	 {{TURN_ADDITIONAL_ADDRESS_FAMILY, 4, {2}}},
	 400},
	{"T-410 LIFETIME", FRONT_INSIDE_TCP, {{TURN_LIFETIME, 4, {0, 0, 4, 0}}}, 0},
};

START_TEST(allocate_rows) /* T-410 T-411 T-414 T-503 */
{
	static struct client carol;

	client_init(&carol, &fixture, CAROL, allocations[_i].front, "carol");
	client_login(&carol);
	client_start(&carol, TURN_ALLOCATE);
	add_tcp(&carol);
	ADD_ROWS(&carol, allocations[_i].attrs);
	client_ask(&carol);
	expect(&carol, allocations[_i].want, allocations[_i].name);
	if (allocations[_i].want != 0)
		ck_assert_ptr_null(client_allocation(&carol));
}
END_TEST

START_TEST(the_relayed_address_listens_on_tcp) /* T-413 */
{
	const struct allocation *al = client_allocation(&alice);
	struct endpoint relayed = allocation_relayed_public(&fixture.turn, al);
	struct endpoint answered = client_address(&alice, TURN_XOR_RELAYED_ADDRESS);

	ck_assert_int_eq(al->relay_transport, TRANSPORT_TCP);
	ck_assert(fixture.edge.open[al->slot] && fixture.edge.tcp[al->slot]);
	ck_assert(endpoint_equal(&relayed, &answered));
	ck_assert(!client_has(&alice, TURN_RESERVATION_TOKEN));
	ck_assert(port_pool_in_use(fixture.shared.tcp_ports, al->relay_address,
				   al->relay_port));
}
END_TEST

START_TEST(other_protocols_and_none_when_turned_off) /* T-412 */
{
	static struct client carol;

	client_init(&carol, &fixture, CAROL, FRONT_INSIDE_TCP, "carol");
	client_login(&carol);
	client_start(&carol, TURN_ALLOCATE);
	stun_add_u32(&carol.b, TURN_REQUESTED_TRANSPORT, 132u << 24);
	client_ask(&carol);
	expect(&carol, STUN_UNSUPPORTED_TRANSPORT, "T-412 SCTP");
	fixture.settings.tcp_allocations = false;
	allocate_tcp(&carol);
	expect(&carol, STUN_UNSUPPORTED_TRANSPORT, "T-412 turned off");
	client_allocate(&carol);
	expect(&carol, 0, "T-412 UDP");
	/* What exists continues. */
	connected(PEER);
}
END_TEST

START_TEST(without_an_ipv6_address) /* T-414 */
{
	static struct client carol;

	end();
	begin_with_options(&(struct fixture_options){.no_v6 = true});
	client_init(&carol, &fixture, CAROL, FRONT_INSIDE_TCP, "carol");
	client_login(&carol);
	client_start(&carol, TURN_ALLOCATE);
	add_tcp(&carol);
	stun_add_u32(&carol.b, TURN_REQUESTED_ADDRESS_FAMILY, 2u << 24);
	client_ask(&carol);
	expect(&carol, STUN_ADDRESS_FAMILY_NOT_SUPPORTED, "T-414");
}
END_TEST

START_TEST(no_channels_and_no_send_indications)
{
	uint64_t before = fixture_drops(&fixture, DROP_NO_CONNECTION);

	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	client_bind(&alice, 0x4001, PEER);
	expect(&alice, STUN_FORBIDDEN, "ChannelBind");
	ck_assert(!client_send(&alice, PEER, "x", 1));
	ck_assert_uint_eq(fixture_drops(&fixture, DROP_NO_CONNECTION), before + 1);
}
END_TEST

/* --- Connect --------------------------------------------------------------------------------- */

START_TEST(connect_succeeds) /* T-418 T-420 */
{
	const struct endpoint peer = ep(PEER);

	ck_assert_int_eq(connect_to(&alice, PEER), -1);
	ck_assert_ptr_null(alice.fault);
	uint32_t index = newest(&alice);
	ck_assert(endpoint_equal(&fixture.edge.peers[index], &peer));
	ck_assert(decide(index, PEER_CONNECTED));
	ck_assert_int_eq(told_msg.class, STUN_SUCCESS);
	ck_assert_int_eq(told_msg.method, TURN_CONNECT);
	ck_assert_mem_eq(told_msg.txid, alice.message + 8, STUN_TXID_LEN);
	/* It is signed as an answer in the same turn would have been. */
	ck_assert(stun_verify(&told_msg, STUN_INTEGRITY_SHA256, &alice.key));
	ck_assert_uint_eq(told_id(), tcp_connection_at(&fixture.turn, index)->id);
	ck_assert_uint_eq(events(PEER_CONNECTED), 1);
	/* It neither needs nor makes a permission. */
	ck_assert(!permission_allows(&fixture.turn, client_allocation(&alice), &peer.ip,
				     fixture.now_ms));
	ck_assert_uint_eq(fixture.turn.counters.requests[REQUEST_CONNECT][0], 1);
}
END_TEST

START_TEST(the_answer_is_signed_as_the_request) /* T-418 */
{
	static const struct {
		enum client_auth auth;
		enum stun_integrity kind;
	} rows[] = {
		{CLIENT_SHA256, STUN_INTEGRITY_SHA256},
		{CLIENT_MD5, STUN_INTEGRITY_SHA1},
		{CLIENT_MD5_CHOSEN, STUN_INTEGRITY_SHA256},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		alice.auth = rows[i].auth;
		alice.fingerprint = i % 2 == 0;
		ck_assert_int_eq(connect_to(&alice, PEER), -1);
		decide(newest(&alice), PEER_CONNECT_FAILED);
		ck_assert_int_eq(told_code(), STUN_CONNECTION_FAILED);
		ck_assert(stun_verify(&told_msg, rows[i].kind, &alice.key));
		ck_assert_int_eq(told_msg.has_fingerprint, alice.fingerprint);
	}
}
END_TEST

static const struct {
	const char *name;
	const char *peer; /* NULL: none */
	int want;
} refusals[] = {
	{"T-417 no peer: 400", NULL, STUN_BAD_REQUEST},
	{"T-417 port 0: 400", "192.0.2.1:0", STUN_BAD_REQUEST},
	{"T-417 IPv6 peer: 443", PEER_V6, STUN_PEER_FAMILY_MISMATCH},
	{"attack 10: inside network: 403", "10.0.0.7:80", STUN_FORBIDDEN},
	{"attack 1: link-local metadata: 403", "169.254.169.254:80", STUN_FORBIDDEN},
	{"attack 1: private: 403", "172.16.0.1:80", STUN_FORBIDDEN},
	{"attack 1: shared address space: 403", "100.64.0.1:80", STUN_FORBIDDEN},
	{"attack 2: unspecified: 403", "0.0.0.0:80", STUN_FORBIDDEN},
	{"attack 2: loopback: 403", "127.0.0.1:80", STUN_FORBIDDEN},
	{"attack 2: broadcast: 403", "255.255.255.255:80", STUN_FORBIDDEN},
	{"attack 2: own front: 403", "198.18.0.1:443", STUN_FORBIDDEN},
	{"attack 8: own idle relay port: 403", "198.18.0.1:50000", STUN_FORBIDDEN},
};

START_TEST(refused_peers) /* T-417 */
{
	client_start(&alice, TURN_CONNECT);
	if (refusals[_i].peer != NULL)
		client_add_peer(&alice, refusals[_i].peer);
	client_ask(&alice);
	expect(&alice, refusals[_i].want, refusals[_i].name);
	ck_assert_uint_eq(fixture.edge.connects, 0);
	ck_assert_uint_eq(newest(&alice), TCP_CONNECTION_NONE);
}
END_TEST

static const char *const embedded[] = {
	"[::ffff:10.0.0.7]:80",
	"[::ffff:192.0.2.1]:80",
	"[64:ff9b::a00:7]:80",
	"[2002:a00:7::1]:80",
	"[::1]:80",
	"[::]:80",
	"[::192.0.2.1]:80",
	"[fe80::1]:80",
	"[2001:0:a00:7::1]:80",
};

START_TEST(addresses_within_addresses) /* attacks 2 and 3, IPv6 */
{
	static struct client carol;

	client_init(&carol, &fixture, CAROL, FRONT_INSIDE_TCP, "carol");
	client_login(&carol);
	client_start(&carol, TURN_ALLOCATE);
	add_tcp(&carol);
	stun_add_u32(&carol.b, TURN_REQUESTED_ADDRESS_FAMILY, 2u << 24);
	ck_assert_int_eq(client_ask(&carol), 0);
	for (size_t i = 0; i < ROWS(embedded); i++) {
		connect_to(&carol, embedded[i]);
		expect(&carol, STUN_FORBIDDEN, embedded[i]);
	}
	ck_assert_int_eq(connect_to(&carol, PEER_V6), -1);
	ck_assert_uint_eq(fixture.edge.connects, 1);
}
END_TEST

START_TEST(to_itself_is_refused)
{
	struct endpoint self =
		allocation_relayed_public(&fixture.turn, client_allocation(&alice));
	char text[ENDPOINT_TEXT_LEN];

	connect_to(&alice, endpoint_format(&self, text, sizeof(text)));
	expect(&alice, STUN_FORBIDDEN, "its own relayed address");
}
END_TEST

START_TEST(to_another_relayed_address_behind_nat)
{
	char text[ENDPOINT_TEXT_LEN];

	end();
	begin_with_options(&(struct fixture_options){.nat = true});
	ck_assert_int_eq(allocate_tcp(&bob), 0);
	const struct allocation *al = client_allocation(&bob);
	struct endpoint public = allocation_relayed_public(&fixture.turn, al);
	struct endpoint local = allocation_relayed_local(&fixture.turn, al);
	ck_assert_int_eq(connect_to(&alice, endpoint_format(&public, text, sizeof(text))),
			 -1);
	uint32_t index = newest(&alice);
	ck_assert(endpoint_equal(&fixture.edge.peers[index], &local));
	/* It arrives there by its local address, and the client is told the public one. */
	struct endpoint source =
		allocation_relayed_local(&fixture.turn, client_allocation(&alice));
	struct endpoint named =
		allocation_relayed_public(&fixture.turn, client_allocation(&alice));
	client_permit(&bob, endpoint_format(&named, text, sizeof(text)));
	expect(&bob, 0, "permission");
	uint32_t arrived = fixture_accept(&fixture, client_allocation(&bob),
					  endpoint_format(&source, text, sizeof(text)));
	ck_assert_uint_ne(arrived, TCP_CONNECTION_NONE);
	ck_assert(
		endpoint_equal(&tcp_connection_at(&fixture.turn, arrived)->peer, &named));
}
END_TEST

START_TEST(without_a_tcp_allocation) /* T-415 */
{
	static struct client carol;

	client_init(&carol, &fixture, CAROL, FRONT_INSIDE_TCP, "carol");
	client_login(&carol);
	connect_to(&carol, PEER);
	expect(&carol, STUN_ALLOCATION_MISMATCH, "T-415 no allocation");
	ck_assert_int_eq(client_allocate(&carol), 0);
	connect_to(&carol, PEER);
	expect(&carol, STUN_BAD_REQUEST, "an allocation of UDP");
	/* Another user on this 5-tuple. */
	client_credential(&alice, "mallory", fixture.unix_s + 3600);
	connect_to(&alice, PEER);
	expect(&alice, STUN_WRONG_CREDENTIALS, "441");
}
END_TEST

START_TEST(one_connection_with_a_peer) /* T-416 */
{
	ck_assert_int_eq(connect_to(&alice, PEER), -1);
	uint32_t index = newest(&alice);
	connect_to(&alice, PEER);
	expect(&alice, STUN_CONNECTION_EXISTS, "T-416 while it is processed");
	ck_assert_int_eq(connect_to(&alice, PEER_OTHER_PORT), -1);
	ck_assert_int_eq(connect_to(&alice, PEER_B), -1);
	decide(index, PEER_CONNECTED);
	connect_to(&alice, PEER);
	expect(&alice, STUN_CONNECTION_EXISTS, "T-416 while it is pending");
	ck_assert_int_eq(bind_id(&data, told_id()), 0);
	connect_to(&alice, PEER);
	expect(&alice, STUN_CONNECTION_EXISTS, "T-416 while it is active");
	fixture_gone(&fixture, index, PEER_CLOSED);
	ck_assert_int_eq(connect_to(&alice, PEER), -1);
}
END_TEST

START_TEST(failures_are_447) /* T-419 */
{
	uint32_t index;

	ck_assert_int_eq(connect_to(&alice, PEER), -1);
	index = newest(&alice);
	ck_assert(!decide(index, PEER_CONNECT_TIMEOUT));
	ck_assert_int_eq(told_code(), STUN_CONNECTION_FAILED);
	ck_assert_uint_eq(events(PEER_CONNECT_TIMEOUT), 1);
	ck_assert_uint_eq(newest(&alice), TCP_CONNECTION_NONE);
	fixture.edge.refuse_connect = -ENETUNREACH;
	connect_to(&alice, PEER);
	expect(&alice, STUN_CONNECTION_FAILED, "T-419 at once");
	ck_assert_uint_eq(events(PEER_CONNECT_FAILED), 1);
	ck_assert_uint_eq(newest(&alice), TCP_CONNECTION_NONE);
}
END_TEST

START_TEST(requests_are_answered_meanwhile) /* T-434 */
{
	ck_assert_int_eq(connect_to(&alice, PEER), -1);
	ck_assert_int_eq(client_refresh(&alice, 900), 0);
	ck_assert_int_eq(client_permit(&alice, PEER_B), 0);
	ck_assert_int_eq(connect_to(&alice, PEER_B), -1);
}
END_TEST

START_TEST(policy_that_changes_while_it_connects) /* T-417 */
{
	ck_assert_int_eq(connect_to(&alice, PEER), -1);
	uint32_t index = newest(&alice);
	ck_assert(fixture_deny(&fixture, "192.0.2.1/32"));
	tcp_connections_judge(&fixture.turn);
	ck_assert(!decide(index, PEER_CONNECTED));
	ck_assert_int_eq(told_code(), STUN_FORBIDDEN);
}
END_TEST

START_TEST(policy_ends_connections) /* after a reload */
{
	uint32_t id = connected(PEER), other = connected(PEER_B);

	ck_assert_int_eq(bind_id(&data, id), 0);
	ck_assert(fixture_deny(&fixture, "192.0.2.1/32"));
	tcp_connections_judge(&fixture.turn);
	ck_assert_uint_eq(events(PEER_REVOKED), 1);
	ck_assert_uint_eq(fixture.edge.disconnects, 1);
	ck_assert_int_eq(bind_id(&data_2, other), 0);
}
END_TEST

/* --- limits ---------------------------------------------------------------------------------- */

START_TEST(an_allocation_has_so_many) /* attack 26 */
{
	ck_assert_int_eq(client_permit(&alice, PEER_C), 0);
	for (int i = 0; i < 4; i++) { /* as in fake_edge.h */
		char peer[32];
		snprintf(peer, sizeof(peer), "192.0.2.1:%d", 1000 + i);
		ck_assert_int_eq(connect_to(&alice, peer), -1);
	}
	connect_to(&alice, PEER);
	expect(&alice, STUN_QUOTA_REACHED, "one too many");
	ck_assert_uint_eq(events(PEER_FULL), 1);
	ck_assert_uint_eq(fixture_accept(&fixture, client_allocation(&alice), PEER_C),
			  TCP_CONNECTION_NONE);
	decide(newest(&alice), PEER_CONNECT_FAILED);
	ck_assert_uint_ne(fixture_accept(&fixture, client_allocation(&alice), PEER_C),
			  TCP_CONNECTION_NONE);
}
END_TEST

START_TEST(a_user_has_so_many) /* attacks 23 and 26 */
{
	static struct client second;

	fixture.settings.limits.peer_connections_per_user = 3;
	client_init(&second, &fixture, CAROL, FRONT_INSIDE_TCP, "alice");
	ck_assert_int_eq(allocate_tcp(&second), 0);
	ck_assert_int_eq(allocate_tcp(&bob), 0);
	ck_assert_int_eq(connect_to(&alice, PEER), -1);
	ck_assert_int_eq(connect_to(&alice, PEER_B), -1);
	ck_assert_int_eq(connect_to(&second, PEER), -1);
	connect_to(&second, PEER_B);
	expect(&second, STUN_QUOTA_REACHED, "of both allocations");
	ck_assert_int_eq(connect_to(&bob, PEER), -1);
	/* The end of one gives all of its back. */
	ck_assert_int_eq(client_refresh(&alice, 0), 0);
	ck_assert_int_eq(connect_to(&second, PEER_B), -1);
	ck_assert_int_eq(connect_to(&second, PEER_C), -1);
	connect_to(&second, PEER_OTHER_PORT);
	expect(&second, STUN_QUOTA_REACHED, "again");
}
END_TEST

/* --- ConnectionAttempt ----------------------------------------------------------------------- */

START_TEST(a_permitted_peer_connects) /* T-423 */
{
	struct stun_attr attr;
	struct endpoint peer;
	const struct endpoint want = ep(PEER);

	ck_assert_int_eq(client_permit(&alice, PEER_OTHER_PORT), 0);
	uint32_t index = fixture_accept(&fixture, client_allocation(&alice), PEER);
	ck_assert_uint_ne(index, TCP_CONNECTION_NONE);
	hear(dispatch_attempt(&fixture.turn, index, told));
	ck_assert_int_eq(told_msg.class, STUN_INDICATION);
	ck_assert_int_eq(told_msg.method, TURN_CONNECTION_ATTEMPT);
	ck_assert(stun_msg_find(&told_msg, TURN_XOR_PEER_ADDRESS, &attr));
	ck_assert(stun_attr_xor_address(&attr, told_msg.txid, &peer));
	ck_assert(endpoint_equal(&peer, &want));
	connect_to(&alice, PEER);
	expect(&alice, STUN_CONNECTION_EXISTS, "T-416 the peer made it");
	ck_assert_int_eq(bind_id(&data, told_id()), 0);
	ck_assert_uint_eq(data.out.bound, index);
	ck_assert_uint_eq(events(PEER_ACCEPTED), 1);
}
END_TEST

START_TEST(strangers_are_reset) /* T-423, attack 15 */
{
	struct allocation *al = client_allocation(&alice);

	ck_assert_uint_eq(fixture_accept(&fixture, al, PEER), TCP_CONNECTION_NONE);
	ck_assert_uint_eq(events(PEER_STRANGER), 1);
	ck_assert_int_eq(client_permit(&alice, PEER_B), 0);
	ck_assert_uint_eq(fixture_accept(&fixture, al, PEER), TCP_CONNECTION_NONE);
	ck_assert_uint_eq(fixture_accept(&fixture, al, "10.0.0.7:5"),
			  TCP_CONNECTION_NONE);
	ck_assert_uint_eq(events(PEER_REFUSED), 1);
	/* A connection that was asked for is no permission for others from there. */
	connected(PEER_C);
	ck_assert_uint_eq(fixture_accept(&fixture, al, "192.0.2.3:1"),
			  TCP_CONNECTION_NONE);
	advance(PERMISSION_LIFETIME_MS);
	ck_assert_uint_eq(fixture_accept(&fixture, al, PEER_B), TCP_CONNECTION_NONE);
}
END_TEST

START_TEST(the_attempt_mirrors_fingerprint)
{
	static struct client carol;

	client_init(&carol, &fixture, CAROL, FRONT_INSIDE_TCP, "carol");
	carol.fingerprint = true;
	ck_assert_int_eq(allocate_tcp(&carol), 0);
	ck_assert_int_eq(client_permit(&carol, PEER), 0);
	hear(dispatch_attempt(&fixture.turn,
			      fixture_accept(&fixture, client_allocation(&carol), PEER),
			      told));
	ck_assert(told_msg.has_fingerprint);
}
END_TEST

/* --- ConnectionBind -------------------------------------------------------------------------- */

START_TEST(bind_succeeds_once) /* T-424 T-428 T-429 */
{
	uint32_t id = connected(PEER);

	ck_assert_int_eq(bind_id(&data, id), 0);
	ck_assert_ptr_null(data.fault);
	/* What outlives the process has been told by now, and nothing is sent yet. */
	ck_assert_uint_eq(fixture.edge.bindings, 1);
	ck_assert_int_eq(data.out.action, DISPATCH_BIND);
	ck_assert_uint_eq(data.out.bound, newest(&alice));
	ck_assert_int_eq(tcp_connection_at(&fixture.turn, data.out.bound)->state,
			 TCP_CONNECTION_BOUND);
	bind_id(&data_2, id);
	expect(&data_2, STUN_BAD_REQUEST, "T-424 used before");
	ck_assert_int_eq(data_2.out.action, DISPATCH_REPLY);
}
END_TEST

START_TEST(bad_binds) /* T-424 T-426 T-427 T-428 */
{
	uint32_t id = connected(PEER);
	static struct client c;

	bind_id(&data, id ^ 0x80000000);
	expect(&data, STUN_BAD_REQUEST, "T-424 unknown");
	client_start(&data, TURN_CONNECTION_BIND);
	client_ask(&data);
	expect(&data, STUN_BAD_REQUEST, "T-424 no CONNECTION-ID");
	client_start(&data, TURN_CONNECTION_BIND);
	stun_builder_add(&data.b, TURN_CONNECTION_ID, "12345678", 8);
	client_ask(&data);
	expect(&data, STUN_BAD_REQUEST, "T-424 a CONNECTION-ID of 8 bytes");
	client_init(&c, &fixture, CAROL, FRONT_OUTSIDE_UDP, "alice");
	client_login(&c);
	bind_id(&c, id);
	expect(&c, STUN_BAD_REQUEST, "T-424 on UDP");
	bind_id(&alice, id);
	expect(&alice, STUN_BAD_REQUEST, "T-428 on the control connection");
	client_login(&bob);
	bind_id(&bob, id);
	expect(&bob, STUN_WRONG_CREDENTIALS, "T-426 another user");
	client_init(&c, &fixture, CAROL, FRONT_INSIDE_TCP, "alice");
	client_login(&c);
	bind_id(&c, id);
	expect(&c, STUN_BAD_REQUEST, "T-427 another server address");
	data.wrong = WRONG_MAC;
	bind_id(&data, id);
	expect(&data, STUN_UNAUTHENTICATED, "T-426 wrong password");
	data.wrong = 0;
	/* None of these has used the id up. */
	bind_id(&data, id);
	expect(&data, 0, "T-424");
}
END_TEST

START_TEST(tls_and_tcp_of_one_port_are_one_server_address) /* T-427 */
{
	static struct client carol, other;

	client_init(&carol, &fixture, CAROL, FRONT_INSIDE_TLS, "carol");
	ck_assert_int_eq(allocate_tcp(&carol), 0);
	ck_assert_int_eq(connect_to(&carol, PEER), -1);
	decide(newest(&carol), PEER_CONNECTED);
	client_init(&other, &fixture, "192.0.2.202:5001", FRONT_INSIDE_TCP, "carol");
	client_login(&other);
	bind_id(&other, told_id());
	expect(&other, 0, "T-427");
}
END_TEST

START_TEST(a_stale_nonce_does_not_use_the_id_up) /* T-435 */
{
	uint32_t id = connected(PEER);
	static struct client cached;

	client_init(&cached, &fixture, CAROL, FRONT_OUTSIDE_TCP, "alice");
	take_nonce(&cached, &alice);
	bind_id(&cached, id);
	expect(&cached, STUN_STALE_NONCE, "T-435 a nonce of another host");
	client_keep_challenge(&cached);
	bind_id(&cached, id);
	expect(&cached, 0, "T-435 the fresh one");
}
END_TEST

START_TEST(an_expired_credential_still_binds) /* as it still refreshes */
{
	static struct client carol, other;

	client_init(&carol, &fixture, CAROL, FRONT_INSIDE_TCP, "carol");
	client_credential(&carol, "carol", fixture.unix_s + 60);
	client_init(&other, &fixture, "192.0.2.202:5001", FRONT_INSIDE_TCP, "carol");
	client_credential(&other, "carol", fixture.unix_s + 60);
	ck_assert_int_eq(allocate_tcp(&carol), 0);
	advance(300 * 1000);
	ck_assert_int_eq(connect_to(&carol, PEER), -1);
	decide(newest(&carol), PEER_CONNECTED);
	client_login(&other);
	bind_id(&other, told_id());
	expect(&other, 0, "the allocation's key");
}
END_TEST

START_TEST(ids_of_other_workers_are_handed_over)
{
	uint32_t id = connected(PEER);

	ck_assert_uint_eq(id % FAKE_WORKERS, fixture.turn.worker);
	bind_id(&data, OTHER_WORKERS_ID(id));
	ck_assert_int_eq(data.out.action, DISPATCH_HAND_OVER);
	ck_assert_uint_eq(data.out.worker, fixture.turn.worker + 1);
	data.wrong = WRONG_MAC;
	bind_id(&data, OTHER_WORKERS_ID(id));
	expect(&data, STUN_UNAUTHENTICATED, "not for strangers");
	data.wrong = 0;
	/* What arrived at another worker of the same ids. */
	fixture.turn.worker++;
	bind_id(&data, id);
	ck_assert_int_eq(data.out.action, DISPATCH_HAND_OVER);
	ck_assert_uint_eq(data.out.worker, fixture.turn.worker - 1);
	fixture.turn.worker--;
	bind_id(&data, id);
	expect(&data, 0, "here");
}
END_TEST

/* With one worker ids are all of 32 bits; with any number they differ and are spread. */
START_TEST(the_nonce_of_the_control_connection_binds) /* T-435 */
{
	static struct client c;
	uint32_t id = connected(PEER);

	/* Not from another host, not of another connection of the client, and for nothing else. */
	client_init(&c, &fixture, CAROL, FRONT_OUTSIDE_TCP, "alice");
	take_nonce(&c, &alice);
	bind_id(&c, id);
	expect(&c, STUN_STALE_NONCE, "another host");
	client_login(&data_2);
	take_nonce(&data, &data_2);
	bind_id(&data, id);
	expect(&data, STUN_STALE_NONCE, "of another data connection");
	take_nonce(&data, &alice);
	ck_assert_int_eq(allocate_tcp(&data), STUN_STALE_NONCE);
	take_nonce(&data, &alice);
	bind_id(&data, id ^ 0x80000000);
	expect(&data, STUN_STALE_NONCE, "of no connection");

	take_nonce(&data, &alice);
	bind_id(&data, id);
	expect(&data, 0, "bound");
	ck_assert_int_eq(data.out.action, DISPATCH_BIND);
	ck_assert_int_eq(connect_to(&alice, PEER_B), -1);
	ck_assert_ptr_null(alice.fault);
}
END_TEST

START_TEST(another_worker_judges_the_nonce) /* T-435 */
{
	uint32_t id = connected(PEER);

	take_nonce(&data, &alice);
	bind_id(&data, OTHER_WORKERS_ID(id));
	ck_assert_int_eq(data.out.action, DISPATCH_HAND_OVER);
	ck_assert(!data.out.authenticated);
	ck_assert_uint_eq(data.out.worker, fixture.turn.worker + 1);
	data.wrong = WRONG_MAC;
	bind_id(&data, OTHER_WORKERS_ID(id));
	expect(&data, STUN_UNAUTHENTICATED, "not for strangers");
	data.wrong = 0;
	take_nonce(&data, &alice);
	bind_id(&alice, OTHER_WORKERS_ID(id));
	expect(&alice, STUN_BAD_REQUEST, "a control connection stays");
	bind_id(&data, id);
	expect(&data, 0, "here");
}
END_TEST

START_TEST(ids_cannot_be_guessed)
{
	static const unsigned counts[] = {1, 2, 3, 8, 64, 256};
	uint32_t high = 0, low = UINT32_MAX, or = 0, and = UINT32_MAX;

	fixture.shared.worker_count = counts[_i];
	fixture.turn.worker = (uint16_t)(counts[_i] - 1);
	fixture.settings.limits.peer_connections = 200;
	for (int i = 0; i < 200; i++) {
		char peer[32];
		snprintf(peer, sizeof(peer), "192.0.2.1:%d", 1000 + i);
		uint32_t id = connected(peer);
		ck_assert_uint_eq(tcp_connection_worker(&fixture.turn, id),
				  fixture.turn.worker);
		high = id > high ? id : high;
		low = id < low ? id : low;
		or |= id / counts[_i];
		and &= id / counts[_i];
	}
	ck_assert_uint_gt(high, UINT32_MAX / 10 * 9);
	ck_assert_uint_lt(low, UINT32_MAX / 10);
	ck_assert_uint_eq(and, 0);
	/* Each of the bits that are left takes both values. */
	ck_assert_uint_ge(or, (UINT32_MAX / counts[_i]) / 2);
	ck_assert(tcp_connections_check(&fixture.turn));
}
END_TEST

/* --- ends ------------------------------------------------------------------------------------ */

START_TEST(the_end_of_an_allocation_ends_them_all) /* T-419 T-431 T-432 */
{
	uint32_t id = connected(PEER);

	connected(PEER_B);
	ck_assert_int_eq(connect_to(&alice, PEER_C), -1);
	ck_assert_int_eq(bind_id(&data, id), 0);
	switch (_i) {
	case 0:
		ck_assert_int_eq(client_refresh(&alice, 0), 0);
		break;
	case 1:
		advance(601 * 1000);
		break;
	default:
		dispatch_client_gone(&fixture.turn, &alice.tuple, END_CLIENT_GONE,
				     fixture.now_ms);
	}
	ck_assert_ptr_null(client_allocation(&alice));
	/* Only who releases it still hears of the Connect. */
	ck_assert_uint_eq(fixture.edge.give_ups, _i == 0 ? 1 : 0);
	ck_assert_uint_eq(fixture.edge.disconnects, 3);
	ck_assert_uint_eq(events(PEER_ENDED), 2);
	ck_assert_uint_eq(events(PEER_CONNECT_FAILED), 1);
	bind_id(&data_2, id);
	expect(&data_2, STUN_BAD_REQUEST, "gone");
	ck_assert(fixture_is_clean(&fixture));
}
END_TEST

START_TEST(expiry_refuses_a_bind_that_comes_first) /* T-431 */
{
	uint32_t id = connected(PEER);

	/* Past its end, and before the table is swept. */
	fixture.now_ms += 601 * 1000;
	bind_id(&data, id);
	expect(&data, STUN_BAD_REQUEST, "T-431");
}
END_TEST

START_TEST(thirty_seconds) /* T-421 */
{
	connected(PEER);
	ck_assert_uint_eq(tcp_connection_at(&fixture.turn, newest(&alice))->until_ms,
			  fixture.now_ms + 30000);
	ck_assert_int_eq(client_permit(&alice, PEER_B), 0);
	uint32_t index = fixture_accept(&fixture, client_allocation(&alice), PEER_B);
	ck_assert_uint_eq(tcp_connection_at(&fixture.turn, index)->until_ms,
			  fixture.now_ms + 30000);
}
END_TEST

START_TEST(bytes_are_counted) /* records and metrics */
{
	uint32_t id = connected(PEER);

	ck_assert_int_eq(bind_id(&data, id), 0);
	uint32_t index = data.out.bound;
	const struct allocation *al = client_allocation(&alice);
	ck_assert_uint_eq(tcp_connection_relayed(&fixture.turn, index, TCP_TO_PEER, 1000,
						 fixture.now_ms),
			  0);
	tcp_connection_relayed(&fixture.turn, index, TCP_TO_CLIENT, 70000,
			       fixture.now_ms);
	ck_assert_uint_eq(al->to_peer.bytes, 1000);
	ck_assert_uint_eq(al->to_client.bytes, 70000);
	ck_assert_uint_eq(al->to_client.packets, 1);
	ck_assert_uint_eq(
		fixture.turn.counters.to_client[SIDE_OUTSIDE][TRANSPORT_TCP].bytes,
		70000);
	ck_assert_uint_eq(tcp_connection_at(&fixture.turn, index)->to_peer.bytes, 1000);
}
END_TEST

START_TEST(bandwidth_is_limited) /* attack 28 */
{
	uint32_t id;

	fixture.settings.limits.bandwidth.per_allocation[DIALECT_IETF] = 800000;
	fixture.settings.limits.bandwidth.burst_ms = 1000;
	fixture.settings.limits.bandwidth.peak_percent = 200;
	id = connected(PEER);
	ck_assert_int_eq(bind_id(&data, id), 0);
	/* 100 kB a second: a full bucket lets one piece pass, and it is paid for before the next. */
	ck_assert_uint_eq(tcp_connection_relayed(&fixture.turn, data.out.bound,
						 TCP_TO_PEER, 300000, fixture.now_ms),
			  0);
	uint32_t wait_ms = tcp_connection_relayed(&fixture.turn, data.out.bound,
						  TCP_TO_CLIENT, 1000, fixture.now_ms);
	ck_assert_uint_ge(wait_ms, 1000);
	ck_assert_uint_le(wait_ms, 4000);
}
END_TEST

static void turn_tcp_suite(Suite *suite)
{
	TCase *tc = tcase_create("turn_tcp");

	tcase_add_checked_fixture(tc, begin_tcp, end_tcp);
	tcase_add_loop_test(tc, allocate_rows, 0, ROWS(allocations));
	tcase_add_test(tc, the_relayed_address_listens_on_tcp);
	tcase_add_test(tc, other_protocols_and_none_when_turned_off);
	tcase_add_test(tc, without_an_ipv6_address);
	tcase_add_test(tc, no_channels_and_no_send_indications);
	tcase_add_test(tc, connect_succeeds);
	tcase_add_test(tc, the_answer_is_signed_as_the_request);
	tcase_add_loop_test(tc, refused_peers, 0, ROWS(refusals));
	tcase_add_test(tc, addresses_within_addresses);
	tcase_add_test(tc, to_itself_is_refused);
	tcase_add_test(tc, to_another_relayed_address_behind_nat);
	tcase_add_test(tc, without_a_tcp_allocation);
	tcase_add_test(tc, one_connection_with_a_peer);
	tcase_add_test(tc, failures_are_447);
	tcase_add_test(tc, requests_are_answered_meanwhile);
	tcase_add_test(tc, policy_that_changes_while_it_connects);
	tcase_add_test(tc, policy_ends_connections);
	tcase_add_test(tc, an_allocation_has_so_many);
	tcase_add_test(tc, a_user_has_so_many);
	tcase_add_test(tc, a_permitted_peer_connects);
	tcase_add_test(tc, strangers_are_reset);
	tcase_add_test(tc, the_attempt_mirrors_fingerprint);
	tcase_add_test(tc, bind_succeeds_once);
	tcase_add_test(tc, bad_binds);
	tcase_add_test(tc, tls_and_tcp_of_one_port_are_one_server_address);
	tcase_add_test(tc, a_stale_nonce_does_not_use_the_id_up);
	tcase_add_test(tc, an_expired_credential_still_binds);
	tcase_add_test(tc, ids_of_other_workers_are_handed_over);
	tcase_add_test(tc, the_nonce_of_the_control_connection_binds);
	tcase_add_test(tc, another_worker_judges_the_nonce);
	tcase_add_loop_test(tc, ids_cannot_be_guessed, 0, 6);
	tcase_add_loop_test(tc, the_end_of_an_allocation_ends_them_all, 0, 3);
	tcase_add_test(tc, expiry_refuses_a_bind_that_comes_first);
	tcase_add_test(tc, thirty_seconds);
	tcase_add_test(tc, bytes_are_counted);
	tcase_add_test(tc, bandwidth_is_limited);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("turn_tcp", turn_tcp_suite)
