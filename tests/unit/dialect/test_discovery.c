/*
 * test_discovery.c - NAT behaviour discovery (RFC 5780), also for classic clients (RFC 3489):
 * two addresses, two ports, both families, behind a 1:1 NAT.
 */
#include "relay/dialect/reply.h"
#include "tests/unit/core/random.h"
#include "tests/unit/dialect/dialect_check.h"

/*
 * A front's index has the port in bit 0 and the address in bit 1, as the flags of
 * CHANGE-REQUEST have them, so that an index XOR flags is the other front.
 */
enum { V4 = 0, V6 = 4, OVER_DTLS = 8, OVER_TCP = 12, OVER_TLS = 16, FRONTS = 20 };

static const char *const addresses[] = {"198.18.0.1", "198.18.0.2", "2001:db8::1",
					"2001:db8::2"};
static const char *const publics[] = {"203.0.113.1", "203.0.113.2", "2001:db8::1",
				      "2001:db8::2"};
static const uint16_t ports[] = {3478, 3479};

#define CLIENT6 "[2001:db8:9::1]:5000"

static struct front fronts[FRONTS];
static struct nat_discovery *discovery;

/* The transport address of a front of ours, as clients see it. */
static struct endpoint public_of(unsigned front)
{
	struct endpoint seen = {.port = ports[front & 1]};

	ck_assert(ip_addr_parse(publics[(front & 2) / 2 + (front / 4 == 1 ? 2 : 0)],
				&seen.ip));
	return seen;
}

static void begin_discovery(void)
{
	begin();
	discovery = &fixture.settings.discovery;
	for (unsigned i = 0; i < FRONTS; i++) {
		static const enum transport transports[] = {TRANSPORT_UDP, TRANSPORT_UDP,
							    TRANSPORT_DTLS, TRANSPORT_TCP,
							    TRANSPORT_TLS};
		struct discovery_front *row = &discovery->fronts[i];

		fronts[i] = (struct front){SIDE_OUTSIDE, transports[i / 4], {{0}, 0}};
		ck_assert(ip_addr_parse(addresses[(i & 2) / 2 + (i / 4 == 1 ? 2 : 0)],
					&fronts[i].local.ip));
		fronts[i].local.port = ports[i & 1];
		row->serves = true;
		row->public = public_of(i).ip;
		for (unsigned origin = 0; origin < DISCOVERY_ORIGINS; origin++)
			row->fronts[origin] = (uint16_t)(i ^ origin);
	}
	fixture.shared.fronts = fronts;
	fixture.shared.front_count = FRONTS;
	alice.bare = true;
}

static void ask_on(unsigned front, const char *client)
{
	client_init(&alice, &fixture, client, (uint16_t)front, "alice");
	alice.bare = true;
	client_start(&alice, STUN_BINDING);
}

static void expect_address(uint16_t type, struct endpoint want, const char *name)
{
	char text[ENDPOINT_TEXT_LEN];
	struct endpoint got = client_address(&alice, type);

	ck_assert_msg(endpoint_equal(&got, &want), "%s: %s is %s", name,
		      stun_attr_name(type), endpoint_format(&got, text, sizeof(text)));
}

/* Flags as CHANGE-REQUEST has them: 2 change port, 4 change IP. */
static const struct {
	const char *name;
	uint32_t flags;
	unsigned other; /* bits of the front's index that change */
} changes[] = {
	{"T-533 none: Da:Dp", 0, 0},
	{"T-533 change port: Da:Cp", 2, 1},
	{"T-533 change IP: Ca:Dp", 4, 2},
	{"T-533 both: Ca:Cp", 6, 3},
	{"T-539 undefined bits alone: none", 0xFFFFFFF9, 0},
	{"T-539 undefined bits and change port", 0xFFFFFFFB, 1},
};

