/*
 * ctl_allocation.c - avedgectl allocations, show, kill: list allocations, look at one, end them.
 */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_view.h"

enum { ID_LEN = 16 };

/* --- allocations ----------------------------------------------------------------------------- */

static void print_rows(const struct ctl_args *args, json_t *document)
{
	static const struct ctl_column columns[] = {
		{"<ID", "id"},
		{"<USER", "user"},
		{"<SIDE", "side"},
		{"<TRANSPORT", "transport"},
		{"<CLIENT", "client"},
		{"<RELAYED", "relayed"},
		{"<VIA", "relay_transport"},
		{">AGE", "age_ms"},
		{">EXPIRES IN", "expires_in_ms"},
		{">PERMS", "permissions"},
		{">CHANNELS", "channels"},
		{">TO PEER", "to_peer.bytes"},
		{">TO CLIENT", "to_client.bytes"},
		{NULL, NULL},
	};

	(void)args;
	ctl_print_table(columns, json_object_get(document, "allocations"));
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

	assert(pause_s > 0);
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
	struct ctl_daemon daemon = ctl_daemon_of(args);
	char *path = rows_path(args);
	int status = ctl_has(args, OPTION_WATCH)
			     ? watch(args, &daemon, path)
			     : ctl_show_document(args, &daemon, path, print_rows);

	free(path);
	return status;
}

/* --- one allocation -------------------------------------------------------------------------- */

/* Members with a title of their own; the rest is shown under its name. */
static const struct {
	const char *member;
	const char *title;
} rows[] = {
	{"id", "allocation"},
	{"user", "user"},
	{"key_id", "key"},
	{"dialect", "dialect"},
	{"stream_type", "stream type"},
	{"service_quality", "delivery"},
	{"side", "side"},
	{"client", "client"},
	{"via", "through"},
	{"moving_to", "moving to"},
	{"moving_over", "over"},
	{"front", "talks to"},
	{"transport", "over"},
	{"relayed", "relayed address"},
	{"relayed_local", "bound to"},
	{"second_relayed", "second address"},
	{"second_relayed_local", "bound to"},
	{"relay_transport", "relayed over"},
	{"active_destination", "destination"},
};

static bool has_row(const char *member)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].member, member) == 0)
			return true;
	}
	return false;
}

static void print_value(const char *name, const json_t *object)
{
	const json_t *value = json_object_get(object, name);
	char cell[CTL_CELL_MAX];

	if (json_is_integer(value) && strcmp(name, "number") == 0)
		printf("0x%04X", (unsigned)json_integer_value(value));
	else
		fputs(ctl_cell(object, name, cell), stdout);
}

/* "expires_in_ms" as "expires in", "permission_list" as "permission". */
static const char *title_of(const char *name, char title[CTL_CELL_MAX])
{
	static const char *const ends[] = {"_ms", "_s", "_bps", "_pps", "_list", NULL};
	char *end;

	ctl_clean(name, title, CTL_CELL_MAX);
	end = strrchr(title, '_');
	if (end && end > title && ctl_is_choice(ends, end))
		*end = '\0';
	for (char *p = title; *p; p++) {
		if (*p == '_')
			*p = ' ';
	}
	return title;
}

/* The values of a permission, channel or connection, in a line; each title once: "to peer A, B". */
static void print_item(json_t *item)
{
	char title[CTL_CELL_MAX], last[CTL_CELL_MAX] = "";
	const char *name, *gap = "";
	json_t *value;

	json_object_foreach(item, name, value)
	{
		if (json_is_object(value) || json_is_array(value) || json_is_null(value))
			continue;
		if (json_is_string(value))
			fputs(gap, stdout);
		else if (strcmp(title_of(name, title), last) == 0)
			fputs(", ", stdout);
		else
			printf("%s%s ", gap, strcpy(last, title));
		print_value(name, item);
		gap = "  ";
	}
}

static void print_list(const char *name, json_t *list)
{
	char title[CTL_CELL_MAX];
	json_t *item;
	size_t i;

	title_of(name, title);
	json_array_foreach(list, i, item)
	{
		printf("%-16s ", i == 0 ? title : "");
		if (json_is_object(item))
			print_item(item);
		else if (json_is_string(item))
			fputs(ctl_clean(json_string_value(item), title, sizeof(title)),
			      stdout);
		putchar('\n');
	}
}

static void print_row(const char *title, const char *name, json_t *document)
{
	json_t *value = json_object_get(document, name);

	printf("%-16s ", title);
	if (json_is_object(value))
		print_item(value);
	else
		print_value(name, document);
	putchar('\n');
}

