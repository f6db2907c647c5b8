/*
 * mobility_ticket.c - see mobility_ticket.h.
 */
#include "relay/core/mobility_ticket.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum {
	SIV_LEN = 16,
	SEALED_LEN = 8 + 4 + 8,
};

static_assert(MOBILITY_TICKET_LEN == MOBILITY_KEY_NAME_LEN + SIV_LEN + SEALED_LEN,
	      "parts of a ticket");
static_assert(MOBILITY_TICKET_LEN % 4 == 0, "no padding");

struct mobility_ticket mobility_ticket_of(uint64_t allocation, uint32_t number,
					  const struct owner_id *owner)
{
	struct mobility_ticket ticket = {.allocation = allocation, .number = number};

	memcpy(ticket.owner, owner->bytes, sizeof(ticket.owner));
	return ticket;
}

bool mobility_ticket_is_owners(const struct mobility_ticket *ticket,
			       const struct owner_id *owner)
{
	return memcmp(ticket->owner, owner->bytes, sizeof(ticket->owner)) == 0;
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
	ok = ok &&
	     EVP_CipherUpdate(ctx, NULL, &len, key->name, MOBILITY_KEY_NAME_LEN) == 1 &&
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
	uint8_t plain[SEALED_LEN];

	store_be64(plain, ticket->allocation);
	store_be32(plain + 8, ticket->number);
	memcpy(plain + 12, ticket->owner, sizeof(ticket->owner));
	memcpy(out, key->name, MOBILITY_KEY_NAME_LEN);
	return run(key, true, plain, out + MOBILITY_KEY_NAME_LEN + SIV_LEN,
		   out + MOBILITY_KEY_NAME_LEN);
}

bool mobility_ticket_open(const struct mobility_key *key, struct slice value,
			  struct mobility_ticket *ticket)
{
	uint8_t plain[SEALED_LEN], siv[SIV_LEN];

	if (value.len != MOBILITY_TICKET_LEN ||
	    memcmp(value.data, key->name, MOBILITY_KEY_NAME_LEN) != 0)
		return false;
	memcpy(siv, value.data + MOBILITY_KEY_NAME_LEN, SIV_LEN);
	if (!run(key, false, value.data + MOBILITY_KEY_NAME_LEN + SIV_LEN, plain, siv))
		return false;
	ticket->allocation = load_be64(plain);
	ticket->number = load_be32(plain + 8);
	memcpy(ticket->owner, plain + 12, sizeof(ticket->owner));
	return true;
}
