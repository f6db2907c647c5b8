/*
 * load_options.c - see load_options.h. A table has one row per option.
 */
#include "tools/load/load_options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config/nearest.h"
#include "base/units.h"
#include "stun/registry.h"

enum { MS_STREAM_PORT = 443 };

struct parse {
	struct load_options *options;
	char *error;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct parse *parse,
							 const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(parse->error, LOAD_ERROR_MAX, format, args);
	va_end(args);
	return false;
}

/* --- values ------------------------------------------------------------------------------- */

static bool number(struct parse *parse, const char *option, const char *text,
		   uint64_t min, uint64_t max, uint64_t *value)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 18 || text[digits] != '\0')
		return refuse(parse, "--%s %s: not a number", option, text);
	*value = strtoull(text, NULL, 10);
	if (*value < min || *value > max)
		return refuse(parse, "--%s %s: must be between %llu and %llu", option,
			      text, (unsigned long long)min, (unsigned long long)max);
	return true;
}

/* Digits with at most one point: no sign, exponent, hexadecimal, infinity. */
static bool fraction(struct parse *parse, const char *option, const char *text,
		     double max, double *value)
{
	size_t whole = strspn(text, "0123456789");
	const char *rest = text + whole;
	size_t after = 0;

	if (*rest == '.') {
		after = strspn(rest + 1, "0123456789");
		rest += 1 + after;
	}
	if (whole + after == 0 || whole + after > 15 || *rest != '\0')
		return refuse(parse, "--%s %s: not a number such as 2 or 0.5", option,
			      text);
	*value = strtod(text, NULL);
	if (*value > max)
		return refuse(parse, "--%s %s: must be at most %g", option, text, max);
	return true;
}

static const char *const transports[] = {
	[CLIENT_UDP] = "udp",   [CLIENT_TCP] = "tcp",   [CLIENT_TLS] = "tls",
	[CLIENT_DTLS] = "dtls", [CLIENT_PTLS] = "ptls",
};

static bool transport(const char *text, size_t len, struct load_options *options)
{
	for (int i = CLIENT_UDP; i <= CLIENT_PTLS; i++) {
		const char *name = transports[i];
		if (strlen(name) == len && memcmp(name, text, len) == 0) {
			options->transport = (enum client_transport)i;
			return true;
		}
	}
	return false;
}

static bool port(struct parse *parse, const char *text, uint16_t *value)
{
	uint64_t wide;

	if (!number(parse, "server ... port", text, 1, UINT16_MAX, &wide))
		return false;
	*value = (uint16_t)wide;
	return true;
}

static bool server(struct parse *parse, const char *text)
{
	struct load_options *options = parse->options;
	const char *host = strchr(text, ':'), *end, *rest;

	if (host == NULL || !transport(text, (size_t)(host - text), options))
		return refuse(
			parse,
			"--server %s: must start with udp:, tcp:, tls:, dtls: or ptls:",
			text);
	host++;
	if (*host == '[') {
		host++;
		end = strchr(host, ']');
		rest = end == NULL ? NULL : end + 1;
	} else {
		end = rest = host + strcspn(host, ":");
		if (strchr(rest, ':') != strrchr(rest, ':'))
			return refuse(parse,
				      "--server %s: write an IPv6 address in brackets",
				      text);
	}
	if (end == NULL || end == host || end - host > LOAD_HOST_MAX ||
	    (*rest != '\0' && *rest != ':'))
		return refuse(parse, "--server %s: not TRANSPORT:HOST[:PORT]", text);
	memcpy(options->host, host, (size_t)(end - host));
	options->host[end - host] = '\0';
	options->port = 0;
	return *rest == '\0' || port(parse, rest + 1, &options->port);
}

static bool dialect(struct parse *parse, const char *text)
{
	parse->options->dialect_ms = strcmp(text, "ms") == 0;
	return parse->options->dialect_ms || strcmp(text, "ietf") == 0 ||
	       refuse(parse, "--dialect %s: must be ietf or ms", text);
}

static bool mode(struct parse *parse, const char *text)
{
	parse->options->send_mode = strcmp(text, "send") == 0;
	return parse->options->send_mode || strcmp(text, "channel") == 0 ||
	       refuse(parse, "--mode %s: must be channel or send", text);
}

static bool family(struct parse *parse, const char *text)
{
	parse->options->family = strcmp(text, "4") == 0   ? IP_V4
				 : strcmp(text, "6") == 0 ? IP_V6
							  : IP_NONE;
	return parse->options->family != IP_NONE ||
	       refuse(parse, "--family %s: must be 4 or 6", text);
}

static bool peer_address(struct parse *parse, const char *text)
{
	return ip_addr_parse(text, &parse->options->peer_address) ||
	       refuse(parse, "--peer-address %s: not an IP address", text);
}

static bool proxy_protocol(struct parse *parse, const char *text)
{
	return ip_addr_parse(text, &parse->options->proxied) ||
	       refuse(parse, "--proxy-protocol %s: not an IP address", text);
}

