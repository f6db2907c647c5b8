/*
 * ctl_mras.c - avedgectl mras: what a running issuer tells about itself, and its relays.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tools/ctl.h"
#include "tools/ctl_command.h"
#include "tools/ctl_daemon.h"
#include "tools/ctl_document.h"
#include "tools/ctl_drain.h"
#include "tools/ctl_run.h"
#include "tools/ctl_table.h"
#include "tools/ctl_text.h"

/* Numbers of an object in a line, as "12 sip, 3 http"; a number alone as it is. */
static void print_figures(const char *title, const json_t *status, const char *member)
{
	json_t *value = json_object_get(status, member), *figure;
	char cell[CTL_CELL_MAX], name_text[CTL_CELL_MAX];
	const char *name;
	bool first = true;

	if (!json_is_object(value)) {
		ctl_print_line(title, status, member);
		return;
	}
	printf("%-15s ", title);
	json_object_foreach(value, name, figure)
	{
		if (!json_is_number(figure))
			continue;
		printf("%s%s", first ? "" : ", ", ctl_member(value, name, cell));
		printf(" %s", ctl_clean(name, name_text, sizeof(name_text)));
		first = false;
	}
	putchar('\n');
}

static int print_status(const struct ctl_args *args, json_t *document)
{
	static const char *const rows[][2] = {
		{"version", "version"}, {"process", "pid"}, {"state", "state"},
		{"started", "started"}, {"realm", "realm"},
	};

	(void)args;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ctl_print_line(rows[i][0], document, rows[i][1]);
	ctl_print_uptime(document);
	print_figures("connections", document, "connections");
	print_figures("issued", document, "issued");
	print_figures("refused", document, "refused");
	print_figures("credentials", document, "credentials");
	ctl_print_upkeep(document);

	const json_t *relays = json_object_get(document, "relays"), *row;
	char location[CTL_CELL_MAX], address[CTL_CELL_MAX];
	size_t i;
	json_array_foreach(relays, i, row) printf(
		"relay           %s, %s%s\n", ctl_member(row, "address", address),
		ctl_member(row, "location", location),
		json_is_true(json_object_get(row, "draining")) ? ", draining" : "");
	return CTL_OK;
}

int ctl_mras_status(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_mras_of(args);

	return ctl_show_document(args, &daemon, "/v1/status", print_status);
}

static int print_relays(const struct ctl_args *args, json_t *document)
{
	static const char *const headings[] = {"<LOCATION", "<SIDE", "<ADDRESS", "<STATE",
					       NULL};
	static const char *const names[] = {"location", "side", "address", NULL};
	struct ctl_table *table = ctl_table_new(headings);
	const json_t *row;
	size_t i;

	(void)args;
	json_array_foreach(json_object_get(document, "relays"), i, row)
	{
		if (!table)
			break;
		ctl_table_add_members(table, row, names);
		ctl_table_add(table, json_is_true(json_object_get(row, "draining"))
					     ? "draining"
					     : "named");
	}
	return ctl_table_finish(table);
}

int ctl_mras_relays(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_mras_of(args);

	return ctl_show_document(args, &daemon, "/v1/relays", print_relays);
}

int ctl_mras_set(const struct ctl_daemon *mras, const char *address, bool drain,
		 bool force, json_t **answer)
{
	char *path = ctl_segment("/v1/relays", address, "/drain");
	json_t *body = force ? json_pack("{s:b}", "force", 1) : NULL;
	json_t *own;
	long http = 0;
	int status;

	if (!path) {
		json_decref(body);
		return ctl_fail("out of memory.");
	}
	status = ctl_ask(mras, drain ? "PUT" : "DELETE", path, body, &own, &http);
	free(path);
	if (http == CTL_STATUS_CONFLICT)
		ctl_fail(
			"it would leave clients without a relay there; --force does it all "
			"the same.");
	if (answer)
		*answer = own;
	else
		json_decref(own);
	return status;
}

static int set(const struct ctl_args *args, bool drain)
{
	struct ctl_daemon daemon = ctl_mras_of(args);
	const char *address = args->operands[0];
	char cell[CTL_CELL_MAX];
	json_t *answer;
	int status = ctl_mras_set(&daemon, address, drain, ctl_has(args, OPTION_FORCE),
				  &answer);

	if (status != CTL_OK)
		return status;
	if (ctl_has(args, OPTION_JSON))
		return ctl_print_json(answer);
	printf("mrasd: %s is %s\n", ctl_clean(address, cell, sizeof(cell)),
	       drain ? "named no more" : "named again");
	json_decref(answer);
	return CTL_OK;
}

int ctl_mras_drain(const struct ctl_args *args)
{
	return set(args, true);
}

int ctl_mras_undrain(const struct ctl_args *args)
{
	return set(args, false);
}

int ctl_mras_configuration(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_mras_of(args);

	return ctl_show_document(args, &daemon, "/v1/configuration",
				 ctl_print_configuration);
}
