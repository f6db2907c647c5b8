/*
 * test_channel.c - numbers bound to peers (RFC 8656 section 12, the part that the core
 * decides).
 */
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/channel.h"
#include "relay/core/permission.h"
#include "tests/unit/core/random.h"

#define ONE_FIXTURE_ALLOCATION
#include "tests/unit/core/one_fixture.h"

static int bind_to(uint16_t number, const char *peer)
{
	struct endpoint one = ep(peer);

	return channel_bind(&fixture.turn, al, number, &one, fixture.now_ms, NULL);
}

/* The peer behind a live channel. */
static bool find_peer(const struct turn *turn, const struct allocation *of,
		      uint16_t number, uint64_t now_ms, struct endpoint *peer)
{
	const struct channel *ch = channel_by_number(turn, of, number, now_ms);

	if (ch)
		*peer = ch->peer;
	return ch != NULL;
}

/* The live channel of a peer, or 0. */
static uint16_t find_number(const struct turn *turn, const struct allocation *of,
			    const struct endpoint *peer, uint64_t now_ms)
{
	const struct endpoint named = peer_as_named(turn, peer);
	const struct channel *ch = channel_by_peer(turn, of, &named, now_ms);

	return ch ? ch->number : 0;
}

static bool number_leads_to(uint16_t number, const char *peer)
{
	struct endpoint got, want = ep(peer);

	return find_peer(&fixture.turn, al, number, fixture.now_ms, &got) &&
	       endpoint_equal(&got, &want);
}

static const struct {
	const char *name;
	uint16_t number;
	const char *peer;
	int want;
} binds[] = {
	{"zero", 0x0000, "192.0.2.2:9", 400},
	{"below the range", 0x3FFF, "192.0.2.2:9", 400},
	{"lowest", 0x4000, "192.0.2.2:9", 0},
	{"highest", 0x4FFF, "192.0.2.2:9", 0},
	{"reserved (RFC 8656 section 12)", 0x5000, "192.0.2.2:9", 400},
	{"valid in RFC 5766 only", 0x7FFF, "192.0.2.2:9", 400},
	{"largest", 0xFFFF, "192.0.2.2:9", 400},
	{"port 0 (T-381)", 0x4002, "192.0.2.2:0", 400},
	{"other family (T-364)", 0x4002, "[2001:db8::9]:9", 443},
	{"policy (T-365)", 0x4002, "10.0.0.9:9", 403},
	{"own front (T-365)", 0x4002, "198.18.0.1:3478", 403},
	{"own relay port that is idle", 0x4002, "198.18.0.1:50500", 403},
	{"bound number, other address (T-362)", 0x4001, "192.0.2.2:1", 400},
	{"bound number, other port (T-362)", 0x4001, "192.0.2.1:2", 400},
	{"bound peer, other number (T-363)", 0x4002, "192.0.2.1:1", 400},
	{"bound peer's address, other port", 0x4002, "192.0.2.1:2", 0},
	{"the same again", 0x4001, "192.0.2.1:1", 0},
};

START_TEST(channel_bind_checks_number_and_peer) /* T-361 to T-365, T-381 */
{
	ck_assert_int_eq(bind_to(0x4001, "192.0.2.1:1"), 0);
	al->shows_rfc8656 = true;
	int got = bind_to(binds[_i].number, binds[_i].peer);
	ck_assert_msg(got == binds[_i].want, "%s: got %d", binds[_i].name, got);
	ck_assert(number_leads_to(0x4001, "192.0.2.1:1"));
	if (got == 0) {
		ck_assert(number_leads_to(binds[_i].number, binds[_i].peer));
	} else {
		struct endpoint peer = ep(binds[_i].peer);
		bool mine = peer.ip.family == IP_V4 && peer.ip.bytes[3] == 1;
		ck_assert_uint_eq(al->channel_count, 1);
		ck_assert(mine || !permission_allows(&fixture.turn, al, &peer.ip,
						     fixture.now_ms));
	}
}
END_TEST

