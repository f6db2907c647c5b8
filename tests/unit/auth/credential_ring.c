/*
 * credential_ring.c - two keys, and the passwords they derive for a user name.
 */
#include "tests/unit/auth/credential_ring.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/lib/vectors.h"

struct keyring ring;
const struct credential_clock ring_clock = {NOW, 0};

static void make_key(struct key *key, const char *id, uint8_t first)
{
	*key = (struct key){
		.not_before_s = INT64_MIN, .not_after_s = INT64_MAX, .secret_len = 32};
	strcpy(key->id, id);
	for (size_t i = 0; i < key->secret_len; i++)
		key->secret[i] = (uint8_t)(first + i);
	ck_assert(key_derive(key));
}

void setup(void)
{
	ring = (struct keyring){.count = 2};
	make_key(&ring.keys[0], "one", 0);
	make_key(&ring.keys[1], "two", 100);
}

enum credential_status parse(const char *username, struct credential *cred)
{
	return credential_parse(vectors_slice(username), false, cred);
}

const char *passwords(const char *username)
{
	static char all[512];
	struct credential cred;
	struct credential_password password;
	size_t position = 0;
	size_t len = 0;

	*all = '\0';
	ck_assert_int_eq(parse(username, &cred), CREDENTIAL_OK);
	while (credential_next_password(&cred, &ring, &ring_clock, &position, &password))
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s=%.*s",
					len > 0 ? " " : "", password.key->id,
					(int)password.len, (const char *)password.bytes);
	return all;
}
