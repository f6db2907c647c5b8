/*
 * half_open.h - connections of clients that have not authenticated yet, by source. They cost a
 * stranger nothing, so when there is no room the oldest gives way to the newest: of its own
 * source, or of the source that has most. A client that means it authenticates within
 * milliseconds and is not the oldest for long; a source with few connections is not the fullest.
 *
 * Which one is the fullest is asked of sites: an IPv4 address, or an IPv6 /48. Whoever has one of
 * those has 65536 networks of /64, and would otherwise be as many sources with one connection each.
 *
 * Adding, removing and finding take the same time, whatever their number.
 *
 * Owner    whoever made it; entries are embedded in the connections.
 * Threads  one.
 * Memory   two small objects for each source that has a connection here.
 */
#ifndef BASE_HALF_OPEN_H
#define BASE_HALF_OPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "base/siphash.h"
#include "stun/endpoint.h"

struct half_open;
struct half_open_site;
struct half_open_source;

struct half_open_entry {
	TAILQ_ENTRY(half_open_entry) link, site_link;
	struct half_open_source *source; /* NULL: it is nowhere */
};

/* expected: about how many entries. NULL if out of memory. */
struct half_open *half_open_new(size_t expected, const struct siphash_key *key);
void half_open_free(
	struct half_open *half_open); /* no entries are left; NULL is allowed */

/* As the newest from source, which is copied. False if out of memory. */
bool half_open_add(struct half_open *half_open, struct half_open_entry *entry,
		   const struct ip_addr *source);
void half_open_remove(struct half_open *half_open, struct half_open_entry *entry);

/* As if it had come just now. Nothing if it is nowhere. */
void half_open_renew(struct half_open_entry *entry);

static inline bool half_open_has(const struct half_open_entry *entry)
{
	return entry->source != NULL;
}

size_t half_open_count(const struct half_open *half_open);
size_t half_open_count_from(const struct half_open *half_open,
			    const struct ip_addr *source);

/* The oldest entry from source; NULL if there is none. */
struct half_open_entry *half_open_oldest_from(const struct half_open *half_open,
					      const struct ip_addr *source);
/* The site of that source: IPv4 as it is, IPv6 /48, zero-filled. */
struct ip_addr half_open_site_of(const struct ip_addr *source);

/* The oldest entry from the site of that source; NULL if there is none. */
struct half_open_entry *half_open_oldest_near(const struct half_open *half_open,
					      const struct ip_addr *source);
/*
 * The oldest entry of the site that has most, which is in *count; of several such sites, the one
 * that has had so many for longest. NULL if there is no entry.
 */
struct half_open_entry *half_open_oldest_of_fullest(const struct half_open *half_open,
						    size_t *count);

#endif
