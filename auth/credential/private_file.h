/*
 * private_file.h - a small file with secrets in it: read only if nobody but its owner and group may
 * read it.
 */
#ifndef AUTH_CREDENTIAL_PRIVATE_FILE_H
#define AUTH_CREDENTIAL_PRIVATE_FILE_H

#include <stddef.h>

enum { PRIVATE_FILE_MAX = 64 * 1024 }; /* bytes */

/*
 * All of that file, or of the copy that systemd made of it (secret_file.h). NULL with a sentence
 * in error that begins with the path: not there, readable or writable by others (anything beyond
 * 0640), not a regular file, too large.
 *
 * what     it is to be, for the sentence: "keyring"
 * missing  what to do if it does not exist
 * len      without the NUL that follows the text
 */
char *private_file_read(const char *path, const char *what, const char *missing,
			size_t *len, char *error, size_t error_size);

/* Wipe and free it; NULL is allowed. */
void private_file_release(char *text);

#endif
