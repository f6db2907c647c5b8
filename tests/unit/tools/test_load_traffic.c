/*
 * test_load_traffic.c - counters for packets that arrive, arrive twice, or arrive
 * changed.
 */
#include "tools/load/load_traffic.h"

#include <string.h>

#include "tests/unit/lib/unit.h"

enum { SIZE = 100, CLIENT = 2 };

static const struct load_options options = {.clients = 3, .packet_size = SIZE};
static struct load_result result;
static struct load_traffic *traffic;
static const struct load_figures *up = &result.direction[LOAD_UP];
static const struct load_figures *down = &result.direction[LOAD_DOWN];

static void begin(void)
{
	memset(&result, 0, sizeof(result));
	traffic = load_traffic_new(&options, &result);
	ck_assert_ptr_nonnull(traffic);
}

static void end(void)
{
	load_traffic_free(traffic);
}

/* Send the next packet of the flow. */
static void take_packet(uint8_t out[SIZE])
{
	struct slice packet = load_traffic_next(traffic, CLIENT, LOAD_UP);

	ck_assert_uint_eq(packet.len, SIZE);
	memcpy(out, packet.data, SIZE);
	load_traffic_sent(traffic, CLIENT, LOAD_UP, true);
}

static bool arrives(const uint8_t *packet, size_t len)
{
	struct stamp stamp;

	if (!load_traffic_read(traffic, (struct slice){packet, len}, &stamp))
		return false;
	load_traffic_arrived(traffic, &stamp, stamp.sent_ns + 5000);
	return true;
}

START_TEST(a_packet_arrives)
{
	uint8_t packet[SIZE];

	ck_assert(load_traffic_is_complete(traffic));
	take_packet(packet);
	ck_assert(!load_traffic_is_complete(traffic));
	ck_assert(arrives(packet, SIZE));
	ck_assert(load_traffic_is_complete(traffic));
	ck_assert_uint_eq(up->sent, 1);
	ck_assert_uint_eq(up->received, 1);
	ck_assert_uint_eq(up->delay_ns.max, 5000);
	ck_assert_uint_eq(down->sent + down->received + result.strays, 0);
}
END_TEST

START_TEST(the_longest_silence_of_each_client)
{
	uint8_t packets[3][SIZE];
	struct stamp stamp;

	/* Of this client 30 ms, then until the last one is sent. */
	for (int i = 0; i < 3; i++)
		take_packet(packets[i]);
	ck_assert(load_traffic_read(traffic, (struct slice){packets[0], SIZE}, &stamp));
	load_traffic_arrived(traffic, &stamp, stamp.sent_ns - 50000000);
	ck_assert(load_traffic_read(traffic, (struct slice){packets[1], SIZE}, &stamp));
	load_traffic_arrived(traffic, &stamp, stamp.sent_ns - 20000000);
	load_traffic_end(traffic);
	ck_assert_uint_eq(up->silence_ns.count, 1);
	ck_assert_uint_ge(up->silence_ns.max, 29000000);
	ck_assert_uint_le(up->silence_ns.max, 31000000);
	ck_assert_uint_eq(down->silence_ns.count, 0);
}
END_TEST

START_TEST(a_flow_that_has_died_is_silent_to_the_end)
{
	uint8_t first[SIZE], lost[SIZE];
	struct stamp stamp;

	take_packet(first);
	take_packet(lost);
	ck_assert(load_traffic_read(traffic, (struct slice){first, SIZE}, &stamp));
	load_traffic_arrived(traffic, &stamp, stamp.sent_ns - 1000000000);
	load_traffic_end(traffic);
	ck_assert_uint_ge(up->silence_ns.max, 1000000000);
}
END_TEST

START_TEST(twice_and_late_are_told_apart)
{
	uint8_t first[SIZE], second[SIZE];

	take_packet(first);
	take_packet(second);
	ck_assert(arrives(second, SIZE));
	ck_assert(arrives(first, SIZE));
	ck_assert(arrives(first, SIZE));
	ck_assert_uint_eq(up->received, 2);
	ck_assert_uint_eq(up->reordered, 1);
	ck_assert_uint_eq(up->duplicated, 1);
	ck_assert_uint_eq(up->delay_ns.count, 2);
}
END_TEST

