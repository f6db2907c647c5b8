/*
 * five_tuple.h - a client's address and the front it talks to (RFC 8656 section 6). The front's
 * index stands for server address, server port and transport.
 *
 * Owner    a value; copied freely, no pointers.
 */
#ifndef RELAY_CORE_FIVE_TUPLE_H
#define RELAY_CORE_FIVE_TUPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/siphash.h"
#include "stun/endpoint.h"

struct five_tuple {
	struct endpoint client;
	uint16_t front;
};

bool five_tuple_equal(const struct five_tuple *a, const struct five_tuple *b);
/* The key is drawn at start, so that an attacker cannot aim at a bucket. */
uint64_t five_tuple_hash(const struct five_tuple *tuple, const struct siphash_key *key);

#endif
