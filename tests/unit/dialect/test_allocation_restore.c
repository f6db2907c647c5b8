/*
 * test_allocation_restore.c - every kind of allocation comes back in another process, and does not
 * for every reason that there is.
 */
#include <errno.h>

#include <openssl/sha.h>

#include "relay/core/channel.h"
#include "relay/core/dual.h"
#include "relay/core/mobility.h"
#include "relay/core/mobility_directory.h"
#include "relay/core/mobility_end.h"
#include "relay/core/ms_reservation.h"
#include "relay/core/permission.h"
#include "relay/core/revoked_users.h"
#include "tests/unit/dialect/restore_check.h"

static struct token_keyring tokens = {
	.count = 1,
	.keys = {{.kid = "kid-1",
		  .cipher = TOKEN_A256GCM,
		  .key = "0123456789abcdef0123456789abcde",
		  .not_before_s = INT64_MIN,
		  .not_after_s = INT64_MAX}},
};

/* --- kinds ----------------------------------------------------------------------------------- */

static struct allocation *allocate(struct client *c, uint16_t more, uint32_t value)
{
	client_login(c);
	client_start(c, TURN_ALLOCATE);
	stun_add_u32(&c->b, TURN_REQUESTED_TRANSPORT, 17u << 24);
	if (more != 0)
		stun_add_u32(&c->b, more, value);
	ck_assert_int_eq(client_ask(c), 0);
	return proved_by(c);
}

static struct allocation *make_typical(void)
{
	struct allocation *al = allocate(&alice, 0, 0);

	ck_assert_int_eq(client_permit(&alice, PEER_B), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4001, PEER), 0);
	ck_assert(client_channel_data(&alice, 0x4001, "hello", 5));
	return al;
}

static struct allocation *make_md5(void)
{
	alice.auth = CLIENT_MD5;
	return make_typical();
}

static struct allocation *make_mi256_with_md5(void)
{
	alice.auth = CLIENT_MD5_CHOSEN;
	return make_typical();
}

static struct allocation *make_inside(void)
{
	client_init(&alice, &before, "10.1.2.3:5000", FRONT_INSIDE_UDP, "alice");
	return make_typical();
}

static struct allocation *make_nameless(void)
{
	client_init(&alice, &before, ALICE, FRONT_OUTSIDE_UDP, "");
	return make_typical();
}

static struct allocation *make_quota(void)
{
	const struct credential_quota quota = {7, 3000000};
	struct credential_pair pair;

	ck_assert(credential_issue_rest(&before.settings.keyring->keys[0],
					text_of("gateway"), before.unix_s + 1000, &quota,
					&pair));
	strcpy(alice.username, pair.username);
	alice.username_len = strlen(alice.username);
	strcpy(alice.password, pair.password);
	return make_typical();
}

static struct allocation *make_mras_text(void)
{
	struct credential_pair pair;
	uint64_t serial = 1;

	ck_assert(credential_issue_mras(&before.settings.keyring->keys[0], 2,
					text_of("alice"), before.unix_s + 1000, NULL,
					&serial, &pair));
	strcpy(alice.username, pair.username);
	alice.username_len = strlen(alice.username);
	strcpy(alice.password, pair.password);
	return make_typical();
}

static struct allocation *make_ipv6(void)
{
	struct allocation *al = allocate(&alice, TURN_REQUESTED_ADDRESS_FAMILY, 2u << 24);

	ck_assert_int_eq(client_bind(&alice, 0x4001, PEER_V6), 0);
	return al;
}

static struct allocation *make_dual(void)
{
	struct allocation *al =
		allocate(&alice, TURN_ADDITIONAL_ADDRESS_FAMILY, 2u << 24);

	ck_assert(dual_has_both(al));
	ck_assert_int_eq(client_bind(&alice, 0x4001, PEER_V6), 0);
	ck_assert_int_eq(client_bind(&alice, 0x4002, PEER), 0);
	return al;
}

static struct allocation *make_dual_of_two_ages(void)
{
	struct allocation *al = make_dual();

	client_start(&alice, TURN_REFRESH);
	stun_add_u32(&alice.b, TURN_LIFETIME, 1800);
	stun_add_u32(&alice.b, TURN_REQUESTED_ADDRESS_FAMILY, 2u << 24);
	ck_assert_int_eq(client_ask(&alice), 0);
	ck_assert_uint_eq(al->dual.later_family, IP_V6);
	return al;
}

static struct allocation *make_half(void)
{
	struct allocation *al = make_dual();

	client_start(&alice, TURN_REFRESH);
	stun_add_u32(&alice.b, TURN_LIFETIME, 0);
	stun_add_u32(&alice.b, TURN_REQUESTED_ADDRESS_FAMILY, 1u << 24);
	ck_assert_int_eq(client_ask(&alice), 0);
	ck_assert(!dual_has_both(al));
	return al;
}

static struct allocation *make_reserving(void)
{
	client_login(&alice);
	client_start(&alice, TURN_ALLOCATE);
	stun_add_u32(&alice.b, TURN_REQUESTED_TRANSPORT, 17u << 24);
	stun_builder_add(&alice.b, TURN_EVEN_PORT, "\x80", 1);
	ck_assert_int_eq(client_ask(&alice), 0);
	return proved_by(&alice);
}

static struct allocation *make_on_stream(void)
{
	client_init(&alice, &before, ALICE, FRONT_OUTSIDE_TCP, "alice");
	return make_typical();
}

