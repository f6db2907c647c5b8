/*
 * ctl_allocation.c - avedgectl allocations, kill: list allocations and end them.
 */
#include "tools/ctl/ctl_allocation.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_command.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_document.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_table.h"
#include "tools/ctl/ctl_text.h"

static const char *age(const json_t *row, const char *name, char buf[CTL_CELL_MAX])
{
	char figure[CTL_FIGURE_MAX];

	if (!json_object_get(row, name))
		return "-";
	snprintf(buf, CTL_CELL_MAX, "%s",
		 ctl_age_text(ctl_integer(row, name) / 1000, figure));
	return buf;
}

static void add_row(struct ctl_table *table, const json_t *row)
{
	static const char *const names[] = {
		"id", "user", "side", "transport", "client", "relayed", "relay_transport",
		NULL};
	static const char *const more[] = {"permissions", "channels", NULL};
	static const char *const bytes[] = {"bytes", NULL};
	char cell[CTL_CELL_MAX];

	ctl_table_add_members(table, row, names);
	ctl_table_add(table, age(row, "age_ms", cell));
	ctl_table_add(table, age(row, "expires_in_ms", cell));
	ctl_table_add_members(table, row, more);
	ctl_table_add_members(table, json_object_get(row, "to_peer"), bytes);
	ctl_table_add_members(table, json_object_get(row, "to_client"), bytes);
}

static int print_rows(const struct ctl_args *args, json_t *document)
{
	static const char *const headings[] = {"<ID",        "<USER",     "<SIDE",
					       "<TRANSPORT", "<CLIENT",   "<RELAYED",
					       "<VIA",       ">AGE",      ">EXPIRES IN",
					       ">PERMS",     ">CHANNELS", ">TO PEER",
					       ">TO CLIENT", NULL};
	struct ctl_table *table = ctl_table_new(headings);
	const json_t *row;
	size_t i;

	(void)args;
	json_array_foreach(json_object_get(document, "allocations"), i, row)
	{
		if (table)
			add_row(table, row);
	}
	return ctl_table_finish(table);
}

static char *rows_path(const struct ctl_args *args)
{
	const struct ctl_pair pairs[] = {
		{"user", args->values[OPTION_USER]},
		{"side", args->values[OPTION_SIDE]},
		{"dialect", args->values[OPTION_DIALECT]},
		{"transport", args->values[OPTION_TRANSPORT]},
		{"relay_transport", args->values[OPTION_RELAY_TRANSPORT]},
		{"client", args->values[OPTION_CLIENT]},
		{"peer", args->values[OPTION_PEER]},
		{"key_id", args->values[OPTION_KEY]},
		{"sort", args->values[OPTION_SORT]},
		{"limit", args->values[OPTION_LIMIT]},
		{NULL, NULL},
	};

	return ctl_query("/v1/allocations", pairs);
}

/* On a terminal each table replaces the last; in a file they follow each other. */
static int watch(const struct ctl_args *args, const struct ctl_daemon *daemon,
		 const char *path)
{
	unsigned pause_s = (unsigned)ctl_number(args, OPTION_WATCH, 0);
	bool terminal = isatty(STDOUT_FILENO) && !ctl_has(args, OPTION_JSON);
	int status;

	for (;;) {
		if (terminal)
			fputs("\033[H\033[2J", stdout);
		status = ctl_show_document(args, daemon, path, print_rows);
		if (status != CTL_OK)
			return status;
		if (!terminal && !ctl_has(args, OPTION_JSON))
			putchar('\n');
		/* The reader has gone. */
		if (fflush(stdout) != 0)
			return CTL_FAILED;
		sleep(pause_s);
	}
}

int ctl_allocations(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_relay_of(args);
	char *path = rows_path(args);
	int status;

	if (path && ctl_has(args, OPTION_WATCH))
		status = watch(args, &daemon, path);
	else
		status = ctl_show_document(args, &daemon, path, print_rows);
	free(path);
	return status;
}

static bool is_hex(const char *text)
{
	return *text != '\0' && text[strspn(text, "0123456789abcdefABCDEF")] == '\0' &&
	       strlen(text) <= CTL_ID_LEN;
}

int ctl_allocation_id(const struct ctl_daemon *daemon, const char *prefix,
		      char id[CTL_ID_LEN + 1])
{
	size_t found = 0, len = strlen(prefix), i;
	const json_t *row;
	json_t *document;
	int status;

	if (!is_hex(prefix))
		return ctl_fail(
			"'%s' is not an id: expected up to 16 hexadecimal digits, as "
			"'avedgectl allocations' shows",
			prefix);
	for (i = 0; i <= len; i++)
		id[i] = (char)tolower((unsigned char)prefix[i]);
	if (len == CTL_ID_LEN)
		return CTL_OK;
	status = ctl_ask(daemon, "GET", "/v1/allocations", NULL, &document, NULL);
	if (status != CTL_OK)
		return status;
	json_array_foreach(json_object_get(document, "allocations"), i, row)
	{
		const char *other = json_string_value(json_object_get(row, "id"));

		if (!other || strlen(other) != CTL_ID_LEN || strncmp(other, id, len) != 0)
			continue;
		if (found++ == 0)
			memcpy(id + len, other + len, CTL_ID_LEN + 1 - len);
	}
	json_decref(document);
	if (found == 1)
		return CTL_OK;
	if (found == 0) {
		ctl_fail("no allocation matches %s", prefix);
		return CTL_NOT_FOUND;
	}
	return ctl_fail("%s is ambiguous: %zu allocations; give more digits", prefix,
			found);
}

static int kill_at(const struct ctl_args *args, const struct ctl_daemon *daemon,
		   const char *path)
{
	json_t *answer;
	int status;

	if (!path)
		return ctl_fail("out of memory");
	status = ctl_ask(daemon, "DELETE", path, NULL, &answer, NULL);
	if (status != CTL_OK)
		return status;
	if (ctl_has(args, OPTION_JSON))
		return ctl_print_json(answer);

	int64_t ended = ctl_integer(answer, "ended");
	printf("%" PRId64 " allocation%s ended\n", ended, ended == 1 ? "" : "s");
	json_decref(answer);
	return CTL_OK;
}

int ctl_kill(const struct ctl_args *args)
{
	const char *user = args->values[OPTION_KILL_USER];
	const char *key = args->values[OPTION_KILL_KEY];
	const struct ctl_pair pairs[] = {{"user", user}, {"key_id", key}, {NULL, NULL}};
	struct ctl_daemon daemon = ctl_relay_of(args);
	char id[CTL_ID_LEN + 1];
	char *path;
	int status;

	if ((user != NULL) + (key != NULL) + args->operand_count != 1)
		return ctl_usage(args->name, "expected one of ID, --user and --key");
	if (args->operand_count == 1) {
		status = ctl_allocation_id(&daemon, args->operands[0], id);
		if (status != CTL_OK)
			return status;
		path = ctl_segment("/v1/allocations", id, "");
	} else {
		path = ctl_query("/v1/allocations", pairs);
	}
	status = kill_at(args, &daemon, path);
	free(path);
	return status;
}
