/*
 * half_open.c - chained hash tables of sources and of sites, and one list of sites for each number of
 * entries: a site moves to the next list with an entry that comes or goes, so the fullest ones are
 * always in the last list that is not empty.
 */
#include "base/net/half_open.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS_MIN = 16, LEVELS_MIN = 16, SITE_V6_BYTES = 6 };

TAILQ_HEAD(entry_list, half_open_entry);

struct half_open_site {
	struct ip_addr ip;
	size_t count;
	struct entry_list entries;   /* by site_link, the oldest first */
	struct half_open_site *next; /* of the bucket */
	/* Of the level: the one that has been there longest is the first. */
	struct half_open_site *earlier, *later;
};

struct half_open_source {
	struct ip_addr ip;
	size_t count;
	struct entry_list entries; /* the oldest first */
	struct half_open_site *site;
	struct half_open_source *next; /* of the bucket */
};

/* Linked by hand, because the array moves as it grows. */
struct level {
	struct half_open_site *first, *last;
};

struct bucket {
	struct half_open_source *sources;
	struct half_open_site *sites;
};

struct half_open {
	struct siphash_key key;
	size_t count;
	size_t fullest; /* entries of the fullest site: the last level that is not empty */
	struct level *levels; /* by number of entries */
	size_t level_count;
	size_t bucket_count; /* a power of two */
	struct bucket buckets[];
};

struct half_open *half_open_new(size_t expected, const struct siphash_key *key)
{
	size_t bucket_count = BUCKETS_MIN;

	while (bucket_count < expected)
		bucket_count *= 2;

	struct half_open *half_open = calloc(
		1, sizeof(*half_open) + bucket_count * sizeof(half_open->buckets[0]));
	if (half_open == NULL)
		return NULL;
	half_open->levels = calloc(LEVELS_MIN, sizeof(half_open->levels[0]));
	if (half_open->levels == NULL) {
		free(half_open);
		return NULL;
	}
	half_open->level_count = LEVELS_MIN;
	half_open->bucket_count = bucket_count;
	half_open->key = *key;
	return half_open;
}

void half_open_free(struct half_open *half_open)
{
	if (half_open == NULL)
		return;
	assert(half_open->count == 0 && half_open->fullest == 0);
	free(half_open->levels);
	free(half_open);
}

struct ip_addr half_open_site_of(const struct ip_addr *source)
{
	struct ip_addr site = *source;

	if (site.family == IP_V6)
		memset(site.bytes + SITE_V6_BYTES, 0, sizeof(site.bytes) - SITE_V6_BYTES);
	return site;
}

static size_t bucket(const struct half_open *half_open, const struct ip_addr *ip)
{
	return siphash(&half_open->key, ip, sizeof(*ip)) & (half_open->bucket_count - 1);
}

static struct half_open_source *find(const struct half_open *half_open,
				     const struct ip_addr *ip)
{
	struct half_open_source *source =
		half_open->buckets[bucket(half_open, ip)].sources;

	while (source != NULL && !ip_addr_equal(&source->ip, ip))
		source = source->next;
	return source;
}

static struct half_open_site *find_site(const struct half_open *half_open,
					const struct ip_addr *ip)
{
	struct half_open_site *site = half_open->buckets[bucket(half_open, ip)].sites;

	while (site != NULL && !ip_addr_equal(&site->ip, ip))
		site = site->next;
	return site;
}

/* It is in no level, because it has no entry. NULL if out of memory. */
static struct half_open_site *site_new(struct half_open *half_open,
				       const struct ip_addr *ip)
{
	struct half_open_site **head = &half_open->buckets[bucket(half_open, ip)].sites;
	struct half_open_site *site = calloc(1, sizeof(*site));

	if (site == NULL)
		return NULL;
	site->ip = *ip;
	TAILQ_INIT(&site->entries);
	site->next = *head;
	*head = site;
	return site;
}

static void site_free(struct half_open *half_open, struct half_open_site *site)
{
	struct half_open_site **link =
		&half_open->buckets[bucket(half_open, &site->ip)].sites;

	assert(site->count == 0 && TAILQ_EMPTY(&site->entries));
	while (*link != site)
		link = &(*link)->next;
	*link = site->next;
	free(site);
}

static struct half_open_source *source_new(struct half_open *half_open,
					   const struct ip_addr *ip)
{
	struct half_open_source **head =
		&half_open->buckets[bucket(half_open, ip)].sources;
	struct half_open_source *source = calloc(1, sizeof(*source));
	struct ip_addr site_ip = half_open_site_of(ip);

	if (source == NULL)
		return NULL;
	source->site = find_site(half_open, &site_ip);
	if (source->site == NULL)
		source->site = site_new(half_open, &site_ip);
	if (source->site == NULL) {
		free(source);
		return NULL;
	}
	source->ip = *ip;
	TAILQ_INIT(&source->entries);
	source->next = *head;
	*head = source;
	return source;
}

