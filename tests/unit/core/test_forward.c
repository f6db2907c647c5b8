/*
 * test_forward.c - the verdict on every kind of datagram (RFC 8656 sections 11 and 12, the part
 * that the core decides). Each drop is checked for its reason and for being counted.
 */
#include <stdlib.h>
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/channel.h"
#include "relay/core/forward.h"
#include "relay/core/permission.h"
#include "stun/attr.h"
#include "stun/chandata.h"

#define ONE_FIXTURE_ALLOCATION
#define ONE_FIXTURE_BY_HAND
#include "tests/unit/core/one_fixture.h"

static struct forward out;
static uint8_t big[70000];

static void permit(const char *peer)
{
	struct endpoint one = ep(peer);

	ck_assert_int_eq(
		permission_install(&fixture.turn, al, &one, 1, fixture.now_ms, NULL), 0);
}

static void bind_to(uint16_t number, const char *peer)
{
	struct endpoint one = ep(peer);

	ck_assert_int_eq(
		channel_bind(&fixture.turn, al, number, &one, fixture.now_ms, NULL), 0);
}

/* A drop is counted once, under its reason and no other, and not as traffic. */
static void check_drop(const char *name, enum drop_reason want)
{
	ck_assert_msg(out.kind == FORWARD_DROP && out.reason == want,
		      "%s: kind %d, reason %s", name, out.kind,
		      drop_reason_name(out.reason));
	for (int i = 0; i < DROP_REASON_COUNT; i++)
		ck_assert_msg(fixture.turn.counters.drops[i] == (i == (int)want),
			      "%s: counter %s", name,
			      drop_reason_name((enum drop_reason)i));
	ck_assert_uint_eq(al->to_peer.packets + al->to_client.packets, 0);
	fixture.turn.counters.drops[want] = 0;
}

static void check_to_peer(const char *name, const char *peer, const void *data,
			  size_t len)
{
	struct endpoint want = ep(peer);

	ck_assert_msg(out.kind == FORWARD_TO_PEER, "%s: %s", name,
		      drop_reason_name(out.reason));
	ck_assert_msg(endpoint_equal(&out.peer, &want), "%s: other peer", name);
	ck_assert_uint_eq(out.slot, al->slot);
	ck_assert_uint_eq(out.payload.len, len);
	ck_assert_msg(len == 0 || memcmp(out.payload.data, data, len) == 0, "%s: payload",
		      name);
}

/* ChannelData of len bytes; claimed is the length in its header. */
static void send_channel_data(uint16_t number, size_t claimed, size_t len)
{
	chandata_write_header(big, number, claimed);
	forward_channel_data(&fixture.turn, al, (struct slice){big, 4 + len},
			     fixture.now_ms, &out);
}

START_TEST(channel_data_reaches_the_peer) /* T-315, T-371, T-374 */
{
	bind_to(0x4000, "192.0.2.1:9");
	memcpy(big + 4, "hello", 5);
	send_channel_data(0x4000, 5, 5);
	check_to_peer("exact", "192.0.2.1:9", "hello", 5);
	ck_assert(!out.dont_fragment);
	ck_assert_uint_eq(al->to_peer.packets, 1);
	ck_assert_uint_eq(al->to_peer.bytes, 5);
	ck_assert_uint_eq(
		fixture.turn.counters.to_peer[SIDE_OUTSIDE][TRANSPORT_UDP].packets, 1);
	ck_assert_uint_eq(
		fixture.turn.counters.to_peer[SIDE_OUTSIDE][TRANSPORT_UDP].bytes, 5);
	ck_assert_uint_eq(
		fixture.turn.counters.to_peer[SIDE_INSIDE][TRANSPORT_UDP].packets, 0);

	send_channel_data(0x4000, 5, 8);
	check_to_peer("padded", "192.0.2.1:9", "hello", 5);
	send_channel_data(0x4000, 0, 0);
	check_to_peer("empty", "192.0.2.1:9", NULL, 0);
}
END_TEST

