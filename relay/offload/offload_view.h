/*
 * offload_view.h - the kernel plane as it is shown to people (offload.h), and the words for it.
 *
 * Threads  any.
 */
#ifndef RELAY_OFFLOAD_OFFLOAD_VIEW_H
#define RELAY_OFFLOAD_OFFLOAD_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "relay/offload/flow_table.h"
#include "relay/offload/offload_wanted.h"

struct offload_device {
	char name[16];
	const char *program;       /* "tcx", "clsact", "xdp"; NULL: it has none */
	char why[OFFLOAD_WHY_MAX]; /* it has none because */
};

struct offload_view {
	bool is_on;         /* at least one device has a program */
	bool is_turned_off; /* by offload_turn() */
	/* A side says tc or xdp, and it is not on, or a device of that side has no program. */
	bool is_missed;
	char why[OFFLOAD_WHY_MAX]; /* it is not on, a sentence with what to do */
	char socket[OFFLOAD_PATH_MAX];
	enum offload_mode modes[SIDE_COUNT];
	struct offload_device devices[OFFLOAD_DEVICES_MAX];
	size_t device_count;
	size_t flows, flows_max; /* in force, and for how many there is room */
	size_t hops;             /* pairs of addresses */
	struct flow_sums counts;
};

const char *offload_mode_name(enum offload_mode mode); /* as in the configuration */
const char *offload_up_name(enum flow_up reason);      /* "no-flow" */
const char *offload_up_text(enum flow_up reason);

/* "on", "off", or "turned off". */
const char *offload_view_state(const struct offload_view *view);

#endif
