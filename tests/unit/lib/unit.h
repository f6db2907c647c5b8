/*
 * unit.h - shared by all unit test programs. A test file ends with
 *
 *	UNIT_MAIN("channel", channel_suite)
 *
 * where channel_suite() adds test cases to the suite it is given. libcheck's environment
 * works as usual: CK_FORK=no to debug, CK_RUN_CASE=name to run one case.
 */
#ifndef TESTS_UNIT_LIB_UNIT_H
#define TESTS_UNIT_LIB_UNIT_H

#include <check.h>
#include <stdlib.h>

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* The number of rows, as tcase_add_loop_test() wants it. */
#define ROWS(array) ((int)ARRAY_LEN(array))

/*
 * How often a test does at random what it does: usual, or thorough where AVEDGE_TEST_THOROUGH is set, as
 * continuous integration does once. For repetition alone: what a test claims holds with either.
 */
static inline unsigned unit_rounds(unsigned usual, unsigned thorough)
{
	return getenv("AVEDGE_TEST_THOROUGH") != NULL ? thorough : usual;
}

static inline int unit_run(const char *name, void (*add_cases)(Suite *suite))
{
	Suite *suite = suite_create(name);
	add_cases(suite);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int ran = srunner_ntests_run(runner);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return ran > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define UNIT_MAIN(name, add_cases)                \
	int main(void)                            \
	{                                         \
		return unit_run(name, add_cases); \
	}

#endif
