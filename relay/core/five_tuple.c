/*
 * five_tuple.c - equality and the keyed hash.
 */
#include "relay/core/five_tuple.h"

#include <string.h>

bool five_tuple_equal(const struct five_tuple *a, const struct five_tuple *b)
{
	return a->front == b->front && endpoint_equal(&a->client, &b->client);
}

uint64_t five_tuple_hash(const struct five_tuple *tuple, const struct siphash_key *key)
{
	/* Not the struct itself, because of its padding. */
	uint8_t bytes[5 + sizeof(tuple->client.ip.bytes)];
	size_t ip_len = ip_addr_len(tuple->client.ip.family);

	bytes[0] = tuple->client.ip.family;
	bytes[1] = (uint8_t)(tuple->client.port >> 8);
	bytes[2] = (uint8_t)tuple->client.port;
	bytes[3] = (uint8_t)(tuple->front >> 8);
	bytes[4] = (uint8_t)tuple->front;
	memcpy(bytes + 5, tuple->client.ip.bytes, ip_len);
	return siphash(key, bytes, 5 + ip_len);
}
