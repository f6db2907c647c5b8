/*
 * load_clients_config.h - what the clients of a run are given: load_clients.h, load_slot.h.
 */
#ifndef TOOLS_LOAD_LOAD_CLIENTS_CONFIG_H
#define TOOLS_LOAD_LOAD_CLIENTS_CONFIG_H

#include <stdint.h>

#include "stun/endpoint.h"
#include "tools/client/client.h"
#include "tools/load/load_options.h"
#include "tools/load/load_result.h"

struct event_base;
struct load_peers;
struct load_streams;

struct load_clients_config {
	struct event_base *base;
	const struct load_options *options;
	struct load_result *result;
	struct endpoint server;
	SSL_CTX *tls;   /* or NULL */
	uint8_t family; /* of the relayed addresses */
	/* One of them; both NULL between clients and for cycles. */
	struct load_peers *peers;
	struct load_streams *streams; /* if relayed addresses are of TCP */
	struct ip_addr peer_address;  /* of either */
	void *arg;
	void (*data)(void *arg, uint32_t id, const struct client_data *data);
};

#endif