START_TEST(tunnelled_peers_are_refused) /* T-382 */
{
	fixture_by_hand(&fixture);
	al->families = IP_V6;
	ck_assert_int_eq(bind_to(0x4000, "[2001:0:1::1]:9"), 403);
	ck_assert_int_eq(bind_to(0x4000, "[2002:c000:201::1]:9"), 403);
	ck_assert_int_eq(bind_to(0x4000, "[::ffff:192.0.2.1]:9"), 403);
}
END_TEST

START_TEST(channel_lasts_ten_minutes_its_permission_five) /* T-367, T-377 */
{
	uint64_t start = fixture.now_ms;
	const struct ip_addr peer = ep("192.0.2.1:9").ip;

	ck_assert_int_eq(bind_to(0x4000, "192.0.2.1:9"), 0);
	fixture.now_ms = start + 299999;
	ck_assert(permission_allows(&fixture.turn, al, &peer, fixture.now_ms));
	fixture.now_ms = start + 300000;
	ck_assert(!permission_allows(&fixture.turn, al, &peer, fixture.now_ms));
	ck_assert(number_leads_to(0x4000, "192.0.2.1:9"));
	fixture.now_ms = start + 599999;
	ck_assert(number_leads_to(0x4000, "192.0.2.1:9"));
	ck_assert_int_eq(bind_to(0x4000, "192.0.2.2:9"), 400);
	fixture.now_ms = start + 600000;
	ck_assert(!number_leads_to(0x4000, "192.0.2.1:9"));

	/* Number and peer can be bound again, each to another. */
	ck_assert_int_eq(bind_to(0x4000, "192.0.2.2:9"), 0);
	ck_assert_int_eq(bind_to(0x4001, "192.0.2.1:9"), 0);
	ck_assert(number_leads_to(0x4000, "192.0.2.2:9"));
	ck_assert(number_leads_to(0x4001, "192.0.2.1:9"));
	ck_assert_uint_eq(al->channel_count, 2);
}
END_TEST

START_TEST(rebinding_refreshes_channel_and_permission) /* T-367 */
{
	const struct ip_addr peer = ep("192.0.2.1:9").ip;

	ck_assert_int_eq(bind_to(0x4000, "192.0.2.1:9"), 0);
	fixture.now_ms += 500000;
	ck_assert_int_eq(bind_to(0x4000, "192.0.2.1:9"), 0);
	ck_assert_uint_eq(al->channel_count, 1);
	ck_assert(permission_allows(&fixture.turn, al, &peer, fixture.now_ms + 299999));
	fixture.now_ms += 599999;
	ck_assert(number_leads_to(0x4000, "192.0.2.1:9"));
}
END_TEST

START_TEST(cap_is_508_and_changes_nothing) /* T-366 */
{
	for (uint16_t i = 0; i < 8; i++) {
		struct endpoint peer = ep("192.0.2.1:9");
		peer.port += i;
		ck_assert_int_eq(channel_bind(&fixture.turn, al, 0x4000 + i, &peer,
					      fixture.now_ms, NULL),
				 0);
	}
	ck_assert_int_eq(bind_to(0x4100, "192.0.2.2:9"), 508);
	ck_assert_uint_eq(al->permission_count, 1);
	/* Bound channels can be refreshed, expired ones make room. */
	fixture.now_ms += 1000;
	ck_assert_int_eq(bind_to(0x4000, "192.0.2.1:9"), 0);
	fixture.now_ms += 599000;
	ck_assert_int_eq(bind_to(0x4100, "192.0.2.2:9"), 0);
	ck_assert_uint_eq(fixture.turn.table->channels.used, 2);
}
END_TEST

START_TEST(no_room_for_the_permission_is_508_without_a_channel)
{
	begin_with(&(struct fixture_options){.permissions_each = 1, .channels_each = 4});
	ck_assert_int_eq(bind_to(0x4000, "192.0.2.1:9"), 0);
	ck_assert_int_eq(bind_to(0x4001, "192.0.2.2:9"), 508);
	ck_assert_uint_eq(al->channel_count, 1);
	ck_assert_int_eq(bind_to(0x4001, "192.0.2.1:10"), 0);
}
END_TEST

