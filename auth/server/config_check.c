/*
 * config_check.c - what no value of the configuration can tell alone.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "auth/mras/service.h"
#include "auth/server/config_schema.h"

enum { NO_BLOCK = -1 };

struct check {
	const struct config *config;
	const struct conffile *file;
	char *error;
	size_t error_size;
};

/*
 * Line of the index-th value of a key, in that block of its section unless NO_BLOCK; 0 if it is
 * not in the file.
 */
static unsigned line_in(const struct conffile *file, const char *section,
			const char *name, long block, size_t index)
{
	size_t count;
	const struct conffile_value *values = conffile_values(file, &count);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(values[i].key->section, section) == 0 &&
		    strcmp(values[i].key->name, name) == 0 &&
		    (block == NO_BLOCK || values[i].block == (size_t)block) &&
		    index-- == 0)
			return values[i].line;
	}
	return 0;
}

static unsigned line_of(const struct check *check, const char *section, const char *name,
			long block, size_t index)
{
	return line_in(check->file, section, name, block, index);
}

void config_note_lines(struct config *config, const struct conffile *file)
{
	unsigned *files = config->lines.files;

	files[FILE_KEYS] = line_in(file, "", "keys", NO_BLOCK, 0);
	files[FILE_CERTIFICATE] = line_in(file, "tls", "certificate", NO_BLOCK, 0);
	files[FILE_PRIVATE_KEY] = line_in(file, "tls", "private_key", NO_BLOCK, 0);
	files[FILE_CA] = line_in(file, "tls", "ca", NO_BLOCK, 0);
	files[FILE_CRL] = line_in(file, "tls", "crl", NO_BLOCK, 0);
	config->lines.user = line_in(file, "", "user", NO_BLOCK, 0);
	config->lines.group = line_in(file, "", "group", NO_BLOCK, 0);
	config->lines.control_socket = line_in(file, "control", "socket", NO_BLOCK, 0);
	config->lines.control_group = line_in(file, "control", "group", NO_BLOCK, 0);
	config->lines.metrics_listen = line_in(file, "metrics", "listen", NO_BLOCK, 0);
	config->lines.addresses = line_in(file, "", "addresses", NO_BLOCK, 0);
}

static bool __attribute__((format(printf, 3, 4)))
refuse(const struct check *check, unsigned line, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	conffile_error(check->file, line, check->error, check->error_size, "%s", text);
	return false;
}

static bool check_addresses(const struct check *check)
{
	const struct config *config = check->config;
	char text[ENDPOINT_TEXT_LEN];

	if (config->address_count == 0)
		return refuse(check, 0,
			      "addresses: missing; write addresses = {\"10.0.0.5\"} with "
			      "the inside addresses of this host");
	if (config->address_count > CONFIG_ADDRESSES_MAX)
		return refuse(
			check,
			line_of(check, "", "addresses", NO_BLOCK, CONFIG_ADDRESSES_MAX),
			"addresses: more than %d; name fewer", CONFIG_ADDRESSES_MAX);
	for (size_t i = 0; i < config->address_count; i++) {
		for (size_t j = 0; j < config->outside_count; j++) {
			const struct ip_addr *ip = &config->addresses[i].local;

			if (!ip_addr_equal(ip, &config->outside[j].local))
				continue;
			return refuse(
				check, line_of(check, "", "addresses", NO_BLOCK, i),
				"addresses: %s is an outside address (line %u); credentials "
				"are issued inside only, name an inside address",
				ip_addr_format(ip, text, sizeof(text)),
				line_of(check, "", "outside_addresses", NO_BLOCK, j));
		}
	}
	return true;
}

static bool check_tls(const struct check *check)
{
	const struct config *config = check->config;
	const char *missing = !config->tls.certificate   ? "certificate"
			      : !config->tls.private_key ? "private_key"
			      : !config->tls.ca          ? "ca"
							 : NULL;

	if (!missing)
		return true;
	return refuse(check, 0,
		      "tls.%s: missing; write tls { certificate = \"...\" private_key = "
		      "\"...\" ca = \"...\" } with PEM files",
		      missing);
}

/* Letters, digits, hyphens and underlines between dots; no wildcard. */
static bool is_host_name(const char *name)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t len = strlen(name);

	return len > 0 && len <= SERVICE_NAME_MAX && strspn(name, allowed) == len &&
	       name[0] != '.' && name[len - 1] != '.' && strstr(name, "..") == NULL;
}

