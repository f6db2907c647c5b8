/*
 * test_client_auth.c - what a client answers to a challenge, with a password and with a token.
 */
#include "tools/client/client_auth.h"

#include <string.h>

#include "stun/attr.h"
#include "tests/unit/lib/unit.h"

static const uint8_t txid[STUN_TXID_LEN] = "transaction.";

static struct slice text(const char *of)
{
	return (struct slice){(const uint8_t *)of, strlen(of)};
}

/* A 401, with SHA-256 on offer or not, without what is NULL. */
static struct stun_msg challenge(uint8_t *buf, size_t size, const char *realm,
				 const char *nonce, bool sha256)
{
	static const uint8_t algorithms[] = {0, 2, 0, 0, 0, 1, 0, 0};
	struct stun_builder b;
	struct stun_msg msg;

	stun_builder_start(&b, buf, size, TURN_ALLOCATE, STUN_ERROR, txid);
	stun_add_error_code(&b, STUN_UNAUTHENTICATED, "");
	if (realm != NULL)
		stun_builder_add(&b, STUN_REALM, realm, strlen(realm));
	if (nonce != NULL)
		stun_builder_add(&b, STUN_NONCE, nonce, strlen(nonce));
	if (sha256)
		stun_builder_add(&b, STUN_PASSWORD_ALGORITHMS, algorithms,
				 sizeof(algorithms));
	ck_assert_int_eq(stun_msg_parse((struct slice){buf, stun_builder_finish(&b)},
					&msg),
			 STUN_PARSE_OK);
	return msg;
}

/* The request that follows. */
static struct stun_msg request(const struct client_auth *auth, uint8_t *buf, size_t size)
{
	struct stun_builder b;
	struct stun_msg msg;

	stun_builder_start(&b, buf, size, TURN_ALLOCATE, STUN_REQUEST, txid);
	client_auth_add(auth, &b);
	ck_assert_int_eq(stun_msg_parse((struct slice){buf, stun_builder_finish(&b)},
					&msg),
			 STUN_PARSE_OK);
	return msg;
}

START_TEST(nothing_is_shown_before_the_challenge)
{
	struct client_auth auth = {.username = text("u"), .password = text("p")};
	uint8_t buf[1000];
	struct stun_msg msg = request(&auth, buf, sizeof(buf));

	ck_assert_uint_eq(msg.body.len, 0);
	ck_assert_uint_eq(msg.mi_offset, 0);
}
END_TEST

START_TEST(a_challenge_needs_realm_and_nonce)
{
	struct client_auth auth = {.username = text("u"), .password = text("p")};
	uint8_t buf[1000];
	struct stun_msg msg = challenge(buf, sizeof(buf), "r", NULL, false);

	ck_assert(!client_auth_challenge(&auth, &msg));
	msg = challenge(buf, sizeof(buf), NULL, "n", false);
	ck_assert(!client_auth_challenge(&auth, &msg));
	ck_assert(!auth.challenged);
}
END_TEST

START_TEST(a_password_takes_the_best_algorithm)
{
	struct client_auth auth = {.username = text("u"), .password = text("p")};
	uint8_t buf[1000];
	struct stun_attr attr;
	struct stun_key key;
	struct stun_msg msg = challenge(buf, sizeof(buf), "r", "n", true);

	ck_assert(client_auth_challenge(&auth, &msg));
	msg = request(&auth, buf, sizeof(buf));
	ck_assert(stun_key_long_term(&key, STUN_PASSWORD_SHA256, text("u"), text("r"),
				     text("p")));
	ck_assert(stun_verify(&msg, STUN_INTEGRITY_SHA256, &key));
	ck_assert(stun_msg_find(&msg, STUN_PASSWORD_ALGORITHMS, &attr));
	ck_assert(!stun_msg_find(&msg, STUN_ACCESS_TOKEN, &attr));

	msg = challenge(buf, sizeof(buf), "r", "n2", false);
	ck_assert(client_auth_challenge(&auth, &msg));
	msg = request(&auth, buf, sizeof(buf));
	ck_assert(stun_key_long_term(&key, STUN_PASSWORD_MD5, text("u"), text("r"),
				     text("p")));
	ck_assert(stun_verify(&msg, STUN_INTEGRITY_SHA1, &key));
}
END_TEST

/* RFC 7635 section 7: the session key is the key of MESSAGE-INTEGRITY. */
START_TEST(a_token_brings_its_key)
{
	static const uint8_t token[] = {9, 8, 7}, session[] = "twenty bytes of key.";
	struct client_auth auth = {
		.username = text("kid"),
		.password = {session, sizeof(session) - 1},
		.token = {token, sizeof(token)},
	};
	uint8_t buf[1000];
	struct stun_attr attr;
	struct stun_key key = {.len = sizeof(session) - 1};
	struct stun_msg msg = challenge(buf, sizeof(buf), "r", "n", true);

	memcpy(key.bytes, session, key.len);
	ck_assert(client_auth_challenge(&auth, &msg));
	msg = request(&auth, buf, sizeof(buf));
	ck_assert(stun_msg_find(&msg, STUN_ACCESS_TOKEN, &attr));
	ck_assert_uint_eq(attr.value.len, sizeof(token));
	ck_assert_mem_eq(attr.value.data, token, sizeof(token));
	ck_assert(stun_msg_find(&msg, STUN_USERNAME, &attr));
	ck_assert_mem_eq(attr.value.data, "kid", 3);
	ck_assert(!stun_msg_find(&msg, STUN_PASSWORD_ALGORITHM, &attr));
	ck_assert(stun_verify(&msg, STUN_INTEGRITY_SHA1, &key));
	ck_assert(client_auth_verify(&auth, &msg));
}
END_TEST

static void client_auth_suite(Suite *suite)
{
	TCase *tc = tcase_create("client auth");
	tcase_add_test(tc, nothing_is_shown_before_the_challenge);
	tcase_add_test(tc, a_challenge_needs_realm_and_nonce);
	tcase_add_test(tc, a_password_takes_the_best_algorithm);
	tcase_add_test(tc, a_token_brings_its_key);
	suite_add_tcase(suite, tc);
}

UNIT_MAIN("client auth", client_auth_suite)