START_TEST(bad_channel_data_is_dropped) /* T-371, T-375, T-378 */
{
	bind_to(0x4000, "192.0.2.1:9");
	send_channel_data(0x4000, 6, 5);
	check_drop("shorter than it claims", DROP_BAD_CHANNEL_DATA);
	forward_channel_data(&fixture.turn, al, (struct slice){big, 3}, fixture.now_ms,
			     &out);
	check_drop("shorter than its header", DROP_BAD_CHANNEL_DATA);
	send_channel_data(0x4001, 5, 5);
	check_drop("not bound", DROP_NO_CHANNEL);
	send_channel_data(0x5000, 5, 5);
	check_drop("reserved number", DROP_NO_CHANNEL);
	send_channel_data(0x0000, 5, 5);
	check_drop("number 0", DROP_NO_CHANNEL);
}
END_TEST

START_TEST(channel_needs_a_live_permission) /* T-367, T-368, T-369, T-282 */
{
	const struct endpoint peer = ep("192.0.2.1:9");
	uint64_t start = fixture.now_ms;
	struct slice payload = {big, 10};

	bind_to(0x4000, "192.0.2.1:9");
	fixture.now_ms = start + 299999;
	send_channel_data(0x4000, 5, 5);
	check_to_peer("at 299.999 s", "192.0.2.1:9", big + 4, 5);
	forward_from_peer(&fixture.turn, al, &peer, payload, fixture.now_ms, &out);
	ck_assert_int_eq(out.kind, FORWARD_TO_CLIENT);

	/* Traffic has refreshed neither. */
	al->to_peer = al->to_client = (struct traffic){0};
	fixture.now_ms = start + 300000;
	send_channel_data(0x4000, 5, 5);
	check_drop("permission expired, to peer", DROP_NO_PERMISSION);
	forward_from_peer(&fixture.turn, al, &peer, payload, fixture.now_ms, &out);
	check_drop("permission expired, to client", DROP_NO_PERMISSION);

	/* A permission of the address opens the channel again, until it expires itself. */
	permit("192.0.2.1:0");
	send_channel_data(0x4000, 5, 5);
	check_to_peer("permitted again", "192.0.2.1:9", big + 4, 5);
	al->to_peer = (struct traffic){0};
	fixture.now_ms = start + 599999;
	allocation_refresh(&fixture.turn, al, 600, fixture.now_ms);
	send_channel_data(0x4000, 5, 5);
	check_to_peer("at 599.999 s", "192.0.2.1:9", big + 4, 5);
	al->to_peer = (struct traffic){0};
	fixture.now_ms = start + 600000;
	send_channel_data(0x4000, 5, 5);
	check_drop("channel expired", DROP_NO_CHANNEL);
}
END_TEST

START_TEST(recycled_permission_does_not_open_the_channel) /* T-368 */
{
	struct endpoint others[8];

	bind_to(0x4000, "192.0.2.1:9");
	fixture.now_ms += 300000;
	for (uint8_t i = 0; i < 8; i++) {
		others[i] = ep("192.0.2.0:9");
		others[i].ip.bytes[3] = (uint8_t)(10 + i);
	}
	ck_assert_int_eq(permission_install(&fixture.turn, al, others, 8, fixture.now_ms,
					    NULL),
			 0);
	send_channel_data(0x4000, 5, 5);
	check_drop("its slot belongs to another", DROP_NO_PERMISSION);
}
END_TEST

START_TEST(data_does_not_extend_the_allocation) /* T-212 */
{
	const struct endpoint peer = ep("192.0.2.1:9");
	uint64_t due = al->expires_ms;

	fixture.now_ms = due - 1;
	bind_to(0x4000, "192.0.2.1:9");
	send_channel_data(0x4000, 5, 5);
	check_to_peer("last moment", "192.0.2.1:9", big + 4, 5);
	ck_assert_uint_eq(al->expires_ms, due);

	/* Overdue but not yet swept. */
	al->to_peer = (struct traffic){0};
	fixture.now_ms = due;
	send_channel_data(0x4000, 5, 5);
	check_drop("overdue, to peer", DROP_NO_ALLOCATION);
	forward_from_peer(&fixture.turn, al, &peer, (struct slice){big, 1},
			  fixture.now_ms, &out);
	check_drop("overdue, to client", DROP_NO_ALLOCATION);
}
END_TEST

