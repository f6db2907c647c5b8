/*
 * credential.h - short-lived credentials: issued by computation, verified by computation.
 *
 * One engine, two forms:
 *
 *   MRAS token  binary username (version, expiry, keyed identity, MAC) and password
 *               HMAC-SHA1(username). MS-TURN clients send the bytes; IETF clients use the
 *               base64 strings of the same pair as username and password.
 *   TURN REST   username "expiry:identity" (Unix seconds), password
 *               base64(HMAC-SHA1(secret, username)), or HMAC-SHA256 where the key says so.
 *
 * Either may carry a quota of its user. A REST username is then
 * "expiry,allocations,kbits:identity" and its password base64(HMAC-SHA256(key, username)) with a
 * key derived from the secret for that alone. Clients need not understand a username. An
 * application that issues "expiry:identity" with the secret cannot make one, whatever identity
 * its user chose.
 *
 * Pure: no clock, no files, no state but what the caller holds.
 */
#ifndef AUTH_CREDENTIAL_CREDENTIAL_H
#define AUTH_CREDENTIAL_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/credential/keyring.h"
#include "stun/wire.h"

enum {
	CREDENTIAL_USERNAME_MAX = 763, /* bytes, as STUN takes them (RFC 5389) */
	CREDENTIAL_ISSUED_MAX = 508,   /* bytes, as issued (RFC 8489 section 14.3) */
	CREDENTIAL_TOKEN_MAX = 64,     /* bytes of an MRAS token */
	CREDENTIAL_PASSWORD_MAX = 64,  /* base64 of HMAC-SHA256 is 44 */
	CREDENTIAL_USER_MAX =
		231, /* bytes of the name in records and quotas; each allocation has one */
};

enum credential_form {
	CREDENTIAL_REST,
	CREDENTIAL_MRAS_TEXT,   /* base64 strings */
	CREDENTIAL_MRAS_BINARY, /* decoded bytes */
};

/* What a user may hold in place of the relay's limits; 0: as the relay has it. */
struct credential_quota {
	uint32_t allocations;
	uint64_t bandwidth_bps; /* a multiple of 1000 below 2^32 of them */
};

static inline bool credential_quota_is_set(const struct credential_quota *quota)
{
	return quota->allocations != 0 || quota->bandwidth_bps != 0;
}

/* Why a username is refused. */
enum credential_status {
	CREDENTIAL_OK,
	CREDENTIAL_MALFORMED,   /* neither form */
	CREDENTIAL_EXPIRED,     /* now >= expiry, beyond the clock's skew */
	CREDENTIAL_TOO_FAR,     /* expires later than max_ttl_s from now, likewise */
	CREDENTIAL_UNKNOWN_KEY, /* MRAS: no valid key made this token */
};

/* A parsed username. Nothing in it is proven until the password has matched. */
struct credential {
	enum credential_form form;
	struct slice username; /* borrowed, as received */
	int64_t expires_s;     /* Unix seconds, rounded down */
	/*
	 * The user, for quotas and records, as credential_show_user() writes it. REST: what
	 * follows the first colon, or the whole username if that is empty; MRAS: the keyed
	 * identity in hex.
	 */
	char user[CREDENTIAL_USER_MAX + 1];
	bool nameless; /* REST: the username is an expiry and no identity */
	struct credential_quota quota;
	uint8_t token[CREDENTIAL_TOKEN_MAX]; /* MRAS: decoded bytes */
	size_t token_len;
};

/*
 * A user's name as one word of printable ASCII, for quotas, records, logs and terminals: other
 * bytes, spaces, double quotes and backslashes become \xHH. Different names stay different: one
 * that would be longer than CREDENTIAL_USER_MAX is cut between characters and ends in \~ and 128
 * bits of its SHA-256 in hex, which no other name can have.
 */
void credential_show_user(struct slice name, char user[CREDENTIAL_USER_MAX + 1]);

/*
 * The same for a name that a person typed, as it was issued or as it is shown: one that could
 * have been shown is left alone. A backslash in an issued name that has none of what is
 * escaped must therefore be typed as \x5c.
 */
void credential_read_user(const char *text, char user[CREDENTIAL_USER_MAX + 1]);

/* Parse a username; binary: it came as bytes in the MS dialect. OK or MALFORMED. */
enum credential_status credential_parse(struct slice username, bool binary,
					struct credential *out);

/* The verifier's clock. */
struct credential_clock {
	int64_t now_s; /* Unix seconds */
	int64_t skew_s; /* by which that of the issuer may differ, either way; not negative */
};

/*
 * OK, EXPIRED or TOO_FAR. max_ttl_s 0: no ceiling.
 *
 * off_s  for EXPIRED the seconds since the expiry, for TOO_FAR those beyond the ceiling,
 *        neither with the skew taken off; 0 for OK
 */
enum credential_status credential_check_time(const struct credential *cred,
					     const struct credential_clock *clock,
					     int64_t max_ttl_s, int64_t *off_s);

struct credential_password {
	size_t len;
	uint8_t bytes[CREDENTIAL_PASSWORD_MAX];
	const struct key *key; /* the key behind it, borrowed from the ring */
};

/*
 * The passwords this username may have, one per key that verifies by that clock. Start with
 * *position 0; false when there are no more. For MRAS only the key that made the token
 * yields one, and the token's own MAC is checked in constant time.
 */
bool credential_next_password(const struct credential *cred, const struct keyring *ring,
			      const struct credential_clock *clock, size_t *position,
			      struct credential_password *out);

/*
 * The password that this key makes of that username, valid or not by its time. False if it makes none:
 * it signs no REST credentials, or another key made the token.
 */
bool credential_password_by(const struct credential *cred, const struct key *key,
			    struct credential_password *out);

/* An issued pair, both as text. */
struct credential_pair {
	char username[CREDENTIAL_USERNAME_MAX + 1];
	char password[CREDENTIAL_PASSWORD_MAX + 1];
	int64_t expires_s;
	/* The MRAS pair as bytes, for clients that speak MS-TURN; lengths 0 for REST. */
	uint8_t token[CREDENTIAL_TOKEN_MAX];
	size_t token_len;
	uint8_t secret[20];
	size_t secret_len;
};

/*
 * REST pair for identity, which has passed opaque_string_enforce() or is empty, valid until
 * expires_s. quota NULL: none; its bandwidth is rounded up to 1000 bit/s, here and below. False if the key signs no REST credentials, expires_s is negative, or the user name
 * would be longer than CREDENTIAL_ISSUED_MAX.
 */
bool credential_issue_rest(const struct key *key, struct slice identity,
			   int64_t expires_s, const struct credential_quota *quota,
			   struct credential_pair *out);

/* How many bytes an identity may have in a REST user name with that expiry and quota. */
size_t credential_rest_room(int64_t expires_s, const struct credential_quota *quota);

/*
 * MRAS pair, token version 1 or 2, valid until expires_s; identity is UTF-8 of any length. With
 * a quota it is of version 3, whatever was asked for: clients do not look into a token.
 *
 * *serial is the issuer's memory. It becomes the part of the expiry below a second (100 ns
 * units), which never changes expires_s but makes every token of one issuer distinct, and
 * moves on past values that libnice would trim before hashing (first byte 0x22; last byte
 * 0x22 or 0x00, of either string). Start it with a random number where several issuers share
 * a keyring.
 *
 * False if the version or the expiry cannot be written.
 */
bool credential_issue_mras(const struct key *key, int version, struct slice identity,
			   int64_t expires_s, const struct credential_quota *quota,
			   uint64_t *serial, struct credential_pair *out);

#endif
