/*
 * test_saved_stream.c - records of streams, and how far a stream had come, by what a process can leave
 * behind at each moment of its death.
 */
#include "relay/state/saved_stream.h"

#include <string.h>

#include "relay/state/state_file.h"
#include "tests/unit/lib/unit.h"

static const struct saved_stream stream = {
	.front = {SIDE_OUTSIDE, TRANSPORT_TCP, {{IP_V4, {192, 0, 2, 1}}, 443}},
	.client = {{IP_V6, {0x20, 1, 0xd, 0xb8}}, 4711},
	.via = {{IP_V4, {192, 0, 2, 9}}, 99},
	.ms = true,
	.tos = 0xb8,
	.accepted_ms = 1ull << 40,
	.last_use_ms = 12,
	.origin_taken = 1000,
	.origin_given = 2000,
};

START_TEST(a_stream_is_read_as_it_was_written)
{
	uint8_t bytes[SAVED_STREAM_MAX], again[SAVED_STREAM_MAX];
	struct saved_stream got;
	size_t len = saved_stream_write(&stream, bytes);

	ck_assert(saved_stream_read((struct slice){bytes, len}, &got));
	ck_assert_uint_eq(saved_stream_write(&got, again), len);
	ck_assert_mem_eq(again, bytes, len);
	ck_assert(endpoint_equal(&got.client, &stream.client) && got.ms && !got.is_bound);
	ck_assert_uint_eq(got.origin_given, stream.origin_given);
	for (size_t cut = 0; cut < len; cut++)
		ck_assert(!saved_stream_read((struct slice){bytes, cut}, &got));
	bytes[0]++;
	ck_assert(!saved_stream_read((struct slice){bytes, len}, &got));
}
END_TEST

START_TEST(a_message_is_read_as_it_was_written)
{
	static const struct saved_message want = {
		.stream = 77,
		.sequence = 1ull << 33,
		.is_reply = true,
		.answers = 500,
		.at = 0,
	};
	static const uint64_t words[STATE_WORDS] = {[QUEUED_WORD_AT] = 42};
	uint8_t bytes[SAVED_MESSAGE_HEAD + 3];
	struct saved_message got;
	size_t len = saved_message_write(&want, bytes);

	memcpy(bytes + len, "abc", 3);
	ck_assert(saved_message_read((struct slice){bytes, len + 3}, words, &got));
	ck_assert_uint_eq(got.stream, want.stream);
	ck_assert_uint_eq(got.sequence, want.sequence);
	ck_assert_uint_eq(got.answers, want.answers);
	ck_assert_uint_eq(got.at, 42);
	ck_assert(got.is_reply);
	ck_assert_uint_eq(got.bytes.len, 3);
	ck_assert_mem_eq(got.bytes.data, "abc", 3);
	ck_assert(!saved_message_read((struct slice){bytes, len}, words, &got));
}
END_TEST

/* What was sent: messages of 100 bytes each are queued, at is of the first. */
static const struct {
	const char *name;
	uint64_t done, intended, given;
	size_t queued;
	uint64_t at;
	enum saved_stream_verdict verdict;
	size_t first, first_sent;
} sent[] = {
	{"nothing was sent yet", 0, 0, 0, 0, 0, SAVED_STREAM_WHOLE, 0, 0},
	{"between two messages", 300, 300, 300, 0, 0, SAVED_STREAM_WHOLE, 0, 0},
	{"before the socket had it", 300, 400, 300, 0, 0, SAVED_STREAM_WHOLE, 0, 0},
	{"after the socket had it all", 300, 400, 400, 0, 0, SAVED_STREAM_WHOLE, 0, 0},
	{"the socket has a part, the rest is lost", 300, 400, 399, 0, 0,
	 SAVED_STREAM_IN_DOUBT, 0, 0},
	{"the rest is queued", 300, 400, 340, 1, 341, SAVED_STREAM_WHOLE, 0, 0},
	{"the rest is queued, and that is noted", 340, 400, 340, 1, 341,
	 SAVED_STREAM_WHOLE, 0, 0},
	{"nothing of the queue was offered", 300, 400, 300, 2, 0, SAVED_STREAM_WHOLE, 0,
	 0},
	{"a part of the first is sent", 300, 400, 330, 2, 301, SAVED_STREAM_WHOLE, 0, 30},
	{"all of the first is sent", 300, 400, 400, 2, 301, SAVED_STREAM_WHOLE, 1, 0},
	{"all of the only one is sent", 400, 400, 400, 1, 301, SAVED_STREAM_WHOLE, 1, 0},
	{"less than before", 300, 300, 299, 0, 0, SAVED_STREAM_DAMAGED, 0, 0},
	{"more than was intended", 300, 400, 401, 0, 0, SAVED_STREAM_DAMAGED, 0, 0},
	{"more than was queued", 300, 400, 402, 2, 301, SAVED_STREAM_DAMAGED, 0, 0},
	{"less than was queued", 300, 400, 299, 1, 301, SAVED_STREAM_DAMAGED, 0, 0},
};

