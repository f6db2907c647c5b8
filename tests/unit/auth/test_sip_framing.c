/*
 * test_sip_framing.c - where a SIP message ends in a stream, and when its end is
 * ambiguous.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/mras/sip.h"
#include "tests/unit/auth/mras_fixture.h"
#include "tests/unit/lib/unit.h"

#define START "OPTIONS sip:a@b SIP/2.0\r\n"

static const struct {
	const char *name;
	const char *stream;
	size_t len; /* of stream; 0: strlen */
	enum sip_framing want;
	size_t frame_len, head_len;
} streams[] = {
	{"nothing", "", 0, SIP_MORE, 0, 0},
	{"keep-alive", "\r\n\r\n", 0, SIP_KEEP_ALIVE, 4, 0},
	{"half a keep-alive", "\r\n", 0, SIP_MORE, 0, 0},
	{"three quarters of a keep-alive", "\r\n\r", 0, SIP_MORE, 0, 0},
	{"keep-alive and more", "\r\n\r\n" START, 0, SIP_KEEP_ALIVE, 4, 0},
	{"empty line before a message", "\r\n" START "l:0\r\n\r\n", 0, SIP_MESSAGE, 34,
	 34},
	{"message", START "l: 0\r\n\r\n", 0, SIP_MESSAGE, 33, 33},
	{"message and body", START "l: 3\r\n\r\nabc", 0, SIP_MESSAGE, 36, 33},
	{"followed by more data", START "l: 3\r\n\r\nabcOPTIONS", 0, SIP_MESSAGE, 36, 33},
	{"response", "SIP/2.0 200 OK\r\nl: 0\r\n\r\n", 0, SIP_MESSAGE, 24, 24},
	{"body incomplete", START "l: 3\r\n\r\nab", 0, SIP_MORE, 36, 33},
	{"last line incomplete", START "l: 3\r\n\r", 0, SIP_MORE, 0, 0},
	{"start line only", START, 0, SIP_MORE, 0, 0},
	{"no headers at all", START "\r\n", 0, SIP_MESSAGE, 27, 27},

	{"long name", START "Content-Length: 3\r\n\r\nabc", 0, SIP_MESSAGE, 49, 46},
	{"any case", START "cOnTeNt-lEnGtH: 3\r\n\r\nabc", 0, SIP_MESSAGE, 49, 46},
	{"capital compact name", START "L:3\r\n\r\nabc", 0, SIP_MESSAGE, 35, 32},
	{"white space before the colon", START "l \t: 3\r\n\r\nabc", 0, SIP_MESSAGE, 38,
	 35},
	{"folded", START "l:\r\n  3\r\n\r\nabc", 0, SIP_MESSAGE, 39, 36},
	{"folded after the value", START "l: 3\r\n \t\r\n\r\nabc", 0, SIP_MESSAGE, 40,
	 37},
	{"leading zeros", START "l: 0003\r\n\r\nabc", 0, SIP_MESSAGE, 39, 36},
	{"Content-Length inside a folded value is text",
	 START "x: y\r\n l: 9\r\nl: 3\r\n\r\nabc", 0, SIP_MESSAGE, 49, 46},

	{"no length, no body", START "t: x\r\n\r\n", 0, SIP_MESSAGE, 33, 33},
	{"no length, but a type", START "c: text/plain\r\n\r\n", 0, SIP_BROKEN, 0, 0},
	{"no length, but an encoding", START "e: gzip\r\n\r\n", 0, SIP_BROKEN, 0, 0},
	{"no length, but a disposition", START "Content-Disposition: x\r\n\r\n", 0,
	 SIP_BROKEN, 0, 0},
	{"no length, but a language", START "Content-Language: x\r\n\r\n", 0, SIP_BROKEN,
	 0, 0},
	{"two lengths", START "l: 3\r\nl: 4\r\n\r\nabc", 0, SIP_BROKEN, 0, 0},
	{"two equal lengths", START "l: 3\r\nContent-Length: 3\r\n\r\nabc", 0, SIP_BROKEN,
	 0, 0},
	{"two in one line", START "l: 3, 3\r\n\r\nabc", 0, SIP_BROKEN, 0, 0},
	{"two in a fold", START "l: 3\r\n 3\r\n\r\nabc", 0, SIP_BROKEN, 0, 0},
	{"empty length", START "l:\r\n\r\nabc", 0, SIP_BROKEN, 0, 0},
	{"negative", START "l: -3\r\n\r\nabc", 0, SIP_BROKEN, 0, 0},
	{"plus", START "l: +3\r\n\r\nabc", 0, SIP_BROKEN, 0, 0},
	{"a word", START "l: five\r\n\r\nabc", 0, SIP_BROKEN, 0, 0},
	{"hexadecimal", START "l: 0x3\r\n\r\nabc", 0, SIP_BROKEN, 0, 0},
	{"a fraction", START "l: 3.0\r\n\r\nabc", 0, SIP_BROKEN, 0, 0},
	{"with a parameter", START "l: 3;x\r\n\r\nabc", 0, SIP_BROKEN, 0, 0},
	{"the largest body", START "l: 8388608\r\n\r\n", 0, SIP_MORE, 39 + 8388608, 39},
	{"one more", START "l: 8388609\r\n\r\n", 0, SIP_TOO_LARGE, 0, 0},
	{"2^32 + 3", START "l: 4294967299\r\n\r\nabc", 0, SIP_TOO_LARGE, 0, 0},
	{"2^64 + 3", START "l: 18446744073709551619\r\n\r\nabc", 0, SIP_TOO_LARGE, 0, 0},

	{"LF alone", "OPTIONS sip:a@b SIP/2.0\nl: 0\n\n", 0, SIP_BROKEN, 0, 0},
	{"LF alone in a header", START "l: 0\nx: y\r\n\r\n", 0, SIP_BROKEN, 0, 0},
	{"CR alone in a header", START "x: y\rzx: 3\r\nl: 0\r\n\r\n", 0, SIP_BROKEN, 0,
	 0},
	{"CR CR LF", START "l: 0\r\r\n\r\n", 0, SIP_BROKEN, 0, 0},
	{"ended by LF", START "l: 0\r\n\n", 0, SIP_BROKEN, 0, 0},
	{"NUL in a header", START "x: a\0b\r\nl: 0\r\n\r\n", 42, SIP_BROKEN, 0, 0},
	{"NUL in a name", START "l\0: 0\r\n\r\n", 34, SIP_BROKEN, 0, 0},
	{"quoted NUL", START "x: \"\\\0\"\r\nl: 0\r\n\r\n", 42, SIP_MESSAGE, 42, 42},
	{"no colon", START "Content-Length 3\r\n\r\nabc", 0, SIP_BROKEN, 0, 0},
	{"no name", START ": 3\r\n\r\nabc", 0, SIP_BROKEN, 0, 0},
	{"a space in the name", START "Content Length: 3\r\n\r\nabc", 0, SIP_BROKEN, 0,
	 0},
	{"fold before any header", START " l: 3\r\n\r\nabc", 0, SIP_BROKEN, 0, 0},
	{"two empty lines around a CR", "\r\n\rOPTIONS", 0, SIP_BROKEN, 0, 0},
	{"HTTP", "GET / HTTP/1.1\r\n", 0, SIP_BROKEN, 0, 0},
	{"noise", "abcdef\r\n", 0, SIP_BROKEN, 0, 0},
	{"unfinished noise", "abcdef", 0, SIP_MORE, 0, 0},
	{"binary noise", "\x16\x03\x01\x00", 4, SIP_BROKEN, 0, 0},
};

