/*
 * explain.h - whose fault it is, in a sentence: for start-up errors.
 */
#ifndef BASE_CONFIG_EXPLAIN_H
#define BASE_CONFIG_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/endpoint.h"

/*
 * Who holds that local port: "nginx (pid 812)", from /proc; a wildcard socket counts. False
 * if it cannot be found out (another user's process, another namespace).
 */
bool explain_port_holder(const struct endpoint *local, bool tcp, char *buf, size_t size);

/*
 * The addresses of that family on this host, as far as they fit, but not link-local ones: "10.0.0.5,
 * 192.0.2.1", or "".
 */
void explain_addresses(uint8_t family, char *buf, size_t size);

/*
 * A whole sentence for a bind that failed with error: what, why, what to do ("... is held by
 * nginx (pid 812); stop it or change tcp_ports", "needs CAP_NET_BIND_SERVICE ...", "address is
 * not on this host ..."). key: what the configuration calls the port.
 */
void explain_bind_failure(const struct endpoint *local, bool tcp, const char *key,
			  int error, char *buf, size_t size);

#endif
