/*
 * dscp.h - differentiated services code points (RFC 2474) by number and by name: ef, af41, cs3.
 */
#ifndef BASE_DSCP_H
#define BASE_DSCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DSCP_MAX = 63,
	DSCP_COPY = 64, /* "copy": what came in */
	DSCP_NONE = 65, /* "": nothing is said */
};

/* A name or a number, or one of the words above. False, with *dscp unchanged, for all others. */
bool dscp_parse(const char *text, uint8_t *dscp);

/* A name if it has one, else the number. Returns buffer. */
enum { DSCP_TEXT_LEN = 8 };
const char *dscp_format(uint8_t dscp, char buffer[DSCP_TEXT_LEN]);

#endif
