/*
 * ctl_ports.c - avedgectl ports: the open ports of the running relay or of a configuration, and
 * the purpose of any port of an Edge server.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_run.h"
#include "tools/ctl/ctl_view.h"

struct edge_port {
	uint16_t first, last;
	const char *side;      /* "inside", "outside", "both" */
	const char *protocol;  /* of transport: "tcp", "udp" */
	const char *service;   /* the role of the Edge server */
	const char *direction; /* of opening: "in", "out", "both" */
	const char *served_by; /* a program of avedge; NULL: none */
	const char *purpose;   /* a sentence */
};

/* The range of relayed addresses that the configuration of the relay has by default. */
enum { RANGE_FIRST = 50000, RANGE_LAST = 59999 };

#define RELAY "mediarelayd"
#define ISSUER "mrasd"

/*
 * In order of ports. Directions are those of the firewall on that side, seen from the Edge server.
 */
static const struct edge_port edge_ports[] = {
	{53, 53, "outside", "udp", "DNS", "out", NULL,
	 "The host resolves federated partners and hosts of certificate revocation lists."},
	{53, 53, "outside", "tcp", "DNS", "out", NULL,
	 "DNS answers too large for a datagram."},
	{80, 80, "outside", "tcp", "HTTP", "out", NULL,
	 "The host fetches certificate revocation lists."},
	{443, 443, "outside", "tcp", "A/V Edge", "both", RELAY,
	 "STUN and TURN over TCP, TLS and pseudo-TLS: media of clients whose network blocks "
	 "UDP."},
	{443, 443, "inside", "tcp", "A/V Edge", "in", RELAY,
	 "STUN and TURN over TCP, TLS and pseudo-TLS for inside clients whose UDP is blocked."},
	{443, 443, "outside", "tcp", "Access Edge", "in", NULL,
	 "SIP over TLS of remote users, on its own address."},
	{443, 443, "outside", "tcp", "Web Conferencing Edge", "in", NULL,
	 "PSOM over TLS of remote users: slides, polls, whiteboards. On its own address."},
	{444, 444, "outside", "tcp", "Web Conferencing Edge", "in", NULL,
	 "The same service if the three roles share one outside address."},
	{3478, 3478, "outside", "udp", "A/V Edge", "both", RELAY,
	 "STUN and TURN over UDP: allocations, media of clients, and between relays of "
	 "federated partners."},
	{3478, 3478, "inside", "udp", "A/V Edge", "in", RELAY,
	 "STUN and TURN over UDP for inside clients."},
	{4443, 4443, "inside", "tcp", "Central Management Store", "in", NULL,
	 "Topology replication to the Edge server over HTTPS."},
	{5061, 5061, "outside", "tcp", "Access Edge", "both", NULL,
	 "SIP over TLS with federated partners and remote users of old clients."},
	{5061, 5061, "inside", "tcp", "Access Edge", "both", NULL,
	 "SIP over TLS with the next hop inside: a Director or Front End."},
	{5062, 5062, "inside", "tcp", "A/V Authentication", "in", ISSUER,
	 "Trusted servers request A/V Edge credentials in SIP or HTTPS over mutual TLS."},
	{5269, 5269, "outside", "tcp", "XMPP gateway", "both", NULL,
	 "Federation with XMPP servers; removed in Skype for Business Server 2019."},
	{8057, 8057, "inside", "tcp", "Web Conferencing Edge", "in", NULL,
	 "PSOM over mutual TLS from the conferencing servers inside."},
	{23456, 23456, "inside", "tcp", "XMPP gateway", "in", NULL,
	 "The Front End passes messages for XMPP partners to the gateway."},
	{RANGE_FIRST, RANGE_LAST, "outside", "udp", "A/V Edge", "both", RELAY,
	 "Relayed addresses: media between a client's allocation and its peers. Lync partners "
	 "since 2010 use their own relay; browsers and other peers need them open to the "
	 "Internet."},
	{RANGE_FIRST, RANGE_LAST, "outside", "tcp", "A/V Edge", "both", RELAY,
	 "Relayed addresses over TCP: desktop sharing and file transfer with partners, and "
	 "ICE-TCP."},
	{50001, 50003, "inside", "tcp", "Centralised Logging", "in", NULL,
	 "Control of the logging agents on the servers."},
};

enum { EDGE_PORT_COUNT = sizeof(edge_ports) / sizeof(edge_ports[0]) };

/* A row with the range of that relay, if it is known; ranges may be NULL. */
static struct edge_port row_of(size_t index, const json_t *ranges)
{
	struct edge_port row = edge_ports[index];
	const json_t *range = json_array_get(ranges, 0);

