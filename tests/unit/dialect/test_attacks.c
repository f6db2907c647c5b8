/*
 * test_attacks.c - attacks that need only a packet. The numbers are those of
 * docs/requirements.md.
 */
#include <stdio.h>

#include "relay/core/allocation_table.h"
#include "relay/core/auth.h"
#include "tests/unit/core/random.h"
#include "tests/unit/dialect/dialect_check.h"

START_TEST(software_of_the_client_changes_nothing) /* attack 37 */
{
	struct allocation before;

	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	before = *client_allocation(&alice);
	alice.bare = true;
	alice.fingerprint = true;
	client_start(&alice, TURN_REFRESH);
	stun_builder_add(&alice.b, 0x802F, "https://origin.example", 22);
	stun_add_u32(&alice.b, TURN_LIFETIME, 0);
	client_ask(&alice);
	expect(&alice, 401, "attack 37: unauthenticated, so nothing is written");
	ck_assert_mem_eq(&before, client_allocation(&alice), sizeof(before));
	end();
}
END_TEST

START_TEST(no_loops) /* attack 8 */
{
	struct forward out;
	uint8_t wire[64];

	begin();
	ck_assert_int_eq(client_allocate(&alice), 0);
	client_bind(&alice, 0x4000, "198.18.0.1:3478");
	expect(&alice, 403, "attack 8: a channel to our own front");
	client_permit(&alice, "10.0.0.1:3478");
	expect(&alice, 403, "attack 8: a permission for our inside address");
	client_permit(&alice, "198.18.0.1:1");
	ck_assert_msg(!client_send(&alice, "198.18.0.1:3478", "x", 1),
		      "attack 8: Send to our own front");

	/* A datagram from a peer results in one message, and that message in none. */
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	ck_assert(client_from_peer(&alice, PEER, "abcd", 4, &out));
	memcpy(wire, out.header, out.header_len);
	memcpy(wire + out.header_len, "abcd", 4);
	client_raw(&alice, wire, out.header_len + 4u);
	ck_assert_msg(alice.out.action == DISPATCH_NOTHING,
		      "attack 8: our Data, sent back");
	end();
}
END_TEST

START_TEST(our_own_answers_get_no_answer) /* attack 9 */
{
	static const struct {
		uint16_t method;
		int want;
		struct attr_row attrs[2];
	} asks[] = {
		{STUN_BINDING, 0, {{0}}},
		{STUN_BINDING, 420, {UNKNOWN}},
		{TURN_ALLOCATE, 0, {UDP}},
		{TURN_ALLOCATE, 437, {UDP}},
		{TURN_REFRESH, 420, {UNKNOWN}},
		{TURN_REFRESH, 443, {FAMILY(2)}},
		{TURN_CREATE_PERMISSION, 400, {{0}}},
		{TURN_CHANNEL_BIND, 400, {{0}}},
	};
	uint8_t answer[DISPATCH_REPLY_MAX];

	begin();
	client_login(&alice);
	for (size_t i = 0; i <= ARRAY_LEN(asks); i++) {
		if (i < ARRAY_LEN(asks)) {
			client_start(&alice, asks[i].method);
			ADD_ROWS(&alice, asks[i].attrs);
			client_ask(&alice);
			expect(&alice, asks[i].want, "asked");
		} else {
			client_login(&alice);
		}
		size_t len = alice.out.reply_len;
		memcpy(answer, alice.reply, len);
		client_raw(&bob, answer, len);
		ck_assert_msg(bob.out.action == DISPATCH_NOTHING, "attack 9: answer %zu",
			      i);
		client_raw(&alice, answer, len);
		ck_assert_msg(alice.out.action == DISPATCH_NOTHING,
			      "attack 9: answer %zu", i);
	}
	end();
}
END_TEST

