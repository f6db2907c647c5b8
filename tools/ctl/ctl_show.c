/*
 * ctl_show.c - avedgectl show: all there is to know about one allocation.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_allocation.h"
#include "tools/ctl/ctl_command.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_document.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_text.h"

/* Members in words; what else the relay says is shown under its own name. */
static const struct {
	const char *member;
	const char *title;
} rows[] = {
	{"id", "allocation"},
	{"user", "user"},
	{"key_id", "key"},
	{"dialect", "dialect"},
	{"stream_type", "stream type"},
	{"side", "side"},
	{"client", "client"},
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

static bool ends_with(const char *text, const char *tail)
{
	size_t len = strlen(text), tail_len = strlen(tail);

	return len > tail_len && strcmp(text + len - tail_len, tail) == 0;
}

/* One value with the unit that its name tells. */
static void print_value(const char *name, const json_t *object)
{
	const json_t *value = json_object_get(object, name);
	char cell[CTL_CELL_MAX], figure[CTL_FIGURE_MAX];
	double number = json_number_value(value);

	if (json_is_number(value) && ends_with(name, "_ms"))
		printf("%s", ctl_age_text((int64_t)(number / 1000), figure));
	else if (json_is_number(value) && ends_with(name, "_s"))
		printf("%s", ctl_age_text((int64_t)number, figure));
	else if (json_is_number(value) && ends_with(name, "_bps"))
		printf("%s", ctl_rate_text(number, figure));
	else if (json_is_number(value) && ends_with(name, "_pps"))
		printf("%s packets/s", ctl_count_text(number, figure));
	else if (json_is_integer(value) && strcmp(name, "number") == 0)
		printf("0x%04X", (unsigned)json_integer_value(value));
	else
		printf("%s", ctl_member(object, name, cell));
}

/* "expires_in_ms" as "expires in", "permission_list" as "permission". */
static const char *title_of(const char *name, char title[CTL_CELL_MAX])
{
	static const char *const tails[] = {"_ms", "_s", "_bps", "_pps", "_list"};
	size_t len;

	ctl_clean(name, title, CTL_CELL_MAX);
	len = strlen(title);
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		if (ends_with(title, tails[i])) {
			title[len - strlen(tails[i])] = '\0';
			break;
		}
	}
	for (char *p = title; *p; p++) {
		if (*p == '_')
			*p = ' ';
	}
	return title;
}

/* A permission, a channel, a connection: its values on a line. */
static void print_item(json_t *item)
{
	char title[CTL_CELL_MAX];
	const char *name;
	json_t *value;
	bool first = true;

	json_object_foreach(item, name, value)
	{
		if (json_is_object(value) || json_is_array(value) || json_is_null(value))
			continue;
		if (!json_is_string(value)) {
			title_of(name, title);
			printf("%s%s ", first ? "" : "  ", title);
		} else if (!first) {
			printf("  ");
		}
		print_value(name, item);
		first = false;
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
			printf("%s",
			       ctl_clean(json_string_value(item), title, sizeof(title)));
		putchar('\n');
	}
}

static int print_allocation(const struct ctl_args *args, json_t *document)
{
	char title[CTL_CELL_MAX];
	const char *name;
	json_t *value;

	(void)args;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const json_t *known = json_object_get(document, rows[i].member);

		if (!known || json_is_null(known) || json_is_object(known))
			continue;
		printf("%-16s ", rows[i].title);
		print_value(rows[i].member, document);
		putchar('\n');
	}
	json_object_foreach(document, name, value)
	{
		if (json_is_null(value) || (has_row(name) && !json_is_object(value)))
			continue;
		if (json_is_array(value)) {
			print_list(name, value);
			continue;
		}
		printf("%-16s ", title_of(name, title));
		if (json_is_object(value))
			print_item(value);
		else
			print_value(name, document);
		putchar('\n');
	}
	return CTL_OK;
}

int ctl_show(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_relay_of(args);
	char id[CTL_ID_LEN + 1];
	char *path;
	int status = ctl_allocation_id(&daemon, args->operands[0], id);

	if (status != CTL_OK)
		return status;
	path = ctl_segment("/v1/allocations", id, "");
	status = ctl_show_document(args, &daemon, path, print_allocation);
	free(path);
	return status;
}