	assert(index < EDGE_PORT_COUNT && row.first <= row.last);
	if (range != NULL && row.first == RANGE_FIRST && row.last == RANGE_LAST) {
		row.first = (uint16_t)ctl_integer(range, "first");
		row.last = (uint16_t)ctl_integer(range, "last");
	}
	return row;
}

static bool covers(const struct edge_port *row, uint16_t port)
{
	return port >= row->first && port <= row->last;
}

/* Whether NAT separates the bound addresses from those that clients are told. */
static bool has_public(const json_t *rows)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		const json_t *public = json_object_get(row, "public_address");

		if (json_is_string(public) &&
		    !json_equal(public, json_object_get(row, "address")))
			return true;
	}
	return false;
}

static void print_table(const json_t *rows)
{
	static const struct ctl_column columns[] = {
		{"<SIDE", "side"},           {"<ADDRESS", "address"},
		{"<PROTOCOL", "protocol"},   {">PORT", "port"},
		{"<DIRECTION", "direction"}, {"<SERVICE", "service"},
		{"<PURPOSE", "purpose"},     {NULL, NULL},
	};
	static const struct ctl_column nat_columns[] = {
		{"<SIDE", "side"},
		{"<ADDRESS", "address"},
		{"<PUBLIC", "public_address"},
		{"<PROTOCOL", "protocol"},
		{">PORT", "port"},
		{"<DIRECTION", "direction"},
		{"<SERVICE", "service"},
		{"<PURPOSE", "purpose"},
		{NULL, NULL},
	};

	ctl_print_table(has_public(rows) ? nat_columns : columns, rows);
}

/* A range as a row of the table. */
static json_t *range_row(const json_t *range)
{
	json_t *row = json_copy((json_t *)(uintptr_t)range);

	json_object_set_new(row, "port",
			    json_sprintf("%d-%d", (int)ctl_integer(range, "first"),
					 (int)ctl_integer(range, "last")));
	return row;
}

static void add_ranges(json_t *rows, const json_t *ranges)
{
	const json_t *range;
	size_t i;

	json_array_foreach(ranges, i, range)
		json_array_append_new(rows, range_row(range));
}

static bool is_relayed(const json_t *row)
{
	const char *service = json_string_value(json_object_get(row, "service"));

	return service != NULL && strcmp(service, "relay") == 0;
}

/* Ranges come before the relayed addresses, which may be many. */
static void print_ports(const struct ctl_args *args, json_t *document)
{
	json_t *ranges = json_object_get(document, "ranges");
	json_t *rows = json_array(), *row;
	bool done = false;
	size_t i;

	(void)args;
	json_array_foreach(json_object_get(document, "ports"), i, row)
	{
		if (!done && is_relayed(row)) {
			add_ranges(rows, ranges);
			done = true;
		}
		json_array_append(rows, row);
	}
	if (!done)
		add_ranges(rows, ranges);
	print_table(rows);
	json_decref(rows);
}

/* --- what a port is for ---------------------------------------------------------------------- */

/* The rows that include a port; those of ranges only where it is not about what is open. */
static json_t *rows_with(const json_t *document, uint16_t port, bool configured)
{
	json_t *found = json_array(), *row;
	size_t i;

	json_array_foreach(json_object_get(document, "ports"), i, row)
	{
		if (ctl_integer(row, "port") == port ||
		    ctl_integer(row, "public_port") == port)
			json_array_append(found, row);
	}
	json_array_foreach(json_object_get(document, "ranges"), i, row)
	{
		if (configured && port >= ctl_integer(row, "first") &&
		    port <= ctl_integer(row, "last"))
			json_array_append_new(found, range_row(row));
	}
	return found;
}

/* The ports of the running relay; NULL if it cannot be reached. */
static json_t *ask_ports(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_daemon_of(args);
	json_t *document;

	/* The ports of an Edge server are known without a relay. */
	daemon.quiet = true;
	return ctl_ask(&daemon, "GET", "/v1/ports", NULL, &document, NULL) == CTL_OK
		       ? document
		       : NULL;
}

static json_t *row_json(const struct edge_port *row)
{
	return json_pack("{s:i, s:i, s:s, s:s, s:s, s:s, s:b, s:s?, s:s}", "first",
			 (int)row->first, "last", (int)row->last, "side", row->side,
			 "protocol", row->protocol, "service", row->service, "direction",
			 row->direction, "served", row->served_by != NULL, "served_by",
			 row->served_by, "purpose", row->purpose);
}