/*
 * A copy of exactly that size, so that the address sanitizer detects a read past its end.
 */
static enum sip_framing framing_of(struct slice stream, size_t *frame_len,
				   size_t *head_len)
{
	uint8_t *copy = malloc(stream.len > 0 ? stream.len : 1);
	enum sip_framing framing;

	memcpy(copy, stream.data, stream.len);
	framing = sip_framing_next((struct slice){copy, stream.len}, frame_len, head_len);
	free(copy);
	return framing;
}

static struct slice stream_of(int row)
{
	struct slice stream = slice_of(streams[row].stream);

	if (streams[row].len > 0)
		stream.len = streams[row].len;
	return stream;
}

START_TEST(framing_of_a_stream)
{
	size_t frame_len;
	size_t head_len;
	enum sip_framing got = framing_of(stream_of(_i), &frame_len, &head_len);

	ck_assert_msg(got == streams[_i].want, "%s: got %d", streams[_i].name, got);
	ck_assert_msg(frame_len == streams[_i].frame_len &&
			      head_len == streams[_i].head_len,
		      "%s: %zu bytes, %zu of them headers", streams[_i].name, frame_len,
		      head_len);
}
END_TEST

/*
 * Every prefix asks for more data until the outcome is known, and the outcome does not
 * change.
 */
