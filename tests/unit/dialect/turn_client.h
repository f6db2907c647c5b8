/*
 * turn_client.h - a TURN client that calls dispatch.h: builds requests with the codec,
 * signs them, and checks every answer. Does not use libcheck, so that the fuzzer can use
 * it.
 *
 *	client_init(&c, &fixture, "192.0.2.200:5000", FRONT_OUTSIDE_UDP, "alice");
 *	client_login(&c);
 *	client_start(&c, TURN_ALLOCATE);
 *	stun_add_u32(&c.b, ...);
 *	int code = client_ask(&c);	(0: success, -1: silence)
 *
 * A fault that is wrong in any answer (another transaction, a MAC that does not match, an
 * integrity that is missing or out of place, padding that is not zero ...) is described
 * in c.fault; NULL if there is none.
 */
#ifndef TESTS_UNIT_DIALECT_TURN_CLIENT_H
#define TESTS_UNIT_DIALECT_TURN_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/credential/access_token.h"
#include "stun/attr.h"
#include "stun/integrity.h"
#include "stun/msg.h"
#include "tests/unit/core/fake_edge.h"
#include "tests/unit/dialect/checked_dispatch.h"

/* The fronts of fake_edge.h. */
enum {
	FRONT_INSIDE_UDP = 0,
	FRONT_INSIDE_TCP = 1,
	FRONT_INSIDE_TLS = 2,
	FRONT_OUTSIDE_UDP = 3,
	FRONT_OUTSIDE_UDP6 = 4,
	FRONT_OUTSIDE_TCP = 5,
	FRONT_OUTSIDE_TCP6 = 6,
};

/* How requests are signed. */
enum client_auth {
	CLIENT_SHA256,     /* PASSWORD-ALGORITHM SHA-256 and MESSAGE-INTEGRITY-SHA256 */
	CLIENT_MD5,        /* as RFC 5389: MESSAGE-INTEGRITY, no PASSWORD-ALGORITHM */
	CLIENT_MD5_CHOSEN, /* PASSWORD-ALGORITHM MD5 and MESSAGE-INTEGRITY-SHA256 */
	CLIENT_MD5_MI256,  /* MESSAGE-INTEGRITY-SHA256 with an MD5 key, no algorithms */
	CLIENT_SHA256_MI,  /* PASSWORD-ALGORITHM SHA-256, but MESSAGE-INTEGRITY (T-089) */
	CLIENT_BOTH,       /* as CLIENT_SHA256, and MESSAGE-INTEGRITY before it */
	CLIENT_AUTH_COUNT
};

/* What a request omits or gets wrong; bits of client.wrong. */
enum {
	WRONG_NO_USERNAME = 1 << 0,
	WRONG_NO_REALM = 1 << 1,
	WRONG_NO_NONCE = 1 << 2,
	WRONG_NO_ALGORITHM = 1 << 3,
	WRONG_NO_ALGORITHMS = 1 << 4,
	WRONG_MAC = 1 << 5, /* the last integrity attribute does not match */
	WRONG_REALM = 1 << 6,
	WRONG_USERHASH_TOO = 1 << 7, /* USERHASH beside USERNAME */
	WRONG_USERHASH_ONLY = 1 << 8,
	WRONG_FIRST_MAC = 1 << 9,     /* MESSAGE-INTEGRITY before a good -SHA256 */
	WRONG_PADDED_REALM = 1 << 10, /* the length of REALM counts its padding */
};

enum { CLIENT_MESSAGE_MAX = 20 + 65536 };

struct client {
	struct fixture *fixture;
	struct five_tuple tuple;
	enum client_auth auth;
	bool bare;        /* no credentials at all */
	bool proxied;     /* a balancer's header names it */
	bool fingerprint; /* add one, expect one */
	unsigned wrong;
	uint8_t poison; /* contents of the reply buffer before the answer */