/* 4 sockets and 4 flags, each family. */
START_TEST(answers_leave_from_where_the_flags_say) /* T-530 T-532 T-533 T-539 */
{
	begin_discovery();
	for (unsigned front = V4; front < V6 + 4; front++) {
		const char *name = changes[_i].name;

		ask_on(front, front < V6 ? ALICE : CLIENT6);
		stun_add_u32(&alice.b, STUN_CHANGE_REQUEST, changes[_i].flags);
		client_ask(&alice);
		expect(&alice, 0, name);
		ck_assert_msg(alice.out.reply_front == (front ^ changes[_i].other),
			      "%s: front %u answers by %u", name, front,
			      alice.out.reply_front);
		ck_assert_uint_eq(alice.out.reply_port, 5000);
		expect_address(STUN_RESPONSE_ORIGIN, public_of(front ^ changes[_i].other),
			       name);
		expect_address(STUN_OTHER_ADDRESS, public_of(front ^ 3), name);
		expect_address(STUN_XOR_MAPPED_ADDRESS, alice.tuple.client, name);
		expect_address(STUN_MAPPED_ADDRESS, alice.tuple.client, name);
		ck_assert(fixture_is_clean(&fixture));
	}
	end();
}
END_TEST

START_TEST(a_plain_binding_tells_of_it) /* T-532 */
{
	struct slice rest;
	struct stun_attr attr;
	unsigned count = 0;

	begin_discovery();
	ask_on(V4, ALICE);
	client_ask(&alice);
	expect(&alice, 0, "T-532 no attribute of RFC 5780");
	ck_assert_uint_eq(alice.out.reply_front, V4);
	expect_address(STUN_RESPONSE_ORIGIN, public_of(V4), "T-532");
	expect_address(STUN_OTHER_ADDRESS, public_of(V4 + 3), "T-532");
	rest = alice.answer.body;
	while (stun_attr_next(&rest, &attr))
		count++;
	ck_assert_uint_eq(count, 4);
	end();
}
END_TEST

START_TEST(a_front_without_others_is_a_basic_server) /* T-531 */
{
	begin_discovery();
	discovery->fronts[V4].serves = false;
	for (uint32_t flags = 0; flags <= 6; flags += 2) {
		ask_on(V4, ALICE);
		stun_add_u32(&alice.b, STUN_CHANGE_REQUEST, flags);
		client_ask(&alice);
		expect(&alice, flags == 0 ? 0 : 420, "T-531 CHANGE-REQUEST");
		ck_assert(!client_has(&alice, STUN_OTHER_ADDRESS));
		ck_assert(!client_has(&alice, STUN_RESPONSE_ORIGIN));
		ck_assert_uint_eq(alice.out.reply_front, V4);
	}
	end();
}
END_TEST

static const struct {
	const char *name;
	unsigned front;
} connections[] = {
	{"T-534 over TCP", OVER_TCP},
	{"T-534 over TLS", OVER_TLS},
	{"T-534 over DTLS", OVER_DTLS},
};

START_TEST(connections_have_one_source) /* T-534 */
{
	struct stun_attr attr;

	begin_discovery();
	for (uint32_t flags = 0; flags <= 6; flags += 2) {
		unsigned front = connections[_i].front + flags / 2;

		ask_on(front, ALICE);
		stun_add_u32(&alice.b, STUN_CHANGE_REQUEST, flags);
		client_ask(&alice);
		expect(&alice, flags == 0 ? 0 : 420, connections[_i].name);
		ck_assert_uint_eq(alice.out.reply_front, front);
		if (flags == 0) {
			expect_address(STUN_RESPONSE_ORIGIN, public_of(front),
				       connections[_i].name);
			expect_address(STUN_OTHER_ADDRESS, public_of(front ^ 3),
				       connections[_i].name);
		} else {
			ck_assert(client_find(&alice, STUN_UNKNOWN_ATTRIBUTES, &attr));
			ck_assert_mem_eq(attr.value.data, "\0\3", 2);
		}
	}
	discovery->response_port[SIDE_OUTSIDE] = true;
	ask_on(connections[_i].front, ALICE);
	stun_builder_add(&alice.b, STUN_RESPONSE_PORT, "\x12\x34", 2);
	client_ask(&alice);
	expect(&alice, 420, "T-537 RESPONSE-PORT on a connection");
	end();
}
END_TEST