START_TEST(what_was_sent_is_known)
{
	static const uint8_t bytes[100];
	uint64_t words[STATE_WORDS] = {
		[STREAM_WORD_DONE] = sent[_i].done,
		[STREAM_WORD_INTENDED] = sent[_i].intended,
	};
	const struct saved_message messages[] = {
		{.sequence = 1, .at = sent[_i].at, .bytes = {bytes, 100}},
		{.sequence = 2, .bytes = {bytes, 100}},
	};
	const struct saved_stream_state state = {
		.stream = &stream,
		.words = words,
		.messages = messages,
		.message_count = sent[_i].queued,
		.taken = stream.origin_taken,
		.given = stream.origin_given + sent[_i].given,
	};
	struct saved_stream_standing standing;
	enum saved_stream_verdict got = saved_stream_judge(&state, &standing);

	ck_assert_msg(got == sent[_i].verdict, "%s: verdict %d", sent[_i].name, got);
	if (got != SAVED_STREAM_WHOLE)
		return;
	ck_assert_msg(standing.first == sent[_i].first &&
			      standing.first_sent == sent[_i].first_sent,
		      "%s: message %zu, %zu bytes of it", sent[_i].name, standing.first,
		      standing.first_sent);
	ck_assert_uint_eq(standing.given, sent[_i].given);
}
END_TEST

enum { FRAME = 50, ELSEWHERE = 7, OWN = 3 };

/* What was received: the window begins with the byte of that count. */
static const struct {
	const char *name;
	uint64_t received, handled;
	unsigned window_of; /* 0: of none, else the index and 1 */
	uint64_t base;
	size_t kept; /* bytes of the record, from the count on that is handled */
	enum saved_stream_verdict verdict;
	int at; /* of what is not handled in the window; -1: in the record */
} received[] = {
	{"all is handled", 100, 100, 0, 0, 0, SAVED_STREAM_WHOLE, 0},
	{"all is handled, in the window", 100, 100, OWN + 1, 40, 0, SAVED_STREAM_WHOLE,
	 0},
	{"read, and nothing of it handled", 190, 100, OWN + 1, 100, 0, SAVED_STREAM_WHOLE,
	 0},
	{"read, and a frame of it handled", 190, 150, OWN + 1, 100, 0, SAVED_STREAM_WHOLE,
	 50},
	{"counting began inside the window", 90, 0, OWN + 1, (uint64_t)0 - 30, 0,
	 SAVED_STREAM_WHOLE, 30},
	{"the window is another's, all is kept", 120, 100, ELSEWHERE + 1, 100, 20,
	 SAVED_STREAM_WHOLE, -1},
	{"a large frame is arriving", 120, 100, 0, 0, 4000, SAVED_STREAM_WHOLE, -1},
	{"kept and in the window: the window", 120, 100, OWN + 1, 90, 20,
	 SAVED_STREAM_WHOLE, 10},
	{"neither has it", 120, 100, ELSEWHERE + 1, 100, 0, SAVED_STREAM_DAMAGED, 0},
	{"more than is kept", 121, 100, 0, 0, 20, SAVED_STREAM_DAMAGED, 0},
	{"more than a window", STATE_WINDOW_LEN + 101, 100, OWN + 1, 100, 0,
	 SAVED_STREAM_DAMAGED, 0},
	{"before the window", 190, 100, OWN + 1, 101, 0, SAVED_STREAM_DAMAGED, 0},
	{"more is handled than came", 99, 100, 0, 0, 0, SAVED_STREAM_DAMAGED, 0},
};

