/*
 * ctl_ports_config.c - the ports that a configuration of mediarelayd asks for, in the form in
 * which the running relay tells its own.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "relay/reload/relay_config.h"
#include "relay/reload/relay_schema.h"
#include "tools/ctl/ctl.h"
#include "tools/ctl/ctl_run.h"

static json_t *ip(const struct ip_addr *address)
{
	char text[ENDPOINT_TEXT_LEN];

	return json_string(ip_addr_format(address, text, sizeof(text)));
}

static void add_fronts(json_t *rows, const struct relay_config *config, enum side side,
		       bool stream)
{
	const struct relay_config_side *from = &config->sides[side];
	const uint16_t *ports = stream ? from->tcp_ports : from->udp_ports;
	size_t count = stream ? from->tcp_port_count : from->udp_port_count;
	bool secure = config->tls.certificate != NULL && (stream || config->tls.dtls);

	for (size_t i = 0; i < from->address_count; i++) {
		for (size_t j = 0; j < count; j++) {
			json_t *row = json_pack(
				"{s:s, s:o, s:i, s:o, s:i, s:s, s:s, s:s, s:s}", "side",
				side_name(side), "address", ip(&from->addresses[i]),
				"port", (int)ports[j], "public_address",
				ip(side == SIDE_OUTSIDE ? &from->public[i]
							: &from->addresses[i]),
				"public_port", (int)ports[j], "protocol",
				stream ? "tcp" : "udp", "direction", "in", "service",
				!secure && !stream ? "STUN/TURN"
				: !stream          ? "STUN/TURN over UDP and DTLS"
				: secure           ? "STUN/TURN over TCP and TLS"
						   : "STUN/TURN over TCP, no TLS",
				"purpose",
				side == SIDE_INSIDE
					? "inside clients reach the relay here"
					: "outside clients reach the relay here");
			json_array_append_new(rows, row);
		}
	}
}

static void add_ranges(json_t *rows, const struct relay_config *config,
		       const char *protocol)
{
	const struct relay_config_side *outside = &config->sides[SIDE_OUTSIDE];

	for (size_t i = 0; i < outside->address_count; i++)
		json_array_append_new(
			rows,
			json_pack("{s:s, s:o, s:o, s:i, s:i, s:s, s:s, s:s, s:s}", "side",
				  "outside", "address", ip(&outside->addresses[i]),
				  "public_address", ip(&outside->public[i]), "first",
				  (int)config->relay.ports.first, "last",
				  (int)config->relay.ports.last, "protocol", protocol,
				  "direction", "both", "service", "relayed addresses",
				  "purpose", "media between clients and their peers"));
}

json_t *ctl_ports_of_config(const char *path)
{
	char error[CTL_ERROR_SIZE];
	struct config *common;
	const struct relay_config *config;
	json_t *ports, *ranges;

	if (access(path, R_OK) != 0) {
		ctl_fail("%s: %s", path, strerror(errno));
		return NULL;
	}
	common = config_load(&relay_config_schema, path, error, sizeof(error));
	config = (const struct relay_config *)common;
	if (config == NULL) {
		ctl_fail("%s", error);
		return NULL;
	}
	ports = json_array();
	ranges = json_array();
	for (int side = 0; side < SIDE_COUNT; side++) {
		add_fronts(ports, config, (enum side)side, false);
		add_fronts(ports, config, (enum side)side, true);
	}
	add_ranges(ranges, config, "udp");
	if (config->ms.enabled)
		add_ranges(ranges, config, "tcp");
	config_free(common);

	json_t *document = json_pack("{s:o, s:o}", "ports", ports, "ranges", ranges);
	if (document == NULL)
		ctl_fail("out of memory");
	return document;
}