static struct allocation *make_tcp_relay(void)
{
	client_init(&alice, &before, ALICE, FRONT_OUTSIDE_TCP, "alice");
	client_login(&alice);
	client_start(&alice, TURN_ALLOCATE);
	stun_add_u32(&alice.b, TURN_REQUESTED_TRANSPORT, 6u << 24);
	ck_assert_int_eq(client_ask(&alice), 0);
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	return proved_by(&alice);
}

static struct allocation *make_mobile_on(uint16_t front)
{
	client_init(&alice, &before, ALICE, front, "alice");
	client_login(&alice);
	client_start(&alice, TURN_ALLOCATE);
	stun_add_u32(&alice.b, TURN_REQUESTED_TRANSPORT, 17u << 24);
	stun_builder_add(&alice.b, TURN_MOBILITY_TICKET, NULL, 0);
	ck_assert_int_eq(client_ask(&alice), 0);
	return proved_by(&alice);
}

static struct allocation *make_mobile(void)
{
	return make_mobile_on(FRONT_OUTSIDE_UDP);
}

static uint8_t ticket[MOBILITY_TICKET_LEN];

static int move_with(struct client *c, const struct client *has)
{
	struct stun_attr attr;

	if (has != NULL) {
		ck_assert(client_find(has, TURN_MOBILITY_TICKET, &attr));
		memcpy(ticket, attr.value.data, sizeof(ticket));
	}
	client_start(c, TURN_REFRESH);
	stun_builder_add(&c->b, TURN_MOBILITY_TICKET, ticket, sizeof(ticket));
	return client_ask(c);
}

/* via: of the worker that has it. */
static struct allocation *move_away(struct allocation *al)
{
	client_login(&moved);
	ck_assert_int_eq(move_with(&moved, &alice), 0);
	ck_assert(al->moving);
	return al;
}

static struct allocation *make_moving(void)
{
	return move_away(make_mobile());
}

static struct allocation *make_moved(void)
{
	struct allocation *al = make_moving();

	mobility_complete(&before.turn, al);
	return al;
}

static struct allocation *make_client_gone(void)
{
	struct allocation *al = make_mobile_on(FRONT_OUTSIDE_TCP);

	ck_assert(mobility_client_gone(&before.turn, al, &alice.tuple));
	ck_assert(al->client_gone);
	return al;
}

/* Signed with the session key itself, with 16 bytes of it, or with its hash (RFC 7635). */
static struct allocation *make_token(size_t mac_key_len, uint8_t key_len)
{
	struct access_token token = {
		.mac_key_len = mac_key_len,
		.issued_s = (uint64_t)before.unix_s,
		.lifetime_s = 1800,
	};
	const uint8_t nonce[ACCESS_TOKEN_NONCE_LEN] = {1};

	before.settings.token_keys = after.settings.token_keys = &tokens;
	strcpy(before.settings.server_name, SERVER_NAME);
	strcpy(after.settings.server_name, "turn2.example.org");
	for (size_t i = 0; i < mac_key_len; i++)
		token.mac_key[i] = (uint8_t)(i * 3);
	alice.token_len = access_token_make(&token, &tokens.keys[0], text_of(SERVER_NAME),
					    nonce, alice.token);
	alice.session_key.len = key_len;
	memcpy(alice.session_key.bytes, token.mac_key, mac_key_len);
	if (key_len > 16 && key_len != mac_key_len)
		SHA1(token.mac_key, mac_key_len, alice.session_key.bytes);
	alice.session_kind = key_len == 32 ? STUN_INTEGRITY_SHA256 : STUN_INTEGRITY_SHA1;
	strcpy(alice.username, tokens.keys[0].kid);
	alice.username_len = strlen(alice.username);

	struct allocation *al = allocate(&alice, 0, 0);

	ck_assert(al->owner.is_token && al->owner.key.len == key_len);
	return al;
}

static struct allocation *make_short_token(void)
{
	return make_token(20, 20);
}

static struct allocation *make_cut_token(void)
{
	return make_token(20, 16);
}

static struct allocation *make_long_token(void)
{
	return make_token(32, 32);
}

static struct allocation *make_hashed_token(void)
{
	return make_token(32, 20);
}

static struct allocation *make_ms(void)
{
	ck_assert_int_eq(ms_client_allocate(&maria), 0);
	ck_assert(ms_client_send(&maria, PEER_B, "hello", 5));
	ck_assert(ms_client_send(&maria, PEER, "hello", 5));
	ck_assert_int_eq(ms_client_activate(&maria, PEER), 0);
	ck_assert(ms_client_data(&maria, "bare", 4));
	return ms_proved_by(&maria);
}

static struct allocation *make_ms_text(void)
{
	ms_client_credential(&maria, "maria", MS_FORM_TEXT, before.unix_s + 1000);
	return make_ms();
}

static struct allocation *make_ms_rest(void)
{
	ms_client_credential(&maria, "maria", MS_FORM_REST, before.unix_s + 1000);
	return make_ms();
}

static struct allocation *make_ms_sha256(void)
{
	maria.version = 4;
	maria.kind = MS_INTEGRITY_SHA256;
	before.settings.ms.version = after.settings.ms.version = 4;
	return make_ms();
}

