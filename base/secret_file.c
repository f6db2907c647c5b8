/*
 * secret_file.c - see secret_file.h.
 */
#include "base/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool may_read(const char *path)
{
	return faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0;
}

/* Returns the name of the file, and the name of its directory; "" if path has none. */
static const char *split(const char *path, const char **dir, int *dir_len)
{
	const char *slash = strrchr(path, '/');

	*dir = path;
	*dir_len = 0;
	if (slash == NULL)
		return path;
	for (*dir = slash; *dir > path && (*dir)[-1] != '/'; (*dir)--)
		(*dir_len)++;
	return slash + 1;
}

/* The credential for that file; false if there is none that we may read. */
static bool find(const char *credentials, const char *path, char *buf, size_t size)
{
	const char *dir, *file;
	int dir_len;

	file = split(path, &dir, &dir_len);
	if ((size_t)snprintf(buf, size, "%s/%.*s_%s", credentials, dir_len, dir, file) <
		    size &&
	    may_read(buf))
		return true;
	return (size_t)snprintf(buf, size, "%s/%s", credentials, file) < size &&
	       may_read(buf);
}

const char *secret_file_path(const char *path, char *buf, size_t size)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");

	if (credentials != NULL && !may_read(path) && errno == EACCES &&
	    find(credentials, path, buf, size))
		return buf;
	return path;
}
