/*
 * ctl_table.c - columns of text, as wide as their widest cell.
 */
#include "tools/ctl/ctl_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_text.h"

struct ctl_table {
	const char *const *headings;
	size_t columns;
	char **cells;
	size_t count;
	size_t room;
	bool failed;
};

struct ctl_table *ctl_table_new(const char *const *headings)
{
	struct ctl_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->headings = headings;
	while (headings[table->columns])
		table->columns++;
	return table;
}

static void table_free(struct ctl_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
}

static bool grow(struct ctl_table *table)
{
	size_t room = table->room ? table->room * 2 : 64;
	char **cells = reallocarray(table->cells, room, sizeof(*cells));

	if (!cells)
		return false;
	table->cells = cells;
	table->room = room;
	return true;
}

void ctl_table_add(struct ctl_table *table, const char *text)
{
	char *copy = NULL;

	if (table->failed)
		return;
	if (table->count < table->room || grow(table))
		copy = strdup(text);
	if (copy)
		table->cells[table->count++] = copy;
	else
		table->failed = true;
}

static size_t width(const struct ctl_table *table, size_t column)
{
	size_t widest = strlen(table->headings[column] + 1);

	for (size_t i = column; i < table->count; i += table->columns) {
		size_t len = ctl_columns(table->cells[i]);

		if (len > widest)
			widest = len;
	}
	return widest;
}

static void print_cell(const struct ctl_table *table, size_t column, size_t wide,
		       const char *text)
{
	bool is_last = column + 1 == table->columns;
	size_t columns = ctl_columns(text);
	int pad = columns < wide ? (int)(wide - columns) : 0;

	if (*table->headings[column] == '>')
		printf("%*s%s%s", pad, "", text, is_last ? "\n" : "  ");
	else if (is_last)
		printf("%s\n", text);
	else
		printf("%s%*s  ", text, pad, "");
}

/* False if a cell was lost for want of memory. */
static bool print_table(const struct ctl_table *table)
{
	size_t *widths = calloc(table->columns, sizeof(*widths));

	if (!widths || table->failed) {
		free(widths);
		return false;
	}
	for (size_t i = 0; i < table->columns; i++)
		widths[i] = width(table, i);
	for (size_t i = 0; i < table->columns; i++)
		print_cell(table, i, widths[i], table->headings[i] + 1);
	for (size_t i = 0; i < table->count; i++)
		print_cell(table, i % table->columns, widths[i % table->columns],
			   table->cells[i]);
	free(widths);
	return true;
}

void ctl_table_add_members(struct ctl_table *table, const json_t *object,
			   const char *const *names)
{
	char cell[CTL_CELL_MAX];

	for (; *names; names++)
		ctl_table_add(table, ctl_member(object, *names, cell));
}

int ctl_table_finish(struct ctl_table *table)
{
	bool ok = table && print_table(table);

	table_free(table);
	return ok ? CTL_OK : ctl_fail("out of memory.");
}
