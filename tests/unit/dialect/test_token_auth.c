/*
 * test_token_auth.c - third-party authorization (RFC 7635): Allocate and Refresh with an access
 * token, everything else with the session key in it.
 */
#include <time.h>

#include <openssl/sha.h>

#include "relay/core/auth.h"
#include "relay/core/revocation.h"
#include "relay/core/revoked_users.h"
#include "relay/core/user_groups.h"
#include "tests/unit/dialect/dialect_check.h"

#define NAME "turn.example.org"
#define PORT_OF(client) client_address(client, TURN_XOR_RELAYED_ADDRESS).port

static struct token_keyring ring = {
	.count = 3,
	.keys = {{.kid = "kid-1",
		  .cipher = TOKEN_A256GCM,
		  .key = "0123456789abcdef0123456789abcde",
		  .not_before_s = INT64_MIN,
		  .not_after_s = INT64_MAX},
		 {.kid = "kid-2",
		  .cipher = TOKEN_A128GCM,
		  .key = "fedcba987654321",
		  .not_before_s = INT64_MIN,
		  .not_after_s = INT64_MAX},
		 {.kid = "kid-3",
		  .cipher = TOKEN_A256CBC_HS512,
		  .key = "zyxwvutsrqponmlkjihgfedcba9876543210zyxwvutsrqponmlkjihgfedcba9",
		  .not_before_s = INT64_MIN,
		  .not_after_s = INT64_MAX}}};

/* What a token is made of; a zero takes the default. */
struct ticket {
	size_t mac_key_len;       /* 20 */
	enum stun_integrity kind; /* SHA1 */
	uint32_t lifetime_s;      /* 3600 */
	int64_t issued_s;         /* from now */
	const char *name;         /* NAME */
	unsigned key;             /* of the ring */
	uint8_t seed;             /* of the session key */
};

static unsigned nonces;

static void begin_token(void)
{
	begin();
	fixture.settings.token_keys = &ring;
	strcpy(fixture.settings.server_name, NAME);
}

/* The client has a new token, and names its key. */
static void give(struct client *c, const struct ticket *ticket)
{
	const struct token_key *key = &ring.keys[ticket->key];
	const char *name = ticket->name ? ticket->name : NAME;
	struct access_token token = {
		.mac_key_len = ticket->mac_key_len ? ticket->mac_key_len : 20,
		.issued_s = (uint64_t)(fixture.unix_s + ticket->issued_s),
		.lifetime_s = ticket->lifetime_s ? ticket->lifetime_s : 3600,
	};
	uint8_t nonce[ACCESS_TOKEN_NONCE_LEN] = {0};

	for (size_t i = 0; i < token.mac_key_len; i++)
		token.mac_key[i] = (uint8_t)(ticket->seed + i);
	store_be32(nonce, nonces++);
	c->token_len = access_token_make(
		&token, key, (struct slice){(const uint8_t *)name, strlen(name)}, nonce,
		c->token);
	ck_assert_uint_gt(c->token_len, 0);
	c->session_key.len = (uint8_t)token.mac_key_len;
	memcpy(c->session_key.bytes, token.mac_key, token.mac_key_len);
	c->session_kind = ticket->kind ? ticket->kind : STUN_INTEGRITY_SHA1;
	c->username_len = strlen(key->kid);
	memcpy(c->username, key->kid, c->username_len + 1);
}

static int allocate_with(struct client *c, const struct ticket *ticket)
{
	give(c, ticket);
	return allocate(c, NULL, 0);
}

/* From now on its requests go without, signed with the session key (T-450). */
static void drop_token(struct client *c)
{
	c->token_len = 0;
}

