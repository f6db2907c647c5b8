/*
 * load_options.h - the command line of avedge-load.
 */
#ifndef TOOLS_LOAD_LOAD_OPTIONS_H
#define TOOLS_LOAD_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/endpoint.h"
#include "stun/integrity.h"
#include "tools/client/client_config.h"

enum {
	LOAD_HOST_MAX = 255,
	LOAD_SERVER_LEN = LOAD_HOST_MAX + 16, /* room for load_server() */
	LOAD_ERROR_MAX = 640,                 /* room for a complaint */
	LOAD_CLIENTS_MAX = 1000000,
	LOAD_TOKEN_MAX = 600,     /* bytes; a request has to hold it */
	LOAD_PACKET_MAX = 65000,  /* one UDP datagram with every header */
	LOAD_UNDER_WAY_MAX = 256, /* set-ups, or releases, at the same time */
};

enum load_task {
	LOAD_MEDIA,
	LOAD_HOLD,
	LOAD_CYCLES,
};

/* What a client does whose connection has ended. */
enum load_reconnect {
	LOAD_RECONNECT_NONE,     /* it has failed */
	LOAD_RECONNECT_ALLOCATE, /* connects, and allocates anew */
	LOAD_RECONNECT_TICKET,   /* connects, and brings its ticket (RFC 8016) */
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
	bool tcp_relay; /* relayed addresses of TCP (RFC 6062) */
	bool dont_fragment;
	enum load_reconnect reconnect;
	int64_t move_every_s;   /* each client, while media runs (RFC 8016); 0: never */
	struct ip_addr proxied; /* of the clients, as a balancer tells it; IP_NONE: none */
	const char *access_token; /* base64 (RFC 7635); NULL: a long-term credential */
	uint8_t token[LOAD_TOKEN_MAX], session_key[STUN_KEY_MAX]; /* as bytes */
	size_t token_len, session_key_len;
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

/*
 * The help of avedge-load, in load_help.c; and, in load_rules.c, what options must agree on, called once
 * all are read: false, with a sentence in error.
 */
extern const char load_help[];
bool load_rules_agree(struct load_options *options, char error[LOAD_ERROR_MAX]);

/* Are the peers TCP, so that each packet has its length in front? */
bool load_peers_are_streams(const struct load_options *options);
/* Is the server to be verified by a certificate? */
bool load_has_certificate(const struct load_options *options);

/* TRANSPORT:HOST:PORT as --server takes it; returns buf. */
const char *load_server(const struct load_options *options, char buf[LOAD_SERVER_LEN]);

#endif
