/*
 * private_file.c - see private_file.h.
 */
#include "auth/credential/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/secret_file.h"
#include "base/self_name.h"
#include "base/whole_file.h"

enum { MODE_MAX = 0640 };

struct reading {
	const char *path, *what;
	char *error;
	size_t error_size;
};

#define REFUSE(reading, ...) \
	(snprintf((reading)->error, (reading)->error_size, __VA_ARGS__), false)

/* True if the open file is one that only its owner and group can read. */
static bool is_private(const struct reading *reading, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return REFUSE(reading, "%s: %s.", reading->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return REFUSE(reading, "%s: not a regular file.", reading->path);
	if ((st.st_mode & 07777 & ~(mode_t)MODE_MAX) != 0)
		return REFUSE(reading,
			      "%s: mode %04o lets others read or write it; "
			      "run 'chmod 0640 %s'",
			      reading->path, (unsigned)(st.st_mode & 07777),
			      reading->path);
	if (st.st_size > PRIVATE_FILE_MAX)
		return REFUSE(reading, "%s: larger than 64 KiB, this is no %s.",
			      reading->path, reading->what);
	return true;
}

static bool read_all(const struct reading *reading, int fd, char *text, size_t *len)
{
	ssize_t got = whole_file_read(fd, text, PRIVATE_FILE_MAX + 1);

	if (got < 0 && errno == EFBIG)
		return REFUSE(reading, "%s: larger than 64 KiB, this is no %s.",
			      reading->path, reading->what);
	if (got < 0)
		return REFUSE(reading, "%s: %s.", reading->path, strerror(errno));
	text[got] = '\0';
	*len = (size_t)got;
	return true;
}

static void open_failed(const struct reading *reading, const char *missing)
{
	char self[64];

	if (errno == ENOENT)
		snprintf(reading->error, reading->error_size, "%s: does not exist; %s",
			 reading->path, missing);
	else if (errno == EACCES)
		snprintf(reading->error, reading->error_size,
			 "%s: %s may not read it; add that user to its group.",
			 reading->path, self_name(self, sizeof(self)));
	else
		snprintf(reading->error, reading->error_size, "%s: %s.", reading->path,
			 strerror(errno));
}

char *private_file_read(const char *path, const char *what, const char *missing,
			size_t *len, char *error, size_t error_size)
{
	const struct reading reading = {path, what, error, error_size};
	char copy[PATH_MAX];
	char *text;
	/* Without O_NONBLOCK a named pipe in its place would block us here. */
	int fd = open(secret_file_path(path, copy, sizeof(copy)),
		      O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0) {
		open_failed(&reading, missing);
		return NULL;
	}
	text = malloc(PRIVATE_FILE_MAX + 1);
	if (text == NULL) {
		snprintf(error, error_size, "%s: out of memory.", path);
	} else if (!is_private(&reading, fd) || !read_all(&reading, fd, text, len)) {
		private_file_release(text);
		text = NULL;
	}
	close(fd);
	return text;
}

void private_file_release(char *text)
{
	if (text == NULL)
		return;
	OPENSSL_cleanse(text, PRIVATE_FILE_MAX + 1);
	free(text);
}
