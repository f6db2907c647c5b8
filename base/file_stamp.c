/*
 * file_stamp.c - see file_stamp.h.
 */
#include "base/file_stamp.h"

#include <stddef.h>
#include <sys/stat.h>

struct file_stamp file_stamp_of(const char *path)
{
	struct stat st;

	if (path == NULL || stat(path, &st) != 0)
		return (struct file_stamp){0};
	return (struct file_stamp){st.st_dev, st.st_ino, st.st_size, st.st_mtim};
}

bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->modified.tv_sec == b->modified.tv_sec &&
	       a->modified.tv_nsec == b->modified.tv_nsec;
}
