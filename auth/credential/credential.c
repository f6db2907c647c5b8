/*
 * credential.c - short-lived credentials: issued by computation, verified by computation.
 *
 * An MRAS token, all numbers big endian:
 *
 *      0  major version: 1, 2 with flags, 3 with a quota      1  minor version, 0
 *      2  size of the blob, 16 bits: 32, 36 or 44
 *      4  expiry, FILETIME: low word             8  high word
 *     12  HMAC-SHA1(mras_client_id, identity)
 *     32  flags, 0 (from version 2)
 *     36  allocations of the quota, 40 its bandwidth in 1000 bit/s; 0: none (version 3)
 *   size  HMAC-SHA1(mras_token, blob)
 *
 * Its password is HMAC-SHA1(mras_password, token).
 */
#include "auth/credential/credential.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth/credential/base64.h"

enum {
	SHA1_LEN = 20,
	SHA256_LEN = 32,
	/* Of a name that is cut: how much of its digest, and that with what leads to it. */
	USER_DIGEST_LEN = 16,
	USER_TAIL_LEN = 2 + 2 * USER_DIGEST_LEN,
	TOKEN_EXPIRY = 4,
	TOKEN_CLIENT_ID = 12,
	TOKEN_FLAGS = 32,
	TOKEN_ALLOCATIONS = 36,
	TOKEN_BANDWIDTH = 40,
	TOKEN_V1_BLOB = 32,
	TOKEN_V2_BLOB = 36,
	TOKEN_V3_BLOB = 44,
	TOKEN_V1_LEN = TOKEN_V1_BLOB + SHA1_LEN,
	TOKEN_V2_LEN = TOKEN_V2_BLOB + SHA1_LEN,
	TOKEN_V3_LEN = TOKEN_V3_BLOB + SHA1_LEN,
	KBIT = 1000,
	/*
	 * About two in a hundred candidates are skipped; this many in a row do not
	 * happen.
	 */
	TOKEN_DRAWS = 1000,
};

/* FILETIME counts 100 ns units from 1601-01-01. */
static const int64_t filetime_epoch_s = 11644473600;
static const uint64_t filetime_per_s = 10000000;

static_assert((int)TOKEN_V3_LEN <= (int)CREDENTIAL_TOKEN_MAX, "every token has room");

static bool hmac_sha1(const uint8_t *key, size_t key_len, struct slice text,
		      uint8_t mac[SHA1_LEN])
{
	return HMAC(EVP_sha1(), key, (int)key_len, text.data, text.len, mac, NULL) !=
	       NULL;
}

static bool is_one_word(uint8_t c)
{
	return c > ' ' && c < 0x7f && c != '"' && c != '\\';
}

static const char hex_digits[] = "0123456789abcdef";

/* As much of the name as fits into room bytes; returns how many it took, *written has them. */
static size_t write_escaped(struct slice name, char *out, size_t room, size_t *written)
{
	size_t at = 0, i;

	for (i = 0; i < name.len; i++) {
		uint8_t c = name.data[i];
		size_t width = is_one_word(c) ? 1 : 4;

		if (room - at < width)
			break;
		if (width == 1) {
			out[at++] = (char)c;
			continue;
		}
		out[at++] = '\\';
		out[at++] = 'x';
		out[at++] = hex_digits[c >> 4];
		out[at++] = hex_digits[c & 15];
	}
	assert(at <= room);
	*written = at;
	return i;
}

void credential_show_user(struct slice name, char user[CREDENTIAL_USER_MAX + 1])
{
	uint8_t digest[SHA256_LEN];
	size_t at;

	if (write_escaped(name, user, CREDENTIAL_USER_MAX, &at) == name.len) {
		user[at] = '\0';
		return;
	}
	write_escaped(name, user, CREDENTIAL_USER_MAX - USER_TAIL_LEN, &at);
	user[at++] = '\\';
	user[at++] = '~';
	/* It cannot fail but for want of memory; then it is the cut name alone. */
	if (EVP_Digest(name.data, name.len, digest, NULL, EVP_sha256(), NULL) != 1)
		memset(digest, 0, sizeof(digest));
	for (size_t i = 0; i < USER_DIGEST_LEN; i++) {
		user[at++] = hex_digits[digest[i] >> 4];
		user[at++] = hex_digits[digest[i] & 15];
	}
	assert(at <= CREDENTIAL_USER_MAX);
	user[at] = '\0';
}

