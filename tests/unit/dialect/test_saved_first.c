/*
 * test_saved_first.c - a process that is killed right after it has answered leaves what it has answered: the
 * record is in force before there is a reply to send. And what it leaves is enough to authenticate the
 * owner again.
 */
#include <string.h>

#include "relay/core/allocation_image.h"
#include "relay/core/owner_proof.h"
#include "relay/core/revocation.h"
#include "tests/unit/core/records.h"
#include "tests/unit/dialect/ms_client.h"
#include "tests/unit/dialect/turn_client.h"
#include "tests/unit/lib/unit.h"

#define ALICE "192.0.2.200:5000"
#define PEER "192.0.2.1:7000"

static struct fixture fixture;
static struct client alice, other;
static struct ms_client bob;
static struct allocation_image image;

static void begin(void)
{
	ck_assert(fixture_start(&fixture, &(struct fixture_options){.mobility = true}));
	ms_fixture_enable(&fixture);
	client_init(&alice, &fixture, ALICE, FRONT_OUTSIDE_UDP, "alice");
	ms_client_init(&bob, &fixture, "192.0.2.201:5000", FRONT_OUTSIDE_UDP, "bob");
}

static void end(void)
{
	fixture_stop(&fixture);
}

/* The record of the one allocation, as a process would find it that starts right now. */
static bool is_left(void)
{
	return records_of_read(fixture.edge.records, 0, &image);
}

static void allocate(void)
{
	ck_assert_int_eq(client_allocate(&alice), 0);
	ck_assert(alice.out.action == DISPATCH_REPLY && is_left());
}

START_TEST(allocate_leaves_its_relayed_address)
{
	ck_assert_int_eq(client_login(&alice), 401);
	ck_assert_msg(!is_left(), "a stranger leaves nothing");
	allocate();
	const struct endpoint relayed = client_address(&alice, TURN_XOR_RELAYED_ADDRESS);

	ck_assert(ip_addr_equal(&image.relay_address, &relayed.ip));
	ck_assert_uint_eq(image.move.al.relay_port, relayed.port);
	ck_assert(endpoint_equal(&image.move.al.tuple.client, &alice.tuple.client));
	ck_assert_mem_eq(image.move.al.txid, alice.answer.txid, STUN_TXID_LEN);
}
END_TEST

START_TEST(refresh_leaves_its_lifetime)
{
	allocate();
	fixture.now_ms += 5000;
	ck_assert_int_eq(client_refresh(&alice, 1200), 0);
	ck_assert(is_left());
	ck_assert_uint_eq(image.move.al.lifetime_s, 1200);
	ck_assert_uint_eq(image.move.al.expires_ms, fixture.now_ms + 1200000);
}
END_TEST

START_TEST(create_permission_leaves_it)
{
	const struct endpoint peer = ep(PEER);

	allocate();
	ck_assert_uint_eq(image.move.al.permission_count, 0);
	ck_assert_int_eq(client_permit(&alice, PEER), 0);
	ck_assert(is_left());
	ck_assert_uint_eq(image.move.al.permission_count, 1);
	ck_assert(ip_addr_equal(&image.move.permissions[0].peer, &peer.ip));
}
END_TEST

START_TEST(channel_bind_leaves_it)
{
	const struct endpoint peer = ep(PEER);

	allocate();
	ck_assert_int_eq(client_bind(&alice, 0x4001, PEER), 0);
	ck_assert(is_left());
	ck_assert_uint_eq(image.move.al.channel_count, 1);
	ck_assert_uint_eq(image.move.channels[0].number, 0x4001);
	ck_assert(endpoint_equal(&image.move.channels[0].peer, &peer));
	ck_assert_uint_eq(image.move.channels[0].permission, 0);
}
END_TEST

START_TEST(refresh_with_lifetime_0_leaves_nothing)
{
	allocate();
	ck_assert_int_eq(client_refresh(&alice, 0), 0);
	ck_assert(!is_left());
}
END_TEST

