/*
 * five_tuple.h - who talks to which front (RFC 8656 section 6). The front's index stands for
 * server address, server port and transport.
 */
#ifndef RELAY_CORE_FIVE_TUPLE_H
#define RELAY_CORE_FIVE_TUPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "stun/endpoint.h"

struct five_tuple {
	struct endpoint client;
	uint16_t front;
};

/* A key drawn at start; without it nobody can aim at a bucket (attack 30). */
struct hash_key {
	uint64_t k0, k1;
};

/* SipHash-2-4 of the bytes. */
uint64_t keyed_hash(const struct hash_key *key, const void *data, size_t len);

bool five_tuple_equal(const struct five_tuple *a, const struct five_tuple *b);
uint64_t five_tuple_hash(const struct five_tuple *tuple, const struct hash_key *key);

#endif
