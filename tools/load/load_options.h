/*
 * load_options.h - the command line of avedge-load.
 */
#ifndef TOOLS_LOAD_LOAD_OPTIONS_H
#define TOOLS_LOAD_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/endpoint.h"
#include "tools/client/client_config.h"

enum {
	LOAD_HOST_MAX = 255,
	LOAD_SERVER_LEN = LOAD_HOST_MAX + 16, /* room for load_server() */
	LOAD_ERROR_MAX = 640,                 /* room for a complaint */
	LOAD_CLIENTS_MAX = 1000000,
	LOAD_PACKET_MAX = 65000,  /* one UDP datagram with every header */
	LOAD_UNDER_WAY_MAX = 256, /* set-ups, or releases, at the same time */
};

enum load_task {
	LOAD_MEDIA,
	LOAD_HOLD,
	LOAD_CYCLES,
};

/* Up is from a client to its peer; between clients from the first of a pair to the second. */
enum load_direction {
	LOAD_UP,
	LOAD_DOWN,
	LOAD_DIRECTIONS,
};

/* Texts are borrowed from argv. A limit below zero is none. */
struct load_options {
	enum client_transport transport;
	char host[LOAD_HOST_MAX + 1]; /* name or address, no brackets */
	uint16_t port;
	const char *username, *password;
	const char *ca_file, *tls_name;
	bool insecure;
	bool dialect_ms; /* Microsoft's instead of RFC 8656 */

	enum load_task task;
	uint32_t clients;
	uint32_t setup_rate; /* per second */
	uint64_t cycles;
	uint8_t family; /* of the relayed addresses; IP_NONE: not given */
	bool send_mode; /* a message around each packet; no channel, no bare data */
	bool between_clients;
	struct ip_addr peer_address; /* IP_NONE: not given */
	uint32_t peers;
	uint32_t packet_size; /* of the payload */
	uint32_t rate;        /* packets per second, client and direction, or ... */
	uint64_t total_rate;  /* ... over everything if not 0 */
	uint32_t burst;
	bool direction[LOAD_DIRECTIONS];
	int64_t duration_s;

	double max_loss_percent, max_delay_ms, max_setup_ms;
	bool json, quiet, progress;
	bool help, version; /* requested; nothing else is set then */
};

/* False, with a sentence in error, if the command line is wrong. Prints nothing. */
bool load_options_parse(int argc, char **argv, struct load_options *options,
			char error[LOAD_ERROR_MAX]);

/* TRANSPORT:HOST:PORT as --server takes it; returns buf. */
const char *load_server(const struct load_options *options, char buf[LOAD_SERVER_LEN]);

extern const char load_help[];

#endif
