/*
 * ms_client.h - a client of the MS dialect that calls dispatch.h: builds messages with
 * the codec, signs them, and checks every answer. Does not use libcheck, so that the
 * fuzzer can use it. Its fronts are those of turn_client.h; on a stream every message is
 * framed.
 *
 *	ms_client_init(&c, &fixture, "192.0.2.200:5000", FRONT_OUTSIDE_UDP, "alice");
 *	ms_client_allocate(&c);
 *	ms_client_send(&c, "192.0.2.1:7000", "x", 1);
 *
 * A fault that is wrong in any answer (another transaction, an integrity that does not
 * match, is missing or out of place, parts of a challenge in other answers ...) is
 * described in c.fault; NULL if there is none.
 */
#ifndef TESTS_UNIT_DIALECT_MS_CLIENT_H
#define TESTS_UNIT_DIALECT_MS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/ms_attr.h"
#include "stun/ms_integrity.h"
#include "tests/unit/core/fake_edge.h"
#include "tests/unit/dialect/checked_dispatch.h"

/* The form of the credential that the client sends. */
enum ms_form {
	MS_FORM_BINARY, /* the token's bytes */
	MS_FORM_TEXT,   /* the same token in base64 */
	MS_FORM_REST,
};

/* What a message omits or gets wrong; bits of client.wrong. */
enum {
	MS_NO_USERNAME = 1 << 0,
	MS_NO_REALM = 1 << 1,
	MS_NO_NONCE = 1 << 2,
	MS_NO_SEQUENCE = 1 << 3,
	MS_WRONG_MAC = 1 << 4,
	MS_WRONG_REALM = 1 << 5,
	MS_WRONG_CONNECTION = 1 << 6,
	MS_SAME_NUMBER = 1 << 7, /* the number of the previous message */
	MS_LONG_REALM = 1 << 8,  /* 129 bytes */
	MS_LONG_NONCE = 1 << 9,
	MS_BARE_NONCE = 1 << 10, /* without its quotes */
};

enum { MS_CLIENT_MESSAGE_MAX = MS_MSG_MAX + 1 };

struct ms_client {
	struct fixture *fixture;
	struct five_tuple tuple;
	enum ms_integrity kind;
	bool bare; /* no credentials at all */
	unsigned wrong;
	uint8_t poison;   /* contents of the reply buffer before the answer */
	uint32_t version; /* MS-VERSION to send; 0: none */

	uint8_t username[CREDENTIAL_USERNAME_MAX + 1];
	size_t username_len;
	uint8_t password[CREDENTIAL_PASSWORD_MAX + 1];
	size_t password_len;
	char realm[MS_TEXT_MAX + 1];
	uint8_t nonce[MS_TEXT_MAX + 1];
	size_t nonce_len;
	uint8_t connection_id[MS_CONNECTION_ID_LEN]; /* of the last Allocate response */
	uint32_t number;                             /* last used */
	uint64_t transactions;                       /* source of transaction ids */

	/* The message being built; afterwards the bytes sent, without frame header. */
	struct ms_builder b;
	uint8_t message[MS_CLIENT_MESSAGE_MAX];
	size_t message_len;
	struct stun_key key; /* what it was signed with ... */
	enum ms_integrity signed_kind;

	/* The answer. */
	struct dispatch out;
	uint8_t reply[DISPATCH_REPLY_MAX];
	struct ms_msg answer; /* valid if code is not -1 */
	int code;             /* 0 success, an error code, -1 silence */
	const char *fault;
};

/* The dialect is on, with Microsoft's realm. */
void ms_fixture_enable(struct fixture *fixture);

/* The credential is valid for a day. */
void ms_client_init(struct ms_client *c, struct fixture *fixture, const char *address,
		    uint16_t front, const char *user);
void ms_client_credential(struct ms_client *c, const char *user, enum ms_form form,
			  int64_t expires_s);

/* The key of its credential and realm. */
struct stun_key ms_client_key(const struct ms_client *c);

/* Ask without credentials and keep realm and nonce of the 401; returns its code. */
int ms_client_login(struct ms_client *c);
void ms_client_keep_challenge(struct ms_client *c);

/* Begin a message with a new transaction id. */
void ms_client_start(struct ms_client *c, uint16_t type);
void ms_client_add_peer(struct ms_client *c, const char *peer);
/*
 * Add credentials, number and integrity as its type requires; finishes without sending.
 */
void ms_client_sign(struct ms_client *c);
/* Send it and check the answer; returns the code. */
int ms_client_ask(struct ms_client *c);
/* Send the same bytes again. */
int ms_client_again(struct ms_client *c);
/* Send these bytes as a control message. */
int ms_client_raw(struct ms_client *c, const void *bytes, size_t len);

/* A plain allocation, after a login if necessary; returns the code. */
int ms_client_allocate(struct ms_client *c);
int ms_client_lifetime(struct ms_client *c, uint32_t lifetime_s);
int ms_client_activate(struct ms_client *c, const char *peer);

/* Send request, or bare data; the result is in out. True if it goes to a peer. */
bool ms_client_send(struct ms_client *c, const char *peer, const void *data, size_t len);
bool ms_client_data(struct ms_client *c, const void *data, size_t len);

/* The answer's first attribute of that type; false if there is none. */
bool ms_client_find(const struct ms_client *c, uint16_t type, struct stun_attr *attr);
bool ms_client_has(const struct ms_client *c, uint16_t type);
uint32_t ms_client_u32(const struct ms_client *c, uint16_t type);
struct endpoint ms_client_address(const struct ms_client *c, uint16_t type);

struct allocation *ms_client_allocation(const struct ms_client *c);

/*
 * Data from peer arrives at this client's relayed address. True if it is forwarded to the
 * client.
 */
bool ms_client_from_peer(struct ms_client *c, const char *peer, const void *data,
			 size_t len, struct forward *out);

#endif
