/*
 * inherited.c - see inherited.h.
 */
#include "base/descriptors/inherited.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "base/descriptors/connection_store.h"
#include "base/descriptors/fd_parcel.h"
#include "base/descriptors/fd_store.h"
#include "base/log.h"

struct entry {
	const char *name; /* one of the names */
	int fd;           /* -1: taken */
};

struct inherited {
	struct entry *entries;
	size_t count, room, left;
	char **names; /* each once */
	size_t name_count;
	size_t looked; /* where the last one was found */
};

struct inherited *inherited_new(void)
{
	return calloc(1, sizeof(struct inherited));
}

enum inherited_kind inherited_kind(int fd)
{
	int protocol, listens = 0;
	socklen_t len = sizeof(protocol);

	/* UNIX sockets have protocol 0. */
	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) != 0)
		return INHERITED_OTHER;
	if (protocol != IPPROTO_TCP)
		return protocol == IPPROTO_UDP ? INHERITED_UDP : INHERITED_OTHER;
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len);
	return listens ? INHERITED_LISTENER : INHERITED_CONNECTION;
}

void inherited_close(int fd)
{
	switch (inherited_kind(fd)) {
	case INHERITED_CONNECTION:
		/* What is lost of it must not pass for its end. */
		fd_end(fd, true);
		return;
	case INHERITED_LISTENER:
		fd_end(fd, false);
		return;
	case INHERITED_UDP:
	case INHERITED_OTHER:
		close(fd);
		return;
	}
}

static void release(struct inherited *inherited, bool end)
{
	if (inherited == NULL)
		return;
	for (size_t i = 0; i < inherited->count; i++) {
		int fd = inherited->entries[i].fd;

		if (fd >= 0 && end)
			inherited_close(fd);
		else if (fd >= 0)
			close(fd);
	}
	for (size_t i = 0; i < inherited->name_count; i++)
		free(inherited->names[i]);
	free(inherited->names);
	free(inherited->entries);
	free(inherited);
}

void inherited_free(struct inherited *inherited)
{
	release(inherited, true);
}

void inherited_leave(struct inherited *inherited)
{
	release(inherited, false);
}

/* NULL: no such name. Thousands have one, one after the other. */
static const char *find_name(const struct inherited *inherited, const char *name)
{
	for (size_t i = inherited->name_count; i > 0; i--) {
		if (strcmp(inherited->names[i - 1], name) == 0)
			return inherited->names[i - 1];
	}
	return NULL;
}

/* NULL if out of memory. */
static const char *kept_name(struct inherited *inherited, const char *name)
{
	const char *kept = find_name(inherited, name);
	char **names;

	if (kept != NULL)
		return kept;
	names = reallocarray(inherited->names, inherited->name_count + 1, sizeof(*names));
	if (names == NULL)
		return NULL;
	inherited->names = names;
	names[inherited->name_count] = strdup(name);
	if (names[inherited->name_count] == NULL)
		return NULL;
	return names[inherited->name_count++];
}

static bool append(struct inherited *inherited, const char *kept, int fd)
{
	assert(fd >= 0);
	if (inherited->count == inherited->room) {
		size_t room = inherited->room > 0 ? 2 * inherited->room : 64;
		struct entry *entries =
			reallocarray(inherited->entries, room, sizeof(*entries));

		if (entries == NULL)
			return false;
		inherited->entries = entries;
		inherited->room = room;
	}
	inherited->entries[inherited->count++] = (struct entry){kept, fd};
	inherited->left++;
	return true;
}

struct unpacking {
	struct inherited *inherited;
	const char *name;
	bool ok;
};

static void unpacked(void *arg, int fd)
{
	struct unpacking *unpacking = arg;

	if (append(unpacking->inherited, unpacking->name, fd))
		return;
	unpacking->ok = false;
	close(fd);
}

/* A dead one leaves the store with its parcel. */
static void looked_at(void *arg, int fd)
{
	struct pollfd polled = {.fd = fd};

	if (poll(&polled, 1, 0) == 1 && (polled.revents & (POLLHUP | POLLERR)) != 0)
		close(fd);
	else
		unpacked(arg, fd);
}

/* The parcel stays in the store: until this process has taken over, the next one may have to look again. */
static bool look(struct inherited *inherited, int parcel)
{
	struct unpacking unpacking = {inherited, kept_name(inherited, CONNECTIONS_NAME),
				      true};

	if (unpacking.name == NULL)
		return false;
	fd_parcel_peek(parcel, looked_at, &unpacking);
	close(parcel);
	return true;
}

bool inherited_add(struct inherited *inherited, const char *name, int fd)
{
	struct unpacking unpacking = {inherited, NULL, true};

	if (!fd_store_is_name(name)) {
		log_warning("inherited descriptor %d closed: its name is not one that "
			    "avedge gives",
			    fd);
		inherited_close(fd);
		return true;
	}
	if (fd_parcel_is(fd) && connection_store_inherited(name))
		return look(inherited, fd);
	unpacking.name = kept_name(inherited, name);
	if (unpacking.name == NULL)
		return false;
	if (strcmp(name, FD_PARCEL_NAME) != 0 || !fd_parcel_is(fd))
		return append(inherited, unpacking.name, fd);
	fd_parcel_unpack(fd, unpacked, &unpacking);
	/* The store has an empty one. */
	fd_store_remove(unpacking.name);
	/* What did not fit is lost, as after a crash; the parcel is not the caller's any more. */
	return true;
}

bool inherited_from_environment(struct inherited *inherited)
{
	char **names = NULL;
	int count = sd_listen_fds_with_names(1, &names);
	bool ok = count != -ENOMEM;

	for (int i = 0; i < count; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		if (ok && !inherited_add(inherited, names[i], fd))
			ok = false;
		if (!ok)
			close(fd);
		free(names[i]);
	}
	free(names);
	return ok;
}

size_t inherited_count(const struct inherited *inherited)
{
	return inherited->left;
}

int inherited_take(struct inherited *inherited, const char *name)
{
	const char *kept = find_name(inherited, name);

	for (size_t i = 0; i < inherited->count && kept != NULL; i++) {
		struct entry *entry = &inherited->entries[i];
		int fd = entry->fd;

		if (fd < 0 || entry->name != kept)
			continue;
		entry->fd = -1;
		inherited->left--;
		return fd;
	}
	return -1;
}

bool inherited_next(const struct inherited *inherited, size_t *cursor, const char **name,
		    int *fd)
{
	while (*cursor < inherited->count) {
		const struct entry *entry = &inherited->entries[(*cursor)++];

		if (entry->fd < 0)
			continue;
		*name = entry->name;
		*fd = entry->fd;
		return true;
	}
	return false;
}

void inherited_taken(struct inherited *inherited, int fd)
{
	/* A walk takes them in order, so the next is rarely far. */
	for (size_t i = 0; i < inherited->count; i++) {
		size_t at = (inherited->looked + i) % inherited->count;

		if (inherited->entries[at].fd != fd)
			continue;
		inherited->entries[at].fd = -1;
		inherited->looked = at;
		inherited->left--;
		return;
	}
	assert(!"taken twice, or never inherited");
}
