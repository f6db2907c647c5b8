/*
 * no_check.c - libcheck's assertions for fixtures of the unit tests used in fuzzers: a
 * failure calls abort().
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void _mark_point(const char *file, int line)
{
	(void)file;
	(void)line;
}

void _ck_assert_failed(const char *file, int line, const char *expr, const char *msg, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: %s", file, line, expr ? expr : "");
	if (msg) {
		va_start(args, msg);
		vfprintf(stderr, msg, args);
		va_end(args);
	}
	fputc('\n', stderr);
	abort();
}
