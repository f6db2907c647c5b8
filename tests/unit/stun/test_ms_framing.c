/*
 * test_ms_framing.c - the four bytes in front of messages and data of MS-TURN in a stream.
 */
#include "stun/classify.h"
#include "stun/framing.h"
#include "stun/ms_msg.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/stun/bytes.h"

#define TXID "000102030405060708090a0b0c0d0e0f"
#define COOKIE "000f 0004 72c64bc6"

static const struct {
	const char *name;
	const char *hex;
	enum ms_framing want;
	size_t frame_len;
} frames[] = {
	{"nothing", "", MS_FRAMING_MORE, 0},
	{"type of control", "02", MS_FRAMING_MORE, 0},
	{"type of data", "03", MS_FRAMING_MORE, 0},
	{"two bytes", "0300", MS_FRAMING_MORE, 0},
	{"three bytes", "030000", MS_FRAMING_MORE, 0},
	{"type 0", "00", MS_FRAMING_BROKEN, 0},
	{"type 1", "01", MS_FRAMING_BROKEN, 0},
	{"type 4", "04", MS_FRAMING_BROKEN, 0},
	{"ChannelData", "40", MS_FRAMING_BROKEN, 0},
	{"TLS", "16", MS_FRAMING_BROKEN, 0},
	{"control, second byte not zero", "0201", MS_FRAMING_BROKEN, 0},
	{"data, second byte not zero", "0380", MS_FRAMING_BROKEN, 0},
	{"empty data", "0300 0000", MS_FRAMING_DATA, 4},
	{"data of one byte, no padding", "0300 0001 58", MS_FRAMING_DATA, 5},
	{"data short by one", "0300 0003 5859", MS_FRAMING_MORE, 7},
	{"data and more", "0300 0001 58 ff", MS_FRAMING_DATA, 5},
	{"longest data", "0300 ffff", MS_FRAMING_MORE, MS_FRAMING_MAX},
	{"data that looks like a message is data", "0300 0008 0003 0004 72c64bc6",
	 MS_FRAMING_DATA, 12},
	{"empty control", "0200 0000", MS_FRAMING_BROKEN, 0},
	{"control short by one", "0200 001b", MS_FRAMING_BROKEN, 0},
	{"shortest control", "0200 001c", MS_FRAMING_MORE, 32},
	{"longest control", "0200 ffff", MS_FRAMING_MORE, MS_FRAMING_MAX},
	{"control, seven bytes", "0200 001c 0003 00", MS_FRAMING_MORE, 32},
	{"control, length in the message", "0200 001c 0003 0008", MS_FRAMING_MORE, 32},
	{"control, another length in the message", "0200 001c 0003 0009",
	 MS_FRAMING_BROKEN, 0},
	{"control, the message's length counts its header", "0200 001c 0003 001c",
	 MS_FRAMING_BROKEN, 0},
	{"control short by one", "0200 001c 0003 0008" TXID "000f 0004 72c64b",
	 MS_FRAMING_MORE, 32},
	{"control whole", "0200 001c 0003 0008" TXID COOKIE, MS_FRAMING_CONTROL, 32},
	{"control and more", "0200 001c 0003 0008" TXID COOKIE "02", MS_FRAMING_CONTROL,
	 32},
	{"control of odd length", "0200 0021 0003 000d" TXID COOKIE "8037 0001 41",
	 MS_FRAMING_CONTROL, 37},
	{"control without cookie", "0200 001c 0003 0008" TXID "8008 0004 00000001",
	 MS_FRAMING_BROKEN, 0},
	{"control without cookie, incomplete",
	 "0200 0040 0003 002c" TXID "8008 0004 00000001", MS_FRAMING_BROKEN, 0},
	{"control with top bits set", "0200 001c c003 0008" TXID COOKIE,
	 MS_FRAMING_BROKEN, 0},
	{"an attribute out of bounds is left to the parser",
	 "0200 0020 0003 000c" TXID COOKIE "8037 ffff", MS_FRAMING_CONTROL, 36},
};

