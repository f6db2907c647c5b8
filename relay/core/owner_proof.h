/*
 * owner_proof.h - what the owner of an allocation was authenticated with. With the keyring in force it
 * gives the whole owner again, key included, so that no key has to be kept where another process can
 * read it.
 *
 * Time     Unix seconds, passed in.
 */
#ifndef RELAY_CORE_OWNER_PROOF_H
#define RELAY_CORE_OWNER_PROOF_H

#include <stdint.h>

#include "relay/core/owner.h"
#include "stun/wire.h"

struct turn;

enum owner_proof_kind {
	OWNER_PROOF_NONE,
	OWNER_PROOF_USERNAME,    /* USERNAME of the IETF dialect, as received */
	OWNER_PROOF_MS_USERNAME, /* of the MS dialect, bytes or text, as received */
	OWNER_PROOF_TOKEN,       /* ACCESS-TOKEN, sealed; owner.key_id is its kid */
	OWNER_PROOF_KIND_COUNT
};

struct owner_proof {
	enum owner_proof_kind kind;
	struct slice bytes; /* borrowed */
	/*
	 * What was in force then, and may be another by now: the realm that the key was derived
	 * with; of a token, the server name that it was opened for. Empty: what is in force now.
	 */
	struct slice realm;
	/* 16 of MD5, 32 of SHA-256; of a token that of the session key, or 20 if that was hashed. */
	uint8_t key_len;
};

/* The longest of a client that was authenticated: its username, and a realm or server name. */
enum { OWNER_PROOF_BYTES_MAX = CREDENTIAL_USERNAME_MAX, OWNER_PROOF_REALM_MAX = 255 };

/*
 * Which key of the keyring, or of the keys for tokens, made the credential: a number that another key
 * under the same id does not have. 0: there is no such key any more.
 */
uint64_t owner_proof_mark(const struct turn *turn, const struct owner *owner);

enum owner_proof_result {
	OWNER_PROVED,
	OWNER_DAMAGED, /* nothing that any client has been authenticated with */
	OWNER_REVOKED, /* the user, or the key that made the credential is gone */
	OWNER_EXPIRED, /* the time of that key is over */
};

/*
 * was: of an earlier process, of which key_id counts, and for a token when it expires; mark: of its key,
 * 0: not known. Fills in all of *owner if it is proved, and only then.
 */
enum owner_proof_result owner_proof_again(const struct turn *turn,
					  const struct owner_proof *proof,
					  const struct owner *was, uint64_t mark,
					  int64_t unix_s, struct owner *owner);

#endif
