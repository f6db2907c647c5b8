/*
 * identity.h - the user that a credential is for: "sip:user@domain" as in SIP, or any
 * other name.
 */
#ifndef AUTH_MRAS_IDENTITY_H
#define AUTH_MRAS_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/wire.h"

/* Is it text: UTF-8 (RFC 3629) without control characters, not empty? */
bool identity_is_text(struct slice identity);

/*
 * Does the identity match a suffix of the configuration?
 *
 *   "@lab.example"      any user of exactly that domain
 *   ".lab.example"      any user of any domain below it
 *   "lab.example"       both
 *   "bob@lab.example"   this user
 *   "-recorder"         any name that ends so and has no domain
 *
 * A suffix that begins with a letter or digit never matches the tail of a word, so that
 * "lab.example" does not let in notlab.example. Domains are compared without case, users
 * with.
 */
bool identity_has_suffix(struct slice identity, const char *suffix);

/*
 * NULL, or why no identity, at least none that anybody would have, has that suffix: a phrase with
 * its remedy, "... ; write ...".
 */
const char *identity_suffix_fault(const char *suffix);

/*
 * What quotas count by: all spellings of one identity have the same key. Writes at most
 * identity.len bytes to key, returns how many.
 */
size_t identity_key(struct slice identity, uint8_t *key);

#endif
