/*
 * client_hello.h - what a TLS client says it wants before anything is secret: the name of the server
 * (RFC 6066 section 3) and the protocols inside (ALPN, RFC 7301 section 3.1).
 *
 * Pure, and no judgement of TLS: it is for telling whose a connection is. A hello that is not
 * understood here is for whoever speaks TLS to refuse.
 */
#ifndef BASE_NET_CLIENT_HELLO_H
#define BASE_NET_CLIENT_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/wire.h"

/* Bytes of a connection that are looked at, record headers included. */
#define CLIENT_HELLO_MAX 16384

/* Borrowed from the scratch that it was read with. */
struct client_hello {
	struct slice server_name; /* of no length: none */
	struct slice alpn;        /* names, each behind its length; of no length: none */
};

enum client_hello_verdict {
	CLIENT_HELLO_COMPLETE,
	CLIENT_HELLO_MORE,    /* it may become one */
	CLIENT_HELLO_UNKNOWN, /* not valid, or longer than CLIENT_HELLO_MAX */
};

/*
 * Read the hello that a connection begins with, in however many records.
 *
 * scratch  CLIENT_HELLO_MAX bytes of the caller's; *hello points into it
 * needed   with MORE: how many bytes there must be to go on, more than there are and at most
 *          CLIENT_HELLO_MAX
 *
 * A verdict other than MORE does not change as more bytes come.
 */
enum client_hello_verdict client_hello_read(struct slice bytes,
					    uint8_t scratch[CLIENT_HELLO_MAX],
					    struct client_hello *hello, size_t *needed);

/* Take the next of its ALPN names; false at the end. */
bool client_hello_alpn_next(struct slice *alpn, struct slice *name);

#endif
