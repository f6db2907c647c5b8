/*
 * test_turn_dual.c - allocations with a relayed address of each family (RFC 8656 sections 7.2,
 * 8.1 and 8.2): made, halved, used, ended.
 */
#include <errno.h>

#include "relay/core/dual.h"
#include "tests/unit/dialect/dialect_check.h"

#define PEER_V6_B "[2001:db8:2::2]:7000"

static const struct attr_row both[] = {ADDITIONAL(2)};

/* Alice has both. */
static void begin_dual(void)
{
	begin();
	allocate(&alice, both, 1);
	expect(&alice, 0, "dual");
	ck_assert(dual_has_both(client_allocation(&alice)));
}

static int refresh(struct client *c, uint8_t family, uint32_t lifetime_s)
{
	client_start(c, TURN_REFRESH);
	stun_add_u32(&c->b, TURN_LIFETIME, lifetime_s);
	if (family != IP_NONE)
		stun_add_u32(&c->b, TURN_REQUESTED_ADDRESS_FAMILY,
			     (uint32_t)family << 24);
	return client_ask(c);
}

static size_t ports_used(void)
{
	size_t used = 0;

	for (size_t i = 0; i < fixture.shared.relay_count; i++)
		used += port_pool_figures(fixture.shared.ports, i, fixture.now_ms).used;
	return used;
}

/* The relayed addresses in the answer, in order; returns their number. */
static size_t relayed_addresses(const struct client *c, struct endpoint out[4])
{
	struct slice rest = c->answer.body;
	struct stun_attr attr;
	size_t count = 0;

	while (stun_attr_next(&rest, &attr)) {
		if (attr.type != TURN_XOR_RELAYED_ADDRESS)
			continue;
		ck_assert_uint_lt(count, 4);
		ck_assert(stun_attr_xor_address(&attr, c->answer.txid, &out[count++]));
	}
	return count;
}

START_TEST(the_answer_has_both) /* T-234 T-235 */
{
	struct endpoint told[4];

	begin_with(&(struct fixture_options){.nat = true, .allocations_per_user = 1});
	allocate(&alice, both, 1);
	expect(&alice, 0, "T-235 both families: success");
	const struct allocation *al = client_allocation(&alice);
	for (int again = 0; again < 2; again++) {
		struct endpoint first = allocation_relayed_public(&fixture.turn, al);
		struct endpoint second = allocation_second_public(&fixture.turn, al);

		ck_assert_uint_eq(relayed_addresses(&alice, told), 2);
		ck_assert(endpoint_equal(&told[0], &first));
		ck_assert(endpoint_equal(&told[1], &second));
		ck_assert_uint_eq(told[0].ip.family, IP_V4);
		ck_assert_uint_eq(told[1].ip.family, IP_V6);
		ck_assert(!client_has(&alice, TURN_ADDRESS_ERROR_CODE));
		client_again(&alice);
		expect(&alice, 0, "T-232 repeated: the same again");
	}
	/* Two sockets and two ports, but counted as one allocation. */
	ck_assert_uint_eq(fixture.edge.opened, 2);
	ck_assert_uint_eq(ports_used(), 2);
	ck_assert_uint_eq(allocation_count(fixture.turn.table), 1);
	ck_assert_uint_eq(quota_held(fixture.shared.total, 0), 1);
	ck_assert_uint_eq(quota_held(fixture.shared.users[DIALECT_IETF], al->user_quota),
			  1);
	ck_assert_uint_eq(fixture.turn.counters.allocations_opened, 1);
	end();
}
END_TEST

START_TEST(both_have_even_ports) /* T-231 */
{
	static const struct attr_row even[] = {EVEN_PORT(0), ADDITIONAL(2)};
	struct endpoint told[4];

	for (int i = 0; i < 8; i++) {
		begin();
		fixture.edge.random = (uint64_t)i;
		allocate(&alice, even, 2);
		expect(&alice, 0, "EVEN-PORT without R");
		ck_assert_uint_eq(relayed_addresses(&alice, told), 2);
		ck_assert_uint_eq(told[0].port % 2, 0);
		ck_assert_uint_eq(told[1].port % 2, 0);
		end();
	}
}
END_TEST