START_TEST(a_challenge_names_the_server) /* T-440, attack 12 */
{
	struct stun_attr attr;

	begin_token();
	ck_assert_int_eq(client_login(&alice), 401);
	ck_assert(client_find(&alice, STUN_THIRD_PARTY_AUTHORIZATION, &attr));
	ck_assert_uint_eq(attr.value.len, strlen(NAME));
	ck_assert_mem_eq(attr.value.data, NAME, strlen(NAME));
	ck_assert(client_has(&alice, STUN_NONCE) && client_has(&alice, STUN_REALM));
	ck_assert(client_has(&alice, STUN_SOFTWARE));
	fixture.settings.token_keys = NULL;
	ck_assert_int_eq(client_login(&alice), 401);
	ck_assert_msg(!client_has(&alice, STUN_THIRD_PARTY_AUTHORIZATION) &&
			      !client_has(&alice, STUN_SOFTWARE),
		      "attack 12: as small as ever where it is off");
	end();
}
END_TEST

START_TEST(off_it_is_an_unknown_attribute) /* T-441 */
{
	struct stun_attr attr;

	begin_token();
	fixture.settings.token_keys = NULL;
	ck_assert_int_eq(allocate_with(&alice, &(struct ticket){0}), 420);
	ck_assert(client_find(&alice, STUN_UNKNOWN_ATTRIBUTES, &attr));
	ck_assert_mem_eq(attr.value.data, "\0\x1B", 2);
	ck_assert(alice.out.reply_len <= alice.message_len && !alice.out.authenticated);
	client_init(&bob, &fixture, BOB, FRONT_OUTSIDE_UDP, "bob");
	static const struct attr_row token = {STUN_ACCESS_TOKEN, 4, {0}};
	ck_assert_int_eq(allocate(&bob, &token, 1), 420);
	ck_assert_msg(bob.out.authenticated, "T-441 beside a credential: a signed 420");
	end();
}
END_TEST

static const struct {
	const char *name;
	int want;
	struct ticket ticket;
	enum auth_failure failure;
} tickets[] = {
	{"T-444 A256GCM", 0, {0}, AUTH_FAILURE_NONE},
	{"T-444 A128GCM", 0, {.key = 1}, AUTH_FAILURE_NONE},
	{"T-444 A256CBC-HS512", 0, {.key = 2}, AUTH_FAILURE_NONE},
	{"T-448 32 bytes, MESSAGE-INTEGRITY", 0, {.mac_key_len = 32}, AUTH_FAILURE_NONE},
	{"T-448 32 bytes, MESSAGE-INTEGRITY-SHA256",
	 0,
	 {.mac_key_len = 32, .kind = STUN_INTEGRITY_SHA256},
	 AUTH_FAILURE_NONE},
	{"T-448 20 bytes, MESSAGE-INTEGRITY-SHA256",
	 0,
	 {.kind = STUN_INTEGRITY_SHA256},
	 AUTH_FAILURE_NONE},
	{"T-443 for another server",
	 401,
	 {.name = "turn2.example.org"},
	 AUTH_FAILURE_UNKNOWN_KEY},
	{"T-446 just fresh", 0, {.issued_s = -3604}, AUTH_FAILURE_NONE},
	{"T-446 expired", 401, {.issued_s = -3605}, AUTH_FAILURE_EXPIRED},
	{"T-446 from the future, within its lifetime",
	 0,
	 {.issued_s = 3604},
	 AUTH_FAILURE_NONE},
	{"T-446 from beyond", 401, {.issued_s = 3605}, AUTH_FAILURE_EXPIRED},
};

START_TEST(tokens_are_checked) /* T-443 T-444 T-446 T-447 T-448 */
{
	begin_token();
	int code = allocate_with(&alice, &tickets[_i].ticket);
	expect(&alice, tickets[_i].want, tickets[_i].name);
	ck_assert_msg(tickets[_i].failure == AUTH_FAILURE_NONE ||
			      fixture.turn.counters.auth_failures[tickets[_i].failure] ==
				      1,
		      "%s: counted", tickets[_i].name);
	ck_assert_msg(code != 0 || (client_allocation(&alice) != NULL &&
				    client_allocation(&alice)->owner.is_token),
		      "%s", tickets[_i].name);
	ck_assert((turn_read_refusal(&fixture.turn).at_s != 0) ==
		  (tickets[_i].failure == AUTH_FAILURE_EXPIRED));
	end();
}
END_TEST

