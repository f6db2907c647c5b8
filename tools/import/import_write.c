/*
 * import_write.c - a configuration of mediarelayd from one of coturn.
 */
#include "tools/import/import_write.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "stun/endpoint.h"
#include "tools/import/import_conf.h"
#include "tools/import/import_ports.h"
#include "tools/import/import_range.h"

enum {
	MIN_PORT_DEFAULT = 49152,
	MAX_PORT_DEFAULT = 65535,
	RELAY_PORT_MIN = 1024,
	WORKERS_MAX = 256,
	REALM_MAX = 127,
	DAY_S = 86400,
	NONCE_MIN_S = 32,
	NONCE_DEFAULT_S = 600,
	CHANNEL_S = 600,
	PERMISSION_S = 300,
	METRICS_PORT = 9641,
	/* coturn counts bytes each way, we bits of both ways together. */
	BANDWIDTH_FACTOR = 2 * 8,
};

#define BANDWIDTH_MAX (INT64_C(1) << 40)

/* End a line with the origin of its value. */
static void end_line(const struct import_conf *conf, const char *name, FILE *out)
{
	const struct import_setting *setting = import_find(conf, name);

	if (setting)
		fprintf(out, "\t# %s, line %u", name, setting->line);
	fputc('\n', out);
}

static void write_text(struct import_conf *conf, FILE *out, const char *name,
		       const char *key, const char *indent)
{
	const char *text = import_text(conf, name);

	if (!text)
		return;
	fprintf(out, "%s%s = \"%s\"", indent, key, text);
	end_line(conf, name, out);
}

/* The realm goes over the wire as a quoted string. */
static void write_realm(struct import_conf *conf, FILE *out)
{
	const char *realm = import_text(conf, "realm");
	size_t len = 0;

	while (realm && realm[len] >= ' ' && realm[len] <= '~')
		len++;
	if (!realm)
		return;
	if (realm[len] != '\0' || len > REALM_MAX)
		import_note(conf, import_find(conf, "realm"), NULL,
			    "expected at most %d printable ASCII characters", REALM_MAX);
	else
		write_text(conf, out, "realm", "realm", "");
}

static void write_head(struct import_conf *conf, const struct import_plan *plan,
		       FILE *out)
{
	int64_t threads;

	fprintf(out,
		"# Converted from a coturn configuration by avedgectl. For the keys see\n"
		"# mediarelayd.conf(5). Run \"mediarelayd --check\" before use.\n\n");
	write_realm(conf, out);
	if (!import_find(conf, "realm"))
		import_note(
			conf, NULL, "realm",
			"coturn defaults to the host name, avedge to \"edge\"; set realm");
	if (plan->keys)
		fprintf(out, "# from static-auth-secret\nkeys = \"%s\"\n", plan->keys);
	if (import_find(conf, "no-software-attribute")) {
		fprintf(out, "software = \"\"");
		end_line(conf, "no-software-attribute", out);
	}
	if (import_number(conf, "relay-threads", 0, WORKERS_MAX, &threads)) {
		fprintf(out, "workers = %" PRId64, threads > 0 ? threads : 1);
		end_line(conf, "relay-threads", out);
	}
	write_text(conf, out, "proc-user", "user", "");
	write_text(conf, out, "proc-group", "group", "");
}

/* coturn looks for its files in directories of its own. */
static void write_path(struct import_conf *conf, FILE *out, const char *name,
		       const char *key)
{
	const struct import_setting *setting = import_find(conf, name);

	if (setting && *setting->value != '\0' && *setting->value != '/')
		import_note(
			conf, setting, NULL,
			"relative to the directory mediarelayd starts in; write the full "
			"path");
	write_text(conf, out, name, key, "\t");
}

static void write_tls(struct import_conf *conf, FILE *out)
{
	if (!import_find(conf, "cert") && !import_find(conf, "pkey"))
		return;
	fprintf(out, "\ntls {\n");
	write_path(conf, out, "cert", "certificate");
	write_path(conf, out, "pkey", "private_key");
	fprintf(out, "}\n");
}

/* The addresses of one side, "{a, b}" without the braces; how many. */
static size_t write_addresses(const struct import_conf *conf,
			      const struct import_plan *plan, bool inside, FILE *out)
{
	size_t index = 0, count = 0;
	char text[ENDPOINT_TEXT_LEN];
	struct ip_addr ip;

	while (import_next_listening(conf, &index, &ip)) {
		if (import_is_inside(plan, &ip) == inside)
			fprintf(out, "%s\"%s\"", count++ > 0 ? ", " : "",
				ip_addr_format(&ip, text, sizeof(text)));
	}
	return count;
}

