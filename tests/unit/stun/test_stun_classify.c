/*
 * test_stun_classify.c - first bytes of datagrams (RFC 7983 section 7, RFC 9443) and of
 * connections.
 */
#include "stun/classify.h"

#include <stdbool.h>

#include "tests/unit/lib/unit.h"
#include "tests/unit/stun/bytes.h"

static const struct {
	const char *name;
	unsigned first, last;
	enum datagram_kind want;
} datagrams[] = {
	{"STUN (T-510)", 0, 3, DATAGRAM_STUN},
	{"methods above 0x0FF are unassigned (T-511)", 4, 15, DATAGRAM_OTHER},
	{"ZRTP (T-510)", 16, 19, DATAGRAM_ZRTP},
	{"DTLS (T-510)", 20, 63, DATAGRAM_DTLS},
	{"ChannelData (T-510)", 64, 79, DATAGRAM_CHANNEL_DATA},
	{"QUIC where RFC 5766 had channels (T-512)", 80, 127, DATAGRAM_QUIC},
	{"RTP (T-510)", 128, 191, DATAGRAM_RTP},
	{"QUIC (T-512)", 192, 255, DATAGRAM_QUIC},
};

START_TEST(datagram_row)
{
	for (unsigned byte = datagrams[_i].first; byte <= datagrams[_i].last; byte++) {
		uint8_t bytes[1] = {(uint8_t)byte};
		enum datagram_kind got = datagram_classify((struct slice){bytes, 1});
		ck_assert_msg(got == datagrams[_i].want, "%s: %u is %s",
			      datagrams[_i].name, byte, datagram_kind_name(got));
	}
}
END_TEST

START_TEST(datagram_ranges_are_complete)
{
	unsigned next = 0;

	for (size_t i = 0; i < ARRAY_LEN(datagrams); i++) {
		ck_assert_uint_eq(datagrams[i].first, next);
		next = datagrams[i].last + 1;
	}
	ck_assert_uint_eq(next, 256);
	ck_assert_int_eq(datagram_classify((struct slice){NULL, 0}), DATAGRAM_EMPTY);
}
END_TEST

START_TEST(cookie_does_not_save_a_high_method) /* T-511 */
{
	struct slice bytes = bytes_hex("0400 0000 2112a442 000102030405060708090a0b");

	ck_assert_int_eq(datagram_classify(bytes), DATAGRAM_OTHER);
	ck_assert_int_eq(stream_classify(bytes), STREAM_OTHER);
	bytes_free(bytes);
}
END_TEST

