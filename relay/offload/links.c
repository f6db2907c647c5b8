/*
 * links.c - see links.h. A host has few of either, so arrays will do.
 */
#include "relay/offload/links.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct address {
	struct ip_addr ip;
	uint32_t ifindex;
};

struct links {
	struct route_link *links;
	size_t count, room;
	struct address *addresses;
	size_t address_count, address_room;
};

struct links *links_new(void)
{
	return calloc(1, sizeof(struct links));
}

void links_free(struct links *links)
{
	if (links == NULL)
		return;
	free(links->links);
	free(links->addresses);
	free(links);
}

void links_clear(struct links *links)
{
	links->count = 0;
	links->address_count = 0;
}

/* Room for one more. False if out of memory. */
static bool grow(void **list, size_t *room, size_t count, size_t size)
{
	size_t wanted = *room > 0 ? 2 * *room : 16;
	void *larger;

	assert(count <= *room);
	if (count < *room)
		return true;
	larger = reallocarray(*list, wanted, size);
	if (larger == NULL)
		return false;
	*list = larger;
	*room = wanted;
	return true;
}

const struct route_link *links_find(const struct links *links, uint32_t ifindex)
{
	for (size_t i = 0; i < links->count; i++) {
		if (links->links[i].ifindex == ifindex)
			return &links->links[i];
	}
	return NULL;
}

bool links_set(struct links *links, const struct route_link *link)
{
	const struct route_link *found = links_find(links, link->ifindex);

	assert(link->ifindex != 0);
	if (found != NULL) {
		links->links[found - links->links] = *link;
		return true;
	}
	if (!grow((void **)&links->links, &links->room, links->count, sizeof(*link)))
		return false;
	links->links[links->count++] = *link;
	return true;
}

void links_remove(struct links *links, uint32_t ifindex)
{
	const struct route_link *found = links_find(links, ifindex);

	if (found != NULL)
		links->links[found - links->links] = links->links[--links->count];
}

bool links_add_address(struct links *links, uint32_t ifindex, const struct ip_addr *ip)
{
	if (!grow((void **)&links->addresses, &links->address_room, links->address_count,
		  sizeof(*links->addresses)))
		return false;
	links->addresses[links->address_count++] =
		(struct address){.ip = *ip, .ifindex = ifindex};
	return true;
}

uint32_t links_of_address(const struct links *links, const struct ip_addr *ip)
{
	for (size_t i = 0; i < links->address_count; i++) {
		if (ip_addr_equal(&links->addresses[i].ip, ip))
			return links->addresses[i].ifindex;
	}
	return 0;
}
