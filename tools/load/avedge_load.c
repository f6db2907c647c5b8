/*
 * avedge_load.c - puts load on a TURN server and measures loss and delay.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/version.h"
#include "tools/load/load_options.h"
#include "tools/load/load_report.h"
#include "tools/load/load_result.h"
#include "tools/load/load_run.h"

/* A script must notice that its figures are cut short. */
static int flushed(int status)
{
	if ((fflush(stdout) == 0 && !ferror(stdout)) || status != LOAD_AS_EXPECTED)
		return status;
	perror("avedge-load: cannot write the output");
	return LOAD_EXCEEDED;
}

static int report(const struct load_options *options, const struct load_result *result)
{
	struct load_verdict verdict;

	load_judge(options, result, &verdict);
	if (options->json && !load_report_json(stdout, options, result, &verdict))
		fputs("avedge-load: cannot write the figures\n", stderr);
	else if (!options->json && !options->quiet && verdict.status != LOAD_NOTHING)
		load_report_text(stdout, options, result);
	for (size_t i = 0; i < verdict.count; i++)
		fprintf(stderr, "avedge-load: %s\n", verdict.complaints[i]);
	return flushed((int)verdict.status);
}

int main(int argc, char **argv)
{
	char error[LOAD_ERROR_MAX];
	struct load_options options;

	if (!load_options_parse(argc, argv, &options, error)) {
		fprintf(stderr, "avedge-load: %s\nTry 'avedge-load --help'.\n", error);
		return LOAD_USAGE;
	}
	if (options.help) {
		fputs(load_help, stdout);
		return flushed(LOAD_AS_EXPECTED);
	}
	if (options.version) {
		printf("avedge-load %s\n", version_string());
		return flushed(LOAD_AS_EXPECTED);
	}

	struct load_result *result = calloc(1, sizeof(*result));
	if (result == NULL) {
		perror("avedge-load");
		return LOAD_NOTHING;
	}
	int status = (int)load_run(&options, result, error);
	if (status == LOAD_AS_EXPECTED)
		status = report(&options, result);
	else
		fprintf(stderr, "avedge-load: %s\n", error);
	free(result);
	return status;
}
