/*
 * wire.h - borrowed bytes, and numbers in network byte order.
 *
 * The only place that knows byte order. Loads and stores go byte by byte, so any alignment is
 * allowed.
 */
#ifndef STUN_WIRE_H
#define STUN_WIRE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed bytes: never owned, valid as long as the datagram is. */
struct slice {
	const uint8_t *data;
	size_t len;
};

static inline uint16_t load_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t load_be64(const uint8_t *p)
{
	return (uint64_t)load_be32(p) << 32 | load_be32(p + 4);
}

static inline void store_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void store_be32(uint8_t *p, uint32_t v)
{
	store_be16(p, (uint16_t)(v >> 16));
	store_be16(p + 2, (uint16_t)v);
}

static inline void store_be64(uint8_t *p, uint64_t v)
{
	store_be32(p, (uint32_t)(v >> 32));
	store_be32(p + 4, (uint32_t)v);
}

/* The slice without its first n bytes; n must not exceed its length. */
static inline struct slice slice_skip(struct slice s, size_t n)
{
	assert(n <= s.len);
	return (struct slice){s.data + n, s.len - n};
}

/* The next multiple of four: attributes and stream ChannelData are padded to it. */
static inline size_t padded4(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

#endif
