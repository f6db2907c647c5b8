/*
 * dtls_cookie.c - see dtls_cookie.h.
 */
#include "relay/front/dtls/dtls_cookie.h"

#include <string.h>

static uint64_t hash(const struct siphash_key *key, struct slice bytes)
{
	return siphash(key, bytes.data, bytes.len);
}

static void make(const struct siphash_key *key, const struct five_tuple *source,
		 const struct dtls_hello *hello, uint64_t tick,
		 uint8_t cookie[DTLS_COOKIE_LEN])
{
	const uint64_t words[] = {
		five_tuple_hash(source, key),
		hash(key, hello->before_cookie),
		hash(key, hello->after_cookie),
		tick,
	};

	cookie[0] = (uint8_t)tick;
	store_be64(cookie + 1, siphash(key, words, sizeof(words)));
}

void dtls_cookie_make(const struct siphash_key *key, const struct five_tuple *source,
		      const struct dtls_hello *hello, uint64_t now_ms,
		      uint8_t cookie[DTLS_COOKIE_LEN])
{
	make(key, source, hello, now_ms / DTLS_COOKIE_TICK_MS, cookie);
}

bool dtls_cookie_is_valid(const struct siphash_key *key, const struct five_tuple *source,
			  const struct dtls_hello *hello, uint64_t now_ms)
{
	uint64_t tick = now_ms / DTLS_COOKIE_TICK_MS;
	uint8_t want[DTLS_COOKIE_LEN], differs = 0;

	if (hello->cookie.len != DTLS_COOKIE_LEN)
		return false;
	if (hello->cookie.data[0] != (uint8_t)tick && tick > 0)
		tick--;
	make(key, source, hello, tick, want);
	for (size_t i = 0; i < DTLS_COOKIE_LEN; i++)
		differs |= want[i] ^ hello->cookie.data[i];
	return differs == 0;
}