void credential_read_user(const char *text, char user[CREDENTIAL_USER_MAX + 1])
{
	const struct slice name = {(const uint8_t *)text, strlen(text)};
	bool is_shown = name.len <= CREDENTIAL_USER_MAX;

	for (size_t i = 0; i < name.len && is_shown; i++)
		is_shown = is_one_word(name.data[i]) || name.data[i] == '\\';
	if (is_shown)
		memcpy(user, text, name.len + 1);
	else
		credential_show_user(name, user);
}

static uint64_t kbits_of(const struct credential_quota *quota)
{
	uint64_t kbits = quota->bandwidth_bps / KBIT + (quota->bandwidth_bps % KBIT != 0);

	return kbits < UINT32_MAX ? kbits : UINT32_MAX;
}

enum { QUOTA_TEXT_SIZE = 24 }; /* two commas, two numbers of ten digits */

/* As it stands in a REST username; "" for none. Returns its length. */
static size_t write_quota(const struct credential_quota *quota,
			  char text[QUOTA_TEXT_SIZE])
{
	text[0] = '\0';
	if (quota == NULL || !credential_quota_is_set(quota))
		return 0;
	return (size_t)snprintf(text, QUOTA_TEXT_SIZE, ",%" PRIu32 ",%" PRIu64,
				quota->allocations, kbits_of(quota));
}

/* Digits off the front of *rest; no sign, no overflow of max. False if there are none. */
static bool take_number(struct slice *rest, int64_t max, int64_t *number)
{
	size_t before = rest->len;

	*number = 0;
	for (; rest->len > 0 && *rest->data >= '0' && *rest->data <= '9';
	     *rest = slice_skip(*rest, 1)) {
		int digit = *rest->data - '0';

		if (*number > (max - digit) / 10)
			return false;
		*number = *number * 10 + digit;
	}
	return rest->len < before;
}

/* ",allocations,kbits", both in one spelling, before the colon. */
static bool take_quota(struct slice *rest, struct credential_quota *quota)
{
	int64_t allocations, kbits;
	struct slice start = *rest;
	char spelt[QUOTA_TEXT_SIZE];

	*rest = slice_skip(*rest, 1);
	if (!take_number(rest, UINT32_MAX, &allocations) || rest->len == 0 ||
	    *rest->data != ',')
		return false;
	*rest = slice_skip(*rest, 1);
	if (!take_number(rest, UINT32_MAX, &kbits) || rest->len == 0 ||
	    *rest->data != ':')
		return false;
	*quota = (struct credential_quota){(uint32_t)allocations, (uint64_t)kbits * KBIT};
	return write_quota(quota, spelt) == start.len - rest->len &&
	       memcmp(spelt, start.data, start.len - rest->len) == 0;
}

/* An expiry up to the first colon, comma or the end. */
static bool parse_rest(struct slice username, struct credential *out)
{
	struct slice rest = username;

	if (!take_number(&rest, INT64_MAX, &out->expires_s))
		return false;
	if (rest.len > 0 && *rest.data == ',' && !take_quota(&rest, &out->quota))
		return false;
	if (rest.len > 0 && *rest.data != ':')
		return false;

	out->form = CREDENTIAL_REST;
	out->nameless = rest.len <= 1;
	credential_show_user(out->nameless ? username : slice_skip(rest, 1), out->user);
	return true;
}

