/*
 * sequence.h - MS-SEQUENCE-NUMBER, the server's half: which connection a message belongs to
 * and whether its number is new. UDP reorders, so a window of the last 64 numbers is kept
 * (in the manner of RFC 6479).
 *
 * Owner    embedded in the allocation.
 */
#ifndef RELAY_CORE_SEQUENCE_H
#define RELAY_CORE_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "stun/ms_registry.h"

enum { SEQUENCE_WINDOW = 64 };

/* All zero except the id: no number used. */
struct sequence {
	uint64_t seen; /* bit i: newest - i was used */
	uint32_t newest;
	uint8_t connection_id[MS_CONNECTION_ID_LEN]; /* random, drawn with the allocation */
};

/*
 * Use up a number. False, and nothing has changed, if it was used before or is older than the
 * window. Only for messages with valid integrity: otherwise an attacker could move the window
 * and lock the client out.
 */
bool sequence_take(struct sequence *sequence, uint32_t number);

#endif