static void expect_missing(const struct client *c, uint8_t family, int code,
			   const char *name)
{
	struct endpoint told[4];
	struct stun_attr attr;

	expect(c, 0, name);
	ck_assert_msg(relayed_addresses(c, told) == 1, "%s: not one address", name);
	ck_assert_msg(told[0].ip.family != family, "%s: family", name);
	ck_assert_msg(client_find(c, TURN_ADDRESS_ERROR_CODE, &attr), "%s: no code",
		      name);
	ck_assert_uint_eq(attr.value.data[0], family);
	ck_assert_msg(attr.value.data[2] * 100 + attr.value.data[3] == code,
		      "%s: code %u%02u", name, attr.value.data[2], attr.value.data[3]);
}

static const struct attr_row whole[] = {ADDITIONAL(2), DONT_FRAGMENT};

START_TEST(dont_fragment_costs_an_ipv4_client_the_ipv6_half) /* T-225 */
{
	struct stun_attr attr;

	begin();
	allocate(&alice, whole, 2);
	expect_missing(&alice, IP_V6, 440, "IPv4 alone, and why");
	ck_assert(client_find(&alice, TURN_ADDRESS_ERROR_CODE, &attr));
	ck_assert_uint_eq(attr.value.len, 4 + strlen("Address Family not Supported"));
	ck_assert_mem_eq(attr.value.data,
			 "\2\0\4\x28"
			 "Address Family not Supported",
			 attr.value.len);
	ck_assert_uint_eq(ports_used(), 1);
	client_again(&alice);
	expect_missing(&alice, IP_V6, 440, "repeated: the same again");
	ck_assert_uint_eq(ports_used(), 1);

	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	ck_assert(client_send(&alice, PEER, "x", 1));
	client_permit(&alice, PEER_V6);
	expect(&alice, 443, "no permission for the half that was not made");
	ck_assert_int_eq(refresh(&alice, IP_NONE, 0), 0);
	ck_assert(fixture_is_clean(&fixture));
	end();
}
END_TEST

START_TEST(dont_fragment_without_an_ipv4_half) /* T-225 */
{
	struct stun_attr attr;

	begin();
	fixture.edge.refuse = -EMFILE;
	fixture.edge.refuse_times = 1;
	fixture.edge.refuse_family = IP_V4;
	allocate(&alice, whole, 2);
	expect(&alice, 420, "IPv6 is left, which cannot honour it");
	ck_assert(client_find(&alice, STUN_UNKNOWN_ATTRIBUTES, &attr));
	ck_assert_mem_eq(attr.value.data, "\0\x1A", 2);
	ck_assert(fixture_is_clean(&fixture));
	end();
}
END_TEST

START_TEST(dont_fragment_of_an_ipv6_client) /* T-225 */
{
	begin();
	client_init(&alice, &fixture, "[2001:db8:9::1]:5000", FRONT_OUTSIDE_UDP6,
		    "alice");
	allocate(&alice, whole, 2);
	expect(&alice, 0, "both");
	ck_assert_uint_eq(ports_used(), 2);
	ck_assert(!client_has(&alice, TURN_ADDRESS_ERROR_CODE));
	end();
}
END_TEST

START_TEST(dont_fragment_of_a_stream) /* T-405 */
{
	begin();
	client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_TCP, "alice");
	allocate(&alice, whole, 2);
	expect(&alice, 0, "T-405 DONT-FRAGMENT over TCP: both families");
	ck_assert_uint_eq(ports_used(), 2);
	ck_assert(!client_has(&alice, TURN_ADDRESS_ERROR_CODE));
	end();
}
END_TEST

static const struct {
	const char *name;
	uint8_t refused;
	int error;
	unsigned times; /* as many as the core tries in turn */
} refusals[] = {
	{"T-234 no descriptor for IPv6: 508 for it", IP_V6, -EMFILE, 1},
	{"T-234 no descriptor for IPv4: 508 for it", IP_V4, -EMFILE, 1},
	{"T-234 all ports of IPv6 taken by others: 508 for it", IP_V6, -EADDRINUSE, 99},
	{"T-234 all ports of IPv4 taken by others: 508 for it", IP_V4, -EADDRINUSE, 99},
};

