/*
 * issuer_world.h - mrasd without sockets, in a folder of its own: configuration, keyring,
 * certificate, CA and revocation list are files that a test can change. Whatever goes wrong
 * here ends the program.
 */
#ifndef TESTS_UNIT_AUTH_ISSUER_WORLD_H
#define TESTS_UNIT_AUTH_ISSUER_WORLD_H

#include <stdint.h>

#include "auth/server/control.h"
#include "auth/server/issuer.h"
#include "auth/server/reload.h"

enum { WORLD_PATH_SIZE = 128 };

struct issuer_world {
	char folder[WORLD_PATH_SIZE / 2];
	struct issuer issuer;
	struct reload *reload;
	struct issuer_control control; /* asked directly: there is no inbox */
};

/*
 * Two trusted servers, two relays on the outside (av1, av2.lab.example) and one inside
 * (edge-in.lab.example, 10.0.0.5); no listeners, no loop. more: goes behind the rest of the
 * configuration, may be "".
 */
void issuer_world_make(struct issuer_world *world, const char *more);
void issuer_world_free(struct issuer_world *world);

/* Write the configuration again. */
void issuer_world_configure(const struct issuer_world *world, const char *more);

/* Write FOLDER/name as it is. */
void issuer_world_write(const struct issuer_world *world, const char *name,
			const char *text);

/* A new certificate, which is its own CA, with its key: lasts so many seconds from now. */
void issuer_world_certify(const struct issuer_world *world, long lasts_s);
/* A list of that CA, to be named as tls.crl = FOLDER/crl.pem. */
void issuer_world_revoke(const struct issuer_world *world, long lasts_s);

/* FOLDER/name; valid until the next call. */
const char *issuer_world_path(const struct issuer_world *world, const char *name);

#endif