START_TEST(sha1_of_a_long_key_signs_too) /* T-448, T-E06 */
{
	begin_token();
	give(&alice, &(struct ticket){.mac_key_len = 32});
	SHA1(alice.session_key.bytes, 32, alice.session_key.bytes);
	alice.session_key.len = 20;
	ck_assert_int_eq(allocate(&alice, NULL, 0), 0);
	drop_token(&alice);
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	end();
}
END_TEST

static const struct {
	const char *name;
	size_t mac_key_len;
	enum stun_integrity kind;
	int want;
} cuts[] = {
	{"of 20 bytes", 20, STUN_INTEGRITY_SHA1, 0},
	{"of 32 bytes", 32, STUN_INTEGRITY_SHA1, 0},
	{"of 32 bytes, SHA-256: never cut", 32, STUN_INTEGRITY_SHA256, 401},
};

START_TEST(clients_of_coturn_cut_the_session_key) /* T-447 */
{
	begin_token();
	give(&alice, &(struct ticket){.mac_key_len = cuts[_i].mac_key_len,
				      .kind = cuts[_i].kind});
	alice.session_key.len = 16;
	ck_assert_msg(allocate(&alice, NULL, 0) == cuts[_i].want, "%s: %d", cuts[_i].name,
		      alice.code);
	drop_token(&alice);
	if (cuts[_i].want == 0)
		ck_assert_int_eq(client_permit(&alice, PEER), 0);
	end();
}
END_TEST

START_TEST(what_is_wrong_is_one_answer) /* T-442 T-447 T-462, attack 41 */
{
	struct ticket ticket = {0};

	begin_token();
	give(&alice, &ticket);
	alice.wrong = WRONG_MAC;
	ck_assert_int_eq(allocate(&alice, NULL, 0), 401);
	size_t len = alice.out.reply_len;

	for (int fault = 0; fault < 6; fault++) {
		give(&alice, &ticket);
		alice.wrong = 0;
		if (fault == 0)
			alice.session_key.bytes[0] ^= 1; /* T-447 */
		else if (fault == 1)
			strcpy(alice.username, "kid-9"); /* T-442 */
		else if (fault == 2)
			strcpy(alice.username, "kid-2"); /* not the one that made it */
		else if (fault == 3)
			alice.token_len--; /* T-462 */
		else if (fault == 4)
			alice.token_len = 0;
		else
			alice.wrong = WRONG_REALM;
		client_start(&alice, TURN_ALLOCATE);
		stun_add_u32(&alice.b, TURN_REQUESTED_TRANSPORT, 17u << 24);
		client_ask(&alice);
		expect(&alice, 401, "attack 41: the same answer");
		ck_assert_uint_eq(alice.out.reply_len, len);
		ck_assert(!alice.out.authenticated);
	}
	ck_assert_uint_eq(fixture.turn.counters.auth_failures[AUTH_FAILURE_UNKNOWN_KEY],
			  4);
	ck_assert_uint_eq(fixture.turn.counters.auth_failures[AUTH_FAILURE_BAD_MAC], 2);
	ck_assert(fixture_is_clean(&fixture));
	end();
}
END_TEST

/* Every length that ACCESS-TOKEN may have in a datagram. */
START_TEST(a_token_of_any_length_is_refused) /* attack 48, T-462 */
{
	static uint8_t bytes[1400] = {0, 12};

	begin_token();
	give(&alice, &(struct ticket){0});
	memcpy(bytes, alice.token, alice.token_len);
	size_t right = alice.token_len;
	alice.token_len = 0;
	client_login(&alice);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		client_start(&alice, TURN_REFRESH);
		stun_builder_add(&alice.b, STUN_ACCESS_TOKEN, bytes, len);
		client_ask(&alice);
		expect(&alice, len == right ? 437 : 401, "attack 48");
	}
	end();
}
END_TEST