/* The largest answer to an unauthenticated request. */
static size_t answer_bound(const struct client *c)
{
	size_t fingerprint = c->answer.has_fingerprint ? 8 : 0;
	size_t mapped = c->tuple.client.ip.family == IP_V4 ? 32 : 44;
	size_t least = 28; /* header and ERROR-CODE */

	if (c->answer.method == STUN_BINDING && c->code == 0)
		least = mapped;
	else if (c->code == 420)
		least = 44; /* one to five unknown attributes; above, the request is larger */
	else if (c->code == 401 || c->code == 438)
		least = 80;
	return c->message_len > least + fingerprint ? c->message_len
						    : least + fingerprint;
}

/* Random attributes up to a size; sometimes with credentials. */
static void fill(struct client *c, uint64_t *random, size_t target)
{
	static const uint16_t types[] = {
		STUN_USERNAME,
		STUN_REALM,
		STUN_NONCE,
		STUN_SOFTWARE,
		TURN_LIFETIME,
		STUN_PRIORITY,
		TURN_REQUESTED_TRANSPORT,
		0x7FFF,
		0xC0FF,
		STUN_USERHASH,
		STUN_PASSWORD_ALGORITHM,
		STUN_PASSWORD_ALGORITHMS,
		TURN_EVEN_PORT,
		STUN_CHANGE_REQUEST,
		STUN_PADDING,
		STUN_MESSAGE_INTEGRITY,
		STUN_MESSAGE_INTEGRITY_SHA256,
	};
	static const uint8_t zero[1500];

	while (c->b.len + 4 <= target) {
		size_t room = target - c->b.len - 4;
		size_t len = random_below(random, (uint32_t)room + 1);
		uint16_t type = types[random_below(random, ARRAY_LEN(types))];

		if (random_below(random, 2) == 0)
			len = random_below(random, 40) % (room + 1);
		if (padded4(len) > room)
			len = room & ~(size_t)3;
		stun_builder_add(&c->b, type, zero, len);
	}
}

START_TEST(unauthenticated_answers_are_small) /* attack 12 */
{
	static const uint16_t methods[] = {STUN_BINDING, TURN_ALLOCATE, TURN_REFRESH,
					   TURN_CREATE_PERMISSION, TURN_CHANNEL_BIND};
	unsigned answered = 0;
	uint64_t random = 12;

	begin();
	strcpy(fixture.settings.realm, "avedge");
	client_init(&bob, &fixture, "[2001:db8:9::1]:5000", FRONT_OUTSIDE_UDP6, "bob");
	for (unsigned i = 0; i < 60000; i++) {
		struct client *c = i % 2 ? &alice : &bob;
		size_t target = 20 + random_below(&random, i % 3 ? 100 : 1480);

		c->bare = true;
		c->fingerprint = random_below(&random, 4) == 0;
		client_start(c, methods[random_below(&random, ARRAY_LEN(methods))]);
		fill(c, &random, target & ~(size_t)3);
		client_ask(c);
		ck_assert_msg(c->fault == NULL, "%s", c->fault);
		ck_assert(!c->out.authenticated);
		if (c->code == -1)
			continue;
		answered++;
		ck_assert_msg(c->out.reply_len <= answer_bound(c),
			      "attack 12: %zu bytes for %zu, method %u, code %d",
			      c->out.reply_len, c->message_len, c->answer.method,
			      c->code);
	}
	ck_assert_uint_gt(answered, 30000);
	end();
}
END_TEST

START_TEST(smallest_requests_and_their_answers) /* attack 12 */
{
	static const struct {
		const char *name;
		const char *client;
		uint16_t front;
		uint16_t method;
		bool with_transport;
		size_t most; /* tenths of the request */
	} rows[] = {
		{"Binding: 1.6", ALICE, FRONT_OUTSIDE_UDP, STUN_BINDING, false, 16},
		{"Binding over IPv6: 2.2", "[2001:db8:9::1]:5000", FRONT_OUTSIDE_UDP6,
		 STUN_BINDING, false, 22},
		{"Allocate of 28 bytes: less than 3", ALICE, FRONT_OUTSIDE_UDP,
		 TURN_ALLOCATE, true, 29},
		{"bare header: 4", ALICE, FRONT_OUTSIDE_UDP, TURN_ALLOCATE, false, 40},
	};

	begin();
	strcpy(fixture.settings.realm, "avedge");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		client_init(&alice, &fixture, rows[i].client, rows[i].front, "alice");
		alice.bare = true;
		client_start(&alice, rows[i].method);
		if (rows[i].with_transport)
			stun_add_u32(&alice.b, TURN_REQUESTED_TRANSPORT, 17u << 24);
		client_ask(&alice);
		ck_assert_msg(alice.out.reply_len * 10 <=
				      alice.message_len * rows[i].most,
			      "attack 12: %s: %zu for %zu", rows[i].name,
			      alice.out.reply_len, alice.message_len);
	}
	end();
}
END_TEST

