/*
 * token_auth.h - authentication by an access token (RFC 7635 section 7): the token says which key
 * signs the request, and the key that opens the token says that it may.
 *
 * A token costs a stranger's request the work of one decryption and two MACs or three, whatever is
 * wrong with it, and leaves no state: it is opened anew each time, in a few microseconds.
 *
 * Threads  the worker of turn.
 * Time     Unix seconds, passed in.
 */
#ifndef RELAY_CORE_TOKEN_AUTH_H
#define RELAY_CORE_TOKEN_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/owner.h"
#include "stun/integrity.h"
#include "stun/msg.h"

struct token_key;
struct turn;

/* What a request with a token claims. */
struct token_claim {
	struct slice kid;         /* its USERNAME; data NULL: that of nobody */
	struct slice bytes;       /* its ACCESS-TOKEN */
	enum stun_integrity kind; /* what it is signed with; not NONE */
};

enum token_proof {
	TOKEN_PROVED,
	TOKEN_NO_KEY,     /* no such kid, or its key is not valid now */
	TOKEN_NOT_OPENED, /* not made with that key for a server of our name */
	TOKEN_BAD_MAC,    /* the request was not signed with the session key in it */
	TOKEN_NOT_FRESH,  /* expired, or issued too far in the future */
	TOKEN_TOO_FAR,    /* good for longer than credential_ttl_max_s */
};

/*
 * Check the token of a request; third-party authorization is served. Fills in all of *owner if it
 * is proved, and only then; a refusal for its time is noted in turn->refusal.
 */
enum token_proof token_auth_prove(struct turn *turn, const struct stun_msg *msg,
				  const struct token_claim *claim, int64_t unix_s,
				  struct owner *owner);

/*
 * The owner that a token for a server of that name has proved before, from its session key: key_len
 * says which of its forms signed. False, with *owner unchanged, if it cannot be opened, or has no such
 * form.
 */
bool token_auth_again(const struct turn *turn, const struct token_key *key,
		      struct slice bytes, struct slice server_name, size_t key_len,
		      int64_t expires_s, struct owner *owner);

#endif