static void source_free(struct half_open *half_open, struct half_open_source *source)
{
	struct half_open_source **link =
		&half_open->buckets[bucket(half_open, &source->ip)].sources;

	assert(source->count == 0 && TAILQ_EMPTY(&source->entries));
	while (*link != source)
		link = &(*link)->next;
	*link = source->next;
	free(source);
}

/* Level 0 has no list: nobody asks for sites without entries. */
static void enter_level(struct half_open *half_open, struct half_open_site *site)
{
	struct level *level = &half_open->levels[site->count];

	if (site->count == 0)
		return;
	assert(site->count < half_open->level_count);
	site->later = NULL;
	site->earlier = level->last;
	if (level->last != NULL)
		level->last->later = site;
	else
		level->first = site;
	level->last = site;
}

static void leave_level(struct half_open *half_open, struct half_open_site *site)
{
	struct level *level = &half_open->levels[site->count];

	if (site->count == 0)
		return;
	if (site->earlier != NULL)
		site->earlier->later = site->later;
	else
		level->first = site->later;
	if (site->later != NULL)
		site->later->earlier = site->earlier;
	else
		level->last = site->earlier;
}

/* Room for one level more than the fullest site needs now. */
static bool has_levels(struct half_open *half_open)
{
	size_t more = half_open->level_count * 2;

	if (half_open->fullest + 1 < half_open->level_count)
		return true;

	struct level *levels = realloc(half_open->levels, more * sizeof(levels[0]));
	if (levels == NULL)
		return false;
	memset(levels + half_open->level_count, 0,
	       (more - half_open->level_count) * sizeof(levels[0]));
	half_open->levels = levels;
	half_open->level_count = more;
	return true;
}

bool half_open_add(struct half_open *half_open, struct half_open_entry *entry,
		   const struct ip_addr *ip)
{
	assert(entry->source == NULL);
	if (!has_levels(half_open))
		return false;

	struct half_open_source *source = find(half_open, ip);
	if (source == NULL)
		source = source_new(half_open, ip);
	if (source == NULL)
		return false;
	struct half_open_site *site = source->site;

	leave_level(half_open, site);
	site->count++;
	enter_level(half_open, site);
	TAILQ_INSERT_TAIL(&site->entries, entry, site_link);
	TAILQ_INSERT_TAIL(&source->entries, entry, link);
	source->count++;
	entry->source = source;
	half_open->count++;
	if (site->count > half_open->fullest)
		half_open->fullest = site->count;
	return true;
}

void half_open_remove(struct half_open *half_open, struct half_open_entry *entry)
{
	struct half_open_source *source = entry->source;

	assert(source != NULL && source->count > 0 && half_open->count > 0);
	struct half_open_site *site = source->site;
	assert(site->count >= source->count);
	leave_level(half_open, site);
	site->count--;
	enter_level(half_open, site);
	TAILQ_REMOVE(&site->entries, entry, site_link);
	TAILQ_REMOVE(&source->entries, entry, link);
	source->count--;
	entry->source = NULL;
	half_open->count--;
	/* If it was the only one of the fullest, it still is, with one entry less. */
	if (half_open->levels[half_open->fullest].first == NULL)
		half_open->fullest--;
	assert(half_open->fullest == 0 ||
	       half_open->levels[half_open->fullest].first != NULL);
	if (source->count == 0)
		source_free(half_open, source);
	if (site->count == 0)
		site_free(half_open, site);
}

void half_open_renew(struct half_open_entry *entry)
{
	struct half_open_source *source = entry->source;

	if (source == NULL)
		return;
	TAILQ_REMOVE(&source->entries, entry, link);
	TAILQ_INSERT_TAIL(&source->entries, entry, link);
	TAILQ_REMOVE(&source->site->entries, entry, site_link);
	TAILQ_INSERT_TAIL(&source->site->entries, entry, site_link);
}

size_t half_open_count(const struct half_open *half_open)
{
	return half_open->count;
}

size_t half_open_count_from(const struct half_open *half_open, const struct ip_addr *ip)
{
	const struct half_open_source *source = find(half_open, ip);

	return source != NULL ? source->count : 0;
}

struct half_open_entry *half_open_oldest_from(const struct half_open *half_open,
					      const struct ip_addr *ip)
{
	const struct half_open_source *source = find(half_open, ip);

	return source != NULL ? TAILQ_FIRST(&source->entries) : NULL;
}

struct half_open_entry *half_open_oldest_near(const struct half_open *half_open,
					      const struct ip_addr *source)
{
	const struct ip_addr ip = half_open_site_of(source);
	const struct half_open_site *site = find_site(half_open, &ip);

	return site != NULL ? TAILQ_FIRST(&site->entries) : NULL;
}

struct half_open_entry *half_open_oldest_of_fullest(const struct half_open *half_open,
						    size_t *count)
{
	*count = half_open->fullest;
	if (half_open->fullest == 0)
		return NULL;
	return TAILQ_FIRST(&half_open->levels[half_open->fullest].first->entries);
}
