/*
 * settings.h - everything a reload can change, as one immutable, counted object: what the core
 * is told (struct turn_settings), the TLS context, who may be a client.
 *
 * Owner    counted references: main holds one, each worker holds one.
 * Threads  immutable once built; the count is atomic.
 */
#ifndef RELAY_RELOAD_SETTINGS_H
#define RELAY_RELOAD_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "relay/core/turn.h"
#include "relay/reload/config.h"
#include "relay/reload/network.h"
#include "relay/reload/settings_files.h"

struct settings {
	struct turn_settings turn;    /* owns policy and host inside */
	struct settings_files *files; /* has the keyring and the revoked users of turn */
	SSL_CTX *tls;                 /* of files; NULL: TLS is refused */
	bool records;                 /* write one at the end of every allocation */
	struct {                      /* of stream clients, see struct config */
		uint32_t greeting_ms, authentication_ms, frame_ms, idle_ms;
		uint32_t send_queue;
		uint32_t connections, unauthenticated, unauthenticated_per_prefix;
	} stream;
	struct { /* of TCP connections with peers, see struct config */
		uint32_t queue, timeout_ms;
	} peer;
	struct {
		struct ip_prefix *clients; /* empty: everybody */
		size_t count;
	} sides[SIDE_COUNT];
	unsigned references;
};

/* What a build of settings needs besides the configuration. */
struct settings_sources {
	struct nonce_key nonce_key;         /* the same from start to end */
	const struct config *started;       /* for what only a restart changes */
	const struct network_view *network; /* as it will be */
	const struct settings *in_force;    /* NULL: these are the first */
	struct settings_files *files;       /* to be used again; NULL: they are read */
};

/*
 * Read the files, build the policy. host is taken over on success.
 * generation: higher than that of any settings before. NULL with a sentence in error.
 */
struct settings *settings_build(const struct config *config,
				const struct settings_sources *sources,
				struct host_addresses *host, uint32_t generation,
				char *error, size_t error_size);

struct settings *settings_ref(struct settings *settings);
void settings_unref(struct settings *settings); /* NULL is allowed */

/*
 * When the key that signs now ends and when the last of all keys does, in Unix seconds: 0 if no
 * key is valid, INT64_MAX for never.
 */
void settings_keys_end(const struct settings *settings, int64_t unix_s, int64_t *signing,
		       int64_t *last);

/* May that address be a client of that side? */
bool settings_client_allowed(const struct settings *settings, enum side side,
			     const struct ip_addr *client);

#endif