static const struct {
	const char *name;
	size_t padding;     /* in the request */
	size_t least, most; /* length of the answer */
} paddings[] = {
	{"T-535 none", 0, 72, 72},
	{"T-535 16 bytes: the answer without any is longer", 16, 72, 72},
	{"T-535 200 bytes", 200, 200, 224},
	{"T-535 1500 bytes: more than the MTU of Ethernet", 1500, 1500, 1524},
	{"T-535 4000 bytes: no more than the reply buffer", 4000, 2000,
	 DISPATCH_REPLY_MAX},
	{"T-535 64 KiB", 65000, 2000, DISPATCH_REPLY_MAX},
};

START_TEST(padding_is_returned_up_to_the_size_of_the_request) /* T-535, attack 12 */
{
	static const uint8_t zeros[65536];
	struct stun_attr attr;

	begin_discovery();
	for (int fingerprint = 0; fingerprint < 2; fingerprint++) {
		size_t room = 8 * (size_t)fingerprint;

		ask_on(V4, ALICE);
		alice.fingerprint = fingerprint;
		stun_builder_add(&alice.b, STUN_PADDING, zeros, paddings[_i].padding);
		client_ask(&alice);
		expect(&alice, 0, paddings[_i].name);
		ck_assert_msg(client_find(&alice, STUN_PADDING, &attr), "%s",
			      paddings[_i].name);
		ck_assert_uint_eq(attr.value.len % 4, 0);
		ck_assert_msg(alice.out.reply_len >= paddings[_i].least &&
				      alice.out.reply_len <= paddings[_i].most + room,
			      "%s: %zu bytes", paddings[_i].name, alice.out.reply_len);
		ck_assert_msg(alice.out.reply_len <= alice.message_len ||
				      alice.out.reply_len == 72 + room,
			      "attack 12 %s: %zu bytes for %zu", paddings[_i].name,
			      alice.out.reply_len, alice.message_len);
	}
	end();
}
END_TEST

START_TEST(padding_of_a_request_of_every_size) /* T-535, attack 12 */
{
	static const uint8_t zeros[1500];

	begin_discovery();
	for (size_t len = 0; len <= sizeof(zeros); len++) {
		ask_on(len % 2 ? V4 : V6, len % 2 ? ALICE : CLIENT6);
		stun_add_u32(&alice.b, STUN_TRANSACTION_TRANSMIT_COUNTER, 1 << 8);
		stun_builder_add(&alice.b, STUN_PADDING, zeros, len);
		alice.fingerprint = len % 3 == 0;
		client_ask(&alice);
		expect(&alice, 0, "T-535");
		size_t least = (len % 2 ? 72 : 120) + 8 + 8;
		ck_assert_msg(alice.out.reply_len <= alice.message_len ||
				      alice.out.reply_len <= least,
			      "attack 12: %zu bytes for %zu", alice.out.reply_len,
			      alice.message_len);
	}
	end();
}
END_TEST

START_TEST(response_port_is_off_unless_asked_for) /* T-537 */
{
	begin_discovery();
	ask_on(V4, ALICE);
	stun_builder_add(&alice.b, STUN_RESPONSE_PORT, "\x12\x34", 2);
	client_ask(&alice);
	expect(&alice, 420, "T-537 off: 420");
	ck_assert_uint_eq(alice.out.reply_port, 5000);
	end();
}
END_TEST

static const struct {
	const char *name;
	int want;
	uint16_t port; /* that the answer goes to */
	struct attr_row attrs[3];
} response_ports[] = {
	{"T-537 two bytes", 0, 0x1234, {{STUN_RESPONSE_PORT, 2, {0x12, 0x34}}}},
	{"T-537 four, with its padding",
	 0,
	 0x1234,
	 {{STUN_RESPONSE_PORT, 4, {0x12, 0x34, 0, 0}}}},
	{"T-537 from the other address",
	 0,
	 0x1234,
	 {{STUN_RESPONSE_PORT, 2, {0x12, 0x34}}, {STUN_CHANGE_REQUEST, 4, {0, 0, 0, 6}}}},
	{"T-E10 port 0", 400, 5000, {{STUN_RESPONSE_PORT, 2, {0, 0}}}},
	{"T-E10 three bytes", 400, 5000, {{STUN_RESPONSE_PORT, 3, {1, 1, 1}}}},
	{"T-E10 none", 400, 5000, {{STUN_RESPONSE_PORT, 0, {0}}}},
	{"T-536 together with PADDING",
	 400,
	 5000,
	 {{STUN_RESPONSE_PORT, 2, {0x12, 0x34}}, {STUN_PADDING, 8, {0}}}},
	{"T-536 in the other order",
	 400,
	 5000,
	 {{STUN_PADDING, 8, {0}}, {STUN_RESPONSE_PORT, 2, {0x12, 0x34}}}},
};

