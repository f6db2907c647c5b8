/*
 * version.c - the only file that is recompiled when the version changes.
 */
#include "config.h"

#include "base/version.h"

const char *version_string(void)
{
	return PACKAGE_VERSION;
}
