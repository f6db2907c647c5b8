/*
 * change.h - a change of fronts and outside addresses while the relay runs, in steps: all that
 * can fail comes first and can be taken back, then come the steps that cannot.
 *
 *     prepare: indices, relay ports, bound sockets      |
 *       (the settings are built from change.plan)       | change_abandon() from here
 *     open:    the workers serve what is new            |
 *       (the settings are published)
 *     finish:  the workers let go of what is retired or gone
 *
 * What is retired and has lost its last allocation is gone with the next change, whatever that
 * is about; change_is_due() says when there is a reason for one.
 *
 * Threads  main only; the workers are asked by message and waited for.
 */
#ifndef RELAY_RELOAD_CHANGE_H
#define RELAY_RELOAD_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "relay/relay.h"
#include "relay/reload/network.h"

struct front_sockets;

struct change {
	struct relay *relay;
	const struct relay_config *config;
	struct network_view before, plan;
	struct front_sockets *sockets; /* one set for each worker */
	bool opened[NETWORK_ROWS], retired[NETWORK_ROWS], closed[NETWORK_ROWS];
};

/* Both false with "FILE:LINE:COLUMN: ..." or a sentence in error, and then abandoned. */
bool change_prepare(struct change *change, struct relay *relay,
		    const struct relay_config *config, char *error, size_t error_size);
bool change_open(struct change *change, char *error, size_t error_size);

/* After change_prepare(), if something else has failed. */
void change_abandon(struct change *change);

void change_finish(struct change *change);

/* Is something retired that has no allocation any more? */
bool change_is_due(const struct relay *relay);

#endif
