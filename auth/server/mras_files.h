/*
 * mras_files.h - what is in the files that a configuration names, in a few words, and how long
 * that holds. Never a secret.
 */
#ifndef AUTH_SERVER_MRAS_FILES_H
#define AUTH_SERVER_MRAS_FILES_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "auth/credential/keyring.h"
#include "auth/server/mras_config.h"

enum { MRAS_FILE_ABOUT_SIZE = 320 };

/* What was found in one of them. */
struct mras_file_facts {
	size_t count; /* keys, certificates, lists; 0: there is no such file */
	/*
	 * Unix seconds; INT64_MAX: never. Keys: when none signs any more. Lists and CAs: the
	 * earliest of them. The private key ends with its certificate.
	 */
	int64_t expires_s;
	char about[MRAS_FILE_ABOUT_SIZE]; /* "one, two; until 2027-01-01T00:00:00Z" */
};

/* Facts of all of them, once they are read. now_s: Unix seconds. */
void mras_files_describe(const struct mras_config *config, const struct keyring *keyring,
			 SSL_CTX *tls, int64_t now_s,
			 struct mras_file_facts facts[MRAS_FILE_COUNT]);

#endif
