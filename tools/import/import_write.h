/*
 * import_write.h - a configuration of mediarelayd from one of coturn.
 */
#ifndef TOOLS_IMPORT_IMPORT_WRITE_H
#define TOOLS_IMPORT_IMPORT_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct import_conf;

struct import_plan {
	const char *const *inside; /* listening addresses on the inside */
	size_t inside_count;
	const char *keys; /* path of the new keyring; NULL: none */
};

struct ip_addr;

/* Whether that address is a listening-ip. */
bool import_has_listening(const struct import_conf *conf, const struct ip_addr *ip);

/* Write to out; what could not be converted is noted in conf. */
void import_write(struct import_conf *conf, const struct import_plan *plan, FILE *out);

#endif