static struct allocation *make_ms_on_stream(void)
{
	ms_client_init(&maria, &before, ALICE, FRONT_OUTSIDE_TCP, "maria");
	ck_assert_int_eq(ms_client_allocate(&maria), 0);
	return ms_proved_by(&maria);
}

static struct allocation *make_ms_reserved(void)
{
	static const uint8_t id[MS_RESERVATION_ID_LEN] = "0123456789abcde";
	const struct ms_reservation_amount amount = {10, 200, 20, 300};
	struct allocation *al = make_ms();

	ck_assert(ms_reservation_commit(&before.turn, al, id, &amount, before.now_ms));
	return al;
}

static const struct {
	const char *name;
	struct allocation *(*make)(void);
} kinds[] = {
	{"typical", make_typical},
	{"MD5", make_md5},
	{"MD5 by PASSWORD-ALGORITHM", make_mi256_with_md5},
	{"inside", make_inside},
	{"of nobody", make_nameless},
	{"with a quota", make_quota},
	{"token of MRAS as text", make_mras_text},
	{"IPv6", make_ipv6},
	{"dual", make_dual},
	{"dual of two ages", make_dual_of_two_ages},
	{"half of a dual one", make_half},
	{"reserving a port", make_reserving},
	{"client on TCP", make_on_stream},
	{"TCP relayed address", make_tcp_relay},
	{"mobile", make_mobile},
	{"moving", make_moving},
	{"moved", make_moved},
	{"client gone", make_client_gone},
	{"access token, 20 bytes", make_short_token},
	{"access token, 16 of 20 bytes", make_cut_token},
	{"access token, 32 bytes", make_long_token},
	{"access token, hash of 32 bytes", make_hashed_token},
	{"MS", make_ms},
	{"MS, token as text", make_ms_text},
	{"MS, REST", make_ms_rest},
	{"MS, SHA-256", make_ms_sha256},
	{"MS, client on TCP", make_ms_on_stream},
	{"MS, bandwidth reserved", make_ms_reserved},
};

static void expect_counts(const struct allocation *al, const char *name)
{
	const struct turn_shared *shared = &after.shared;

	ck_assert_msg(quota_held(shared->total, 0) == 1 &&
			      quota_held(shared->sides[al->side], 0) == 1 &&
			      quota_held(shared->users[al->dialect], al->user_quota) ==
				      1 &&
			      quota_held(shared->prefixes, al->prefix_quota) == 1,
		      "%s: what it counts against", name);
	ck_assert_msg(after.turn.front_allocations[al->tuple.front] == 1 ||
			      (al->moving &&
			       after.turn.front_allocations[al->tuple.front] == 2),
		      "%s: front", name);
	ck_assert_msg(after.edge.opened == (dual_has_both(al) ? 2 : 1), "%s: %u sockets",
		      name, after.edge.opened);
}

static void expect_owner(const struct allocation *al, const char *name)
{
	struct owner was, is;

	memset(&was, 0, sizeof(was));
	memset(&is, 0, sizeof(is));
	allocation_owner(before.turn.table, al, &was);
	allocation_owner(after.turn.table, restored, &is);
	ck_assert_msg(strlen(is.user) > 0 && memcmp(&was, &is, sizeof(is)) == 0,
		      "%s: owner", name);
}

START_TEST(every_kind_comes_back) /* one for each */
{
	const char *name = kinds[_i].name;
	const char *difference;

	begin();
	struct allocation *al = kinds[_i].make();

	take_image(al);
	expect_restored(name);
	expect_owner(al, name);
	ck_assert_msg(restored->id == al->id, "%s: id", name);
	ck_assert_uint_eq(extras.refused_peers, 0);
	expect_counts(restored, name);

	allocation_image_take(&after.turn, restored, &again);
	again.proof = image.proof;
	allocation_image_trim(&again, after.now_ms);
	ck_assert_uint_eq(again.move.al.restarts, 1);
	image.move.al.restarts = 1;
	difference = images_difference(&again, &image);
	ck_assert_msg(difference == NULL, "%s: %s differs", name, difference);
	if (al->mobile)
		ck_assert_ptr_eq(mobility_find(&after.turn, mobility_name(al->id)),
				 restored);
	end();
}
END_TEST

static const struct {
	uint16_t before, after;
} restarts[] = {{0, 1}, {1, 2}, {UINT16_MAX - 1, UINT16_MAX}, {UINT16_MAX, UINT16_MAX}};

START_TEST(restarts_are_counted) /* one for each */
{
	begin();
	take_image(make_typical());
	image.move.al.restarts = restarts[_i].before;
	expect_restored("typical");
	ck_assert_uint_eq(restored->restarts, restarts[_i].after);
	end();
}
END_TEST

static void client_goes_on(struct client *c)
{
	c->fixture = &after;
}

START_TEST(it_goes_on_as_before)
{
	struct forward forward;

	begin();
	take_image(make_typical());
	expect_restored("typical");
	client_goes_on(&alice);
	ck_assert(client_channel_data(&alice, 0x4001, "hello", 5));
	ck_assert_uint_eq(alice.out.forward.peer.port, 7000);
	ck_assert(client_send(&alice, PEER_B, "hello", 5));
	ck_assert(!client_send(&alice, "192.0.2.77:1", "hello", 5));
	ck_assert(client_from_peer(&alice, PEER, "back", 4, &forward));
	ck_assert(client_from_peer(&alice, PEER_B, "back", 4, &forward));
	ck_assert_int_eq(client_refresh(&alice, 600), 0);
	ck_assert_msg(alice.fault == NULL, "%s", alice.fault);
	ck_assert_int_eq(client_bind(&alice, 0x4002, PEER_B), 0);
	ck_assert_int_eq(client_refresh(&alice, 0), 0);
	ck_assert_ptr_null(client_allocation(&alice));
	end();
}
END_TEST

