/*
 * inherited_pipes.c - see inherited_pipes.h.
 */
#include "relay/peer/inherited_pipes.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/descriptors/inherited.h"
#include "base/net/byte_pump.h"

static bool is_end(int fd, int mode)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) == mode;
}

/* That end of the pipe of that id; -1: it is not there. */
static int find_end(const struct inherited *inherited, uint64_t id, int mode)
{
	const char *name;
	size_t cursor = 0;
	int fd;

	while (inherited_next(inherited, &cursor, &name, &fd)) {
		if (strcmp(name, PIPES_NAME) == 0 && is_end(fd, mode) &&
		    byte_pump_pipe_id(fd) == id)
			return fd;
	}
	return -1;
}

static bool take(struct inherited *inherited, uint64_t id, int pipe[2])
{
	int from = find_end(inherited, id, O_RDONLY);
	int to = find_end(inherited, id, O_WRONLY);

	if (from < 0 || to < 0)
		return false;
	inherited_taken(inherited, from);
	inherited_taken(inherited, to);
	pipe[0] = from;
	pipe[1] = to;
	return true;
}

bool inherited_pipes_take(struct inherited *inherited, uint64_t id, size_t len,
			  int pipe[2])
{
	int fd = id != 0 ? find_end(inherited, id, O_RDONLY) : -1;
	int there = 0;

	return fd >= 0 && ioctl(fd, FIONREAD, &there) == 0 && (size_t)there == len &&
	       take(inherited, id, pipe);
}

bool inherited_pipes_next(struct inherited *inherited, int pipe[2])
{
	int fd;

	while ((fd = inherited_take(inherited, PIPES_NAME)) >= 0) {
		uint64_t id = byte_pump_pipe_id(fd);
		bool reads = is_end(fd, O_RDONLY);
		int other = id != 0 ? find_end(inherited, id, reads ? O_WRONLY : O_RDONLY)
				    : -1;

		if (other < 0) {
			close(fd);
			continue;
		}
		inherited_taken(inherited, other);
		pipe[0] = reads ? fd : other;
		pipe[1] = reads ? other : fd;
		return true;
	}
	return false;
}

void inherited_pipes_end(const int pipe[2])
{
	uint8_t bytes[4096];

	while (read(pipe[0], bytes, sizeof(bytes)) > 0)
		;
	close(pipe[0]);
	close(pipe[1]);
}