START_TEST(an_unknown_key_costs_as_much_as_a_known_one) /* attack 41 */
{
	enum { ROUNDS = 200, EACH = 40 };
	uint64_t spent[2] = {UINT64_MAX, UINT64_MAX};

	begin_token();
	client_login(&alice);
	fixture.settings.limits.stranger_rate = 0;
	give(&alice, &(struct ticket){0});
	alice.session_key.bytes[0] ^= 1;
	client_login(&alice);
	for (int round = 0; round < ROUNDS; round++) {
		for (int unknown = 0; unknown < 2; unknown++) {
			struct timespec from, to;

			strcpy(alice.username, unknown ? "kid-9" : "kid-1");
			client_start(&alice, TURN_ALLOCATE);
			client_sign(&alice);
			clock_gettime(CLOCK_MONOTONIC, &from);
			for (int i = 0; i < EACH; i++)
				client_again(&alice);
			clock_gettime(CLOCK_MONOTONIC, &to);
			uint64_t ns = (uint64_t)(to.tv_sec - from.tv_sec) * 1000000000 +
				      (uint64_t)to.tv_nsec - (uint64_t)from.tv_nsec;
			if (ns < spent[unknown])
				spent[unknown] = ns;
		}
	}
	/* The least of many, so that a busy machine does not decide. */
	ck_assert_msg(spent[1] > spent[0] * 3 / 4 && spent[1] < spent[0] * 4 / 3,
		      "attack 41: %lu ns with an unknown kid, %lu with a known one",
		      (unsigned long)spent[1] / EACH, (unsigned long)spent[0] / EACH);
	end();
}
END_TEST

START_TEST(later_requests_need_no_token) /* T-450 */
{
	begin_token();
	ck_assert_int_eq(allocate_with(&alice, &(struct ticket){0}), 0);
	drop_token(&alice);
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4000, PEER), 0);
	ck_assert_int_eq(client_refresh(&alice, 600), 0);
	give(&alice, &(struct ticket){.seed = 9});
	client_permit(&alice, PEER);
	expect(&alice, 401, "T-450 a token counts in Allocate and Refresh alone");
	drop_token(&alice);
	client_permit(&alice, PEER);
	expect(&alice, 401, "and so does its session key");
	end();
}
END_TEST

START_TEST(a_refresh_brings_a_new_key) /* T-451 */
{
	begin_token();
	ck_assert_int_eq(allocate_with(&alice, &(struct ticket){.lifetime_s = 900}), 0);
	for (unsigned i = 0; i < 3; i++) {
		const struct ticket next = {.key = i,
					    .seed = (uint8_t)(10 * i + 1),
					    .mac_key_len = i == 1 ? 32 : 20};
		struct stun_key former = alice.session_key;

		give(&alice, &next);
		ck_assert_int_eq(client_refresh(&alice, 3600), 0);
		ck_assert_uint_eq(client_u32(&alice, TURN_LIFETIME), 3600);
		ck_assert_str_eq(allocation_key_id(fixture.turn.table,
						   client_allocation(&alice)),
				 ring.keys[i].kid);
		drop_token(&alice);
		ck_assert_int_eq(client_permit(&alice, PEER), 0);
		struct stun_key now = alice.session_key;
		alice.session_key = former;
		client_permit(&alice, PEER);
		expect(&alice, 401, "T-451 the former key is gone");
		alice.session_key = now;
	}
	ck_assert_int_eq(client_refresh(&alice, 0), 0);
	ck_assert(fixture_is_clean(&fixture));
	end();
}
END_TEST

START_TEST(the_group_of_users_follows_the_key) /* T-451 */
{
	const char *keys[] = {"kid-2"};
	const struct user_group one = {.name = "one", .keys = keys, .key_count = 1};

	begin_token();
	fixture.settings.groups = user_groups_new(&one, 1, sizeof(one));
	ck_assert_int_eq(allocate_with(&alice, &(struct ticket){0}), 0);
	ck_assert_uint_eq(client_allocation(&alice)->group, USER_GROUP_NONE);
	give(&alice, &(struct ticket){.key = 1});
	ck_assert_int_eq(client_refresh(&alice, 600), 0);
	ck_assert_uint_eq(client_allocation(&alice)->group, 1);
	user_groups_free(fixture.settings.groups);
	fixture.settings.groups = NULL;
	end();
}
END_TEST

