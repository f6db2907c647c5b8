/*
 * tickets.h - the keys of session tickets, with which a client of TLS or DTLS resumes a session (RFC
 * 5077, RFC 8446): a new one every hour, and the one before it is still read for another hour. Then
 * it is erased, and nothing can decrypt what was said under its tickets. They are not early data,
 * which is never accepted.
 *
 * Owner    the reload; contexts and their connections borrow it, so it goes after the workers.
 * Threads  any: a lock of its own, taken once for a handshake.
 */
#ifndef RELAY_FRONT_TICKETS_H
#define RELAY_FRONT_TICKETS_H

#include <stdint.h>

#include <openssl/ssl.h>

struct tickets;

enum { TICKETS_KEY_S = 3600 };

/* NULL: out of memory, or no random bytes. */
struct tickets *tickets_new(int64_t now_s);
void tickets_free(struct tickets *tickets); /* NULL is allowed */

/* Give out tickets in this context, and take them. */
void tickets_enable(struct tickets *tickets, SSL_CTX *ctx);

/* A new key, if it is time for one; Unix seconds. Every handshake calls it with the clock. */
void tickets_renew(struct tickets *tickets, int64_t now_s);

#endif
