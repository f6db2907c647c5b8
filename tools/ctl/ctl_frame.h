/*
 * ctl_frame.h - a snapshot of a running relay as lines of text: the part of avedgectl top that is
 * independent of a terminal.
 */
#ifndef TOOLS_CTL_CTL_FRAME_H
#define TOOLS_CTL_CTL_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

/* The answers of the relay at one time. Rates are differences of two samples. */
struct ctl_sample {
	json_t *status, *counters, *allocations; /* NULL: unknown */
	int64_t at_ms;                           /* monotonic */
};

/* Take over the three documents, which may be NULL. */
void ctl_sample_set(struct ctl_sample *sample, json_t *status, json_t *counters,
		    json_t *allocations, int64_t at_ms);
void ctl_sample_clear(struct ctl_sample *sample);

struct ctl_frame {
	const struct ctl_sample *now, *before; /* before: may be empty */
	size_t columns, lines;                 /* of the terminal; at least 20 and 4 */
	size_t offset;                         /* first allocation to show */
	const char *order;   /* a value of the control interface's sort */
	const char *problem; /* why the figures are stale; NULL if they are not */
	const char *filter;  /* ", user alice" for the foot; "" for none */
	const char *prompt;  /* instead of the foot; NULL: nothing is being typed */
	bool help;           /* the keys instead of the allocations and figures */
	bool live; /* for a terminal: clear each line, fill all lines, use reverse video */
};

enum { CTL_FRAME_HEAD = 7 }; /* lines above the allocations, at least */

/* Rows of allocations that fit. */
size_t ctl_frame_rows(const struct ctl_frame *frame);
void ctl_frame_draw(const struct ctl_frame *frame, FILE *out);

#endif