static bool direction(struct parse *parse, const char *text)
{
	bool both = strcmp(text, "both") == 0;

	parse->options->direction[LOAD_UP] = both || strcmp(text, "up") == 0;
	parse->options->direction[LOAD_DOWN] = both || strcmp(text, "down") == 0;
	return parse->options->direction[LOAD_UP] ||
	       parse->options->direction[LOAD_DOWN] ||
	       refuse(parse, "--direction %s: must be both, up or down", text);
}

static bool seconds_of(struct parse *parse, const char *option, const char *text,
		       int64_t *seconds)
{
	if (!units_duration(text, seconds))
		return refuse(parse, "--%s %s: not a duration such as 30s or 5m", option,
			      text);
	return (*seconds >= 1 && *seconds <= 30 * 86400) ||
	       refuse(parse, "--%s %s: must be between 1s and 30d", option, text);
}

static bool duration(struct parse *parse, const char *text)
{
	return seconds_of(parse, "duration", text, &parse->options->duration_s);
}

static bool mobility(struct parse *parse, const char *text)
{
	return seconds_of(parse, "mobility", text, &parse->options->move_every_s);
}

static bool reconnect(struct parse *parse, const char *text)
{
	enum load_reconnect *how = &parse->options->reconnect;

	*how = strcmp(text, "allocate") == 0 ? LOAD_RECONNECT_ALLOCATE
	       : strcmp(text, "ticket") == 0 ? LOAD_RECONNECT_TICKET
					     : LOAD_RECONNECT_NONE;
	return *how != LOAD_RECONNECT_NONE ||
	       refuse(parse, "--reconnect %s: must be allocate or ticket", text);
}

static bool hold(struct parse *parse, const char *text)
{
	(void)text;
	if (parse->options->task == LOAD_CYCLES)
		return refuse(parse, "--hold and --cycles cannot be combined");
	parse->options->task = LOAD_HOLD;
	return true;
}

static bool cycles(struct parse *parse, const char *text)
{
	if (parse->options->task == LOAD_HOLD)
		return refuse(parse, "--hold and --cycles cannot be combined");
	parse->options->task = LOAD_CYCLES;
	return number(parse, "cycles", text, 1, 1000000000, &parse->options->cycles);
}

/* --- the table ---------------------------------------------------------------------------- */

enum kind { FLAG, TEXT, COUNT32, COUNT64, FRACTION, SPECIAL };

