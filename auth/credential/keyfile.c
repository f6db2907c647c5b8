/*
 * keyfile.c - the keyring as a file: read with its mode checked, replaced atomically.
 */
#include "auth/credential/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "auth/credential/base64.h"
#include "auth/credential/private_file.h"

enum {
	MODE_MAX = 0640,
	RANDOM_LEN = 32,
	SECRET_LEN = 43, /* RANDOM_LEN in base64 without padding */
};

static const char heading[] =
	"# The keys of avedge, written by 'avedgectl key'. The first valid one signs.\n"
	"# id base64-secret not-before not-after rest=sha1|sha256|none\n";

struct failure {
	char *text;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static void fail_with(struct failure failure,
							    const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(failure.text, failure.size, format, args);
	va_end(args);
}

struct keyring *keyfile_load_any(const char *path, char *error, size_t error_size)
{
	struct failure failure = {error, error_size};
	struct keyring_error refused;
	struct keyring *ring;
	char missing[PATH_MAX + 64];
	size_t len;

	snprintf(missing, sizeof(missing),
		 "create it with 'avedgectl key new --keys %s'.", path);
	char *text = private_file_read(path, "keyring", missing, &len, error, error_size);
	if (text == NULL)
		return NULL;
	ring = keyring_parse_any(text, len, &refused);
	private_file_release(text);
	if (ring != NULL)
		return ring;
	if (refused.line > 0)
		fail_with(failure,
			  "%s:%u: %.*s; correct the line, or remove it and add a key "
			  "with 'avedgectl key new --keys %s'.",
			  path, refused.line, (int)strcspn(refused.reason, "."),
			  refused.reason, path);
	else
		fail_with(failure, "%s: %s", path, refused.reason);
	return NULL;
}

struct keyring *keyfile_load(const char *path, char *error, size_t error_size)
{
	struct keyring *ring = keyfile_load_any(path, error, error_size);

	if (!ring || ring->count > 0)
		return ring;
	snprintf(error, error_size,
		 "%s: no key in it; make one with 'avedgectl key new --keys %s'", path,
		 path);
	keyring_free(ring);
	return NULL;
}

static bool write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

/* Complete the new file before it replaces the old one; false with errno. */
static bool write_ring(int fd, const struct keyring *ring, const struct stat *like)
{
	char line[KEY_LINE_MAX];
	bool ok = (!like || fchown(fd, like->st_uid, like->st_gid) == 0) &&
		  fchmod(fd, like ? like->st_mode & 0777 : MODE_MAX) == 0 &&
		  write_all(fd, heading, sizeof(heading) - 1);

	for (size_t i = 0; ok && i < ring->count; i++) {
		int len = key_format(&ring->keys[i], line, sizeof(line));

		if (len < 0)
			errno = EOVERFLOW;
		ok = len >= 0 && write_all(fd, line, (size_t)len);
	}
	OPENSSL_cleanse(line, sizeof(line));
	return ok && fsync(fd) == 0;
}

/* The directory that holds the file; -1 with errno. */
static int open_directory_of(const char *path)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int len = snprintf(directory, sizeof(directory), "%.*s",
			   slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");

	if (len >= (int)sizeof(directory)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int keyfile_lock(const char *path, char *error, size_t error_size)
{
	struct failure failure = {error, error_size};
	/* The directory, because each save replaces the file itself. */
	int fd = open_directory_of(path);

	if (fd < 0) {
		fail_with(failure, "%s: cannot open its directory: %s.%s", path,
			  strerror(errno), errno == ENOENT ? " Create it first." : "");
		return -1;
	}
	if (flock(fd, LOCK_EX) < 0) {
		fail_with(failure, "%s: cannot lock its directory: %s.", path,
			  strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

/* A rename is durable only once its directory is on disk. */
static bool sync_directory_of(const char *path)
{
	int fd = open_directory_of(path);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

int keyfile_save(const char *path, const struct keyring *ring, char *error,
		 size_t error_size)
{
	struct failure failure = {error, error_size};
	char target[PATH_MAX];
	char temporary[PATH_MAX];
	struct stat st;
	bool exists;
	int fd;

	/* Replace what a link points to, not the link. */
	if (!realpath(path, target) &&
	    snprintf(target, sizeof(target), "%s", path) >= (int)sizeof(target)) {
		fail_with(failure, "%s: the name is too long.", path);
		return -1;
	}
	exists = stat(target, &st) == 0;
	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", target) >=
	    (int)sizeof(temporary)) {
		fail_with(failure, "%s: the name is too long.", path);
		return -1;
	}
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		fail_with(failure, "%s: cannot write next to it: %s.", path,
			  strerror(errno));
		return -1;
	}
	if (!write_ring(fd, ring, exists ? &st : NULL) || rename(temporary, target) < 0) {
		fail_with(failure, "%s: cannot replace it: %s.", path, strerror(errno));
		unlink(temporary);
		close(fd);
		return -1;
	}
	close(fd);
	if (!sync_directory_of(target)) {
		fail_with(failure, "%s: written, but not yet safe on disk: %s.", path,
			  strerror(errno));
		return -1;
	}
	return 0;
}

static bool random_id(char id[KEY_ID_MAX + 1])
{
	uint8_t random[2];
	char date[16];
	time_t now = time(NULL);
	struct tm tm;

	if (!gmtime_r(&now, &tm) || strftime(date, sizeof(date), "%Y-%m-%d", &tm) == 0 ||
	    RAND_bytes(random, sizeof(random)) != 1)
		return false;
	snprintf(id, KEY_ID_MAX + 1, "%s-%02x%02x", date, random[0], random[1]);
	return true;
}

int key_generate(struct key *key, const char *id)
{
	uint8_t random[RANDOM_LEN];
	char text[BASE64_SIZE(RANDOM_LEN)];

	*key = (struct key){
		.not_before_s = INT64_MIN,
		.not_after_s = INT64_MAX,
		.secret_len = SECRET_LEN,
	};
	if (id && !key_id_is_valid(id, strlen(id)))
		return -1;
	if (id)
		strcpy(key->id, id);
	else if (!random_id(key->id))
		return -1;
	if (RAND_priv_bytes(random, sizeof(random)) != 1)
		return -1;
	base64_encode(random, sizeof(random), text);
	OPENSSL_cleanse(random, sizeof(random));
	/* It is pasted into shells and files: nothing to quote, no leading dash. */
	for (size_t i = 0; i < SECRET_LEN; i++) {
		char c = text[i] == '+' ? '.' : text[i];

		key->secret[i] = (uint8_t)(c == '/' ? '_' : c);
	}
	OPENSSL_cleanse(text, sizeof(text));
	return key_derive(key) ? 0 : -1;
}
