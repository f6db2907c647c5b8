/*
 * load_net.h - addresses and certificates of a run: the server, its peers, the trusted CAs.
 */
#ifndef TOOLS_LOAD_LOAD_NET_H
#define TOOLS_LOAD_LOAD_NET_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "stun/endpoint.h"
#include "tools/load/load_options.h"
#include "tools/load/load_result.h"

struct load_net {
	struct endpoint server;
	struct ip_addr peer_address; /* IP_NONE if there are no peers */
	uint8_t family;              /* to request; IP_NONE: none */
};

/*
 * LOAD_AS_EXPECTED; or, with a sentence in error, LOAD_USAGE if the options do not fit what is found,
 * LOAD_NOTHING if nothing is. Blocks while name servers are asked.
 */
enum load_status load_net_find(const struct load_options *options, struct load_net *net,
			       char error[LOAD_ERROR_MAX]);

/* NULL, with a sentence in error. */
SSL_CTX *load_net_tls(const struct load_options *options, char error[LOAD_ERROR_MAX]);

#endif