static void check_addresses(struct import_conf *conf)
{
	const struct import_setting *setting;
	struct ip_addr ip;
	size_t index = 0;

	while ((setting = import_next(conf, "listening-ip", &index))) {
		if (!ip_addr_parse(setting->value, &ip))
			import_note(conf, setting, NULL, "not an address");
	}
}

/* What external-ip says about an address: "PUBLIC/PRIVATE", or "PUBLIC" for the only one. */
static const struct import_setting *public_of(const struct import_conf *conf,
					      const struct ip_addr *ip, size_t addresses,
					      struct ip_addr *public)
{
	const struct import_setting *setting;
	char first[ENDPOINT_TEXT_LEN];
	struct ip_addr private;
	size_t index = 0;

	while ((setting = import_next(conf, "external-ip", &index))) {
		const char *slash = strchr(setting->value, '/');
		size_t len = strcspn(setting->value, "/");

		if (len >= sizeof(first))
			continue;
		memcpy(first, setting->value, len);
		first[len] = '\0';
		if (!ip_addr_parse(first, public))
			continue;
		if (!slash && addresses == 1)
			return setting;
		if (slash && ip_addr_parse(slash + 1, &private) &&
		    ip_addr_equal(&private, ip))
			return setting;
	}
	return NULL;
}

/* Public addresses for all outside addresses, or for none; addresses: their number. */
static void write_public(struct import_conf *conf, const struct import_plan *plan,
			 size_t addresses, FILE *out)
{
	const struct import_setting *external = import_find(conf, "external-ip");
	size_t index = 0, found = 0, size = 0;
	char text[ENDPOINT_TEXT_LEN];
	struct ip_addr ip, public;
	char *list = NULL;
	FILE *stream;

	if (!external)
		return;
	stream = open_memstream(&list, &size);
	if (!stream)
		return;
	while (import_next_listening(conf, &index, &ip)) {
		if (import_is_inside(plan, &ip))
			continue;
		/* Without NAT an address is its own public address. */
		if (public_of(conf, &ip, addresses, &public))
			found++;
		else
		public = ip;
		fprintf(stream, "%s\"%s\"", ftell(stream) > 0 ? ", " : "",
			ip_addr_format(&public, text, sizeof(text)));
	}
	fclose(stream);
	assert(found <= addresses);
	if (found > 0)
		fprintf(out, "\tpublic = {%s}\t# external-ip\n", list);
	else
		import_note(conf, external, NULL,
			    "matches no outside address; set public of side outside");
	free(list);
}

static void write_side(struct import_conf *conf, const struct import_plan *plan,
		       bool inside, const struct import_side_ports *ports, FILE *out)
{
	char *list = NULL;
	size_t size = 0, count;
	FILE *stream = open_memstream(&list, &size);

	if (!stream)
		return;
	count = write_addresses(conf, plan, inside, stream);
	fclose(stream);
	fprintf(out, "\nside %s {\n", inside ? "inside" : "outside");
	if (count > 0)
		fprintf(out, "\taddresses = {%s}\t# listening-ip\n", list);
	else
		fprintf(out, "\t# set this\n\t#addresses = {%s}\n",
			inside ? "10.0.0.5" : "192.0.2.10");
	free(list);
	if (count == 0)
		import_note(
			conf, NULL, inside ? "side inside" : "side outside",
			inside ? "coturn has no sides: name the inside listening-ip with "
				 "--inside, or set addresses"
			       : "no listening-ip is left for the outside; set addresses");
	if (!inside)
		write_public(conf, plan, count, out);
	fprintf(out, "\t# listening-port, tls-listening-port and their like\n");
	import_ports_write("udp_ports", &ports->udp, out);
	fputc('\n', out);
	import_ports_write("tcp_ports", &ports->tcp, out);
	fprintf(out, "}\n");
}

/* Relayed addresses are on the outside addresses, whatever the client's are. */
static void check_relay_ips(struct import_conf *conf, const struct import_plan *plan)
{
	const struct import_setting *relay;
	struct ip_addr ip;
	size_t index = 0;

	while ((relay = import_next(conf, "relay-ip", &index))) {
		if (!ip_addr_parse(relay->value, &ip) || import_is_inside(plan, &ip) ||
		    !import_has_listening(conf, &ip))
			import_note(
				conf, relay, NULL,
				"relayed addresses use the outside addresses; this is "
				"none of them");
	}
}