START_TEST(response_port) /* T-536 T-537 T-E10 */
{
	begin_discovery();
	discovery->response_port[SIDE_OUTSIDE] = true;
	ask_on(V4, ALICE);
	ADD_ROWS(&alice, response_ports[_i].attrs);
	client_ask(&alice);
	expect(&alice, response_ports[_i].want, response_ports[_i].name);
	ck_assert_msg(alice.out.reply_port == response_ports[_i].port, "%s: port %u",
		      response_ports[_i].name, alice.out.reply_port);
	discovery->response_port[SIDE_OUTSIDE] = false;
	discovery->response_port[SIDE_INSIDE] = true;
	client_again(&alice);
	expect(&alice, 420, "T-537 on for the other side only");
	end();
}
END_TEST

START_TEST(other_methods_and_indications_know_none_of_it) /* T-531 */
{
	static const struct attr_row rows[] = {
		{STUN_CHANGE_REQUEST, 4, {0, 0, 0, 6}},
		{STUN_PADDING, 8, {0}},
		{STUN_RESPONSE_PORT, 2, {0x12, 0x34}},
	};

	begin_discovery();
	discovery->response_port[SIDE_OUTSIDE] = true;
	client_init(&alice, &fixture, ALICE, V4, "alice");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ck_assert_int_eq(allocate(&alice, &rows[i], 1), 420);
		ck_assert_uint_eq(alice.out.reply_front, V4);
		client_start_class(&alice, STUN_BINDING, STUN_INDICATION);
		add_rows(&alice, &rows[i], 1);
		client_ask(&alice);
		expect_silence(&alice, DROP_UNKNOWN_ATTRIBUTE, i, "an indication");
	}
	end();
}
END_TEST

START_TEST(no_alternate_server_beside_it) /* T-538 T-187 */
{
	begin_discovery();
	turn_set_draining(&fixture.shared, true);
	ck_assert(ip_addr_parse("192.0.2.77",
				&fixture.settings.alternates[SIDE_OUTSIDE].v4));
	ask_on(V4, ALICE);
	stun_add_u32(&alice.b, STUN_CHANGE_REQUEST, 6);
	client_ask(&alice);
	expect(&alice, 0, "T-187 Binding is not redirected while the relay drains");
	ck_assert(client_has(&alice, STUN_OTHER_ADDRESS));
	ck_assert_msg(!client_has(&alice, STUN_ALTERNATE_SERVER), "T-538");
	turn_set_draining(&fixture.shared, false);
	end();
}
END_TEST

/* Binding without cookie, CHANGE-REQUEST with these flags. */
static void ask_classic(unsigned front, uint8_t flags)
{
	uint8_t request[28] = {0,  1,  0,  8,  1,  2,  3, 4, 5, 6, 7, 8, 9, 10,
			       11, 12, 13, 14, 15, 16, 0, 3, 0, 4, 0, 0, 0, flags};

	client_init(&alice, &fixture, ALICE, (uint16_t)front, "alice");
	client_raw(&alice, request, sizeof(request));
}

START_TEST(classic_clients) /* T-052 */
{
	begin_discovery();
	for (unsigned front = V4; front < V4 + 4; front++) {
		for (uint8_t flags = 0; flags <= 6; flags += 2) {
			unsigned from = front ^ (flags / 2u);

			ask_classic(front, flags);
			expect(&alice, 0, "T-052");
			ck_assert_uint_eq(alice.out.reply_front, from);
			expect_address(STUN_MAPPED_ADDRESS, alice.tuple.client, "T-052");
			expect_address(STUN_SOURCE_ADDRESS, public_of(from), "T-052");
			expect_address(STUN_CHANGED_ADDRESS, public_of(front ^ 3),
				       "T-052");
			ck_assert_uint_eq(alice.out.reply_len, 20 + 3 * 12);
		}
	}
	fixture.settings.classic_stun = false;
	ask_classic(V4, 6);
	expect_silence(&alice, DROP_BAD_COOKIE, 0, "T-050 off: dropped and counted");
	end();
}
END_TEST

