/*
 * import_write.h - a configuration of mediarelayd from one of coturn.
 */
#ifndef TOOLS_IMPORT_IMPORT_WRITE_H
#define TOOLS_IMPORT_IMPORT_WRITE_H

#include <stddef.h>
#include <stdio.h>

struct import_conf;

struct import_plan {
	const char *const *inside; /* addresses of the list that are inside */
	size_t inside_count;
	const char *keys; /* path of the keyring that is written; NULL: none */
};

/* Write to out; what could not be carried over is noted in conf. */
void import_write(struct import_conf *conf, const struct import_plan *plan, FILE *out);

#endif
