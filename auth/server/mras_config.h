/*
 * mras_config.h - mrasd.conf as checked values. See mrasd.conf(5) for the language and
 * base/config/config.h for loading and comparing.
 */
#ifndef AUTH_SERVER_MRAS_CONFIG_H
#define AUTH_SERVER_MRAS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/mras/service.h"
#include "base/config/config.h"

enum {
	MRAS_CONFIG_ADDRESSES_MAX = 16,
	MRAS_CONFIG_SERVERS_MAX = 1000,
	MRAS_CONFIG_RELAYS_MAX = 64,
};

/* The watched files, in the order of the schema. */
enum mras_file {
	MRAS_FILE_KEYS,
	MRAS_FILE_CERTIFICATE,
	MRAS_FILE_PRIVATE_KEY,
	MRAS_FILE_CA,
	MRAS_FILE_CRL,
	MRAS_FILE_COUNT
};

struct mras_config {
	struct config common;
	struct ip_addr *addresses; /* at least one, none of them outside */
	size_t address_count;
	uint16_t port;
	struct ip_addr *outside; /* outside_addresses */
	size_t outside_count;
	char *realm; /* of the relay */
	int64_t clock_skew_s;
	struct {
		char *certificate; /* PEM, leaf first, then the chain */
		char *private_key; /* PEM */
		char *ca;          /* PEM: CAs of trusted servers */
		char *crl;         /* PEM; NULL: none */
	} tls;
	struct service_server *servers; /* at least one */
	size_t server_count;
	struct service_relay *relays; /* at least one */
	size_t relay_count;
	struct {
		uint32_t default_s, max_s;
	} duration;
	struct {
		uint32_t connections;
		uint32_t connections_per_server;
		uint32_t half_open; /* of them before the end of the handshake */
		uint32_t half_open_per_source;
		uint32_t handshake_ms;
		uint32_t request_ms; /* a request must be complete, an answer taken */
		uint32_t idle_ms;    /* 0: no limit */
		uint32_t body;       /* bytes of one request */
		uint32_t identity_per_minute; /* credentials; 0: no limit */
	} limits;
	bool log_identities; /* records name the identity of a credential */
};

extern const struct config_schema mras_config_schema;

#endif
