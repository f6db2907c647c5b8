/*
 * test_stun_framing.c - ChannelData and the framing of streams (RFC 8656 sections 12.4 to
 * 12.6, RFC 8489 section 6.2.2).
 */
#include "stun/framing.h"

#include "stun/chandata.h"
#include "stun/registry.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/stun/bytes.h"

static const struct {
	const char *name;
	const char *hex;
	bool want;
	uint16_t number;
	size_t len;
} channel_data[] = {
	{"nothing", "", false, 0, 0},
	{"one byte", "40", false, 0, 0},
	{"three bytes", "400000", false, 0, 0},
	{"empty payload (T-374)", "4000 0000", true, 0x4000, 0},
	{"one byte of payload, no padding (T-373)", "4000 0001 48", true, 0x4000, 1},
	{"short by one (T-371)", "4000 0002 48", false, 0, 0},
	{"claims 65535 (T-371)", "4000 ffff 48", false, 0, 0},
	{"padding is not payload (T-371)", "4000 0001 48000000", true, 0x4000, 1},
	{"excess is not payload (T-371)", "4000 0001 4848484848484848", true, 0x4000, 1},
	{"excess after empty data (T-371)", "4000 0000 48", true, 0x4000, 0},
	{"three bytes", "4abc 0003 484848", true, 0x4ABC, 3},
	{"four bytes", "4fff 0004 48484848", true, 0x4FFF, 4},
	{"the number is left to the caller (T-375)", "5000 0000", true, 0x5000, 0},
};

START_TEST(channel_data_row)
{
	struct slice bytes = bytes_hex(channel_data[_i].hex);
	uint16_t number = 0;
	struct slice payload = {0};

	ck_assert_msg(chandata_parse(bytes, &number, &payload) == channel_data[_i].want,
		      "%s", channel_data[_i].name);
	ck_assert_uint_eq(number, channel_data[_i].number);
	ck_assert_uint_eq(payload.len, channel_data[_i].len);
	if (channel_data[_i].want)
		ck_assert_ptr_eq(payload.data, bytes.data + CHANDATA_HEADER_LEN);
	bytes_free(bytes);
}
END_TEST

/* Sizes at both ends of 16 bits, in datagrams and streams. */
static const size_t sizes[] = {0,     1,     2,     3,     4,     5,
			       65515, 65516, 65517, 65527, 65528, 65529,
			       65531, 65532, 65533, 65534, 65535};

START_TEST(channel_data_of_every_size)
{
	size_t len = sizes[_i];
	size_t padded = CHANDATA_HEADER_LEN + padded4(len);
	uint8_t *buf = calloc(1, padded);
	uint16_t number;
	struct slice payload;
	size_t frame_len;

	ck_assert_ptr_nonnull(buf);
	chandata_write_header(buf, 0x4001, len);
	ck_assert(chandata_parse((struct slice){buf, CHANDATA_HEADER_LEN + len}, &number,
				 &payload));
	ck_assert_uint_eq(number, 0x4001);
	ck_assert_uint_eq(payload.len, len);
	if (len > 0)
		ck_assert(!chandata_parse((struct slice){buf,
							 CHANDATA_HEADER_LEN + len - 1},
					  &number, &payload));

	/* T-372: the frame of a stream ends after the padding. */
	ck_assert_uint_le(padded, FRAMING_MAX);
	ck_assert_int_eq(framing_next((struct slice){buf, padded}, &frame_len),
			 FRAMING_CHANNEL_DATA);
	ck_assert_uint_eq(frame_len, padded);
	if (padded > CHANDATA_HEADER_LEN) {
		ck_assert_int_eq(framing_next((struct slice){buf, padded - 1},
					      &frame_len),
				 FRAMING_MORE);
		ck_assert_uint_eq(frame_len, padded);
	}
	free(buf);
}
END_TEST

static const struct {
	const char *name;
	const char *hex;
	enum framing want;
	size_t frame_len;
} frames[] = {
	{"nothing", "", FRAMING_MORE, 0},
	{"first byte of STUN", "00", FRAMING_MORE, 0},
	{"three bytes of STUN", "000100", FRAMING_MORE, 0},
	{"four bytes of STUN", "0001 0008", FRAMING_MORE, 0},
	{"seven bytes of STUN", "0001 0008 2112a4", FRAMING_MORE, 0},
	{"eight bytes of STUN tell its length", "0001 0008 2112a442", FRAMING_MORE, 28},
	{"longest STUN", "0001 fffc 2112a442", FRAMING_MORE, FRAMING_MAX},
	{"STUN without attributes", "0001 0000 2112a442 000102030405060708090a0b",
	 FRAMING_STUN, 20},
	{"STUN short by one", "0001 0000 2112a442 000102030405060708090a", FRAMING_MORE,
	 20},
	{"more after STUN", "0001 0000 2112a442 000102030405060708090a0b ff",
	 FRAMING_STUN, 20},
	{"STUN length 1 (T-027)", "0001 0001", FRAMING_BROKEN, 0},
	{"STUN length 2 (T-027)", "0001 0002", FRAMING_BROKEN, 0},
	{"STUN length 65535 (T-027)", "0001 ffff", FRAMING_BROKEN, 0},
	{"wrong cookie (T-027)", "0001 0000 2112a443", FRAMING_BROKEN, 0},
	{"classic STUN has no stream", "0001 0000 000102030405060708090a0b0c0d0e0f",
	 FRAMING_BROKEN, 0},
	{"first byte of ChannelData", "40", FRAMING_MORE, 0},
	{"three bytes of ChannelData", "400000", FRAMING_MORE, 0},
	{"empty ChannelData", "4000 0000", FRAMING_CHANNEL_DATA, 4},
	{"ChannelData waits for its padding (T-372)", "4000 0001 48", FRAMING_MORE, 8},
	{"ChannelData with two of three", "4000 0001 480000", FRAMING_MORE, 8},
	{"ChannelData whole", "4000 0001 48000000", FRAMING_CHANNEL_DATA, 8},
	{"padding that is not zero", "4000 0003 484848ff", FRAMING_CHANNEL_DATA, 8},
	{"highest channel", "4fff 0000", FRAMING_CHANNEL_DATA, 4},
	{"longest ChannelData", "4000 ffff", FRAMING_MORE, 65540},
	{"0x5000 cannot be framed (T-375)", "50", FRAMING_BROKEN, 0},
	{"0x7fff cannot be framed (T-375)", "7fff 0000", FRAMING_BROKEN, 0},
	{"first byte 0x80 (T-375)", "80", FRAMING_BROKEN, 0},
	{"first byte 0xff (T-375)", "ff", FRAMING_BROKEN, 0},
	{"HTTP", "47455420 2f20", FRAMING_MORE, 4 + 0x5420},
	{"TLS", "16030100 f4010000f00303", FRAMING_BROKEN, 0},
};