START_TEST(half_that_the_system_refuses) /* T-234 */
{
	const char *name = refusals[_i].name;

	begin();
	fixture.edge.refuse = refusals[_i].error;
	fixture.edge.refuse_times = refusals[_i].times;
	fixture.edge.refuse_family = refusals[_i].refused;
	allocate(&alice, both, 1);
	fixture.edge.refuse_times = 0;
	expect_missing(&alice, refusals[_i].refused, 508, name);
	client_again(&alice);
	expect_missing(&alice, refusals[_i].refused, 508, name);
	ck_assert_uint_eq(ports_used(), 1);
	ck_assert_uint_eq(fixture.edge.opened, 1);
	/* A missing half can be neither refreshed nor get a permission. */
	refresh(&alice, refusals[_i].refused, 600);
	expect(&alice, 443, "Refresh of what was not granted");
	client_permit(&alice, refusals[_i].refused == IP_V4 ? PEER : PEER_V6);
	expect(&alice, 443, "permission of that family");
	ck_assert_int_eq(refresh(&alice, IP_NONE, 0), 0);
	ck_assert(fixture_is_clean(&fixture));
	end();
}
END_TEST

START_TEST(second_address_used_up) /* T-234 */
{
	static const struct attr_row v6[] = {FAMILY(2)};

	begin_with(&(struct fixture_options){.first_port = 50000, .last_port = 50000});
	allocate(&bob, v6, 1);
	expect(&bob, 0, "the only IPv6 port");
	allocate(&alice, both, 1);
	expect_missing(&alice, IP_V6, 508, "T-234 IPv6 used up: 508 for it");
	end();
}
END_TEST

static void expect_from_peer(const char *peer, size_t header_len)
{
	struct forward out;

	ck_assert(client_from_peer(&alice, peer, "y", 1, &out));
	ck_assert_uint_eq(out.header_len, header_len);
	ck_assert_uint_eq(out.slot, client_allocation(&alice)->slot);
}

static bool passes_from(const char *peer)
{
	struct forward out;

	return client_from_peer(&alice, peer, "y", 1, &out);
}

START_TEST(each_family_reaches_its_peers) /* T-287 T-316 */
{
	begin_dual();
	/* One request may name peers of both. */
	client_start(&alice, TURN_CREATE_PERMISSION);
	client_add_peer(&alice, PEER);
	client_add_peer(&alice, PEER_V6);
	client_ask(&alice);
	expect(&alice, 0, "permissions of both families");
	ck_assert(client_send(&alice, PEER, "x", 1));
	ck_assert_uint_eq(alice.out.forward.peer.ip.family, IP_V4);
	ck_assert(client_send(&alice, PEER_V6, "x", 1));
	ck_assert_uint_eq(alice.out.forward.peer.ip.family, IP_V6);
	expect_from_peer(PEER, FORWARD_DATA_HEADER_V4);
	expect_from_peer(PEER_V6, FORWARD_DATA_HEADER_V6);
	ck_assert(!client_send(&alice, PEER_V6_B, "x", 1));

	ck_assert_int_eq(client_bind(&alice, 0x4000, PEER), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4001, PEER_V6), 0);
	client_bind(&alice, 0x4001, PEER);
	expect(&alice, 400, "a number of the other family's peer");
	ck_assert(client_channel_data(&alice, 0x4000, "x", 1));
	ck_assert_uint_eq(alice.out.forward.peer.ip.family, IP_V4);
	ck_assert(client_channel_data(&alice, 0x4001, "x", 1));
	ck_assert_uint_eq(alice.out.forward.peer.ip.family, IP_V6);
	expect_from_peer(PEER, FORWARD_CHANNEL_HEADER);
	expect_from_peer(PEER_V6, FORWARD_CHANNEL_HEADER);

	const struct allocation *al = client_allocation(&alice);
	ck_assert_uint_eq(al->to_peer.packets, 4);
	ck_assert_uint_eq(al->to_client.packets, 4);
	ck_assert_int_eq(client_refresh(&alice, 0), 0);
	ck_assert_uint_eq(fixture.edge.ended, 1);
	ck_assert_uint_eq(fixture.edge.last.to_peer.packets, 4);
	ck_assert(fixture.edge.last.dual.port != 0);
	ck_assert(fixture_is_clean(&fixture));
	end();
}
END_TEST

