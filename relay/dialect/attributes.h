/*
 * attributes.h - which attributes this server understands (RFC 8489 section 6.3).
 */
#ifndef RELAY_DIALECT_ATTRIBUTES_H
#define RELAY_DIALECT_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/msg.h"

struct turn;

/* What only some servers understand: the caller says whether this one does. */
enum {
	ATTRIBUTES_CHANGE =
		1, /* in Binding: CHANGE-REQUEST that asks for a change, ... */
	ATTRIBUTES_PADDING = 2,       /* ... PADDING ... */
	ATTRIBUTES_RESPONSE_PORT = 4, /* ... and RESPONSE-PORT (RFC 5780) */
	ATTRIBUTES_ACCESS_TOKEN = 8,  /* anywhere (RFC 7635) */
};

/* Those of them that count in every method, as the settings have it. */
unsigned attributes_understood(const struct turn *turn);

/*
 * Is there a comprehension-required attribute that no method of this server understands? An
 * attribute that some method understands is ignored where it does not belong; one that is
 * registered but not implemented here is unknown. CHANGE-REQUEST is understood in Binding if it
 * asks for no change.
 *
 * understood  the flags above
 */
bool attributes_has_unknown(const struct stun_msg *msg, unsigned understood);

/*
 * The unknown ones, each once, in the order of the message; returns how many. More than
 * ATTRIBUTES_UNKNOWN_MAX are not listed: a datagram that crosses an Ethernet holds fewer.
 */
enum { ATTRIBUTES_UNKNOWN_MAX = 384 };
size_t attributes_unknown(const struct stun_msg *msg, unsigned understood,
			  uint16_t types[ATTRIBUTES_UNKNOWN_MAX]);

/*
 * Does the client know RFC 8656, or RFC 8489 which belongs to it? It does if there is an
 * attribute that one of them introduced: MESSAGE-INTEGRITY-SHA256, PASSWORD-ALGORITHM(S),
 * USERHASH, ALTERNATE-DOMAIN, ADDITIONAL-ADDRESS-FAMILY, ADDRESS-ERROR-CODE or ICMP.
 */
bool attributes_show_rfc8656(const struct stun_msg *msg);

#endif
