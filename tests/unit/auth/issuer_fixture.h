/*
 * issuer_fixture.h - mrasd without sockets, in a directory of its own: configuration,
 * keyring, certificate, CA and revocation list are files that a test can change. Any
 * error here ends the program.
 */
#ifndef TESTS_UNIT_AUTH_ISSUER_FIXTURE_H
#define TESTS_UNIT_AUTH_ISSUER_FIXTURE_H

#include <stdint.h>

#include "auth/server/control.h"
#include "auth/server/issuer.h"
#include "auth/server/mras_reload.h"

enum { FIXTURE_PATH_SIZE = 128 };

struct issuer_fixture {
	char directory[FIXTURE_PATH_SIZE / 2];
	struct issuer issuer;
	struct mras_reload *mras_reload;
	struct reload *reload;         /* its engine */
	struct issuer_control control; /* called directly: there is no inbox */
};

/*
 * Two trusted servers, two relays on the outside (av1, av2.lab.example) and one inside
 * (edge-in.lab.example, 10.0.0.5); no listeners, no loop. more is appended to the
 * configuration; may be "".
 */
void issuer_fixture_make(struct issuer_fixture *fixture, const char *more);
void issuer_fixture_free(struct issuer_fixture *fixture);

/* Write the configuration again. */
void issuer_fixture_configure(const struct issuer_fixture *fixture, const char *more);

/* Write text to DIRECTORY/name. */
void issuer_fixture_write(const struct issuer_fixture *fixture, const char *name,
			  const char *text);

/* A new self-signed certificate with its key, valid for that many seconds from now. */
void issuer_fixture_certify(const struct issuer_fixture *fixture, long lasts_s);
/* A revocation list of that CA, for tls.crl = DIRECTORY/crl.pem. */
void issuer_fixture_revoke(const struct issuer_fixture *fixture, long lasts_s);

/* DIRECTORY/name; valid until the next call. */
const char *issuer_fixture_path(const struct issuer_fixture *fixture, const char *name);

#endif