/* Attributes of a Send indication. */
enum { NO_PEER = 1, NO_DATA = 2, BAD_PEER = 4, DF = 8 };

static void send_indication(const char *peer, int parts, size_t len)
{
	static const uint8_t txid[STUN_TXID_LEN] = "send";
	struct stun_builder b;
	struct stun_msg msg;
	struct endpoint to = ep(peer);

	stun_builder_start(&b, big, sizeof(big), TURN_SEND, STUN_INDICATION, txid);
	if (parts & BAD_PEER)
		stun_builder_add(&b, TURN_XOR_PEER_ADDRESS, "\0\3xxxx", 6);
	else if (!(parts & NO_PEER))
		stun_add_xor_address(&b, TURN_XOR_PEER_ADDRESS, &to);
	if (parts & DF)
		stun_builder_add(&b, TURN_DONT_FRAGMENT, NULL, 0);
	if (!(parts & NO_DATA))
		memset(stun_builder_reserve(&b, TURN_DATA_ATTR, len), 'd', len);
	size_t size = stun_builder_finish(&b);
	ck_assert_uint_gt(size, 0);
	ck_assert_int_eq(stun_msg_parse((struct slice){big, size}, &msg), STUN_PARSE_OK);
	forward_send(&fixture.turn, al, &msg, fixture.now_ms, &out);
}

static const struct {
	const char *name;
	const char *peer;
	int parts;
	enum drop_reason want;
} sends[] = {
	{"permitted", "192.0.2.1:9", 0, DROP_NONE},
	{"permitted, any port (T-280)", "192.0.2.1:65535", 0, DROP_NONE},
	{"DONT-FRAGMENT (T-313)", "192.0.2.1:9", DF, DROP_NONE},
	{"no peer (T-310)", "192.0.2.1:9", NO_PEER, DROP_BAD_INDICATION},
	{"no data (T-310)", "192.0.2.1:9", NO_DATA, DROP_BAD_INDICATION},
	{"malformed peer", "192.0.2.1:9", BAD_PEER, DROP_BAD_INDICATION},
	{"no permission (T-312)", "192.0.2.2:9", 0, DROP_NO_PERMISSION},
	{"port 0 (T-314)", "192.0.2.1:0", 0, DROP_POLICY},
	{"own front, address permitted (T-314)", "198.18.0.1:3478", 0, DROP_POLICY},
	{"own idle relay port", "198.18.0.1:50099", 0, DROP_POLICY},
	{"other family (T-316)", "[2001:db8::9]:9", 0, DROP_WRONG_FAMILY},
	{"IPv4-mapped (T-292)", "[::ffff:192.0.2.1]:9", 0, DROP_WRONG_FAMILY},
};

START_TEST(send_is_checked) /* T-310 to T-316 */
{
	permit("192.0.2.1:1");
	permit("198.18.0.1:1");
	send_indication(sends[_i].peer, sends[_i].parts, 7);
	if (sends[_i].want == DROP_NONE) {
		check_to_peer(sends[_i].name, sends[_i].peer, "ddddddd", 7);
		ck_assert(out.dont_fragment == !!(sends[_i].parts & DF));
		ck_assert_uint_eq(al->to_peer.bytes, 7);
	} else {
		check_drop(sends[_i].name, sends[_i].want);
	}
	ck_assert_uint_eq(al->permission_count, 2);
}
END_TEST

START_TEST(send_of_nothing_is_an_empty_datagram) /* T-311 */
{
	permit("192.0.2.1:1");
	send_indication("192.0.2.1:9", 0, 0);
	check_to_peer("empty", "192.0.2.1:9", NULL, 0);
}
END_TEST

