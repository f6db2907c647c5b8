/*
 * self_test.c - see self_test.h.
 */
#include "auth/server/self_test.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "auth/server/issuer.h"
#include "auth/server/mras_settings.h"

static struct slice text_slice(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

/* Verify the pair as the relay does (relay/core/auth), up to the password. */
static bool relay_takes(const struct mras_settings *settings,
			const struct credential_pair *pair, int64_t unix_s)
{
	const struct credential_clock clock = {unix_s, settings->service.clock_skew_s};
	struct credential cred;
	struct credential_password password;
	size_t position = 0;
	int64_t off_s;
	bool same = false;

	if (credential_parse(text_slice(pair->username), false, &cred) != CREDENTIAL_OK ||
	    credential_check_time(&cred, &clock, 0, &off_s) != CREDENTIAL_OK)
		return false;
	while (!same && credential_next_password(&cred, settings->keyring, &clock,
						 &position, &password))
		same = password.len == strlen(pair->password) &&
		       CRYPTO_memcmp(password.bytes, pair->password, password.len) == 0;
	OPENSSL_cleanse(&password, sizeof(password));
	return same;
}

static bool issues(const struct issuer *issuer, const struct service *service,
		   struct service_memory *memory, char *error, size_t error_size)
{
	const struct service_server anybody = {.name = "self-test"};
	const struct service_request request = {
		.server = &anybody,
		.identity = text_slice("self-test"),
		.form = CREDENTIAL_MRAS_TEXT,
		.token_version = 2,
	};
	struct service_answer answer;
	enum service_fault fault = service_issue(service, memory, &request,
						 issuer->now_ms, issuer->unix_s, &answer);
	bool good = false;

	if (fault == SERVICE_NO_KEY)
		snprintf(
			error, error_size,
			"self-test: no key of %s is valid now; see 'avedgectl key list', "
			"and make one with 'avedgectl key new --keys %s'",
			issuer->settings->config->common.keys,
			issuer->settings->config->common.keys);
	else if (fault != SERVICE_OK)
		snprintf(
			error, error_size,
			"self-test: no credential can be issued (%s); please report this",
			service_fault_name(fault));
	else if (!relay_takes(issuer->settings, &answer.pair, issuer->unix_s))
		snprintf(error, error_size,
			 "self-test: a credential issued with key %s would be refused by "
			 "the relay; please report this",
			 answer.key_id);
	else
		good = true;
	OPENSSL_cleanse(&answer, sizeof(answer));
	return good;
}

bool issuer_self_test(const struct issuer *issuer, char *error, size_t error_size)
{
	struct service service = issuer->settings->service;
	struct service_memory *memory = service_memory_new();
	bool good = false;

	assert(issuer->settings->keyring != NULL);
	service.decided = NULL;
	snprintf(error, error_size, "out of memory");
	if (memory != NULL)
		good = issues(issuer, &service, memory, error, error_size);
	service_memory_free(memory);
	return good;
}
