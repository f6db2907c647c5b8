/*
 * whole_file.c - see whole_file.h.
 */
#include "base/whole_file.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

ssize_t whole_file_read(int fd, char *text, size_t size)
{
	size_t len = 0;

	assert(fd >= 0 && size > 0);
	while (len < size) {
		ssize_t n = read(fd, text + len, size - len);

		if (n == 0)
			return (ssize_t)len;
		if (n > 0)
			len += (size_t)n;
		else if (errno != EINTR)
			return -1;
	}
	errno = EFBIG;
	return -1;
}
