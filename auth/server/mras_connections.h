/*
 * mras_connections.h - the connections of mrasd: how many, from whom, and which one gives way.
 * Half-open ones (before the end of their handshake) give way to the newest: the oldest of
 * their own source, or of the source that has most (base/net/half_open.h).
 *
 * Owner main. A connection owns itself and reports its end.
 */
#ifndef AUTH_SERVER_MRAS_CONNECTIONS_H
#define AUTH_SERVER_MRAS_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "stun/endpoint.h"

struct issuer;
struct mras_connections;

struct mras_connections *mras_connections_new(void); /* NULL if out of memory */
void mras_connections_free(
	struct mras_connections *connections); /* ends them all; NULL is allowed */

/* Make room for one more from source, ending another if need be. False: refuse it. */
bool mras_connections_admit(struct issuer *issuer, const struct ip_addr *source);

/* Take over an accepted socket that mras_connections_admit() let in. */
void mras_connections_accept(struct issuer *issuer, int fd,
			     const struct endpoint *client);

/* The process leaves: see connection_finish(). True: there is none to be waited for any more. */
bool mras_connections_finish(struct issuer *issuer, uint64_t quiet_ms);

/* The settings have changed: end connections of servers that are no longer trusted. */
void mras_connections_check_again(struct issuer *issuer);

/* Of all, those whose handshake is not complete. */
size_t mras_connections_half_open(const struct mras_connections *connections);
size_t mras_connections_count(const struct mras_connections *connections);

#endif
