/*
 * ctl_ports.c - avedgectl ports: the open ports of the running relay, and the purpose of any port
 * of an Edge server.
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
	{50000, 59999, "outside", "udp", "A/V Edge", "both", RELAY,
	 "Relayed addresses: media between a client's allocation and its peers. Lync partners "
	 "since 2010 use their own relay; browsers and other peers need them open to the "
	 "Internet."},
	{50000, 59999, "outside", "tcp", "A/V Edge", "both", RELAY,
	 "Relayed addresses over TCP: desktop sharing and file transfer with partners, and "
	 "ICE-TCP."},
	{50001, 50003, "inside", "tcp", "Centralised Logging", "in", NULL,
	 "Control of the logging agents on the servers."},
};

enum { EDGE_PORT_COUNT = sizeof(edge_ports) / sizeof(edge_ports[0]) };

static bool covers(const struct edge_port *row, uint16_t port)
{
	assert(row->first <= row->last);
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
		{"<SIDE", "side"}, {"<ADDRESS", "address"}, {"<PROTOCOL", "protocol"},
		{">PORT", "port"}, {"<SERVICE", "service"}, {"<PURPOSE", "purpose"},
		{NULL, NULL},
	};
	static const struct ctl_column nat_columns[] = {
		{"<SIDE", "side"},
		{"<ADDRESS", "address"},
		{"<PUBLIC", "public_address"},
		{"<PROTOCOL", "protocol"},
		{">PORT", "port"},
		{"<SERVICE", "service"},
		{"<PURPOSE", "purpose"},
		{NULL, NULL},
	};

	ctl_print_table(has_public(rows) ? nat_columns : columns, rows);
}

static void print_ports(const struct ctl_args *args, json_t *document)
{
	(void)args;
	print_table(json_object_get(document, "ports"));
}

/* Whether a row of the running relay, a port or a range of relay ports, includes a port. */
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
	struct ctl_daemon daemon = ctl_daemon_of(args);
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

	for (size_t i = 0; i < EDGE_PORT_COUNT; i++) {
		if (covers(&edge_ports[i], port))
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

	if (ctl_has(args, OPTION_JSON))
		return explain_json(port, now);
	for (size_t i = 0; i < EDGE_PORT_COUNT; i++) {
		if (!covers(&edge_ports[i], port))
			continue;
		explain_row(&edge_ports[i]);
		known = true;
	}
	if (!known)
		printf("No service of an Edge server uses port %u by default.\n", port);
	if (json_array_size(now) > 0) {
		puts("\nOpen now:");
		print_table(now);
	} else if (now) {
		puts("\nNot open on the running relay.");
	} else {
		printf("\nCannot reach a relay at %s: not running, permission denied, or its "
		       "control.socket is elsewhere (use --socket).\n",
		       ctl_daemon_of(args).socket);
	}
	json_decref(now);
	return CTL_OK;
}

int ctl_ports(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_daemon_of(args);

	if (ctl_has(args, OPTION_EXPLAIN))
		return explain(args);
	return ctl_show_document(args, &daemon, "/v1/ports", print_ports);
}
