/*
 * test_mobility.c - mobility with TURN (RFC 8016) on one worker. alice is the client where its
 * allocation was made, and moved is the same client elsewhere.
 */
#include "relay/core/mobility.h"

#include <stdio.h>

#include "relay/core/mobility_directory.h"
#include "relay/core/mobility_end.h"
#include "relay/core/mobility_state.h"
#include "relay/core/quota.h"
#include "relay/core/visitors.h"
#include "tests/unit/dialect/dialect_check.h"

#define ELSEWHERE "192.0.2.210:6000"
#define FURTHER "198.51.100.7:6001"

static struct client moved, third, mallory;
static uint8_t ticket[MOBILITY_TICKET_LEN];

static void begin_mobile_with(struct fixture_options options)
{
	options.mobility = true;
	begin_with(&options);
	client_init(&moved, &fixture, ELSEWHERE, FRONT_OUTSIDE_UDP, "alice");
	client_init(&third, &fixture, FURTHER, FRONT_OUTSIDE_UDP, "alice");
	client_login(&moved);
	client_login(&third);
}

static void begin_mobile(void)
{
	begin_mobile_with((struct fixture_options){0});
}

/* The tables are whole, and nothing is left once all has ended. */
static void end_clean(void)
{
	struct allocation *al;

	ck_assert(allocation_table_check(fixture.turn.table));
	while ((al = allocation_next(fixture.turn.table, 0)) != NULL)
		allocation_delete(&fixture.turn, al, END_SHUTDOWN, fixture.now_ms);
	ck_assert(allocation_table_check(fixture.turn.table));
	ck_assert(fixture_is_clean(&fixture));
	end();
}

/* Keep the ticket of the answer. */
static void keep_ticket(const struct client *c, const char *name)
{
	struct stun_attr attr;

	ck_assert_msg(client_find(c, TURN_MOBILITY_TICKET, &attr), "%s: no ticket", name);
	ck_assert_msg(attr.value.len == MOBILITY_TICKET_LEN, "%s", name);
	memcpy(ticket, attr.value.data, sizeof(ticket));
}

static int ask_ticket(struct client *c)
{
	if (c->nonce_len == 0)
		client_login(c);
	client_start(c, TURN_ALLOCATE);
	stun_add_u32(&c->b, TURN_REQUESTED_TRANSPORT, 17u << 24);
	stun_builder_add(&c->b, TURN_MOBILITY_TICKET, NULL, 0);
	return client_ask(c);
}

static struct allocation *allocate_mobile(void)
{
	ck_assert_int_eq(ask_ticket(&alice), 0);
	keep_ticket(&alice, "Allocate");
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4000, PEER), 0);
	return client_allocation(&alice);
}

static void start_move(struct client *c)
{
	client_start(c, TURN_REFRESH);
	stun_builder_add(&c->b, TURN_MOBILITY_TICKET, ticket, sizeof(ticket));
}

/* Refresh with the ticket. */
static int move(struct client *c)
{
	start_move(c);
	return client_ask(c);
}

static uint64_t events(enum mobility_event event)
{
	return fixture.turn.counters.mobility[event];
}

/* Where does what a peer sends go? */
static struct endpoint client_now(const struct allocation *al)
{
	return al->tuple.client;
}

static bool is_at(const struct allocation *al, const char *address)
{
	const struct endpoint now = client_now(al), want = ep(address);

	return endpoint_equal(&now, &want);
}

START_TEST(allocate_with_an_empty_ticket_gets_one) /* T-463 */
{
	struct stun_attr attr;
	uint8_t again[MOBILITY_TICKET_LEN];

	begin_mobile();
	ck_assert_int_eq(ask_ticket(&alice), 0);
	keep_ticket(&alice, "T-463");
	ck_assert_msg(alice.out.reply_len <= 548, "T-465 %zu", alice.out.reply_len);
	client_again(&alice);
	expect(&alice, 0, "retransmitted Allocate");
	ck_assert(client_find(&alice, TURN_MOBILITY_TICKET, &attr));
	ck_assert_msg(memcmp(attr.value.data, ticket, sizeof(ticket)) == 0,
		      "the same ticket in the same answer");
	ck_assert_uint_eq(events(MOBILITY_TICKET), 1);

	ck_assert_int_eq(ask_ticket(&bob), 0);
	memcpy(again, ticket, sizeof(again));
	keep_ticket(&bob, "T-465");
	ck_assert_msg(memcmp(again, ticket, sizeof(ticket)) != 0,
		      "T-465 another allocation, another ticket");

	client_init(&third, &fixture, FURTHER, FRONT_OUTSIDE_UDP, "carol");
	ck_assert_int_eq(client_allocate(&third), 0);
	ck_assert_msg(!client_has(&third, TURN_MOBILITY_TICKET),
		      "no ticket for a client that did not ask");
	end_clean();
}
END_TEST

START_TEST(allocate_with_a_ticket_is_refused) /* T-464 */
{
	begin_mobile();
	client_login(&alice);
	client_start(&alice, TURN_ALLOCATE);
	stun_add_u32(&alice.b, TURN_REQUESTED_TRANSPORT, 17u << 24);
	stun_builder_add(&alice.b, TURN_MOBILITY_TICKET, "abcd", 4);
	client_ask(&alice);
	expect(&alice, 400, "T-464");
	ck_assert_ptr_null(client_allocation(&alice));
	end_clean();
}
END_TEST

START_TEST(switched_off) /* T-463 T-466 */
{
	begin_mobile();
	allocate_mobile();
	fixture.settings.mobility = false;
	move(&moved);
	expect(&moved, 405, "T-466 Refresh with a ticket, mobility now forbidden");
	ask_ticket(&bob);
	expect(&bob, 405, "T-463 Allocate");
	client_start(&bob, TURN_REFRESH);
	stun_builder_add(&bob.b, TURN_MOBILITY_TICKET, "x", 1);
	client_ask(&bob);
	expect(&bob, 405,
	       "RFC 8016 section 3.2.2: 405 comes before the ticket is looked at");
	ck_assert_int_eq(client_refresh(&alice, 600), 0);
	ck_assert_msg(client_channel_data(&alice, 0x4000, "x", 1),
		      "what is there goes on");
	ck_assert_uint_eq(events(MOBILITY_FORBIDDEN), 3);
	end_clean();
}
END_TEST

