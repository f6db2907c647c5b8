/*
 * self_test.c - see self_test.h.
 */
#include "relay/self_test.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "relay/core/auth.h"
#include "relay/dialect/dispatch.h"
#include "relay/handoff.h"
#include "relay/worker.h"
#include "stun/attr.h"

enum {
	CREDENTIAL_LIFETIME_S = 30,
	CLIENT_PORT = 3478, /* of a client on the host itself; nothing is sent to it */
	REQUEST_MAX = 1024,
};

/* What one worker is asked, and what came of it. */
struct question {
	int64_t unix_s;
	bool passed;
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

static bool answers_binding(struct worker *worker, const struct five_tuple *tuple,
			    int64_t unix_s)
{
	uint8_t request[REQUEST_MAX];
	struct stun_builder b;
	struct dispatch out;

	stun_builder_start(&b, request, sizeof(request), STUN_BINDING, STUN_REQUEST,
			   txid);
	dispatch_from_client(&worker->turn, tuple,
			     (struct slice){request, stun_builder_finish(&b)},
			     worker->now_ms, unix_s, worker->reply, &out);
	return out.action == DISPATCH_REPLY &&
	       is_answer((struct slice){worker->reply, out.reply_len}, &tuple->client);
}

/* A pair as an issuer would make it, for the shortest time that tells. */
static bool issue(const struct turn *turn, const struct key *signer, int64_t unix_s,
		  struct credential_pair *pair)
{
	int64_t lifetime_s = CREDENTIAL_LIFETIME_S;
	int64_t most_s = turn->settings->limits.credential_ttl_max_s;
	uint64_t serial = 0;

	if (most_s > 0 && most_s < lifetime_s)
		lifetime_s = most_s;
	if (signer->rest != KEY_REST_NONE)
		return credential_issue_rest(signer, "self-test", unix_s + lifetime_s,
					     pair);
	return credential_issue_mras(signer, 2, text_slice("self-test"),
				     unix_s + lifetime_s, &serial, pair);
}

/* What an Allocate request with that pair comes to. */
static enum auth_failure show(struct worker *worker, const struct five_tuple *tuple,
			      const struct credential_pair *pair, int64_t unix_s)
{
	struct turn *turn = &worker->turn;
	const struct slice realm = text_slice(turn->settings->realm);
	const struct slice username = text_slice(pair->username);
	uint8_t request[2 * REQUEST_MAX];
	char nonce[NONCE_LEN];
	struct stun_builder b;
	struct stun_key key;
	struct stun_msg msg;
	struct auth auth = {.failure = AUTH_FAILURE_MISSING};

	nonce_make(&turn->settings->nonce_key, tuple, realm, worker->now_ms, nonce);
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
		auth_check(turn, &msg, tuple, NULL, worker->now_ms, unix_s, &auth);
	OPENSSL_cleanse(&key, sizeof(key));
	OPENSSL_cleanse(&auth.owner.key, sizeof(auth.owner.key));
	return auth.failure;
}

static bool accepts_credential(struct worker *worker, const struct five_tuple *tuple,
			       struct question *question)
{
	const struct key *signer =
		keyring_signer(worker->turn.settings->keyring, question->unix_s);
	enum auth_failure failure = AUTH_FAILURE_MISSING;
	struct credential_pair pair;

	if (signer == NULL) {
		snprintf(
			question->error, question->error_size,
			"self-test: no key of %s is valid now; see 'avedgectl key list', "
			"and make one with 'avedgectl key new'",
			worker->relay->config->keys);
		return false;
	}
	if (issue(&worker->turn, signer, question->unix_s, &pair))
		failure = show(worker, tuple, &pair, question->unix_s);
	OPENSSL_cleanse(&pair, sizeof(pair));
	if (failure == AUTH_FAILURE_NONE)
		return true;
	snprintf(
		question->error, question->error_size,
		"self-test: worker %u refuses a credential made with our own key %s (%s); "
		"please report this",
		worker->turn.worker, signer->id, auth_failure_name(failure));
	return false;
}

static void ask(struct worker *worker, void *arg)
{
	struct question *question = arg;
	const struct five_tuple tuple = own_tuple(&worker->turn);
	const struct counters before = worker->turn.counters;
	const struct turn_settings *in_force = worker->turn.settings;
	struct turn_settings unlimited = *in_force;

	/* Many workers are one stranger to the limiter. */
	unlimited.limits.stranger_rate = 0;
	worker->turn.settings = &unlimited;
	if (!answers_binding(worker, &tuple, question->unix_s))
		snprintf(question->error, question->error_size,
			 "self-test: worker %u does not answer a Binding request; please "
			 "report this",
			 worker->turn.worker);
	else
		question->passed = accepts_credential(worker, &tuple, question);
	worker->turn.settings = in_force;
	worker->turn.counters = before;
}

bool relay_self_test(struct relay *relay, int64_t unix_s, char *error, size_t error_size)
{
	for (size_t i = 0; i < relay->worker_count; i++) {
		struct question question = {
			.unix_s = unix_s, .error = error, .error_size = error_size};

		snprintf(error, error_size, "out of memory");
		if (!handoff_call(relay->workers[i]->inbox, ask, &question) ||
		    !question.passed)
			return false;
	}
	return true;
}
