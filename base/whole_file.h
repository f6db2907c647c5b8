/*
 * whole_file.h - all of a small file.
 */
#ifndef BASE_WHOLE_FILE_H
#define BASE_WHOLE_FILE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Read all that is left of fd, at most size - 1 bytes. Returns how many; -1 with errno, which is
 * EFBIG if there are more.
 */
ssize_t whole_file_read(int fd, char *text, size_t size);

#endif
