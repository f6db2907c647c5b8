/*
 * config.h - mrasd.conf as checked values. See mrasd.conf(5) for the language.
 *
 * Owner    config_load() makes one, config_free() frees it; immutable between. A reload makes
 *          a second one and compares.
 */
#ifndef AUTH_SERVER_CONFIG_H
#define AUTH_SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/config/config_value.h"
#include "base/reload_report.h"

enum {
	CONFIG_ADDRESSES_MAX = 16,
	CONFIG_SERVERS_MAX = 1000,
	CONFIG_RELAYS_MAX = 64,
};

/* A trusted server. */
struct config_server {
	char *name;                 /* what its certificate must show, lower case */
	struct ip_prefix *networks; /* where it may come from; empty: anywhere */
	size_t network_count;
	char **identities; /* suffixes it may ask for; empty: any */
	size_t identity_count;
	uint32_t max_duration_s;      /* 0: duration.max */
	uint32_t requests_per_second; /* 0: no limit */
};

/* A relay as clients are told of it. */
struct config_relay {
	uint16_t location; /* CONFIG_INSIDE or CONFIG_OUTSIDE */
	char *host;
	struct ip_addr address;      /* family IP_NONE: not given */
	uint16_t udp_port, tcp_port; /* 0: not offered; never both */
	bool tls;
};

/* The files that it names; see auth/files. */
enum file_id {
	FILE_KEYS,
	FILE_CERTIFICATE,
	FILE_PRIVATE_KEY,
	FILE_CA,
	FILE_CRL,
	FILE_COUNT
};

enum { CONFIG_INSIDE, CONFIG_OUTSIDE }; /* relay.location */

struct config {
	char *path;                       /* where it came from */
	struct config_address *addresses; /* at least one, none of them outside */
	size_t address_count;
	uint16_t port;
	struct config_address *outside; /* outside_addresses */
	size_t outside_count;
	char *keys;         /* path of the keyring file */
	char *realm;        /* of the relay */
	char *user, *group; /* to change to after binding; NULL: stay */
	struct {
		char *certificate; /* PEM, leaf first, then the chain */
		char *private_key; /* PEM */
		char *ca;          /* PEM: who may have signed a trusted server */
		char *crl;         /* PEM; NULL: none */
	} tls;
	struct config_server *servers; /* at least one */
	size_t server_count;
	struct config_relay *relays; /* at least one */
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
		uint32_t idle_ms;    /* 0: for ever */
		uint32_t body;       /* bytes of one request */
		uint32_t identity_per_minute; /* credentials; 0: no limit */
	} limits;
	struct {
		char *level;
		bool records;    /* one for every credential issued */
		bool identities; /* they name whom it is for */
	} log;
	struct {
		char *socket; /* of the control interface; NULL: none */
		char *group;  /* whose members may use it; NULL: none */
	} control;
	struct endpoint metrics_listen; /* loopback; family IP_NONE: nowhere */
	struct {
		unsigned files[FILE_COUNT];
		unsigned user, group, control_socket, control_group, metrics_listen;
		unsigned addresses;
	} lines; /* where the file has them; 0: it does not */
};

/*
 * Read and check. NULL with a text in error: "FILE:LINE: what is wrong; what to do". Unknown
 * keys name the nearest known one. Nothing is opened but the file itself.
 */
struct config *config_load(const char *path, char *error, size_t error_size);
/* The same from memory; path is for the errors. */
struct config *config_parse(const char *path, const char *text, size_t len, char *error,
			    size_t error_size);
void config_free(struct config *config); /* NULL is allowed */

/* explain_key() with the path of that configuration. */
void config_blame(const struct config *config, unsigned line, const char *key,
		  char *error, size_t error_size);

/* The values of keys that need a restart stay: they change sides. */
void config_keep_fixed(struct config *in_force, struct config *next);

/*
 * What differs between two configurations, one call for each key: its name as in the man page,
 * both values as text, and what a reload makes of it. A block that came or went is one
 * difference.
 */
typedef void config_difference_fn(void *arg, const char *key, const char *before,
				  const char *after, enum reload_effect effect);
size_t config_compare(const struct config *before, const struct config *after,
		      config_difference_fn *report, void *arg);

/*
 * Every key with its value, those of blocks as config_compare() names them. False if out of
 * memory: some are missing.
 */
bool config_in_force(const struct config *config, config_entry_fn *report, void *arg);

/* Every key on a line, as config_keys_print() does. */
void config_print_keys(FILE *out);

#endif