START_TEST(frame_row)
{
	struct slice bytes = bytes_hex(frames[_i].hex);
	size_t frame_len = 99;
	enum ms_framing got = ms_framing_next(bytes, &frame_len);

	ck_assert_msg(got == frames[_i].want, "%s: got %d", frames[_i].name, got);
	ck_assert_msg(frame_len == frames[_i].frame_len, "%s: %zu bytes", frames[_i].name,
		      frame_len);
	bytes_free(bytes);
}
END_TEST

/* Broken framing stays broken, and a whole frame was never broken before. */
START_TEST(a_verdict_does_not_change_with_more_bytes)
{
	struct slice bytes = bytes_hex(frames[_i].hex);
	enum ms_framing before = MS_FRAMING_MORE;
	size_t known = 0;

	for (size_t len = 0; len <= bytes.len; len++) {
		struct slice cut = bytes_exact(bytes.data, len);
		size_t frame_len;
		enum ms_framing got = ms_framing_next(cut, &frame_len);

		ck_assert_msg(before == MS_FRAMING_MORE || got == before, "%s at %zu",
			      frames[_i].name, len);
		ck_assert_msg(known == 0 || frame_len == known ||
				      got == MS_FRAMING_BROKEN,
			      "%s at %zu", frames[_i].name, len);
		before = got;
		known = frame_len;
		bytes_free(cut);
	}
	bytes_free(bytes);
}
END_TEST

static const size_t sizes[] = {0, 1, 2, 3, 4, 5, 65531, 65532, 65533, 65534, 65535};

START_TEST(data_of_every_size)
{
	size_t len = sizes[_i];
	struct slice frame = {calloc(1, MS_FRAME_HEADER_LEN + len),
			      MS_FRAME_HEADER_LEN + len};
	size_t frame_len;

	ck_assert_ptr_nonnull(frame.data);
	ms_frame_write_header((uint8_t *)(uintptr_t)frame.data, MS_FRAME_DATA, len);
	ck_assert_uint_eq(load_be32(frame.data), 0x03000000 + len);
	ck_assert_int_eq(ms_framing_next(frame, &frame_len), MS_FRAMING_DATA);
	ck_assert_uint_eq(frame_len, frame.len);
	frame.len--;
	ck_assert_int_eq(ms_framing_next(frame, &frame_len), MS_FRAMING_MORE);
	ck_assert_uint_eq(frame_len, len == 0 ? 0 : frame.len + 1);
	bytes_free(frame);
}
END_TEST

/* The longest message that a builder makes is the longest that fits a frame. */
START_TEST(the_longest_message_fits)
{
	static const uint8_t txid[MS_TXID_LEN];
	uint8_t *frame = calloc(1, MS_FRAMING_MAX);
	struct ms_builder b;
	size_t frame_len;

	ck_assert_ptr_nonnull(frame);
	ms_builder_start(&b, frame + MS_FRAME_HEADER_LEN, MS_FRAME_PAYLOAD_MAX,
			 MS_DATA_INDICATION, txid);
	ck_assert_ptr_nonnull(ms_builder_reserve(
		&b, MS_DATA, MS_MSG_MAX - MS_MSG_MIN - MS_ATTR_HEADER_LEN));
	ms_frame_write_header(frame, MS_FRAME_CONTROL, ms_builder_finish(&b));
	ck_assert_uint_eq(load_be32(frame), 0x0200FFFF);
	ck_assert_int_eq(ms_framing_next((struct slice){frame, MS_FRAMING_MAX},
					 &frame_len),
			 MS_FRAMING_CONTROL);
	ck_assert_uint_eq(frame_len, MS_FRAMING_MAX);
	free(frame);
}
END_TEST

