/*
 * test_mobility_tcp.c - mobility (RFC 8016) of TCP allocations (RFC 6062): what the connections
 * with peers count against, and where the client is. Its credential names nobody, so each prefix
 * counts as a user.
 */
#include <string.h>

#include "relay/core/mobility.h"
#include "relay/core/mobility_end.h"
#include "relay/core/mobility_state.h"
#include "relay/core/owner_row.h"
#include "relay/core/quota.h"
#include "relay/core/tcp_connection.h"
#include "tests/unit/dialect/dialect_check.h"

#define NOBODY "" /* the username is only an expiry */
#define OLD "192.0.2.200:5000"
#define NEW "198.51.100.7:6001"

static struct client old, moved;
static uint8_t ticket[MOBILITY_TICKET_LEN];

static void keep_ticket(const struct client *c)
{
	struct stun_attr attr;

	ck_assert(client_find(c, TURN_MOBILITY_TICKET, &attr));
	ck_assert_uint_eq(attr.value.len, sizeof(ticket));
	memcpy(ticket, attr.value.data, sizeof(ticket));
}

static struct allocation *allocate_tcp(struct client *c)
{
	client_login(c);
	client_start(c, TURN_ALLOCATE);
	stun_add_u32(&c->b, TURN_REQUESTED_TRANSPORT, (uint32_t)TURN_TRANSPORT_TCP << 24);
	stun_builder_add(&c->b, TURN_MOBILITY_TICKET, NULL, 0);
	client_ask(c);
	expect(c, 0, "Allocate");
	return client_allocation(c);
}

static struct allocation *begin_mobile(uint32_t per_user)
{
	begin_with(&(struct fixture_options){.mobility = true});
	fixture.settings.limits.peer_connections_per_user = per_user;
	client_init(&old, &fixture, OLD, FRONT_OUTSIDE_TCP, NOBODY);
	client_init(&moved, &fixture, NEW, FRONT_OUTSIDE_TCP, NOBODY);
	client_login(&moved);
	struct allocation *al = allocate_tcp(&old);

	keep_ticket(&old);
	ck_assert(al->owner.nameless);
	return al;
}

static void end_clean(void)
{
	struct allocation *al;

	ck_assert(tcp_connections_check(&fixture.turn));
	while ((al = allocation_next(fixture.turn.table, 0)) != NULL)
		allocation_delete(&fixture.turn, al, END_SHUTDOWN, fixture.now_ms);
	ck_assert(fixture_is_clean(&fixture));
	end();
}

static int move(struct client *c)
{
	client_start(c, TURN_REFRESH);
	stun_builder_add(&c->b, TURN_MOBILITY_TICKET, ticket, sizeof(ticket));
	return client_ask(c);
}

/* Its answer waits for the peer: DISPATCH_NOTHING. */
static bool connects(struct client *c, const char *peer)
{
	client_start(c, TURN_CONNECT);
	client_add_peer(c, peer);
	client_ask(c);
	if (c->out.action == DISPATCH_NOTHING)
		return true;
	expect(c, STUN_QUOTA_REACHED, peer);
	return false;
}

static void close_newest(const struct allocation *al)
{
	uint32_t index = tcp_connections_first(&fixture.turn, al->slot);

	fixture.edge.connections[index] = false;
	tcp_connection_gone(&fixture.turn, index, PEER_ENDED);
}

static uint32_t held(uint32_t user_row)
{
	const struct owner_row *row =
		quota_row(fixture.shared.users[DIALECT_IETF], user_row);

	return row->connections;
}

static uint32_t new_row(const struct allocation *al)
{
	return mobility_of(&fixture.turn, al)->charge.user_row;
}