START_TEST(channels_belong_to_their_allocation) /* T-376 */
{
	struct endpoint peer = ep("192.0.2.2:9"), got;
	struct allocation *other = fixture_allocate(&fixture, "alice", 2, NULL);

	ck_assert_int_eq(bind_to(0x4000, "192.0.2.1:9"), 0);
	ck_assert(!find_peer(&fixture.turn, other, 0x4000, fixture.now_ms, &got));
	ck_assert_int_eq(channel_bind(&fixture.turn, other, 0x4000, &peer, fixture.now_ms,
				      NULL),
			 0);
	ck_assert(number_leads_to(0x4000, "192.0.2.1:9"));

	/* Channels end with their allocation: the next on the same 5-tuple has none. */
	allocation_delete(&fixture.turn, al, END_RELEASED, fixture.now_ms);
	al = fixture_allocate(&fixture, "alice", 1, NULL);
	ck_assert(!find_peer(&fixture.turn, al, 0x4000, fixture.now_ms, &got));
	ck_assert_int_eq(bind_to(0x4000, "192.0.2.3:9"), 0);
}
END_TEST

START_TEST(channel_follows_the_permission_of_its_address)
{
	struct endpoint others[8];
	struct channel *ch;

	/* The channel outlives its permission, whose slot another address takes. */
	ck_assert_int_eq(bind_to(0x4000, "192.0.2.1:9"), 0);
	fixture.now_ms += 300000;
	for (uint8_t i = 0; i < 8; i++) {
		others[i] = ep("192.0.2.0:9");
		others[i].ip.bytes[3] = (uint8_t)(10 + i);
	}
	ck_assert_int_eq(permission_install(&fixture.turn, al, others, 8, fixture.now_ms,
					    NULL),
			 0);
	ch = channel_by_number(&fixture.turn, al, 0x4000, fixture.now_ms);
	ck_assert_ptr_nonnull(ch);
	ck_assert_uint_eq(ch->permission, SLOT_NONE);

	/* A new permission for the address, in any slot, serves the channel. */
	fixture.now_ms += 299999;
	ck_assert_int_eq(permission_install(&fixture.turn, al, others, 7, fixture.now_ms,
					    NULL),
			 0);
	fixture.now_ms += 1;
	ch = channel_by_number(&fixture.turn, al, 0x4000, fixture.now_ms - 1);
	ck_assert_ptr_nonnull(ch);
	const struct endpoint again = ep("192.0.2.1:0");
	ck_assert_int_eq(permission_install(&fixture.turn, al, &again, 1, fixture.now_ms,
					    NULL),
			 0);
	ck_assert_uint_ne(ch->permission, SLOT_NONE);
	ck_assert(ip_addr_equal(&permission_at(fixture.turn.table, ch->permission)->peer,
				&ch->peer.ip));
}
END_TEST