START_TEST(a_refused_request_leaves_all_as_it_is)
{
	allocate();
	ck_assert_int_eq(client_bind(&alice, 0x3FFF, PEER), 400);
	ck_assert(is_left());
	ck_assert_uint_eq(image.move.al.channel_count + image.move.al.permission_count,
			  0);
}
END_TEST

START_TEST(a_ticket_leaves_its_number)
{
	ck_assert_int_eq(client_login(&alice), 401);
	client_start(&alice, TURN_ALLOCATE);
	stun_add_u32(&alice.b, TURN_REQUESTED_TRANSPORT, 17u << 24);
	stun_builder_add(&alice.b, TURN_MOBILITY_TICKET, NULL, 0);
	ck_assert_int_eq(client_ask(&alice), 0);
	ck_assert(is_left());
	ck_assert(image.move.al.mobile && !image.move.al.moving);
	ck_assert_uint_eq(image.move.mobility.ticket, 0);

	struct stun_attr ticket;

	ck_assert(client_find(&alice, TURN_MOBILITY_TICKET, &ticket));
	client_init(&other, &fixture, "192.0.2.210:6000", FRONT_OUTSIDE_UDP, "alice");
	ck_assert_int_eq(client_login(&other), 401);
	client_start(&other, TURN_REFRESH);
	stun_builder_add(&other.b, TURN_MOBILITY_TICKET, ticket.value.data,
			 ticket.value.len);
	ck_assert_int_eq(client_ask(&other), 0);
	ck_assert(is_left());
	ck_assert_msg(image.move.al.moving && image.move.mobility.ticket == 1,
		      "the ticket is used up");
	ck_assert(endpoint_equal(&image.move.mobility.to.client, &other.tuple.client));

	/* The first data from there completes the move; nothing is answered. */
	client_send(&other, PEER, "x", 1);
	ck_assert(is_left());
	ck_assert(!image.move.al.moving);
	ck_assert(endpoint_equal(&image.move.al.tuple.client, &other.tuple.client));
}
END_TEST

START_TEST(set_active_destination_leaves_peer_and_number)
{
	const struct endpoint peer = ep(PEER);

	ck_assert_int_eq(ms_client_allocate(&bob), 0);
	ck_assert(bob.out.action == DISPATCH_REPLY && is_left());
	ck_assert_uint_eq(image.move.al.permission_count, 0);
	ck_assert(ms_client_send(&bob, PEER, "x", 1));
	ck_assert(is_left());
	ck_assert_msg(image.move.al.permission_count == 1, "Send installs it");
	ck_assert_int_eq(ms_client_activate(&bob, PEER), 0);
	ck_assert(is_left());
	ck_assert(endpoint_equal(&image.move.al.active.peer, &peer));
	ck_assert_uint_eq(image.move.al.ms.sequence.newest, bob.number);
	ck_assert_mem_eq(image.move.al.ms.sequence.connection_id, bob.connection_id,
			 MS_CONNECTION_ID_LEN);
	ck_assert_int_eq(ms_client_lifetime(&bob, 0), 0);
	ck_assert(!is_left());
}
END_TEST

/* What expires leaves nothing either, before the loop waits. */
START_TEST(the_end_of_its_lifetime_leaves_nothing)
{
	allocate();
	fixture.now_ms += 600000;
	dispatch_expire(&fixture.turn, fixture.now_ms);
	ck_assert(!is_left());
}
END_TEST

static void owner_is_proved(const struct allocation *al, const char *name)
{
	struct owner again = {0};

	ck_assert(is_left());
	enum owner_proof_result result =
		owner_proof_again(&fixture.turn, &image.proof, &image.move.owner,
				  image.key_mark, fixture.unix_s, &again);

	ck_assert_msg(result == OWNER_PROVED, "%s: %d", name, result);
	ck_assert_msg(again.key.len == al->owner.key.len &&
			      memcmp(again.key.bytes, al->owner.key.bytes,
				     again.key.len) == 0,
		      "%s: another key", name);
	ck_assert_msg(owner_id_equal(&again.id, &al->owner.id), "%s: another owner",
		      name);
	ck_assert_str_eq(again.user, allocation_user(fixture.turn.table, al));
}

