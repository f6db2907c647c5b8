/*
 * test_packet_stream.c - packets pass through a stream unchanged, however it is cut.
 */
#include "tools/client/packet_stream.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/lib/unit.h"

enum { ROOM = 64, PACKETS_MAX = 8 };

struct seen {
	size_t count;
	size_t len[PACKETS_MAX];
	uint8_t bytes[PACKETS_MAX][ROOM];
};

static void found(void *arg, struct slice packet)
{
	struct seen *seen = arg;

	ck_assert_uint_lt(seen->count, PACKETS_MAX);
	ck_assert_uint_le(packet.len, ROOM);
	memcpy(seen->bytes[seen->count], packet.data, packet.len);
	seen->len[seen->count++] = packet.len;
}

static void check(const char *name, const struct seen *seen, const char *const *want,
		  size_t count)
{
	ck_assert_msg(seen->count == count, "%s: %zu packets", name, seen->count);
	for (size_t i = 0; i < count; i++)
		ck_assert_msg(seen->len[i] == strlen(want[i]) &&
				      memcmp(seen->bytes[i], want[i], seen->len[i]) == 0,
			      "%s: packet %zu", name, i);
}

/* RFC 4571 section 2: an empty packet is valid. */
static const uint8_t stream_bytes[] = {0,   3, 'o', 'n', 'e', 0,   0,   0,  1,
				       'x', 0, 5,   't', 'h', 'r', 'e', 'e'};
static const char *const packets[] = {"one", "", "x", "three"};

START_TEST(every_way_to_cut_gives_the_same)
{
	for (size_t first = 0; first <= sizeof(stream_bytes); first++) {
		for (size_t rest = 1; rest <= sizeof(stream_bytes); rest++) {
			struct packet_stream stream = {0};
			struct seen seen = {0};
			char name[40];

			snprintf(name, sizeof(name), "%zu, then by %zu", first, rest);
			ck_assert(packet_stream_take(&stream,
						     (struct slice){stream_bytes, first},
						     found, &seen));
			for (size_t at = first; at < sizeof(stream_bytes); at += rest) {
				size_t left = sizeof(stream_bytes) - at;
				struct slice piece = {stream_bytes + at,
						      left < rest ? left : rest};
				ck_assert(
					packet_stream_take(&stream, piece, found, &seen));
			}
			check(name, &seen, packets, ARRAY_LEN(packets));
			ck_assert_uint_eq(stream.len, 0);
			packet_stream_clear(&stream);
		}
	}
}
END_TEST

START_TEST(half_a_packet_is_not_a_packet)
{
	struct packet_stream stream = {0};
	struct seen seen = {0};

	ck_assert(packet_stream_take(&stream, (struct slice){stream_bytes, 4}, found,
				     &seen));
	ck_assert_uint_eq(seen.count, 0);
	packet_stream_clear(&stream);
	/* Nothing of it remains. */
	ck_assert(packet_stream_take(&stream,
				     (struct slice){stream_bytes, sizeof(stream_bytes)},
				     found, &seen));
	check("after a half", &seen, packets, ARRAY_LEN(packets));
	packet_stream_clear(&stream);
}
END_TEST

static void count_bytes(void *arg, struct slice packet)
{
	*(size_t *)arg += packet.len;
}

START_TEST(the_longest_fits)
{
	static uint8_t longest[PACKET_STREAM_HEADER_LEN + PACKET_STREAM_MAX];
	struct packet_stream stream = {0};
	size_t bytes = 0;

	packet_stream_header(longest, PACKET_STREAM_MAX);
	for (size_t at = 0; at < sizeof(longest); at += 1000) {
		size_t left = sizeof(longest) - at;
		struct slice piece = {longest + at, left < 1000 ? left : 1000};
		ck_assert(packet_stream_take(&stream, piece, count_bytes, &bytes));
	}
	ck_assert_uint_eq(bytes, PACKET_STREAM_MAX);
	packet_stream_clear(&stream);
}
END_TEST

static void packet_stream_suite(Suite *suite)
{
	TCase *tc = tcase_create("packet_stream");

	tcase_add_test(tc, every_way_to_cut_gives_the_same);
	tcase_add_test(tc, half_a_packet_is_not_a_packet);
	tcase_add_test(tc, the_longest_fits);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("packet_stream", packet_stream_suite)
