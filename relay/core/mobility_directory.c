/*
 * mobility_directory.c - an open hash table. Ids are ours, so nobody can aim at one bucket.
 */
#include "relay/core/mobility_directory.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

/* All zero is an empty one: name + 1 is what is kept. */
struct listed {
	uint64_t key;
	struct mobility_place place;
};

struct mobility_directory {
	pthread_mutex_t lock;
	size_t size, count;
	size_t mask; /* number of buckets - 1, a power of two above size */
	struct listed *buckets;
};

struct mobility_directory *mobility_directory_new(size_t size)
{
	struct mobility_directory *directory = calloc(1, sizeof(*directory));
	size_t buckets = 2;

	if (!directory)
		return NULL;
	while (buckets < 2 * size)
		buckets *= 2;
	directory->size = size;
	directory->mask = buckets - 1;
	directory->buckets = calloc(buckets, sizeof(*directory->buckets));
	if (!directory->buckets) {
		free(directory);
		return NULL;
	}
	pthread_mutex_init(&directory->lock, NULL);
	return directory;
}

void mobility_directory_free(struct mobility_directory *directory)
{
	if (!directory)
		return;
	pthread_mutex_destroy(&directory->lock);
	free(directory->buckets);
	free(directory);
}

/* Never 0. */
static uint64_t key_of(uint64_t name)
{
	assert(name < UINT64_MAX);
	return name + 1;
}

/* Worker, generation and slot all differ in few bits: the multiplication spreads them. */
static size_t home_of(const struct mobility_directory *directory, uint64_t key)
{
	return (size_t)((key * 0x9E3779B97F4A7C15U) >> 32) & directory->mask;
}

/* The bucket of that key, or the empty one where it would go. */
static size_t bucket_of(const struct mobility_directory *directory, uint64_t key)
{
	size_t i = home_of(directory, key);

	while (directory->buckets[i].key != 0 && directory->buckets[i].key != key)
		i = (i + 1) & directory->mask;
	return i;
}

bool mobility_directory_add(struct mobility_directory *directory, uint64_t name,
			    struct mobility_place place)
{
	const uint64_t key = key_of(name);

	pthread_mutex_lock(&directory->lock);
	struct listed *listed = &directory->buckets[bucket_of(directory, key)];
	bool fits = directory->count < directory->size && listed->key == 0;

	if (fits) {
		*listed = (struct listed){key, place};
		directory->count++;
	}
	pthread_mutex_unlock(&directory->lock);
	return fits;
}

void mobility_directory_move(struct mobility_directory *directory, uint64_t name,
			     struct mobility_place place)
{
	const uint64_t key = key_of(name);

	pthread_mutex_lock(&directory->lock);
	struct listed *listed = &directory->buckets[bucket_of(directory, key)];

	if (listed->key == key && (int16_t)(place.moves - listed->place.moves) > 0)
		listed->place = place;
	pthread_mutex_unlock(&directory->lock);
}

/* Backward shift, as in allocation_table_remove(). */
static void empty(struct mobility_directory *directory, size_t gap)
{
	size_t mask = directory->mask;

	for (size_t i = (gap + 1) & mask; directory->buckets[i].key != 0;
	     i = (i + 1) & mask) {
		size_t home = home_of(directory, directory->buckets[i].key);

		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		directory->buckets[gap] = directory->buckets[i];
		gap = i;
	}
	directory->buckets[gap] = (struct listed){0};
}

void mobility_directory_remove(struct mobility_directory *directory, uint64_t name)
{
	const uint64_t key = key_of(name);

	pthread_mutex_lock(&directory->lock);
	size_t bucket = bucket_of(directory, key);

	assert(directory->buckets[bucket].key == key && directory->count > 0);
	empty(directory, bucket);
	directory->count--;
	pthread_mutex_unlock(&directory->lock);
}

bool mobility_directory_find(struct mobility_directory *directory, uint64_t name,
			     struct mobility_place *place)
{
	const uint64_t key = key_of(name);
	bool found = false;

	pthread_mutex_lock(&directory->lock);
	const struct listed *listed = &directory->buckets[bucket_of(directory, key)];

	if (listed->key == key) {
		*place = listed->place;
		found = true;
	}
	pthread_mutex_unlock(&directory->lock);
	return found;
}

size_t mobility_directory_count(struct mobility_directory *directory)
{
	pthread_mutex_lock(&directory->lock);
	size_t count = directory->count;

	pthread_mutex_unlock(&directory->lock);
	return count;
}
