/*
 * import_ports.c - see import_ports.h.
 */
#include "tools/import/import_ports.h"

#include <assert.h>
#include <inttypes.h>

#include "stun/endpoint.h"
#include "tools/import/import_conf.h"
#include "tools/import/import_sides.h"

enum { INSIDE, OUTSIDE };
enum { PORT_DEFAULT = 3478, TLS_PORT_DEFAULT = 5349 };

static void add_port(struct import_conf *conf, struct import_ports *ports, int64_t port,
		     const struct import_setting *setting, const char *key)
{
	assert(port > 0 && port <= UINT16_MAX && ports->count <= IMPORT_PORTS_MAX);
	for (size_t i = 0; i < ports->count; i++) {
		if (ports->list[i] == port)
			return;
	}
	if (ports->count == IMPORT_PORTS_MAX)
		import_note(conf, setting, key,
			    "port %" PRId64 " is left out: a side has at most %d of each "
			    "transport",
			    port, IMPORT_PORTS_MAX);
	else
		ports->list[ports->count++] = (uint16_t)port;
}

/* Value 0 stands for the fallback, and fallback 0 for none. */
static void take_port(struct import_conf *conf, struct import_side_ports *ports, bool udp,
		      bool tcp, const char *name, int64_t fallback)
{
	const struct import_setting *setting = import_find(conf, name);
	int64_t port = fallback;

	if (setting)
		import_number(conf, name, 0, UINT16_MAX, &port);
	if (port == 0)
		port = fallback;
	if (port != 0 && udp)
		add_port(conf, &ports->udp, port, setting, name);
	if (port != 0 && tcp)
		add_port(conf, &ports->tcp, port, setting, name);
}

static bool serves_tls(const struct import_conf *conf)
{
	return !import_find(conf, "no-tls") && import_find(conf, "cert");
}

/* Of all addresses. */
static struct import_side_ports common_ports(struct import_conf *conf)
{
	struct import_side_ports ports = {.udp = {.count = 0}};
	bool udp = !import_find(conf, "no-udp"), tcp = !import_find(conf, "no-tcp");
	bool tls = serves_tls(conf);

	take_port(conf, &ports, udp, tcp, "listening-port", PORT_DEFAULT);
	take_port(conf, &ports, udp, tcp, "alt-listening-port", 0);
	take_port(conf, &ports, false, tls, "tls-listening-port", TLS_PORT_DEFAULT);
	take_port(conf, &ports, false, tls, "alt-tls-listening-port", 0);
	return ports;
}

/* Here a TCP port takes plain connections and, with a certificate, TLS. */
static void note_what_differs(struct import_conf *conf)
{
	static const char *const alternatives[] = {"alt-listening-port",
						   "alt-tls-listening-port"};
	const struct import_setting *no_tcp = import_find(conf, "no-tcp"),
				    *no_tls = import_find(conf, "no-tls");

	for (size_t i = 0; i < sizeof(alternatives) / sizeof(alternatives[0]); i++) {
		const struct import_setting *setting = import_find(conf, alternatives[i]);

		if (setting)
			import_note(
				conf, setting, NULL,
				"only a port for clients: NAT behaviour discovery (RFC "
				"5780) is off; with two addresses, write nat_discovery = true");
	}
	if (no_tcp && serves_tls(conf))
		import_note(conf, no_tcp, NULL, "ports for TLS also accept plain TCP");
	if (no_tls && !no_tcp && import_find(conf, "cert"))
		import_note(
			conf, no_tls, NULL,
			"TCP ports also accept TLS unless tls.certificate is removed");
}

static size_t count_addresses(const struct import_conf *conf,
			      const struct import_plan *plan, bool inside)
{
	size_t index = 0, count = 0;
	struct ip_addr ip;

	while (import_next_listening(conf, &index, &ip))
		count += import_is_inside(plan, &ip) == inside;
	return count;
}

/* ADDRESS:PORT of an aux-server, where coturn serves every transport. */
static void take_aux(struct import_conf *conf, const struct import_plan *plan,
		     const struct import_setting *setting,
		     struct import_side_ports sides[2])
{
	struct endpoint aux;

	if (!endpoint_parse(setting->value, 0, &aux) || aux.port == 0) {
		import_note(conf, setting, NULL, "not an address and a port");
		return;
	}
	bool inside = import_is_inside(plan, &aux.ip);
	struct import_side_ports *side = &sides[inside ? INSIDE : OUTSIDE];

	if (!import_find(conf, "no-udp"))
		add_port(conf, &side->udp, aux.port, setting, NULL);
	if (!import_find(conf, "no-tcp") || serves_tls(conf))
		add_port(conf, &side->tcp, aux.port, setting, NULL);
	if (!import_has_listening(conf, &aux.ip))
		import_note(conf, setting, NULL,
			    "port %u is added to side %s, but the address is no "
			    "listening-ip; add it to addresses",
			    aux.port, inside ? "inside" : "outside");
	else if (count_addresses(conf, plan, inside) > 1)
		import_note(conf, setting, NULL,
			    "port %u is served on all addresses of side %s", aux.port,
			    inside ? "inside" : "outside");
}

void import_ports_find(struct import_conf *conf, const struct import_plan *plan,
		       struct import_side_ports sides[2])
{
	const struct import_setting *setting;
	size_t index = 0;

	sides[INSIDE] = sides[OUTSIDE] = common_ports(conf);
	note_what_differs(conf);
	while ((setting = import_next(conf, "aux-server", &index)))
		take_aux(conf, plan, setting, sides);
}

void import_ports_write(const char *key, const struct import_ports *ports, FILE *out)
{
	fprintf(out, "\t%s = {", key);
	for (size_t i = 0; i < ports->count; i++)
		fprintf(out, "%s%u", i > 0 ? ", " : "", ports->list[i]);
	fprintf(out, "}\n");
}