static void write_relay(struct import_conf *conf, FILE *out)
{
	int64_t first = MIN_PORT_DEFAULT, last = MAX_PORT_DEFAULT;

	import_number(conf, "min-port", RELAY_PORT_MIN, UINT16_MAX, &first);
	import_number(conf, "max-port", RELAY_PORT_MIN, UINT16_MAX, &last);
	if (first > last) {
		import_note(conf, import_find(conf, "max-port"), "max-port",
			    "below min-port");
		return;
	}
	/* Also the defaults: the firewall is open for these. */
	fprintf(out,
		"\nrelay {\n\t# min-port and max-port\n\tports = \"%" PRId64 "-%" PRId64
		"\"\n}\n",
		first, last);
}

static void read_ranges(struct import_conf *conf, const char *name,
			struct import_prefixes *prefixes)
{
	const struct import_setting *setting;
	size_t index = 0;

	while ((setting = import_next(conf, name, &index))) {
		if (!import_range_add(prefixes, setting->value))
			import_note(conf, setting, NULL,
				    "neither an address nor an address range");
	}
}

static void write_prefixes(const char *key, const struct import_prefixes *prefixes,
			   FILE *out)
{
	char text[ENDPOINT_TEXT_LEN];

	if (prefixes->count == 0)
		return;
	fprintf(out, "\t%s = {", key);
	for (size_t i = 0; i < prefixes->count; i++)
		fprintf(out, "%s\"%s/%u\"", i > 0 ? ", " : "",
			ip_addr_format(&prefixes->list[i].ip, text, sizeof(text)),
			prefixes->list[i].len);
	fprintf(out, "}\n");
}

/* In coturn allowed ranges win, here the longest prefix. Drop what another prefix covers. */
static void drop_covered(struct import_prefixes *prefixes,
			 const struct import_prefixes *by)
{
	size_t kept = 0;

	for (size_t i = 0; i < prefixes->count; i++) {
		struct import_prefixes before = {prefixes->list, kept};

		if (!import_range_covers(by, &prefixes->list[i]) &&
		    !import_range_covers(&before, &prefixes->list[i]))
			prefixes->list[kept++] = prefixes->list[i];
	}
	assert(kept <= prefixes->count);
	prefixes->count = kept;
}

static void write_peers(struct import_conf *conf, FILE *out)
{
	struct import_prefixes allowed = {0}, denied = {0}, none = {0};

	read_ranges(conf, "allowed-peer-ip", &allowed);
	if (import_find(conf, "allow-loopback-peers")) {
		import_range_add(&allowed, "127.0.0.0-127.255.255.255");
		import_range_add(&allowed, "::1");
	}
	read_ranges(conf, "denied-peer-ip", &denied);
	drop_covered(&allowed, &none);
	drop_covered(&denied, &allowed);
	if (allowed.count > 0 || denied.count > 0) {
		fprintf(out, "\npeers {\n");
		fprintf(out, "\t# allowed-peer-ip and denied-peer-ip, as prefixes\n");
		write_prefixes("allow", &allowed, out);
		write_prefixes("deny", &denied, out);
		fprintf(out, "}\n");
	}
	import_note(conf, NULL, "peers",
		    "coturn relays to private networks unless denied-peer-ip forbids it; "
		    "avedge only if peers.allow permits it");
	free(allowed.list);
	free(denied.list);
}

static const struct {
	const char *name, *key;
	int64_t max;
	int factor;         /* from coturn's unit to ours */
	bool is_of_dialect; /* section ms has one for Microsoft's clients */
} limits[] = {
	{"user-quota", "allocations_per_user", UINT32_MAX, 1, true},
	{"total-quota", "allocations_total", UINT32_MAX, 1, false},
	{"max-bps", "bandwidth_per_allocation", BANDWIDTH_MAX, BANDWIDTH_FACTOR, true},
	{"bps-capacity", "bandwidth_total", BANDWIDTH_MAX, BANDWIDTH_FACTOR, false},
};