/* The kind at the end, and the number of bytes that decided it. */
static const struct {
	const char *name;
	const char *hex;
	enum stream_kind want;
	size_t known;
} streams[] = {
	/* T-513: STUN, by cookie and whole length. */
	{"Binding request", "0001 0000 2112a442 00010203", STREAM_STUN, 8},
	{"Allocate request", "0003 0050 2112a442 00010203", STREAM_STUN, 8},
	{"success response", "0101 0050 2112a442 00010203", STREAM_STUN, 8},
	{"highest type of RFC 7983", "03ff 0050 2112a442 00010203", STREAM_STUN, 8},
	{"STUN with a wrong cookie", "0001 0000 2112a443 00010203", STREAM_OTHER, 8},
	{"STUN with no cookie at all", "0001 0000 00010203 04050607", STREAM_OTHER, 5},
	{"STUN length 1", "0001 0001 2112a442 00010203", STREAM_OTHER, 4},
	{"STUN length 65535", "0001 ffff 2112a442 00010203", STREAM_OTHER, 4},
	{"type 0x0400 (T-511)", "0400 0000 2112a442 00010203", STREAM_OTHER, 1},
	{"zeros", "000000000000000000000000", STREAM_OTHER, 5},

	/* MS framing and STUN of method 0x080 begin with the same byte. */
	{"MS control frame with Allocate", "02 00 0024 0003 0010 f25068f0",
	 STREAM_MS_FRAMED, 5},
	{"MS control frame of any length", "02 00 0025 0003 0011 f25068f0",
	 STREAM_MS_FRAMED, 5},
	{"MS transaction id looks like the cookie", "02 00 0024 0003 0010 2112a442",
	 STREAM_MS_FRAMED, 5},
	{"MS data frame", "03 00 0005 80c8000000 03000005", STREAM_MS_FRAMED, 5},
	{"MS data frame with part of the cookie", "03 00 0005 2112a443 00 030000",
	 STREAM_MS_FRAMED, 8},
	{"STUN method 0x080 request", "02 00 0024 2112a442 00010203", STREAM_STUN, 8},
	{"STUN method 0x080 success", "03 00 0024 2112a442 00010203", STREAM_STUN, 8},
	{"cookie after a length that is not STUN's", "02 00 0025 2112a442 00010203",
	 STREAM_OTHER, 8},
	{"02 with a reserved byte that is not 0", "02 01 0024 0003 0010 f25068f0",
	 STREAM_OTHER, 5},
	{"STUN type 0x0210", "02 10 0024 2112a442 00010203", STREAM_STUN, 8},
	{"03 10 and MS content", "03 10 0024 0003 0010 f25068f0", STREAM_OTHER, 5},
	{"03 10 and a wrong length", "03 10 0025 2112a442 00010203", STREAM_OTHER, 4},

	/* Pseudo-TLS equals a hello for five bytes and more. */
	{"pseudo-TLS", "16 0301 002d 01 000029 0301 5f", STREAM_PSEUDO_TLS, 11},
	{"TLS 1.2 client", "16 0301 00f4 01 0000f0 0303 5f", STREAM_TLS, 6},
	{"TLS 1.3 client", "16 0301 0200 01 0001fc 0303 5f", STREAM_TLS, 6},
	{"record version 3.3", "16 0303 00f4 01 0000f0 0303 5f", STREAM_TLS, 6},
	{"record version 3.0", "16 0300 00f4 01 0000f0 0303 5f", STREAM_TLS, 6},
	{"45 bytes, but another version", "16 0303 002d 01 000029 0303 5f", STREAM_TLS,
	 6},
	{"45 bytes, hello of TLS 1.2", "16 0301 002d 01 000029 0303 5f", STREAM_TLS, 11},
	{"45 bytes, hello of another length", "16 0301 002d 01 00002a 0301 5f",
	 STREAM_TLS, 9},
	{"record of 46 bytes", "16 0301 002e 01 00002a 0301 5f", STREAM_TLS, 6},
	{"ServerHello", "16 0301 004e 02 000046 0301 5f", STREAM_OTHER, 6},
	{"ServerHello of 45 bytes", "16 0301 002d 02 000029 0301 5f", STREAM_OTHER, 6},
	{"empty record", "16 0301 0000 16 0301 002d 5f5f", STREAM_OTHER, 6},
	{"16 and major version 2", "16 02 00 00f4 01 0000f0 0303 5f", STREAM_OTHER, 2},
	{"16 and a STUN cookie", "1601 0000 2112a442 00010203", STREAM_OTHER, 2},
	{"TLS alert", "15 0301 0002 0228 00000000 00", STREAM_OTHER, 1},
	{"TLS data", "17 0303 0020 00000000000000", STREAM_OTHER, 1},
	{"Google's SSLv2 hello", "8046 0103 0100 2d00 0000 1001", STREAM_OTHER, 1},

	{"PROXY v2", "0d0a0d0a000d0a515549540a", STREAM_PROXY, 12},
	{"PROXY v2 but for the last byte", "0d0a0d0a000d0a515549540b", STREAM_OTHER, 12},
	{"an empty line", "0d0a0d0a0d0a0d0a0d0a0d0a", STREAM_OTHER, 5},
	{"PROXY v1 in text", "50524f58592054435034 2031", STREAM_PROXY, 6},
	{"PROXY v1 but for the last byte", "50524f585958 544350342031", STREAM_OTHER, 6},

	{"GET", "474554202f20485454502f31", STREAM_HTTP, 4},
	{"OPTIONS", "4f5054494f4e53202a204854", STREAM_HTTP, 8},
	{"CONNECT", "434f4e4e45435420612e623a", STREAM_HTTP, 8},
	{"HTTP/2 preface", "505249202a20485454502f32", STREAM_HTTP, 4},
	{"POST", "504f5354202f204854545031", STREAM_HTTP, 5},
	{"GETS", "474554532f20485454502f31", STREAM_OTHER, 4},
	{"get", "676574202f20485454502f31", STREAM_OTHER, 1},
	{"SSH", "5353482d322e302d4f70656e", STREAM_OTHER, 1},

	/* T-513: ChannelData cannot come first. */
	{"ChannelData", "4000 0004 80c80000 00000000", STREAM_OTHER, 1},
	{"ChannelData that begins like GET", "4745 0004 80c80000 00000000", STREAM_OTHER,
	 3},
	{"ChannelData of the last channel", "4fff 0004 80c80000 00000000", STREAM_OTHER,
	 2},
	{"RTP", "80c8 0006 00000000 00000000", STREAM_OTHER, 1},
	{"MULTIPLEXED-TURN of MS", "ff10 0010 00000000 00000000", STREAM_OTHER, 1},
};

