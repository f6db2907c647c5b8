/*
 * revoked_file.c - see revoked_file.h. A list that cannot be read is an error, never an empty
 * list: a missing file must not make a revoked credential valid again.
 */
#include "relay/reload/revoked_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "relay/core/revoked_users.h"

enum { FILE_MAX = 16 << 20 };

/* All of it, malloc'ed; NULL with errno, EFBIG if it is too large. */
static char *read_all(int fd, size_t *len)
{
	struct stat st;
	char *text = NULL;

	*len = 0;
	if (fstat(fd, &st) != 0)
		return NULL;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return NULL;
	}
	/* One byte more than its size, to notice a file that grew meanwhile. */
	size_t size = st.st_size < FILE_MAX ? (size_t)st.st_size + 1 : FILE_MAX + 1;
	text = malloc(size);
	while (text != NULL && *len < size) {
		ssize_t n = read(fd, text + *len, size - *len);

		if (n == 0)
			return text;
		if (n > 0) {
			*len += (size_t)n;
		} else if (errno != EINTR) {
			free(text);
			return NULL;
		}
	}
	if (text != NULL)
		errno = size > FILE_MAX ? EFBIG : EAGAIN;
	free(text);
	return NULL;
}

struct revoked_users *revoked_file_load(const char *path, char *error, size_t error_size)
{
	struct revoked_users_error refused;
	struct revoked_users *users = NULL;
	/* Without O_NONBLOCK a named pipe in its place would stop us here. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t len = 0;
	char *text = fd >= 0 ? read_all(fd, &len) : NULL;

	if (text == NULL) {
		snprintf(error, error_size, "%s: %s; %s", path, strerror(errno),
			 errno == ENOENT ? "create it, it may be empty"
					 : "give a text file of at most 16 MiB that the "
					   "relay may read");
	} else {
		users = revoked_users_parse(text, len, &refused);
		if (users == NULL && refused.line > 0)
			snprintf(error, error_size, "%s:%u: %s", path, refused.line,
				 refused.reason);
		else if (users == NULL)
			snprintf(error, error_size, "%s: %s", path, refused.reason);
	}
	free(text);
	if (fd >= 0)
		close(fd);
	return users;
}
