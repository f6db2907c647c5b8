/*
 * source_file.h - manual pages and files of the source tree that tests compare with the
 * code.
 */
#ifndef TESTS_UNIT_LIB_SOURCE_FILE_H
#define TESTS_UNIT_LIB_SOURCE_FILE_H

/* The whole file, from TOP_SRCDIR; malloc'ed. Fails the test if it cannot be read. */
char *source_file(const char *name);

/*
 * The text from the first occurrence of start to the next occurrence of any of ends
 * (NULL-terminated); malloc'ed, NULL if start is missing.
 */
char *source_part(const char *text, const char *start, const char *const *ends);

#endif
