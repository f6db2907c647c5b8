/*
 * load_run.h - one run of avedge-load, from the first packet to the last.
 */
#ifndef TOOLS_LOAD_LOAD_RUN_H
#define TOOLS_LOAD_LOAD_RUN_H

#include <stdbool.h>

#include "tools/load/load_options.h"
#include "tools/load/load_result.h"

/*
 * Set up, load, release; returns when all is over, or after SIGINT or SIGTERM with what there
 * is. False, with a sentence in error, if there was nothing to begin with: the name of the
 * server, a certificate, a local address. result is zeroed by the caller.
 */
bool load_run(const struct load_options *options, struct load_result *result,
	      char error[LOAD_ERROR_MAX]);

#endif
