/*
 * ctl_uris.c - see ctl_uris.h.
 */
#include "tools/ctl/ctl_uris.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stun/endpoint.h"
#include "stun/registry.h"
#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_args.h"
#include "tools/ctl/ctl_daemon.h"
#include "tools/ctl/ctl_text.h"

enum {
	HOST_MAX = 254, /* a DNS name, and \0 */
	TCP_PORT = 443, /* the default of the relay */
	ASK_MS = 3000,
};

struct server {
	char host[HOST_MAX]; /* without brackets */
	uint16_t port;       /* 0: not given */
};

static bool read_port(const char *text, uint16_t *port)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long value = digits > 0 && digits <= 5 ? strtoul(text, NULL, 10) : 0;

	if (text[digits] != '\0' || value == 0 || value > UINT16_MAX)
		return false;
	*port = (uint16_t)value;
	return true;
}

static bool is_ipv6(const char *text)
{
	struct in6_addr address;

	return inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_name(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

	return *text != '\0' && text[strspn(text, allowed)] == '\0';
}

static bool read_server(const char *text, struct server *server)
{
	const char *end = strrchr(text, *text == '[' ? ']' : ':');
	bool bracket = *text == '[';
	size_t len;

	*server = (struct server){.port = 0};
	if (is_ipv6(text))
		end = NULL; /* its last colon is no port's */
	else if (bracket && end == NULL)
		return false;
	len = end != NULL ? (size_t)(end - text) - bracket : strlen(text);
	if (len >= sizeof(server->host))
		return false;
	memcpy(server->host, text + bracket, len);
	if (bracket && *++end == '\0')
		end = NULL;
	if (end != NULL && (*end != ':' || !read_port(end + 1, &server->port)))
		return false;
	return is_ipv6(server->host) || (!bracket && is_name(server->host));
}

bool ctl_uris_fits(const char *server)
{
	struct server read;

	return read_server(server, &read);
}

/* --- URIs ------------------------------------------------------------------------------------ */

static void add(json_t *uris, const char *scheme, const struct server *server,
		uint16_t port, const char *transport)
{
	bool brackets = strchr(server->host, ':') != NULL;
	json_t *uri = json_sprintf("%s:%s%s%s:%u?transport=%s", scheme,
				   brackets ? "[" : "", server->host, brackets ? "]" : "",
				   port, transport);
	json_t *other;
	size_t i;

	assert(port != 0);
	json_array_foreach(uris, i, other)
	{
		if (uri != NULL && json_equal(uri, other)) {
			json_decref(uri);
			return;
		}
	}
	json_array_append_new(uris, uri);
}

/* As mrasd names them: port 5349 is for TLS alone (RFC 8656 section 4.1). */
static void add_tcp(json_t *uris, const struct server *server, uint16_t port, bool tls)
{
	if (!tls || port != STUNS_PORT)
		add(uris, "turn", server, port, "tcp");
	if (tls)
		add(uris, "turns", server, port, "tcp");
}

/* The relay is unknown: what it would serve by default, or on a port that it is said to have. */
static void add_standard(json_t *uris, const struct server *server)
{
	if (server->port != STUNS_PORT)
		add(uris, "turn", server, server->port != 0 ? server->port : STUN_PORT,
		    "udp");
	add_tcp(uris, server, server->port != 0 ? server->port : TCP_PORT, true);
}

/* --- the running relay ----------------------------------------------------------------------- */

/* Rows of its ports where new clients are served; NULL if it does not answer. */
static json_t *ask_fronts(const struct ctl_args *args)
{
	struct ctl_daemon daemon = ctl_relay_of(args);
	json_t *document, *row, *fronts = json_array();
	size_t i;

	daemon.quiet = true;
	daemon.timeout_ms = ASK_MS;
	if (ctl_ask(&daemon, "GET", "/v1/ports", NULL, &document, NULL) != CTL_OK) {
		json_decref(fronts);
		return NULL;
	}
	json_array_foreach(json_object_get(document, "ports"), i, row)
	{
		if (json_array_size(json_object_get(row, "transports")) > 0 &&
		    !json_is_true(json_object_get(row, "draining")))
			json_array_append(fronts, row);
	}
	json_decref(document);
	return fronts;
}

static bool is_address(const json_t *row, const char *member, const char *host)
{
	const char *text = json_string_value(json_object_get(row, member));
	struct ip_addr address, wanted;

	return text != NULL && ip_addr_parse(text, &address) &&
	       ip_addr_parse(host, &wanted) && ip_addr_equal(&address, &wanted);
}

static bool is_side(const json_t *row, const char *side)
{
	const char *text = json_string_value(json_object_get(row, "side"));

	return text != NULL && strcmp(text, side) == 0;
}

static bool has_transport(const json_t *row, const char *name)
{
	const json_t *transport;
	size_t i;

	json_array_foreach(json_object_get(row, "transports"), i, transport)
	{
		if (json_is_string(transport) &&
		    strcmp(json_string_value(transport), name) == 0)
			return true;
	}
	return false;
}

/* Which rows are meant: those of the address, else those of a side. */
enum meant { MEANT_ADDRESS, MEANT_OUTSIDE, MEANT_INSIDE, MEANT_COUNT };

static bool is_meant(const json_t *row, const struct server *server, enum meant meant)
{
	if (server->port != 0 && ctl_integer(row, "port") != server->port)
		return false;
	if (meant == MEANT_ADDRESS)
		return is_address(row, "address", server->host) ||
		       is_address(row, "public_address", server->host);
	return is_side(row, meant == MEANT_OUTSIDE ? "outside" : "inside");
}

static void add_row(json_t *uris, const struct server *server, const json_t *row)
{
	int64_t port = ctl_integer(row, "port");

	if (port <= 0 || port > UINT16_MAX)
		return;
	if (has_transport(row, "udp"))
		add(uris, "turn", server, (uint16_t)port, "udp");
	if (has_transport(row, "tcp"))
		add_tcp(uris, server, (uint16_t)port, has_transport(row, "tls"));
}

/* False if there are none: the server is another one. */
static bool add_rows(json_t *uris, const struct server *server, const json_t *fronts)
{
	const json_t *row;
	bool any = false;
	size_t i;

	for (int meant = 0; meant < MEANT_COUNT && !any; meant++) {
		json_array_foreach(fronts, i, row)
		{
			if (!is_meant(row, server, (enum meant)meant))
				continue;
			add_row(uris, server, row);
			any = true;
		}
	}
	return any;
}

json_t *ctl_uris(const struct ctl_args *args)
{
	json_t *uris = json_array();
	json_t *fronts = args->many_count > 0 ? ask_fronts(args) : NULL;
	bool assumed = false;

	for (size_t i = 0; uris != NULL && i < args->many_count; i++) {
		struct server server;
		bool fits = read_server(args->many[i], &server);

		assert(fits);
		(void)fits;
		if (fronts != NULL && add_rows(uris, &server, fronts))
			continue;
		add_standard(uris, &server);
		assumed |= server.port == 0;
	}
	if (assumed)
		fprintf(stderr,
			"avedgectl: no relay answers at %s, so its ports are assumed to be "
			"%d and %d; write --server HOST:PORT for others\n",
			ctl_relay_of(args).socket, STUN_PORT, TCP_PORT);
	json_decref(fronts);
	return uris;
}