static const struct row {
	const char *name;
	enum kind kind;
	size_t offset;     /* all but SPECIAL: of the member */
	uint64_t min, max; /* counts; FRACTION: max */
	bool (*take)(struct parse *parse, const char *text); /* SPECIAL */
	bool bare; /* SPECIAL: takes no value, as flags do */
} rows[] = {
#define MEMBER(member) .offset = offsetof(struct load_options, member)
	{"server", SPECIAL, .take = server},
	{"user", TEXT, MEMBER(username)},
	{"password", TEXT, MEMBER(password)},
	{"clients", COUNT32, MEMBER(clients), .min = 1, .max = LOAD_CLIENTS_MAX},
	{"setup-rate", COUNT32, MEMBER(setup_rate), .min = 1, .max = 1000000},
	{"dialect", SPECIAL, .take = dialect},
	{"mode", SPECIAL, .take = mode},
	{"access-token", TEXT, MEMBER(access_token)},
	{"proxy-protocol", SPECIAL, .take = proxy_protocol},
	{"tcp-relay", FLAG, MEMBER(tcp_relay)},
	{"mobility", SPECIAL, .take = mobility},
	{"reconnect", SPECIAL, .take = reconnect},
	{"dont-fragment", FLAG, MEMBER(dont_fragment)},
	{"family", SPECIAL, .take = family},
	{"peer-address", SPECIAL, .take = peer_address},
	{"peers", COUNT32, MEMBER(peers), .min = 1, .max = 60000},
	{"between-clients", FLAG, MEMBER(between_clients)},
	{"packet-size", COUNT32, MEMBER(packet_size), .min = 32, .max = LOAD_PACKET_MAX},
	{"rate", COUNT32, MEMBER(rate), .min = 1, .max = 10000000},
	{"total-rate", COUNT64, MEMBER(total_rate), .min = 1, .max = 100000000},
	{"burst", COUNT32, MEMBER(burst), .min = 1, .max = 1000},
	{"direction", SPECIAL, .take = direction},
	{"duration", SPECIAL, .take = duration},
	{"hold", SPECIAL, .take = hold, .bare = true},
	{"cycles", SPECIAL, .take = cycles},
	{"ca", TEXT, MEMBER(ca_file)},
	{"tls-name", TEXT, MEMBER(tls_name)},
	{"insecure", FLAG, MEMBER(insecure)},
	{"max-loss", FRACTION, MEMBER(max_loss_percent), .max = 100},
	{"max-delay", FRACTION, MEMBER(max_delay_ms), .max = 1000000},
	{"max-setup", FRACTION, MEMBER(max_setup_ms), .max = 1000000},
	{"json", FLAG, MEMBER(json)},
	{"quiet", FLAG, MEMBER(quiet)},
	{"progress", FLAG, MEMBER(progress)},
	{"help", FLAG, MEMBER(help)},
	{"version", FLAG, MEMBER(version)},
#undef MEMBER
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static bool take(struct parse *parse, const struct row *row, const char *text)
{
	void *member = (char *)parse->options + row->offset;
	uint64_t value;

	switch (row->kind) {
	case FLAG:
		*(bool *)member = true;
		return true;
	case TEXT:
		*(const char **)member = text;
		return *text != '\0' ||
		       refuse(parse, "--%s must not be empty", row->name);
	case COUNT32:
		if (!number(parse, row->name, text, row->min, row->max, &value))
			return false;
		*(uint32_t *)member = (uint32_t)value;
		return true;
	case COUNT64:
		return number(parse, row->name, text, row->min, row->max, member);
	case FRACTION:
		return fraction(parse, row->name, text, (double)row->max, member);
	case SPECIAL:
		return row->take(parse, text);
	}
	return false;
}

/* getopt_long() does not know the word. */
static bool refuse_word(struct parse *parse, const char *word)
{
	char name[64];
	struct nearest nearest = {.word = name};

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	nearest.word += strspn(name, "-");
	for (size_t i = 0; i < ROWS; i++)
		nearest_try(&nearest, rows[i].name);
	return nearest.found != NULL
		       ? refuse(parse,
				"%s: unknown option, or it takes no value; did you mean "
				"--%s?",
				word, nearest.found)
		       : refuse(parse, "%s: unknown option, or it takes no value", word);
}

static void long_options(struct option out[ROWS + 1])
{
	for (size_t i = 0; i < ROWS; i++) {
		bool bare = rows[i].kind == FLAG || rows[i].bare;
		out[i] = (struct option){rows[i].name,
					 bare ? no_argument : required_argument, NULL, 0};
	}
	out[ROWS] = (struct option){NULL, 0, NULL, 0};
}

/* --- all of it ---------------------------------------------------------------------------- */

static bool walk(struct parse *parse, int argc, char **argv)
{
	struct option table[ROWS + 1];
	int index = 0, result;

	long_options(table);
	optind = 0; /* start again, even after an earlier parse */
	opterr = 0;
	while ((result = getopt_long(argc, argv, ":", table, &index)) != -1) {
		const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";
		if (result == ':')
			return refuse(parse, "%s requires a value", word);
		if (result != 0)
			return refuse_word(parse, word);
		if (!take(parse, &rows[index], optarg))
			return false;
		if (parse->options->help || parse->options->version)
			return true;
	}
	return optind == argc || refuse(parse, "'%s': unexpected argument", argv[optind]);
}

/* Microsoft's servers accept streams on port 443. */
static uint16_t default_port(const struct load_options *options)
{
	if (load_has_certificate(options))
		return STUNS_PORT;
	return options->dialect_ms && options->transport != CLIENT_UDP ? MS_STREAM_PORT
								       : STUN_PORT;
}

bool load_options_parse(int argc, char **argv, struct load_options *options,
			char error[LOAD_ERROR_MAX])
{
	struct parse parse = {options, error};

	*options = (struct load_options){
		.setup_rate = 1000,
		.packet_size = 160,
		.burst = 1,
		.direction = {true, true},
		.duration_s = 5,
		.max_loss_percent = -1,
		.max_delay_ms = -1,
		.max_setup_ms = -1,
	};
	error[0] = '\0';
	if (!walk(&parse, argc, argv))
		return false;
	if (options->help || options->version)
		return true;
	if (options->clients == 0)
		options->clients = options->between_clients ? 2 : 1;
	if (!load_rules_agree(options, error))
		return false;
	if (options->rate == 0)
		options->rate = 50;
	if (options->peers == 0)
		options->peers = options->clients < 16 ? options->clients : 16;
	if (options->tls_name == NULL)
		options->tls_name = options->host;
	if (options->port == 0)
		options->port = default_port(options);
	return true;
}

const char *load_server(const struct load_options *options, char buf[LOAD_SERVER_LEN])
{
	bool v6 = strchr(options->host, ':') != NULL;

	snprintf(buf, LOAD_SERVER_LEN, "%s:%s%s%s:%u", transports[options->transport],
		 v6 ? "[" : "", options->host, v6 ? "]" : "", options->port);
	return buf;
}

/* In the Microsoft dialect a relayed address has the transport of its client. */
bool load_peers_are_streams(const struct load_options *options)
{
	return options->tcp_relay ||
	       (options->dialect_ms && options->transport != CLIENT_UDP);
}

bool load_has_certificate(const struct load_options *options)
{
	return options->transport == CLIENT_TLS || options->transport == CLIENT_DTLS;
}
