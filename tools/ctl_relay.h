/*
 * ctl_relay.h - what the control interface answers, as text for people.
 */
#ifndef TOOLS_CTL_RELAY_H
#define TOOLS_CTL_RELAY_H

#include <stdbool.h>

#include <jansson.h>

/*
 * Print one document, which stays as it is, to stdout. Members that are missing show as "-", so that an avedgectl
 * and a relay of different ages understand each other. all: also the limits of the status and
 * counters that are 0. False for want of memory.
 */
bool ctl_print_status(json_t *document, bool all);
bool ctl_print_ports(json_t *document, bool all);
bool ctl_print_counters(json_t *document, bool all);
bool ctl_print_allocations(json_t *document, bool all);

#endif
