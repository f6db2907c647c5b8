/*
 * test_hot.c - which channels and active destinations are noted as hot, by the packets that core/forward and
 * core/forward_ms let pass.
 */
#include <string.h>

#include "relay/core/allocation_table.h"
#include "relay/core/channel.h"
#include "relay/core/destination.h"
#include "relay/core/forward.h"
#include "relay/core/forward_ms.h"
#include "relay/core/hot.h"
#include "relay/core/permission.h"
#include "stun/chandata.h"

#define ONE_FIXTURE_ALLOCATION
#define ONE_FIXTURE_BY_HAND
#include "tests/unit/core/one_fixture.h"

static struct forward out;
static struct hot *hot;
static uint8_t bytes[100];

static void setup(void)
{
	const struct endpoint peer = ep("192.0.2.1:9");
	const struct allocation_table *table;

	begin();
	table = fixture.turn.table;
	hot = &fixture.turn.hot;
	ck_assert(hot_init(hot, (size_t)table->channels.size * CHAIN_CHUNK,
			   table->allocations.size));
	ck_assert_int_eq(
		channel_bind(&fixture.turn, al, 0x4000, &peer, fixture.now_ms, NULL), 0);
	fixture.now_ms = fixture.now_ms / 1024 * 1024;
}

static void teardown(void)
{
	hot_release(hot);
	end();
}

static void bind_more(int count)
{
	for (int i = 1; i <= count; i++) {
		struct endpoint peer = ep("192.0.2.1:9");

		peer.port = (uint16_t)(100 + i);
		ck_assert_int_eq(channel_bind(&fixture.turn, al, (uint16_t)(0x4000 + i),
					      &peer, fixture.now_ms, NULL),
				 0);
	}
}

static void to_peer(uint16_t number, int times)
{
	chandata_write_header(bytes, number, 5);
	for (int i = 0; i < times; i++)
		forward_channel_data(&fixture.turn, al, (struct slice){bytes, 9},
				     fixture.now_ms, &out);
}

static void from_peer(const char *peer, int times)
{
	const struct endpoint source = ep(peer);

	for (int i = 0; i < times; i++)
		forward_from_peer(&fixture.turn, al, &source, (struct slice){bytes, 9},
				  fixture.now_ms, &out);
}

START_TEST(the_eighth_packet_of_a_second_makes_a_channel_hot)
{
	struct channel *ch;

	bind_more(6);
	to_peer(0x4005, HOT_PACKETS - 1);
	ck_assert_uint_eq(hot->count, 0);
	from_peer("192.0.2.1:105", 1);
	ck_assert_uint_eq(hot->count, 1);
	ck_assert_uint_eq(hot->list[0].slot, al->slot);
	ch = channel_at(fixture.turn.table, hot->list[0].channel);
	ck_assert_ptr_eq(ch,
			 channel_by_number(&fixture.turn, al, 0x4005, fixture.now_ms));
	to_peer(0x4005, 100);
	ck_assert_uint_eq(hot->count, 1);
}
END_TEST

START_TEST(a_channel_knows_its_entry)
{
	bind_more(7); /* two chunks */
	for (uint32_t entry = al->channels; entry != SLOT_NONE;
	     entry = channel_after(fixture.turn.table, entry))
		ck_assert_uint_eq(channel_entry(fixture.turn.table,
						channel_at(fixture.turn.table, entry)),
				  entry);
}
END_TEST

START_TEST(slow_ones_stay_cold)
{
	for (int second = 0; second < 300; second++) {
		to_peer(0x4000, HOT_PACKETS / 2);
		from_peer("192.0.2.1:9", HOT_PACKETS / 2 - 1);
		fixture.now_ms += 1024;
	}
	ck_assert_uint_eq(hot->count, 0);
}
END_TEST

START_TEST(what_stays_on_sockets_is_offered_every_second)
{
	to_peer(0x4000, 20);
	ck_assert_uint_eq(hot->count, 1);
	hot->count = 0;
	to_peer(0x4000, 20);
	ck_assert_uint_eq(hot->count, 0);
	fixture.now_ms += 1024;
	to_peer(0x4000, 20);
	ck_assert_uint_eq(hot->count, 1);
}
END_TEST

