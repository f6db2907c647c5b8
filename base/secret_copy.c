/*
 * secret_copy.c - see secret_copy.h.
 */
#include "base/secret_copy.h"

#include <limits.h>

#include "base/log.h"
#include "base/secret_file.h"

void secret_copy_tell(const char *path)
{
	char copy[PATH_MAX];

	if (secret_file_path(path, copy, sizeof(copy)) != path)
		log_notice(
			"%s: only root may read it; using the copy that systemd loaded at "
			"start, and a change needs a restart",
			path);
}
