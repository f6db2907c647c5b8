/*
 * replay.c - feeds the files of corpus directories to a fuzz target, so that make check
 * runs every input of interest, with any compiler.
 *
 *	fuzz_msg [DIRECTORY ...]
 *
 * Without an argument the directory is $TOP_SRCDIR/tests/fuzz/corpus/msg. A directory
 * that is missing or empty is a failure.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

/* What the target is being fed, for the log of a crash. */
static void announce(const char *path)
{
	printf("%s\n", path);
	fflush(stdout);
}

/*
 * The input gets an allocation of exactly its size, so that the address sanitizer detects
 * a read past its end.
 */
static int replay_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "rb");
	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}

	uint8_t *data = malloc(size ? size : 1);
	int failed = !data || fread(data, 1, size, file) != size;
	fclose(file);
	if (failed) {
		fprintf(stderr, "%s: cannot read\n", path);
	} else {
		announce(path);
		LLVMFuzzerTestOneInput(data, size);
	}
	free(data);
	return failed ? -1 : 0;
}

/* Returns the number of files fed, or -1 if one could not be read. */
static int replay_directory(const char *directory)
{
	struct dirent **entries;
	int n = scandir(directory, &entries, NULL, alphasort);
	if (n < 0) {
		fprintf(stderr, "%s: %s\n", directory, strerror(errno));
		return -1;
	}

	int fed = 0;
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];
		struct stat st;
		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		if (fed >= 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode))
			fed = replay_file(path, (size_t)st.st_size) == 0 ? fed + 1 : -1;
		free(entries[i]);
	}
	free(entries);
	return fed;
}

static int replay_own_corpus(const char *program)
{
	const char *top = getenv("TOP_SRCDIR");
	const char *name = strrchr(program, '/');
	name = name ? name + 1 : program;
	if (!top || strncmp(name, "fuzz_", 5) != 0) {
		fprintf(stderr, "usage: %s DIRECTORY...\n", program);
		return -1;
	}

	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s", top, name + 5);
	int fed = replay_directory(path);
	if (fed == 0)
		fprintf(stderr, "%s: directory has no files\n", path);
	return fed;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return replay_own_corpus(argv[0]) > 0 ? EXIT_SUCCESS : EXIT_FAILURE;

	int status = EXIT_SUCCESS;
	for (int i = 1; i < argc; i++) {
		int fed = replay_directory(argv[i]);
		if (fed == 0)
			fprintf(stderr, "%s: directory has no files\n", argv[i]);
		if (fed <= 0)
			status = EXIT_FAILURE;
	}
	return status;
}
