/*
 * version.c - which avedge this is. The only file that is compiled again when the version
 * changes.
 */
#include "config.h"

#include "base/version.h"

const char *version_string(void)
{
	return PACKAGE_VERSION;
}
