/*
 * ctl_view.c - JSON as text on stdout.
 */
#include "tools/ctl/ctl_view.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS_MAX = 16, PATH_MAX_LEN = 48 };

const char *ctl_cell(const json_t *object, const char *name, char buf[CTL_CELL_MAX])
{
	const json_t *value = json_object_get(object, name);
	const char *unit = strrchr(name, '_');
	double number = json_number_value(value);
	char figure[CTL_FIGURE_MAX];

	if (!json_is_number(value) || !unit)
		return ctl_member(object, name, buf);
	if (strcmp(unit, "_ms") == 0)
		return strcpy(buf, ctl_age_text((int64_t)(number / 1000), figure));
	if (strcmp(unit, "_s") == 0)
		return strcpy(buf, ctl_age_text((int64_t)number, figure));
	if (strcmp(unit, "_bps") == 0)
		return strcpy(buf, ctl_rate_text(number, figure));
	if (strcmp(unit, "_pps") == 0) {
		snprintf(buf, CTL_CELL_MAX, "%s packets/s",
			 ctl_count_text(number, figure));
		return buf;
	}
	return ctl_member(object, name, buf);
}

/* The object that holds the last name of a path, and that name. */
static const json_t *holder_of(const json_t *object, const char **path)
{
	char name[PATH_MAX_LEN];
	const char *dot;

	while ((dot = strchr(*path, '.'))) {
		assert(dot - *path < PATH_MAX_LEN);
		snprintf(name, sizeof(name), "%.*s", (int)(dot - *path), *path);
		object = json_object_get(object, name);
		*path = dot + 1;
	}
	return object;
}

static const char *cell_at(const json_t *object, const char *path, char buf[CTL_CELL_MAX])
{
	object = holder_of(object, &path);
	return ctl_cell(object, path, buf);
}

/* Whether every member of a part of a template is there; prints the part if told to. */
static bool part(const json_t *object, const char *from, const char *end, bool print)
{
	char path[PATH_MAX_LEN], cell[CTL_CELL_MAX];

	for (; from < end; from++) {
		const char *close = memchr(from, '}', (size_t)(end - from));
		const char *name = path;

		if (*from != '{') {
			if (print)
				putchar(*from);
			continue;
		}
		assert(close && close - from < PATH_MAX_LEN);
		snprintf(path, sizeof(path), "%.*s", (int)(close - from - 1), from + 1);
		if (print) {
			fputs(cell_at(object, path, cell), stdout);
		} else {
			const json_t *holder = holder_of(object, &name);
			const json_t *value = json_object_get(holder, name);

			if (!value || json_is_null(value))
				return false;
		}
		from = close;
	}
	return true;
}

void ctl_print(const json_t *object, const char *format)
{
	while (*format) {
		bool optional = *format == '[';
		const char *from = format + optional;
		const char *end = from + strcspn(from, optional ? "]" : "[");

		assert(!optional || *end == ']');
		if (!optional || part(object, from, end, false))
			part(object, from, end, true);
		format = end + optional;
	}
}

static void print_cell(const struct ctl_column *column, size_t width, const char *text)
{
	const char *end = column[1].heading ? "  " : "\n";
	size_t columns = ctl_columns(text);
	int pad = columns < width ? (int)(width - columns) : 0;

	if (*column->heading == '>')
		printf("%*s%s%s", pad, "", text, end);
	else
		printf("%s%*s%s", text, column[1].heading ? pad : 0, "", end);
}

void ctl_print_names(const char *title, const json_t *names)
{
	char buf[CTL_CELL_MAX];
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		const char *text = json_string_value(name);

		printf("%s%s", i == 0 ? title : ", ",
		       ctl_clean(text ? text : "-", buf, sizeof(buf)));
	}
	if (json_array_size(names) > 0)
		putchar('\n');
}

void ctl_print_heading(const struct ctl_column *columns, const size_t *widths)
{
	for (; columns->heading; columns++)
		print_cell(columns, *widths++, columns->heading + 1);
}

void ctl_print_row(const struct ctl_column *columns, const size_t *widths,
		   const json_t *row)
{
	char buf[CTL_CELL_MAX];

	for (; columns->heading; columns++)
		print_cell(columns, *widths++, cell_at(row, columns->path, buf));
}

void ctl_print_table(const struct ctl_column *columns, const json_t *rows)
{
	size_t widths[COLUMNS_MAX], count = 0;
	char buf[CTL_CELL_MAX];
	const json_t *row;
	size_t i;

	for (; columns[count].heading; count++) {
		assert(count < COLUMNS_MAX && strchr("<>", *columns[count].heading));
		widths[count] = strlen(columns[count].heading + 1);
		json_array_foreach(rows, i, row)
		{
			size_t width =
				ctl_columns(cell_at(row, columns[count].path, buf));

			if (width > widths[count])
				widths[count] = width;
		}
	}
	ctl_print_heading(columns, widths);
	json_array_foreach(rows, i, row) ctl_print_row(columns, widths, row);
}
