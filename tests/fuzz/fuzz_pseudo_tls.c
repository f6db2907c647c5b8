/*
 * fuzz_pseudo_tls.c - any first bytes as a pseudo-TLS handshake, from either side: the
 * verdict does not depend on how they are cut, and a complete handshake is the one we
 * would write.
 */
#include <string.h>

#include "stun/classify.h"
#include "stun/pseudo_tls.h"
#include "tests/fuzz/fuzz.h"

/*
 * The verdict on the whole input, byte by byte: it never goes back, and after each byte
 * it equals the verdict on all bytes so far.
 */
static enum pseudo_tls judge(enum pseudo_tls (*form)(struct slice), struct slice bytes,
			     size_t form_len)
{
	enum pseudo_tls before = PSEUDO_TLS_MORE;

	for (size_t len = 0; len <= bytes.len; len++) {
		uint8_t *copy = malloc(len);

		if (!copy)
			abort();
		if (len > 0)
			memcpy(copy, bytes.data, len);
		enum pseudo_tls got = form((struct slice){copy, len});
		free(copy);
		FUZZ_CHECK(before == PSEUDO_TLS_MORE || got == before);
		FUZZ_CHECK(got != PSEUDO_TLS_COMPLETE || len >= form_len);
		FUZZ_CHECK(got != PSEUDO_TLS_MORE || len < form_len);
		before = got;
	}
	return before;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = {data, size < 128 ? size : 128};
	uint8_t written[PSEUDO_TLS_ANSWER_LEN];

	enum pseudo_tls hello = judge(pseudo_tls_hello, bytes, PSEUDO_TLS_HELLO_LEN);
	enum pseudo_tls answer = judge(pseudo_tls_answer, bytes, PSEUDO_TLS_ANSWER_LEN);

	/* The length of the record, in the fifth byte, tells them apart. */
	if (bytes.len >= 5)
		FUZZ_CHECK(hello == PSEUDO_TLS_BROKEN || answer == PSEUDO_TLS_BROKEN);
	if (hello == PSEUDO_TLS_COMPLETE) {
		FUZZ_CHECK(stream_classify(bytes) == STREAM_PSEUDO_TLS);
		pseudo_tls_write_hello(written, load_be32(data + 11), data + 15);
		FUZZ_CHECK(memcmp(written, data, PSEUDO_TLS_HELLO_LEN) == 0);
	}
	if (answer == PSEUDO_TLS_COMPLETE) {
		pseudo_tls_write_answer(written, load_be32(data + 11), data + 15,
					data + 44);
		FUZZ_CHECK(memcmp(written, data, PSEUDO_TLS_ANSWER_LEN) == 0);
	}
	if (bytes.len >= STREAM_CLASSIFY_MAX &&
	    stream_classify(bytes) != STREAM_PSEUDO_TLS)
		FUZZ_CHECK(hello == PSEUDO_TLS_BROKEN);
	return 0;
}
