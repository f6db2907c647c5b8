/*
 * test_second_hop.c - a call between two relayed addresses of ours passes the relay twice, and pays the
 * limits of bandwidth that allocations share once.
 */
#include "relay/core/channel.h"
#include "relay/core/forward.h"
#include "relay/core/permission.h"
#include "stun/chandata.h"

#include "tests/unit/dialect/flow_check.h"

enum { PACKET = 600 };

static uint8_t message[4 + PACKET];

/* Permission for each other, and a channel or not; al[0] and al[1] may be one. */
static void connect_pair(struct allocation *from, struct allocation *to, bool channels)
{
	struct endpoint there = allocation_relayed_public(&fixture.turn, to);
	struct endpoint here = allocation_relayed_public(&fixture.turn, from);

	ck_assert_int_eq(channel_bind(&fixture.turn, from, 0x4000, &there, fixture.now_ms,
				      NULL),
			 0);
	if (channels)
		ck_assert_int_eq(channel_bind(&fixture.turn, to, 0x4000, &here,
					      fixture.now_ms, NULL),
				 0);
	else
		ck_assert_int_eq(permission_install(&fixture.turn, to, &here, 1,
						    fixture.now_ms, NULL),
				 0);
}

/* One packet through both hops: how far it came, 0 to 2; reason of the loss otherwise. */
static int pass(struct allocation *from, struct allocation *to, enum drop_reason *reason)
{
	struct endpoint source = allocation_relayed_local(&fixture.turn, from);
	struct forward out;

	chandata_write_header(message, 0x4000, PACKET);
	forward_channel_data(&fixture.turn, from,
			     (struct slice){message, sizeof(message)}, fixture.now_ms,
			     &out);
	*reason = out.reason;
	if (out.kind != FORWARD_TO_PEER)
		return 0;
	forward_from_peer(&fixture.turn, to, &source, (struct slice){message + 4, PACKET},
			  fixture.now_ms, &out);
	*reason = out.reason;
	return out.kind == FORWARD_TO_CLIENT ? 2 : 1;
}

/* Keeps permissions and channels alive, offers a packet every ms; Mbit/s that arrive. */
static double goodput(struct allocation *from, struct allocation *to, uint64_t ms,
		      uint64_t second_hop[DROP_REASON_COUNT])
{
	enum drop_reason reason;
	uint64_t arrived = 0;

	for (uint64_t t = 0; t < ms; t++, fixture.now_ms++) {
		int hops = pass(from, to, &reason);

		arrived += hops == 2;
		if (hops == 1)
			second_hop[reason]++;
	}
	return (double)arrived * PACKET * 8 / 1000 / (double)ms;
}

static const struct {
	const char *name;
	size_t offset;
	const char *second; /* its user */
	double tolerance;
} shared[] = {
	{"user", offsetof(struct turn_bandwidth, per_user[DIALECT_IETF]), "alice", 0.02},
	{"outside", offsetof(struct turn_bandwidth, per_side[SIDE_OUTSIDE]), "bob", 0.05},
	{"total", offsetof(struct turn_bandwidth, total), "bob", 0.05},
};

/* Offered 4.8 Mbit/s, allowed 2: so much arrives, by channel and by permission. */
START_TEST(what_is_shared_is_paid_once)
{
	struct allocation *a = add_flow("alice", 0, PACKET)->al;
	struct allocation *b = add_flow(shared[_i / 2].second, 0, PACKET)->al;
	uint64_t limit = 2 * MBIT, second_hop[DROP_REASON_COUNT] = {0};

	connect_pair(a, b, _i % 2);
	memcpy((char *)limits() + shared[_i / 2].offset, &limit, sizeof(limit));
	goodput(a, b, 10000, second_hop); /* what bursts */
	memset(second_hop, 0, sizeof(second_hop));
	near(shared[_i / 2].name, goodput(a, b, 20000, second_hop), 2,
	     shared[_i / 2].tolerance);
	for (int reason = 0; reason < DROP_REASON_COUNT; reason++)
		ck_assert_msg(second_hop[reason] == 0, "%s: lost at the second hop: %s",
			      shared[_i / 2].name,
			      drop_reason_name((enum drop_reason)reason));
}
END_TEST

/* Two that send to one: each is within its own limit, together they are above the receiver's. */
START_TEST(an_allocations_own_limit_holds_at_the_second_hop)
{
	struct allocation *a = add_flow("alice", 0, PACKET)->al;
	struct allocation *b = add_flow("bob", 0, PACKET)->al;
	struct allocation *c = add_flow("carol", 0, PACKET)->al;
	struct endpoint there = allocation_relayed_public(&fixture.turn, b);
	uint64_t second_hop[DROP_REASON_COUNT] = {0};
	enum drop_reason reason;
	uint64_t arrived = 0;

	connect_pair(a, b, true);
	ck_assert_int_eq(
		channel_bind(&fixture.turn, c, 0x4000, &there, fixture.now_ms, NULL), 0);
	there = allocation_relayed_public(&fixture.turn, c);
	ck_assert_int_eq(
		permission_install(&fixture.turn, b, &there, 1, fixture.now_ms, NULL), 0);
	limits()->per_allocation[DIALECT_IETF] = 3 * MBIT;
	for (unsigned t = 0; t < 30000; t++, fixture.now_ms++) {
		struct allocation *from = t % 2 ? a : c; /* 2.4 Mbit/s each */
		int hops = pass(from, b, &reason);

		if (t < 10000)
			continue;
		arrived += hops == 2;
		ck_assert_int_ge(hops, 1);
		if (hops == 1)
			second_hop[reason]++;
	}
	near("receiver", (double)arrived * PACKET * 8 / 1000 / 20000, 3, 0.02);
	ck_assert_uint_gt(second_hop[DROP_BANDWIDTH_ALLOCATION], 0);
}
END_TEST

/* Another program on the address of our relayed ones has paid nothing. */
START_TEST(only_relayed_ports_have_paid)
{
	struct allocation *a = add_flow("alice", 0, PACKET)->al;
	struct allocation *b = add_flow("bob", 0, PACKET)->al;
	struct endpoint source = allocation_relayed_local(&fixture.turn, a);
	struct forward out;
	uint64_t arrived = 0;

	connect_pair(a, b, false);
	limits()->total = MBIT;
	source.port = 9; /* no relay port */
	for (unsigned t = 0; t < 30000; t++, fixture.now_ms++) {
		forward_from_peer(&fixture.turn, b, &source,
				  (struct slice){message, PACKET}, fixture.now_ms, &out);
		arrived += t >= 10000 && out.kind == FORWARD_TO_CLIENT;
	}
	near("another program", (double)arrived * PACKET * 8 / 1000 / 20000, 1, 0.05);
}
END_TEST

static void second_hop_suite(Suite *suite)
{
	TCase *tc = tcase_create("second_hop");
	tcase_add_checked_fixture(tc, begin_flows, end);
	tcase_add_loop_test(tc, what_is_shared_is_paid_once, 0, 2 * (int)ROWS(shared));
	tcase_add_test(tc, an_allocations_own_limit_holds_at_the_second_hop);
	tcase_add_test(tc, only_relayed_ports_have_paid);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("second_hop", second_hop_suite)