START_TEST(send_never_refreshes_a_permission) /* T-282, T-312 */
{
	permit("192.0.2.1:1");
	fixture.now_ms += 299999;
	send_indication("192.0.2.1:9", 0, 7);
	ck_assert_int_eq(out.kind, FORWARD_TO_PEER);
	al->to_peer = (struct traffic){0};
	fixture.now_ms += 1;
	send_indication("192.0.2.1:9", 0, 7);
	check_drop("expired", DROP_NO_PERMISSION);
}
END_TEST

START_TEST(peer_without_permission_is_silent) /* T-283, attack 15 */
{
	const struct endpoint stranger = ep("192.0.2.2:9");

	permit("192.0.2.1:9");
	forward_from_peer(&fixture.turn, al, &stranger, (struct slice){big, 10},
			  fixture.now_ms, &out);
	check_drop("stranger", DROP_NO_PERMISSION);
}
END_TEST

/* The whole message as the client gets it. */
static struct slice message_of_out(uint8_t *buf)
{
	ck_assert_int_eq(out.kind, FORWARD_TO_CLIENT);
	memcpy(buf, out.header, out.header_len);
	memcpy(buf + out.header_len, out.payload.data, out.payload.len);
	memset(buf + out.header_len + out.payload.len, 0, out.padding_len);
	return (struct slice){buf, out.header_len + out.payload.len + out.padding_len};
}

static void check_data_indication(const char *source, size_t len, uint8_t *txid)
{
	static uint8_t buf[70000];
	struct stun_msg msg;
	struct stun_attr attr;
	struct endpoint peer, want = ep(source);
	struct slice whole = message_of_out(buf);

	ck_assert_int_eq(stun_msg_parse(whole, &msg), STUN_PARSE_OK);
	ck_assert_uint_eq(msg.method, TURN_DATA);
	ck_assert_int_eq(msg.class, STUN_INDICATION);
	ck_assert_uint_eq(msg.mi_offset, 0);
	ck_assert(stun_msg_find(&msg, TURN_XOR_PEER_ADDRESS, &attr));
	ck_assert(stun_attr_xor_address(&attr, msg.txid, &peer));
	ck_assert(endpoint_equal(&peer, &want));
	ck_assert(stun_msg_find(&msg, TURN_DATA_ATTR, &attr));
	ck_assert_uint_eq(attr.value.len, len);
	ck_assert_mem_eq(attr.value.data, big, len);
	memcpy(txid, msg.txid, STUN_TXID_LEN);
}

static const size_t lengths[] = {0, 1, 2, 3, 4, 5, 160, 1200};

START_TEST(permitted_peer_without_channel_comes_as_data) /* T-317, T-318, T-319 */
{
	const struct endpoint peer = ep("192.0.2.1:9");
	uint8_t first[STUN_TXID_LEN], second[STUN_TXID_LEN];
	struct slice payload = {big, lengths[_i]};

	permit("192.0.2.1:1");
	for (size_t i = 0; i < payload.len; i++)
		big[i] = (uint8_t)i;
	forward_from_peer(&fixture.turn, al, &peer, payload, fixture.now_ms, &out);
	check_data_indication("192.0.2.1:9", payload.len, first);
	ck_assert_uint_eq(al->to_client.packets, 1);
	ck_assert_uint_eq(al->to_client.bytes, payload.len);
	ck_assert_uint_eq(
		fixture.turn.counters.to_client[SIDE_OUTSIDE][TRANSPORT_UDP].bytes,
		payload.len);
	forward_from_peer(&fixture.turn, al, &peer, payload, fixture.now_ms, &out);
	check_data_indication("192.0.2.1:9", payload.len, second);
	ck_assert_mem_ne(first, second, STUN_TXID_LEN);
}
END_TEST

