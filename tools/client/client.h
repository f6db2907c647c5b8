/*
 * client.h - a TURN client over libstun, for load and diagnosis, in the dialect of RFC 8656 or
 * in Microsoft's: one allocation, one peer, data both ways. It keeps its allocation, permission
 * and channel fresh.
 *
 *   CONNECTING --> ALLOCATING --> READY --> (BINDING --> READY) --> RELEASING --> gone
 *
 * In the Microsoft dialect over a stream the relayed address is one of TCP, and so is the peer.
 * Both ends put the length of each packet in front of it, as packet_stream.h does.
 *
 * Owner    the caller of client_new(). Callbacks may call anything but client_free().
 * Threads  that of the event base.
 */
#ifndef TOOLS_CLIENT_CLIENT_H
#define TOOLS_CLIENT_CLIENT_H

#include "tools/client/client_config.h"

struct client;

/*
 * Starts connecting and allocating. NULL and errno: no descriptor, no memory, or EINVAL in the
 * Microsoft dialect: a credential that is not base64, or real TLS, which it does not have.
 */
struct client *client_new(const struct client_config *config,
			  const struct client_events *events);
/*
 * NULL is allowed. What the client holds over UDP is released by one last datagram, whose answer
 * nobody awaits; the end of a stream releases it anyway.
 */
void client_free(struct client *client);

/*
 * After ready: bind channel number (0x4000..0x4FFF) to the peer, or with send_mode install a
 * permission for it. In the Microsoft dialect: send the peer an empty Send, which permits it,
 * and make it the active destination; with send_mode bound() comes at once, because a Send is
 * never answered.
 */
void client_bind(struct client *client, uint16_t number, const struct endpoint *peer);

/*
 * After ready, with tcp_relay, instead of client_bind(): permit the peer's address to connect to our
 * relayed address. permitted() follows, and bound() when it has connected; only the first connection
 * is taken.
 */
void client_await(struct client *client, const struct endpoint *peer);

/*
 * After ready, with mobility: open another socket and take the allocation there (RFC 8016). Packets
 * travel by the old socket until moved(); what still arrives there is taken, too. False and errno: no
 * descriptor, no memory; the client goes on as before.
 */
bool client_move(struct client *client);

/* client_data.channel of what the bound peer sends. */
uint16_t client_channel(const struct client *client);

/* After bound: a packet to the peer. False and errno: it did not go out. */
bool client_send(struct client *client, struct slice payload);

/*
 * Refresh with lifetime 0; an Allocate with lifetime 0 in the Microsoft dialect. Also after
 * failed(), if client_holds(): then released() or failed() comes once more.
 */
void client_release(struct client *client);

/*
 * Whether the server has an allocation of this client, as far as it knows: one was granted, or
 * requested with credentials and perhaps the answer was lost.
 */
bool client_holds(const struct client *client);

/*
 * Valid after ready: the relayed address; the one of the other family (IP_NONE: none was granted); and
 * our own as the server sees it (IP_NONE: it did not say).
 */
const struct endpoint *client_relayed(const struct client *client);
const struct endpoint *client_relayed_too(const struct client *client);
const struct endpoint *client_mapped(const struct client *client);

/* The address of its socket. False: the system does not say. */
bool client_local(const struct client *client, struct endpoint *local);

#endif