START_TEST(stream_row)
{
	struct slice all = bytes_hex(streams[_i].hex);

	ck_assert_uint_ge(all.len, STREAM_CLASSIFY_MAX);
	for (size_t n = 0; n <= all.len; n++) {
		struct slice bytes = bytes_exact(all.data, n);
		enum stream_kind got = stream_classify(bytes);
		enum stream_kind want = n < streams[_i].known ? STREAM_UNDECIDED
							      : streams[_i].want;
		ck_assert_msg(got == want, "%s: %s after %zu bytes", streams[_i].name,
			      stream_kind_name(got), n);
		bytes_free(bytes);
	}
	bytes_free(all);
}
END_TEST

/* Once decided, the kind does not change with more bytes, and twelve always decide. */
static bool prefixes_agree(const uint8_t *bytes, size_t len)
{
	enum stream_kind before = STREAM_UNDECIDED;

	for (size_t n = 0; n <= len; n++) {
		enum stream_kind got = stream_classify((struct slice){bytes, n});
		if (before != STREAM_UNDECIDED && got != before)
			return false;
		before = got;
	}
	return stream_classify((struct slice){bytes, STREAM_CLASSIFY_MAX}) !=
	       STREAM_UNDECIDED;
}

START_TEST(kinds_do_not_change)
{
	uint64_t seed = 7983;

	for (int round = 0; round < 20000; round++) {
		uint8_t bytes[16];

		if (round % 2) {
			/* Random changes of a known start. */
			struct slice near = bytes_hex(
				streams[(size_t)round % ARRAY_LEN(streams)].hex);
			memset(bytes, 0, sizeof(bytes));
			memcpy(bytes, near.data, STREAM_CLASSIFY_MAX);
			bytes[bytes_random(&seed) % STREAM_CLASSIFY_MAX] =
				(uint8_t)bytes_random(&seed);
			bytes_free(near);
		} else {
			for (size_t i = 0; i < sizeof(bytes); i++)
				bytes[i] = (uint8_t)bytes_random(&seed);
			bytes[0] &= 0x5F;
		}
		ck_assert(prefixes_agree(bytes, sizeof(bytes)));
	}
}
END_TEST

START_TEST(every_kind_has_a_name)
{
	for (int i = 0; i < DATAGRAM_KIND_COUNT; i++)
		ck_assert_ptr_nonnull(datagram_kind_name((enum datagram_kind)i));
	for (int i = 0; i < STREAM_KIND_COUNT; i++)
		ck_assert_ptr_nonnull(stream_kind_name((enum stream_kind)i));
	ck_assert_str_eq(datagram_kind_name(DATAGRAM_CHANNEL_DATA), "channel-data");
	ck_assert_str_eq(stream_kind_name(STREAM_PSEUDO_TLS), "pseudo-tls");
}
END_TEST

static void classify_suite(Suite *suite)
{
	TCase *tc = tcase_create("datagrams");
	tcase_add_loop_test(tc, datagram_row, 0, ROWS(datagrams));
	tcase_add_test(tc, datagram_ranges_are_complete);
	tcase_add_test(tc, cookie_does_not_save_a_high_method);
	suite_add_tcase(suite, tc);

	tc = tcase_create("streams");
	tcase_add_loop_test(tc, stream_row, 0, ROWS(streams));
	tcase_add_test(tc, kinds_do_not_change);
	tcase_add_test(tc, every_kind_has_a_name);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("stun classify", classify_suite)