START_TEST(bound_peer_comes_as_channel_data) /* T-317, T-370, T-372, T-373, T-374 */
{
	static uint8_t buf[2000];
	const struct endpoint peer = ep("192.0.2.1:9"), beside = ep("192.0.2.1:10");
	struct slice payload = {big, lengths[_i]}, got;
	uint16_t number;

	bind_to(0x4321, "192.0.2.1:9");
	for (int transport = TRANSPORT_UDP; transport < TRANSPORT_COUNT; transport++) {
		bool stream = transport == TRANSPORT_TCP || transport == TRANSPORT_TLS;

		al->transport = (uint8_t)transport;
		forward_from_peer(&fixture.turn, al, &peer, payload, fixture.now_ms,
				  &out);
		struct slice whole = message_of_out(buf);
		ck_assert_uint_eq(whole.len,
				  4 + (stream ? padded4(payload.len) : payload.len));
		ck_assert(chandata_parse(whole, &number, &got));
		ck_assert_uint_eq(number, 0x4321);
		ck_assert_uint_eq(got.len, payload.len);
	}
	/* The port matters for the channel, not for the permission. */
	al->transport = TRANSPORT_UDP;
	forward_from_peer(&fixture.turn, al, &beside, payload, fixture.now_ms, &out);
	ck_assert_uint_eq(out.header_len, FORWARD_DATA_HEADER_V4);
}
END_TEST

START_TEST(ipv6_peer_comes_as_data)
{
	const struct endpoint peer = ep("[2001:db8::9]:9");
	uint8_t txid[STUN_TXID_LEN];

	al->families = IP_V6;
	permit("[2001:db8::9]:1");
	forward_from_peer(&fixture.turn, al, &peer, (struct slice){big, 100},
			  fixture.now_ms, &out);
	ck_assert_uint_eq(out.header_len, FORWARD_DATA_HEADER_V6);
	check_data_indication("[2001:db8::9]:9", 100, txid);
}
END_TEST

static const struct {
	const char *name;
	uint8_t transport;
	uint8_t client; /* family */
	uint8_t peer;
	bool channel;
	size_t largest;
} sizes[] = {
	{"UDP, Data, IPv4 peer", TRANSPORT_UDP, IP_V4, IP_V4, false, 65507 - 36 - 3},
	{"UDP, channel, IPv4 peer", TRANSPORT_UDP, IP_V4, IP_V4, true, 65507 - 4},
	{"UDP, Data, IPv6 peer", TRANSPORT_UDP, IP_V4, IP_V6, false, 65507 - 48 - 3},
	{"UDP over IPv6, Data, IPv4 peer", TRANSPORT_UDP, IP_V6, IP_V4, false,
	 65527 - 36 - 3},
	{"UDP over IPv6, channel", TRANSPORT_UDP, IP_V6, IP_V4, true, 65527 - 4},
	{"DTLS, channel", TRANSPORT_DTLS, IP_V4, IP_V4, true, 16384 - 4},
	{"TCP, Data, IPv4 peer", TRANSPORT_TCP, IP_V4, IP_V4, false, 65532 - 16},
	{"TCP, Data, IPv6 peer", TRANSPORT_TCP, IP_V4, IP_V6, false, 65532 - 28},
	{"TLS, Data, IPv6 peer", TRANSPORT_TLS, IP_V4, IP_V6, false, 65532 - 28},
	{"TCP, channel", TRANSPORT_TCP, IP_V4, IP_V6, true, 65535},
};

START_TEST(what_does_not_fit_is_dropped) /* T-320, attack 49 */
{
	bool v4 = sizes[_i].peer == IP_V4;
	const char *text = v4 ? "192.0.2.1:9" : "[2001:db8::9]:9";
	const struct endpoint peer = ep(text);

	al->transport = sizes[_i].transport;
	al->tuple.client.ip.family = sizes[_i].client;
	al->families = sizes[_i].peer;
	permit(text);
	if (sizes[_i].channel)
		bind_to(0x4000, text);
	forward_from_peer(&fixture.turn, al, &peer,
			  (struct slice){big, sizes[_i].largest}, fixture.now_ms, &out);
	ck_assert_msg(out.kind == FORWARD_TO_CLIENT, "%s: %s", sizes[_i].name,
		      drop_reason_name(out.reason));
	ck_assert_uint_eq(al->to_client.bytes, sizes[_i].largest);
	al->to_client = (struct traffic){0};

	/* Padding: a Data indication grows in steps of four. */
	forward_from_peer(&fixture.turn, al, &peer,
			  (struct slice){big,
					 sizes[_i].largest + (sizes[_i].channel ? 1 : 4)},
			  fixture.now_ms, &out);
	check_drop(sizes[_i].name, DROP_TOO_LARGE);
	al->tuple.client.ip.family = IP_V4;
}
END_TEST

