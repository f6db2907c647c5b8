/*
 * ctl_relay.c - avedgectl status, counters, limits, configuration: the state of a running
 * relay.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_command.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_document.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_table.h"
#include "tools/ctl/ctl_text.h"

enum {
	NAME_SIZE = 256,
	DEPTH_MAX = 8, /* of nested counters; ours are not deeper */
};

static void print_pool(const json_t *pool)
{
	char address[CTL_CELL_MAX], public[CTL_CELL_MAX], protocol[CTL_CELL_MAX];

	ctl_member(pool, "address", address);
	ctl_member(pool, "public", public);
	printf("relay ports     %s", address);
	if (strcmp(public, "-") != 0 && strcmp(public, address) != 0)
		printf(" (public %s)", public);
	printf(" %s %" PRId64 "-%" PRId64 ": %" PRId64 " of %" PRId64 " used, %" PRId64
	       " resting\n",
	       ctl_member(pool, "protocol", protocol), ctl_integer(pool, "first"),
	       ctl_integer(pool, "last"), ctl_integer(pool, "used"),
	       ctl_integer(pool, "size"), ctl_integer(pool, "resting"));
}

static int print_status(const struct ctl_args *args, json_t *document)
{
	static const char *const rows[][2] = {
		{"version", "version"},
		{"process", "pid"},
		{"state", "state"},
		{"started", "started"},
		{"realm", "realm"},
		{"workers", "workers"},
		{"allocations", "allocations"},
	};
	json_t *limits = json_object_get(document, "limits"), *value;
	const json_t *pool;
	const char *name;
	char cell[CTL_CELL_MAX];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ctl_print_line(rows[i][0], document, rows[i][1]);
	ctl_print_uptime(document);
	ctl_print_drain(json_object_get(document, "drain"));
	ctl_print_upkeep(document);
	json_array_foreach(json_object_get(document, "ports"), i, pool) print_pool(pool);
	if (!ctl_has(args, OPTION_ALL_LIMITS))
		return CTL_OK;
	json_object_foreach(limits, name, value)
	{
		printf("limit           %s", ctl_clean(name, cell, sizeof(cell)));
		printf(" %s\n", ctl_member(limits, name, cell));
	}
	return CTL_OK;
}

int ctl_status(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_relay_of(args);

	return ctl_show_document(args, &daemon, "/v1/status", print_status);
}

/* Add every number of a nested object as "outer.inner". */
static void add_counters(struct ctl_table *table, json_t *object, const char *prefix,
			 bool all, int depth)
{
	char name[NAME_SIZE], cell[CTL_CELL_MAX];
	const char *key;
	json_t *value;

	if (depth == DEPTH_MAX)
		return;
	json_object_foreach(object, key, value)
	{
		snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "",
			 ctl_clean(key, cell, sizeof(cell)));
		if (json_is_object(value))
			add_counters(table, value, name, all, depth + 1);
		if (!json_is_number(value) || (!all && json_number_value(value) == 0))
			continue;
		ctl_table_add(table, name);
		ctl_table_add(table, ctl_member(object, key, cell));
	}
}

static int print_counters(const struct ctl_args *args, json_t *document)
{
	static const char *const headings[] = {"<COUNTER", ">VALUE", NULL};
	struct ctl_table *table = ctl_table_new(headings);

	if (table)
		add_counters(table, document, "", ctl_has(args, OPTION_ALL_COUNTERS), 0);
	return ctl_table_finish(table);
}

int ctl_counters(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_relay_of(args);

	return ctl_show_document(args, &daemon, "/v1/counters", print_counters);
}

/* A figure in the unit of its limit. */
static const char *figure_text(const json_t *row, const char *name, const char *unit,
			       char buf[CTL_CELL_MAX])
{
	char figure[CTL_FIGURE_MAX];
	const json_t *value = json_object_get(row, name);

	if (!json_is_number(value))
		return ctl_member(row, name, buf);
	if (strcmp(unit, "bps") == 0)
		snprintf(buf, CTL_CELL_MAX, "%s",
			 ctl_rate_text(json_number_value(value), figure));
	else
		ctl_member(row, name, buf);
	return buf;
}

static int print_limit_rows(const json_t *rows)
{
	static const char *const headings[] = {"<NAME",  ">USED", ">PEAK",
					       ">LIMIT", "<UNIT", NULL};
	struct ctl_table *table = ctl_table_new(headings);
	char unit[CTL_CELL_MAX], cell[CTL_CELL_MAX];
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		if (!table)
			break;
		ctl_member(row, "unit", unit);
		ctl_table_add(table, ctl_member(row, "name", cell));
		ctl_table_add(table, figure_text(row, "used", unit, cell));
		ctl_table_add(table, figure_text(row, "peak", unit, cell));
		ctl_table_add(table, json_is_null(json_object_get(row, "limit"))
					     ? "none"
					     : figure_text(row, "limit", unit, cell));
		/* Rates carry their unit in each figure. */
		ctl_table_add(table, strcmp(unit, "bps") == 0 ? "" : unit);
	}
	return ctl_table_finish(table);
}

/* The top users, or address prefixes. */
static int print_top_allocations(const char *const *headings, const char *name,
				 const json_t *rows)
{
	struct ctl_table *table;
	char cell[CTL_CELL_MAX];
	const json_t *row;
	size_t i;

	if (json_array_size(rows) == 0)
		return CTL_OK;
	putchar('\n');
	table = ctl_table_new(headings);
	json_array_foreach(rows, i, row)
	{
		if (!table)
			break;
		ctl_table_add(table, ctl_member(row, name, cell));
		ctl_table_add(table, ctl_member(row, "allocations", cell));
		ctl_table_add(table, figure_text(row, "rate_bps", "bps", cell));
	}
	return ctl_table_finish(table);
}

static int print_limits(const struct ctl_args *args, json_t *document)
{
	static const char *const users[] = {"<TOP USERS", ">ALLOCATIONS", ">RATE", NULL};
	static const char *const prefixes[] = {"<TOP PREFIXES", ">ALLOCATIONS", ">RATE",
					       NULL};
	int status = print_limit_rows(json_object_get(document, "limits"));

	(void)args;
	if (status == CTL_OK)
		status = print_top_allocations(users, "user",
					       json_object_get(document, "users"));
	if (status == CTL_OK)
		status = print_top_allocations(prefixes, "prefix",
					       json_object_get(document, "prefixes"));
	return status;
}

int ctl_limits(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_relay_of(args);

	return ctl_show_document(args, &daemon, "/v1/limits", print_limits);
}

int ctl_configuration(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_relay_of(args);

	return ctl_show_document(args, &daemon, "/v1/configuration",
				 ctl_print_configuration);
}
