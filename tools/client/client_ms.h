/*
 * client_ms.h - a client of the Microsoft dialect of TURN, over UDP, framed TCP and pseudo-TLS:
 * one allocation, and packets both ways with one peer. It keeps its allocation fresh by itself.
 * Its configuration and its events are those of client.h.
 *
 * Over a stream the relayed address is one of TCP, and so is the peer. Both ends put each packet
 * behind its length, as packet_stream.h does.
 *
 *   ALLOCATING --> READY --> ACTIVATING --> READY --> RELEASING --> gone
 *
 * Owner    who called client_ms_new(). Callbacks may call anything but client_ms_free().
 * Threads  those of the event base.
 */
#ifndef TOOLS_CLIENT_CLIENT_MS_H
#define TOOLS_CLIENT_CLIENT_MS_H

#include "tools/client/client.h"

struct client_ms;

/* In client_data.channel: bare data of the active destination. */
enum { CLIENT_MS_ACTIVE = 1 };

/*
 * Starts allocating. Username and password are the base64 texts of the bytes that the dialect
 * sends and signs with. NULL and errno: no descriptor, no memory, or EINVAL for texts that are
 * none and for real TLS, in which the dialect is not spoken.
 */
struct client_ms *client_ms_new(const struct client_config *config,
				const struct client_events *events);
/* NULL is allowed; leaves the allocation to expire. */
void client_ms_free(struct client_ms *client);

/*
 * After ready: an empty Send to the peer, which permits it. With activate, make it the active
 * destination too, and bound() says that it is. Without, bound() comes at once: a Send is never
 * answered.
 */
void client_ms_bind(struct client_ms *client, const struct endpoint *peer, bool activate);

/*
 * After bound: a packet to the active destination with nothing around it, or one in a Send.
 * False and errno: it did not go out.
 */
bool client_ms_send_bare(struct client_ms *client, struct slice payload);
bool client_ms_send(struct client_ms *client, const struct endpoint *peer,
		    struct slice payload);

/* Allocate with lifetime 0. */
void client_ms_release(struct client_ms *client);

const struct endpoint *client_ms_relayed(const struct client_ms *client);

#endif
