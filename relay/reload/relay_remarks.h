/*
 * relay_remarks.h - remarks (base/config/config.h) on mediarelayd.conf: what is valid there and
 * probably not meant.
 *
 * Threads  main.
 */
#ifndef RELAY_RELOAD_RELAY_REMARKS_H
#define RELAY_RELOAD_RELAY_REMARKS_H

#include <stdint.h>

#include "relay/reload/network.h"
#include "relay/reload/relay_config.h"
#include "relay/reload/relay_settings.h"

/*
 * Add them to the configuration.
 *
 * network   what it makes of fronts and addresses
 * settings  what was built from it; for the certificate
 * now_s     Unix seconds
 */
void relay_remarks_add(struct relay_config *config, const struct network_view *network,
		       const struct relay_settings *settings, int64_t now_s);

/*
 * What is wrong and what a start notices only later: no key is valid now, metrics on the port of
 * a front. False with a sentence in error.
 */
bool relay_remarks_start(const struct relay_config *config,
			 const struct network_view *network,
			 const struct relay_settings *settings, int64_t now_s,
			 char *error, size_t error_size);

#endif
