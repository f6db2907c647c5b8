/*
 * import_write.h - a configuration of mediarelayd from one of coturn.
 */
#ifndef TOOLS_IMPORT_IMPORT_WRITE_H
#define TOOLS_IMPORT_IMPORT_WRITE_H

#include <stdio.h>

#include "tools/import/import_sides.h"

struct import_conf;

/* Write to out; what could not be converted is noted in conf. */
void import_write(struct import_conf *conf, const struct import_plan *plan, FILE *out);

#endif
