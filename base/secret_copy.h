/*
 * secret_copy.h - says so where a daemon reads a copy of a file (secret_file.h).
 *
 * Threads  any.
 */
#ifndef BASE_SECRET_COPY_H
#define BASE_SECRET_COPY_H

/* Log that changes of that file wait for the next start, if that is so. */
void secret_copy_tell(const char *path);

#endif
