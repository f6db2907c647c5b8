/*
 * auth_request.c - see auth_request.h.
 */
#include "tests/unit/core/auth_request.h"

#include <stdio.h>
#include <string.h>

#include "auth/credential/credential.h"
#include "relay/core/auth.h"
#include "stun/attr.h"
#include "stun/integrity.h"
#include "tests/unit/lib/unit.h"

const char auth_keys[] =
	"k1 MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n"
	"k2 YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU=\n"
	"k0 b2xkZXIgdGhhbiBhbnkgb3RoZXIga2V5IGhlcmU= - 2020-01-01T00:00:00Z\n";

static uint8_t buf[4096];

struct five_tuple auth_source(void)
{
	return fixture_tuple("192.0.2.200:1000", 3);
}

const char *alice(const struct fixture *fixture, int64_t expires_in_s)
{
	static char name[64];

	snprintf(name, sizeof(name), "%lld:alice",
		 (long long)(fixture->unix_s + expires_in_s));
	return name;
}

const struct key *key_of(const struct fixture *fixture, const char *id)
{
	for (size_t i = 0; i < fixture->settings.keyring->count; i++) {
		if (strcmp(fixture->settings.keyring->keys[i].id, id) == 0)
			return &fixture->settings.keyring->keys[i];
	}
	ck_abort_msg("no key %s", id);
	return NULL;
}

/* The password a REST username has under a key. */
static struct slice password_of(const struct fixture *fixture, struct slice username,
				const char *key_id)
{
	static struct credential_password password;
	struct credential cred = {.form = CREDENTIAL_REST, .username = username};
	const struct credential_clock clock = {fixture->unix_s, 0};
	struct keyring ring = {.count = 1};
	size_t position = 0;

	ring.keys[0] = *key_of(fixture, key_id);
	ring.keys[0].not_before_s = INT64_MIN;
	ring.keys[0].not_after_s = INT64_MAX;
	ck_assert(credential_next_password(&cred, &ring, &clock, &position, &password));
	return (struct slice){password.bytes, password.len};
}

static void add_algorithms(struct stun_builder *b, int what)
{
	static const uint8_t reordered[] = {0, 1, 0, 0, 0, 2, 0, 0};
	static const uint8_t parameters[] = {0, 2, 0, 4, 1, 2, 3, 4};
	static const uint8_t other[] = {0, 3, 0, 0};

	if (what & PAS)
		stun_builder_add(b, STUN_PASSWORD_ALGORITHMS, auth_password_algorithms,
				 8);
	if (what & PAS_SHORT)
		stun_builder_add(b, STUN_PASSWORD_ALGORITHMS, auth_password_algorithms,
				 4);
	if (what & PAS_REORDERED)
		stun_builder_add(b, STUN_PASSWORD_ALGORITHMS, reordered, 8);
	if (what & PA_MD5)
		stun_builder_add(b, STUN_PASSWORD_ALGORITHM, reordered, 4);
	if (what & PA_SHA256)
		stun_builder_add(b, STUN_PASSWORD_ALGORITHM, auth_password_algorithms, 4);
	if (what & PA_OTHER)
		stun_builder_add(b, STUN_PASSWORD_ALGORITHM, other, 4);
	if (what & PA_PARAMETERS)
		stun_builder_add(b, STUN_PASSWORD_ALGORITHM, parameters, 8);
	if (what & PA_TWICE)
		stun_builder_add(b, STUN_PASSWORD_ALGORITHM, auth_password_algorithms, 8);
	if (what & PA_CUT)
		stun_builder_add(b, STUN_PASSWORD_ALGORITHM, auth_password_algorithms, 2);
}

void add_nonce(const struct fixture *fixture, struct stun_builder *b, int what)
{
	const struct slice realm = {(const uint8_t *)fixture_realm,
				    strlen(fixture_realm)};
	struct five_tuple to = auth_source();
	uint64_t at_ms = fixture->now_ms;
	char nonce[NONCE_LEN];

	if (what & NO_NONCE)
		return;
	if (what & PLAIN_NONCE) {
		stun_builder_add(b, STUN_NONCE, "an RFC 5389 nonce", 17);
		return;
	}
	if (what & FOREIGN_NONCE)
		to.client.port++;
	if (what & STALE_NONCE)
		at_ms -= 1000 * (uint64_t)(fixture->settings.nonce_key.lifetime_s + 32);
	nonce_make(&fixture->settings.nonce_key, &to, realm, at_ms, nonce);
	if (what & STRIPPED_NONCE)
		memcpy(nonce + 9, "AAAA", 4);
	stun_builder_add(b, STUN_NONCE, nonce, sizeof(nonce));
}

static void add_macs(struct stun_builder *b, int what, const struct stun_key *key)
{
	static const uint8_t junk[36] = {1, 2, 3};

	if (what & MI)
		stun_add_integrity(b, STUN_INTEGRITY_SHA1, key);
	if (what & MI_BAD)
		stun_builder_add(b, STUN_MESSAGE_INTEGRITY, junk, 20);
	if (what & MI_SHORT)
		stun_builder_add(b, STUN_MESSAGE_INTEGRITY, junk, 16);
	if (what & MI256)
		stun_add_integrity(b, STUN_INTEGRITY_SHA256, key);
	if (what & MI256_SHORT)
		stun_builder_add(b, STUN_MESSAGE_INTEGRITY_SHA256, junk, 16);
	if (what & MI256_LONG)
		stun_builder_add(b, STUN_MESSAGE_INTEGRITY_SHA256, junk, 36);
}

struct stun_msg auth_request(const struct fixture *fixture, struct asking a)
{
	const char *name = a.username ? a.username : alice(fixture, 600);
	struct slice username = {(const uint8_t *)name,
				 a.username_len ? a.username_len : strlen(name)};
	struct slice realm = {(const uint8_t *)fixture_realm, strlen(fixture_realm)};
	struct slice password =
		password_of(fixture, username, a.key_id ? a.key_id : "k1");
	const uint8_t txid[STUN_TXID_LEN] = {a.txid};
	uint8_t userhash[STUN_USERHASH_LEN];
	struct stun_builder b;
	struct stun_key key;
	struct stun_msg msg;

	if (a.what & WRONG_REALM)
		realm = (struct slice){(const uint8_t *)"Avedge.test", 11};
	if (a.what & WRONG_PASSWORD)
		password = (struct slice){(const uint8_t *)"secret", 6};
	ck_assert(stun_key_long_term(
		&key, a.what & KEY_SHA256 ? STUN_PASSWORD_SHA256 : STUN_PASSWORD_MD5,
		username, realm, password));
	ck_assert(stun_userhash(userhash, username, realm));

	stun_builder_start(&b, buf, sizeof(buf), a.method ? a.method : TURN_ALLOCATE,
			   STUN_REQUEST, txid);
	if (!(a.what & NO_USERNAME))
		stun_builder_add(&b, STUN_USERNAME, username.data, username.len);
	if (a.what & (WITH_USERHASH | BAD_USERHASH))
		stun_builder_add(&b, STUN_USERHASH, userhash,
				 a.what & BAD_USERHASH ? 31 : 32);
	if (!(a.what & NO_REALM))
		stun_builder_add(&b, STUN_REALM, realm.data, realm.len);
	add_nonce(fixture, &b, a.what);
	add_algorithms(&b, a.what);
	add_macs(&b, a.what, &key);
	size_t len = stun_builder_finish(&b);
	ck_assert_uint_gt(len, 0);
	ck_assert_int_eq(stun_msg_parse((struct slice){buf, len}, &msg), STUN_PARSE_OK);
	return msg;
}