START_TEST(largest_udp_datagram_survives_on_tcp) /* T-320 */
{
	const struct endpoint peer = ep("192.0.2.1:9");
	uint8_t txid[STUN_TXID_LEN];

	al->transport = TRANSPORT_TCP;
	permit("192.0.2.1:9");
	forward_from_peer(&fixture.turn, al, &peer, (struct slice){big, 65507},
			  fixture.now_ms, &out);
	check_data_indication("192.0.2.1:9", 65507, txid);
}
END_TEST

START_TEST(stream_payload_beyond_a_datagram_is_dropped) /* T-320 */
{
	al->transport = TRANSPORT_TCP;
	bind_to(0x4000, "192.0.2.1:9");
	send_channel_data(0x4000, 65507, 65508);
	check_to_peer("largest", "192.0.2.1:9", big + 4, 65507);
	al->to_peer = (struct traffic){0};
	send_channel_data(0x4000, 65508, 65508);
	check_drop("one more", DROP_TOO_LARGE);
}
END_TEST

START_TEST(policy_reload_stops_traffic_both_ways) /* T-584 */
{
	const struct endpoint bound = ep("192.0.2.1:9"), other = ep("192.0.2.1:10");
	struct slice payload = {big, 5};

	bind_to(0x4000, "192.0.2.1:9");
	ck_assert(fixture_deny(&fixture, "192.0.2.1/32"));
	for (int i = 0; i < 2; i++) {
		send_channel_data(0x4000, 5, 5);
		check_drop("channel, to peer", DROP_POLICY);
		forward_from_peer(&fixture.turn, al, &bound, payload, fixture.now_ms,
				  &out);
		check_drop("channel, to client", DROP_POLICY);
		send_indication("192.0.2.1:10", 0, 5);
		check_drop("Send", DROP_POLICY);
		forward_from_peer(&fixture.turn, al, &other, payload, fixture.now_ms,
				  &out);
		check_drop("Data", DROP_POLICY);
	}
	ck_assert(fixture_deny(&fixture, NULL));
	send_channel_data(0x4000, 5, 5);
	ck_assert_int_eq(out.kind, FORWARD_TO_PEER);
	forward_from_peer(&fixture.turn, al, &other, payload, fixture.now_ms, &out);
	ck_assert_int_eq(out.kind, FORWARD_TO_CLIENT);
}
END_TEST

