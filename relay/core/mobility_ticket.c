/*
 * mobility_ticket.c - see mobility_ticket.h.
 */
#include "relay/core/mobility_ticket.h"

#include <assert.h>
#include <string.h>

#include <openssl/evp.h>

enum {
	SIV_LEN = 16,
	SEALED_LEN = 8,
};

static_assert(MOBILITY_TICKET_LEN == (SIV_LEN + SEALED_LEN) / 3 * 4, "base64 of both");
static_assert((SIV_LEN + SEALED_LEN) % 3 == 0, "no padding");

static const uint8_t digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* What else is sealed with that key one day has other words here. */
static const uint8_t purpose[] = "mobility ticket";

static void encode(const uint8_t from[SIV_LEN + SEALED_LEN],
		   uint8_t to[MOBILITY_TICKET_LEN])
{
	for (size_t i = 0; i < SIV_LEN + SEALED_LEN; i += 3, to += 4) {
		to[0] = digits[from[i] >> 2];
		to[1] = digits[(from[i] & 3) << 4 | from[i + 1] >> 4];
		to[2] = digits[(from[i + 1] & 15) << 2 | from[i + 2] >> 6];
		to[3] = digits[from[i + 2] & 63];
	}
}

/* False if it is not of these characters. */
static bool decode(const uint8_t from[MOBILITY_TICKET_LEN],
		   uint8_t to[SIV_LEN + SEALED_LEN])
{
	for (size_t i = 0; i < MOBILITY_TICKET_LEN; i += 4, to += 3) {
		uint32_t bits = 0;

		for (size_t j = 0; j < 4; j++) {
			const uint8_t *digit =
				memchr(digits, from[i + j], sizeof(digits) - 1);

			if (digit == NULL)
				return false;
			bits = bits << 6 | (uint32_t)(digit - digits);
		}
		to[0] = (uint8_t)(bits >> 16);
		to[1] = (uint8_t)(bits >> 8);
		to[2] = (uint8_t)bits;
	}
	return true;
}

/*
 * One run of the cipher over SEALED_LEN bytes. siv: to be written when encrypting, and what is
 * expected when decrypting.
 */
static bool run(const struct mobility_key *key, bool encrypt, const uint8_t *from,
		uint8_t *to, uint8_t siv[SIV_LEN])
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-128-SIV", NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int len;
	bool ok = cipher != NULL && ctx != NULL &&
		  EVP_CipherInit_ex2(ctx, cipher, key->bytes, NULL, encrypt, NULL) == 1;

	if (ok && !encrypt)
		ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SIV_LEN, siv) == 1;
	ok = ok && EVP_CipherUpdate(ctx, NULL, &len, purpose, sizeof(purpose) - 1) == 1 &&
	     EVP_CipherUpdate(ctx, to, &len, from, SEALED_LEN) == 1 &&
	     len == SEALED_LEN && EVP_CipherFinal_ex(ctx, to + len, &len) == 1;
	if (ok && encrypt)
		ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SIV_LEN, siv) == 1;
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	return ok;
}

bool mobility_ticket_seal(const struct mobility_key *key,
			  const struct mobility_ticket *ticket,
			  uint8_t out[MOBILITY_TICKET_LEN])
{
	uint8_t plain[SEALED_LEN], sealed[SIV_LEN + SEALED_LEN];

	assert(ticket->name >> 48 == 0);
	store_be64(plain, ticket->name << 16 | ticket->number);
	if (!run(key, true, plain, sealed + SIV_LEN, sealed))
		return false;
	encode(sealed, out);
	return true;
}

bool mobility_ticket_open(const struct mobility_key *key, struct slice value,
			  struct mobility_ticket *ticket)
{
	uint8_t plain[SEALED_LEN], sealed[SIV_LEN + SEALED_LEN];
	uint64_t named;

	if (value.len != MOBILITY_TICKET_LEN || !decode(value.data, sealed) ||
	    !run(key, false, sealed + SIV_LEN, plain, sealed))
		return false;
	named = load_be64(plain);
	ticket->name = named >> 16;
	ticket->number = (uint16_t)named;
	return true;
}