START_TEST(two_dual_ones_reach_each_other)
{
	struct forward out;
	char text[ENDPOINT_TEXT_LEN];

	begin_dual();
	allocate(&bob, both, 1);
	expect(&bob, 0, "bob");
	for (int second = 0; second < 2; second++) {
		const struct allocation *a = client_allocation(&alice);
		const struct allocation *b = client_allocation(&bob);
		struct endpoint from =
			second ? allocation_second_public(&fixture.turn, a)
			       : allocation_relayed_public(&fixture.turn, a);
		struct endpoint to = second ? allocation_second_public(&fixture.turn, b)
					    : allocation_relayed_public(&fixture.turn, b);

		ck_assert_int_eq(
			client_permit(&bob, endpoint_format(&from, text, sizeof(text))),
			0);
		ck_assert(client_from_peer(&bob, text, "y", 1, &out));
		ck_assert_int_eq(client_permit(&alice,
					       endpoint_format(&to, text, sizeof(text))),
				 0);
		ck_assert(client_send(&alice, text, "x", 1));
	}
	end();
}
END_TEST

/* Halves: which one is deleted, and what remains. */
static const struct {
	const char *name;
	uint8_t gone, left;
	const char *gone_peer, *left_peer;
} halves[] = {
	{"T-263 IPv6 deleted", IP_V6, IP_V4, PEER_V6, PEER},
	{"T-263 IPv4 deleted", IP_V4, IP_V6, PEER, PEER_V6},
};

/* Permissions and channels with both peers, 0x4000 + family. */
static void bind_both(int row)
{
	ck_assert_int_eq(client_bind(&alice, (uint16_t)(0x4000 + halves[row].gone),
				     halves[row].gone_peer),
			 0);
	ck_assert_int_eq(client_bind(&alice, (uint16_t)(0x4000 + halves[row].left),
				     halves[row].left_peer),
			 0);
}

/* One half has ended with all its state; the other has lost nothing. */
static void expect_half(int row)
{
	const struct allocation *al = client_allocation(&alice);
	uint64_t before = fixture_drops(&fixture, DROP_WRONG_FAMILY);

	ck_assert_uint_eq(al->families, halves[row].left);
	ck_assert_uint_eq(al->permission_count, 1);
	ck_assert_uint_eq(al->channel_count, 1);
	ck_assert_uint_eq(ports_used(), 1);
	ck_assert_uint_eq(fixture.edge.opened - fixture.edge.closed, 1);
	struct endpoint local = allocation_relayed_local(&fixture.turn, al);
	ck_assert(endpoint_equal(&fixture.edge.local[al->slot], &local));
	ck_assert_uint_eq(local.ip.family, halves[row].left);

	ck_assert(!client_send(&alice, halves[row].gone_peer, "x", 1));
	expect_silence(&alice, DROP_WRONG_FAMILY, before, halves[row].name);
	ck_assert(!client_channel_data(&alice, (uint16_t)(0x4000 + halves[row].gone), "x",
				       1));
	ck_assert(!passes_from(halves[row].gone_peer));
	client_permit(&alice, halves[row].gone_peer);
	expect(&alice, 443, "permission for the half that is gone");
	client_bind(&alice, 0x4005, halves[row].gone_peer);
	expect(&alice, 443, "channel for the half that is gone");

	ck_assert(client_send(&alice, halves[row].left_peer, "x", 1));
	ck_assert(client_channel_data(&alice, (uint16_t)(0x4000 + halves[row].left), "x",
				      1));
	ck_assert(passes_from(halves[row].left_peer));
}

