/*
 * relay_settings.h - everything a reload can change, as one immutable, counted object: what the
 * core is told (struct turn_settings), the TLS context, which clients are allowed.
 *
 * An expired certificate does not keep the relay from starting, nor from a reload that is about
 * something else: clients on UDP and TCP do not need it, and a relay that refuses to come back
 * at night is worse than one that TLS clients turn away from. It is logged, and the date is in
 * the status and the metrics. To change to an expired one is a mistake, and refused.
 *
 * Owner    counted references: main holds one, each worker holds one.
 * Threads  immutable once built; the count is atomic.
 */
#ifndef RELAY_RELOAD_RELAY_SETTINGS_H
#define RELAY_RELOAD_RELAY_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "relay/core/turn.h"
#include "relay/reload/network.h"
#include "relay/reload/relay_config.h"

struct relay_files;
struct tickets;

struct relay_settings {
	struct turn_settings turn; /* owns policy, groups and host inside */
	struct relay_files *files; /* has the keyring and the revoked users of turn */
	SSL_CTX *tls;              /* of files; NULL: TLS is refused */
	SSL_CTX *dtls;             /* likewise */
	bool records;              /* write one at the end of every allocation */
	struct relay_stream_limits stream;
	struct relay_peer_limits peer;
	/* Of connections of clients, by group and side; DSCP_COPY: as the client marks its own. */
	struct {
		uint8_t tcp, tls;
	} connection_dscp[USER_GROUPS_MAX + 1][SIDE_COUNT];
	struct relay_pass_through pass_through[SIDE_COUNT];
	struct {
		struct ip_prefix *clients; /* empty: everybody */
		size_t count;
		struct ip_prefix *balancers;
		size_t balancer_count;
	} sides[SIDE_COUNT];
	unsigned references;
};

/* What a build of settings needs besides the configuration. */
struct relay_settings_sources {
	struct nonce_key nonce_key;            /* the same from start to end */
	struct tickets *tickets;               /* likewise; NULL: none are given out */
	const struct network_view *network;    /* as it will be */
	const struct host_addresses *host;     /* copied; NULL: not known */
	const struct relay_settings *in_force; /* NULL: these are the first */
	bool same_files; /* use the files of in_force again, without reading them */
};

/*
 * Read the files, build the policy; with the next generation. NULL with a sentence in error.
 */
struct relay_settings *relay_settings_build(const struct relay_config *config,
					    const struct relay_settings_sources *sources,
					    char *error, size_t error_size);

struct relay_settings *relay_settings_ref(struct relay_settings *settings);
void relay_settings_unref(struct relay_settings *settings); /* NULL is allowed */

/*
 * When the key that signs now ends and when the last of all keys does, in Unix seconds: 0 if no
 * key is valid, INT64_MAX for never.
 */
void relay_settings_keys_end(const struct relay_settings *settings, int64_t unix_s,
			     int64_t *signing, int64_t *last);

/* May that address be a client of that side? */
bool relay_settings_client_allowed(const struct relay_settings *settings, enum side side,
				   const struct ip_addr *client);

/* Is that a balancer of that side, whose PROXY headers are believed? */
bool relay_settings_is_balancer(const struct relay_settings *settings, enum side side,
				const struct ip_addr *source);

#endif
