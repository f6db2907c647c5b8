/*
 * load_dialect.h - what the clients of a run speak: RFC 8656 with channels or indications, or
 * the Microsoft dialect with an active destination or Sends.
 *
 * Owner    nobody: constant tables. The clients are those of client.h or client_ms.h.
 */
#ifndef TOOLS_LOAD_LOAD_DIALECT_H
#define TOOLS_LOAD_LOAD_DIALECT_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/client/client.h"
#include "tools/load/load_options.h"

struct load_dialect {
	/* NULL and errno: no descriptor, no memory. */
	void *(*open)(const struct client_config *config,
		      const struct client_events *events);
	void (*close)(void *client);
	/* number: of the client's channel, for who has channels. */
	void (*bind)(void *client, uint16_t number, const struct endpoint *peer);
	bool (*send)(void *client, uint16_t number, const struct endpoint *peer,
		     struct slice payload);
	void (*release)(void *client);
	const struct endpoint *(*relayed)(const void *client);
	/* What client_data.channel of the peer's packets must be. */
	uint16_t (*arrives_on)(uint16_t number);
};

const struct load_dialect *load_dialect(const struct load_options *options);

#endif
