/*
 * ctl_drain.h - which relays of mrasd's are the relay that we talk to.
 */
#ifndef TOOLS_CTL_DRAIN_H
#define TOOLS_CTL_DRAIN_H

#include <stdbool.h>

#include <jansson.h>

/*
 * Whether a relay of mrasd's, an address or a host name, is one of the addresses, bound or
 * public, in a port table. Asks the resolver about names.
 */
bool ctl_is_relay(const json_t *ports, const char *address);

/*
 * Have mrasd name a relay no more (drain) or again. force: even the last one of a location.
 * What mrasd answers goes to *answer if that is not NULL. An exit code, after a complaint.
 */
struct ctl_daemon;
int ctl_mras_set(const struct ctl_daemon *mras, const char *address, bool drain,
		 bool force, json_t **answer);

#endif