START_TEST(ms_goes_on_as_before)
{
	struct forward forward;

	begin();
	take_image(make_ms());
	expect_restored("MS");
	maria.fixture = &after;
	ck_assert(ms_client_data(&maria, "bare", 4));
	ck_assert(ms_client_send(&maria, PEER_B, "hello", 5));
	ck_assert(ms_client_from_peer(&maria, PEER, "back", 4, &forward));
	ck_assert_int_eq(ms_client_lifetime(&maria, 600), 0);
	ck_assert_msg(maria.fault == NULL, "%s", maria.fault);
	end();
}
END_TEST

START_TEST(a_move_is_completed)
{
	struct forward forward;

	begin();
	take_image(make_moving());
	expect_restored("moving");
	client_goes_on(&alice);
	client_goes_on(&moved);
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	ck_assert_uint_eq(quota_owners(after.shared.prefixes), 2);
	ck_assert(client_send(&moved, PEER, "hello", 5));
	ck_assert_msg(!restored->moving &&
			      five_tuple_equal(&restored->tuple, &moved.tuple),
		      "first data from there");
	ck_assert_uint_eq(quota_owners(after.shared.prefixes), 1);
	ck_assert(client_from_peer(&moved, PEER, "back", 4, &forward));
	ck_assert_msg(move_with(&alice, NULL) == 400, "the ticket is used up");
	end();
}
END_TEST

START_TEST(a_ticket_is_good_after_a_restart)
{
	begin();
	take_image(make_client_gone());
	extras.client_gone = true;
	expect_restored("client gone");
	client_goes_on(&moved);
	client_login(&moved);
	ck_assert_int_eq(move_with(&moved, &alice), 0);
	ck_assert_int_eq(client_permit(&moved, PEER), 0);
	ck_assert(client_send(&moved, PEER, "hello", 5));
	ck_assert(!restored->client_gone);
	end();
}
END_TEST

START_TEST(the_client_of_a_mobile_one_may_be_gone)
{
	begin();
	take_image(make_mobile_on(FRONT_OUTSIDE_TCP));
	extras.client_gone = true;
	expect_restored("client gone");
	ck_assert(restored->client_gone && restored->mobile);
	ck_assert_ptr_null(allocation_find(after.turn.table, &restored->tuple));
	end();
}
END_TEST

START_TEST(where_it_moves_it_is_if_its_connection_is_gone)
{
	begin();
	take_image(move_away(make_mobile_on(FRONT_OUTSIDE_TCP)));
	extras.client_gone = true;
	expect_restored("client gone while it moves");
	ck_assert(!restored->client_gone && !restored->moving);
	ck_assert(five_tuple_equal(&restored->tuple, &moved.tuple));
	ck_assert_uint_eq(after.edge.arrivals_due, 0);
	end();
}
END_TEST

START_TEST(another_worker_is_told_then)
{
	begin();
	take_image(move_away(make_mobile_on(FRONT_OUTSIDE_TCP)));
	image.move.mobility.via = 5;
	extras.client_gone = true;
	expect_restored("via worker 5");
	ck_assert(restored->client_gone && restored->moving);
	ck_assert_uint_eq(after.edge.arrivals_due, 1);
	end();
}
END_TEST

/* Why a move does not go on; the allocation does. */
START_TEST(a_move_is_abandoned)
{
	for (int i = 0; i < 3; i++) {
		begin();
		if (i == 0)
			client_init(&moved, &before, ELSEWHERE, FRONT_OUTSIDE_TCP,
				    "alice");
		take_image(make_moving());
		if (i == 0)
			extras.to_gone = true;
		else if (i == 1)
			image.move.mobility.via = FAKE_WORKERS;
		else
			after.settings.retired_fronts[FRONT_OUTSIDE_UDP6] = true,
			image.to_front = after.fronts[FRONT_OUTSIDE_UDP6];
		expect_restored("abandoned");
		ck_assert_msg(!restored->moving && !restored->client_gone, "%d", i);
		ck_assert_uint_eq(quota_owners(after.shared.prefixes), 1);
		client_goes_on(&alice);
		ck_assert_int_eq(client_refresh(&alice, 600), 0);
		end();
	}
}
END_TEST

START_TEST(sockets_that_survived_are_taken_over)
{
	begin();
	take_image(make_dual());
	extras.relay[0] = 100;
	extras.relay[1] = 101;
	expect_restored("both");
	ck_assert_uint_eq(after.edge.adopted, 2);
	ck_assert(extras.relay[0] == -1 && extras.relay[1] == -1);
	end();
}
END_TEST

START_TEST(a_socket_that_is_refused_stays_the_callers)
{
	begin();
	take_image(make_typical());
	extras.relay[0] = 100;
	after.edge.refuse = -ENOMEM;
	after.edge.refuse_times = 1;
	expect_lost(RESTORE_DESCRIPTORS, "no memory for it");
	ck_assert_int_eq(extras.relay[0], 100);
	end();
}
END_TEST