/* Two clients of this relay, each knowing the other by its public relayed address. */
START_TEST(two_relayed_addresses_reach_each_other) /* T-582 */
{
	begin_with(&(struct fixture_options){.nat = true});
	struct allocation *other = fixture_allocate(&fixture, "bob", 2, NULL);
	struct endpoint mine = allocation_relayed_public(&fixture.turn, al);
	struct endpoint theirs = allocation_relayed_public(&fixture.turn, other);
	struct endpoint theirs_local = allocation_relayed_local(&fixture.turn, other);
	char text[ENDPOINT_TEXT_LEN];

	ck_assert_int_eq(channel_bind(&fixture.turn, al, 0x4000, &theirs, fixture.now_ms,
				      NULL),
			 0);
	ck_assert_int_eq(channel_bind(&fixture.turn, other, 0x4001, &mine, fixture.now_ms,
				      NULL),
			 0);

	/* Sent to the socket's local address, not through the NAT. */
	send_channel_data(0x4000, 5, 5);
	check_to_peer("channel", endpoint_format(&theirs_local, text, sizeof(text)),
		      big + 4, 5);
	endpoint_format(&theirs, text, sizeof(text));
	send_indication(text, 0, 5);
	check_to_peer("Send", endpoint_format(&theirs_local, text, sizeof(text)), "ddddd",
		      5);

	/* It arrives from the local address and is reported as the public one. */
	struct endpoint source = allocation_relayed_local(&fixture.turn, al);
	forward_from_peer(&fixture.turn, other, &source, (struct slice){big, 5},
			  fixture.now_ms, &out);
	ck_assert_int_eq(out.kind, FORWARD_TO_CLIENT);
	ck_assert_uint_eq(load_be16(out.header), 0x4001);

	/* When the other one has ended, its port may belong to another program. */
	allocation_delete(&fixture.turn, other, END_RELEASED, fixture.now_ms);
	al->to_peer = (struct traffic){0};
	send_channel_data(0x4000, 5, 5);
	check_drop("port released", DROP_POLICY);
}
END_TEST

START_TEST(data_from_our_own_address_has_the_public_one)
{
	uint8_t txid[STUN_TXID_LEN];

	begin_with(&(struct fixture_options){.nat = true});
	struct allocation *other = fixture_allocate(&fixture, "bob", 2, NULL);
	struct endpoint source = allocation_relayed_local(&fixture.turn, other);
	struct endpoint public = allocation_relayed_public(&fixture.turn, other);
	char text[ENDPOINT_TEXT_LEN];

	permit("203.0.113.1:0");
	forward_from_peer(&fixture.turn, al, &source, (struct slice){big, 5},
			  fixture.now_ms, &out);
	check_data_indication(endpoint_format(&public, text, sizeof(text)), 5, txid);
}
END_TEST

START_TEST(stun_from_a_peer_is_data) /* T-589 */
{
	static const uint8_t binding[20] = {0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42};
	const struct endpoint peer = ep("192.0.2.1:9");
	uint8_t txid[STUN_TXID_LEN];

	permit("192.0.2.1:9");
	memcpy(big, binding, sizeof(binding));
	forward_from_peer(&fixture.turn, al, &peer, (struct slice){big, sizeof(binding)},
			  fixture.now_ms, &out);
	check_data_indication("192.0.2.1:9", sizeof(binding), txid);
}
END_TEST

static void forward_suite(Suite *suite)
{
	TCase *tc = tcase_create("forward");
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, channel_data_reaches_the_peer);
	tcase_add_test(tc, bad_channel_data_is_dropped);
	tcase_add_test(tc, channel_needs_a_live_permission);
	tcase_add_test(tc, recycled_permission_does_not_open_the_channel);
	tcase_add_test(tc, data_does_not_extend_the_allocation);
	tcase_add_loop_test(tc, send_is_checked, 0, ROWS(sends));
	tcase_add_test(tc, send_of_nothing_is_an_empty_datagram);
	tcase_add_test(tc, send_never_refreshes_a_permission);
	tcase_add_test(tc, peer_without_permission_is_silent);
	tcase_add_loop_test(tc, permitted_peer_without_channel_comes_as_data, 0,
			    ROWS(lengths));
	tcase_add_loop_test(tc, bound_peer_comes_as_channel_data, 0, ROWS(lengths));
	tcase_add_test(tc, ipv6_peer_comes_as_data);
	tcase_add_loop_test(tc, what_does_not_fit_is_dropped, 0, ROWS(sizes));
	tcase_add_test(tc, largest_udp_datagram_survives_on_tcp);
	tcase_add_test(tc, stream_payload_beyond_a_datagram_is_dropped);
	tcase_add_test(tc, policy_reload_stops_traffic_both_ways);
	tcase_add_test(tc, two_relayed_addresses_reach_each_other);
	tcase_add_test(tc, data_from_our_own_address_has_the_public_one);
	tcase_add_test(tc, stun_from_a_peer_is_data);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("forward", forward_suite)
