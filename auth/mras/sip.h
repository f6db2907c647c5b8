/*
 * sip.h - what mrasd needs of SIP (RFC 3261): where a message ends in a stream, is it a
 * SERVICE with the body we serve, and the response to it. Pure. Only sip_head splits
 * lines and only sip_framing finds the end of a message; libosip2 reads values.
 */
#ifndef AUTH_MRAS_SIP_H
#define AUTH_MRAS_SIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/mras/mras_xml.h"
#include "auth/mras/service.h"
#include "stun/wire.h"

enum {
	SIP_HEADERS_MAX = 32 << 10, /* bytes up to and with the blank line */
};

enum sip_framing {
	SIP_MORE, /* the message is not complete */
	SIP_KEEP_ALIVE, /* CRLF CRLF (RFC 5626 section 3.5.1): *frame_len bytes, answered with CRLF */
	SIP_MESSAGE,   /* a message of *frame_len bytes, of which *head_len are headers */
	SIP_BROKEN,    /* framing is lost: sip_refuse() and close */
	SIP_TOO_LARGE, /* headers or body beyond the limits: sip_refuse() and close */
};

/*
 * Look at the front of what has arrived. Lines end with CRLF only; folded headers and
 * compact names are understood. There is one Content-Length, digits only. It may be
 * missing only if no header mentions a body, which is then empty: RFC 3261 section 20.14
 * requires it on a stream, and without it the end of a body is unknown.
 *
 * *frame_len with SIP_MORE: the length of the message once its headers are complete, else
 * 0. *head_len includes an empty line before the message (section 7.5).
 */
enum sip_framing sip_framing_next(struct slice arrived, size_t *frame_len,
				  size_t *head_len);

/*
 * Answer one message. NULL with *len 0: no answer (ACK, responses, out of memory).
 * malloc'ed bytes of a whole SIP response otherwise; *close: the connection has to end
 * after it.
 */
char *sip_respond(const struct service *service, struct service_memory *memory,
		  const struct service_server *server, struct slice bytes,
		  uint64_t now_ms, int64_t unix_s, size_t *len, bool *close);

/*
 * The last answer on a connection whose framing is SIP_BROKEN (400) or SIP_TOO_LARGE
 * (513). NULL with *len 0 if what has arrived is not a request with complete headers.
 */
char *sip_refuse(enum sip_framing why, struct slice arrived, size_t *len);

#endif