START_TEST(half_is_deleted) /* T-262 T-263 T-265 */
{
	begin_dual();
	bind_both(_i);
	refresh(&alice, halves[_i].gone, 0);
	expect(&alice, 0, halves[_i].name);
	ck_assert_uint_eq(client_u32(&alice, TURN_LIFETIME), 0);
	expect_half(_i);
	refresh(&alice, halves[_i].gone, 600);
	expect(&alice, 443, "T-262 the half that is gone");
	ck_assert_uint_eq(fixture.edge.ended, 0);
	/* Its 5-tuple is taken until the last half ends. */
	alice.auth = CLIENT_SHA256;
	allocate(&alice, both, 1);
	expect(&alice, 437, "Allocate over half an allocation");
	refresh(&alice, halves[_i].left, 0);
	expect(&alice, 0, "the last half");
	ck_assert_ptr_null(client_allocation(&alice));
	ck_assert_uint_eq(fixture.edge.ended, 1);
	ck_assert(fixture_is_clean(&fixture));
	refresh(&alice, halves[_i].left, 600);
	expect(&alice, 437, "T-265 no half is left");
	allocate(&alice, both, 1);
	expect(&alice, 0, "T-265 the 5-tuple is free");
	end();
}
END_TEST

START_TEST(half_that_is_not_refreshed_expires) /* T-263 */
{
	begin_dual();
	advance(300000);
	refresh(&alice, halves[_i].left, 1200);
	expect(&alice, 0, halves[_i].name);
	ck_assert_uint_eq(client_u32(&alice, TURN_LIFETIME), 1200);
	bind_both(_i);
	advance(299999);
	ck_assert(dual_has_both(client_allocation(&alice)));
	bind_both(_i);
	ck_assert(passes_from(halves[_i].gone_peer));
	advance(1);
	expect_half(_i);
	/* 1500 s after the start the other one ends too. */
	advance(899999);
	ck_assert_ptr_nonnull(client_allocation(&alice));
	advance(1);
	ck_assert_ptr_null(client_allocation(&alice));
	ck_assert_int_eq(fixture.edge.last.end_reason, END_EXPIRED);
	ck_assert(fixture_is_clean(&fixture));
	end();
}
END_TEST

/* Packets may come before the table is swept. */
START_TEST(overdue_half_has_ended) /* T-263 */
{
	uint64_t before;

	begin_dual();
	advance(300000);
	ck_assert_int_eq(refresh(&alice, halves[_i].left, 1200), 0);
	bind_both(_i);
	fixture.now_ms += 299999;
	bind_both(_i);
	ck_assert(passes_from(halves[_i].gone_peer));
	fixture.now_ms += 1;
	before = fixture_drops(&fixture, DROP_NO_ALLOCATION);
	ck_assert(!passes_from(halves[_i].gone_peer));
	ck_assert_uint_eq(fixture_drops(&fixture, DROP_NO_ALLOCATION), before + 1);
	ck_assert(passes_from(halves[_i].left_peer));
	ck_assert(dual_has_both(client_allocation(&alice)));
	/* The client's packets find the expired half first. */
	ck_assert(client_channel_data(&alice, (uint16_t)(0x4000 + halves[_i].left), "x",
				      1));
	ck_assert(!dual_has_both(client_allocation(&alice)));
	expect_half(_i);
	ck_assert_uint_gt(dispatch_expire(&fixture.turn, fixture.now_ms), fixture.now_ms);
	end();
}
END_TEST

START_TEST(refresh_without_family_is_for_both) /* T-264 */
{
	begin_dual();
	advance(100000);
	ck_assert_int_eq(refresh(&alice, IP_V6, 1200), 0);
	advance(100000);
	refresh(&alice, IP_NONE, 900);
	expect(&alice, 0, "T-264 without family");
	ck_assert_uint_eq(client_u32(&alice, TURN_LIFETIME), 900);
	advance(899999);
	ck_assert(dual_has_both(client_allocation(&alice)));
	advance(1);
	ck_assert_ptr_null(client_allocation(&alice));
	ck_assert(fixture_is_clean(&fixture));
	end();
}
END_TEST

