/*
 * connection_homes.c - see connection_homes.h. A sorted array.
 */
#include "relay/core/connection_homes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct home {
	uint32_t id;
	uint32_t worker;
};

struct connection_homes {
	struct home *homes;
	size_t count, size;
};

struct connection_homes *connection_homes_new(void)
{
	return calloc(1, sizeof(struct connection_homes));
}

void connection_homes_free(struct connection_homes *homes)
{
	if (homes == NULL)
		return;
	free(homes->homes);
	free(homes);
}

/* The first that is not below it. */
static size_t place_of(const struct connection_homes *homes, uint32_t id)
{
	size_t low = 0, high = homes->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (homes->homes[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool connection_homes_add(struct connection_homes *homes, uint32_t id, unsigned worker)
{
	size_t place = place_of(homes, id);

	if (place < homes->count && homes->homes[place].id == id)
		return false;
	if (homes->count == homes->size) {
		size_t size = homes->size > 0 ? 2 * homes->size : 16;
		struct home *more =
			reallocarray(homes->homes, size, sizeof(*homes->homes));

		if (more == NULL)
			return false;
		homes->homes = more;
		homes->size = size;
	}
	memmove(&homes->homes[place + 1], &homes->homes[place],
		(homes->count - place) * sizeof(*homes->homes));
	homes->homes[place] = (struct home){id, worker};
	homes->count++;
	assert(place == 0 || homes->homes[place - 1].id < id);
	return true;
}

unsigned connection_homes_find(const struct connection_homes *homes, uint32_t id,
			       unsigned otherwise)
{
	size_t place = place_of(homes, id);

	return place < homes->count && homes->homes[place].id == id
		       ? homes->homes[place].worker
		       : otherwise;
}
