/*
 * fuzz_dtls_hello.c - any datagram as records of DTLS and as a ClientHello: what is parsed lies within
 * it, and the answer to a hello is a record that is shorter than the hello.
 */
#include <string.h>

#include "stun/dtls_hello.h"
#include "tests/fuzz/fuzz.h"

static bool is_within(struct slice part, struct slice whole)
{
	return part.data >= whole.data && part.data + part.len <= whole.data + whole.len;
}

static void check_answer(const struct dtls_hello *hello, size_t hello_len)
{
	uint8_t answer[DTLS_VERIFY_OVERHEAD + DTLS_COOKIE_MAX];
	static const uint8_t cookie[9] = "a cookie";
	size_t len = dtls_hello_write_verify(
		hello, (struct slice){cookie, sizeof(cookie)}, answer);
	struct slice rest = {answer, len};
	struct dtls_record record;
	struct dtls_handshake message;

	FUZZ_CHECK(len < hello_len && hello_len >= DTLS_HELLO_MIN);
	FUZZ_CHECK(dtls_record_take(&rest, &record) && rest.len == 0);
	FUZZ_CHECK(record.type == DTLS_HANDSHAKE && record.epoch == 0 &&
		   record.sequence == hello->record_sequence);
	rest = record.content;
	FUZZ_CHECK(dtls_handshake_take(&rest, &message) && rest.len == 0);
	FUZZ_CHECK(message.type == DTLS_HELLO_VERIFY_REQUEST &&
		   message.len == message.fragment.len);
}

static void check_hello(const struct dtls_record *record)
{
	struct dtls_hello hello;

	if (dtls_hello_parse(record, &hello) != DTLS_HELLO_OK)
		return;
	FUZZ_CHECK(hello.random.len == DTLS_RANDOM_LEN);
	FUZZ_CHECK(is_within(hello.random, hello.before_cookie) &&
		   is_within(hello.before_cookie, record->content) &&
		   is_within(hello.cookie, record->content) &&
		   is_within(hello.after_cookie, record->content));
	FUZZ_CHECK(hello.before_cookie.len + 1 + hello.cookie.len +
			   hello.after_cookie.len <=
		   record->content.len);
	check_answer(&hello, record->whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);
	struct slice whole = {copy, size}, rest = whole;
	struct dtls_record record;

	if (copy == NULL)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	while (dtls_record_take(&rest, &record)) {
		struct slice messages = record.content;
		struct dtls_handshake message;

		FUZZ_CHECK(is_within(record.whole, whole) &&
			   is_within(record.content, record.whole));
		while (dtls_handshake_take(&messages, &message))
			FUZZ_CHECK(message.offset + message.fragment.len <= message.len);
		if (dtls_record_is_hello(&record))
			check_hello(&record);
	}
	free(copy);
	return 0;
}
