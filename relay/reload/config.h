/*
 * config.h - mediarelayd.conf as checked values. See mediarelayd.conf(5) for the language.
 *
 * Owner    config_load() makes one, config_free() frees it; immutable between. A reload makes
 *          a second one and compares.
 */
#ifndef RELAY_RELOAD_CONFIG_H
#define RELAY_RELOAD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/config/config_value.h"
#include "base/reload_report.h"
#include "relay/core/front.h"
#include "relay/core/peer_policy.h"
#include "relay/core/turn.h"

struct config_side {
	/* At least one; public equals local unless behind 1:1 NAT, outside only. */
	struct config_address *addresses;
	size_t address_count;
	uint16_t udp_port;          /* 3478; 0: no UDP front on this side */
	uint16_t tcp_port;          /* 443; 0: none */
	struct ip_prefix *networks; /* inside: what lies there; refused as peers */
	size_t network_count;
	struct ip_prefix *clients; /* who may be a client here; empty: everybody */
	size_t client_count;
	/* Where a draining relay sends new clients: one of each family at most; public unused. */
	struct config_address *alternates;
	size_t alternate_count;
	char *alternate_domain; /* NULL: none */
};

struct config {
	char *path; /* where it came from */
	char *realm;
	char *keys;            /* path of the keyring file */
	char *revoked_users;   /* path of a file with one user a line; NULL: none */
	char *software;        /* "" leaves SOFTWARE out */
	bool rfc5766_channels; /* channel numbers up to 0x7FFF for old clients */
	unsigned workers;      /* 0: one per CPU */
	char *user, *group;    /* to change to after binding; NULL: stay */
	struct config_side sides[SIDE_COUNT];
	struct {                   /* certificate NULL: no TLS fronts */
		char *certificate; /* PEM, leaf first, then the chain */
		char *private_key; /* PEM */
	} tls;
	struct {
		bool enabled;
		char *realm; /* without the quotes that it is sent in */
		uint32_t version;
		bool bandwidth_management, ipv6;
	} ms;
	struct {
		uint16_t first, last;
		uint32_t rest_ms;         /* of a port given back */
		uint32_t peer_queue;      /* bytes queued towards a TCP peer */
		uint32_t peer_timeout_ms; /* to connect to it, and for that queue to drain */
	} relay;
	struct {
		struct ip_prefix *allow, *deny;
		size_t allow_count, deny_count;
	} peers;
	struct turn_limits limits;
	uint32_t nonce_lifetime_s;
	struct {
		uint32_t allocations_total; /* 0: as many as there are ports */
		uint16_t permissions;       /* per allocation, 1..256 */
		uint16_t channels;          /* per allocation, 1..256 */
		uint32_t connections;       /* stream connections per worker, all */
		uint32_t unauthenticated; /* of them not yet authenticated, per worker */
		uint32_t unauthenticated_per_prefix; /* of all workers */
		uint32_t greeting_ms;                /* first bytes and TLS handshake */
		uint32_t authentication_ms;          /* first authenticated request */
		uint32_t frame_ms;                   /* a frame begun must be complete */
		uint32_t idle_ms;    /* a connection without allocation; 0: for ever */
		uint32_t send_queue; /* bytes queued towards a stream client */
	} fixed_limits;
	struct {
		char *level;  /* error, warning, notice, info, debug */
		bool records; /* one record at the end of every allocation */
	} log;
	struct {
		char *socket; /* UNIX socket path; NULL: no control interface */
		char *group;  /* who may use it besides root; NULL: nobody */
	} control;
	struct {
		struct endpoint listen; /* of family IP_NONE: nowhere */
	} metrics;
	struct { /* where in the file, 0 if not there: for errors of what they name */
		unsigned keys, revoked_users, certificate, private_key, user, group,
			control_socket, control_group, metrics_listen;
	} lines;
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

/*
 * What differs between two configurations, one call for each key: its name as in the man page,
 * both values as text, and what a reload makes of it. Returns how many.
 */
typedef void config_difference_fn(void *arg, const char *key, const char *before,
				  const char *after, enum reload_effect effect);
size_t config_compare(const struct config *before, const struct config *after,
		      config_difference_fn *report, void *arg);

/*
 * Every key as it is in force in the order of the manual: what needs a restart as it was
 * started with, the rest as read last. False if out of memory; then some are missing.
 */
bool config_in_force(const struct config *started, const struct config *last,
		     config_entry_fn *report, void *arg);

/*
 * Every key on a line: section, name, kind, default, "reload" or "restart", what it is; with
 * tabs between.
 */
void config_print_keys(FILE *out);

#endif
