/*
 * ctl_drain.h - drain a relay in mrasd.
 */
#ifndef TOOLS_CTL_CTL_DRAIN_H
#define TOOLS_CTL_CTL_DRAIN_H

#include <stdbool.h>

#include <jansson.h>

/*
 * Have mrasd drain or undrain a relay. force: even the last one of its location. The answer goes
 * to *answer unless that is NULL. An exit code, after a message.
 */
struct ctl_daemon;
int ctl_mras_set(const struct ctl_daemon *mras, const char *address, bool drain,
		 bool force, json_t **answer);

#endif