static void print_allocation(const struct ctl_args *args, json_t *document)
{
	char title[CTL_CELL_MAX];
	const char *name;
	json_t *value;

	(void)args;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		value = json_object_get(document, rows[i].member);
		if (value && !json_is_null(value) && !json_is_object(value))
			print_row(rows[i].title, rows[i].member, document);
	}
	json_object_foreach(document, name, value)
	{
		if (json_is_null(value) || (has_row(name) && !json_is_object(value)))
			continue;
		if (json_is_array(value))
			print_list(name, value);
		else
			print_row(title_of(name, title), name, document);
	}
}

/*
 * Complete an id from its prefix, hexadecimal digits in any case. CTL_OK, or after a message
 * CTL_USAGE for anything else, CTL_NOT_FOUND if none matches and CTL_FAILED if several do.
 */
static int find_id(const struct ctl_args *args, const struct ctl_daemon *daemon,
		   const char *prefix, char id[ID_LEN + 1])
{
	size_t found = 0, len = strlen(prefix), i;
	const json_t *row;
	json_t *document;
	int status;

	if (len == 0 || len > ID_LEN ||
	    prefix[strspn(prefix, "0123456789abcdefABCDEF")] != '\0')
		return ctl_usage(
			args->name,
			"'%s' is not an id: expected up to 16 hexadecimal digits, as "
			"'avedgectl allocations' shows",
			prefix);
	for (i = 0; i <= len; i++)
		id[i] = (char)tolower((unsigned char)prefix[i]);
	if (len == ID_LEN)
		return CTL_OK;
	status = ctl_ask(daemon, "GET", "/v1/allocations", NULL, &document, NULL);
	if (status != CTL_OK)
		return status;
	json_array_foreach(json_object_get(document, "allocations"), i, row)
	{
		const char *other = json_string_value(json_object_get(row, "id"));

		if (!other || strlen(other) != ID_LEN || strncmp(other, id, len) != 0)
			continue;
		if (found++ == 0)
			memcpy(id + len, other + len, ID_LEN + 1 - len);
	}
	json_decref(document);
	if (found > 1)
		return ctl_fail("%s is ambiguous: %zu allocations; give more digits",
				prefix, found);
	if (found == 1) {
		assert(strlen(id) == ID_LEN);
		return CTL_OK;
	}
	ctl_fail("no allocation matches %s", prefix);
	return CTL_NOT_FOUND;
}

int ctl_show(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_daemon_of(args);
	char id[ID_LEN + 1];
	char *path;
	int status = find_id(args, &daemon, args->operands[0], id);

	if (status != CTL_OK)
		return status;
	path = ctl_segment("/v1/allocations", id, "");
	status = ctl_show_document(args, &daemon, path, print_allocation);
	free(path);
	return status;
}

/* --- kill ------------------------------------------------------------------------------------ */

/* what: the option that selects them, for the message that there are none. */
static int kill_at(const struct ctl_args *args, const struct ctl_daemon *daemon,
		   const char *path, const char *what)
{
	json_t *answer;
	int status = ctl_ask(daemon, "DELETE", path, NULL, &answer, NULL);

	if (status != CTL_OK)
		return status;
	/* An answer without the figure is that of another version: it did what it was told. */
	if (json_is_integer(json_object_get(answer, "ended")) &&
	    ctl_integer(answer, "ended") == 0)
		status = CTL_NOT_FOUND;
	if (ctl_has(args, OPTION_JSON))
		ctl_print_json(json_incref(answer));
	else if (status == CTL_OK)
		ctl_print(answer, ctl_integer(answer, "ended") == 1
					  ? "{ended} allocation ended\n"
					  : "{ended} allocations ended\n");
	if (status == CTL_NOT_FOUND)
		ctl_fail("no allocation matches %s; see 'avedgectl allocations'", what);
	json_decref(answer);
	return status;
}

int ctl_kill(const struct ctl_args *args)
{
	const char *user = ctl_value(args, OPTION_KILL_USER, NULL);
	const char *key = ctl_value(args, OPTION_KILL_KEY, NULL);
	const struct ctl_pair pairs[] = {{"user", user}, {"key_id", key}, {NULL, NULL}};
	struct ctl_daemon daemon = ctl_daemon_of(args);
	char id[ID_LEN + 1], what[CTL_CELL_MAX];
	char *path;
	int status;

	if ((user != NULL) + (key != NULL) + args->operand_count != 1)
		return ctl_usage(args->name, "expected one of ID, --user and --key");
	if (args->operand_count == 1) {
		status = find_id(args, &daemon, args->operands[0], id);
		if (status != CTL_OK)
			return status;
		path = ctl_segment("/v1/allocations", id, "");
	} else {
		path = ctl_query("/v1/allocations", pairs);
	}
	snprintf(what, sizeof(what), "%s%s",
		 user  ? "--user "
		 : key ? "--key "
		       : "",
		 user  ? user
		 : key ? key
		       : args->operands[0]);
	status = kill_at(args, &daemon, path, what);
	free(path);
	return status;
}