START_TEST(frame_row)
{
	struct slice bytes = bytes_hex(frames[_i].hex);
	size_t frame_len = 99;
	enum framing got = framing_next(bytes, &frame_len);

	ck_assert_msg(got == frames[_i].want, "%s: got %d", frames[_i].name, got);
	ck_assert_msg(frame_len == frames[_i].frame_len, "%s: %zu bytes", frames[_i].name,
		      frame_len);
	bytes_free(bytes);
}
END_TEST

/* Append a random frame; returns its size. */
static size_t add_frame(uint8_t *to, uint64_t *seed, enum framing *kind)
{
	size_t len = bytes_random(seed) % 40;

	memset(to, 0x33, 64);
	if (bytes_random(seed) % 2) {
		*kind = FRAMING_CHANNEL_DATA;
		chandata_write_header(
			to, (uint16_t)(0x4000 + bytes_random(seed) % 0x1000), len);
		return CHANDATA_HEADER_LEN + padded4(len);
	}
	*kind = FRAMING_STUN;
	store_be16(to, (uint16_t)(bytes_random(seed) % 0x0400));
	store_be16(to + 2, (uint16_t)padded4(len));
	store_be32(to + 4, STUN_MAGIC_COOKIE);
	return STUN_HEADER_LEN + padded4(len);
}

/* T-026: the same frames result however the stream is cut; lengths 0.. back to back. */
START_TEST(any_cut_gives_the_same_frames)
{
	uint64_t seed = 6062;

	for (int round = 0; round < 500; round++) {
		uint8_t stream[2048];
		enum framing kinds[20];
		size_t ends[20], total = 0, done = 0, arrived = 0, found = 0;

		for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
			total += add_frame(stream + total, &seed, &kinds[i]);
			ends[i] = total;
		}
		while (arrived < total) {
			size_t frame_len;
			enum framing got;

			arrived += 1 + bytes_random(&seed) % (round % 2 ? 1 : 60);
			if (arrived > total)
				arrived = total;
			struct slice rest = bytes_exact(stream + done, arrived - done);
			struct slice front = rest;
			while ((got = framing_next(front, &frame_len)) != FRAMING_MORE) {
				ck_assert_int_eq(got, kinds[found]);
				ck_assert_uint_eq(done + frame_len, ends[found]);
				done += frame_len;
				front = slice_skip(front, frame_len);
				found++;
			}
			/* A length known before the frame is complete is correct. */
			ck_assert(frame_len == 0 || done + frame_len == ends[found]);
			bytes_free(rest);
		}
		ck_assert_uint_eq(found, ARRAY_LEN(kinds));
	}
}
END_TEST

/* More bytes never fix a broken stream, and never change a kind once decided. */
START_TEST(more_bytes_do_not_fix_a_broken_stream)
{
	uint64_t seed = 27;

	for (int round = 0; round < 20000; round++) {
		uint8_t bytes[16];
		size_t len_before = 0;
		enum framing before = FRAMING_MORE;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)bytes_random(&seed);
		bytes[0] &= 0x5F;
		if (round % 2)
			store_be32(bytes + 4, STUN_MAGIC_COOKIE);
		if (round % 4 == 0)
			bytes[2] = 0;
		for (size_t n = 0; n <= sizeof(bytes); n++) {
			size_t len;
			enum framing got = framing_next((struct slice){bytes, n}, &len);
			if (before != FRAMING_MORE)
				ck_assert_int_eq(got, before);
			if (len_before != 0)
				ck_assert_uint_eq(len, len_before);
			before = got;
			len_before = len;
		}
	}
}
END_TEST

static void framing_suite(Suite *suite)
{
	TCase *tc = tcase_create("channel data");
	tcase_add_loop_test(tc, channel_data_row, 0, ROWS(channel_data));
	tcase_add_loop_test(tc, channel_data_of_every_size, 0, ROWS(sizes));
	suite_add_tcase(suite, tc);

	tc = tcase_create("streams");
	tcase_add_loop_test(tc, frame_row, 0, ROWS(frames));
	tcase_add_test(tc, any_cut_gives_the_same_frames);
	tcase_add_test(tc, more_bytes_do_not_fix_a_broken_stream);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("stun framing", framing_suite)
