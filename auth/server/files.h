/*
 * files.h - the files that a configuration names: whether they have changed, what is in them in
 * a few words, and how long that holds. Never a secret.
 */
#ifndef AUTH_SERVER_FILES_H
#define AUTH_SERVER_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "auth/credential/keyring.h"
#include "auth/server/config.h"
#include "base/file_stamp.h"

enum { FILE_ABOUT_SIZE = 320 };

/* What was found in one of them. */
struct file_facts {
	size_t count; /* keys, certificates, lists; 0: there is no such file */
	/*
	 * Unix seconds; INT64_MAX: never. Keys: when none signs any more. Lists and CAs: the
	 * earliest of them. The private key ends with its certificate.
	 */
	int64_t expires_s;
	char about[FILE_ABOUT_SIZE]; /* "one, two; until 2027-01-01T00:00:00Z" */
};

/* The key of the configuration: "keys", "tls.certificate". */
const char *file_key(enum file_id id);
/* Borrowed; NULL if the configuration names none. */
const char *file_path(const struct config *config, enum file_id id);
/* Where the configuration names it, 0: it does not. */
unsigned file_line(const struct config *config, enum file_id id);

struct file_stamps {
	struct file_stamp list[FILE_COUNT];
};
void files_stamp(const struct config *config, struct file_stamps *stamps);

/* Facts of all of them, once they are read. now_s: Unix seconds. */
void files_describe(const struct config *config, const struct keyring *keyring,
		    SSL_CTX *tls, int64_t now_s, struct file_facts facts[FILE_COUNT]);

#endif