START_TEST(a_token_is_no_credential_and_the_reverse) /* T-451 */
{
	begin_token();
	ck_assert_int_eq(client_allocate(&bob), 0);
	client_init(&alice, &fixture, BOB, FRONT_OUTSIDE_UDP, "alice");
	client_login(&alice);
	give(&alice, &(struct ticket){0});
	client_refresh(&alice, 600);
	expect(&alice, 441, "a token on the allocation of a credential");
	ck_assert_int_eq(client_refresh(&bob, 0), 0);

	ck_assert_int_eq(allocate(&alice, NULL, 0), 0);
	client_refresh(&bob, 600);
	expect(&bob, 441, "a credential on the allocation of a token");
	bob.tuple.client.port++;
	client_login(&bob);
	memcpy(bob.username, alice.username, alice.username_len);
	bob.username_len = alice.username_len;
	bob.session_key = alice.session_key;
	bob.session_kind = alice.session_kind;
	client_refresh(&bob, 600);
	expect(&bob, 401, "without an allocation the session key proves nothing");
	end();
}
END_TEST

START_TEST(lifetime_ends_with_the_token) /* T-449 */
{
	begin_token();
	ck_assert_int_eq(allocate_with(&alice, &(struct ticket){.issued_s = -3500}), 0);
	ck_assert_uint_eq(client_u32(&alice, TURN_LIFETIME), 105);
	drop_token(&alice);
	advance(50000);
	ck_assert_int_eq(client_refresh(&alice, 3600), 0);
	ck_assert_msg(client_u32(&alice, TURN_LIFETIME) == 55, "T-449 without a new one");
	advance(54999);
	ck_assert_ptr_nonnull(client_allocation(&alice));
	advance(1);
	ck_assert_msg(client_allocation(&alice) == NULL, "T-449 it ends with it");
	ck_assert_int_eq(client_refresh(&alice, 600), 401);

	client_login(&alice);
	ck_assert_int_eq(allocate_with(&alice, &(struct ticket){.issued_s = 3000}), 0);
	ck_assert_msg(client_u32(&alice, TURN_LIFETIME) == 600, "605 are left");
	ck_assert_int_eq(client_refresh(&alice, 3600), 0);
	ck_assert_uint_eq(client_u32(&alice, TURN_LIFETIME), 605);
	drop_token(&alice);
	alice.tuple.client.port++;
	client_login(&alice);
	ck_assert_int_eq(allocate_with(&alice, &(struct ticket){.lifetime_s = 700}), 0);
	ck_assert_int_eq(client_refresh(&alice, 3600), 0);
	ck_assert_msg(client_u32(&alice, TURN_LIFETIME) == 700,
		      "T-449 not a second more than the token has");
	drop_token(&alice);

	fixture.settings.limits.credential_ttl_max_s = 3600;
	fixture.settings.limits.clock_skew_s = 60;
	alice.tuple.client.port++;
	client_login(&alice);
	ck_assert_int_eq(allocate_with(&alice, &(struct ticket){.lifetime_s = 3655}), 0);
	alice.tuple.client.port++;
	client_login(&alice);
	ck_assert_int_eq(allocate_with(&alice, &(struct ticket){.lifetime_s = 3656}),
			 401);
	ck_assert_uint_eq(turn_read_refusal(&fixture.turn).too_far, 1);
	end();
}
END_TEST