/* document NULL: the ports of the relay are not known. */
static int explain_json(const struct ctl_args *args, uint16_t port,
			const json_t *document)
{
	const json_t *ranges = json_object_get(document, "ranges");
	bool configured = ctl_has(args, OPTION_PORTS_CONFIG);
	json_t *rows = document ? rows_with(document, port, configured) : json_null();
	json_t *list = json_array();

	for (size_t i = 0; i < EDGE_PORT_COUNT; i++) {
		struct edge_port row = row_of(i, ranges);

		if (covers(&row, port))
			json_array_append_new(list, row_json(&row));
	}
	return ctl_print_json(json_pack("{s:i, s:o, s:o}", "port", (int)port, "uses",
					list, configured ? "configured" : "open_now",
					rows));
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

/* The rows of the table of Edge servers, for people. */
static void explain_uses(uint16_t port, const json_t *ranges)
{
	const json_t *range = json_array_get(ranges, 0);
	bool known = false;

	for (size_t i = 0; i < EDGE_PORT_COUNT; i++) {
		struct edge_port row = row_of(i, ranges);

		if (!covers(&row, port))
			continue;
		explain_row(&row);
		known = true;
	}
	if (!known && range != NULL && port >= RANGE_FIRST && port <= RANGE_LAST)
		printf("Port %u is in the default range of relayed addresses, %d-%d; this "
		       "relay has %d-%d.\n",
		       port, RANGE_FIRST, RANGE_LAST, (int)ctl_integer(range, "first"),
		       (int)ctl_integer(range, "last"));
	else if (!known)
		printf("No service of an Edge server uses port %u by default.\n", port);
}

static bool is_in(const json_t *ranges, uint16_t port)
{
	const json_t *range;
	size_t i;

	json_array_foreach(ranges, i, range)
	{
		if (port >= ctl_integer(range, "first") &&
		    port <= ctl_integer(range, "last"))
			return true;
	}
	return false;
}

static bool is_of_issuer(uint16_t port)
{
	for (size_t i = 0; i < EDGE_PORT_COUNT; i++) {
		const char *served_by = edge_ports[i].served_by;

		if (covers(&edge_ports[i], port) && served_by != NULL &&
		    strcmp(served_by, ISSUER) == 0)
			return true;
	}
	return false;
}

/* Why the running relay, which has these ranges, does not have that port open. */
static void explain_closed(uint16_t port, const json_t *ranges)
{
	if (is_in(ranges, port))
		puts("\nIn the range of the running relay, which opens each port when an "
		     "allocation needs it: not in use now.");
	else if (is_of_issuer(port))
		puts("\nNot a port of the relay: " ISSUER " serves it where it runs; see "
		     "'avedgectl mras status'.");
	else
		puts("\nNot open on the running relay.");
}

static void explain_rows(const struct ctl_args *args, uint16_t port,
			 const json_t *document, const json_t *rows)
{
	bool configured = ctl_has(args, OPTION_PORTS_CONFIG);

	if (json_array_size(rows) > 0) {
		puts(configured ? "\nIn the configuration:" : "\nOpen now:");
		print_table(rows);
	} else if (rows && configured) {
		puts("\nNot in the configuration.");
	} else if (rows) {
		explain_closed(port, json_object_get(document, "ranges"));
	} else {
		printf("\nCannot reach a relay at %s: not running, permission denied, or its "
		       "control.socket is elsewhere (use --socket).\n",
		       ctl_daemon_of(args).socket);
	}
}

static int explain(const struct ctl_args *args, const json_t *document)
{
	uint16_t port = (uint16_t)ctl_number(args, OPTION_EXPLAIN, 0);

	if (ctl_has(args, OPTION_JSON))
		return explain_json(args, port, document);
	json_t *rows =
		document ? rows_with(document, port, ctl_has(args, OPTION_PORTS_CONFIG))
			 : NULL;

	explain_uses(port, json_object_get(document, "ranges"));
	explain_rows(args, port, document, rows);
	json_decref(rows);
	return CTL_OK;
}

int ctl_ports(const struct ctl_args *args)
{
	const char *path = ctl_value(args, OPTION_PORTS_CONFIG, NULL);
	struct ctl_daemon daemon = ctl_daemon_of(args);
	json_t *document = path ? ctl_ports_of_config(path) : NULL;
	int status = CTL_OK;

	if (path && !document)
		return CTL_FAILED;
	if (ctl_has(args, OPTION_EXPLAIN)) {
		if (!path)
			document = ask_ports(args);
		status = explain(args, document);
	} else if (!path) {
		return ctl_show_document(args, &daemon, "/v1/ports", print_ports);
	} else if (ctl_has(args, OPTION_JSON)) {
		return ctl_print_json(document);
	} else {
		print_ports(args, document);
	}
	json_decref(document);
	return status;
}
