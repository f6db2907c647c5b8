/*
 * self_name.c - see self_name.h.
 */
#include "base/self_name.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

const char *self_name(char *buf, size_t size)
{
	const struct passwd *user = getpwuid(geteuid());

	if (user)
		snprintf(buf, size, "user %s", user->pw_name);
	else
		snprintf(buf, size, "user %u", geteuid());
	return buf;
}
