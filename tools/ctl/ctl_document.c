/*
 * ctl_document.c - commands that fetch one document and show it.
 */
#include "tools/ctl/ctl_document.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_command.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_table.h"
#include "tools/ctl/ctl_text.h"

int ctl_show_document(const struct ctl_args *args, const struct ctl_daemon *daemon,
		      const char *path,
		      int (*print)(const struct ctl_args *args, json_t *document))
{
	json_t *document;
	int status;

	if (!path)
		return ctl_fail("out of memory");
	status = ctl_ask(daemon, "GET", path, NULL, &document, NULL);
	if (status != CTL_OK)
		return status;
	if (ctl_has(args, OPTION_JSON))
		return ctl_print_json(document);
	status = print(args, document);
	json_decref(document);
	return status;
}

void ctl_print_line(const char *name, const json_t *object, const char *member)
{
	char cell[CTL_CELL_MAX];

	if (json_object_get(object, member))
		printf("%-15s %s\n", name, ctl_member(object, member, cell));
}

/* A value of the configuration; lists as they are written there. */
static const char *value_text(const json_t *value, char buf[CTL_CELL_MAX])
{
	char *text = NULL;

	if (json_is_string(value))
		return ctl_clean(json_string_value(value), buf, CTL_CELL_MAX);
	if (value)
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	ctl_clean(text && !json_is_null(value) ? text : "-", buf, CTL_CELL_MAX);
	free(text);
	return buf;
}

int ctl_print_configuration(const struct ctl_args *args, json_t *document)
{
	static const char *const headings[] = {"<KEY", "<VALUE", "<DEFAULT", "<RELOAD",
					       NULL};
	struct ctl_table *table = ctl_table_new(headings);
	const json_t *keys = json_object_get(document, "keys");
	const json_t *row;
	char cell[CTL_CELL_MAX];
	size_t i;

	json_array_foreach(keys, i, row)
	{
		const json_t *value = json_object_get(row, "value");
		const json_t *fallback = json_object_get(row, "default");

		if (!table ||
		    (!ctl_has(args, OPTION_ALL_KEYS) && json_equal(value, fallback)))
			continue;
		ctl_table_add(table, ctl_member(row, "key", cell));
		ctl_table_add(table, value_text(value, cell));
		ctl_table_add(table, value_text(fallback, cell));
		ctl_table_add(table, ctl_member(row, "reload", cell));
	}
	return ctl_table_finish(table);
}

void ctl_print_drain(const json_t *drain)
{
	char since[CTL_CELL_MAX], deadline[CTL_CELL_MAX];

	if (!json_is_object(drain))
		return;
	printf("draining        since %s, until %s: %" PRId64 " of %" PRId64
	       " allocations left\n",
	       ctl_member(drain, "since", since),
	       json_is_string(json_object_get(drain, "deadline"))
		       ? ctl_member(drain, "deadline", deadline)
		       : "the last one ends",
	       ctl_integer(drain, "remaining"), ctl_integer(drain, "began_with"));
}

void ctl_print_uptime(const json_t *status)
{
	int64_t s = ctl_integer(status, "uptime_s");

	if (json_object_get(status, "uptime_s"))
		printf("up              %" PRId64 "d %02d:%02d:%02d\n", s / 86400,
		       (int)(s / 3600 % 24), (int)(s / 60 % 60), (int)(s % 60));
}

static void print_reload(const json_t *reload)
{
	char at[CTL_CELL_MAX], result[CTL_CELL_MAX], detail[CTL_CELL_MAX];

	if (!json_is_object(reload))
		return;
	ctl_member(reload, "error", detail);
	printf("last reload     %s, %s%s%s\n", ctl_member(reload, "at", at),
	       ctl_member(reload, "result", result), strcmp(detail, "-") != 0 ? ": " : "",
	       strcmp(detail, "-") != 0 ? detail : "");
}

/* A certificate, keyring or list of either daemon. What it is about may tell of its end. */
static void print_file(const json_t *file)
{
	char key[CTL_CELL_MAX], path[CTL_CELL_MAX], about[CTL_CELL_MAX],
		until[CTL_CELL_MAX];

	ctl_member(file, "about", about);
	ctl_member(file, "not_after", until);
	printf("%-15s %s", ctl_member(file, "key", key), ctl_member(file, "path", path));
	if (strcmp(about, "-") != 0)
		printf(": %s", about);
	if (strcmp(until, "-") != 0 && !strstr(about, until))
		printf(", until %s", until);
	putchar('\n');
}

/* A key of the keyring and what it is good for now. */
static void print_key(const json_t *key)
{
	char id[CTL_CELL_MAX], state[CTL_CELL_MAX], from[CTL_CELL_MAX],
		until[CTL_CELL_MAX];

	ctl_member(key, "state", state);
	ctl_member(key, "not_before", from);
	ctl_member(key, "not_after", until);
	printf("key             %s: %s", ctl_member(key, "id", id), state);
	if (strcmp(state, "future") == 0)
		printf(", from %s", from);
	if (strcmp(until, "-") != 0)
		printf(", until %s", until);
	putchar('\n');
}

void ctl_print_upkeep(const json_t *status)
{
	const json_t *file, *key;
	size_t i;

	ctl_print_line("generation", status, "generation");
	ctl_print_line("certificate to", status, "tls_not_after");
	json_array_foreach(json_object_get(status, "keys"), i, key) print_key(key);
	json_array_foreach(json_object_get(status, "files"), i, file) print_file(file);
	print_reload(json_object_get(status, "reload"));
}
