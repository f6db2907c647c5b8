/*
 * secret_file.h - a file that only root may read, and that reaches us as a credential of
 * systemd (LoadCredential=).
 *
 * The configuration names the file itself, so that it can be checked as root, and one that we
 * may read is read where it is: a change of it counts at once. Only for one that we may not
 * read we look whether systemd has made a copy for us. A unit hands on
 *
 *   a folder   LoadCredential=NAME:/path/to/NAME          for each file in it, or
 *   a file     LoadCredential=FILE:/path/to/folder/FILE
 *
 * where NAME and FILE are what the last part of the path is called.
 */
#ifndef BASE_SECRET_FILE_H
#define BASE_SECRET_FILE_H

#include <stddef.h>

/*
 * What to open in order to read path: path, or the credential in its place, whose path is
 * written to buf; size PATH_MAX is enough.
 */
const char *secret_file_path(const char *path, char *buf, size_t size);

#endif