/* The length of a token's blob, or 0 if these bytes are no token. */
static size_t token_blob_len(const uint8_t *token, size_t len)
{
	if (len == TOKEN_V1_LEN && token[0] == 1 && token[1] == 0 &&
	    load_be16(token + 2) == TOKEN_V1_BLOB)
		return TOKEN_V1_BLOB;
	/* An unknown flag may restrict the token, so none is accepted. */
	if (len == TOKEN_V2_LEN && token[0] == 2 && token[1] == 0 &&
	    load_be16(token + 2) == TOKEN_V2_BLOB && load_be32(token + TOKEN_FLAGS) == 0)
		return TOKEN_V2_BLOB;
	if (len == TOKEN_V3_LEN && token[0] == 3 && token[1] == 0 &&
	    load_be16(token + 2) == TOKEN_V3_BLOB && load_be32(token + TOKEN_FLAGS) == 0)
		return TOKEN_V3_BLOB;
	return 0;
}

/* Fill in the rest of out from its token bytes. */
static bool parse_token(struct credential *out)
{
	const uint8_t *expiry = out->token + TOKEN_EXPIRY;
	uint64_t filetime;

	assert(out->token_len <= sizeof(out->token));
	if (token_blob_len(out->token, out->token_len) == 0)
		return false;
	filetime = (uint64_t)load_be32(expiry + 4) << 32 | load_be32(expiry);
	out->expires_s = (int64_t)(filetime / filetime_per_s) - filetime_epoch_s;
	if (out->token_len == TOKEN_V3_LEN)
		out->quota = (struct credential_quota){
			load_be32(out->token + TOKEN_ALLOCATIONS),
			(uint64_t)load_be32(out->token + TOKEN_BANDWIDTH) * KBIT};
	for (size_t i = 0; i < SHA1_LEN; i++)
		snprintf(out->user + 2 * i, 3, "%02x", out->token[TOKEN_CLIENT_ID + i]);
	return true;
}

enum credential_status credential_parse(struct slice username, bool binary,
					struct credential *out)
{
	*out = (struct credential){.username = username};
	if (username.len == 0 || username.len > CREDENTIAL_USERNAME_MAX)
		return CREDENTIAL_MALFORMED;

	if (binary) {
		if (username.len > sizeof(out->token))
			return CREDENTIAL_MALFORMED;
		out->form = CREDENTIAL_MRAS_BINARY;
		out->token_len = username.len;
		memcpy(out->token, username.data, username.len);
		return parse_token(out) ? CREDENTIAL_OK : CREDENTIAL_MALFORMED;
	}
	/* A token in base64 begins with 'A', a REST username with a digit. */
	if (parse_rest(username, out))
		return CREDENTIAL_OK;
	out->form = CREDENTIAL_MRAS_TEXT;
	if (base64_decode((const char *)username.data, username.len, out->token,
			  sizeof(out->token), &out->token_len) &&
	    parse_token(out))
		return CREDENTIAL_OK;
	return CREDENTIAL_MALFORMED;
}

/* Saturates: a time beyond the range is the end of time. */
static int64_t later(int64_t at_s, int64_t by_s)
{
	int64_t sum_s;

	return __builtin_add_overflow(at_s, by_s, &sum_s) ? INT64_MAX : sum_s;
}

static int64_t difference(int64_t later_s, int64_t earlier_s)
{
	int64_t difference_s;

	assert(later_s >= earlier_s);
	return __builtin_sub_overflow(later_s, earlier_s, &difference_s) ? INT64_MAX
									 : difference_s;
}

enum credential_status credential_check_time(const struct credential *cred,
					     const struct credential_clock *clock,
					     int64_t max_ttl_s, int64_t *off_s)
{
	int64_t latest_s;

	assert(clock->skew_s >= 0 && max_ttl_s >= 0);
	*off_s = 0;
	if (clock->now_s >= later(cred->expires_s, clock->skew_s)) {
		*off_s = difference(clock->now_s, cred->expires_s);
		return CREDENTIAL_EXPIRED;
	}
	latest_s = later(clock->now_s, max_ttl_s);
	if (max_ttl_s > 0 && cred->expires_s > later(latest_s, clock->skew_s)) {
		*off_s = difference(cred->expires_s, latest_s);
		return CREDENTIAL_TOO_FAR;
	}
	return CREDENTIAL_OK;
}

