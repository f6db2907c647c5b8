/*
 * connections.c - see connections.h. A hash table that is filled once; one that is taken leaves its place
 * behind.
 */
#include "base/descriptors/connections.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/descriptors/inherited.h"
#include "base/siphash.h"
#include "base/sockaddr.h"

struct place {
	struct endpoint local, remote;
	int fd; /* -1: empty, or taken */
	bool is_used;
};

struct connections {
	struct siphash_key key; /* clients choose their addresses */
	size_t count, size; /* a power of two, at least twice the number of connections */
	struct place places[];
};

/* Field by field: there may be padding between them. */
static size_t hash(const struct connections *connections, const struct endpoint *local,
		   const struct endpoint *remote)
{
	uint8_t bytes[2 * (1 + sizeof(local->ip.bytes) + 2)];
	uint8_t *p = bytes;
	const struct endpoint *ends[] = {local, remote};

	for (int i = 0; i < 2; i++) {
		*p++ = ends[i]->ip.family;
		memcpy(p, ends[i]->ip.bytes, sizeof(ends[i]->ip.bytes));
		p += sizeof(ends[i]->ip.bytes);
		*p++ = (uint8_t)(ends[i]->port >> 8);
		*p++ = (uint8_t)ends[i]->port;
	}
	assert(p == bytes + sizeof(bytes));
	return (size_t)siphash(&connections->key, bytes, sizeof(bytes)) &
	       (connections->size - 1);
}

static bool name_of(int fd, int (*get)(int, struct sockaddr *, socklen_t *),
		    struct endpoint *out)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	return get(fd, (struct sockaddr *)&sa, &len) == 0 &&
	       sockaddr_to_endpoint(&sa, out);
}

/* One that has broken has no remote address any more. */
static void add(struct connections *connections, int fd)
{
	struct endpoint local, remote;

	if (!name_of(fd, getsockname, &local) || !name_of(fd, getpeername, &remote)) {
		fd_end(fd, false);
		return;
	}
	size_t i = hash(connections, &local, &remote);
	for (; connections->places[i].is_used; i = (i + 1) & (connections->size - 1)) {
		const struct place *place = &connections->places[i];

		/* From another parcel: there is one between two addresses. */
		if (endpoint_equal(&place->local, &local) &&
		    endpoint_equal(&place->remote, &remote)) {
			close(fd);
			return;
		}
	}
	connections->places[i] = (struct place){local, remote, fd, true};
	connections->count++;
}

struct connections *connections_new(struct inherited *inherited)
{
	size_t size = 16, cursor = 0;
	struct connections *connections;
	const char *name;
	int fd;

	while (size < 2 * inherited_count(inherited))
		size *= 2;
	connections = calloc(1, sizeof(*connections) + size * sizeof(struct place));
	if (connections == NULL)
		return NULL;
	connections->size = size;
	while (getrandom(&connections->key, sizeof(connections->key), 0) !=
	       (ssize_t)sizeof(connections->key))
		;
	while (inherited_next(inherited, &cursor, &name, &fd)) {
		if (strcmp(name, CONNECTIONS_NAME) != 0)
			continue;
		inherited_taken(inherited, fd);
		add(connections, fd);
	}
	return connections;
}

void connections_free(struct connections *connections)
{
	if (connections == NULL)
		return;
	for (size_t i = 0; i < connections->size; i++) {
		if (connections->places[i].is_used && connections->places[i].fd >= 0)
			fd_end(connections->places[i].fd, true);
	}
	free(connections);
}

size_t connections_count(const struct connections *connections)
{
	return connections->count;
}

int connections_take(struct connections *connections, const struct endpoint *local,
		     const struct endpoint *remote)
{
	size_t i = hash(connections, local, remote);

	for (; connections->places[i].is_used; i = (i + 1) & (connections->size - 1)) {
		struct place *place = &connections->places[i];
		int fd = place->fd;

		if (fd < 0 || !endpoint_equal(&place->local, local) ||
		    !endpoint_equal(&place->remote, remote))
			continue;
		place->fd = -1;
		connections->count--;
		return fd;
	}
	return -1;
}

void connections_give_up(struct connections *connections, int fd)
{
	for (size_t i = 0; i < connections->size; i++) {
		struct place *place = &connections->places[i];

		if (!place->is_used || place->fd >= 0)
			continue;
		/* No address is of no family, so nobody finds it. */
		*place = (struct place){.fd = fd, .is_used = true};
		connections->count++;
		return;
	}
	assert(!"it was not taken");
}
