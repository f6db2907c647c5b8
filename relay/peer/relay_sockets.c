/*
 * relay_sockets.c - see relay_sockets.h. Sorted once, then searched.
 */
#include "relay/peer/relay_sockets.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/descriptors/fd_store.h"
#include "base/descriptors/inherited.h"
#include "base/sockaddr.h"

struct found {
	struct endpoint local;
	bool tcp;
	int fd; /* -1: taken */
};

struct relay_sockets {
	size_t count, left;
	struct found found[];
};

static int compare(const void *left, const void *right)
{
	const struct found *a = left, *b = right;

	if (a->tcp != b->tcp)
		return a->tcp ? 1 : -1;
	if (a->local.port != b->local.port)
		return a->local.port < b->local.port ? -1 : 1;
	if (a->local.ip.family != b->local.ip.family)
		return a->local.ip.family < b->local.ip.family ? -1 : 1;
	return memcmp(a->local.ip.bytes, b->local.ip.bytes, sizeof(a->local.ip.bytes));
}

/* False: it is not what a relayed address has, or not any more. */
static bool look(int fd, struct found *found)
{
	enum inherited_kind kind = inherited_kind(fd);

	found->fd = fd;
	found->tcp = kind == INHERITED_LISTENER;
	return (kind == INHERITED_UDP || kind == INHERITED_LISTENER) &&
	       sockaddr_of(fd, &found->local) && found->local.port != 0;
}

struct relay_sockets *relay_sockets_new(struct inherited *inherited)
{
	size_t room = inherited_count(inherited), cursor = 0;
	struct relay_sockets *sockets =
		calloc(1, sizeof(*sockets) + room * sizeof(sockets->found[0]));
	const char *name;
	int fd;

	if (sockets == NULL)
		return NULL;
	while (inherited_next(inherited, &cursor, &name, &fd)) {
		if (strcmp(name, RELAY_SOCKETS_NAME) != 0)
			continue;
		inherited_taken(inherited, fd);
		if (look(fd, &sockets->found[sockets->count]))
			sockets->count++;
		else
			inherited_close(fd);
	}
	sockets->left = sockets->count;
	qsort(sockets->found, sockets->count, sizeof(sockets->found[0]), compare);
	return sockets;
}

void relay_sockets_free(struct relay_sockets *sockets)
{
	if (sockets == NULL)
		return;
	for (size_t i = 0; i < sockets->count; i++) {
		if (sockets->found[i].fd >= 0)
			inherited_close(sockets->found[i].fd);
	}
	if (sockets->count > 0)
		fd_store_remove(RELAY_SOCKETS_NAME);
	free(sockets);
}

int relay_sockets_take(struct relay_sockets *sockets, const struct endpoint *local,
		       bool tcp)
{
	const struct found wanted = {.local = *local, .tcp = tcp};
	struct found *found =
		bsearch(&wanted, sockets->found, sockets->count, sizeof(wanted), compare);
	int fd;

	if (found == NULL || found->fd < 0)
		return -1;
	fd = found->fd;
	found->fd = -1;
	assert(sockets->left > 0);
	sockets->left--;
	return fd;
}

size_t relay_sockets_left(const struct relay_sockets *sockets)
{
	return sockets->left;
}
