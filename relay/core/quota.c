/*
 * quota.c - a chained hash table in arrays. A link is the number of an entry plus one, so that
 * zeroed memory is an empty table. Owners that hold nothing stay in their chains and are also
 * in the idle list, the one that has been idle longest first.
 */
#include "relay/core/quota.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/debug_assert.h"

enum { SPARED_MAX = 32 };

struct entry {
	uint64_t owner;
	uint32_t held; /* 0: idle */
	uint32_t next; /* in its chain */
	uint32_t older, newer;
};

struct quota {
	pthread_mutex_t lock;
	size_t size;
	size_t active; /* owners that hold something */
	uint32_t mark; /* entries above have never been used */
	uint32_t oldest, newest;
	uint32_t peak;
	size_t mask; /* number of heads - 1, a power of two */
	uint32_t *heads;
	struct entry *entries;
	size_t row;
	char *rows;
};

static void *zeroed(size_t count, size_t size)
{
	return calloc(count > 0 ? count : 1, size > 0 ? size : 1);
}

struct quota *quota_new(size_t owners, size_t row)
{
	struct quota *quota;
	size_t heads = 1;

	if (owners > INT32_MAX)
		return NULL;
	while (heads < owners)
		heads *= 2;
	quota = calloc(1, sizeof(*quota));
	if (quota == NULL)
		return NULL;
	pthread_mutex_init(&quota->lock, NULL);
	quota->size = owners;
	quota->mask = heads - 1;
	quota->row = row;
	quota->heads = zeroed(heads, sizeof(*quota->heads));
	quota->entries = zeroed(owners, sizeof(*quota->entries));
	quota->rows = zeroed(owners, row);
	if (quota->heads == NULL || quota->entries == NULL || quota->rows == NULL) {
		quota_free(quota);
		return NULL;
	}
	return quota;
}

void quota_free(struct quota *quota)
{
	if (quota == NULL)
		return;
	pthread_mutex_destroy(&quota->lock);
	free(quota->heads);
	free(quota->entries);
	free(quota->rows);
	free(quota);
}

static struct entry *at(struct quota *quota, uint32_t link)
{
	assert(link > 0 && link <= quota->mark);
	return &quota->entries[link - 1];
}

/* The link that leads to that owner, or the end of its chain. */
static uint32_t *link_of(struct quota *quota, uint64_t owner)
{
	uint32_t *link = &quota->heads[owner & quota->mask];

	while (*link != 0 && at(quota, *link)->owner != owner)
		link = &at(quota, *link)->next;
	return link;
}

/* Into the idle list, as the newest. */
static void rest(struct quota *quota, uint32_t link)
{
	struct entry *entry = at(quota, link);

	assert(entry->held == 0);
	entry->older = quota->newest;
	entry->newer = 0;
	if (quota->newest != 0)
		at(quota, quota->newest)->newer = link;
	else
		quota->oldest = link;
	quota->newest = link;
}

/* Out of the idle list. */
static void wake(struct quota *quota, uint32_t link)
{
	struct entry *entry = at(quota, link);

	assert(entry->held == 0);
	if (entry->older != 0)
		at(quota, entry->older)->newer = entry->newer;
	else
		quota->oldest = entry->newer;
	if (entry->newer != 0)
		at(quota, entry->newer)->older = entry->older;
	else
		quota->newest = entry->older;
}

/*
 * The idle entry to give up: the oldest whose row nobody needs, or of a few the one that is needed
 * least; what is spared goes behind the newest. 0 if none is idle.
 */
static uint32_t entry_to_give_up(struct quota *quota, const struct quota_spare *spare)
{
	uint32_t least = quota->oldest, first = 0;
	uint64_t least_need = UINT64_MAX;

	for (int i = 0; spare != NULL && i < SPARED_MAX; i++) {
		uint32_t link = quota->oldest;

		if (link == 0 || link == first)
			break; /* all of them have been looked at */
		uint64_t need =
			spare->need(quota->rows + (link - 1) * quota->row, spare->now_ns);
		if (need == 0)
			return link;
		if (need < least_need) {
			least_need = need;
			least = link;
		}
		if (first == 0)
			first = link;
		wake(quota, link);
		rest(quota, link);
	}
	return least;
}

