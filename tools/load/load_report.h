/*
 * load_report.h - the figures of a run as text and as JSON, and the verdict.
 */
#ifndef TOOLS_LOAD_LOAD_REPORT_H
#define TOOLS_LOAD_LOAD_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "tools/load/load_options.h"
#include "tools/load/load_result.h"

enum { LOAD_COMPLAINTS_MAX = 10 };

struct load_verdict {
	enum load_status status;
	size_t count;
	char complaints[LOAD_COMPLAINTS_MAX][LOAD_ERROR_MAX]; /* whole sentences */
};

void load_judge(const struct load_options *options, const struct load_result *result,
		struct load_verdict *verdict);

void load_report_text(FILE *out, const struct load_options *options,
		      const struct load_result *result);
/* False if it could not be written. */
bool load_report_json(FILE *out, const struct load_options *options,
		      const struct load_result *result,
		      const struct load_verdict *verdict);

#endif
