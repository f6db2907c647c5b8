/*
 * ctl_relay_text.c - what the control interface answers, as text for people.
 */
#include <stdio.h>
#include <string.h>

#include "tools/ctl_relay.h"
#include "tools/ctl_table.h"

enum {
	CELL_MAX = 256,
	NAME_MAX_LEN = 128,
	DEPTH_MAX = 8, /* of nested counters; what is deeper is none of ours */
};

/* A member as text. */
static const char *member(const json_t *object, const char *name, char cell[CELL_MAX])
{
	const json_t *value = json_object_get(object, name);

	if (json_is_string(value))
		snprintf(cell, CELL_MAX, "%s", json_string_value(value));
	else if (json_is_integer(value))
		snprintf(cell, CELL_MAX, "%" JSON_INTEGER_FORMAT,
			 json_integer_value(value));
	else
		snprintf(cell, CELL_MAX, "-");
	return cell;
}

static bool print_and_free(struct ctl_table *table)
{
	bool ok = ctl_table_print(table);

	ctl_table_free(table);
	return ok;
}

/* One row for each element of the array, one cell for each name. */
static bool print_rows(const json_t *array, const char *const *headings,
		       const char *const *names)
{
	struct ctl_table *table = ctl_table_new(headings);
	char cell[CELL_MAX];
	const json_t *row;
	size_t i;

	if (!table)
		return false;
	json_array_foreach(array, i, row)
	{
		for (const char *const *name = names; *name; name++)
			ctl_table_add(table, member(row, *name, cell));
	}
	return print_and_free(table);
}

/* Whether NAT stands between what is bound and what clients are told. */
static bool has_public(const json_t *rows)
{
	char bound[CELL_MAX];
	char public[CELL_MAX];
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		member(row, "address", bound);
		if (strcmp(member(row, "public_address", public), "-") != 0 &&
		    strcmp(bound, public) != 0)
			return true;
	}
	return false;
}

bool ctl_print_ports(json_t *document, bool all)
{
	static const char *const plain_headings[] = {
		"<SIDE", "<ADDRESS", "<PROTOCOL", ">PORT", "<SERVICE", "<PURPOSE", NULL};
	static const char *const plain[] = {"side",    "address", "protocol", "port",
					    "service", "purpose", NULL};
	static const char *const nat_headings[] = {"<SIDE",     "<ADDRESS", "<PUBLIC",
						   "<PROTOCOL", ">PORT",    "<SERVICE",
						   "<PURPOSE",  NULL};
	static const char *const nat[] = {"side", "address", "public_address", "protocol",
					  "port", "service", "purpose",        NULL};
	const json_t *rows = json_object_get(document, "ports");

	(void)all;
	return has_public(rows) ? print_rows(rows, nat_headings, nat)
				: print_rows(rows, plain_headings, plain);
}

static void print_pool(const json_t *pool)
{
	char address[CELL_MAX], public[CELL_MAX], first[CELL_MAX], last[CELL_MAX];
	char size[CELL_MAX], used[CELL_MAX], resting[CELL_MAX], protocol[CELL_MAX];

	member(pool, "address", address);
	member(pool, "public", public);
	printf("relay ports     %s", address);
	if (strcmp(public, "-") != 0 && strcmp(public, address) != 0)
		printf(" (public %s)", public);
	printf(" %s %s-%s: %s of %s used, %s resting\n",
	       member(pool, "protocol", protocol), member(pool, "first", first),
	       member(pool, "last", last), member(pool, "used", used),
	       member(pool, "size", size), member(pool, "resting", resting));
}

bool ctl_print_status(json_t *document, bool all)
{
	static const char *const rows[][2] = {
		{"version", "version"},
		{"process", "pid"},
		{"started", "started"},
		{"realm", "realm"},
		{"workers", "workers"},
		{"allocations", "allocations"},
		{"certificate to", "tls_not_after"},
	};
	const json_t *uptime = json_object_get(document, "uptime_s");
	const json_t *pool;
	const json_t *value;
	const char *name;
	char cell[CELL_MAX];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		printf("%-15s %s\n", rows[i][0], member(document, rows[i][1], cell));
	if (json_is_integer(uptime)) {
		json_int_t s = json_integer_value(uptime);

		printf("up              %" JSON_INTEGER_FORMAT "d %02d:%02d:%02d\n",
		       s / 86400, (int)(s / 3600 % 24), (int)(s / 60 % 60),
		       (int)(s % 60));
	}
	json_array_foreach(json_object_get(document, "ports"), i, pool) print_pool(pool);
	if (all) {
		json_t *limits = json_object_get(document, "limits");

		json_object_foreach(limits, name, value) printf(
			"limit           %s %s\n", name, member(limits, name, cell));
	}
	return true;
}

/* Add every number of a nested object as "outer.inner". */
static void add_counters(struct ctl_table *table, json_t *object, const char *prefix,
			 bool all, int depth)
{
	char name[NAME_MAX_LEN];
	char cell[CELL_MAX];
	const char *key;
	json_t *value;

	if (depth == DEPTH_MAX)
		return;
	json_object_foreach(object, key, value)
	{
		snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", key);
		if (json_is_object(value))
			add_counters(table, value, name, all, depth + 1);
		if (!json_is_integer(value) || (!all && json_integer_value(value) == 0))
			continue;
		ctl_table_add(table, name);
		ctl_table_add(table, member(object, key, cell));
	}
}

bool ctl_print_counters(json_t *document, bool all)
{
	static const char *const headings[] = {"<COUNTER", ">VALUE", NULL};
	struct ctl_table *table = ctl_table_new(headings);

	if (!table)
		return false;
	add_counters(table, document, "", all, 0);
	return print_and_free(table);
}

static const char *seconds(const json_t *row, const char *name, char cell[CELL_MAX])
{
	const json_t *value = json_object_get(row, name);

	if (!json_is_integer(value))
		return "-";
	snprintf(cell, CELL_MAX, "%" JSON_INTEGER_FORMAT "s",
		 json_integer_value(value) / 1000);
	return cell;
}

static void add_allocation(struct ctl_table *table, const json_t *row)
{
	static const char *const names[] = {"user", "side", "transport", "client",
					    "relayed"};
	char cell[CELL_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ctl_table_add(table, member(row, names[i], cell));
	ctl_table_add(table, seconds(row, "age_ms", cell));
	ctl_table_add(table, seconds(row, "expires_in_ms", cell));
	ctl_table_add(table, member(row, "permissions", cell));
	ctl_table_add(table, member(row, "channels", cell));
	ctl_table_add(table, member(json_object_get(row, "to_peer"), "bytes", cell));
	ctl_table_add(table, member(json_object_get(row, "to_client"), "bytes", cell));
}

bool ctl_print_allocations(json_t *document, bool all)
{
	static const char *const headings[] = {"<USER",       "<SIDE",      "<TRANSPORT",
					       "<CLIENT",     "<RELAYED",   ">AGE",
					       ">EXPIRES IN", ">PERMS",     ">CHANNELS",
					       ">TO PEER",    ">TO CLIENT", NULL};
	struct ctl_table *table = ctl_table_new(headings);
	const json_t *row;
	size_t i;

	(void)all;
	if (!table)
		return false;
	json_array_foreach(json_object_get(document, "allocations"), i, row)
		add_allocation(table, row);
	return print_and_free(table);
}
