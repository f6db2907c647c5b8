/*
 * inherited_pipes.c - see inherited_pipes.h.
 */
#include "relay/peer/inherited_pipes.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/descriptors/inherited.h"
#include "base/net/byte_pump.h"

struct end {
	uint64_t id;
	int mode; /* O_RDONLY or O_WRONLY */
	int fd;   /* -1: taken */
};

/* There may be thousands, so the system is asked about each only once. */
struct inherited_pipes {
	struct end *ends; /* by id, then mode */
	size_t count;
	size_t next; /* those before were looked at by inherited_pipes_next() */
};

static int compare(const void *a, const void *b)
{
	const struct end *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->mode - y->mode;
}

/* False: it is no end of a pipe. */
static bool look_at(int fd, struct end *end)
{
	int flags = fcntl(fd, F_GETFL);

	*end = (struct end){byte_pump_pipe_id(fd), flags & O_ACCMODE, fd};
	return flags >= 0 && end->id != 0 &&
	       (end->mode == O_RDONLY || end->mode == O_WRONLY);
}

static void take_out(struct inherited_pipes *pipes, struct inherited *inherited)
{
	const char *name;
	size_t cursor = 0;
	int fd;

	while (inherited_next(inherited, &cursor, &name, &fd)) {
		if (strcmp(name, PIPES_NAME) != 0 ||
		    !look_at(fd, &pipes->ends[pipes->count]))
			continue;
		pipes->count++;
		inherited_taken(inherited, fd);
	}
}

struct inherited_pipes *inherited_pipes_new(struct inherited *inherited)
{
	struct inherited_pipes *pipes = calloc(1, sizeof(*pipes));

	if (pipes == NULL)
		return NULL;
	pipes->ends = calloc(inherited_count(inherited) + 1, sizeof(*pipes->ends));
	if (pipes->ends == NULL) {
		free(pipes);
		return NULL;
	}
	take_out(pipes, inherited);
	qsort(pipes->ends, pipes->count, sizeof(*pipes->ends), compare);
	return pipes;
}

void inherited_pipes_free(struct inherited_pipes *pipes)
{
	if (pipes == NULL)
		return;
	for (size_t i = 0; i < pipes->count; i++) {
		if (pipes->ends[i].fd >= 0)
			close(pipes->ends[i].fd);
	}
	free(pipes->ends);
	free(pipes);
}

/* That end of the pipe of that id, which is taken or is not; NULL: it is not there. */
static struct end *find_end(struct inherited_pipes *pipes, uint64_t id, int mode,
			    bool is_taken)
{
	const struct end sought = {.id = id, .mode = mode};
	size_t low = 0, high = pipes != NULL ? pipes->count : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&pipes->ends[middle], &sought) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; pipes != NULL && low < pipes->count &&
	       compare(&pipes->ends[low], &sought) == 0;
	     low++) {
		if ((pipes->ends[low].fd < 0) == is_taken)
			return &pipes->ends[low];
	}
	return NULL;
}

static bool take(struct inherited_pipes *pipes, uint64_t id, int pipe[2])
{
	struct end *from = find_end(pipes, id, O_RDONLY, false);
	struct end *to = find_end(pipes, id, O_WRONLY, false);

	if (from == NULL || to == NULL)
		return false;
	pipe[0] = from->fd;
	pipe[1] = to->fd;
	from->fd = to->fd = -1;
	return true;
}

bool inherited_pipes_take(struct inherited_pipes *pipes, uint64_t id, size_t len,
			  int pipe[2])
{
	const struct end *from = find_end(pipes, id, O_RDONLY, false);
	int there = 0;

	return from != NULL && ioctl(from->fd, FIONREAD, &there) == 0 &&
	       (size_t)there == len && take(pipes, id, pipe);
}

void inherited_pipes_give_back(struct inherited_pipes *pipes, const int pipe[2])
{
	uint64_t id = byte_pump_pipe_id(pipe[0]);
	struct end *from = find_end(pipes, id, O_RDONLY, true);
	struct end *to = find_end(pipes, id, O_WRONLY, true);

	assert(from != NULL && to != NULL);
	from->fd = pipe[0];
	to->fd = pipe[1];
}

bool inherited_pipes_next(struct inherited_pipes *pipes, int pipe[2])
{
	while (pipes != NULL && pipes->next < pipes->count) {
		const struct end *end = &pipes->ends[pipes->next++];

		if (end->fd >= 0 && end->mode == O_RDONLY && take(pipes, end->id, pipe))
			return true;
	}
	return false;
}