/* --- what does not come back ----------------------------------------------------------------- */

static const char other_key[] = "k2 YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY=\n";
static const char other_secret[] = "k1 YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY=\n";
static const char no_rest[] =
	"k1 MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY= rest=none\n";
static const char old_key[] = "k1 MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY= - "
			      "2023-11-14T22:13:00Z\n";

static void use_keyring(const char *text)
{
	struct keyring_error error;

	keyring_free(after.settings.keyring);
	after.settings.keyring = keyring_parse(text, strlen(text), &error);
	ck_assert_ptr_nonnull(after.settings.keyring);
}

static void let_it_expire(void)
{
	after.now_ms += 600000;
}

static void take_the_key_away(void)
{
	use_keyring(other_key);
}

static void give_the_key_another_secret(void)
{
	use_keyring(other_secret);
}

static void sign_no_rest(void)
{
	use_keyring(no_rest);
}

static void let_the_key_expire(void)
{
	use_keyring(old_key);
}

static void let_the_credential_expire(void)
{
	after.settings.limits.enforce_credential_expiry = true;
	after.unix_s += 2 * 86400;
}

static struct revoked_users *revoked;

static void revoke_alice(void)
{
	struct revoked_users_error error;

	revoked = revoked_users_parse("alice\n", 6, &error);
	ck_assert_ptr_nonnull(revoked);
	after.settings.revoked = revoked;
}

static void retire_the_front(void)
{
	after.settings.retired_fronts[FRONT_OUTSIDE_UDP] = true;
}

static void move_the_front(void)
{
	after.fronts[FRONT_OUTSIDE_UDP].local.port = 3479;
}

static void change_its_side(void)
{
	after.fronts[FRONT_OUTSIDE_UDP].side = SIDE_INSIDE;
}

static void take_ipv4_away(void)
{
	after.settings.relay[0] = after.settings.relay[1];
	after.settings.relay_count = 1;
}

static void refuse_with(int error)
{
	after.edge.refuse = error;
	after.edge.refuse_times = 1;
}

static void let_another_have_the_port(void)
{
	refuse_with(-EADDRINUSE);
}

static void let_the_address_be_gone(void)
{
	refuse_with(-EADDRNOTAVAIL);
}

static void let_descriptors_run_out(void)
{
	refuse_with(-EMFILE);
}

static void turn_ms_off(void)
{
	after.settings.ms.enabled = false;
}

static void lose_the_stream(void)
{
	extras.client_gone = true;
}

static void take_tokens_away(void)
{
	after.settings.token_keys = NULL;
}

static struct token_keyring other_tokens;

static void exchange_the_token_key(void)
{
	other_tokens = tokens;
	other_tokens.keys[0].key[5] ^= 1;
	after.settings.token_keys = &other_tokens;
}

static void let_the_token_key_expire(void)
{
	other_tokens = tokens;
	other_tokens.keys[0].not_after_s = after.unix_s - 1000;
	after.settings.token_keys = &other_tokens;
}

static void let_the_token_expire(void)
{
	after.unix_s += 1801; /* the clock of the monotonic time stands still */
}

static void forget_the_proof(void)
{
	image.proof.kind = OWNER_PROOF_NONE;
}

static void break_the_proof(void)
{
	image.proof.bytes = text_of("not a credential");
}

static void be_of_the_future(void)
{
	image.move.al.created_ms = after.now_ms + 1;
}

static void last_too_long(void)
{
	image.move.al.expires_ms = after.now_ms + 86400001;
	image.move.al.ends_ms = UINT64_MAX;
}

static void grant_too_much(void)
{
	image.move.al.lifetime_s = 86401;
}

static void permit_too_long(void)
{
	image.move.permissions[0].expires_ms = after.now_ms + 300001;
}

static void bind_too_long(void)
{
	image.move.channels[0].expires_ms = after.now_ms + 600001;
}

static void remember_another_code(void)
{
	image.move.al.transactions.codes[1] = 200;
}

static void remember_too_many(void)
{
	image.move.al.transactions.next = TRANSACTIONS_KEPT;
}

static void have_no_port_of_ours(void)
{
	image.move.al.relay_port = 1023;
}