START_TEST(tickets_that_name_nothing) /* T-466 */
{
	begin_mobile();
	struct allocation *al = allocate_mobile();

	for (size_t i = 0; i < 8 * sizeof(ticket); i++) {
		ticket[i / 8] ^= (uint8_t)(1 << i % 8);
		move(&moved);
		expect(&moved, 400, "T-466 one bit wrong: not a ticket");
		ticket[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t len = 0; len < sizeof(ticket); len++) {
		client_start(&moved, TURN_REFRESH);
		stun_builder_add(&moved.b, TURN_MOBILITY_TICKET, ticket, len);
		client_ask(&moved);
		expect(&moved, 400, "T-466 too short");
	}
	ck_assert(!al->moving);
	ck_assert_int_eq(client_refresh(&alice, 0), 0);
	move(&moved);
	expect(&moved, 437, "T-466 the allocation is gone");
	ck_assert_int_eq(ask_ticket(&bob), 0);
	move(&moved);
	expect(&moved, 437, "T-466 its slot has another allocation");
	ck_assert_uint_eq(events(MOBILITY_NO_ALLOCATION), 2);
	end_clean();
}
END_TEST

START_TEST(make_before_break) /* T-469 T-470 T-475 */
{
	struct forward out;
	uint8_t first[MOBILITY_TICKET_LEN];

	begin_mobile();
	struct allocation *al = allocate_mobile();

	memcpy(first, ticket, sizeof(first));
	start_move(&moved);
	stun_add_u32(&moved.b, TURN_LIFETIME, 900);
	client_ask(&moved);
	expect(&moved, 0, "T-469");
	ck_assert_uint_eq(client_u32(&moved, TURN_LIFETIME), 900);
	ck_assert_msg(moved.out.reply_len <= 548, "T-465");
	keep_ticket(&moved, "T-469");
	ck_assert_msg(memcmp(first, ticket, sizeof(first)) != 0, "T-469 a different one");

	ck_assert_msg(client_from_peer(&alice, PEER, "y", 1, &out) && is_at(al, ALICE),
		      "T-470 peers reach the old 5-tuple");
	ck_assert_msg(client_channel_data(&alice, 0x4000, "x", 1) && is_at(al, ALICE),
		      "T-470 what the old 5-tuple sends is relayed");
	ck_assert_int_eq(client_refresh(&alice, 600), 0);
	client_permit(&moved, PEER_B);
	expect(&moved, 0, "requests of the new 5-tuple are served");
	client_refresh(&moved, 600);
	expect(&moved, 0, "T-475 without a ticket");
	ck_assert_msg(is_at(al, ALICE), "T-470 and do not switch");
	ck_assert(allocation_table_check(fixture.turn.table));

	ck_assert_msg(client_channel_data(&moved, 0x4000, "z", 1),
		      "T-470 ChannelData from the new 5-tuple is relayed");
	ck_assert_msg(is_at(al, ELSEWHERE) && !al->moving, "T-470 and switches");
	ck_assert(client_from_peer(&moved, PEER, "y", 1, &out));
	ck_assert(!client_channel_data(&alice, 0x4000, "x", 1));
	client_refresh(&alice, 600);
	expect(&alice, 437, "T-470 the old 5-tuple is nobody's");
	client_refresh(&moved, 600);
	expect(&moved, 0, "T-475 a later Refresh needs no ticket");
	ck_assert_uint_eq(events(MOBILITY_MOVED), 1);
	ck_assert_uint_eq(mobility_of(&fixture.turn, al)->moves, 1);

	memcpy(ticket, first, sizeof(ticket));
	client_login(&alice);
	move(&alice);
	expect(&alice, 400, "T-470 the old ticket is gone");
	end_clean();
}
END_TEST

START_TEST(send_indication_switches) /* T-470 */
{
	begin_mobile();
	struct allocation *al = allocate_mobile();

	ck_assert_int_eq(move(&moved), 0);
	ck_assert(client_send(&moved, PEER, "x", 1));
	ck_assert_msg(is_at(al, ELSEWHERE), "T-470 Send indication");
	end_clean();
}
END_TEST

START_TEST(broken_messages_do_not_switch) /* T-470 */
{
	static const uint8_t short_channel_data[] = {0x40, 0, 0, 9, 1};
	static const uint8_t not_stun[] = {0x80, 1, 2, 3, 4, 5, 6, 7};

	begin_mobile();
	struct allocation *al = allocate_mobile();

	ck_assert_int_eq(move(&moved), 0);
	client_raw(&moved, not_stun, sizeof(not_stun));
	client_start_class(&moved, STUN_BINDING, STUN_INDICATION);
	client_ask(&moved);
	ck_assert_msg(is_at(al, ALICE) && al->moving, "T-470 neither is data");
	client_raw(&moved, short_channel_data, sizeof(short_channel_data));
	ck_assert_msg(is_at(al, ALICE) && al->moving, "T-470 it is not ChannelData");
	end_clean();
}
END_TEST

START_TEST(same_address_is_refused) /* T-467 */
{
	begin_mobile();
	allocate_mobile();
	move(&alice);
	expect(&alice, 400, "T-467 from the 5-tuple it has");
	ck_assert_int_eq(client_refresh(&alice, 600), 0);
	ck_assert_int_eq(move(&moved), 0);
	keep_ticket(&moved, "T-467");
	move(&moved);
	expect(&moved, 400, "T-467 from the 5-tuple it moves to, with the new ticket");
	move(&alice);
	expect(&alice, 400, "T-467 from the old one, which still is valid");
	ck_assert_uint_eq(events(MOBILITY_SAME_ADDRESS), 3);

	/* The same address and port over another transport is another 5-tuple. */
	client_init(&third, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	client_login(&third);
	move(&third);
	expect(&third, 0, "T-473");
	end_clean();
}
END_TEST

START_TEST(wrong_owner_is_refused) /* T-468, attack 27: wrong owner */
{
	begin_mobile();
	struct allocation *al = allocate_mobile();

	client_init(&mallory, &fixture, ELSEWHERE, FRONT_OUTSIDE_UDP, "mallory");
	client_login(&mallory);
	move(&mallory);
	expect(&mallory, 441, "T-468 a stolen ticket");
	client_start(&mallory, TURN_REFRESH);
	stun_builder_add(&mallory.b, TURN_MOBILITY_TICKET, ticket, sizeof(ticket));
	stun_add_u32(&mallory.b, TURN_LIFETIME, 0);
	client_ask(&mallory);
	expect(&mallory, 441, "T-468 and it deletes nothing");
	ck_assert(!al->moving && is_at(al, ALICE));

	/* Nothing is charged to the thief, and the owner can still go. */
	ck_assert_uint_eq(quota_held(fixture.shared.prefixes, al->prefix_quota), 1);
	move(&moved);
	expect(&moved, 0, "the owner");
	/* The thief cannot follow, not even by repeating what the owner sent. */
	client_raw(&mallory, moved.message, moved.message_len);
	ck_assert_int_eq(mallory.code, 0); /* from the owner's 5-tuple: only an answer */
	mallory.tuple = fixture_tuple(FURTHER, FRONT_OUTSIDE_UDP);
	client_raw(&mallory, moved.message, moved.message_len);
	ck_assert_msg(mallory.code == 438, "T-468 replayed from elsewhere: %d",
		      mallory.code);
	ck_assert_uint_eq(events(MOBILITY_WRONG_OWNER), 2);
	end_clean();
}
END_TEST

START_TEST(unauthenticated) /* T-468 T-476 */
{
	begin_mobile();
	struct allocation *al = allocate_mobile();

	client_init(&third, &fixture, FURTHER, FRONT_OUTSIDE_UDP, "alice");
	third.bare = true;
	move(&third);
	expect(&third, 401, "T-468 no integrity");
	third.bare = false;

	memcpy(third.nonce, alice.nonce, alice.nonce_len);
	third.nonce_len = alice.nonce_len;
	strcpy(third.realm, alice.realm);
	memcpy(third.algorithms, alice.algorithms, alice.algorithms_len);
	third.algorithms_len = alice.algorithms_len;
	move(&third);
	expect(&third, 438, "T-476 the nonce of the old address");
	client_keep_challenge(&third);
	third.wrong = WRONG_MAC;
	move(&third);
	expect(&third, 401, "T-468 wrong MAC");
	third.wrong = 0;
	ck_assert(!al->moving);
	move(&third);
	expect(&third, 0, "T-476 the ticket stays usable");
	end_clean();
}
END_TEST

START_TEST(repeated_refresh_gets_the_same_answer) /* T-471 */
{
	uint8_t answer[DISPATCH_REPLY_MAX];
	size_t len;

	begin_mobile();
	fixture.settings.nonce_key.lifetime_s = 16;
	struct allocation *al = allocate_mobile();

	start_move(&moved);
	stun_add_u32(&moved.b, TURN_LIFETIME, 900);
	ck_assert_int_eq(client_ask(&moved), 0);
	len = moved.out.reply_len;
	memcpy(answer, moved.reply, len);
	advance(35000);
	client_again(&moved);
	expect(&moved, 0, "T-471 after 35 s, nonce gone");
	ck_assert_msg(moved.out.reply_len == len && memcmp(moved.reply, answer, len) == 0,
		      "T-471 identical");
	ck_assert_uint_eq(events(MOBILITY_PREPARED), 1);
	ck_assert_uint_eq(events(MOBILITY_REPEATED), 1);

	uint8_t request[512];
	size_t request_len = moved.message_len;

	memcpy(request, moved.message, request_len);
	ck_assert(client_channel_data(&moved, 0x4000, "x", 1));
	client_raw(&moved, request, request_len);
	expect(&moved, 0, "T-471 also after the switch");
	ck_assert(moved.out.reply_len == len && memcmp(moved.reply, answer, len) == 0);
	ck_assert(is_at(al, ELSEWHERE));

	client_login(&moved);
	move(&moved);
	expect(&moved, 400, "T-471 the old ticket in another transaction");
	client_login(&third);
	move(&third);
	expect(&third, 400, "T-471 and from elsewhere");
	ck_assert(events(MOBILITY_OLD_TICKET) == 2);
	end_clean();
}
END_TEST

START_TEST(repeated_refresh_is_forgotten) /* T-471 */
{
	begin_mobile();
	allocate_mobile();
	ck_assert_int_eq(move(&moved), 0);
	advance(30000);
	client_again(&moved);
	expect(&moved, 0, "T-471 at least 30 s");
	advance(10000);
	client_again(&moved);
	expect(&moved, 400, "after 40 s it is an old ticket");
	end_clean();
}
END_TEST

START_TEST(ticket_and_lifetime_0_delete) /* T-472 */
{
	begin_mobile();
	allocate_mobile();
	start_move(&moved);
	stun_add_u32(&moved.b, TURN_LIFETIME, 0);
	client_ask(&moved);
	expect(&moved, 0, "T-472");
	ck_assert_uint_eq(client_u32(&moved, TURN_LIFETIME), 0);
	ck_assert(!client_has(&moved, TURN_MOBILITY_TICKET));
	ck_assert_uint_eq(fixture.edge.last.end_reason, END_RELEASED);
	ck_assert(fixture_is_clean(&fixture));
	client_again(&moved);
	expect(&moved, 437, "T-472 afterwards");
	client_refresh(&alice, 600);
	expect(&alice, 437, "T-472 and at the old 5-tuple");
	end_clean();
}
END_TEST

START_TEST(deleting_while_moving) /* T-472 */
{
	begin_mobile();
	allocate_mobile();
	ck_assert_int_eq(move(&moved), 0);
	ck_assert_int_eq(client_refresh(&moved, 0), 0);
	ck_assert(fixture_is_clean(&fixture));
	allocate_mobile();
	ck_assert_int_eq(move(&moved), 0);
	ck_assert_int_eq(client_refresh(&alice, 0), 0);
	ck_assert(fixture_is_clean(&fixture));
	client_refresh(&moved, 600);
	expect(&moved, 437, "nothing is left to move to");
	end_clean();
}
END_TEST

static const struct {
	const char *name, *from, *to;
	uint16_t from_front, to_front;
} transports[] = {
	{"T-473 IPv4 to IPv6", ALICE, "[2001:db8:9::1]:6000", FRONT_OUTSIDE_UDP,
	 FRONT_OUTSIDE_UDP6},
	{"T-473 IPv6 to IPv4", "[2001:db8:9::1]:6000", ALICE, FRONT_OUTSIDE_UDP6,
	 FRONT_OUTSIDE_UDP},
	{"T-473 UDP to TCP", ALICE, ELSEWHERE, FRONT_OUTSIDE_UDP, FRONT_OUTSIDE_TCP},
	{"T-473 TCP to UDP", ALICE, ELSEWHERE, FRONT_OUTSIDE_TCP, FRONT_OUTSIDE_UDP},
	{"T-473 UDP to TLS, inside", "10.1.0.1:5000", "10.1.0.2:5000", FRONT_INSIDE_UDP,
	 FRONT_INSIDE_TLS},
	{"inside to outside", "10.1.0.1:5000", ELSEWHERE, FRONT_INSIDE_TLS,
	 FRONT_OUTSIDE_UDP},
	{"outside to inside", ALICE, "10.1.0.1:5000", FRONT_OUTSIDE_UDP,
	 FRONT_INSIDE_UDP},
};

START_TEST(another_transport_family_or_side) /* T-473 */
{
	struct forward out;

	begin_mobile();
	client_init(&alice, &fixture, transports[_i].from, transports[_i].from_front,
		    "alice");
	client_init(&moved, &fixture, transports[_i].to, transports[_i].to_front,
		    "alice");
	client_login(&moved);
	struct allocation *al = allocate_mobile();
	const struct front *front = &fixture.fronts[transports[_i].to_front];
	struct turnover(*counts)[SIDE_COUNT][TRANSPORT_COUNT][COUNTED_RELAYS] =
		fixture.turn.counters.allocations;

	move(&moved);
	expect(&moved, 0, transports[_i].name);
	ck_assert(client_channel_data(&moved, 0x4000, "x", 1));
	ck_assert_ptr_eq(client_allocation(&moved), al);
	ck_assert_ptr_null(client_allocation(&alice));
	ck_assert_int_eq(al->side, front->side);
	ck_assert_int_eq(al->transport, front->transport);
	ck_assert_uint_eq(
		counts[DIALECT_IETF][front->side][front->transport][0].opened -
			counts[DIALECT_IETF][front->side][front->transport][0].closed,
		1);
	ck_assert_uint_eq(quota_held(fixture.shared.sides[front->side], 0), 1);
	ck_assert(client_from_peer(&moved, PEER, "12345", 5, &out));
	ck_assert_msg(out.padding_len == (transport_is_stream(front->transport) ? 3 : 0),
		      "%s: framed for the new transport", transports[_i].name);
	ck_assert_uint_eq(fixture.edge.left, 1);
	end_clean();
}
END_TEST

START_TEST(tcp_allocation_stays_on_streams) /* T-473 */
{
	const struct owner owner = {.id = {{1}}};
	struct allocation *al;
	const struct five_tuple udp = fixture_tuple(ELSEWHERE, FRONT_OUTSIDE_UDP),
				tls = fixture_tuple(ELSEWHERE, FRONT_OUTSIDE_TCP6);

	begin_mobile();
	ck_assert_int_eq(
		fixture_create(&fixture, "alice",
			       (struct allocation_request){
				       .tuple = fixture_tuple(ALICE, FRONT_OUTSIDE_TCP),
				       .relay_transport = TRANSPORT_TCP,
			       },
			       &al),
		0);
	owner_store_put(&fixture.turn.table->owners, &al->owner, &owner);
	ck_assert(mobility_begin(&fixture.turn, al));
	const struct mobility_ticket named = {mobility_name(al->id), 0};
	struct mobility_move where = {
		.ticket = &named, .to = &udp, .owner = &owner, .txid = al->txid};

	ck_assert_int_eq(mobility_judge(&fixture.turn, al, &where, fixture.now_ms),
			 MOBILITY_TRANSPORT);
	where.to = &tls;
	ck_assert_int_eq(mobility_judge(&fixture.turn, al, &where, fixture.now_ms),
			 MOBILITY_PREPARED);
	end_clean();
}
END_TEST

START_TEST(tokens_are_of_one_owner) /* T-468, attack 27: wrong owner */
{
	const struct five_tuple to = fixture_tuple(ELSEWHERE, FRONT_OUTSIDE_UDP);

	begin_mobile();
	struct allocation *al = allocate_mobile();
	const struct mobility_ticket named = {mobility_name(al->id), 0};
	struct owner thief;
	const struct mobility_move where = {
		.ticket = &named, .to = &to, .owner = &thief, .txid = al->txid};

	al->owner.is_token = true;
	allocation_owner(fixture.turn.table, al, &thief);
	ck_assert_int_eq(mobility_judge(&fixture.turn, al, &where, fixture.now_ms),
			 MOBILITY_PREPARED);
	thief.key.bytes[thief.key.len - 1] ^= 1;
	ck_assert_msg(mobility_judge(&fixture.turn, al, &where, fixture.now_ms) ==
			      MOBILITY_WRONG_OWNER,
		      "another token's key");
	allocation_owner(fixture.turn.table, al, &thief);
	thief.key.len = 20;
	ck_assert_int_eq(mobility_judge(&fixture.turn, al, &where, fixture.now_ms),
			 MOBILITY_WRONG_OWNER);
	end_clean();
}
END_TEST

START_TEST(new_5_tuple_in_use) /* T-474 */
{
	begin_mobile();
	struct allocation *al = allocate_mobile();

	ck_assert_int_eq(client_allocate(&moved), 0);
	move(&moved);
	expect(&moved, 437, "T-474 another allocation");
	ck_assert(!al->moving);
	ck_assert_int_eq(client_refresh(&moved, 0), 0);

	/* Nor one to which another allocation moves. */
	uint8_t mine[MOBILITY_TICKET_LEN];

	memcpy(mine, ticket, sizeof(mine));
	ck_assert_int_eq(ask_ticket(&third), 0);
	keep_ticket(&third, "T-474");
	ck_assert_int_eq(move(&moved), 0);
	memcpy(ticket, mine, sizeof(ticket));
	move(&moved);
	expect(&moved, 437, "T-474 promised to another allocation");
	client_allocate(&moved);
	expect(&moved, 437, "nor a new allocation there");
	ck_assert_uint_eq(events(MOBILITY_IN_USE), 2);
	end_clean();
}
END_TEST

START_TEST(vanished_connection) /* T-477 */
{
	struct forward out;

	begin_mobile();
	client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	client_init(&moved, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	client_login(&moved);
	struct allocation *al = allocate_mobile();

	dispatch_client_gone(&fixture.turn, &alice.tuple, END_CLIENT_GONE,
			     fixture.now_ms);
	ck_assert_msg(allocation_is_live(al) && al->client_gone, "T-477 kept");
	ck_assert(allocation_table_check(fixture.turn.table));
	ck_assert(!client_channel_data(&moved, 0x4000, "x", 1));
	client_refresh(&moved, 600);
	expect(&moved, 437, "T-477 a new connection from the same port is not it");
	move(&moved);
	expect(&moved, 0, "T-477 until it shows the ticket, even from the same port");
	ck_assert(client_channel_data(&moved, 0x4000, "x", 1));
	ck_assert(!al->client_gone && client_from_peer(&moved, PEER, "y", 1, &out));
	ck_assert_uint_eq(events(MOBILITY_KEPT), 1);

	/* And again, this time for good. */
	dispatch_client_gone(&fixture.turn, &moved.tuple, END_CLIENT_GONE,
			     fixture.now_ms);
	advance(599999);
	ck_assert(allocation_is_live(al));
	advance(1);
	ck_assert_msg(fixture_is_clean(&fixture), "T-477 its lifetime is over");
	ck_assert_uint_eq(fixture.edge.last.end_reason, END_EXPIRED);
	end_clean();
}
END_TEST

START_TEST(not_mobile_and_vanished) /* T-213 */
{
	begin_mobile();
	client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	ck_assert_int_eq(client_allocate(&alice), 0);
	dispatch_client_gone(&fixture.turn, &alice.tuple, END_CLIENT_GONE,
			     fixture.now_ms);
	ck_assert_msg(fixture_is_clean(&fixture), "T-213 without a ticket it ends");
	end_clean();
}
END_TEST

START_TEST(old_connection_closed_while_moving) /* T-470 */
{
	begin_mobile();
	client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	struct allocation *al = allocate_mobile();

	ck_assert_int_eq(move(&moved), 0);
	dispatch_client_gone(&fixture.turn, &alice.tuple, END_CLIENT_GONE,
			     fixture.now_ms);
	ck_assert_msg(is_at(al, ELSEWHERE) && !al->moving && !al->client_gone,
		      "T-470 the old connection closed: the new 5-tuple is it");
	end_clean();
}
END_TEST

START_TEST(new_connection_closed_while_moving)
{
	begin_mobile();
	client_init(&moved, &fixture, ELSEWHERE, FRONT_OUTSIDE_TCP, "alice");
	client_login(&moved);
	struct allocation *al = allocate_mobile();

	ck_assert_int_eq(move(&moved), 0);
	keep_ticket(&moved, "new");
	dispatch_client_gone(&fixture.turn, &moved.tuple, END_CLIENT_GONE,
			     fixture.now_ms);
	ck_assert_msg(is_at(al, ALICE) && !al->moving, "it stays");
	ck_assert(client_channel_data(&alice, 0x4000, "x", 1));
	move(&third);
	expect(&third, 0, "with the ticket it got there, from elsewhere");
	end_clean();
}
END_TEST

/* The client is alice's no more, and its new connection ends before the answer has come: again and again. */
START_TEST(answer_lost_with_the_connection) /* T-471 */
{
	uint8_t first[MOBILITY_TICKET_LEN];
	struct stun_attr attr;

	begin_mobile();
	client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	client_init(&moved, &fixture, ELSEWHERE, FRONT_OUTSIDE_TCP, "alice");
	client_init(&mallory, &fixture, FURTHER, FRONT_OUTSIDE_TCP, "mallory");
	client_login(&moved);
	client_login(&mallory);
	struct allocation *al = allocate_mobile();

	dispatch_client_gone(&fixture.turn, &alice.tuple, END_CLIENT_GONE,
			     fixture.now_ms);
	for (int i = 0; i < 3; i++) {
		move(&moved);
		expect(&moved, 0, "T-471 with the ticket that it has");
		ck_assert(client_find(&moved, TURN_MOBILITY_TICKET, &attr));
		if (i == 0)
			memcpy(first, attr.value.data, sizeof(first));
		ck_assert_msg(memcmp(first, attr.value.data, sizeof(first)) == 0,
			      "T-471 the same new ticket");
		move(&third);
		expect(&third, 400, "T-471 nothing is lost as long as it is connected");
		dispatch_client_gone(&fixture.turn, &moved.tuple, END_CLIENT_GONE,
				     fixture.now_ms);
		ck_assert(al->client_gone && !al->moving);
		move(&mallory);
		expect(&mallory, 441, "T-468 for its owner alone");
	}
	memcpy(ticket, first, sizeof(ticket));
	move(&moved);
	expect(&moved, 0, "with the new one, too");
	ck_assert(client_find(&moved, TURN_MOBILITY_TICKET, &attr));
	ck_assert(memcmp(first, attr.value.data, sizeof(first)) != 0);
	ck_assert(client_channel_data(&moved, 0x4000, "x", 1));
	dispatch_client_gone(&fixture.turn, &moved.tuple, END_CLIENT_GONE,
			     fixture.now_ms);
	move(&third);
	expect(&third, 400, "T-471 it had the answer, for it has sent data");
	end_clean();
}
END_TEST

START_TEST(answer_lost_long_ago) /* T-471 */
{
	uint8_t zeroth[MOBILITY_TICKET_LEN];

	begin_mobile();
	client_init(&moved, &fixture, ELSEWHERE, FRONT_OUTSIDE_TCP, "alice");
	client_login(&moved);
	allocate_mobile();
	memcpy(zeroth, ticket, sizeof(zeroth));
	ck_assert_int_eq(move(&moved), 0);
	keep_ticket(&moved, "first");
	dispatch_client_gone(&fixture.turn, &moved.tuple, END_CLIENT_GONE,
			     fixture.now_ms);
	advance(40000);
	uint8_t first[MOBILITY_TICKET_LEN];
	memcpy(first, ticket, sizeof(first));
	memcpy(ticket, zeroth, sizeof(ticket));
	move(&third);
	expect(&third, 400, "T-471 40 s later it is an old one");
	memcpy(ticket, first, sizeof(ticket));
	move(&third);
	expect(&third, 0, "T-471 the valid one is good as long as the allocation lasts");
	end_clean();
}
END_TEST

START_TEST(data_before_the_refresh) /* T-478 */
{
	begin_mobile();
	allocate_mobile();
	uint64_t before = fixture_drops(&fixture, DROP_NO_ALLOCATION);

	client_channel_data(&moved, 0x4000, "x", 1);
	expect_silence(&moved, DROP_NO_ALLOCATION, before, "T-478 ChannelData");
	client_send(&moved, PEER, "x", 1);
	expect_silence(&moved, DROP_NO_ALLOCATION, before + 1, "T-478 Send");
	end_clean();
}
END_TEST

START_TEST(chained_resumes) /* attack 27: chained resumes */
{
	uint8_t zeroth[MOBILITY_TICKET_LEN], first[MOBILITY_TICKET_LEN];

	begin_mobile();
	struct allocation *al = allocate_mobile();

	memcpy(zeroth, ticket, sizeof(zeroth));
	ck_assert_int_eq(move(&moved), 0);
	keep_ticket(&moved, "first");
	memcpy(first, ticket, sizeof(first));
	move(&third);
	expect(&third, 0, "on to a third place before the second has sent data");
	keep_ticket(&third, "second");
	ck_assert_uint_eq(events(MOBILITY_ABANDONED), 1);
	ck_assert(allocation_table_check(fixture.turn.table));
	ck_assert(is_at(al, ALICE));
	ck_assert_msg(!client_channel_data(&moved, 0x4000, "x", 1),
		      "the second place is nobody's");
	client_again(&moved);
	ck_assert(is_at(al, ALICE));

	/* Old tickets open nothing, in whatever order. */
	memcpy(ticket, zeroth, sizeof(ticket));
	move(&moved);
	expect(&moved, 400, "the ticket before the last");
	memcpy(ticket, first, sizeof(ticket));
	move(&moved);
	expect(&moved, 400, "the last one, used up");
	ck_assert(client_channel_data(&third, 0x4000, "x", 1));
	ck_assert(is_at(al, FURTHER));
	/* One allocation, however often it moved. */
	ck_assert_uint_eq(allocation_count(fixture.turn.table), 1);
	ck_assert_uint_eq(quota_held(fixture.shared.total, 0), 1);
	end_clean();
}
END_TEST

START_TEST(quota_follows) /* attack 27: quota released early */
{
	begin_mobile_with((struct fixture_options){.allocations_per_user = 1,
						   .allocations_per_prefix = 1});
	struct allocation *al = allocate_mobile();
	uint64_t old_prefix = al->prefix_quota;

	client_allocate(&third);
	expect(&third, 486, "the user has one");
	ck_assert_int_eq(move(&third), 0);
	client_init(&bob, &fixture, "192.0.2.200:5999", FRONT_OUTSIDE_UDP, "bob");
	client_allocate(&bob);
	expect(&bob, 486, "while it moves it counts at the old prefix");
	client_init(&bob, &fixture, "198.51.100.7:5999", FRONT_OUTSIDE_UDP, "bob");
	client_allocate(&bob);
	expect(&bob, 486, "and at the new one");
	client_init(&moved, &fixture, "198.18.9.9:1", FRONT_OUTSIDE_UDP, "alice");
	client_allocate(&moved);
	expect(&moved, 486, "and once for its user");

	ck_assert(client_channel_data(&third, 0x4000, "x", 1));
	ck_assert_uint_eq(quota_held(fixture.shared.prefixes, old_prefix), 0);
	ck_assert_uint_eq(quota_held(fixture.shared.prefixes, al->prefix_quota), 1);
	client_init(&bob, &fixture, "192.0.2.200:5999", FRONT_OUTSIDE_UDP, "bob");
	client_allocate(&bob);
	expect(&bob, 0, "the old prefix is free");
	end_clean();
}
END_TEST

START_TEST(quota_of_the_new_place) /* attack 27 */
{
	begin_mobile_with((struct fixture_options){.allocations_per_prefix = 1});
	struct allocation *al = allocate_mobile();

	client_init(&bob, &fixture, "198.51.100.7:5999", FRONT_OUTSIDE_UDP, "bob");
	ck_assert_int_eq(client_allocate(&bob), 0);
	move(&third);
	expect(&third, 486, "the new prefix is full");
	ck_assert(!al->moving);
	ck_assert_uint_eq(events(MOBILITY_LIMIT), 1);
	ck_assert_int_eq(client_refresh(&bob, 0), 0);
	move(&third);
	expect(&third, 0, "the ticket was not used up");

	keep_ticket(&third, "next");
	ck_assert(client_channel_data(&third, 0x4000, "x", 1));
	client_init(&moved, &fixture, "198.51.100.7:6005", FRONT_OUTSIDE_UDP, "alice");
	client_login(&moved);
	move(&moved);
	expect(&moved, 0, "within a prefix at its limit: it is in already");
	end_clean();
}
END_TEST

START_TEST(quota_of_the_new_side)
{
	begin_mobile();
	fixture.settings.limits.allocations_per_side[SIDE_OUTSIDE] = 1;
	client_init(&alice, &fixture, "10.1.0.1:5000", FRONT_INSIDE_UDP, "alice");
	allocate_mobile();
	ck_assert_int_eq(client_allocate(&bob), 0);
	move(&moved);
	expect(&moved, 486, "the side outside is full");
	ck_assert_int_eq(client_refresh(&bob, 0), 0);
	move(&moved);
	expect(&moved, 0, "now it has room");
	client_allocate(&bob);
	expect(&bob, 486, "which is taken from that moment on");
	end_clean();
}
END_TEST

/* Send until nothing passes any more; how many did. */
static unsigned use_up(struct client *c)
{
	static const uint8_t data[1000];
	unsigned passed = 0;

	while (passed < 10000 && client_channel_data(c, 0x4000, data, sizeof(data)))
		passed++;
	return passed;
}

START_TEST(bandwidth_of_the_new_place)
{
	begin_mobile();
	fixture.settings.limits.bandwidth = (struct turn_bandwidth){
		.per_prefix = 800000, .burst_ms = 1000, .peak_percent = 1000};
	struct allocation *al = allocate_mobile();

	ck_assert_int_eq(move(&third), 0);
	ck_assert_uint_gt(use_up(&alice), 0);
	ck_assert_uint_gt(fixture_drops(&fixture, DROP_BANDWIDTH_PREFIX) +
				  fixture_drops(&fixture, DROP_BANDWIDTH_PREFIX_PEAK),
			  0);
	ck_assert_msg(use_up(&third) > 0, "from then on its new prefix pays");
	ck_assert(is_at(al, FURTHER));
	/* What is used up stays used up for others who are there. */
	client_init(&bob, &fixture, "192.0.2.200:5999", FRONT_OUTSIDE_UDP, "bob");
	ck_assert_int_eq(client_allocate(&bob), 0);
	ck_assert_int_eq(client_bind(&bob, 0x4000, PEER), 0);
	ck_assert_uint_eq(use_up(&bob), 0);
	end_clean();
}
END_TEST

START_TEST(other_limits_of_the_new_place)
{
	begin_mobile();
	allocate_mobile();
	client_init(&third, &fixture, "[2002:c000:201::1]:6000", FRONT_OUTSIDE_UDP6,
		    "alice");
	client_login(&third);
	move(&third);
	expect(&third, 403, "from a tunnel (RFC 8656 section 21.4)");
	fixture.settings.retired_fronts[FRONT_OUTSIDE_UDP] = true;
	move(&moved);
	expect(&moved, 405, "a front that is being retired");
	end_clean();
}
END_TEST

START_TEST(checks_of_a_refresh) /* RFC 8656 section 8.2 holds with a ticket, too */
{
	begin_mobile();
	struct allocation *al = allocate_mobile();

	start_move(&moved);
	stun_builder_add(&moved.b, TURN_LIFETIME, "abc", 3);
	client_ask(&moved);
	expect(&moved, 400, "LIFETIME of 3 bytes");
	start_move(&moved);
	stun_add_u32(&moved.b, TURN_REQUESTED_ADDRESS_FAMILY, 2u << 24);
	client_ask(&moved);
	expect(&moved, 443, "a family it does not have");
	ck_assert_msg(!al->moving, "the ticket is not used up");
	move(&moved);
	expect(&moved, 0, "it moves");
	end_clean();
}
END_TEST

START_TEST(flags_follow) /* FINGERPRINT, channels of RFC 5766 */
{
	begin_mobile();
	alice.auth = moved.auth = third.auth = CLIENT_MD5;
	ck_assert_int_eq(ask_ticket(&alice), 0);
	keep_ticket(&alice, "flags");
	ck_assert_int_eq(client_bind(&alice, 0x6000, PEER), 0);
	struct allocation *al = client_allocation(&alice);

	ck_assert(!al->fingerprint && al->rfc5766_channel);
	moved.fingerprint = true;
	move(&moved);
	expect(&moved, 0, "with FINGERPRINT, which is mirrored");
	ck_assert_msg(client_channel_data(&moved, 0x6000, "x", 1),
		      "channel of RFC 5766 is found by the new 5-tuple's first byte");
	ck_assert(al->fingerprint && is_at(al, ELSEWHERE));
	end_clean();
}
END_TEST

START_TEST(many_addresses_with_one_ticket) /* DoS: a ticket seen on the wire */
{
	begin_mobile();
	struct allocation *al = allocate_mobile();
	unsigned answered = 0;

	fixture.settings.limits.stranger_rate = 1;
	fixture.settings.limits.stranger_burst = 10;
	for (unsigned i = 0; i < 1000; i++) {
		char address[32];

		snprintf(address, sizeof(address), "203.0.113.9:%u", 1000 + i);
		client_init(&mallory, &fixture, address, FRONT_OUTSIDE_UDP, "mallory");
		mallory.bare = true;
		answered += move(&mallory) != -1;
	}
	ck_assert_msg(answered <= 11, "answers to strangers stay limited: %u", answered);
	ck_assert(!al->moving && is_at(al, ALICE));
	ck_assert_uint_eq(fixture.turn.table->arrival_count, 0);
	end_clean();
}
END_TEST

/* As if the allocation had gone to that worker. */
static void be_elsewhere(const struct allocation *al, uint16_t worker)
{
	mobility_directory_move(fixture.shared.mobile, mobility_name(al->id),
				(struct mobility_place){worker, 9, 0});
}

START_TEST(ticket_of_another_worker)
{
	begin_mobile();
	struct allocation *al = allocate_mobile();

	be_elsewhere(al, 9);
	move(&moved);
	ck_assert_int_eq(moved.out.action, DISPATCH_HAND_OVER);
	ck_assert_uint_eq(moved.out.worker, 9);
	ck_assert(!moved.out.is_data && !al->moving);

	ck_assert_int_eq(client_allocate(&bob), 0);
	move(&bob);
	expect(&bob, 437, "T-474 from a 5-tuple in use: answered here");
	ck_assert_uint_eq(events(MOBILITY_IN_USE), 1);
	fixture.settings.mobility = false;
	move(&moved);
	expect(&moved, 405, "T-466 forbidden: answered here");
	be_elsewhere(al, fixture.turn.worker);
	end_clean();
}
END_TEST

START_TEST(strangers_cost_other_workers_nothing) /* DoS: a ticket seen on the wire */
{
	begin_mobile();
	struct allocation *al = allocate_mobile();
	unsigned handed_over = 0;

	be_elsewhere(al, 9);
	for (unsigned i = 0; i < 1000; i++) {
		char address[32];

		snprintf(address, sizeof(address), "203.0.113.9:%u", 1000 + i);
		client_init(&mallory, &fixture, address, FRONT_OUTSIDE_UDP, "mallory");
		mallory.bare = i % 2 == 0;
		/* A nonce, but of another address. */
		memcpy(mallory.nonce, alice.nonce, alice.nonce_len);
		mallory.nonce_len = alice.nonce_len;
		strcpy(mallory.realm, alice.realm);
		move(&mallory);
		handed_over += mallory.out.action == DISPATCH_HAND_OVER;
	}
	ck_assert_uint_eq(handed_over, 0);
	be_elsewhere(al, fixture.turn.worker);
	end_clean();
}
END_TEST

START_TEST(visitors_messages_go_to_the_other_worker)
{
	begin_mobile();
	struct visitors *visitors = visitors_new(&fixture.shared.hash_key);
	struct visitor *visitor = visitors_add(visitors, &moved.tuple);

	fixture.turn.visitors = visitors;
	fixture.settings.ms.enabled = true;
	visitor->worker = 9;
	visitor->channel_max = 0x4FFF;
	client_refresh(&moved, 600);
	ck_assert_int_eq(moved.out.action, DISPATCH_HAND_OVER);
	ck_assert(moved.out.worker == 9 && !moved.out.is_data);
	client_allocate(&moved);
	ck_assert_msg(moved.out.action == DISPATCH_HAND_OVER,
		      "it has an allocation already, as the other worker says");
	client_channel_data(&moved, 0x4000, "x", 1);
	ck_assert(moved.out.action == DISPATCH_HAND_OVER && moved.out.is_data);
	client_send(&moved, PEER, "x", 1);
	ck_assert(moved.out.action == DISPATCH_HAND_OVER && moved.out.is_data);

	client_channel_data(&moved, 0x6000, "x", 1);
	ck_assert_int_eq(moved.out.action, DISPATCH_NOTHING);
	visitor->channel_max = 0x7FFF;
	client_channel_data(&moved, 0x6000, "x", 1);
	ck_assert_msg(moved.out.action == DISPATCH_HAND_OVER, "channels of RFC 5766");

	client_start(&moved, STUN_BINDING);
	client_ask(&moved);
	expect(&moved, 0, "Binding is answered here");
	moved.nonce[NONCE_LEN - 1] ^= 1;
	client_refresh(&moved, 600);
	expect(&moved, 438, "without a nonce it is a stranger");

	visitors_remove(visitors, visitor);
	client_keep_challenge(&moved);
	client_refresh(&moved, 600);
	expect(&moved, 437, "no visitor any more");
	fixture.turn.visitors = NULL;
	visitors_free(visitors);
	end_clean();
}
END_TEST

START_TEST(visitors_are_bounded)
{
	struct five_tuple tuple = fixture_tuple(ELSEWHERE, FRONT_OUTSIDE_UDP);
	struct visitors *visitors;

	begin_mobile();
	visitors = visitors_new(&fixture.shared.hash_key);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < VISITORS_MAX; i++) {
			tuple.client.port = (uint16_t)(i + 1);
			ck_assert_ptr_nonnull(visitors_add(visitors, &tuple));
			ck_assert_ptr_eq(visitors_add(visitors, &tuple),
					 visitors_find(visitors, &tuple));
		}
		tuple.client.port = VISITORS_MAX + 1;
		ck_assert_ptr_null(visitors_add(visitors, &tuple));
		ck_assert_uint_eq(visitors_count(visitors), VISITORS_MAX);
		for (unsigned i = 0; i < VISITORS_MAX; i++) {
			tuple.client.port = (uint16_t)((i * 7) % VISITORS_MAX + 1);
			visitors_remove(visitors, visitors_find(visitors, &tuple));
			ck_assert_ptr_null(visitors_find(visitors, &tuple));
		}
		ck_assert_uint_eq(visitors_count(visitors), 0);
	}
	visitors_free(visitors);
	visitors_free(NULL);
	end_clean();
}
END_TEST

static void mobility_suite(Suite *s)
{
	TCase *t = tcase_create("requests");

	tcase_add_test(t, allocate_with_an_empty_ticket_gets_one);
	tcase_add_test(t, allocate_with_a_ticket_is_refused);
	tcase_add_test(t, switched_off);
	tcase_add_test(t, tickets_that_name_nothing);
	tcase_add_test(t, same_address_is_refused);
	tcase_add_test(t, wrong_owner_is_refused);
	tcase_add_test(t, unauthenticated);
	tcase_add_test(t, tokens_are_of_one_owner);
	tcase_add_test(t, repeated_refresh_gets_the_same_answer);
	tcase_add_test(t, repeated_refresh_is_forgotten);
	tcase_add_test(t, ticket_and_lifetime_0_delete);
	tcase_add_test(t, deleting_while_moving);
	tcase_add_test(t, new_5_tuple_in_use);
	tcase_add_test(t, checks_of_a_refresh);
	suite_add_tcase(s, t);

	t = tcase_create("moves");
	tcase_add_test(t, make_before_break);
	tcase_add_test(t, send_indication_switches);
	tcase_add_test(t, broken_messages_do_not_switch);
	tcase_add_loop_test(t, another_transport_family_or_side, 0, ROWS(transports));
	tcase_add_test(t, tcp_allocation_stays_on_streams);
	tcase_add_test(t, vanished_connection);
	tcase_add_test(t, not_mobile_and_vanished);
	tcase_add_test(t, old_connection_closed_while_moving);
	tcase_add_test(t, answer_lost_with_the_connection);
	tcase_add_test(t, answer_lost_long_ago);
	tcase_add_test(t, new_connection_closed_while_moving);
	tcase_add_test(t, data_before_the_refresh);
	tcase_add_test(t, flags_follow);
	suite_add_tcase(s, t);

	t = tcase_create("attacks");
	tcase_add_test(t, chained_resumes);
	tcase_add_test(t, quota_follows);
	tcase_add_test(t, quota_of_the_new_place);
	tcase_add_test(t, quota_of_the_new_side);
	tcase_add_test(t, bandwidth_of_the_new_place);
	tcase_add_test(t, other_limits_of_the_new_place);
	tcase_add_test(t, many_addresses_with_one_ticket);
	tcase_add_test(t, strangers_cost_other_workers_nothing);
	suite_add_tcase(s, t);

	t = tcase_create("workers");
	tcase_add_test(t, ticket_of_another_worker);
	tcase_add_test(t, visitors_messages_go_to_the_other_worker);
	tcase_add_test(t, visitors_are_bounded);
	suite_add_tcase(s, t);
}

UNIT_MAIN("mobility", mobility_suite)
