/*
 * test_turn_send.c - Send and Data indications (RFC 8656 section 11).
 */
#include "tests/unit/dialect/dialect_check.h"

#define DATA                                    \
	{                                       \
		TURN_DATA_ATTR, 5,              \
		{                               \
			'h', 'e', 'l', 'l', 'o' \
		}                               \
	}
#define EMPTY_DATA                 \
	{                          \
		TURN_DATA_ATTR, 0, \
		{                  \
			0          \
		}                  \
	}
#define MALFORMED_PEER                    \
	{                                 \
		TURN_XOR_PEER_ADDRESS, 4, \
		{                         \
			0, 1, 0, 0        \
		}                         \
	}

/* PEER is permitted. */
static const struct {
	const char *name;
	const char *peer;
	struct attr_row attrs[3];
	enum drop_reason drop; /* DROP_NONE: relayed */
	bool dont_fragment;
} checks[] = {
	{"T-310 address and data: relayed", PEER, {DATA}, DROP_NONE, false},
	{"T-310 no data: dropped", PEER, {{0}}, DROP_BAD_INDICATION, false},
	{"T-310 no address: dropped", NULL, {DATA}, DROP_BAD_INDICATION, false},
	{"T-310 malformed address: dropped",
	 NULL,
	 {MALFORMED_PEER, DATA},
	 DROP_BAD_INDICATION,
	 false},
	{"T-311 empty data: empty datagram", PEER, {EMPTY_DATA}, DROP_NONE, false},
	{"T-312 no permission: dropped", PEER_B, {DATA}, DROP_NO_PERMISSION, false},
	{"T-313 DONT-FRAGMENT: DF is set", PEER, {DATA, DONT_FRAGMENT}, DROP_NONE, true},
	{"T-316 IPv6 peer of an IPv4 relay: dropped",
	 PEER_V6,
	 {DATA},
	 DROP_WRONG_FAMILY,
	 false},
	{"T-018 unknown required attribute: dropped",
	 PEER,
	 {DATA, UNKNOWN},
	 DROP_UNKNOWN_ATTRIBUTE,
	 false},
	{"T-014 unknown optional attribute: relayed",
	 PEER,
	 {DATA, {0xC0FF, 4, {0}}},
	 DROP_NONE,
	 false},
	{"T-099 integrity of an unknown key: relayed",
	 PEER,
	 {DATA, {0x0008, 20, {1}}},
	 DROP_NONE,
	 false},
	{"T-065 integrity of 8 bytes: dropped",
	 PEER,
	 {DATA, {0x0008, 8, {1}}},
	 DROP_MALFORMED,
	 false},
};

START_TEST(send_checks_the_indication)
{
	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	client_start_class(&alice, TURN_SEND, STUN_INDICATION);
	if (checks[_i].peer)
		client_add_peer(&alice, checks[_i].peer);
	ADD_ROWS(&alice, checks[_i].attrs);
	client_ask(&alice);
	expect(&alice, -1, checks[_i].name);
	if (checks[_i].drop != DROP_NONE) {
		expect_silence(&alice, checks[_i].drop, 0, checks[_i].name);
	} else {
		const struct forward *f = &alice.out.forward;
		struct endpoint to = ep(PEER);

		ck_assert_msg(alice.out.action == DISPATCH_FORWARD, "%s",
			      checks[_i].name);
		ck_assert_msg(endpoint_equal(&f->peer, &to),
			      "T-315 exactly to XOR-PEER-ADDRESS");
		ck_assert_msg(f->slot == client_allocation(&alice)->slot,
			      "T-315 from the relayed address");
		ck_assert_uint_eq(f->payload.len, checks[_i].attrs[0].len);
		if (f->payload.len)
			ck_assert_mem_eq(f->payload.data, "hello", 5);
		ck_assert_msg(f->dont_fragment == checks[_i].dont_fragment, "%s",
			      checks[_i].name);
	}
	end();
}
END_TEST

START_TEST(send_installs_no_permission) /* T-312 */
{
	struct forward out;

	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert(!client_send(&alice, PEER, "x", 1));
	ck_assert_msg(!client_from_peer(&alice, PEER, "x", 1, &out),
		      "T-312 Send never creates a permission");
	end();
}
END_TEST

START_TEST(send_without_allocation) /* T-203 */
{
	begin();
	ck_assert(!client_send(&alice, PEER, "x", 1));
	expect_silence(&alice, DROP_NO_ALLOCATION, 0, "T-203 Send without allocation");
	end();
}
END_TEST

START_TEST(policy_is_checked_again) /* T-314 T-584 */
{
	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4000, PEER), 0);
	ck_assert(client_send(&alice, PEER, "x", 1));
	ck_assert(fixture_deny(&fixture, "192.0.2.1/32"));
	ck_assert_msg(!client_send(&alice, PEER, "x", 1),
		      "T-584 after a reload: dropped");
	ck_assert_msg(!client_channel_data(&alice, 0x4000, "x", 1), "T-584 channels too");
	ck_assert_uint_eq(fixture_drops(&fixture, DROP_POLICY), 2);
	end();
}
END_TEST

/* Header and payload, as parsed by the client. */
static void receive(const struct forward *out, uint8_t *bytes, struct stun_msg *msg)
{
	memcpy(bytes, out->header, out->header_len);
	if (out->payload.len)
		memcpy(bytes + out->header_len, out->payload.data, out->payload.len);
	memset(bytes + out->header_len + out->payload.len, 0, out->padding_len);
	struct slice whole = {bytes,
			      out->header_len + out->payload.len + out->padding_len};
	ck_assert_int_eq(stun_msg_parse(whole, msg), STUN_PARSE_OK);
}

