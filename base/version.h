/*
 * version.h - the version of avedge.
 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

/* "0.1.0"; static. */
const char *version_string(void);

#endif
