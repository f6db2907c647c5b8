/*
 * secret_file.h - a file that only root may read, and that systemd passes to us as a credential
 * (LoadCredential=).
 *
 * The configuration names the file itself, so that root can check it. A file that we may read is
 * read in place, so that a change takes effect at once. For any other we look for the copy that
 * systemd made for us. A unit passes
 *
 *   a directory   LoadCredential=NAME:/path/to/NAME          for each file in it, or
 *   a file        LoadCredential=FILE:/path/to/directory/FILE
 *
 * where NAME and FILE are the last part of the path.
 */
#ifndef BASE_SECRET_FILE_H
#define BASE_SECRET_FILE_H

#include <stddef.h>

/*
 * The file to open for path: path itself, or the credential in its place, whose path is written
 * to buf; a size of PATH_MAX is enough.
 */
const char *secret_file_path(const char *path, char *buf, size_t size);

#endif
