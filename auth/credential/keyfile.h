/*
 * keyfile.h - the keyring as a file: read with its mode checked, replaced atomically.
 */
#ifndef AUTH_CREDENTIAL_KEYFILE_H
#define AUTH_CREDENTIAL_KEYFILE_H

#include <stddef.h>

#include "auth/credential/keyring.h"

/*
 * Read and parse. NULL with a whole sentence in error ("PATH:LINE: ..." or "PATH: ...: do
 * this"): not there, readable or writable by others (anything beyond 0640), not a regular
 * file, larger than 64 KiB, or refused by keyring_parse().
 */
struct keyring *keyfile_load(const char *path, char *error, size_t error_size);

/* The same, but a file without keys is allowed, as one to add the first key to. */
struct keyring *keyfile_load_any(const char *path, char *error, size_t error_size);

/*
 * Write all keys of the ring to a new file next to path, fsync, rename. Owner, group and mode
 * of an existing file are kept (0640 for a new one). Comments are not kept. 0 or -1 with error.
 */
int keyfile_save(const char *path, const struct keyring *ring, char *error,
		 size_t error_size);

/*
 * Wait until no other process holds this lock: a descriptor to close after
 * keyfile_save(), -1 with error. The file need not exist, its directory must.
 */
int keyfile_lock(const char *path, char *error, size_t error_size);

/*
 * A new random key without an end: 32 random bytes written as 43 printable characters, so
 * that the secret can be given as text to any TURN REST issuer. id NULL: made from the
 * date and random digits. -1 if the id is not allowed or the system has no randomness.
 */
int key_generate(struct key *key, const char *id);

#endif
