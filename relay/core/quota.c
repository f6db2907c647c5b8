/*
 * quota.c - open addressing with linear probing. A slot is empty when it holds nothing, so an
 * owner leaves the table with its last release, and the slots behind it move up (backward
 * shift): no tombstones, hence no slow growth over months of users coming and going.
 */
#include "relay/core/quota.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct slot {
	uint64_t owner;
	uint32_t held; /* 0: empty */
};

struct quota {
	pthread_mutex_t lock;
	size_t owners_max;
	size_t owners; /* slots in use; at most half of them ever are */
	uint32_t peak;
	size_t mask; /* number of slots - 1, a power of two */
	struct slot slots[];
};

struct quota *quota_new(size_t owners)
{
	if (owners > SIZE_MAX / 8 / sizeof(struct slot))
		return NULL;

	size_t slots = 2;
	while (slots < 2 * owners)
		slots *= 2;

	struct quota *quota = calloc(1, sizeof(*quota) + slots * sizeof(quota->slots[0]));
	if (!quota)
		return NULL;
	pthread_mutex_init(&quota->lock, NULL);
	quota->owners_max = owners;
	quota->mask = slots - 1;
	return quota;
}

void quota_free(struct quota *quota)
{
	if (!quota)
		return;
	pthread_mutex_destroy(&quota->lock);
	free(quota);
}

/* Where that owner is, or the empty slot where it would go. An owner is a keyed hash already. */
static size_t find(const struct quota *quota, uint64_t owner)
{
	size_t i = (size_t)owner & quota->mask;
	while (quota->slots[i].held && quota->slots[i].owner != owner)
		i = (i + 1) & quota->mask;
	return i;
}

/* Close the gap at i: move up what would no longer be found across it. */
static void close_gap(struct quota *quota, size_t gap)
{
	for (size_t i = gap;;) {
		i = (i + 1) & quota->mask;
		if (!quota->slots[i].held)
			break;

		/* How far from its home is this one, and how far is the gap from it? */
		size_t home = (size_t)quota->slots[i].owner & quota->mask;
		if (((i - home) & quota->mask) < ((i - gap) & quota->mask))
			continue;
		quota->slots[gap] = quota->slots[i];
		gap = i;
	}
	quota->slots[gap].held = 0;
}

bool quota_acquire(struct quota *quota, uint64_t owner, uint32_t limit)
{
	bool ok;

	pthread_mutex_lock(&quota->lock);
	struct slot *slot = &quota->slots[find(quota, owner)];
	if (slot->held)
		ok = slot->held < UINT32_MAX && (limit == 0 || slot->held < limit);
	else
		ok = quota->owners < quota->owners_max;
	if (ok) {
		quota->owners += slot->held == 0;
		assert(quota->owners <= quota->owners_max);
		slot->owner = owner;
		slot->held++;
		if (slot->held > quota->peak)
			quota->peak = slot->held;
	}
	pthread_mutex_unlock(&quota->lock);
	return ok;
}

void quota_release(struct quota *quota, uint64_t owner)
{
	pthread_mutex_lock(&quota->lock);
	size_t i = find(quota, owner);
	assert(quota->slots[i].held > 0 && quota->owners > 0);
	if (--quota->slots[i].held == 0) {
		quota->owners--;
		close_gap(quota, i);
		assert(quota->slots[find(quota, owner)].held == 0);
	}
	pthread_mutex_unlock(&quota->lock);
}

uint32_t quota_held(struct quota *quota, uint64_t owner)
{
	pthread_mutex_lock(&quota->lock);
	uint32_t held = quota->slots[find(quota, owner)].held;
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