START_TEST(channels_agree_with_a_naive_list)
{
	struct {
		uint8_t peer;
		uint64_t expires;
	} model[12] = {0};
	uint64_t state = 5;

	allocation_refresh(&fixture.turn, al, UINT32_MAX, fixture.now_ms);
	for (int step = 0; step < 20000; step++) {
		uint8_t number = (uint8_t)random_below(&state, 12);
		uint8_t n = (uint8_t)random_below(&state, 12);
		struct endpoint peer = ep("192.0.2.77:100");
		size_t live = 0;
		int want = 0;

		fixture.now_ms += random_below(&state, 120000);
		peer.port += n;
		for (uint8_t i = 0; i < 12; i++) {
			bool alive = model[i].expires > fixture.now_ms;
			live += alive;
			if (alive && (i == number) != (model[i].peer == n))
				want = 400;
		}
		if (want == 0 && live == 8 && model[number].expires <= fixture.now_ms)
			want = 508;
		int got = channel_bind(&fixture.turn, al, 0x4000 + number, &peer,
				       fixture.now_ms, NULL);
		if (got != want)
			ck_abort_msg("step %d: got %d, want %d", step, got, want);
		if (got == 0) {
			model[number].peer = n;
			model[number].expires = fixture.now_ms + 600000;
		}
		for (uint8_t i = 0; i < 12; i++) {
			struct endpoint found;
			bool alive = model[i].expires > fixture.now_ms;
			if (find_peer(&fixture.turn, al, 0x4000 + i, fixture.now_ms,
				      &found) != alive ||
			    (alive && found.port != 100 + model[i].peer))
				ck_abort_msg("step %d: number %u is wrong", step, i);
			if (alive && find_number(&fixture.turn, al, &found,
						 fixture.now_ms) != 0x4000 + i)
				ck_abort_msg("step %d: peer of %u is wrong", step, i);
		}
	}
}
END_TEST

START_TEST(walk_meets_each_once)
{
	uint32_t cursor;
	uint16_t number, seen = 0;
	struct endpoint peer;
	uint64_t expires_ms;

	for (uint16_t i = 0; i < 6; i++) {
		peer = ep("192.0.2.1:100");
		peer.port += i;
		ck_assert_int_eq(channel_bind(&fixture.turn, al, 0x4000 + i, &peer,
					      fixture.now_ms, NULL),
				 0);
	}
	cursor = al->channels;
	while (channel_next(&fixture.turn, &cursor, &number, &peer, &expires_ms)) {
		ck_assert_uint_eq(peer.port, 100 + number - 0x4000);
		ck_assert_uint_eq(expires_ms, fixture.now_ms + 600000);
		seen |= (uint16_t)(1u << (number - 0x4000));
	}
	ck_assert_uint_eq(seen, 0x3F);
}
END_TEST

START_TEST(own_address_is_one_in_both_forms)
{
	begin_with(&(struct fixture_options){.nat = true});
	struct allocation *other = fixture_allocate(&fixture, "bob", 2, NULL);
	struct endpoint local = allocation_relayed_local(&fixture.turn, other);
	struct endpoint public = allocation_relayed_public(&fixture.turn, other);
	struct endpoint got;

	ck_assert_int_eq(
		channel_bind(&fixture.turn, al, 0x4000, &local, fixture.now_ms, NULL), 0);
	ck_assert_int_eq(channel_bind(&fixture.turn, al, 0x4001, &public, fixture.now_ms,
				      NULL),
			 400);
	ck_assert_int_eq(channel_bind(&fixture.turn, al, 0x4000, &public, fixture.now_ms,
				      NULL),
			 0);
	ck_assert(find_peer(&fixture.turn, al, 0x4000, fixture.now_ms, &got));
	ck_assert(endpoint_equal(&got, &public));
	ck_assert_uint_eq(find_number(&fixture.turn, al, &local, fixture.now_ms), 0x4000);
}
END_TEST

static void channel_suite(Suite *suite)
{
	TCase *tc = tcase_create("channel");
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, channel_bind_checks_number_and_peer, 0, ROWS(binds));
	tcase_add_test(tc, tunnelled_peers_are_refused);
	tcase_add_test(tc, channel_lasts_ten_minutes_its_permission_five);
	tcase_add_test(tc, rebinding_refreshes_channel_and_permission);
	tcase_add_test(tc, cap_is_508_and_changes_nothing);
	tcase_add_test(tc, no_room_for_the_permission_is_508_without_a_channel);
	tcase_add_test(tc, channels_belong_to_their_allocation);
	tcase_add_test(tc, channel_follows_the_permission_of_its_address);
	tcase_add_test(tc, channels_agree_with_a_naive_list);
	tcase_add_test(tc, walk_meets_each_once);
	tcase_add_test(tc, own_address_is_one_in_both_forms);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("channel", channel_suite)