/* Ten seconds with 10,000 packets each, all with the victim's address as source. */
static const struct {
	const char *name;
	uint16_t method;
	bool credentials;
} floods[] = {
	{"attack 13: Binding", STUN_BINDING, false},
	{"attack 13: Allocate", TURN_ALLOCATE, false},
	{"attack 13: Allocate with made-up credentials", TURN_ALLOCATE, true},
};

START_TEST(reflection_is_limited)
{
	uint64_t in = 0, back = 0;
	unsigned replies = 0;

	begin();
	fixture.settings.limits.stranger_rate = 10;
	fixture.settings.limits.stranger_burst = 40;
	client_login(&alice);
	alice.bare = !floods[_i].credentials;
	alice.wrong = WRONG_MAC;
	client_start(&alice, floods[_i].method);
	client_sign(&alice);
	for (unsigned i = 0; i < 100000; i++) {
		if (i % 10 == 0)
			fixture.now_ms++;
		alice.tuple.client.port = (uint16_t)(1024 + i % 60000);
		store_be32(alice.message + 8, i);
		client_again(&alice);
		in += alice.message_len;
		if (alice.out.action == DISPATCH_REPLY) {
			back += alice.out.reply_len;
			replies++;
		}
	}
	ck_assert_msg(replies <= 40 + 10 * 10 + 1, "%s: %u replies", floods[_i].name,
		      replies);
	ck_assert_msg(replies > 100, "%s: %u replies", floods[_i].name, replies);
	ck_assert_msg(back * 100 < in, "%s: %lu bytes for %lu", floods[_i].name,
		      (unsigned long)back, (unsigned long)in);
	ck_assert_uint_eq(fixture_drops(&fixture, DROP_LIMITED), 100001 - replies - 1);
	end();
}
END_TEST

/*
 * Guesses get few answers, all are counted, and a client with the password is not
 * delayed.
 */
START_TEST(guessing_passwords_is_limited) /* attack 33 */
{
	const uint64_t *failures = fixture.turn.counters.auth_failures;
	unsigned answers = 0;

	begin();
	fixture.settings.limits.stranger_rate = 10;
	fixture.settings.limits.stranger_burst = 20;
	client_login(&alice);
	for (unsigned i = 0; i < 10000; i++) {
		fixture.now_ms++;
		snprintf(alice.password, sizeof(alice.password), "guess %u", i);
		client_start(&alice, TURN_ALLOCATE);
		stun_add_u32(&alice.b, TURN_REQUESTED_TRANSPORT, 17u << 24);
		answers += client_ask(&alice) == 401;
	}
	/* The burst, plus ten per second for ten seconds. */
	ck_assert_msg(answers <= 20 + 100, "attack 33: %u answers", answers);
	ck_assert_uint_eq(failures[AUTH_FAILURE_BAD_MAC], 10000);
	client_credential(&alice, "alice", fixture.unix_s + 600);
	ck_assert_int_eq(client_allocate(&alice), 0);
	end();
}
END_TEST

