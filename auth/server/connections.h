/*
 * connections.h - the connections of mrasd: how many there may be, of whom, and which one gives
 * way. Half-open ones (before the end of their handshake) cost a stranger nothing, so the
 * oldest of them gives way to the newest: a trusted server's handshake takes milliseconds and
 * is not the oldest.
 *
 * Owner    main. A connection owns itself and leaves by connections_leave().
 */
#ifndef AUTH_SERVER_CONNECTIONS_H
#define AUTH_SERVER_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/server/connection.h"
#include "stun/endpoint.h"

struct issuer;
struct connections;

struct connections *connections_new(void); /* NULL if out of memory */
void connections_free(
	struct connections *connections); /* ends them all; NULL is allowed */

/* Room for one more from there, ending another if need be. False: refuse it. */
bool connections_admit(struct issuer *issuer, const struct ip_addr *source);

/* Enter as half-open; leave, in any state. */
void connections_enter(struct connections *connections, struct connection *connection);
void connections_leave(struct connections *connections, struct connection *connection);

/*
 * The handshake is done. If its server has too many, the one that was silent longest gives way.
 */
void connections_open(struct issuer *issuer, struct connection *connection);

/* The settings have changed: end the connections of who is trusted no longer. */
void connections_check_again(struct issuer *issuer);

/* Of all, those whose handshake is not done. */
size_t connections_half_open(const struct connections *connections);
size_t connections_count(const struct connections *connections);

#endif