/* The MAC of a REST username: with the secret itself as others compute it, or our own. */
static bool rest_mac(const struct key *key, struct slice username, bool has_quota,
		     uint8_t mac[SHA256_LEN], unsigned *mac_len)
{
	const EVP_MD *md = has_quota || key->rest == KEY_REST_SHA256 ? EVP_sha256()
								     : EVP_sha1();
	const uint8_t *secret = has_quota ? key->rest_quota : key->secret;
	size_t secret_len = has_quota ? KEY_DERIVED_LEN : key->secret_len;

	return key->rest != KEY_REST_NONE &&
	       HMAC(md, secret, (int)secret_len, username.data, username.len, mac,
		    mac_len) != NULL;
}

static bool rest_password(const struct key *key, struct slice username, bool has_quota,
			  struct credential_password *out)
{
	uint8_t mac[SHA256_LEN];
	unsigned mac_len = 0;

	if (!rest_mac(key, username, has_quota, mac, &mac_len))
		return false;
	assert(BASE64_SIZE(mac_len) <= sizeof(out->bytes));
	base64_encode(mac, mac_len, (char *)out->bytes);
	out->len = BASE64_SIZE(mac_len) - 1;
	OPENSSL_cleanse(mac, sizeof(mac));
	return true;
}

static bool token_is_from(const struct key *key, struct slice token)
{
	struct slice blob = {token.data, token.len - SHA1_LEN};
	uint8_t mac[SHA1_LEN];

	return hmac_sha1(key->mras_token, KEY_DERIVED_LEN, blob, mac) &&
	       CRYPTO_memcmp(mac, token.data + blob.len, SHA1_LEN) == 0;
}

static bool token_password(const struct key *key, const struct credential *cred,
			   struct credential_password *out)
{
	struct slice token = {cred->token, cred->token_len};
	uint8_t mac[SHA1_LEN];

	/* credential_parse() has found a token in it. */
	assert(token_blob_len(token.data, token.len) != 0);
	if (!token_is_from(key, token) ||
	    !hmac_sha1(key->mras_password, KEY_DERIVED_LEN, token, mac))
		return false;
	if (cred->form == CREDENTIAL_MRAS_BINARY) {
		memcpy(out->bytes, mac, SHA1_LEN);
		out->len = SHA1_LEN;
	} else {
		base64_encode(mac, SHA1_LEN, (char *)out->bytes);
		out->len = BASE64_SIZE(SHA1_LEN) - 1;
	}
	OPENSSL_cleanse(mac, sizeof(mac));
	return true;
}

bool credential_password_by(const struct credential *cred, const struct key *key,
			    struct credential_password *out)
{
	if (cred->form == CREDENTIAL_REST
		    ? !rest_password(key, cred->username,
				     credential_quota_is_set(&cred->quota), out)
		    : !token_password(key, cred, out))
		return false;
	out->key = key;
	return true;
}

bool credential_next_password(const struct credential *cred, const struct keyring *ring,
			      const struct credential_clock *clock, size_t *position,
			      struct credential_password *out)
{
	assert(ring->count <= KEYRING_MAX && *position <= ring->count);
	while (*position < ring->count) {
		const struct key *key = &ring->keys[(*position)++];

		if (!key_verifies(key, clock->now_s, clock->skew_s))
			continue;
		if (credential_password_by(cred, key, out))
			return true;
	}
	return false;
}

size_t credential_rest_room(int64_t expires_s, const struct credential_quota *quota)
{
	char text[QUOTA_TEXT_SIZE];

	write_quota(quota, text);
	return CREDENTIAL_ISSUED_MAX -
	       (size_t)snprintf(NULL, 0, "%" PRId64 "%s:", expires_s, text);
}

bool credential_issue_rest(const struct key *key, struct slice identity,
			   int64_t expires_s, const struct credential_quota *quota,
			   struct credential_pair *out)
{
	struct credential_password password;
	char text[QUOTA_TEXT_SIZE];
	bool has_quota = write_quota(quota, text) > 0;
	size_t len;

