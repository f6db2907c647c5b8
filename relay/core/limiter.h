/*
 * limiter.h - bounds the answers to strangers, against reflection and floods: sources that have
 * neither an allocation nor a valid nonce with integrity. TCP, TLS and DTLS never meet it,
 * but the first hello of DTLS does.
 *
 * A keyed count-min sketch of token buckets: two rows, each a table of "allowed again from"
 * times; a source is over its limit only if both of its cells say so, and no cell is ever
 * evicted, so neither collisions nor floods of new sources buy allowance or starve a victim.
 * Sources count by prefix: IPv4 /32 and /24, IPv6 /64 and /48; the wider one has 4 times the
 * rate and burst.
 *
 * Threads  shared by all workers; cells are relaxed atomics.
 */
#ifndef RELAY_CORE_LIMITER_H
#define RELAY_CORE_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/core/five_tuple.h"
#include "stun/endpoint.h"

struct limiter;

/* NULL if out of memory; about 1 MiB. */
struct limiter *limiter_new(const struct siphash_key *key);
void limiter_free(struct limiter *limiter); /* NULL is allowed */

/*
 * May we send one more answer to source? rate_per_s 0: no limit. burst: answers a source may
 * get at once after silence, at least 1.
 */
bool limiter_allows(struct limiter *limiter, const struct ip_addr *source,
		    uint32_t rate_per_s, uint32_t burst, uint64_t now_ms);

/*
 * What source was sent was as much as that many more answers, 1..LIMITER_SPEND_MAX: it waits as
 * much longer for the next.
 */
enum { LIMITER_SPEND_MAX = 1024 };
void limiter_spend(struct limiter *limiter, const struct ip_addr *source,
		   uint32_t rate_per_s, uint32_t answers, uint64_t now_ms);

/* The prefix a source is counted by in quotas: IPv4 /32, IPv6 /64, zero-filled. */
struct ip_addr source_prefix(const struct ip_addr *source);

#endif
