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

#include "base/whole_file.h"
#include "relay/core/revoked_users.h"

enum { FILE_MAX = 16 << 20 };

/* Their number, or -1 with errno. */
static ssize_t read_all(int fd, char text[FILE_MAX + 1])
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -1;
	if (S_ISREG(st.st_mode))
		return whole_file_read(fd, text, FILE_MAX + 1);
	errno = EINVAL;
	return -1;
}

struct revoked_users *revoked_file_load(const char *path, char *error, size_t error_size)
{
	struct revoked_users_error refused;
	struct revoked_users *users = NULL;
	/* Without O_NONBLOCK a named pipe in its place would stop us here. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char *text = malloc(FILE_MAX + 1); /* pages that are not used cost nothing */
	ssize_t len = fd >= 0 && text != NULL ? read_all(fd, text) : -1;

	if (len < 0) {
		snprintf(error, error_size, "%s: %s; %s", path, strerror(errno),
			 errno == ENOENT ? "create it, it may be empty"
					 : "give a text file of at most 16 MiB that the "
					   "relay may read");
	} else {
		users = revoked_users_parse(text, (size_t)len, &refused);
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
