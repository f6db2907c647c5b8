/*
 * language.h - SIP or HTTP? Decided by the first line of a connection. Pure.
 */
#ifndef AUTH_MRAS_LANGUAGE_H
#define AUTH_MRAS_LANGUAGE_H

#include "stun/wire.h"

enum { LANGUAGE_LINE_MAX = 8192 };

enum language {
	LANGUAGE_UNDECIDED, /* more is needed, at most LANGUAGE_LINE_MAX bytes */
	LANGUAGE_SIP,
	LANGUAGE_HTTP,
	LANGUAGE_OTHER, /* neither: to be closed */
};

/*
 * arrived: the first bytes of a connection. An empty line before a request belongs to
 * SIP, whose clients keep their connections alive with it (RFC 5626 section 3.5.1).
 *
 * A line that begins as a request of HTTP is HTTP even with a control character or without an end:
 * http_framing then refuses it with a sentence. With LANGUAGE_OTHER, *why continues "its
 * first line".
 */
enum language language_of(struct slice arrived, const char **why);

#endif
