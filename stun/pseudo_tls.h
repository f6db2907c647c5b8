/*
 * pseudo_tls.h - the fake TLS handshake before MS framing on TCP port 443.
 *
 * The client sends 50 bytes that look like a ClientHello, the server answers with 83 bytes that
 * look like ServerHello and ServerHelloDone, and then both use MS framing in the clear. The
 * client sends nothing in between. Only timestamps, random bytes and the session id vary; all
 * other bytes are constant and are checked.
 */
#ifndef STUN_PSEUDO_TLS_H
#define STUN_PSEUDO_TLS_H

#include <stdint.h>

#include "stun/wire.h"

enum {
	PSEUDO_TLS_HELLO_LEN = 50,
	PSEUDO_TLS_ANSWER_LEN = 83,
	PSEUDO_TLS_RANDOM_LEN = 28,
	PSEUDO_TLS_SESSION_ID_LEN = 32,
};

enum pseudo_tls {
	PSEUDO_TLS_MORE,     /* right so far, not complete */
	PSEUDO_TLS_COMPLETE, /* MS framing follows */
	PSEUDO_TLS_BROKEN,   /* something else, whatever follows */
};

/* Server: has the client's hello arrived? Checks each byte as it arrives. */
enum pseudo_tls pseudo_tls_hello(struct slice arrived);

/*
 * Server: write the answer, PSEUDO_TLS_ANSWER_LEN bytes. Send it in one write: one client expects
 * it in one read.
 *
 * unix_s      truncated to 32 bits
 * random      PSEUDO_TLS_RANDOM_LEN bytes
 * session_id  PSEUDO_TLS_SESSION_ID_LEN bytes, any value
 */
void pseudo_tls_write_answer(uint8_t *answer, int64_t unix_s, const uint8_t *random,
			     const uint8_t *session_id);

/* Client: the mirror image. */
void pseudo_tls_write_hello(uint8_t *hello, int64_t unix_s, const uint8_t *random);
enum pseudo_tls pseudo_tls_answer(struct slice arrived);

#endif