START_TEST(what_did_not_go_out_is_not_lost)
{
	uint8_t packet[SIZE];

	load_traffic_next(traffic, CLIENT, LOAD_UP);
	load_traffic_sent(traffic, CLIENT, LOAD_UP, false);
	ck_assert_uint_eq(up->unsent, 1);
	ck_assert(load_traffic_is_complete(traffic));
	take_packet(packet);
	ck_assert(arrives(packet, SIZE));
	ck_assert_uint_eq(up->sent, 1);
	ck_assert_uint_eq(up->reordered, 0);
}
END_TEST

START_TEST(a_delay_is_never_negative)
{
	uint8_t packet[SIZE];
	struct stamp stamp;

	take_packet(packet);
	ck_assert(load_traffic_read(traffic, (struct slice){packet, SIZE}, &stamp));
	load_traffic_arrived(traffic, &stamp, stamp.sent_ns - 1);
	ck_assert_uint_eq(up->delay_ns.max, 0);
}
END_TEST

START_TEST(elsewhere_is_not_received)
{
	uint8_t packet[SIZE];
	struct stamp stamp;

	take_packet(packet);
	ck_assert(load_traffic_read(traffic, (struct slice){packet, SIZE}, &stamp));
	load_traffic_misdelivered(traffic, &stamp);
	ck_assert_uint_eq(up->misdelivered, 1);
	ck_assert_uint_eq(up->received, 0);
}
END_TEST

/* One byte changed at an offset: a stray packet, or a damaged one of ours? */
static const struct {
	const char *name;
	size_t offset;
	size_t len;
	bool stray;
} changes[] = {
	{"another magic", 0, SIZE, true},
	{"another run", 4, SIZE, true},
	{"a client that does not exist", 8, SIZE, true},
	{"a direction that does not exist", 12, SIZE, true},
	{"a packet that was never sent", 16, SIZE, false},
	{"the first byte of padding", STAMP_LEN, SIZE, false},
	{"the last byte of padding", SIZE - 1, SIZE, false},
	{"shorter", SIZE, SIZE - 1, false},
	{"longer", SIZE, SIZE + 1, false},
	{"only the stamp", SIZE, STAMP_LEN, false},
	{"less than a stamp", SIZE, STAMP_LEN - 1, true},
	{"nothing", SIZE, 0, true},
};

START_TEST(changed_packets_do_not_count)
{
	uint8_t packet[SIZE + 1] = {0};

	take_packet(packet);
	packet[changes[_i].offset] ^= 0x80;
	ck_assert_msg(!arrives(packet, changes[_i].len), "%s: taken", changes[_i].name);
	ck_assert_uint_eq(result.strays, changes[_i].stray);
	ck_assert_uint_eq(up->damaged, !changes[_i].stray);
	ck_assert_uint_eq(up->received + down->received, 0);
}
END_TEST

START_TEST(packets_of_another_run_are_strays)
{
	uint8_t packet[SIZE];
	struct load_traffic *first = traffic;

	take_packet(packet);
	traffic = load_traffic_new(&options, &result);
	ck_assert_ptr_nonnull(traffic);
	ck_assert(!arrives(packet, SIZE));
	ck_assert_uint_eq(result.strays, 1);
	load_traffic_free(first);
}
END_TEST

static void traffic_suite(Suite *suite)
{
	TCase *tc = tcase_create("traffic");
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, a_packet_arrives);
	tcase_add_test(tc, the_longest_silence_of_each_client);
	tcase_add_test(tc, a_flow_that_has_died_is_silent_to_the_end);
	tcase_add_test(tc, twice_and_late_are_told_apart);
	tcase_add_test(tc, what_did_not_go_out_is_not_lost);
	tcase_add_test(tc, a_delay_is_never_negative);
	tcase_add_test(tc, elsewhere_is_not_received);
	tcase_add_loop_test(tc, changed_packets_do_not_count, 0, ROWS(changes));
	tcase_add_test(tc, packets_of_another_run_are_strays);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("load traffic", traffic_suite)