START_TEST(what_finds_the_list_full_comes_again)
{
	hot->count = HOT_LIST_MAX;
	to_peer(0x4000, 20);
	ck_assert_uint_eq(hot->count, HOT_LIST_MAX);
	hot->count = 0;
	to_peer(0x4000, 1);
	ck_assert_uint_eq(hot->count, 1);
}
END_TEST

START_TEST(drops_and_indications_are_not_noted)
{
	const struct endpoint other = ep("192.0.2.2:9");

	ck_assert_int_eq(permission_install(&fixture.turn, al, &other, 1, fixture.now_ms,
					    NULL),
			 0);
	to_peer(0x4001, 20);
	ck_assert_int_eq(out.kind, FORWARD_DROP);
	from_peer("192.0.2.3:9", 20);
	ck_assert_int_eq(out.kind, FORWARD_DROP);
	from_peer("192.0.2.2:9", 20);
	ck_assert_int_eq(out.kind, FORWARD_TO_CLIENT);
	ck_assert_uint_eq(hot->count, 0);
}
END_TEST

/* The kernel plane can do nothing for them. */
START_TEST(clients_and_peers_on_streams_are_not_noted)
{
	al->transport = TRANSPORT_TCP;
	to_peer(0x4000, 20);
	ck_assert_int_eq(out.kind, FORWARD_TO_PEER);
	al->transport = TRANSPORT_DTLS;
	to_peer(0x4000, 20);
	al->transport = TRANSPORT_UDP;
	al->relay_transport = TRANSPORT_TCP;
	to_peer(0x4000, 20);
	ck_assert_uint_eq(hot->count, 0);
	al->relay_transport = TRANSPORT_UDP;
	to_peer(0x4000, 20);
	ck_assert_uint_eq(hot->count, 1);
}
END_TEST

START_TEST(an_active_destination_becomes_hot)
{
	const struct endpoint peer = ep("192.0.2.1:9");

	al->dialect = DIALECT_MS;
	ck_assert(destination_set(&fixture.turn, al, &peer, fixture.now_ms));
	for (int i = 0; i < HOT_PACKETS - 1; i++)
		forward_ms_raw(&fixture.turn, al, (struct slice){bytes, 9},
			       fixture.now_ms, &out);
	forward_ms_send(&fixture.turn, al, &peer, (struct slice){bytes, 9},
			fixture.now_ms, &out);
	ck_assert_int_eq(out.kind, FORWARD_TO_PEER);
	from_peer("192.0.2.1:10", 1);
	ck_assert_int_eq(out.kind, FORWARD_TO_CLIENT);
	ck_assert_uint_eq(hot->count, 0);
	from_peer("192.0.2.1:9", 1);
	ck_assert_uint_eq(hot->count, 1);
	ck_assert_uint_eq(hot->list[0].slot, al->slot);
	ck_assert_uint_eq(hot->list[0].channel, SLOT_NONE);
	al->dialect = DIALECT_IETF;
}
END_TEST

START_TEST(nothing_is_noted_when_nobody_asks)
{
	hot_release(hot);
	to_peer(0x4000, 20);
	from_peer("192.0.2.1:9", 20);
	ck_assert_uint_eq(hot->count, 0);
}
END_TEST

static void hot_suite(Suite *suite)
{
	TCase *tc = tcase_create("hot");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_eighth_packet_of_a_second_makes_a_channel_hot);
	tcase_add_test(tc, a_channel_knows_its_entry);
	tcase_add_test(tc, slow_ones_stay_cold);
	tcase_add_test(tc, what_stays_on_sockets_is_offered_every_second);
	tcase_add_test(tc, what_finds_the_list_full_comes_again);
	tcase_add_test(tc, drops_and_indications_are_not_noted);
	tcase_add_test(tc, clients_and_peers_on_streams_are_not_noted);
	tcase_add_test(tc, an_active_destination_becomes_hot);
	tcase_add_test(tc, nothing_is_noted_when_nobody_asks);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("hot", hot_suite)
