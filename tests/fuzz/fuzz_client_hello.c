/*
 * fuzz_client_hello.c - any bytes as the first of a TLS connection: the verdict does not change as
 * more bytes come, what is found lies within what was read, and a hello cut into other records says
 * the same.
 */
#include "base/net/client_hello.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

enum { BYTES_MAX = 600 }; /* each length is looked at */

static uint8_t scratch[CLIENT_HELLO_MAX], other_scratch[CLIENT_HELLO_MAX];

static bool lies_within(struct slice inner, const uint8_t *data, size_t len)
{
	return inner.len == 0 || (inner.data >= data && inner.len <= len &&
				  (size_t)(inner.data - data) <= len - inner.len);
}

static void check_found(const struct client_hello *hello)
{
	struct slice alpn = hello->alpn, name;
	size_t len = 0;

	FUZZ_CHECK(lies_within(hello->server_name, scratch, sizeof(scratch)));
	FUZZ_CHECK(lies_within(hello->alpn, scratch, sizeof(scratch)));
	while (client_hello_alpn_next(&alpn, &name)) {
		FUZZ_CHECK(name.len > 0);
		len += 1 + name.len;
	}
	FUZZ_CHECK(len == hello->alpn.len);
}

/* The same message in records of 7 bytes. */
static void check_other_records(const struct client_hello *hello)
{
	static uint8_t bytes[2 * BYTES_MAX + 16];
	size_t whole = 4 + ((size_t)scratch[1] << 16 | load_be16(scratch + 2));
	struct client_hello again;
	size_t len = 0, needed;

	for (size_t at = 0; at < whole; at += 7) {
		size_t here = whole - at < 7 ? whole - at : 7;

		FUZZ_CHECK(len + 5 + here <= sizeof(bytes));
		memcpy(bytes + len, "\x16\x03\x03\0", 4);
		bytes[len + 4] = (uint8_t)here;
		memcpy(bytes + len + 5, scratch + at, here);
		len += 5 + here;
	}
	FUZZ_CHECK(client_hello_read((struct slice){bytes, len}, other_scratch, &again,
				     &needed) == CLIENT_HELLO_COMPLETE);
	FUZZ_CHECK(again.server_name.len == hello->server_name.len &&
		   again.alpn.len == hello->alpn.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum client_hello_verdict before = CLIENT_HELLO_MORE;
	struct client_hello hello;
	size_t asked = 0;

	if (size > BYTES_MAX)
		size = BYTES_MAX;
	for (size_t len = 0; len <= size; len++) {
		uint8_t *copy = malloc(len);
		size_t needed = 0;

		if (!copy)
			abort();
		if (len > 0)
			memcpy(copy, data, len);
		enum client_hello_verdict got = client_hello_read(
			(struct slice){copy, len}, scratch, &hello, &needed);
		free(copy);
		FUZZ_CHECK(before == CLIENT_HELLO_MORE || got == before);
		FUZZ_CHECK(got != CLIENT_HELLO_COMPLETE || len >= asked);
		if (got == CLIENT_HELLO_MORE) {
			FUZZ_CHECK(needed > len && needed <= CLIENT_HELLO_MAX);
			asked = needed;
		}
		before = got;
	}
	if (before == CLIENT_HELLO_COMPLETE) {
		check_found(&hello);
		check_other_records(&hello);
	}
	return 0;
}
