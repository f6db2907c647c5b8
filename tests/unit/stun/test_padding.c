/*
 * test_padding.c - ChannelData on a stream without its padding (RFC 8656 section 12.5): exact
 * bytes, and any cut of them.
 */
#include "stun/padding.h"

#include "stun/chandata.h"
#include "stun/framing.h"
#include "tests/unit/lib/unit.h"
#include "tests/unit/stun/bytes.h"

/* Channels 0x4001 and 0x4a00 are bound. */
static bool is_bound(const void *self, uint16_t number)
{
	(void)self;
	return number == 0x4001 || number == 0x4A00;
}

/*
 * frame: as framing_next() takes it, so its last bytes are what lies where padding should. rest:
 * what follows it.
 */
static const struct {
	const char *name;
	const char *frame, *rest;
	enum padding_verdict want;
} rows[] = {
	/* Really unpadded. */
	{"one byte of a Refresh", "4001 0003 616263 00", "04 0000 2112a442",
	 PADDING_MISSING},
	{"two bytes of a Binding request", "4001 0002 6162 0001", "0000 2112a442",
	 PADDING_MISSING},
	{"three bytes of a CreatePermission", "4001 0001 61 000800", "24 2112a442",
	 PADDING_MISSING},
	{"one byte of ChannelData", "4001 0003 616263 40", "010002 6162",
	 PADDING_MISSING},
	{"two bytes of ChannelData", "4001 0006 616263646566 4a00", "0002 6162",
	 PADDING_MISSING},
	{"three bytes of ChannelData", "4001 0005 6162636465 400100", "a0 8060",
	 PADDING_MISSING},

	/* What more bytes will tell. */
	{"nothing follows yet", "4001 0003 616263 00", "", PADDING_UNCERTAIN},
	{"half of a channel number", "4001 0003 616263 40", "", PADDING_UNCERTAIN},
	{"no length of ChannelData", "4001 0003 616263 40", "0100", PADDING_UNCERTAIN},
	{"no cookie", "4001 0003 616263 00", "04 0000", PADDING_UNCERTAIN},
	{"a part of the cookie", "4001 0002 6162 0001", "0000 2112a4", PADDING_UNCERTAIN},

	/* Garbage that has another reason. */
	{"padded with zeros, then TLS", "4001 0003 616263 00", "160301 00f4010000",
	 PADDING_PRESENT},
	{"padded with zeros, then HTTP", "4001 0001 61 000000", "47455420 2f",
	 PADDING_PRESENT},
	{"padded with anything, then a byte of no protocol", "4001 0003 616263 ff", "ff",
	 PADDING_PRESENT},
	{"a number that nobody has bound", "4001 0003 616263 40", "020002 6162",
	 PADDING_PRESENT},
	{"a number of RFC 5766", "4001 0003 616263 50", "000002 6162", PADDING_PRESENT},
	{"a length that is none of STUN", "4001 0003 616263 00", "010001",
	 PADDING_PRESENT},
	{"another cookie", "4001 0003 616263 00", "010000 2112a443", PADDING_PRESENT},

	/* No padding was due, so none can be missing. */
	{"a length divisible by four", "4001 0004 61626364", "ff", PADDING_PRESENT},
	{"no data", "4001 0000", "ff", PADDING_PRESENT},
	{"after STUN", "0001 0000 2112a442 000102030405060708090a00", "010000 2112a442",
	 PADDING_PRESENT},
};

START_TEST(padding_row)
{
	struct slice frame = bytes_hex(rows[_i].frame), rest = bytes_hex(rows[_i].rest);
	struct padding padding = {.len = 3};
	size_t frame_len;

	ck_assert_int_ne(framing_next(frame, &frame_len), FRAMING_MORE);
	ck_assert_uint_eq(frame_len, frame.len);
	padding_note(&padding, frame);
	enum padding_verdict got =
		padding_judge(&padding, rest, CHANNEL_NUMBER_MAX, is_bound, NULL);
	ck_assert_msg(got == rows[_i].want, "%s: %d", rows[_i].name, got);
	bytes_free(frame);
	bytes_free(rest);
}
END_TEST

/* Byte by byte it is uncertain until it is what the whole shows, and remains that. */
START_TEST(any_cut_gives_the_same_verdict)
{
	struct slice frame = bytes_hex(rows[_i].frame), rest = bytes_hex(rows[_i].rest);
	struct padding padding = {0};

	padding_note(&padding, frame);
	for (size_t len = 0; len <= rest.len; len++) {
		struct slice part = bytes_exact(rest.data, len);
		enum padding_verdict got =
			padding_judge(&padding, part, CHANNEL_NUMBER_MAX, is_bound, NULL);

		if (len == rest.len || got != PADDING_UNCERTAIN)
			ck_assert_msg(got == rows[_i].want, "%s: %d after %zu",
				      rows[_i].name, got, len);
		bytes_free(part);
	}
	bytes_free(frame);
	bytes_free(rest);
}
END_TEST

static void padding_suite(Suite *suite)
{
	TCase *tc = tcase_create("padding");

	tcase_add_loop_test(tc, padding_row, 0, ROWS(rows));
	tcase_add_loop_test(tc, any_cut_gives_the_same_verdict, 0, ROWS(rows));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("padding", padding_suite)
