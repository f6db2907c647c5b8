/*
 * fuzz_access_token.c - bytes become access tokens, their contents and the file of their keys.
 *
 * The first byte selects the kind: t token as it arrives, c content that its issuer sealed with our
 * key, so that it is read, k file of keys.
 */
#include <string.h>

#include "auth/credential/access_token.h"
#include "tests/fuzz/fuzz.h"

static const struct slice name = {(const uint8_t *)"turn.example.org", 16};

static const struct token_keyring *three_keys(void)
{
	static const char text[] =
		"g MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY= A256GCM\n"
		"h MDEyMzQ1Njc4OWFiY2RlZg== A128GCM\n"
		"c MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4"
		"OWFiY2RlZg== A256CBC-HS512\n";
	static struct token_keyring *ring;
	struct keyring_error error;

	if (ring == NULL)
		ring = token_keyring_parse(text, sizeof(text) - 1, &error);
	FUZZ_CHECK(ring != NULL && ring->count == 3);
	return ring;
}

/* What was opened is legal, and is opened again after it is made again. */
static void check_token(const struct access_token *token, const struct token_key *key)
{
	static const uint8_t nonce[ACCESS_TOKEN_NONCE_LEN] = "nonce";
	uint8_t bytes[ACCESS_TOKEN_MAX];
	struct access_token again;

	FUZZ_CHECK(token->mac_key_len == ACCESS_TOKEN_MAC_KEY_SHORT ||
		   token->mac_key_len == ACCESS_TOKEN_MAC_KEY_LONG);
	FUZZ_CHECK(token->issued_s < (uint64_t)1 << 48);

	size_t len = access_token_make(token, key, name, nonce, bytes);

	FUZZ_CHECK(len > 0 && len <= sizeof(bytes));
	FUZZ_CHECK(access_token_open((struct slice){bytes, len}, key, name, &again));
	FUZZ_CHECK(memcmp(token, &again, sizeof(again)) == 0);
	access_token_left_s(token, INT64_MIN);
	access_token_left_s(token, INT64_MAX);
	FUZZ_CHECK(access_token_left_s(token, (int64_t)token->issued_s) ==
		   (int64_t)token->lifetime_s + ACCESS_TOKEN_DELTA_S);
}

/* Nobody makes a token without the key; if the fuzzer does, it is at least a legal one. */
static void try_token(struct slice bytes)
{
	const struct token_keyring *ring = three_keys();
	struct access_token token;

	for (size_t i = 0; i < ring->count; i++) {
		if (access_token_open(bytes, &ring->keys[i], name, &token))
			check_token(&token, &ring->keys[i]);
		else
			FUZZ_CHECK(token.mac_key_len == 0);
	}
}

static void try_content(struct slice bytes)
{
	const struct token_keyring *ring = three_keys();
	struct access_token token = {.mac_key_len = ACCESS_TOKEN_MAC_KEY_SHORT};
	uint8_t all[1 + ACCESS_TOKEN_MAC_KEY_LONG + 8 + 4] = {0};

	memcpy(all, bytes.data, bytes.len < sizeof(all) ? bytes.len : sizeof(all));
	if ((all[0] & 1) != 0)
		token.mac_key_len = ACCESS_TOKEN_MAC_KEY_LONG;
	memcpy(token.mac_key, all + 1, token.mac_key_len);
	token.issued_s = load_be64(all + 33) >> 16;
	token.issued_frac = load_be16(all + 39);
	token.lifetime_s = load_be32(all + 41);
	for (size_t i = 0; i < ring->count; i++)
		check_token(&token, &ring->keys[i]);
}

static void try_keys(struct slice bytes)
{
	struct keyring_error error = {0};
	struct token_keyring *ring =
		token_keyring_parse((const char *)bytes.data, bytes.len, &error);

	if (ring == NULL) {
		FUZZ_CHECK(error.reason[0] != '\0');
		return;
	}
	FUZZ_CHECK(ring->count > 0 && ring->count <= TOKEN_KEYRING_MAX);
	for (size_t i = 0; i < ring->count; i++) {
		const struct slice kid = {(const uint8_t *)ring->keys[i].kid,
					  strlen(ring->keys[i].kid)};

		FUZZ_CHECK(token_kid_is_valid(kid));
		FUZZ_CHECK(token_keyring_find(ring, kid) == &ring->keys[i]);
		FUZZ_CHECK(ring->keys[i].not_before_s < ring->keys[i].not_after_s);
	}
	token_keyring_free(ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice rest = {data + 1, size - 1};

	if (size == 0)
		return 0;
	if (data[0] == 't')
		try_token(rest);
	else if (data[0] == 'c')
		try_content(rest);
	else if (data[0] == 'k')
		try_keys(rest);
	return 0;
}