START_TEST(framing_of_every_prefix)
{
	struct slice stream = stream_of(_i);
	size_t frame_len;
	size_t head_len;

	for (size_t len = 0; len < stream.len; len++) {
		enum sip_framing got = framing_of((struct slice){stream.data, len},
						  &frame_len, &head_len);

		ck_assert_msg(got == SIP_MORE || got == streams[_i].want,
			      "%s: got %d of %zu bytes", streams[_i].name, got, len);
		if (got == SIP_MESSAGE)
			ck_assert_uint_eq(frame_len, streams[_i].frame_len);
	}
}
END_TEST

/* A receiver of a stream that arrives in two pieces. */
static void receive(struct slice stream, size_t split, char *seen)
{
	size_t start = 0;
	size_t frame_len;
	size_t head_len;

	for (size_t end = split; start < stream.len; end = stream.len) {
		struct slice arrived = {stream.data + start, end - start};
		enum sip_framing framing = framing_of(arrived, &frame_len, &head_len);

		while (framing == SIP_MESSAGE || framing == SIP_KEEP_ALIVE) {
			*seen++ = framing == SIP_KEEP_ALIVE
					  ? 'k'
					  : (char)arrived.data[frame_len - 1];
			start += frame_len;
			arrived = slice_skip(arrived, frame_len);
			framing = framing_of(arrived, &frame_len, &head_len);
		}
		ck_assert_int_eq(framing, SIP_MORE);
		if (end == stream.len)
			break;
	}
	*seen = '\0';
}

START_TEST(framing_of_a_pipeline_split_anywhere)
{
	static const char pipeline[] = START
		"l: 3\r\n\r\nxx1"
		"\r\n\r\n"
		"SIP/2.0 200 OK\r\nContent-Length:\r\n 5\r\n\r\nl: 92"
		"\r\n" START "l: 4\r\n\r\n\r\n\r\x33"
		"\r\n\r\n\r\n\r\n" START "x:y\r\nl: 1\r\n\r\n4";
	char seen[32];

	for (size_t split = 0; split < sizeof(pipeline); split++) {
		receive(slice_of(pipeline), split, seen);
		ck_assert_msg(strcmp(seen, "1k23kk4") == 0, "split at %zu: %s", split,
			      seen);
	}
}
END_TEST

START_TEST(framing_limits_headers)
{
	static char stream[SIP_HEADERS_MAX + 64];
	size_t frame_len;
	size_t head_len;
	size_t filled = SIP_HEADERS_MAX - strlen(START "x: \r\n\r\n");

	strcpy(stream, START "x: ");
	memset(stream + strlen(stream), 'a', filled);
	strcat(stream, "\r\n\r\n");
	ck_assert_uint_eq(strlen(stream), SIP_HEADERS_MAX);
	ck_assert_int_eq(framing_of(slice_of(stream), &frame_len, &head_len),
			 SIP_MESSAGE);
	ck_assert_uint_eq(head_len, SIP_HEADERS_MAX);

	stream[SIP_HEADERS_MAX - 4] = '\0';
	ck_assert_int_eq(framing_of(slice_of(stream), &frame_len, &head_len), SIP_MORE);
	strcat(stream, "a\r\n\r\n");
	ck_assert_int_eq(framing_of(slice_of(stream), &frame_len, &head_len),
			 SIP_TOO_LARGE);
}
END_TEST

static void sip_framing_suite(Suite *suite)
{
	TCase *cases = tcase_create("framing");

	tcase_add_loop_test(cases, framing_of_a_stream, 0, ROWS(streams));
	tcase_add_loop_test(cases, framing_of_every_prefix, 0, ROWS(streams));
	tcase_add_test(cases, framing_of_a_pipeline_split_anywhere);
	tcase_add_test(cases, framing_limits_headers);
	suite_add_tcase(suite, cases);
}

UNIT_MAIN("sip_framing", sip_framing_suite)
