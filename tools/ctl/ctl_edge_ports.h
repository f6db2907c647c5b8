/*
 * ctl_edge_ports.h - what every port of an Edge server is for, whoever serves it.
 */
#ifndef TOOLS_CTL_CTL_EDGE_PORTS_H
#define TOOLS_CTL_CTL_EDGE_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct edge_port {
	uint16_t first, last;
	const char *side;      /* "inside", "outside", "both" */
	const char *protocol;  /* of transport: "tcp", "udp" */
	const char *service;   /* the role of the Edge server */
	const char *direction; /* of who opens: "in", "out", "both" */
	const char *served_by; /* a program of ours; NULL: avedge does not replace it */
	const char *purpose;   /* a sentence */
};

/* In order of ports; constant. */
extern const struct edge_port edge_ports[];
extern const size_t edge_port_count;

bool edge_port_covers(const struct edge_port *row, uint16_t port);

#endif