static const struct {
	const char *name;
	enum restore_result result;
	struct allocation *(*make)(void);
	void (*change)(void);
} losses[] = {
	{"lifetime over", RESTORE_EXPIRED, make_typical, let_it_expire},
	{"key gone", RESTORE_REVOKED, make_typical, take_the_key_away},
	{"another secret", RESTORE_REVOKED, make_typical, give_the_key_another_secret},
	{"another secret, MS", RESTORE_REVOKED, make_ms, give_the_key_another_secret},
	{"REST is off", RESTORE_REVOKED, make_typical, sign_no_rest},
	{"user revoked", RESTORE_REVOKED, make_typical, revoke_alice},
	{"tokens off", RESTORE_REVOKED, make_short_token, take_tokens_away},
	{"token key exchanged", RESTORE_REVOKED, make_short_token,
	 exchange_the_token_key},
	{"key expired", RESTORE_CREDENTIAL, make_typical, let_the_key_expire},
	{"credential expired", RESTORE_CREDENTIAL, make_typical,
	 let_the_credential_expire},
	{"token key expired", RESTORE_CREDENTIAL, make_short_token,
	 let_the_token_key_expire},
	{"token expired", RESTORE_CREDENTIAL, make_short_token, let_the_token_expire},
	{"front retired", RESTORE_NO_FRONT, make_typical, retire_the_front},
	{"front on another port", RESTORE_NO_FRONT, make_typical, move_the_front},
	{"front on another side", RESTORE_NO_FRONT, make_typical, change_its_side},
	{"no such relayed address", RESTORE_NO_ADDRESS, make_typical, take_ipv4_away},
	{"no such address of the host", RESTORE_NO_ADDRESS, make_typical,
	 let_the_address_be_gone},
	{"port of another program", RESTORE_PORT_TAKEN, make_typical,
	 let_another_have_the_port},
	{"the same on TCP", RESTORE_PORT_TAKEN, make_tcp_relay,
	 let_another_have_the_port},
	{"no descriptors", RESTORE_DESCRIPTORS, make_mobile, let_descriptors_run_out},
	{"MS is off", RESTORE_DIALECT, make_ms, turn_ms_off},
	{"stream lost", RESTORE_NO_STREAM, make_on_stream, lose_the_stream},
	{"stream lost, MS", RESTORE_NO_STREAM, make_ms_on_stream, lose_the_stream},
	{"no proof", RESTORE_DAMAGED, make_typical, forget_the_proof},
	{"proof of nothing", RESTORE_DAMAGED, make_typical, break_the_proof},
	{"proof of nothing, MS", RESTORE_DAMAGED, make_ms, break_the_proof},
	{"of the future", RESTORE_DAMAGED, make_typical, be_of_the_future},
	{"for more than a day", RESTORE_DAMAGED, make_typical, last_too_long},
	{"granted more than a day", RESTORE_DAMAGED, make_typical, grant_too_much},
	{"permission of 300 s", RESTORE_DAMAGED, make_typical, permit_too_long},
	{"channel of 600 s", RESTORE_DAMAGED, make_typical, bind_too_long},
	{"no code of an answer", RESTORE_DAMAGED, make_typical, remember_another_code},
	{"no place of an answer", RESTORE_DAMAGED, make_typical, remember_too_many},
	{"no port of ours", RESTORE_DAMAGED, make_typical, have_no_port_of_ours},
};

START_TEST(what_does_not_come_back_says_why) /* one for each */
{
	begin();
	take_image(losses[_i].make());
	losses[_i].change();
	expect_lost(losses[_i].result, losses[_i].name);
	ck_assert_uint_eq(after.turn.counters.allocations_opened, 0);
	revoked_users_free(revoked);
	after.settings.revoked = revoked = NULL;
	end();
}
END_TEST

START_TEST(contradictions_lose_the_later_one)
{
	begin();
	take_image(make_mobile());
	const uint64_t id = image.move.al.id;

	expect_restored("first");
	image.move.al.id++;
	expect_lost(RESTORE_DAMAGED, "the same 5-tuple");
	image.move.al.tuple.client.port++;
	expect_lost(RESTORE_DAMAGED, "the same port");
	image.move.al.relay_port ^= 1;
	image.move.al.id = id;
	expect_lost(RESTORE_DAMAGED, "the same name");
	image.move.al.id += 1 << 25;
	expect_restored("then it is another one");
	end();
}
END_TEST

START_TEST(the_5_tuple_to_which_one_moves_is_taken)
{
	begin();
	take_image(make_moving());
	expect_restored("first");
	image.move.al.tuple.client = moved.tuple.client;
	image.move.al.moving = false;
	image.move.al.relay_port ^= 1;
	image.move.al.id += 1 << 25;
	expect_lost(RESTORE_DAMAGED, "where another one moves");
	end();
}
END_TEST

START_TEST(a_full_table_takes_no_more)
{
	const struct fixture_options was = {.mobility = true}, is = {.slots = 1};

	begin_each_with(&was, &is);
	take_image(make_typical());
	expect_restored("first");
	image.move.al.tuple.client.port++;
	image.move.al.relay_port ^= 1;
	expect_lost(RESTORE_FULL, "second");
	end();
}
END_TEST

START_TEST(fewer_permissions_than_it_has)
{
	const struct fixture_options was = {.mobility = true},
				     is = {.permissions_each = 1};

	begin_each_with(&was, &is);
	take_image(make_typical());
	expect_lost(RESTORE_FULL, "two permissions");
	end();
}
END_TEST

/* --- settings in force now ------------------------------------------------------------------- */

START_TEST(lower_limits_end_nothing)
{
	begin();
	take_image(make_typical());
	after.settings.limits.allocations_per_user[DIALECT_IETF] = 1;
	after.settings.limits.allocations_per_prefix = 1;
	after.settings.limits.allocations_per_side[SIDE_OUTSIDE] = 1;
	after.settings.limits.lifetime_max_s = 60;
	after.settings.limits.lifetime_default_s = 60;
	after.shared.allocations_total = 1;
	expect_restored("first");
	image.move.al.tuple.client.port++;
	image.move.al.relay_port ^= 1;
	image.move.al.id++;
	expect_restored("second");
	ck_assert_uint_eq(quota_held(after.shared.total, 0), 2);
	end();
}
END_TEST

