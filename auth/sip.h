/*
 * sip.h - what mrasd needs of SIP (RFC 3261): where a message ends in a stream, is it a SERVICE
 * with the body we serve, and the response to it. Pure; the headers are read by libosip2.
 */
#ifndef AUTH_SIP_H
#define AUTH_SIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/mras_xml.h"
#include "auth/service.h"
#include "stun/wire.h"

enum {
	SIP_HEADERS_MAX = 32 << 10,	/* bytes up to and with the blank line */
};

enum sip_framing {
	SIP_MORE,			/* the message is not complete */
	SIP_KEEP_ALIVE,			/* CRLF CRLF (RFC 5626): *frame_len bytes, answered with CRLF */
	SIP_MESSAGE,			/* a message of *frame_len bytes, of which head_len are headers */
	SIP_BROKEN,			/* no framing can be trusted: close (attack 53) */
	SIP_TOO_LARGE,			/* headers or body beyond the limits: 513 and close */
};

/*
 * Look at the front of what has arrived. Strict: exactly one Content-Length (or none with no
 * body), digits only; folded headers are understood.
 */
enum sip_framing sip_framing_next(struct slice arrived, size_t *frame_len, size_t *head_len);

/*
 * Answer one message. NULL with *len 0: nothing is answered (ACK, responses). malloc'ed bytes of
 * a whole SIP response otherwise; *close: the connection has to end after it.
 */
char *sip_respond(const struct service *service, struct service_memory *memory,
                  const struct service_server *server, struct slice message, uint64_t now_ms,
                  int64_t unix_s, size_t *len, bool *close);

#endif
