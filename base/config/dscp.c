/*
 * dscp.c - see dscp.h; names of RFC 2474, RFC 2597, RFC 3246, RFC 5865 and RFC 8622.
 */
#include "base/config/dscp.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	uint8_t dscp;
} names[] = {
	{"", DSCP_NONE}, {"copy", DSCP_COPY}, {"default", 0}, {"cs0", 0},   {"le", 1},
	{"cs1", 8},      {"af11", 10},        {"af12", 12},   {"af13", 14}, {"cs2", 16},
	{"af21", 18},    {"af22", 20},        {"af23", 22},   {"cs3", 24},  {"af31", 26},
	{"af32", 28},    {"af33", 30},        {"cs4", 32},    {"af41", 34}, {"af42", 36},
	{"af43", 38},    {"cs5", 40},         {"va", 44},     {"ef", 46},   {"cs6", 48},
	{"cs7", 56},
};

enum { NAMES = sizeof(names) / sizeof(names[0]) };

bool dscp_parse(const char *text, uint8_t *dscp)
{
	unsigned long number;

	for (size_t i = 0; i < NAMES; i++) {
		if (strcasecmp(text, names[i].name) == 0) {
			*dscp = names[i].dscp;
			return true;
		}
	}
	if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 2)
		return false;
	number = strtoul(text, NULL, 10);
	if (number > DSCP_MAX)
		return false;
	*dscp = (uint8_t)number;
	return true;
}

const char *dscp_format(uint8_t dscp, char buffer[DSCP_TEXT_LEN])
{
	assert(dscp <= DSCP_NONE);
	for (size_t i = 0; i < NAMES; i++) {
		if (dscp == names[i].dscp) {
			snprintf(buffer, DSCP_TEXT_LEN, "%s", names[i].name);
			return buffer;
		}
	}
	snprintf(buffer, DSCP_TEXT_LEN, "%u", (unsigned)dscp);
	return buffer;
}