START_TEST(a_forbidden_peer_does_not_come_back)
{
	struct forward forward;

	begin();
	take_image(make_typical());
	ck_assert(fixture_deny(&after, "192.0.2.1/32"));
	expect_restored("without its peer");
	ck_assert_uint_eq(extras.refused_peers, 2);
	ck_assert_uint_eq(restored->permission_count, 1);
	ck_assert_uint_eq(restored->channel_count, 0);
	client_goes_on(&alice);
	ck_assert(!client_channel_data(&alice, 0x4001, "hello", 5));
	ck_assert(!client_from_peer(&alice, PEER, "back", 4, &forward));
	ck_assert(client_send(&alice, PEER_B, "hello", 5));
	end();
}
END_TEST

START_TEST(nor_a_forbidden_destination)
{
	begin();
	take_image(make_ms());
	ck_assert(fixture_deny(&after, "192.0.2.1/32"));
	expect_restored("without its destination");
	ck_assert(!destination_is_set(&restored->active));
	ck_assert_uint_eq(restored->permission_count, 1);
	end();
}
END_TEST

START_TEST(a_peer_of_ours_may_come_back_later)
{
	struct allocation *bobs;
	static struct client bob;
	char relayed[ENDPOINT_TEXT_LEN];

	begin();
	client_init(&bob, &before, "192.0.2.201:5000", FRONT_OUTSIDE_UDP, "bob");
	bobs = allocate(&bob, 0, 0);
	const struct endpoint there = allocation_relayed_public(&before.turn, bobs);

	endpoint_format(&there, relayed, sizeof(relayed));
	struct allocation *al = allocate(&alice, 0, 0);

	ck_assert_int_eq(client_bind(&alice, 0x4001, relayed), 0);
	take_image(al);
	expect_restored("alice");
	ck_assert_uint_eq(restored->channel_count, 1);
	client_goes_on(&alice);
	ck_assert_msg(!client_channel_data(&alice, 0x4001, "hello", 5),
		      "nobody has that port");
	proved_by(&bob);
	take_image(bobs);
	expect_restored("bob");
	ck_assert_msg(client_channel_data(&alice, 0x4001, "hello", 5), "now bob has it");
	end();
}
END_TEST

START_TEST(permissions_keep_their_deadlines)
{
	begin();
	take_image(make_typical());
	after.now_ms += 299999;
	expect_restored("just in time");
	client_goes_on(&alice);
	ck_assert(client_send(&alice, PEER_B, "hello", 5));
	after.now_ms++;
	ck_assert_msg(!client_send(&alice, PEER_B, "hello", 5), "not a millisecond more");
	ck_assert(!client_channel_data(&alice, 0x4001, "hello", 5));
	end();
}
END_TEST

START_TEST(what_has_expired_is_left_out)
{
	begin();
	take_image(make_typical());
	after.now_ms += 300000;
	expect_restored("without permissions");
	ck_assert_uint_eq(restored->permission_count, 0);
	ck_assert_uint_eq(restored->channel_count, 1);
	client_goes_on(&alice);
	client_login(&alice);
	ck_assert_msg(!client_channel_data(&alice, 0x4001, "hello", 5), "no permission");
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	ck_assert(client_channel_data(&alice, 0x4001, "hello", 5));
	end();
}
END_TEST

/* Which half of a dual one comes back. */
static void expect_one_half(uint8_t family, const char *name)
{
	expect_restored(name);
	ck_assert_msg(restored->families == family && restored->dual.port == 0, "%s",
		      name);
	ck_assert_uint_eq(restored->channel_count, 1);
	ck_assert_uint_eq(restored->permission_count, 1);
	ck_assert_uint_eq(after.edge.opened - after.edge.closed, 1);
	client_goes_on(&alice);
	ck_assert(client_channel_data(&alice, family == IP_V4 ? 0x4002 : 0x4001, "hello",
				      5));
	ck_assert_int_eq(client_refresh(&alice, 600), 0);
}

START_TEST(a_half_comes_back_alone)
{
	begin();
	take_image(make_dual());
	take_ipv4_away();
	expect_one_half(IP_V6, "IPv4 is not configured");
	end();
	begin();
	take_image(make_dual());
	refuse_with(-EADDRINUSE);
	after.edge.refuse_family = IP_V6;
	expect_one_half(IP_V4, "another program has the port of IPv6");
	end();
	begin();
	take_image(make_dual_of_two_ages());
	after.edge.refuse_family = IP_V6;
	refuse_with(-EADDRINUSE);
	expect_one_half(IP_V4, "the one that lasts longer cannot be had");
	end();
}
END_TEST

START_TEST(the_later_half_comes_back_alone)
{
	begin();
	take_image(make_dual_of_two_ages());
	const uint64_t later_ms = image.move.al.dual.later_ms;

	after.now_ms += 700000;
	expect_restored("IPv4 has expired");
	ck_assert_uint_eq(restored->families, IP_V6);
	ck_assert_uint_eq(restored->expires_ms, later_ms);
	ck_assert_uint_eq(restored->dual.later_family, IP_NONE);
	end();
}
END_TEST

START_TEST(an_earlier_bound_cuts_its_time)
{
	begin();
	take_image(make_dual_of_two_ages());
	after.settings.limits.enforce_credential_expiry = true;
	after.unix_s += 86400 - 1000; /* alice's credential is good for a day */
	expect_restored("ends earlier");
	ck_assert_uint_eq(restored->ends_ms, after.now_ms + 1000000);
	ck_assert_uint_eq(restored->dual.later_ms, after.now_ms + 1000000);
	ck_assert_uint_eq(restored->expires_ms, after.now_ms + 600000);
	end();
}
END_TEST

