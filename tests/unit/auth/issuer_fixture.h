/*
 * issuer_fixture.h - mrasd without sockets, in a folder of its own: configuration, keyring,
 * certificate, CA and revocation list are files that a test can change. Whatever goes wrong
 * here ends the program.
 */
#ifndef TESTS_UNIT_AUTH_ISSUER_FIXTURE_H
#define TESTS_UNIT_AUTH_ISSUER_FIXTURE_H

#include <stdint.h>

#include "auth/server/control.h"
#include "auth/server/issuer.h"
#include "auth/server/mras_reload.h"

enum { WORLD_PATH_SIZE = 128 };

struct issuer_fixture {
	char folder[WORLD_PATH_SIZE / 2];
	struct issuer issuer;
	struct mras_reload *mras_reload;
	struct reload *reload;         /* its engine */
	struct issuer_control control; /* asked directly: there is no inbox */
};

/*
 * Two trusted servers, two relays on the outside (av1, av2.lab.example) and one inside
 * (edge-in.lab.example, 10.0.0.5); no listeners, no loop. more: goes behind the rest of the
 * configuration, may be "".
 */
void issuer_fixture_make(struct issuer_fixture *fixture, const char *more);
void issuer_fixture_free(struct issuer_fixture *fixture);

/* Write the configuration again. */
void issuer_fixture_configure(const struct issuer_fixture *fixture, const char *more);

/* Write FOLDER/name as it is. */
void issuer_fixture_write(const struct issuer_fixture *fixture, const char *name,
			  const char *text);

/* A new certificate, which is its own CA, with its key: lasts so many seconds from now. */
void issuer_fixture_certify(const struct issuer_fixture *fixture, long lasts_s);
/* A list of that CA, to be named as tls.crl = FOLDER/crl.pem. */
void issuer_fixture_revoke(const struct issuer_fixture *fixture, long lasts_s);

/* FOLDER/name; valid until the next call. */
const char *issuer_fixture_path(const struct issuer_fixture *fixture, const char *name);

#endif
