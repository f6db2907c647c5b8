/*
 * ctl_drain.h - what mrasd is told of a relay that drains.
 */
#ifndef TOOLS_CTL_CTL_DRAIN_H
#define TOOLS_CTL_CTL_DRAIN_H

#include <stdbool.h>

#include <jansson.h>

/*
 * Have mrasd name a relay no more (drain) or again. force: even the last one of a location.
 * What mrasd answers goes to *answer if that is not NULL. An exit code, after a complaint.
 */
struct ctl_daemon;
int ctl_mras_set(const struct ctl_daemon *mras, const char *address, bool drain,
		 bool force, json_t **answer);

#endif