	*out = (struct credential_pair){.expires_s = expires_s};
	if (expires_s < 0 || identity.len > credential_rest_room(expires_s, quota))
		return false;
	len = (size_t)snprintf(out->username, sizeof(out->username), "%" PRId64 "%s%s",
			       expires_s, text, identity.len > 0 || has_quota ? ":" : "");
	memcpy(out->username + len, identity.data, identity.len);
	len += identity.len;
	assert(len <= CREDENTIAL_ISSUED_MAX);
	if (!rest_password(key, (struct slice){(const uint8_t *)out->username, len},
			   has_quota, &password))
		return false;
	memcpy(out->password, password.bytes, password.len);
	OPENSSL_cleanse(&password, sizeof(password));
	return true;
}

/* What libnice strips off both ends of a string before it hashes it. */
static bool survives_trimming(const uint8_t *bytes, size_t len)
{
	return bytes[0] != '"' && bytes[len - 1] != '"' && bytes[len - 1] != 0;
}

/* The blob without the expiry. */
static bool token_begin(const struct key *key, int version, struct slice identity,
			const struct credential_quota *quota, struct credential_pair *out)
{
	static const uint16_t blob_lens[] = {0, TOKEN_V1_BLOB, TOKEN_V2_BLOB,
					     TOKEN_V3_BLOB};

	if (quota != NULL && credential_quota_is_set(quota)) {
		version = 3;
		store_be32(out->token + TOKEN_ALLOCATIONS, quota->allocations);
		store_be32(out->token + TOKEN_BANDWIDTH, (uint32_t)kbits_of(quota));
	}
	size_t blob_len = blob_lens[version];

	out->token[0] = (uint8_t)version;
	store_be16(out->token + 2, (uint16_t)blob_len);
	out->token_len = blob_len + SHA1_LEN;
	out->secret_len = SHA1_LEN;
	return hmac_sha1(key->mras_client_id, KEY_DERIVED_LEN, identity,
			 out->token + TOKEN_CLIENT_ID);
}

/* Expiry, both MACs. */
static bool token_complete(const struct key *key, uint64_t filetime,
			   struct credential_pair *out)
{
	size_t blob_len = out->token_len - SHA1_LEN;

	assert(blob_len == TOKEN_V1_BLOB || blob_len == TOKEN_V2_BLOB ||
	       blob_len == TOKEN_V3_BLOB);
	store_be32(out->token + TOKEN_EXPIRY, (uint32_t)filetime);
	store_be32(out->token + TOKEN_EXPIRY + 4, (uint32_t)(filetime >> 32));
	return hmac_sha1(key->mras_token, KEY_DERIVED_LEN,
			 (struct slice){out->token, blob_len}, out->token + blob_len) &&
	       hmac_sha1(key->mras_password, KEY_DERIVED_LEN,
			 (struct slice){out->token, out->token_len}, out->secret);
}

bool credential_issue_mras(const struct key *key, int version, struct slice identity,
			   int64_t expires_s, const struct credential_quota *quota,
			   uint64_t *serial, struct credential_pair *out)
{
	const int64_t latest_s =
		(int64_t)(UINT64_MAX / filetime_per_s) - filetime_epoch_s - 1;
	uint64_t filetime;

	*out = (struct credential_pair){.expires_s = expires_s};
	if (version < 1 || version > 2 || expires_s < -filetime_epoch_s ||
	    expires_s > latest_s || !token_begin(key, version, identity, quota, out))
		return false;
	filetime = (uint64_t)(expires_s + filetime_epoch_s) * filetime_per_s;

	for (int i = 0; i < TOKEN_DRAWS; i++) {
		if (!token_complete(key, filetime + (*serial)++ % filetime_per_s, out))
			return false;
		if (survives_trimming(out->token, out->token_len) &&
		    survives_trimming(out->secret, out->secret_len)) {
			base64_encode(out->token, out->token_len, out->username);
			base64_encode(out->secret, out->secret_len, out->password);
			return true;
		}
	}
	return false;
}
