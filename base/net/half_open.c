/*
 * half_open.c - a chained hash table of sources, and one list of sources for each number of
 * entries: a source moves to the next list with an entry that comes or goes, so the fullest
 * ones are always in the last list that is not empty.
 */
#include "base/net/half_open.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS_MIN = 16, LEVELS_MIN = 16 };

struct half_open_source {
	struct ip_addr ip;
	size_t count;
	TAILQ_HEAD(, half_open_entry) entries; /* the oldest first */
	struct half_open_source *next;         /* of the bucket */
	/* Of the level: the one that has been there longest is the first. */
	struct half_open_source *earlier, *later;
};

/* Linked by hand, because the array moves as it grows. */
struct level {
	struct half_open_source *first, *last;
};

struct half_open {
	struct siphash_key key;
	size_t count;
	size_t fullest; /* entries of the fullest source: the last level that is not empty */
	struct level *levels; /* by number of entries */
	size_t level_count;
	size_t bucket_count; /* a power of two */
	struct half_open_source *buckets[];
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

static size_t bucket(const struct half_open *half_open, const struct ip_addr *ip)
{
	return siphash(&half_open->key, ip, sizeof(*ip)) & (half_open->bucket_count - 1);
}

static struct half_open_source *find(const struct half_open *half_open,
				     const struct ip_addr *ip)
{
	struct half_open_source *source = half_open->buckets[bucket(half_open, ip)];

	while (source != NULL && !ip_addr_equal(&source->ip, ip))
		source = source->next;
	return source;
}

static struct half_open_source *source_new(struct half_open *half_open,
					   const struct ip_addr *ip)
{
	struct half_open_source **head = &half_open->buckets[bucket(half_open, ip)];
	struct half_open_source *source = calloc(1, sizeof(*source));

	if (source == NULL)
		return NULL;
	source->ip = *ip;
	TAILQ_INIT(&source->entries);
	source->next = *head;
	*head = source;
	return source;
}

static void source_free(struct half_open *half_open, struct half_open_source *source)
{
	struct half_open_source **link =
		&half_open->buckets[bucket(half_open, &source->ip)];

	assert(source->count == 0 && TAILQ_EMPTY(&source->entries));
	while (*link != source)
		link = &(*link)->next;
	*link = source->next;
	free(source);
}

/* Level 0 has no list: nobody asks for sources without entries. */
static void enter_level(struct half_open *half_open, struct half_open_source *source)
{
	struct level *level = &half_open->levels[source->count];

	if (source->count == 0)
		return;
	assert(source->count < half_open->level_count);
	source->later = NULL;
	source->earlier = level->last;
	if (level->last != NULL)
		level->last->later = source;
	else
		level->first = source;
	level->last = source;
}

static void leave_level(struct half_open *half_open, struct half_open_source *source)
{
	struct level *level = &half_open->levels[source->count];

	if (source->count == 0)
		return;
	if (source->earlier != NULL)
		source->earlier->later = source->later;
	else
		level->first = source->later;
	if (source->later != NULL)
		source->later->earlier = source->earlier;
	else
		level->last = source->earlier;
}

/* Room for one level more than the fullest source needs now. */
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
	leave_level(half_open, source);
	source->count++;
	enter_level(half_open, source);
	TAILQ_INSERT_TAIL(&source->entries, entry, link);
	entry->source = source;
	half_open->count++;
	if (source->count > half_open->fullest)
		half_open->fullest = source->count;
	return true;
}

void half_open_remove(struct half_open *half_open, struct half_open_entry *entry)
{
	struct half_open_source *source = entry->source;

	assert(source != NULL && source->count > 0 && half_open->count > 0);
	leave_level(half_open, source);
	source->count--;
	enter_level(half_open, source);
	TAILQ_REMOVE(&source->entries, entry, link);
	entry->source = NULL;
	half_open->count--;
	/* If it was the only one of the fullest, it still is, with one entry less. */
	if (half_open->levels[half_open->fullest].first == NULL)
		half_open->fullest--;
	assert(half_open->fullest == 0 ||
	       half_open->levels[half_open->fullest].first != NULL);
	if (source->count == 0)
		source_free(half_open, source);
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

struct half_open_entry *half_open_oldest_of_fullest(const struct half_open *half_open,
						    size_t *count)
{
	*count = half_open->fullest;
	if (half_open->fullest == 0)
		return NULL;
	return TAILQ_FIRST(&half_open->levels[half_open->fullest].first->entries);
}
