/*
 * ctl_table.h - columns of text, as wide as their widest cell.
 */
#ifndef TOOLS_CTL_CTL_TABLE_H
#define TOOLS_CTL_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

struct ctl_table;

/* Headings with a '<' in front stand left, with a '>' right; NULL-terminated. */
struct ctl_table *ctl_table_new(const char *const *headings);

/*
 * The next cell, row by row; copied; cleaned by the caller (ctl_clean()). What does not fit into
 * memory is missing at printing.
 */
void ctl_table_add(struct ctl_table *table, const char *text);

/* A row of members of an object; names is NULL-terminated, as many as there are columns. */
void ctl_table_add_members(struct ctl_table *table, const json_t *object,
			   const char *const *names);

/* Print to stdout and free; an exit code, after a complaint. table NULL counts as out of memory. */
int ctl_table_finish(struct ctl_table *table);

#endif