START_TEST(limiter_spares_authenticated_clients) /* attack 13 */
{
	begin();
	fixture.settings.limits.stranger_rate = 1;
	fixture.settings.limits.stranger_burst = 2;
	ck_assert_int_eq(client_allocate(&alice), 0);
	client_init(&bob, &fixture, "192.0.2.200:5001", FRONT_OUTSIDE_UDP, "bob");
	client_login(&bob);
	client_login(&bob);
	client_login(&bob);
	expect(&bob, -1, "burst used up by another client at the same address: silence");
	for (unsigned i = 0; i < 10; i++) {
		client_refresh(&alice, 600);
		expect(&alice, 0, "a request that authenticates never meets the limiter");
	}
	client_allocate(&bob);
	expect(&bob, 0, "not even the first one");
	alice.wrong = WRONG_MAC;
	client_refresh(&alice, 600);
	expect(&alice, 401, "a client with an allocation is not limited");
	client_init(&bob, &fixture, "192.0.2.200:5002", FRONT_OUTSIDE_TCP, "bob");
	client_login(&bob);
	expect(&bob, 401, "and streams have shown their return path");
	end();
}
END_TEST

START_TEST(spoofed_packets_leave_no_state) /* attacks 17 and 18, T-030 */
{
	const unsigned packets = unit_rounds(200000, 1000000);
	uint64_t random = 17;

	begin();
	fixture.settings.limits.stranger_rate = 10;
	fixture.settings.limits.stranger_burst = 20;
	client_login(&bob);
	bob.wrong = WRONG_MAC;
	client_start(&bob, TURN_ALLOCATE);
	client_sign(&bob);
	alice.bare = true;
	client_start(&alice, TURN_ALLOCATE);
	stun_add_u32(&alice.b, TURN_REQUESTED_TRANSPORT, 17u << 24);
	client_sign(&alice);
	for (unsigned i = 0; i < packets; i++) {
		/* One in eight carries a forged MAC, which makes us compute real ones. */
		struct client *c = i % 8 ? &alice : &bob;

		store_be64(c->tuple.client.ip.bytes, random_u64(&random));
		memset(c->tuple.client.ip.bytes + 4, 0, 12);
		c->tuple.client.port = (uint16_t)(1 + i % 65535);
		dispatch_from_client(&fixture.turn, &c->tuple,
				     (struct slice){c->message, c->message_len},
				     fixture.now_ms, fixture.unix_s, c->reply, &c->out);
		ck_assert(!c->out.authenticated);
		ck_assert_int_ne(c->out.action, DISPATCH_FORWARD);
	}
	ck_assert_msg(allocation_count(fixture.turn.table) == 0,
		      "attack 17: an allocation");
	ck_assert_msg(fixture.turn.table->allocations.mark == 0 &&
			      fixture.turn.table->permissions.mark == 0 &&
			      fixture.turn.table->channels.mark == 0,
		      "attack 17: memory touched");
	ck_assert_msg(fixture_is_clean(&fixture) && fixture.edge.opened == 0,
		      "attack 17: state");
	ck_assert_uint_eq(
		fixture.turn.counters.auth_failures[AUTH_FAILURE_BAD_MAC] +
			fixture.turn.counters.auth_failures[AUTH_FAILURE_UNKNOWN_USER],
		packets / 8);
	end();
}
END_TEST

/* One valid request of each method; the caller compares the state it leaves. */
static void ask_one(struct client *c, unsigned method, const uint16_t *tail_type)
{
	static const uint8_t zero[20];
	static const uint16_t methods[] = {TURN_ALLOCATE, TURN_REFRESH,
					   TURN_CREATE_PERMISSION, TURN_CHANNEL_BIND};

	client_start(c, methods[method]);
	if (method == 0)
		stun_add_u32(&c->b, TURN_REQUESTED_TRANSPORT, 17u << 24);
	if (method == 3)
		stun_add_u32(&c->b, TURN_CHANNEL_NUMBER, 0x4000u << 16);
	if (method >= 2)
		client_add_peer(c, PEER);
	if (tail_type)
		client_add_tail(c, *tail_type, zero,
				*tail_type == STUN_MESSAGE_INTEGRITY ? 20 : 4);
	client_ask(c);
}

