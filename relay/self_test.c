/*
 * self_test.c - see self_test.h.
 */
#include "relay/self_test.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "relay/core/auth.h"
#include "relay/core/turn.h"
#include "relay/dialect/dispatch.h"
#include "stun/attr.h"

enum {
	CREDENTIAL_LIFETIME_S = 30,
	CLIENT_PORT = 3478, /* of a client on the host itself; nothing is sent to it */
	REQUEST_MAX = 1024,
};

struct self_test {
	struct turn *turn;
	const char *keys;
	uint64_t now_ms;
	int64_t unix_s;
	char *error;
	size_t error_size;
};

static const uint8_t txid[STUN_TXID_LEN] = "self-test...";

static struct slice text_slice(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

/* The first front there is, and its own address as the client's. */
static struct five_tuple own_tuple(const struct turn *turn)
{
	struct five_tuple tuple = {.front = 0};

	assert(turn->shared->fronts[tuple.front].local.ip.family != IP_NONE);
	tuple.client = turn->shared->fronts[tuple.front].local;
	tuple.client.port = CLIENT_PORT;
	return tuple;
}

static bool is_answer(struct slice reply, const struct endpoint *client)
{
	struct stun_msg msg;
	struct stun_attr attr;
	struct endpoint mapped;

	return stun_msg_parse(reply, &msg) == STUN_PARSE_OK &&
	       msg.class == STUN_SUCCESS && msg.method == STUN_BINDING &&
	       stun_msg_find(&msg, STUN_XOR_MAPPED_ADDRESS, &attr) &&
	       stun_attr_xor_address(&attr, msg.txid, &mapped) &&
	       endpoint_equal(&mapped, client);
}

static bool answers_binding(const struct self_test *test, const struct five_tuple *tuple)
{
	uint8_t request[REQUEST_MAX], reply[DISPATCH_REPLY_MAX];
	struct stun_builder b;
	struct dispatch out;

	stun_builder_start(&b, request, sizeof(request), STUN_BINDING, STUN_REQUEST,
			   txid);
	dispatch_from_client(test->turn, tuple,
			     (struct slice){request, stun_builder_finish(&b)},
			     test->now_ms, test->unix_s, reply, &out);
	return out.action == DISPATCH_REPLY &&
	       is_answer((struct slice){reply, out.reply_len}, &tuple->client);
}

/* A pair as an issuer would make it, but with a short lifetime. */
static bool issue(const struct turn *turn, const struct key *signer, int64_t unix_s,
		  struct credential_pair *pair)
{
	int64_t lifetime_s = CREDENTIAL_LIFETIME_S;
	int64_t most_s = turn->settings->limits.credential_ttl_max_s;
	uint64_t serial = 0;

	if (most_s > 0 && most_s < lifetime_s)
		lifetime_s = most_s;
	if (signer->rest != KEY_REST_NONE)
		return credential_issue_rest(signer, text_slice("self-test"),
					     unix_s + lifetime_s, NULL, pair);
	return credential_issue_mras(signer, 2, text_slice("self-test"),
				     unix_s + lifetime_s, NULL, &serial, pair);
}

/* The result of an Allocate request with that pair. */
static enum auth_failure show(const struct self_test *test,
			      const struct five_tuple *tuple,
			      const struct credential_pair *pair)
{
	struct turn *turn = test->turn;
	const struct slice realm = text_slice(turn->settings->realm);
	const struct slice username = text_slice(pair->username);
	uint8_t request[2 * REQUEST_MAX];
	char nonce[NONCE_LEN];
	struct stun_builder b;
	struct stun_key key;
	struct stun_msg msg;
	struct auth auth = {.failure = AUTH_FAILURE_MISSING};

	nonce_make(&turn->settings->nonce_key, tuple, realm, test->now_ms, nonce);
	stun_builder_start(&b, request, sizeof(request), TURN_ALLOCATE, STUN_REQUEST,
			   txid);
	stun_builder_add(&b, STUN_USERNAME, username.data, username.len);
	stun_builder_add(&b, STUN_REALM, realm.data, realm.len);
	stun_builder_add(&b, STUN_NONCE, nonce, sizeof(nonce));
	if (!stun_key_long_term(&key, STUN_PASSWORD_MD5, username, realm,
				text_slice(pair->password)))
		return AUTH_FAILURE_BAD_MAC;
	stun_add_integrity(&b, STUN_INTEGRITY_SHA1, &key);
	if (stun_msg_parse((struct slice){request, stun_builder_finish(&b)}, &msg) ==
	    STUN_PARSE_OK)
		auth_check(turn, &msg, tuple, NULL, test->now_ms, test->unix_s, &auth);
	OPENSSL_cleanse(&key, sizeof(key));
	OPENSSL_cleanse(&auth.owner.key, sizeof(auth.owner.key));
	return auth.failure;
}

static bool accepts_credential(const struct self_test *test,
			       const struct five_tuple *tuple)
{
	const struct turn *turn = test->turn;
	const struct key *signer = keyring_signer(turn->settings->keyring, test->unix_s);
	enum auth_failure failure = AUTH_FAILURE_MISSING;
	struct credential_pair pair;

	if (signer == NULL) {
		snprintf(
			test->error, test->error_size,
			"self-test: no key of %s is valid now; see 'avedgectl key list', "
			"and make one with 'avedgectl key new --keys %s'",
			test->keys, test->keys);
		return false;
	}
	if (issue(turn, signer, test->unix_s, &pair))
		failure = show(test, tuple, &pair);
	OPENSSL_cleanse(&pair, sizeof(pair));
	if (failure == AUTH_FAILURE_NONE)
		return true;
	snprintf(
		test->error, test->error_size,
		"self-test: worker %u refuses a credential made with our own key %s (%s); "
		"please report this",
		turn->worker, signer->id, auth_failure_name(failure));
	return false;
}

static bool passes(const struct self_test *test)
{
	const struct five_tuple tuple = own_tuple(test->turn);

	if (answers_binding(test, &tuple))
		return accepts_credential(test, &tuple);
	snprintf(test->error, test->error_size,
		 "self-test: worker %u does not answer a Binding request; please report "
		 "this",
		 test->turn->worker);
	return false;
}

bool self_test_run(struct turn *turn, const char *keys, uint64_t now_ms, int64_t unix_s,
		   char *error, size_t error_size)
{
	const struct self_test test = {turn, keys, now_ms, unix_s, error, error_size};
	const struct counters before = turn->counters;
	const struct turn_settings *in_force = turn->settings;
	struct turn_settings unlimited = *in_force;

	/* To the limiter all workers are one unauthenticated client. */
	unlimited.limits.stranger_rate = 0;
	turn->settings = &unlimited;
	bool passed = passes(&test);
	turn->settings = in_force;
	turn->counters = before;
	return passed;
}
