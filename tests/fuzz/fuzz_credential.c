/*
 * fuzz_credential.c - bytes become user names in both forms, identities and keyrings.
 *
 * The first byte selects the kind: t user name as text, b as bytes, i identity of a
 * token, k keyring.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "auth/credential/base64.h"
#include "auth/credential/credential.h"
#include "auth/credential/keyring.h"
#include "tests/fuzz/fuzz.h"

#define NOW 1767225600

static const struct keyring *two_keys(void)
{
	static const char text[] =
		"one MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n"
		"two MTEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY= - - rest=sha256\n";
	static struct keyring *ring;
	struct keyring_error error;

	if (!ring)
		ring = keyring_parse(text, sizeof(text) - 1, &error);
	FUZZ_CHECK(ring != NULL);
	return ring;
}

static void check_user(const char *user)
{
	size_t len = strlen(user);

	FUZZ_CHECK(len > 0 && len <= CREDENTIAL_USER_MAX);
	for (size_t i = 0; i < len; i++)
		FUZZ_CHECK(user[i] > ' ' && user[i] <= '~' && user[i] != '"');
}

/* The number of passwords the credential has, each of a legal length. */
static size_t count_passwords(const struct credential *cred)
{
	const struct credential_clock clock = {NOW, 60};
	struct credential_password password;
	size_t position = 0;
	size_t count = 0;

	while (credential_next_password(cred, two_keys(), &clock, &position, &password)) {
		FUZZ_CHECK(password.key != NULL && password.len > 0 &&
			   password.len <= CREDENTIAL_PASSWORD_MAX);
		count++;
	}
	return count;
}

static enum credential_status judge(const struct credential *cred, int64_t now_s,
				    int64_t skew_s, int64_t max_ttl_s)
{
	const struct credential_clock clock = {now_s, skew_s};
	int64_t off_s;
	enum credential_status status =
		credential_check_time(cred, &clock, max_ttl_s, &off_s);

	FUZZ_CHECK(off_s >= 0 && (status != CREDENTIAL_OK || off_s == 0));
	FUZZ_CHECK(status != CREDENTIAL_TOO_FAR || off_s > skew_s);
	FUZZ_CHECK(status != CREDENTIAL_EXPIRED || off_s >= skew_s ||
		   cred->expires_s > INT64_MAX - skew_s);
	return status;
}

static void try_username(struct slice username, bool binary)
{
	struct credential cred;
	char text[BASE64_SIZE(sizeof(cred.token))];

	if (credential_parse(username, binary, &cred) != CREDENTIAL_OK)
		return;
	check_user(cred.user);
	for (int i = -1; i <= 1; i++)
		FUZZ_CHECK((judge(&cred, NOW + i, 0, 0) == CREDENTIAL_OK) ==
			   (cred.expires_s > NOW + i));
	judge(&cred, INT64_MIN, 60, INT64_MAX);
	judge(&cred, INT64_MAX, 60, INT64_MAX);
	judge(&cred, NOW, INT64_MAX, 3600);
	FUZZ_CHECK(binary == (cred.form == CREDENTIAL_MRAS_BINARY));
	/* Any key may have signed a REST name; random bytes do not make a token. */
	FUZZ_CHECK(count_passwords(&cred) == (cred.form == CREDENTIAL_REST ? 2 : 0));
	if (cred.form == CREDENTIAL_MRAS_TEXT) {
		/* A token has one spelling. */
		base64_encode(cred.token, cred.token_len, text);
		FUZZ_CHECK(strlen(text) == username.len &&
			   memcmp(text, username.data, username.len) == 0);
	}
}

static void try_identity(struct slice identity)
{
	const struct key *key = &two_keys()->keys[identity.len % 2];
	const struct credential_quota quota = {(uint32_t)identity.len / 4 % 3,
					       identity.len / 12 % 3 * 64000};
	struct credential_pair pair;
	struct credential cred;
	uint64_t serial = identity.len;

	FUZZ_CHECK(credential_issue_mras(key, 1 + (int)(identity.len / 2 % 2), identity,
					 NOW, &quota, &serial, &pair));
	FUZZ_CHECK(credential_parse((struct slice){pair.token, pair.token_len}, true,
				    &cred) == CREDENTIAL_OK);
	FUZZ_CHECK(cred.expires_s == NOW && count_passwords(&cred) == 1);
	FUZZ_CHECK(cred.quota.allocations == quota.allocations &&
		   cred.quota.bandwidth_bps == quota.bandwidth_bps);
	FUZZ_CHECK(credential_parse((struct slice){(const uint8_t *)pair.username,
						   strlen(pair.username)},
				    false, &cred) == CREDENTIAL_OK);
	FUZZ_CHECK(count_passwords(&cred) == 1);
}

/* An accepted keyring is written and read back as the same text. */
static void try_keyring(struct slice text)
{
	struct keyring_error error = {.reason = ""};
	struct keyring *ring = keyring_parse((const char *)text.data, text.len, &error);

	if (!ring) {
		FUZZ_CHECK(strlen(error.reason) > 0);
		return;
	}
	FUZZ_CHECK(ring->count > 0 && ring->count <= KEYRING_MAX);
	for (size_t i = 0; i < ring->count; i++) {
		char line[KEY_LINE_MAX];
		char again[KEY_LINE_MAX];
		int len = key_format(&ring->keys[i], line, sizeof(line));

		FUZZ_CHECK(len > 0);
		struct keyring *one = keyring_parse(line, (size_t)len, &error);
		FUZZ_CHECK(one != NULL && one->count == 1);
		FUZZ_CHECK(key_format(&one->keys[0], again, sizeof(again)) == len);
		FUZZ_CHECK(strcmp(again, line) == 0);
		FUZZ_CHECK(memcmp(one->keys[0].mras_token, ring->keys[i].mras_token,
				  KEY_DERIVED_LEN) == 0);
		keyring_free(one);
	}
	keyring_free(ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;

	struct slice rest = {data + 1, size - 1};
	switch (data[0]) {
	case 't':
		try_username(rest, false);
		break;
	case 'b':
		try_username(rest, true);
		break;
	case 'i':
		try_identity(rest);
		break;
	case 'k':
		try_keyring(rest);
		break;
	}
	return 0;
}