START_TEST(attributes_behind_the_integrity) /* attack 36 */
{
	static const uint16_t types[] = {
		0x0001, 0x0003, 0x0006, 0x0008, 0x0009, 0x000A, 0x000C, 0x000D, 0x0012,
		0x0013, 0x0014, 0x0015, 0x0016, 0x0017, 0x0018, 0x0019, 0x001A, 0x001B,
		0x001C, 0x001D, 0x001E, 0x0020, 0x0022, 0x0024, 0x0025, 0x0026, 0x0027,
		0x002A, 0x8000, 0x8001, 0x8002, 0x8003, 0x8004, 0x8022, 0x8023, 0x8025,
		0x8027, 0x8029, 0x802A, 0x802B, 0x802C, 0x802E, 0x8030, 0x7FFF, 0xFFFF,
	};
	uint8_t want[DISPATCH_REPLY_MAX];
	struct allocation state;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		for (unsigned upto = 0; upto < 4; upto++) {
			size_t want_len = 0;

			/* Once without, once with; the fixture is deterministic. */
			for (unsigned with = 0; with < 2; with++) {
				begin();
				client_login(&alice);
				for (unsigned method = 0; method < upto; method++)
					ask_one(&alice, method, NULL);
				ask_one(&alice, upto, with ? &types[i] : NULL);
				expect(&alice, 0, "attack 36");
				if (with) {
					ck_assert_msg(alice.out.reply_len == want_len &&
							      memcmp(want, alice.reply,
								     want_len) == 0,
						      "attack 36: answer, 0x%04x",
						      types[i]);
					ck_assert_msg(
						memcmp(&state, client_allocation(&alice),
						       sizeof(state)) == 0,
						"attack 36: state, 0x%04x", types[i]);
				}
				want_len = alice.out.reply_len;
				memcpy(want, alice.reply, want_len);
				state = *client_allocation(&alice);
				end();
			}
		}
	}
}
END_TEST

START_TEST(no_byte_of_the_buffer_leaves) /* attack 46 */
{
	static const uint8_t poisons[] = {0x00, 0xFF, 0xA5};
	uint8_t want[6][DISPATCH_REPLY_MAX];
	size_t want_len[6] = {0};

	for (size_t p = 0; p < ARRAY_LEN(poisons); p++) {
		begin();
		strcpy(fixture.settings.realm, "seven77");
		strcpy(fixture.settings.software, "nine99999");
		alice.poison = poisons[p];
		for (unsigned i = 0; i < 6; i++) {
			if (i == 0)
				client_login(&alice);
			else if (i < 5)
				ask_one(&alice, i - 1, NULL);
			else
				client_permit(&alice, "10.0.0.7:1");
			ck_assert_msg(alice.fault == NULL, "%s", alice.fault);
			if (p == 0) {
				want_len[i] = alice.out.reply_len;
				memcpy(want[i], alice.reply, want_len[i]);
			}
			ck_assert_msg(
				alice.out.reply_len == want_len[i] &&
					memcmp(want[i], alice.reply, want_len[i]) == 0,
				"attack 46: answer %u depends on what was in the buffer",
				i);
		}
		end();
	}
}
END_TEST

static void attacks_suite(Suite *suite)
{
	TCase *tc = tcase_create("attacks");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, software_of_the_client_changes_nothing);
	tcase_add_test(tc, no_loops);
	tcase_add_test(tc, our_own_answers_get_no_answer);
	tcase_add_test(tc, unauthenticated_answers_are_small);
	tcase_add_test(tc, smallest_requests_and_their_answers);
	tcase_add_loop_test(tc, reflection_is_limited, 0, ROWS(floods));
	tcase_add_test(tc, guessing_passwords_is_limited);
	tcase_add_test(tc, limiter_spares_authenticated_clients);
	tcase_add_test(tc, spoofed_packets_leave_no_state);
	tcase_add_test(tc, attributes_behind_the_integrity);
	tcase_add_test(tc, no_byte_of_the_buffer_leaves);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("attacks", attacks_suite)