static const struct {
	const char *name;
	size_t padding;
	uint32_t flags;
	bool response_port, classic;
} floods[] = {
	{"attack 13: Binding", 0, 0, false, false},
	{"attack 13: CHANGE-REQUEST", 0, 6, false, false},
	{"attack 13: PADDING", 1400, 6, false, false},
	{"attack 13: RESPONSE-PORT", 0, 6, true, false},
	{"attack 13: a classic client", 0, 6, false, true},
};

/* The limit counts by bytes: what one source gets is rate * STRANGER_ANSWER_LEN, and a burst. */
START_TEST(reflection_by_discovery_is_limited) /* attack 13, T-541 */
{
	static const uint8_t zeros[1400];
	uint64_t back = 0;

	begin_discovery();
	fixture.settings.limits.stranger_rate = 10;
	fixture.settings.limits.stranger_burst = 40;
	discovery->response_port[SIDE_OUTSIDE] = floods[_i].response_port;
	ask_on(V4, ALICE);
	stun_add_u32(&alice.b, STUN_CHANGE_REQUEST, floods[_i].flags);
	if (floods[_i].response_port)
		stun_builder_add(&alice.b, STUN_RESPONSE_PORT, "\x12\x34", 2);
	if (floods[_i].padding > 0)
		stun_builder_add(&alice.b, STUN_PADDING, zeros, floods[_i].padding);
	client_sign(&alice);
	if (floods[_i].classic)
		store_be32(alice.message + 4, 7);
	for (unsigned i = 0; i < 100000; i++) {
		if (i % 10 == 0)
			fixture.now_ms++;
		alice.tuple.front = (uint16_t)(i % 4);
		alice.tuple.client.port = (uint16_t)(1024 + i % 60000);
		store_be32(alice.message + 8, i);
		client_again(&alice);
		if (alice.out.action == DISPATCH_REPLY)
			back += alice.out.reply_len;
	}
	ck_assert_msg(back > 0 && back <= (40 + 10 * 10 + 1) * STRANGER_ANSWER_LEN +
						  DISPATCH_REPLY_MAX,
		      "%s: %lu bytes in 10 s", floods[_i].name, (unsigned long)back);
	ck_assert_uint_gt(fixture_drops(&fixture, DROP_LIMITED), 90000);
	end();
}
END_TEST

START_TEST(how_large_answers_are) /* attack 12 */
{
	static const struct {
		const char *name, *client;
		unsigned front;
		size_t want;
	} rows[] = {
		{"IPv4: 3.4 times the smallest request", ALICE, V4, 68},
		{"IPv6: 5.8 times", CLIENT6, V6, 116},
	};

	begin_discovery();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ask_on(rows[i].front, rows[i].client);
		client_ask(&alice);
		ck_assert_uint_eq(alice.message_len, 20);
		ck_assert_msg(alice.out.reply_len == rows[i].want, "attack 12 %s: %zu",
			      rows[i].name, alice.out.reply_len);
	}
	end();
}
END_TEST