START_TEST(either_half_may_expire_last) /* T-263 */
{
	begin_dual();
	for (int i = 0; i < 6; i++) {
		uint8_t family = i % 2 == 0 ? IP_V4 : IP_V6;

		advance(300000);
		refresh(&alice, family, 700);
		expect(&alice, 0, "a half in time");
		ck_assert_uint_eq(client_u32(&alice, TURN_LIFETIME), 700);
		ck_assert_uint_eq(dual_left_s(client_allocation(&alice), family,
					      fixture.now_ms),
				  700);
		/* 300 s of the 600 it had, then 400 s of 700. */
		ck_assert_uint_eq(allocation_left_s(client_allocation(&alice),
						    fixture.now_ms),
				  i == 0 ? 300 : 400);
		if (i == 0)
			ck_assert_int_eq(refresh(&alice, IP_V6, 700), 0);
	}
	ck_assert_int_eq(refresh(&alice, IP_V4, 0), 0);
	ck_assert_int_eq(refresh(&alice, IP_V6, 0), 0);
	ck_assert(fixture_is_clean(&fixture));
	end();
}
END_TEST

START_TEST(limit_of_the_allocation_covers_both)
{
	struct allocation *al;

	begin_dual();
	al = client_allocation(&alice);
	ck_assert_int_eq(refresh(&alice, IP_V6, 1200), 0);
	allocation_bound(&fixture.turn, al, fixture.now_ms + 900000);
	ck_assert_uint_eq(dual_left_s(al, IP_V4, fixture.now_ms), 600);
	ck_assert_uint_eq(dual_left_s(al, IP_V6, fixture.now_ms), 900);
	refresh(&alice, IP_V6, 3000);
	ck_assert_uint_eq(client_u32(&alice, TURN_LIFETIME), 900);
	allocation_bound(&fixture.turn, al, fixture.now_ms + 300000);
	ck_assert_uint_eq(dual_left_s(al, IP_V4, fixture.now_ms), 300);
	ck_assert_uint_eq(dual_left_s(al, IP_V6, fixture.now_ms), 300);
	advance(300000);
	ck_assert_ptr_null(client_allocation(&alice));
	ck_assert_int_eq(fixture.edge.last.end_reason, END_CREDENTIAL);
	ck_assert(fixture_is_clean(&fixture));
	end();
}
END_TEST

START_TEST(administrator_ends_both)
{
	begin_dual();
	allocation_delete(&fixture.turn, client_allocation(&alice), END_KILLED,
			  fixture.now_ms);
	ck_assert_uint_eq(fixture.edge.ended, 1);
	ck_assert(fixture_is_clean(&fixture));
	end();
}
END_TEST

static void dual_suite(Suite *suite)
{
	TCase *tc = tcase_create("dual");
	tcase_add_test(tc, the_answer_has_both);
	tcase_add_test(tc, both_have_even_ports);
	tcase_add_test(tc, dont_fragment_costs_an_ipv4_client_the_ipv6_half);
	tcase_add_test(tc, dont_fragment_without_an_ipv4_half);
	tcase_add_test(tc, dont_fragment_of_an_ipv6_client);
	tcase_add_test(tc, dont_fragment_of_a_stream);
	tcase_add_loop_test(tc, half_that_the_system_refuses, 0, ROWS(refusals));
	tcase_add_test(tc, second_address_used_up);
	tcase_add_test(tc, each_family_reaches_its_peers);
	tcase_add_test(tc, two_dual_ones_reach_each_other);
	tcase_add_loop_test(tc, half_is_deleted, 0, ROWS(halves));
	tcase_add_loop_test(tc, half_that_is_not_refreshed_expires, 0, ROWS(halves));
	tcase_add_loop_test(tc, overdue_half_has_ended, 0, ROWS(halves));
	tcase_add_test(tc, refresh_without_family_is_for_both);
	tcase_add_test(tc, either_half_may_expire_last);
	tcase_add_test(tc, limit_of_the_allocation_covers_both);
	tcase_add_test(tc, administrator_ends_both);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("turn_dual", dual_suite)
