/*
 * self_name.h - as whom this process runs, for sentences about rights that it lacks.
 */
#ifndef BASE_SELF_NAME_H
#define BASE_SELF_NAME_H

#include <stddef.h>

/* "user avedge-relay", by number if it has no name. Returns buf; 64 bytes are enough. */
const char *self_name(char *buf, size_t size);

#endif
