/*
 * offload_settings.h - what a configuration wants of the kernel plane (offload/offload.h).
 *
 * Threads  main.
 */
#ifndef RELAY_RELOAD_OFFLOAD_SETTINGS_H
#define RELAY_RELOAD_OFFLOAD_SETTINGS_H

#include "relay/offload/offload.h"
#include "relay/reload/network.h"
#include "relay/reload/relay_config.h"

/* network: fronts and outside addresses as they will be, retired ones among them. */
void offload_settings_fill(const struct relay_config *config,
			   const struct network_view *network,
			   struct offload_wanted *wanted);

#endif
