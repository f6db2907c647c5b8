/*
 * import_ports.h - the ports that clients of a coturn reach, as those of the sides.
 */
#ifndef TOOLS_IMPORT_IMPORT_PORTS_H
#define TOOLS_IMPORT_IMPORT_PORTS_H

#include <stdint.h>
#include <stdio.h>

struct import_conf;
struct import_plan;

enum { IMPORT_PORTS_MAX = 8 }; /* of one side and transport */

struct import_ports {
	uint16_t list[IMPORT_PORTS_MAX];
	size_t count;
};

struct import_side_ports {
	struct import_ports udp, tcp;
};

/* Of the inside and of the outside; what could not be converted is noted in conf. */
void import_ports_find(struct import_conf *conf, const struct import_plan *plan,
		       struct import_side_ports sides[2]);

/* "key = {1, 2}" on a line of a block. */
void import_ports_write(const char *key, const struct import_ports *ports, FILE *out);

#endif
