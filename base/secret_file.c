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

/* Returns the name of the file, and the name of the folder it is in; "" if path tells none. */
static const char *split(const char *path, const char **folder, int *folder_len)
{
	const char *slash = strrchr(path, '/');

	*folder = path;
	*folder_len = 0;
	if (slash == NULL)
		return path;
	for (*folder = slash; *folder > path && (*folder)[-1] != '/'; (*folder)--)
		(*folder_len)++;
	return slash + 1;
}

/* The credential of that file; false if there is none that we may read. */
static bool find(const char *credentials, const char *path, char *buf, size_t size)
{
	const char *folder, *file;
	int folder_len;

	file = split(path, &folder, &folder_len);
	if ((size_t)snprintf(buf, size, "%s/%.*s_%s", credentials, folder_len, folder,
			     file) < size &&
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
