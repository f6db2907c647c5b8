/*
 * next_owners.c - see next_owners.h.
 */
#include "relay/reload/next_owners.h"

#include <assert.h>
#include <string.h>

#include "auth/credential/keyfile.h"
#include "auth/credential/token_keyfile.h"
#include "relay/core/revoked_users.h"
#include "relay/core/turn.h"
#include "relay/relay_allocations.h"
#include "relay/reload/relay_config.h"
#include "relay/reload/revoked_file.h"

bool next_owners_load(struct next_owners *owners, const struct relay_config *next,
		      char *error, size_t error_size)
{
	*owners = (struct next_owners){.skew_s = next->limits.clock_skew_s};
	owners->keyring = keyfile_load(next->common.keys, error, error_size);
	if (owners->keyring == NULL)
		goto fail;
	if (next->third_party.keys != NULL) {
		owners->token_keys =
			token_keyfile_load(next->third_party.keys, error, error_size);
		if (owners->token_keys == NULL)
			goto fail;
	}
	if (next->revoked_users != NULL) {
		owners->revoked =
			revoked_file_load(next->revoked_users, error, error_size);
		if (owners->revoked == NULL)
			goto fail;
	}
	return true;

fail:
	next_owners_release(owners);
	return false;
}

void next_owners_release(struct next_owners *owners)
{
	keyring_free(owners->keyring);
	token_keyring_free(owners->token_keys);
	revoked_users_free(owners->revoked);
	*owners = (struct next_owners){.keyring = NULL};
}

static const struct token_key *token_key_of(const struct token_keyring *ring,
					    const char *id)
{
	const struct slice kid = {(const uint8_t *)id, strlen(id)};

	return ring != NULL ? token_keyring_find(ring, kid) : NULL;
}

static enum restore_result judge_token_key(const struct next_owners *owners,
					   const struct token_key *was, const char *id,
					   int64_t unix_s)
{
	const struct token_key *key = token_key_of(owners->token_keys, id);

	if (key == NULL || (was != NULL && token_key_mark(key) != token_key_mark(was)))
		return RESTORE_REVOKED;
	return token_key_is_valid(key, unix_s, owners->skew_s) ? RESTORED
							       : RESTORE_CREDENTIAL;
}

static enum restore_result judge_key(const struct next_owners *owners,
				     const struct key *was, const char *id,
				     int64_t unix_s)
{
	const struct key *key = keyring_find(owners->keyring, id);

	if (key == NULL || (was != NULL && key_mark(key) != key_mark(was)))
		return RESTORE_REVOKED;
	return key_verifies(key, unix_s, owners->skew_s) ? RESTORED : RESTORE_CREDENTIAL;
}

enum restore_result next_owners_judge(const struct next_owners *owners,
				      const struct turn_settings *in_force,
				      const struct relay_allocation *row, int64_t unix_s)
{
	const char *id = row->key_id;

	assert(owners->keyring != NULL && in_force->keyring != NULL);
	if (revoked_users_has(owners->revoked, row->user))
		return RESTORE_REVOKED;
	if (row->is_token)
		return judge_token_key(owners, token_key_of(in_force->token_keys, id), id,
				       unix_s);
	return judge_key(owners, keyring_find(in_force->keyring, id), id, unix_s);
}