/* Two messages and data between them, arriving byte by byte. */
START_TEST(a_stream_byte_by_byte)
{
	struct slice stream = bytes_hex("0200 001c 0003 0008" TXID COOKIE
					"0300 0003 585859 0300 0000"
					"0200 0021 0003 000d" TXID COOKIE "8037 0001 41");
	static const enum ms_framing want[] = {MS_FRAMING_CONTROL, MS_FRAMING_DATA,
					       MS_FRAMING_DATA, MS_FRAMING_CONTROL};
	static const size_t want_len[] = {32, 7, 4, 37};
	size_t done = 0, count = 0, frame_len;

	for (size_t arrived = 0; arrived <= stream.len; arrived++) {
		struct slice rest = bytes_exact(stream.data + done, arrived - done);
		enum ms_framing got = ms_framing_next(rest, &frame_len);

		bytes_free(rest);
		if (got == MS_FRAMING_MORE)
			continue;
		ck_assert_uint_lt(count, ARRAY_LEN(want));
		ck_assert_int_eq(got, want[count]);
		ck_assert_uint_eq(frame_len, want_len[count]);
		ck_assert_uint_eq(done + frame_len, arrived);
		done = arrived;
		count++;
	}
	ck_assert_uint_eq(count, ARRAY_LEN(want));
	ck_assert_uint_eq(done, stream.len);
	bytes_free(stream);
}
END_TEST

/* The classifier recognises the first frame of a connection. */
START_TEST(the_classifier_agrees)
{
	struct slice first = bytes_hex("0200 001c 0003 0008 2112a442"
				       "0405060708090a0b0c0d0e0f" COOKIE);
	struct slice frame = {first.data, STREAM_CLASSIFY_MAX};
	size_t frame_len;

	ck_assert_int_eq(stream_classify(frame), STREAM_MS_FRAMED);
	ck_assert_int_eq(ms_framing_next(first, &frame_len), MS_FRAMING_CONTROL);
	bytes_free(first);
}
END_TEST

static const struct {
	const char *name;
	const char *hex;
	bool want;
} datagrams[] = {
	{"nothing", "", false},
	{"a header", "0003 0008" TXID, false},
	{"short by one", "0003 0008" TXID "000f 0004 72c64b", false},
	{"the smallest message", "0003 0008" TXID COOKIE, true},
	{"a transaction id like STUN's cookie",
	 "0003 0010 2112a442 0405060708090a0b0c0d0e0f" COOKIE "8008 0004 00000001", true},
	{"its length is left to the parser", "0003 ffff" TXID COOKIE, true},
	{"first byte 0x3f", "3f03 0008" TXID COOKIE, true},
	{"first byte 0x40", "4003 0008" TXID COOKIE, false},
	{"first byte 0x80", "8003 0008" TXID COOKIE, false},
	{"another type first", "0003 0008" TXID "8008 0004 72c64bc6", false},
	{"another length", "0003 0008" TXID "000f 0005 72c64bc6", false},
	{"another cookie", "0003 0008" TXID "000f 0004 72c64bc7", false},
	{"cookie not first", "0003 0010" TXID "8008 0004 00000001" COOKIE, false},
	{"a STUN keep-alive sent as data",
	 "0011 0008 2112a442 2e281970940deb30fcdbc580 8028 0004 135754ed", false},
	{"ChannelData", "4000 0018" TXID "58585858" COOKIE, false},
};

START_TEST(a_datagram_with_the_cookie_is_a_message)
{
	struct slice bytes = bytes_hex(datagrams[_i].hex);

	ck_assert_msg(datagram_is_ms_control(bytes) == datagrams[_i].want, "%s",
		      datagrams[_i].name);
	bytes_free(bytes);
}
END_TEST

static void framing_suite(Suite *suite)
{
	TCase *tc = tcase_create("stream");
	tcase_add_loop_test(tc, frame_row, 0, ROWS(frames));
	tcase_add_loop_test(tc, a_verdict_does_not_change_with_more_bytes, 0,
			    ROWS(frames));
	tcase_add_loop_test(tc, data_of_every_size, 0, ROWS(sizes));
	tcase_add_test(tc, the_longest_message_fits);
	tcase_add_test(tc, a_stream_byte_by_byte);
	tcase_add_test(tc, the_classifier_agrees);
	suite_add_tcase(suite, tc);

	tc = tcase_create("datagram");
	tcase_add_loop_test(tc, a_datagram_with_the_cookie_is_a_message, 0,
			    ROWS(datagrams));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("ms_framing", framing_suite)
