/*
 * revocation.c - see revocation.h. On reload and on demand only: it walks the whole table.
 */
#include "relay/core/revocation.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>

#include "relay/core/allocation.h"
#include "relay/core/revoked_users.h"
#include "relay/core/turn.h"

/* That moment on the monotonic clock; beyond its range it is never. */
static uint64_t monotonic(int64_t at_s, uint64_t now_ms, int64_t unix_s)
{
	int64_t left_s;

	if (at_s <= unix_s)
		return now_ms;
	if (__builtin_sub_overflow(at_s, unix_s, &left_s) ||
	    (uint64_t)left_s > (UINT64_MAX - now_ms) / 1000)
		return UINT64_MAX;
	return now_ms + (uint64_t)left_s * 1000;
}

/* RFC 7635 section 9: no longer than the token, and no longer than the key that made it. */
static uint64_t token_deadline(const struct turn *turn, const struct owner *owner,
			       uint64_t now_ms, int64_t unix_s)
{
	const struct turn_settings *settings = turn->settings;
	const struct slice kid = {(const uint8_t *)owner->key_id, strlen(owner->key_id)};
	const struct token_key *key =
		settings->token_keys != NULL
			? token_keyring_find(settings->token_keys, kid)
			: NULL;
	int64_t ends_s;

	if (key == NULL || __builtin_add_overflow(key->not_after_s,
						  settings->limits.clock_skew_s, &ends_s))
		ends_s = INT64_MAX;
	if (owner->credential_expires_s < ends_s)
		ends_s = owner->credential_expires_s;
	return monotonic(ends_s, now_ms, unix_s);
}

uint64_t revocation_deadline(const struct turn *turn, const struct owner *owner,
			     uint64_t now_ms, int64_t unix_s)
{
	const struct turn_settings *settings = turn->settings;

	assert(settings->keyring != NULL);
	if (owner->is_token)
		return token_deadline(turn, owner, now_ms, unix_s);
	const struct key *key = keyring_find(settings->keyring, owner->key_id);
	int64_t ends_s = INT64_MAX;

	if (settings->limits.enforce_credential_expiry)
		ends_s = owner->credential_expires_s;
	if (key != NULL && key->not_after_s < ends_s)
		ends_s = key->not_after_s;
	/* New ones are admitted until then. */
	if (__builtin_add_overflow(ends_s, settings->limits.clock_skew_s, &ends_s))
		ends_s = INT64_MAX;
	return ends_s == INT64_MAX ? UINT64_MAX : monotonic(ends_s, now_ms, unix_s);
}

uint64_t revocation_deadline_of(const struct turn *turn, const struct allocation *al,
				uint64_t now_ms, int64_t unix_s)
{
	struct owner owner;

	allocation_owner(turn->table, al, &owner);
	uint64_t ends_ms = revocation_deadline(turn, &owner, now_ms, unix_s);
	OPENSSL_cleanse(&owner, sizeof(owner));
	return ends_ms;
}

typedef bool match_fn(const struct turn *turn, const struct allocation *al,
		      const void *arg);

static size_t end_matching(struct turn *turn, match_fn *matches, const void *arg,
			   enum end_reason reason, uint64_t now_ms)
{
	struct allocation *al;
	size_t ended = 0;

	for (uint32_t slot = 0; (al = allocation_next(turn->table, slot)) != NULL;) {
		assert(allocation_is_live(al) && al->slot >= slot);
		slot = al->slot + 1;
		if (!matches(turn, al, arg))
			continue;
		allocation_delete(turn, al, reason, now_ms);
		ended++;
	}
	return ended;
}

static bool is_users(const struct turn *turn, const struct allocation *al,
		     const void *user)
{
	return strcmp(allocation_user(turn->table, al), user) == 0;
}

static bool is_keys(const struct turn *turn, const struct allocation *al,
		    const void *key_id)
{
	return strcmp(allocation_key_id(turn->table, al), key_id) == 0;
}

size_t revocation_end_user(struct turn *turn, const char *user, enum end_reason reason,
			   uint64_t now_ms)
{
	return end_matching(turn, is_users, user, reason, now_ms);
}

size_t revocation_end_key(struct turn *turn, const char *key_id, enum end_reason reason,
			  uint64_t now_ms)
{
	return end_matching(turn, is_keys, key_id, reason, now_ms);
}

/* The same key, not only one of the same name. */
static bool is_still_there(const struct key *was, const struct turn_settings *settings,
			   int64_t unix_s)
{
	const struct key *is = keyring_find(settings->keyring, was->id);

	return is != NULL && key_verifies(is, unix_s, settings->limits.clock_skew_s) &&
	       is->secret_len == was->secret_len &&
	       memcmp(is->secret, was->secret, was->secret_len) == 0;
}

/* Of an allocation made with a token: is its key gone, or another under its kid? */
static bool lost_token_key(const char *id, const struct turn_settings *before,
			   const struct turn_settings *now)
{
	const struct slice kid = {(const uint8_t *)id, strlen(id)};
	const struct token_key *was, *is;

	if (now->token_keys == NULL)
		return true;
	was = before->token_keys != NULL ? token_keyring_find(before->token_keys, kid)
					 : NULL;
	is = token_keyring_find(now->token_keys, kid);
	return was == NULL || is == NULL || !token_key_equal(was, is);
}

struct change {
	const struct turn_settings *before, *now;
	bool gone[KEYRING_MAX]; /* by the place in the ring before */
};

static bool is_revoked(const struct turn *turn, const struct allocation *al,
		       const void *arg)
{
	const struct change *change = arg;
	const char *key_id = allocation_key_id(turn->table, al);
	const struct keyring *ring = change->before->keyring;

	if (revoked_users_has(change->now->revoked, allocation_user(turn->table, al)))
		return true;
	if (al->owner.is_token)
		return lost_token_key(key_id, change->before, change->now);
	for (size_t i = 0; i < ring->count; i++) {
		if (change->gone[i] && strcmp(ring->keys[i].id, key_id) == 0)
			return true;
	}
	return false;
}

void revocation_apply(struct turn *turn, const struct turn_settings *before,
		      uint64_t now_ms, int64_t unix_s)
{
	struct change change = {.before = before, .now = turn->settings};
	struct allocation *al;

	assert(before != turn->settings && before->keyring->count <= KEYRING_MAX);
	for (size_t i = 0; i < before->keyring->count; i++)
		change.gone[i] = !is_still_there(&before->keyring->keys[i],
						 turn->settings, unix_s);
	end_matching(turn, is_revoked, &change, END_REVOKED, now_ms);

	for (uint32_t slot = 0; (al = allocation_next(turn->table, slot)) != NULL;
	     slot = al->slot + 1)
		allocation_bound(turn, al,
				 revocation_deadline_of(turn, al, now_ms, unix_s));
}