/* An entry that nobody needs, in no list and no chain; 0 if there is none. */
static uint32_t take_entry(struct quota *quota, const struct quota_spare *spare)
{
	if (quota->mark < quota->size)
		return ++quota->mark;

	uint32_t link = entry_to_give_up(quota, spare);

	if (link == 0)
		return 0;
	wake(quota, link);
	uint32_t *from = link_of(quota, at(quota, link)->owner);
	assert(*from == link);
	*from = at(quota, link)->next;
	return link;
}

/* The entry of that owner, not idle any more; 0 if there is no room for another owner. */
static uint32_t enter(struct quota *quota, uint64_t owner,
		      const struct quota_spare *spare)
{
	uint32_t link = *link_of(quota, owner);

	if (link != 0) {
		wake(quota, link);
		return link;
	}
	link = take_entry(quota, spare);
	if (link == 0)
		return 0;
	*at(quota, link) = (struct entry){.owner = owner};
	memset(quota->rows + (link - 1) * quota->row, 0, quota->row);
	*link_of(quota, owner) = link;
	return link;
}

uint32_t quota_acquire_sparing(struct quota *quota, uint64_t owner, uint32_t limit,
			       const struct quota_spare *spare)
{
	uint32_t most = limit != 0 ? limit : UINT32_MAX;

	pthread_mutex_lock(&quota->lock);
	uint32_t link = *link_of(quota, owner);
	if (link == 0 || at(quota, link)->held == 0) {
		link = enter(quota, owner, spare);
		quota->active += link != 0;
	} else if (at(quota, link)->held >= most) {
		link = 0;
	}
	if (link != 0) {
		struct entry *entry = at(quota, link);

		entry->held++;
		if (entry->held > quota->peak)
			quota->peak = entry->held;
	}
	assert(quota->active <= quota->mark && quota->mark <= quota->size);
	pthread_mutex_unlock(&quota->lock);
	return link != 0 ? link - 1 : QUOTA_NONE;
}

uint32_t quota_acquire_row(struct quota *quota, uint64_t owner, uint32_t limit)
{
	return quota_acquire_sparing(quota, owner, limit, NULL);
}

bool quota_acquire(struct quota *quota, uint64_t owner, uint32_t limit)
{
	return quota_acquire_row(quota, owner, limit) != QUOTA_NONE;
}

void quota_release(struct quota *quota, uint64_t owner)
{
	pthread_mutex_lock(&quota->lock);
	uint32_t link = *link_of(quota, owner);
	struct entry *entry = at(quota, link);

	assert(entry->held > 0 && quota->active > 0);
	if (--entry->held == 0) {
		quota->active--;
		rest(quota, link);
	}
	pthread_mutex_unlock(&quota->lock);
}

void *quota_row(struct quota *quota, uint32_t number)
{
	debug_assert(number < quota->size); /* the mark needs the lock */
	return quota->rows + number * quota->row;
}

uint32_t quota_held(struct quota *quota, uint64_t owner)
{
	pthread_mutex_lock(&quota->lock);
	uint32_t link = *link_of(quota, owner);
	uint32_t held = link != 0 ? at(quota, link)->held : 0;
	pthread_mutex_unlock(&quota->lock);
	return held;
}

uint32_t quota_peak(struct quota *quota)
{
	pthread_mutex_lock(&quota->lock);
	uint32_t peak = quota->peak;
	pthread_mutex_unlock(&quota->lock);
	return peak;
}

size_t quota_owners(struct quota *quota)
{
	pthread_mutex_lock(&quota->lock);
	size_t active = quota->active;
	pthread_mutex_unlock(&quota->lock);
	return active;
}