START_TEST(one_token_for_several_allocations) /* T-459 */
{
	begin_token();
	fixture.settings.limits.allocations_per_user[DIALECT_IETF] = 2;
	ck_assert_int_eq(allocate_with(&alice, &(struct ticket){0}), 0);
	uint16_t port = PORT_OF(&alice);
	client_again(&alice);
	expect(&alice, 0, "a retransmission");
	ck_assert_uint_eq(PORT_OF(&alice), port);
	alice.tuple.client.port++;
	client_login(&alice);
	ck_assert_int_eq(allocate(&alice, NULL, 0), 0);
	alice.tuple.client.port++;
	client_login(&alice);
	ck_assert_msg(allocate(&alice, NULL, 0) == 486,
		      "a token names nobody: its source counts as a user");
	client_init(&bob, &fixture, BOB, FRONT_OUTSIDE_UDP, "bob");
	ck_assert_msg(allocate_with(&bob, &(struct ticket){0}) == 0,
		      "and another source, with the same kid, as another");
	end();
}
END_TEST

START_TEST(nonces_hold_as_ever) /* T-460 */
{
	begin_token();
	fixture.settings.nonce_key.lifetime_s = 60;
	give(&alice, &(struct ticket){0});
	client_login(&alice);
	advance(90000);
	ck_assert_int_eq(allocate(&alice, NULL, 0), 438);
	ck_assert(!alice.out.authenticated);
	client_keep_challenge(&alice);
	ck_assert_int_eq(allocate(&alice, NULL, 0), 0);
	end();
}
END_TEST

/* A reload with another ring; in it, the first key is as `change` makes it. */
static struct token_keyring next;

static void reload(const struct token_keyring *keys, const char *revoked)
{
	struct turn_settings before = fixture.settings;
	struct revoked_users_error error;

	fixture.settings.token_keys = keys;
	fixture.settings.revoked =
		revoked ? revoked_users_parse(revoked, strlen(revoked), &error) : NULL;
	fixture.settings.generation++;
	revocation_apply(&fixture.turn, &before, fixture.now_ms, fixture.unix_s);
}

static const struct {
	const char *name;
	bool keeps, authenticates;
} reloads[] = {
	{"T-461 the same keys", true, true},
	{"T-461 the kid is gone", false, false},
	{"T-461 another key under the kid", false, false},
	{"T-461 third-party authorization is gone", false, false},
	{"T-566 the kid is a revoked user", false, false},
	{"T-461 the key ends in a minute", true, true},
};

START_TEST(keys_come_and_go) /* T-461 T-566 */
{
	const char *name = reloads[_i].name;

	begin_token();
	fixture.settings.limits.clock_skew_s = 0;
	ck_assert_int_eq(allocate_with(&alice, &(struct ticket){0}), 0);
	next = ring;
	if (_i == 1)
		next.keys[0] = next.keys[--next.count];
	else if (_i == 2)
		next.keys[0].key[5] ^= 1;
	else if (_i == 5)
		next.keys[0].not_after_s = fixture.unix_s + 60;
	reload(_i == 3 ? NULL : &next, _i == 4 ? "kid-1\n" : NULL);
	ck_assert_msg((client_allocation(&alice) != NULL) == reloads[_i].keeps, "%s",
		      name);
	alice.tuple.client.port++;
	client_login(&alice);
	int code = allocate(&alice, NULL, 0);
	ck_assert_msg(code == (reloads[_i].authenticates ? 0
			       : _i == 3                 ? 420
							 : 401),
		      "%s: %d", name, code);
	if (_i == 5) {
		ck_assert_uint_eq(client_u32(&alice, TURN_LIFETIME), 60);
		advance(60000);
		ck_assert_ptr_null(client_allocation(&alice));
		ck_assert_int_eq(allocate(&alice, NULL, 0), 401);
	}
	revoked_users_free(fixture.settings.revoked);
	fixture.settings.revoked = NULL;
	end();
}
END_TEST

START_TEST(records_name_the_kid)
{
	begin_token();
	ck_assert_int_eq(allocate_with(&alice, &(struct ticket){.key = 1}), 0);
	ck_assert_int_eq(client_refresh(&alice, 0), 0);
	ck_assert_str_eq(fixture.edge.last_owner.user, "kid-2");
	ck_assert_str_eq(fixture.edge.last_owner.key_id, "kid-2");
	end();
}
END_TEST