/* 0 is no limit in both. */
static void write_limit(struct import_conf *conf, FILE *out, size_t i)
{
	int64_t value;

	assert(i < sizeof(limits) / sizeof(limits[0]));
	if (import_number(conf, limits[i].name, 0, limits[i].max, &value)) {
		if (value > 0 && limits[i].factor != 1)
			fprintf(out, "\t# bits of both directions, from bytes of each\n");
		if (limits[i].is_of_dialect)
			fprintf(out,
				"\t# clients of Microsoft have their own in section ms\n");
		fprintf(out, "\t%s = %" PRId64, limits[i].key, value * limits[i].factor);
		end_line(conf, limits[i].name, out);
	}
}

static void write_nonce(struct import_conf *conf, FILE *out)
{
	const struct import_setting *setting = import_find(conf, "stale-nonce");
	int64_t value = NONCE_DEFAULT_S;

	/* Without a value it is coturn's default; 0 is indefinitely, which we refuse. */
	if (!setting)
		return;
	if (*setting->value == '\0' ||
	    import_number(conf, "stale-nonce", NONCE_MIN_S, DAY_S, &value)) {
		fprintf(out, "\tnonce_lifetime = %" PRId64 "s", value);
		end_line(conf, "stale-nonce", out);
	}
}

/* Values that RFC 8656 fixes; only another one is worth a note. */
static void check_fixed(struct import_conf *conf, const char *name, int64_t fixed,
			const char *section)
{
	const struct import_setting *setting = import_find(conf, name);

	if (setting && strtoll(setting->value, NULL, 10) != fixed)
		import_note(conf, setting, NULL,
			    "fixed at %" PRId64 " seconds (RFC 8656 section %s)", fixed,
			    section);
}

static void write_limits(struct import_conf *conf, FILE *out)
{
	int64_t lifetime;

	fprintf(out, "\nlimits {\n");
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		write_limit(conf, out, i);
	if (import_number(conf, "max-allocate-lifetime", 60, DAY_S, &lifetime)) {
		/* The default lifetime must fit below. */
		if (lifetime < 600)
			fprintf(out, "\tlifetime_default = %" PRId64 "s\n", lifetime);
		fprintf(out, "\tlifetime_max = %" PRId64 "s", lifetime);
		end_line(conf, "max-allocate-lifetime", out);
	}
	write_nonce(conf, out);
	fprintf(out, "}\n");
	check_fixed(conf, "channel-lifetime", CHANNEL_S, "12");
	check_fixed(conf, "permission-lifetime", PERMISSION_S, "9");
}

static void write_rest(struct import_conf *conf, FILE *out)
{
	const struct import_setting *family =
		import_find(conf, "allocation-default-address-family");
	const struct import_setting *separator = import_find(conf, "rest-api-separator");
	int64_t port = METRICS_PORT;

	if (import_find(conf, "Verbose"))
		fprintf(out, "\nlog {\n\tlevel = debug\n}\n");
	import_number(conf, "prometheus-port", 1, UINT16_MAX, &port);
	if (import_find(conf, "prometheus"))
		fprintf(out,
			"\nmetrics {\n\t# loopback only; metric names differ from coturn's\n"
			"\taddress = \"127.0.0.1:%" PRId64 "\"\n}\n",
			port);
	if (family && strcmp(family->value, "ipv4") != 0)
		import_note(conf, family, NULL,
			    "requests without a family get IPv4 (RFC 8656 section 7.2)");
	if (separator && strcmp(separator->value, ":") != 0)
		import_note(conf, separator, NULL,
			    "TURN REST user names have a colon after the expiry time");
}

static void note_lost(struct import_conf *conf)
{
	for (size_t i = 0; i < conf->count; i++) {
		const struct import_setting *setting = &conf->settings[i];

		if (!setting->option)
			import_note(conf, setting, NULL, "no such option in coturn 4.6");
		else if (setting->option->fate == IMPORT_LOST && !setting->off)
			import_note(conf, setting, NULL, "%s", setting->option->reason);
	}
}

void import_write(struct import_conf *conf, const struct import_plan *plan, FILE *out)
{
	struct import_side_ports sides[2];

	write_head(conf, plan, out);
	write_tls(conf, out);
	import_ports_find(conf, plan, sides);
	write_side(conf, plan, true, &sides[0], out);
	write_side(conf, plan, false, &sides[1], out);
	check_addresses(conf);
	check_relay_ips(conf, plan);
	write_relay(conf, out);
	write_peers(conf, out);
	write_limits(conf, out);
	write_rest(conf, out);
	note_lost(conf);
	import_sort_notes(conf);
}
