/*
 * fuzz_saved_stream.c - arbitrary bytes as what a process has left of a stream: its record, a message,
 * words and windows. Never a crash, nothing outside of what there is, and what is taken is the
 * same when it is written and read again.
 */
#include "relay/state/saved_stream.h"

#include <string.h>

#include "relay/state/state_file.h"
#include "tests/fuzz/fuzz.h"

enum { MESSAGES = 3 };

static void check_record(struct slice record)
{
	uint8_t first[SAVED_STREAM_MAX], second[SAVED_STREAM_MAX];
	struct saved_stream saved, again;

	if (!saved_stream_read(record, &saved))
		return;
	size_t len = saved_stream_write(&saved, first);
	FUZZ_CHECK(saved_stream_read((struct slice){first, len}, &again));
	FUZZ_CHECK(saved_stream_write(&again, second) == len);
	FUZZ_CHECK(memcmp(first, second, len) == 0);
}

static void check_message(struct slice record)
{
	struct saved_message message;

	if (saved_message_read(record, NULL, &message))
		FUZZ_CHECK(message.bytes.len > 0 && message.bytes.len <= record.len);
}

/* Small numbers: wild ones contradict each other at once. */
static uint64_t number(struct slice *rest)
{
	uint64_t value = 0;

	if (rest->len < 2)
		return 0;
	value = (uint64_t)(int64_t)(int16_t)load_be16(rest->data);
	*rest = slice_skip(*rest, 2);
	return value;
}

static bool lies_in(struct slice inner, const uint8_t *from, size_t len)
{
	return inner.data >= from && inner.data + inner.len <= from + len;
}

static void check_standing(struct slice rest)
{
	static uint8_t window[STATE_WINDOW_LEN], bytes[SAVED_BYTES_HEAD + 4096];
	static const struct saved_stream stream;
	uint64_t words[STATE_WORDS], window_words[STATE_WORDS];
	struct saved_message messages[MESSAGES] = {0};
	struct saved_stream_standing standing;
	struct saved_stream_state state = {
		.stream = &stream,
		.words = words,
		.window_words = window_words,
		.messages = messages,
	};

	for (int i = 0; i < STATE_WORDS; i++)
		words[i] = number(&rest);
	window_words[STREAM_WINDOW_OF] = number(&rest);
	window_words[STREAM_WINDOW_BASE] = number(&rest);
	state.window = number(&rest) % 4 != 0 ? window : NULL;
	saved_bytes_write(number(&rest), bytes);
	state.bytes = (struct slice){bytes, number(&rest) % sizeof(bytes)};
	state.message_count = number(&rest) % (MESSAGES + 1);
	for (size_t i = 0; i < state.message_count; i++) {
		messages[i].at = number(&rest);
		messages[i].answers = number(&rest);
		messages[i].bytes = (struct slice){window, 1 + number(&rest) % 500};
	}
	state.taken = number(&rest);
	state.given = number(&rest);
	if (saved_stream_judge(&state, &standing) != SAVED_STREAM_WHOLE)
		return;
	FUZZ_CHECK(standing.unhandled.len == 0 ||
		   lies_in(standing.unhandled, window, sizeof(window)) ||
		   lies_in(standing.unhandled, bytes + SAVED_BYTES_HEAD,
			   state.bytes.len - SAVED_BYTES_HEAD));
	FUZZ_CHECK(standing.handled + standing.unhandled.len == state.taken);
	FUZZ_CHECK(standing.first <= state.message_count);
	FUZZ_CHECK(standing.first == state.message_count ||
		   standing.first_sent < messages[standing.first].bytes.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_record((struct slice){data, size});
	check_message((struct slice){data, size});
	check_standing((struct slice){data, size});
	return 0;
}
