/*
 * settings_files.h - what settings are made of that lies in files: keyring, users that have been
 * revoked, certificate and private key. Settings that differ in other things share one.
 *
 * Owner    counted references.
 * Threads  immutable once read; the count is atomic.
 */
#ifndef RELAY_RELOAD_SETTINGS_FILES_H
#define RELAY_RELOAD_SETTINGS_FILES_H

#include <stddef.h>

#include <openssl/ssl.h>

#include "relay/reload/config.h"

struct keyring;
struct revoked_users;

struct settings_files {
	struct keyring *keyring;
	struct revoked_users *revoked; /* NULL: no such file is configured */
	SSL_CTX *tls;                  /* NULL: TLS is refused */
	unsigned references;
};

/*
 * An expired certificate does not keep the relay from starting, nor from a reload that is about
 * something else: clients on UDP and TCP do not need it, and a relay that refuses to come back
 * at night is worse than one that TLS clients turn away from. It is logged, and the date is in
 * the status and the metrics. To change to an expired one is a mistake, and refused.
 *
 * Read all of them. in_force: those that are served now, NULL at the start. NULL with
 * "FILE:LINE: ..." in error.
 */
struct settings_files *settings_files_read(const struct config *config,
					   const struct settings_files *in_force,
					   char *error, size_t error_size);

struct settings_files *settings_files_ref(struct settings_files *files);
void settings_files_unref(struct settings_files *files); /* NULL is allowed */

#endif
