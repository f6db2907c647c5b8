/*
 * credential_ring.h - two keys, and the passwords they derive for a user name.
 */
#ifndef TESTS_UNIT_AUTH_CREDENTIAL_RING_H
#define TESTS_UNIT_AUTH_CREDENTIAL_RING_H

#include "auth/credential/credential.h"

/* 2026-01-01T00:00:00Z */
#define NOW 1767225600

/*
 * Two keys: "one" of bytes 0, 1, 2 ..., "two" of bytes 100, 101 ...; setup() creates them
 * again.
 */
extern struct keyring ring;
/* NOW, without skew. */
extern const struct credential_clock ring_clock;
void setup(void);

/* A user name as text. */
enum credential_status parse(const char *username, struct credential *cred);

/*
 * Every password that is valid for it, in one static string: "key=password key=password".
 */
const char *passwords(const char *username);

#endif
