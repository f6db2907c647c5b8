/*
 * owner.h - the owner of an allocation: a user, and the credential that proved it.
 *
 * Authentication fills one; each allocation keeps a copy, see owner_store.h.
 *
 * Owner    embedded in struct auth. It holds a key:
 *          cleanse it before dropping it.
 */
#ifndef RELAY_CORE_OWNER_H
#define RELAY_CORE_OWNER_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/credential/credential.h"
#include "base/siphash.h"
#include "stun/integrity.h"
#include "stun/wire.h"

/*
 * Keyed hash of the whole username, so that 16 bytes compare: a 5-tuple's requests must all
 * come from one user (RFC 8656 section 5).
 */
struct owner_id {
	uint8_t bytes[16];
};

struct owner {
	struct owner_id id;
	int64_t credential_expires_s; /* Unix seconds */
	struct stun_key key;          /* derived; the password itself is never kept */
	char user[CREDENTIAL_USER_MAX + 1];
	char key_id[KEY_ID_MAX + 1];   /* of the keyring */
	struct credential_quota quota; /* in place of the limits per user */
	bool nameless;                 /* the credential is for anybody; see charge.h */
	/*
	 * It was an access token (RFC 7635): user and key_id are the kid, and the key, of 16 to
	 * 32 bytes, is the session key in it. All tokens have one id, as they name no user.
	 */
	bool is_token;
};

/*
 * All but the id, from a credential whose password has matched: the key that made it, and the one
 * derived from its password.
 */
void owner_prove(struct owner *owner, const struct credential *cred,
		 const struct key *made_by, const struct stun_key *key);

struct owner_id owner_id_of(const struct siphash_key *key, struct slice username);
bool owner_id_equal(const struct owner_id *a, const struct owner_id *b);

#endif