static bool check_server(const struct check *check, const struct config_server *server,
			 const struct conffile_block *block, long index)
{
	unsigned line = line_of(check, "server", "max_duration", index, 0);

	struct ip_addr ip;

	if (!is_host_name(server->name) || ip_addr_parse(server->name, &ip))
		return refuse(check, block->line,
			      "server \"%.80s\": is not a full host name; write the name "
			      "in the server's certificate, such as fe01.lab.example",
			      server->name);
	if (server->max_duration_s != 0 && server->max_duration_s < SERVICE_TTL_MIN_S)
		return refuse(check, line,
			      "server.max_duration: %us is less than a minute; write 1m "
			      "or more, or 0 for duration.max",
			      server->max_duration_s);
	if (server->max_duration_s > check->config->duration.max_s)
		return refuse(check, line,
			      "server.max_duration: longer than duration.max, %us; "
			      "change one of them",
			      check->config->duration.max_s);
	return true;
}

static bool check_relay(const struct check *check, const struct config_relay *relay,
			const struct conffile_block *block, long index)
{
	struct ip_addr ip;

	if (line_of(check, "relay", "location", index, 0) == 0)
		return refuse(check, block->line,
			      "relay.location: missing; write location = inside or "
			      "location = outside");
	if (!relay->host)
		return refuse(check, block->line,
			      "relay.host: missing; write the name or address that "
			      "clients connect to");
	if (!is_host_name(relay->host) && !ip_addr_parse(relay->host, &ip))
		return refuse(check, line_of(check, "relay", "host", index, 0),
			      "relay.host: \"%s\" is neither a host name nor an address; "
			      "write one such as av.lab.example",
			      relay->host);
	if (relay->udp_port == 0 && relay->tcp_port == 0)
		return refuse(check, line_of(check, "relay", "udp_port", index, 0),
			      "relay.udp_port: it and tcp_port are 0, nobody could "
			      "connect; set one of them");
	return true;
}

static bool check_blocks(const struct check *check)
{
	const struct config *config = check->config;
	size_t count, servers = 0, relays = 0;
	const struct conffile_block *blocks = conffile_blocks(check->file, &count);

	for (size_t i = 0; i < count; i++) {
		bool ok = strcmp(blocks[i].section->name, "server") == 0
				  ? check_server(check, &config->servers[servers++],
						 &blocks[i], (long)i)
				  : check_relay(check, &config->relays[relays++],
						&blocks[i], (long)i);

		if (!ok)
			return false;
	}
	for (size_t i = 0; i < servers; i++) {
		for (size_t j = 0; j < i; j++) {
			if (strcmp(config->servers[i].name, config->servers[j].name) == 0)
				return refuse(check, 0,
					      "server \"%s\": given twice, in other "
					      "letters; keep one of them",
					      config->servers[i].name);
		}
	}
	if (servers == 0)
		return refuse(check, 0,
			      "server: missing; write server \"fe01.lab.example\" { } "
			      "for each server that may ask");
	if (relays == 0)
		return refuse(check, 0,
			      "relay: missing; write relay { location = outside host = "
			      "av.lab.example } for each that clients may use");
	if (servers > CONFIG_SERVERS_MAX || relays > CONFIG_RELAYS_MAX)
		return refuse(check, 0, "%s: more than %d blocks; write fewer",
			      servers > CONFIG_SERVERS_MAX ? "server" : "relay",
			      servers > CONFIG_SERVERS_MAX ? CONFIG_SERVERS_MAX
							   : CONFIG_RELAYS_MAX);
	return true;
}

static bool check_durations(const struct check *check)
{
	const struct config *config = check->config;
	unsigned line = line_of(check, "duration", "max", NO_BLOCK, 0);

	if (config->duration.default_s <= config->duration.max_s)
		return true;
	if (line == 0)
		line = line_of(check, "duration", "default", NO_BLOCK, 0);
	return refuse(check, line,
		      "duration.max: %us is less than duration.default, %us; change one "
		      "of them",
		      config->duration.max_s, config->duration.default_s);
}

bool config_check(const struct config *config, const struct conffile *file, char *error,
		  size_t error_size)
{
	const struct check check = {
		.config = config, .file = file, .error = error, .error_size = error_size};

	return check_addresses(&check) && check_tls(&check) && check_durations(&check) &&
	       check_blocks(&check);
}