START_TEST(connections_follow_their_client)
{
	struct allocation *al = begin_mobile(8);
	const uint32_t before = al->user_row;

	ck_assert(connects(&old, "192.0.2.1:1") && connects(&old, "192.0.2.1:2") &&
		  connects(&old, "192.0.2.1:3"));
	move(&moved);
	expect(&moved, 0, "move");
	ck_assert_uint_ne(new_row(al), before);
	ck_assert_msg(held(before) == 3 && held(new_row(al)) == 3,
		      "while it moves they count at both");
	close_newest(al);
	ck_assert(held(before) == 2 && held(new_row(al)) == 2);
	ck_assert(connects(&old, "192.0.2.1:4"));
	ck_assert(held(before) == 3 && held(new_row(al)) == 3);

	const struct five_tuple was = old.tuple;

	ck_assert(mobility_client_gone(&fixture.turn, al, &was));
	ck_assert(!al->moving);
	ck_assert_uint_ne(al->user_row, before);
	ck_assert_uint_eq(held(al->user_row), 3);
	ck_assert_uint_eq(held(before), 0);
	close_newest(al);
	ck_assert_uint_eq(held(al->user_row), 2);
	end_clean();
}
END_TEST

START_TEST(connections_stay_with_a_move_that_is_given_up)
{
	struct allocation *al = begin_mobile(8);
	const uint32_t before = al->user_row;

	ck_assert(connects(&old, "192.0.2.1:1") && connects(&old, "192.0.2.1:2"));
	move(&moved);
	expect(&moved, 0, "move");
	const uint32_t row = new_row(al);
	const struct five_tuple there = moved.tuple;

	ck_assert(mobility_client_gone(&fixture.turn, al, &there));
	ck_assert(!al->moving && held(row) == 0);
	ck_assert_uint_eq(held(before), 2);

	keep_ticket(&moved);
	move(&moved);
	expect(&moved, 0, "move again");
	allocation_delete(&fixture.turn, al, END_KILLED, fixture.now_ms);
	ck_assert(held(row) == 0 && held(before) == 0);
	end_clean();
}
END_TEST

START_TEST(connections_must_have_room_there) /* attack 27: quota by moving */
{
	struct allocation *al = begin_mobile(3);
	static struct client neighbour;

	client_init(&neighbour, &fixture, "198.51.100.7:7000", FRONT_OUTSIDE_TCP, NOBODY);
	struct allocation *his = allocate_tcp(&neighbour);

	ck_assert(connects(&neighbour, "192.0.2.2:1") &&
		  connects(&neighbour, "192.0.2.2:2"));
	ck_assert(connects(&old, "192.0.2.1:1") && connects(&old, "192.0.2.1:2"));
	move(&moved);
	expect(&moved, STUN_QUOTA_REACHED, "there is room for one");
	ck_assert(!al->moving && held(his->user_row) == 2);

	close_newest(al);
	move(&moved);
	expect(&moved, 0, "for one");
	ck_assert_msg(!connects(&old, "192.0.2.1:3"), "it has to fit in both places");
	ck_assert_uint_eq(held(al->user_row), 1);
	ck_assert_msg(!connects(&neighbour, "192.0.2.2:3"), "that one is taken");
	end_clean();
}
END_TEST

START_TEST(connect_shows_where_the_client_is) /* T-470 */
{
	struct allocation *al = begin_mobile(8);

	move(&moved);
	expect(&moved, 0, "move");
	ck_assert(connects(&moved, "192.0.2.1:1"));
	ck_assert_msg(!al->moving && five_tuple_equal(&al->tuple, &moved.tuple),
		      "its answer goes to where it came from");
	ck_assert_uint_eq(held(al->user_row), 1);
	end_clean();
}
END_TEST

static void mobility_tcp_suite(Suite *s)
{
	TCase *tc = tcase_create("mobility_tcp");

	tcase_add_test(tc, connections_follow_their_client);
	tcase_add_test(tc, connections_stay_with_a_move_that_is_given_up);
	tcase_add_test(tc, connections_must_have_room_there);
	tcase_add_test(tc, connect_shows_where_the_client_is);
	suite_add_tcase(s, tc);
}

UNIT_MAIN("mobility_tcp", mobility_tcp_suite)
