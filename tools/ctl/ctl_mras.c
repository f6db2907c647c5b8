/*
 * ctl_mras.c - avedgectl mras: the state of a running issuer, and its relays.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_command.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_document.h"
#include "tools/ctl/ctl_drain.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_table.h"
#include "tools/ctl/ctl_text.h"

/* The numbers of an object, one per line, such as "12 sip"; zeros are left out. */
static void print_figures(const char *title, json_t *figures)
{
	char cell[CTL_CELL_MAX];
	const char *name;
	json_t *figure;
	bool first = true;

	json_object_foreach(figures, name, figure)
	{
		if (!json_is_integer(figure) || json_integer_value(figure) == 0)
			continue;
		printf("%-15s ", first ? title : "");
		printf("%" JSON_INTEGER_FORMAT " %s\n", json_integer_value(figure),
		       ctl_clean(name, cell, sizeof(cell)));
		first = false;
	}
}

static void print_credentials(const json_t *credentials)
{
	json_t *forms = json_object_get(credentials, "issued_by"), *form;
	char title[CTL_CELL_MAX], cell[CTL_CELL_MAX];
	const char *name;

	if (!json_is_object(credentials))
		return;
	ctl_print_line("issued", credentials, "issued");
	json_object_foreach(forms, name, form)
	{
		snprintf(title, sizeof(title), "  %.32s",
			 ctl_clean(name, cell, sizeof(cell)));
		print_figures(title, form);
	}
	ctl_print_line("refused", credentials, "refused");
	print_figures("", json_object_get(credentials, "refused_by"));
}

static void print_connections(const json_t *connections)
{
	if (!json_is_object(connections))
		return;
	ctl_print_line("connections", connections, "open");
	ctl_print_line("  in handshake", connections, "handshake");
	ctl_print_line("  accepted", connections, "accepted");
	print_figures("  refused", json_object_get(connections, "refused_by"));
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
	print_connections(json_object_get(document, "connections"));
	print_credentials(json_object_get(document, "credentials"));
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
					     : "active");
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
		return ctl_fail("out of memory");
	}
	status = ctl_ask(mras, drain ? "PUT" : "DELETE", path, body, &own, &http);
	free(path);
	if (http == CTL_STATUS_CONFLICT)
		ctl_fail(
			"clients there would have no relay left; use --force to drain it "
			"anyway");
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
	       drain ? "draining" : "active");
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
