/*
 * timestamp.h - a time as RFC 3339 text in UTC: 2026-01-31T00:00:00Z.
 */
#ifndef AUTH_CREDENTIAL_TIMESTAMP_H
#define AUTH_CREDENTIAL_TIMESTAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TIMESTAMP_SIZE = 21 }; /* with the NUL */

/* Exactly this form: no fraction, no offset but Z, no leap second. */
bool timestamp_parse(const char *text, size_t len, int64_t *unix_s);

/* False for years beyond 9999 or before 0. */
bool timestamp_format(int64_t unix_s, char text[TIMESTAMP_SIZE]);

#endif