/* Whatever is in a request: a well-formed answer, of a bounded size, by a front that there is. */
START_TEST(any_attributes) /* attack 12 */
{
	static const uint16_t types[] = {STUN_CHANGE_REQUEST,
					 STUN_CHANGE_REQUEST,
					 STUN_PADDING,
					 STUN_RESPONSE_PORT,
					 STUN_SOFTWARE,
					 STUN_TRANSACTION_TRANSMIT_COUNTER,
					 0x7FFF};
	static uint8_t value[1500];
	unsigned codes[3] = {0};
	uint64_t random = 5780;

	begin_discovery();
	fixture.settings.limits.stranger_rate = 0;
	for (unsigned i = 0; i < 8000; i++) {
		unsigned front = random_below(&random, FRONTS);
		bool v6 = front >= V6 && front < V6 + 4;

		discovery->response_port[SIDE_OUTSIDE] = random_below(&random, 2) != 0;
		ask_on(front, v6 ? CLIENT6 : ALICE);
		alice.fingerprint = random_below(&random, 4) == 0;
		for (unsigned count = random_below(&random, 4); count > 0; count--) {
			size_t len = random_below(&random, 3) != 0
					     ? 4
					     : random_below(&random, sizeof(value));

			store_be32(value, random_below(&random, UINT32_MAX));
			stun_builder_add(&alice.b,
					 types[random_below(&random, ARRAY_LEN(types))],
					 value, len);
		}
		client_ask(&alice);
		ck_assert_msg(alice.fault == NULL, "%s", alice.fault);
		ck_assert(alice.code == 0 || alice.code == 400 || alice.code == 420);
		codes[alice.code / 10 % 10 + (alice.code == 400)]++;
		size_t most = (v6 ? 116 : 68) + 4 + 8 + 8;
		ck_assert_msg(alice.out.reply_len <= most ||
				      alice.out.reply_len <= alice.message_len,
			      "attack 12: %zu bytes for %zu", alice.out.reply_len,
			      alice.message_len);
		ck_assert_uint_lt(alice.out.reply_front, FRONTS);
		ck_assert_uint_eq(alice.out.reply_front / 4, front / 4);
		ck_assert_uint_ne(alice.out.reply_port, 0);
	}
	ck_assert(codes[0] > 1000 && codes[1] > 50 && codes[2] > 1000);
	end();
}
END_TEST

/* Only the header names its address: no answer leaves for it, or by another front. */
START_TEST(clients_of_balancers_are_not_served) /* attack 12 */
{
	struct stun_attr attr;

	begin_discovery();
	discovery->response_port[SIDE_OUTSIDE] = true;
	for (uint32_t flags = 0; flags <= 6; flags += 2) {
		ask_on(V4, ALICE);
		alice.proxied = true;
		stun_add_u32(&alice.b, STUN_CHANGE_REQUEST, flags);
		client_ask(&alice);
		expect(&alice, flags == 0 ? 0 : 420, "CHANGE-REQUEST");
		ck_assert_uint_eq(alice.out.reply_front, V4);
		ck_assert(!client_find(&alice, STUN_OTHER_ADDRESS, &attr));
	}
	ask_on(V4, ALICE);
	alice.proxied = true;
	stun_builder_add(&alice.b, STUN_RESPONSE_PORT, "\x12\x34", 2);
	client_ask(&alice);
	expect(&alice, 420, "RESPONSE-PORT");
	ck_assert_uint_eq(alice.out.reply_port, 5000);
	end();
}
END_TEST

static void discovery_suite(Suite *suite)
{
	TCase *tc = tcase_create("discovery");
	tcase_add_loop_test(tc, answers_leave_from_where_the_flags_say, 0, ROWS(changes));
	tcase_add_test(tc, a_plain_binding_tells_of_it);
	tcase_add_test(tc, a_front_without_others_is_a_basic_server);
	tcase_add_loop_test(tc, connections_have_one_source, 0, ROWS(connections));
	tcase_add_loop_test(tc, padding_is_returned_up_to_the_size_of_the_request, 0,
			    ROWS(paddings));
	tcase_add_test(tc, padding_of_a_request_of_every_size);
	tcase_add_test(tc, response_port_is_off_unless_asked_for);
	tcase_add_loop_test(tc, response_port, 0, ROWS(response_ports));
	tcase_add_test(tc, other_methods_and_indications_know_none_of_it);
	tcase_add_test(tc, clients_of_balancers_are_not_served);
	tcase_add_test(tc, no_alternate_server_beside_it);
	tcase_add_test(tc, classic_clients);
	tcase_add_loop_test(tc, reflection_by_discovery_is_limited, 0, ROWS(floods));
	tcase_add_test(tc, how_large_answers_are);
	tcase_add_test(tc, any_attributes);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("discovery", discovery_suite)