static const struct {
	const char *name;
	enum client_auth auth;
} auths[] = {
	{"SHA-256", CLIENT_SHA256},
	{"MD5", CLIENT_MD5},
	{"MD5, chosen", CLIENT_MD5_CHOSEN},
};

START_TEST(the_proof_gives_the_key_again) /* one for each */
{
	alice.auth = auths[_i].auth;
	allocate();
	owner_is_proved(client_allocation(&alice), auths[_i].name);

	/* It is taken over from record to record. */
	ck_assert_int_eq(client_bind(&alice, 0x4001, PEER), 0);
	ck_assert_int_eq(client_refresh(&alice, 700), 0);
	owner_is_proved(client_allocation(&alice), auths[_i].name);

	/* The key is of the realm that was in force. */
	strcpy(fixture.settings.realm, "another.test");
	ck_assert_int_eq(client_refresh(&alice, 800), 401);
	owner_is_proved(client_allocation(&alice), auths[_i].name);
}
END_TEST

static const struct {
	const char *name;
	enum ms_form form;
	enum ms_integrity kind;
} forms[] = {
	{"bytes, SHA-1", MS_FORM_BINARY, MS_INTEGRITY_SHA1},
	{"bytes, SHA-256", MS_FORM_BINARY, MS_INTEGRITY_SHA256},
	{"text, SHA-1", MS_FORM_TEXT, MS_INTEGRITY_SHA1},
	{"REST, SHA-256", MS_FORM_REST, MS_INTEGRITY_SHA256},
};

START_TEST(the_proof_of_the_ms_dialect_gives_it_again) /* one for each */
{
	fixture.settings.ms.version = MS_VERSION_SHA256;
	bob.kind = forms[_i].kind;
	ms_client_credential(&bob, "bob", forms[_i].form, fixture.unix_s + 3600);
	ck_assert_int_eq(ms_client_allocate(&bob), 0);
	owner_is_proved(ms_client_allocation(&bob), forms[_i].name);
	ck_assert(ms_client_send(&bob, PEER, "x", 1));
	ck_assert_int_eq(ms_client_activate(&bob, PEER), 0);
	owner_is_proved(ms_client_allocation(&bob), forms[_i].name);
}
END_TEST

/* A slot that is taken again has nothing of whom it belonged to before. */
START_TEST(the_next_in_its_slot_has_its_own_proof)
{
	allocate();
	client_init(&other, &fixture, "192.0.2.202:5000", FRONT_OUTSIDE_UDP, "carol");
	ck_assert_int_eq(client_refresh(&alice, 0), 0);
	ck_assert_int_eq(client_allocate(&other), 0);
	ck_assert(is_left());
	ck_assert_uint_eq(image.proof.bytes.len, other.username_len);
	ck_assert_mem_eq(image.proof.bytes.data, other.username, other.username_len);
	ck_assert_str_eq(image.move.owner.user, "carol");
}
END_TEST

static void saved_first_suite(Suite *suite)
{
	TCase *tc = tcase_create("saved_first");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, allocate_leaves_its_relayed_address);
	tcase_add_test(tc, refresh_leaves_its_lifetime);
	tcase_add_test(tc, create_permission_leaves_it);
	tcase_add_test(tc, channel_bind_leaves_it);
	tcase_add_test(tc, refresh_with_lifetime_0_leaves_nothing);
	tcase_add_test(tc, a_refused_request_leaves_all_as_it_is);
	tcase_add_test(tc, a_ticket_leaves_its_number);
	tcase_add_test(tc, set_active_destination_leaves_peer_and_number);
	tcase_add_test(tc, the_end_of_its_lifetime_leaves_nothing);
	tcase_add_loop_test(tc, the_proof_gives_the_key_again, 0, ROWS(auths));
	tcase_add_loop_test(tc, the_proof_of_the_ms_dialect_gives_it_again, 0,
			    ROWS(forms));
	tcase_add_test(tc, the_next_in_its_slot_has_its_own_proof);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("saved_first", saved_first_suite)