static const struct {
	const char *name;
	const char *peer;
	const char *payload;
	uint8_t family;
} data[] = {
	{"T-317 Data: source and content", PEER, "hello", IP_V4},
	{"T-317 Data from an IPv6 peer", PEER_V6, "hello", IP_V6},
	{"T-318 empty datagram: empty DATA", PEER, "", IP_V4},
};

START_TEST(peer_data_is_indicated) /* T-317 T-318 T-319 */
{
	uint8_t bytes[128], second[128];
	struct stun_msg msg, other;
	struct stun_attr attr;
	struct endpoint source, want = ep(data[_i].peer);
	struct forward out;
	size_t len = strlen(data[_i].payload);

	begin();
	client_login(&alice);
	client_start(&alice, TURN_ALLOCATE);
	ADD_ROWS(&alice, ((struct attr_row[]){UDP, FAMILY(data[_i].family)}));
	ck_assert_int_eq(client_ask(&alice), 0);
	ck_assert_int_eq(client_permit(&alice, data[_i].peer), 0);
	ck_assert_msg(client_from_peer(&alice, data[_i].peer, data[_i].payload, len,
				       &out),
		      "%s", data[_i].name);
	receive(&out, bytes, &msg);
	ck_assert_uint_eq(msg.method, TURN_DATA);
	ck_assert_int_eq(msg.class, STUN_INDICATION);
	ck_assert(stun_msg_find(&msg, TURN_XOR_PEER_ADDRESS, &attr));
	ck_assert(stun_attr_xor_address(&attr, msg.txid, &source));
	ck_assert_msg(endpoint_equal(&source, &want), "%s: source", data[_i].name);
	ck_assert(stun_msg_find(&msg, TURN_DATA_ATTR, &attr));
	ck_assert_msg(attr.value.len == len, "%s: length", data[_i].name);
	ck_assert(msg.mi_offset == 0 && msg.mi256_offset == 0);

	ck_assert(client_from_peer(&alice, data[_i].peer, data[_i].payload, len, &out));
	receive(&out, second, &other);
	ck_assert_msg(memcmp(msg.txid, other.txid, STUN_TXID_LEN) != 0,
		      "T-319 every indication has its own transaction id");
	end();
}
END_TEST

START_TEST(peer_data_is_only_data) /* T-589 */
{
	static const uint8_t binding[] = {0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1,  2,
					  3, 4, 5, 6, 7,    8,    9,    10,   11, 12};
	struct forward out;

	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	ck_assert(client_from_peer(&alice, PEER, binding, sizeof(binding), &out));
	ck_assert_msg(out.payload.len == sizeof(binding), "T-589 relayed, not answered");
	end();
}
END_TEST

START_TEST(two_of_our_clients) /* T-582 */
{
	char peer[ENDPOINT_TEXT_LEN], back[ENDPOINT_TEXT_LEN];
	struct forward out;

	begin_with(&(struct fixture_options){.nat = true});
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert_int_eq(client_allocate(&bob), 0);
	struct endpoint a =
		allocation_relayed_public(&fixture.turn, client_allocation(&alice));
	struct endpoint b =
		allocation_relayed_public(&fixture.turn, client_allocation(&bob));
	endpoint_format(&b, peer, sizeof(peer));
	endpoint_format(&a, back, sizeof(back));
	client_permit(&alice, peer);
	expect(&alice, 0, "T-582 a relayed address of ours as peer: allowed");
	ck_assert_int_eq(client_permit(&bob, back), 0);
	ck_assert(client_send(&alice, peer, "x", 1));
	struct endpoint local =
		allocation_relayed_local(&fixture.turn, client_allocation(&bob));
	ck_assert_msg(endpoint_equal(&alice.out.forward.peer, &local),
		      "T-582 reached at its local address, not through the NAT");
	struct endpoint source =
		allocation_relayed_local(&fixture.turn, client_allocation(&alice));
	endpoint_format(&source, back, sizeof(back));
	ck_assert_msg(client_from_peer(&bob, back, "x", 1, &out), "T-582 and delivered");
	end();
}
END_TEST

START_TEST(a_free_slot_has_no_connection) /* T-211 */
{
	struct forward out;
	struct endpoint source = ep(PEER);

	begin();
	dispatch_from_peer(&fixture.turn, 5, &source,
			   (struct slice){(const uint8_t *)"x", 1}, fixture.now_ms, &out);
	ck_assert_int_eq(out.kind, FORWARD_DROP);
	ck_assert_uint_eq(fixture_drops(&fixture, DROP_NO_ALLOCATION), 1);
	end();
}
END_TEST

static void send_suite(Suite *suite)
{
	TCase *tc = tcase_create("send");
	tcase_add_loop_test(tc, send_checks_the_indication, 0, ROWS(checks));
	tcase_add_test(tc, send_installs_no_permission);
	tcase_add_test(tc, send_without_allocation);
	tcase_add_test(tc, policy_is_checked_again);
	tcase_add_loop_test(tc, peer_data_is_indicated, 0, ROWS(data));
	tcase_add_test(tc, peer_data_is_only_data);
	tcase_add_test(tc, two_of_our_clients);
	tcase_add_test(tc, a_free_slot_has_no_connection);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("turn_send", send_suite)
