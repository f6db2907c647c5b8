/*
 * revoked_file.h - the list of revoked users (core/revoked_users) as a file.
 */
#ifndef RELAY_RELOAD_REVOKED_FILE_H
#define RELAY_RELOAD_REVOKED_FILE_H

#include <stddef.h>

struct revoked_users;

/* Read and parse, at most 16 MiB. NULL with "FILE:LINE: what is wrong; what to do" in error. */
struct revoked_users *revoked_file_load(const char *path, char *error, size_t error_size);

#endif