/* From elsewhere with the token that it has; there a Refresh may bring another one. */
START_TEST(a_mobile_client_comes_with_its_token) /* T-451, T-468 */
{
	uint8_t ticket[MOBILITY_TICKET_LEN];
	struct stun_attr attr;

	begin_with(&(struct fixture_options){.mobility = true});
	fixture.settings.token_keys = &ring;
	strcpy(fixture.settings.server_name, NAME);
	static const struct attr_row wanted = {TURN_MOBILITY_TICKET, 0, {0}};
	give(&alice, &(struct ticket){0});
	ck_assert_int_eq(allocate(&alice, &wanted, 1), 0);
	ck_assert(client_find(&alice, TURN_MOBILITY_TICKET, &attr));
	memcpy(ticket, attr.value.data, sizeof(ticket));

	client_init(&bob, &fixture, BOB, FRONT_OUTSIDE_UDP, "bob");
	client_login(&bob);
	client_start(&bob, TURN_REFRESH);
	stun_builder_add(&bob.b, TURN_MOBILITY_TICKET, ticket, sizeof(ticket));
	client_ask(&bob);
	expect(&bob, 441, "T-468 a credential on the allocation of a token");
	for (int same = 0; same < 2; same++) {
		give(&bob,
		     same ? &(struct ticket){0} : &(struct ticket){.key = 1, .seed = 7});
		client_start(&bob, TURN_REFRESH);
		stun_builder_add(&bob.b, TURN_MOBILITY_TICKET, ticket, sizeof(ticket));
		client_ask(&bob);
		expect(&bob, same ? 0 : 441, "T-468 of another token, and of this one");
	}
	drop_token(&bob);
	ck_assert_int_eq(client_permit(&bob, PEER), 0);
	give(&bob, &(struct ticket){.key = 1, .seed = 7});
	ck_assert_int_eq(client_refresh(&bob, 600), 0);
	drop_token(&bob);
	ck_assert_int_eq(client_permit(&bob, PEER), 0);
	end();
}
END_TEST

START_TEST(binding_ignores_a_token) /* T-450 */
{
	begin_token();
	alice.bare = true;
	client_start(&alice, STUN_BINDING);
	stun_builder_add(&alice.b, STUN_ACCESS_TOKEN, "\0\0\0", 4);
	client_ask(&alice);
	expect(&alice, 0, "known and out of place: ignored");
	end();
}
END_TEST

static void token_auth_suite(Suite *suite)
{
	TCase *tc = tcase_create("token_auth");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_challenge_names_the_server);
	tcase_add_test(tc, off_it_is_an_unknown_attribute);
	tcase_add_loop_test(tc, tokens_are_checked, 0, ROWS(tickets));
	tcase_add_test(tc, sha1_of_a_long_key_signs_too);
	tcase_add_loop_test(tc, clients_of_coturn_cut_the_session_key, 0, ROWS(cuts));
	tcase_add_test(tc, what_is_wrong_is_one_answer);
	tcase_add_test(tc, a_token_of_any_length_is_refused);
	tcase_add_test(tc, an_unknown_key_costs_as_much_as_a_known_one);
	tcase_add_test(tc, later_requests_need_no_token);
	tcase_add_test(tc, a_refresh_brings_a_new_key);
	tcase_add_test(tc, the_group_of_users_follows_the_key);
	tcase_add_test(tc, a_token_is_no_credential_and_the_reverse);
	tcase_add_test(tc, lifetime_ends_with_the_token);
	tcase_add_test(tc, one_token_for_several_allocations);
	tcase_add_test(tc, nonces_hold_as_ever);
	tcase_add_loop_test(tc, keys_come_and_go, 0, ROWS(reloads));
	tcase_add_test(tc, records_name_the_kid);
	tcase_add_test(tc, a_mobile_client_comes_with_its_token);
	tcase_add_test(tc, binding_ignores_a_token);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("token_auth", token_auth_suite)