START_TEST(a_realm_may_change)
{
	begin();
	take_image(make_typical());
	strcpy(after.settings.realm, "other.test");
	expect_restored("another realm");
	client_goes_on(&alice);
	ck_assert_int_eq(client_refresh(&alice, 600), 401);
	client_keep_challenge(&alice);
	ck_assert_int_eq(client_refresh(&alice, 600), 0);
	ck_assert_msg(alice.fault == NULL, "%s", alice.fault);
	end();
}
END_TEST

START_TEST(bandwidth_is_reserved_without_limits)
{
	begin();
	take_image(make_ms_reserved());
	after.settings.limits.bandwidth.total = 1000;
	expect_restored("reserved");
	const struct ms_reserved_figures is = ms_reserved_figures(after.shared.reserved);

	ck_assert_uint_eq(is.count, 1);
	ck_assert_uint_eq(is.bps, image.ms_reservation.bps);
	after.now_ms = image.ms_reservation.expires_ms;
	ms_reservation_expire(&after.turn, after.now_ms);
	ck_assert_uint_eq(ms_reserved_figures(after.shared.reserved).count, 0);
	end();
}
END_TEST

START_TEST(reserved_bandwidth_may_have_expired)
{
	begin();
	take_image(make_ms_reserved());
	image.ms_reservation.expires_ms = after.now_ms;
	expect_restored("reserved until now");
	ck_assert_uint_eq(ms_reserved_figures(after.shared.reserved).count, 0);
	ck_assert_int_eq(ms_reservation_of(&after.turn, restored)->state,
			 MS_RESERVATION_ENDED);
	end();
}
END_TEST

START_TEST(no_debt_is_forever)
{
	begin();
	take_image(make_typical());
	image.move.al.lease.average.full_ns = UINT64_MAX;
	image.move.al.lease.peak.full_ns = (after.now_ms + 3000) * 1000000;
	expect_restored("in debt");
	ck_assert_uint_eq(restored->lease.average.full_ns, 0);
	ck_assert_uint_eq(restored->lease.peak.full_ns, (after.now_ms + 3000) * 1000000);
	end();
}
END_TEST

START_TEST(no_id_comes_twice)
{
	begin();
	take_image(make_typical());
	allocation_table_start(after.turn.table, 77);
	expect_restored("id of the process before");
	ck_assert_uint_eq(allocation_table_generation(after.turn.table), 79);
	for (uint16_t port = 1; port < 20; port++) {
		struct allocation *al = fixture_allocate(&after, "bob", port, NULL);

		ck_assert_uint_gt(al->id >> 24 & 0xFFFFFFFF, 78);
		allocation_delete(&after.turn, al, END_RELEASED, after.now_ms);
	}
	ck_assert_uint_eq(allocation_table_generation(after.turn.table), 79 + 2 * 18);
	end();
}
END_TEST

static void add_cases(Suite *suite)
{
	TCase *tc = tcase_create("kinds");

	tcase_add_loop_test(tc, every_kind_comes_back, 0, ROWS(kinds));
	tcase_add_loop_test(tc, restarts_are_counted, 0, ROWS(restarts));
	tcase_add_test(tc, it_goes_on_as_before);
	tcase_add_test(tc, ms_goes_on_as_before);
	tcase_add_test(tc, a_move_is_completed);
	tcase_add_test(tc, a_ticket_is_good_after_a_restart);
	tcase_add_test(tc, the_client_of_a_mobile_one_may_be_gone);
	tcase_add_test(tc, where_it_moves_it_is_if_its_connection_is_gone);
	tcase_add_test(tc, another_worker_is_told_then);
	tcase_add_test(tc, a_move_is_abandoned);
	tcase_add_test(tc, sockets_that_survived_are_taken_over);
	tcase_add_test(tc, a_socket_that_is_refused_stays_the_callers);
	suite_add_tcase(suite, tc);

	tc = tcase_create("losses");
	tcase_add_loop_test(tc, what_does_not_come_back_says_why, 0, ROWS(losses));
	tcase_add_test(tc, contradictions_lose_the_later_one);
	tcase_add_test(tc, the_5_tuple_to_which_one_moves_is_taken);
	tcase_add_test(tc, a_full_table_takes_no_more);
	tcase_add_test(tc, fewer_permissions_than_it_has);
	suite_add_tcase(suite, tc);

	tc = tcase_create("settings");
	tcase_add_test(tc, lower_limits_end_nothing);
	tcase_add_test(tc, a_forbidden_peer_does_not_come_back);
	tcase_add_test(tc, nor_a_forbidden_destination);
	tcase_add_test(tc, a_peer_of_ours_may_come_back_later);
	tcase_add_test(tc, permissions_keep_their_deadlines);
	tcase_add_test(tc, what_has_expired_is_left_out);
	tcase_add_test(tc, a_half_comes_back_alone);
	tcase_add_test(tc, the_later_half_comes_back_alone);
	tcase_add_test(tc, an_earlier_bound_cuts_its_time);
	tcase_add_test(tc, a_realm_may_change);
	tcase_add_test(tc, bandwidth_is_reserved_without_limits);
	tcase_add_test(tc, reserved_bandwidth_may_have_expired);
	tcase_add_test(tc, no_debt_is_forever);
	tcase_add_test(tc, no_id_comes_twice);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("allocation_restore", add_cases)
