/*
 * load_progress.h - one line on standard error every few seconds, so that a long run is seen to go
 * on: replaced in place on a terminal, one below the other elsewhere. Never on standard output.
 *
 * Owner    the run.
 * Time     monotonic nanoseconds, passed in.
 */
#ifndef TOOLS_LOAD_LOAD_PROGRESS_H
#define TOOLS_LOAD_LOAD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/load/load_options.h"

struct load_progress {
	bool wanted;
	bool in_place; /* on a terminal */
	bool shown;
	uint64_t next_ns;
};

/*
 * With --progress; without it on a terminal, unless --quiet is given or --json writes to the same
 * terminal.
 */
void load_progress_start(struct load_progress *progress,
			 const struct load_options *options, uint64_t now_ns);

/* Whether load_progress_show() is to be called now; true once every few seconds. */
bool load_progress_is_due(struct load_progress *progress, uint64_t now_ns);
void load_progress_show(struct load_progress *progress, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Remove it from the terminal. */
void load_progress_end(struct load_progress *progress);

#endif
