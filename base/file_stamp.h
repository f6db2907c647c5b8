/*
 * file_stamp.h - has a file changed since we last looked? Sees edits, renames,
 * configuration management and mounted secrets alike.
 */
#ifndef BASE_FILE_STAMP_H
#define BASE_FILE_STAMP_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

struct file_stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified;
};

/* All zero for NULL and for a file that stat() cannot reach. */
struct file_stamp file_stamp_of(const char *path);
bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b);

#endif
