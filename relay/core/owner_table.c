/*
 * owner_table.c - a chained hash table in arrays. Chains and the list of free numbers share
 * their links; a link is the number plus one, so that zeroed memory is an empty table.
 */
#include "relay/core/owner_table.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/debug_assert.h"

struct entry {
	uint64_t owner;
	uint32_t references; /* 0: free */
	uint32_t next;
};

struct owner_table {
	pthread_mutex_t lock;
	size_t size, count;
	uint32_t mark; /* numbers above have never been used */
	uint32_t free; /* the first free one below */
	size_t mask;   /* number of heads - 1, a power of two */
	uint32_t *heads;
	struct entry *entries;
	size_t row;
	char *rows;
};

struct owner_table *owner_table_new(size_t size, size_t row)
{
	struct owner_table *table;
	size_t heads = 1;

	if (size > INT32_MAX)
		return NULL;
	while (heads < size)
		heads *= 2;
	table = calloc(1, sizeof(*table));
	if (table == NULL)
		return NULL;
	pthread_mutex_init(&table->lock, NULL);
	table->size = size;
	table->mask = heads - 1;
	table->row = row;
	table->rows = calloc(size ? size : 1, row);
	table->heads = calloc(heads, sizeof(*table->heads));
	table->entries = calloc(size ? size : 1, sizeof(*table->entries));
	if (table->heads == NULL || table->entries == NULL || table->rows == NULL) {
		owner_table_free(table);
		return NULL;
	}
	return table;
}

void owner_table_free(struct owner_table *table)
{
	if (table == NULL)
		return;
	pthread_mutex_destroy(&table->lock);
	free(table->heads);
	free(table->entries);
	free(table->rows);
	free(table);
}

void *owner_table_row(struct owner_table *table, uint32_t number)
{
	debug_assert(number < table->size); /* the mark needs the lock */
	return table->rows + number * table->row;
}

/* The link that leads to that owner, or the end of its chain. */
static uint32_t *link_of(struct owner_table *table, uint64_t owner)
{
	uint32_t *link = &table->heads[owner & table->mask];

	while (*link != 0 && table->entries[*link - 1].owner != owner)
		link = &table->entries[*link - 1].next;
	return link;
}

static uint32_t take_number(struct owner_table *table)
{
	uint32_t link = table->free;

	if (link != 0) {
		table->free = table->entries[link - 1].next;
		return link - 1;
	}
	return table->mark < table->size ? table->mark++ : OWNER_NONE;
}

uint32_t owner_table_acquire(struct owner_table *table, uint64_t owner)
{
	pthread_mutex_lock(&table->lock);
	uint32_t *link = link_of(table, owner);
	uint32_t number = *link != 0 ? *link - 1 : take_number(table);

	if (*link == 0 && number != OWNER_NONE) {
		memset(owner_table_row(table, number), 0, table->row);
		table->entries[number] = (struct entry){.owner = owner};
		*link = number + 1;
		table->count++;
	}
	assert(table->count <= table->mark && table->mark <= table->size);
	if (number != OWNER_NONE)
		table->entries[number].references++;
	pthread_mutex_unlock(&table->lock);
	return number;
}

void owner_table_release(struct owner_table *table, uint32_t number)
{
	pthread_mutex_lock(&table->lock);
	assert(number < table->mark);
	struct entry *entry = &table->entries[number];
	assert(entry->references > 0 && table->count > 0);
	if (--entry->references == 0) {
		uint32_t *link = link_of(table, entry->owner);

		assert(*link == number + 1);
		*link = entry->next;
		table->count--;
		entry->next = table->free;
		table->free = number + 1;
	}
	pthread_mutex_unlock(&table->lock);
}

void owner_table_visit(struct owner_table *table, uint64_t owner,
		       void (*visit)(void *arg, const void *row), void *arg)
{
	pthread_mutex_lock(&table->lock);
	uint32_t link = *link_of(table, owner);
	if (link != 0)
		visit(arg, owner_table_row(table, link - 1));
	pthread_mutex_unlock(&table->lock);
}

size_t owner_table_count(struct owner_table *table)
{
	pthread_mutex_lock(&table->lock);
	size_t count = table->count;
	pthread_mutex_unlock(&table->lock);
	return count;
}