	char username[CREDENTIAL_USERNAME_MAX + 2];
	size_t username_len;
	char password[CREDENTIAL_PASSWORD_MAX + 1];
	char realm[REALM_MAX + 1];
	uint8_t nonce[768];
	size_t nonce_len;
	uint8_t algorithms[64]; /* value of PASSWORD-ALGORITHMS, from the challenge */
	size_t algorithms_len;
	uint8_t algorithm[16]; /* value of PASSWORD-ALGORITHM; length 0: as auth says */
	size_t algorithm_len;
	/*
	 * Third-party authorization: this key signs in place of the password's, unless its length
	 * is 0, and this token goes with it, unless its length is 0. The username is the kid.
	 */
	struct stun_key session_key;
	enum stun_integrity session_kind;
	uint8_t token[ACCESS_TOKEN_MAX + 8];
	size_t token_len;
	uint64_t transactions; /* source of transaction ids */

	/* The request being built; afterwards the bytes sent. */
	struct stun_builder b;
	uint8_t message[CLIENT_MESSAGE_MAX];
	size_t message_len;
	/* How it was signed: answers are checked with these, whatever was learned since. */
	struct stun_key key;
	struct owner_id owner;
	enum client_auth signed_as;
	/* Attributes to append after the integrity, in wire form. */
	uint8_t tail[1024];
	size_t tail_len;

	/* The answer. */
	struct dispatch out;
	uint8_t reply[DISPATCH_REPLY_MAX];
	struct stun_msg answer; /* valid if code is not -1 */
	int code;               /* 0 success, an error code, -1 silence */
	const char *fault;
};

/* client is an address for endpoint_parse(). The credential is valid for a day. */
void client_init(struct client *c, struct fixture *fixture, const char *address,
		 uint16_t front, const char *user);

/* Another credential for the same client. */
void client_credential(struct client *c, const char *user, int64_t expires_s);

/*
 * Ask without credentials and keep realm, nonce and algorithms of the 401; returns its
 * code.
 */
int client_login(struct client *c);
/* Keep those of the current answer, if it has them. */
void client_keep_challenge(struct client *c);

/* Begin a request (or another class) with a new transaction id. */
void client_start(struct client *c, uint16_t method);
void client_start_class(struct client *c, uint16_t method, enum stun_class class);
void client_add_peer(struct client *c, const char *peer);
/* Append an attribute after the integrity of the next request. */
void client_add_tail(struct client *c, uint16_t type, const void *value, size_t len);

/* Sign and finish the request, without sending it. */
void client_sign(struct client *c);
/* Send it and check the answer; returns the code. */
int client_ask(struct client *c);
/* Send the same bytes again. */
int client_again(struct client *c);
/* Send these bytes as they are. */
int client_raw(struct client *c, const void *bytes, size_t len);

/* A plain UDP allocation, after a login; returns the code. */
int client_allocate(struct client *c);
int client_refresh(struct client *c, uint32_t lifetime_s);
int client_permit(struct client *c, const char *peer);
int client_bind(struct client *c, uint16_t number, const char *peer);

/* Send indication, or ChannelData; the result is in out. True if it goes to a peer. */
bool client_send(struct client *c, const char *peer, const void *data, size_t len);
bool client_channel_data(struct client *c, uint16_t number, const void *data, size_t len);

/* The answer's first attribute of that type; false if there is none. */
bool client_find(const struct client *c, uint16_t type, struct stun_attr *attr);
bool client_has(const struct client *c, uint16_t type);
/* Its value as a number or address; 0 or family 0 if it is missing. */
uint32_t client_u32(const struct client *c, uint16_t type);
struct endpoint client_address(const struct client *c, uint16_t type);
/* The integrity attribute of the answer. */
enum stun_integrity client_answer_kind(const struct client *c);

/* The allocation of this client, or the one that moves to it; NULL: none. */
struct allocation *client_allocation(const struct client *c);

/*
 * A datagram from peer arrives at this client's relayed address. True if it is forwarded
 * to the client; header and payload are in *out.
 */
bool client_from_peer(struct client *c, const char *peer, const void *data, size_t len,
		      struct forward *out);

/* The number of drops for that reason so far. */
uint64_t fixture_drops(const struct fixture *fixture, enum drop_reason reason);

#endif
