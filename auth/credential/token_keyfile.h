/*
 * token_keyfile.h - the keys of access tokens as a file, read with its mode checked.
 */
#ifndef AUTH_CREDENTIAL_TOKEN_KEYFILE_H
#define AUTH_CREDENTIAL_TOKEN_KEYFILE_H

#include <stddef.h>

#include "auth/credential/token_keyring.h"

/*
 * Read and parse. NULL with a whole sentence in error ("PATH:LINE: ..." or "PATH: ...: do this"):
 * what private_file_read() and token_keyring_parse() refuse.
 */
struct token_keyring *token_keyfile_load(const char *path, char *error,
					 size_t error_size);

#endif
