/*
 * next_hops.c - a chained hash table.
 */
#include "relay/front/next_hops.h"

#include <assert.h>
#include <stdlib.h>

enum {
	BUCKETS = 1 << 14,
	SWEEP_FIRST = 64, /* clients */
};

struct next_hop {
	struct next_hop *next;
	struct five_tuple client;
	struct endpoint hop;
};

struct next_hops {
	struct siphash_key key;
	bool (*is_needed)(void *arg, const struct five_tuple *client);
	void *arg;
	size_t count, sweep_at;
	struct next_hop **buckets; /* NULL until there is one */
	struct next_hop *last;     /* found; packets of a client come in bursts */
};

struct next_hops *next_hops_new(const struct siphash_key *key,
				bool (*is_needed)(void *arg,
						  const struct five_tuple *client),
				void *arg)
{
	struct next_hops *hops = calloc(1, sizeof(*hops));

	if (hops == NULL)
		return NULL;
	hops->key = *key;
	hops->is_needed = is_needed;
	hops->arg = arg;
	hops->sweep_at = SWEEP_FIRST;
	return hops;
}

static void drop(struct next_hops *hops, struct next_hop **link)
{
	struct next_hop *hop = *link;

	assert(hops->count > 0);
	*link = hop->next;
	hops->count--;
	if (hops->last == hop)
		hops->last = NULL;
	free(hop);
}

void next_hops_free(struct next_hops *hops)
{
	if (hops == NULL)
		return;
	for (size_t i = 0; hops->buckets != NULL && i < BUCKETS; i++) {
		while (hops->buckets[i] != NULL)
			drop(hops, &hops->buckets[i]);
	}
	assert(hops->count == 0);
	free(hops->buckets);
	free(hops);
}

/* The link to that client, or the one that is NULL, at the end of its chain. */
static struct next_hop **find(const struct next_hops *hops,
			      const struct five_tuple *client)
{
	struct next_hop **link =
		&hops->buckets[five_tuple_hash(client, &hops->key) % BUCKETS];

	while (*link != NULL && !five_tuple_equal(&(*link)->client, client))
		link = &(*link)->next;
	return link;
}

static bool is_last(const struct next_hops *hops, const struct five_tuple *client)
{
	return hops->last != NULL && five_tuple_equal(&hops->last->client, client);
}

static void sweep(struct next_hops *hops)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct next_hop **link = &hops->buckets[i];

		while (*link != NULL) {
			if (hops->is_needed(hops->arg, &(*link)->client))
				link = &(*link)->next;
			else
				drop(hops, link);
		}
	}
	hops->sweep_at = 2 * hops->count;
	if (hops->sweep_at < SWEEP_FIRST)
		hops->sweep_at = SWEEP_FIRST;
}

bool next_hops_set(struct next_hops *hops, const struct five_tuple *client,
		   const struct endpoint *hop)
{
	assert(hop->ip.family != IP_NONE);
	if (is_last(hops, client)) {
		hops->last->hop = *hop;
		return true;
	}
	if (hops->buckets == NULL)
		hops->buckets = calloc(BUCKETS, sizeof(*hops->buckets));
	if (hops->buckets == NULL)
		return false;

	struct next_hop **link = find(hops, client);
	if (*link != NULL) {
		(*link)->hop = *hop;
		hops->last = *link;
		return true;
	}
	if (hops->count >= hops->sweep_at) {
		sweep(hops);
		link = find(hops, client);
	}
	*link = malloc(sizeof(**link));
	if (*link == NULL)
		return false;
	**link = (struct next_hop){.client = *client, .hop = *hop};
	hops->count++;
	return true;
}

void next_hops_remove(struct next_hops *hops, const struct five_tuple *client)
{
	if (hops->count == 0)
		return;
	struct next_hop **link = find(hops, client);
	if (*link != NULL)
		drop(hops, link);
}

size_t next_hops_count(const struct next_hops *hops)
{
	return hops->count;
}

const struct endpoint *next_hops_find(struct next_hops *hops,
				      const struct five_tuple *client)
{
	if (hops->count == 0)
		return NULL;
	if (!is_last(hops, client))
		hops->last = *find(hops, client);
	return hops->last != NULL ? &hops->last->hop : NULL;
}
