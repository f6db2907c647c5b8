/*
 * load_run.h - one run of avedge-load, from the first packet to the last.
 */
#ifndef TOOLS_LOAD_LOAD_RUN_H
#define TOOLS_LOAD_LOAD_RUN_H

#include "tools/load/load_options.h"
#include "tools/load/load_result.h"

/*
 * Set up, load, release; returns when all is over, or after SIGINT, SIGTERM or SIGHUP with what there
 * is. LOAD_AS_EXPECTED: it ran, and result tells; else, with a sentence in error, there was nothing to
 * begin with: LOAD_USAGE if options do not fit the server, LOAD_NOTHING without its name, a
 * certificate, a local address. result is zeroed by the caller.
 */
enum load_status load_run(const struct load_options *options, struct load_result *result,
			  char error[LOAD_ERROR_MAX]);

#endif
