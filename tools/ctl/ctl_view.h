/*
 * ctl_view.h - JSON as text on stdout: templates and tables.
 */
#ifndef TOOLS_CTL_CTL_VIEW_H
#define TOOLS_CTL_CTL_VIEW_H

#include <jansson.h>

#include "tools/ctl/ctl_text.h"

/*
 * A member as a cleaned text: as ctl_member(), but numbers in the unit that the end of the name
 * tells, _ms, _s, _bps or _pps. Returns buf.
 */
const char *ctl_cell(const json_t *object, const char *name, char buf[CTL_CELL_MAX]);

/*
 * Print a template: "{member}" stands for a cell, "{outer.member}" for one of a member. A part in
 * brackets is left out if one of its members is missing or null.
 */
void ctl_print(const json_t *object, const char *format);

/* A title, and the names in a list, as "realm, workers". Nothing if there are none. */
void ctl_print_names(const char *title, const json_t *names);

struct ctl_column {
	const char *heading; /* starts with '<' or '>', for left or right */
	const char *path;    /* of the cell, as in a template */
};

/*
 * A row, and the heading above it, of a table that goes on: columns are as wide as they are told,
 * or as the cell where that is wider. widths: one for each column.
 */
void ctl_print_row(const struct ctl_column *columns, const size_t *widths,
		   const json_t *row);
void ctl_print_heading(const struct ctl_column *columns, const size_t *widths);

/* As wide as the widest cells. The columns end with a NULL heading; rows is an array or NULL. */
void ctl_print_table(const struct ctl_column *columns, const json_t *rows);

#endif