START_TEST(what_is_not_handled_is_found)
{
	static uint8_t window[STATE_WINDOW_LEN], bytes[SAVED_BYTES_HEAD + 4000];
	const uint64_t words[STATE_WORDS] = {[STREAM_WORD_HANDLED] =
						     received[_i].handled};
	const uint64_t window_words[STATE_WORDS] = {
		[STREAM_WINDOW_OF] = received[_i].window_of,
		[STREAM_WINDOW_BASE] = received[_i].base,
	};
	struct saved_stream_state state = {
		.stream = &stream,
		.index = OWN,
		.words = words,
		.window = window,
		.window_words = window_words,
		.taken = stream.origin_taken + received[_i].received,
		.given = stream.origin_given,
	};
	struct saved_stream_standing standing;

	if (received[_i].kept > 0) {
		saved_bytes_write(received[_i].handled, bytes);
		state.bytes = (struct slice){bytes, SAVED_BYTES_HEAD + received[_i].kept};
	}
	enum saved_stream_verdict got = saved_stream_judge(&state, &standing);
	ck_assert_msg(got == received[_i].verdict, "%s: verdict %d", received[_i].name,
		      got);
	if (got != SAVED_STREAM_WHOLE)
		return;
	ck_assert_uint_eq(standing.unhandled.len,
			  received[_i].received - received[_i].handled);
	if (standing.unhandled.len > 0)
		ck_assert_msg(standing.unhandled.data ==
				      (received[_i].at < 0 ? bytes + SAVED_BYTES_HEAD
							   : window + received[_i].at),
			      "%s: elsewhere", received[_i].name);
}
END_TEST

/* A frame of 50 bytes is at 100, its answer of 20 bytes at 300. */
static const struct {
	const char *name;
	uint64_t handled, answered, answer, given, queued_answers;
	uint64_t want;
} answers[] = {
	{"not answered", 100, 0, 0, 300, 0, 100},
	{"about to be answered", 100, 150, 320, 300, 0, 100},
	{"answered, and not noted", 100, 150, 320, 320, 0, 150},
	{"answered, and noted", 150, 150, 320, 320, 0, 150},
	{"the one before was answered", 100, 100, 300, 300, 0, 100},
	{"its answer is queued", 100, 150, UINT64_MAX, 300, 150, 150},
	{"that of another one is", 100, 150, UINT64_MAX, 300, 99, 100},
};

START_TEST(a_frame_is_answered_once)
{
	static const uint8_t window[STATE_WINDOW_LEN], bytes[20];
	const uint64_t words[STATE_WORDS] = {
		[STREAM_WORD_HANDLED] = answers[_i].handled,
		[STREAM_WORD_ANSWERED] = answers[_i].answered,
		[STREAM_WORD_ANSWER] = answers[_i].answer,
		[STREAM_WORD_DONE] = 300,
		[STREAM_WORD_INTENDED] = 320,
	};
	const uint64_t window_words[STATE_WORDS] = {
		[STREAM_WINDOW_OF] = OWN + 1, [STREAM_WINDOW_BASE] = 100};
	const struct saved_message message = {.sequence = 1,
					      .answers = answers[_i].queued_answers,
					      .bytes = {bytes, sizeof(bytes)}};
	const struct saved_stream_state state = {
		.stream = &stream,
		.index = OWN,
		.words = words,
		.window = window,
		.window_words = window_words,
		.messages = &message,
		.message_count = answers[_i].queued_answers != 0,
		.taken = stream.origin_taken + 100 + FRAME,
		.given = stream.origin_given + answers[_i].given,
	};
	struct saved_stream_standing standing;

	ck_assert_int_eq(saved_stream_judge(&state, &standing), SAVED_STREAM_WHOLE);
	ck_assert_msg(standing.handled == answers[_i].want, "%s: %llu", answers[_i].name,
		      (unsigned long long)standing.handled);
	ck_assert_uint_eq(standing.unhandled.len, 100 + FRAME - standing.handled);
}
END_TEST

static void saved_stream_suite(Suite *suite)
{
	TCase *tc = tcase_create("saved_stream");

	tcase_add_test(tc, a_stream_is_read_as_it_was_written);
	tcase_add_test(tc, a_message_is_read_as_it_was_written);
	tcase_add_loop_test(tc, what_was_sent_is_known, 0, ROWS(sent));
	tcase_add_loop_test(tc, what_is_not_handled_is_found, 0, ROWS(received));
	tcase_add_loop_test(tc, a_frame_is_answered_once, 0, ROWS(answers));
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("saved_stream", saved_stream_suite)
