/*
 * nonce.c - 16 bits of a tick counter and 48 bits of MAC behind the nonce cookie.
 *
 * The MAC is SipHash-2-4, a keyed PRF made for short input: what the wire can carry of it is
 * 48 bits, so a longer MAC such as HMAC-SHA256 would be cut to the same strength at twenty
 * times the cost, on a path that strangers can call at will. A forged nonce gains little: it
 * saves its sender one round trip and still needs the credential's integrity.
 *
 * The 16 bits of time wrap after 12 days, far beyond the longest lifetime. They name one full
 * counter value in the 65536 ticks that end one tick from now, and that full value is what the
 * MAC covers, so a nonce from before the last wrap is not recognised.
 */
#include "relay/core/nonce.h"

#include <assert.h>
#include <string.h>

#include "stun/attr.h"
#include "stun/registry.h"

enum {
	TICK_MS = NONCE_TICK_S * 1000,
	STAMP_LEN = NONCE_LEN - STUN_NONCE_COOKIE_LEN, /* 64 bits in base64url */
};

static const uint64_t MAC_MASK = 0xFFFFFFFFFFFF;

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void write_cookie(char out[STUN_NONCE_COOKIE_LEN])
{
	stun_nonce_cookie(out, STUN_FEATURE_PASSWORD_ALGORITHMS);
}

/* Eleven digits carry 66 bits: the last two are zero. */
static void write_stamp(char out[STAMP_LEN], uint64_t stamp)
{
	for (int i = 0; i < STAMP_LEN - 1; i++)
		out[i] = digits[stamp >> (58 - 6 * i) & 0x3F];
	out[STAMP_LEN - 1] = digits[stamp << 2 & 0x3F];
}

static bool read_stamp(const uint8_t text[STAMP_LEN], uint64_t *stamp)
{
	uint64_t bits = 0;

	for (int i = 0; i < STAMP_LEN; i++) {
		const char *digit = memchr(digits, text[i], 64);
		if (!digit)
			return false;

		unsigned value = (unsigned)(digit - digits);
		if (i < STAMP_LEN - 1)
			bits = bits << 6 | value;
		else if (value & 3)
			return false;
		else
			bits = bits << 4 | value >> 2;
	}
	*stamp = bits;
	return true;
}

static struct siphash_key key_half(const struct nonce_key *key, int half)
{
	const uint8_t *p = key->bytes + 16 * half;
	return (struct siphash_key){load_be64(p), load_be64(p + 8)};
}

/*
 * 48 bits over cookie, time, source and realm. The two halves of the key serve the realm,
 * which may be long, and the rest, which has a fixed length.
 */
static uint64_t mac(const struct nonce_key *key, uint64_t tick,
		    const struct five_tuple *source, struct slice realm)
{
	struct siphash_key outer = key_half(key, 0);
	struct siphash_key inner = key_half(key, 1);
	uint8_t text[STUN_NONCE_COOKIE_LEN + 8 + 8 + 1 + 16 + 2 + 2];
	uint8_t *p = text;

	write_cookie((char *)p);
	p += STUN_NONCE_COOKIE_LEN;
	store_be64(p, tick);
	p += 8;
	store_be64(p, siphash(&inner, realm.data, realm.len));
	p += 8;
	*p++ = source->client.ip.family;
	memcpy(p, source->client.ip.bytes, 16);
	p += 16;
	store_be16(p, source->client.port);
	store_be16(p + 2, source->front);
	assert(p + 4 == text + sizeof(text));
	return siphash(&outer, text, sizeof(text)) & MAC_MASK;
}

void nonce_make(const struct nonce_key *key, const struct five_tuple *source,
		struct slice realm, uint64_t now_ms, char out[NONCE_LEN])
{
	uint64_t tick = now_ms / TICK_MS;

	write_cookie(out);
	write_stamp(out + STUN_NONCE_COOKIE_LEN,
		    tick << 48 | mac(key, tick, source, realm));
}

enum nonce_state nonce_check(const struct nonce_key *key, const struct five_tuple *source,
			     struct slice realm, struct slice nonce, uint64_t now_ms)
{
	char cookie[STUN_NONCE_COOKIE_LEN];
	uint64_t stamp;

	write_cookie(cookie);
	if (nonce.len != NONCE_LEN || memcmp(nonce.data, cookie, sizeof(cookie)) != 0 ||
	    !read_stamp(nonce.data + STUN_NONCE_COOKIE_LEN, &stamp))
		return NONCE_FOREIGN;

	/*
	 * The newest tick it may come from is the next one: workers read the clock at different
	 * times, and a nonce from one may come back to another whose turn began earlier.
	 */
	uint64_t newest = now_ms / TICK_MS + 1;
	uint64_t age = (newest - (stamp >> 48)) & 0xFFFF;
	if (age > newest)
		return NONCE_FOREIGN;

	/* One comparison of the whole MAC, in constant time: its delay reveals nothing. */
	uint64_t tick = newest - age;
	assert(age <= 0xFFFF && (tick & 0xFFFF) == stamp >> 48);
	if ((stamp & MAC_MASK) != mac(key, tick, source, realm))
		return NONCE_FOREIGN;

	uint64_t issued_ms = tick * TICK_MS;
	bool fresh = issued_ms > now_ms ||
		     now_ms - issued_ms < (uint64_t)key->lifetime_s * 1000;
	return fresh ? NONCE_VALID : NONCE_STALE;
}

bool nonce_offers_password_algorithms(struct slice nonce)
{
	uint32_t features;
	return stun_nonce_features(nonce, &features) &&
	       features & STUN_FEATURE_PASSWORD_ALGORITHMS;
}
