/*
 * ctl_ports.c - avedgectl ports: the open ports of the running relay, and the purpose of any port
 * of an Edge server.
 */
#include <stdio.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_command.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_document.h"
#include "tools/ctl/ctl_edge_ports.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_table.h"
#include "tools/ctl/ctl_text.h"

/* Whether NAT stands between what is bound and what clients are told. */
static bool has_public(const json_t *rows)
{
	char bound[CTL_CELL_MAX], public[CTL_CELL_MAX];
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		ctl_member(row, "address", bound);
		if (strcmp(ctl_member(row, "public_address", public), "-") != 0 &&
		    strcmp(bound, public) != 0)
			return true;
	}
	return false;
}

static int print_table(const json_t *rows)
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
	bool with_public = has_public(rows);
	struct ctl_table *table =
		ctl_table_new(with_public ? nat_headings : plain_headings);
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		if (table)
			ctl_table_add_members(table, row, with_public ? nat : plain);
	}
	return ctl_table_finish(table);
}

static int print_ports(const struct ctl_args *args, json_t *document)
{
	(void)args;
	return print_table(json_object_get(document, "ports"));
}

/* A row of the running relay: a port of its own, or a range of relay ports. */
static bool row_covers(const json_t *row, uint16_t port)
{
	const json_t *first = json_object_get(row, "first");

	if (first)
		return port >= json_integer_value(first) &&
		       port <= ctl_integer(row, "last");
	return ctl_integer(row, "port") == port ||
	       ctl_integer(row, "public_port") == port;
}

/* Rows of the running relay for that port; NULL if it cannot be reached. */
static json_t *open_now(const struct ctl_args *args, uint16_t port)
{
	struct ctl_daemon daemon = ctl_relay_of(args);
	json_t *document, *found = json_array();
	json_t *row;
	size_t i;

	/* The ports of an Edge server are known without a relay. */
	daemon.quiet = true;
	if (ctl_ask(&daemon, "GET", "/v1/ports", NULL, &document, NULL) != CTL_OK) {
		json_decref(found);
		return NULL;
	}
	json_array_foreach(json_object_get(document, "ports"), i, row)
	{
		if (row_covers(row, port))
			json_array_append(found, row);
	}
	json_decref(document);
	return found;
}

static json_t *row_json(const struct edge_port *row)
{
	return json_pack("{s:i, s:i, s:s, s:s, s:s, s:s, s:b, s:s?, s:s}", "first",
			 (int)row->first, "last", (int)row->last, "side", row->side,
			 "protocol", row->protocol, "service", row->service, "direction",
			 row->direction, "served", row->served_by != NULL, "served_by",
			 row->served_by, "purpose", row->purpose);
}

static int explain_json(uint16_t port, json_t *now)
{
	json_t *list = json_array();

	for (size_t i = 0; i < edge_port_count; i++) {
		if (edge_port_covers(&edge_ports[i], port))
			json_array_append_new(list, row_json(&edge_ports[i]));
	}
	return ctl_print_json(json_pack("{s:i, s:o, s:o}", "port", (int)port, "uses",
					list, "open_now", now ? now : json_null()));
}

static void explain_row(const struct edge_port *row)
{
	printf("%s %s, %s%s\n", row->side, row->protocol, row->service,
	       strcmp(row->direction, "in") == 0    ? ", incoming"
	       : strcmp(row->direction, "out") == 0 ? ", outgoing"
						    : ", both directions");
	if (row->first != row->last)
		printf("    one of %u-%u\n", row->first, row->last);
	printf("    %s\n", row->purpose);
	if (row->served_by)
		printf("    served by %s\n", row->served_by);
	else
		printf("    not served by avedge\n");
}

static int explain(const struct ctl_args *args)
{
	uint16_t port = (uint16_t)ctl_number(args, OPTION_EXPLAIN, 0);
	json_t *now = open_now(args, port);
	bool known = false;
	int status = CTL_OK;

	if (ctl_has(args, OPTION_JSON))
		return explain_json(port, now);
	for (size_t i = 0; i < edge_port_count; i++) {
		if (!edge_port_covers(&edge_ports[i], port))
			continue;
		explain_row(&edge_ports[i]);
		known = true;
	}
	if (!known)
		printf("No service of an Edge server uses port %u by default.\n", port);
	if (json_array_size(now) > 0) {
		puts("\nOpen now:");
		status = print_table(now);
	} else {
		puts(now ? "\nNot open on the running relay."
			 : "\nCannot reach a relay: not running, or permission denied.");
	}
	json_decref(now);
	return status;
}

int ctl_ports(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_relay_of(args);

	if (ctl_has(args, OPTION_EXPLAIN))
		return explain(args);
	return ctl_show_document(args, &daemon, "/v1/ports", print_ports);
}
