/*
 * source_file.h - pages and files of the source tree that a test holds to the code.
 */
#ifndef TESTS_UNIT_LIB_SOURCE_FILE_H
#define TESTS_UNIT_LIB_SOURCE_FILE_H

/* All of it, from TOP_SRCDIR; malloc'ed. Fails the test if it is not there. */
char *source_file(const char *name);

/*
 * The text from the first occurrence of start to the next of one of ends (NULL-terminated);
 * malloc'ed, NULL if there is no start.
 */
char *source_part(const char *text, const char *start, const char *const *ends);

#endif
