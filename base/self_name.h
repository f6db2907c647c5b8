/*
 * self_name.h - the user this process runs as, for messages about missing rights.
 */
#ifndef BASE_SELF_NAME_H
#define BASE_SELF_NAME_H

#include <stddef.h>

/* "user avedge-relay"; the number if it has no name. Returns buf; 64 bytes are enough. */
const char *self_name(char *buf, size_t size);

#endif
