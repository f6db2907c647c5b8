/*
 * fail.h - a sentence about what went wrong, into the caller's buffer.
 */
#ifndef BASE_FAIL_H
#define BASE_FAIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* error_size: a longer sentence is cut. Always false, to be returned. */
static inline bool __attribute__((format(printf, 3, 4)))
fail(char *error, size_t error_size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, error_size, format, args);
	va_end(args);
	return false;
}

#endif
