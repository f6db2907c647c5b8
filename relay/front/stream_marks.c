/*
 * stream_marks.c - see stream_marks.h. The kernel keeps the code point that came with the handshake;
 * it is asked for once, when the client has an allocation, so that a stranger costs nothing.
 */
#include "relay/front/stream_marks.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/config/dscp.h"
#include "relay/core/allocation_state.h"
#include "relay/core/marking.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/front/stream_conn.h"
#include "relay/reload/relay_settings.h"

#ifndef IPV6_2292PKTOPTIONS
#define IPV6_2292PKTOPTIONS 6
#endif

static void set_dscp(int fd, uint8_t family, uint8_t dscp)
{
	int tos = dscp << 2;

	if (family == IP_V4)
		setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	else
		setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
}

static int socket_dscp(int fd, uint8_t family)
{
	int tos = 0;
	socklen_t len = sizeof(tos);

	if (family == IP_V4)
		getsockopt(fd, IPPROTO_IP, IP_TOS, &tos, &len);
	else
		getsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, &len);
	return (tos & MARKING_DSCP) >> 2;
}

/*
 * The TOS that the client's part of the handshake had, less ECN, which is TCP's own matter. 0 if the
 * kernel does not tell. The option is on for the question only: with it, TCP over IPv6 copies
 * headers of what arrives.
 */
static uint8_t tos_of_client(int fd, uint8_t family)
{
	bool v4 = family == IP_V4;
	int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	int option = v4 ? IP_RECVTOS : IPV6_RECVTCLASS, on = 1, off = 0, tos = 0;
	union {
		struct cmsghdr alignment;
		char bytes[256];
	} controls;
	socklen_t len = sizeof(controls);

	if (setsockopt(fd, level, option, &on, sizeof(on)) != 0)
		return 0;
	if (getsockopt(fd, level, v4 ? IP_PKTOPTIONS : IPV6_2292PKTOPTIONS, &controls,
		       &len) != 0)
		len = 0;
	setsockopt(fd, level, option, &off, sizeof(off));

	struct msghdr header = {.msg_control = &controls, .msg_controllen = len};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c != NULL;
	     c = CMSG_NXTHDR(&header, c)) {
		if (c->cmsg_level == level &&
		    c->cmsg_type == (v4 ? IP_TOS : IPV6_TCLASS) &&
		    c->cmsg_len >= CMSG_LEN(sizeof(tos)))
			memcpy(&tos, CMSG_DATA(c), sizeof(tos));
	}
	return (uint8_t)(tos & MARKING_DSCP);
}

void stream_marks_accepted(const struct delivery *delivery, int fd,
			   const struct five_tuple *tuple)
{
	const struct front *front = &delivery->turn->shared->fronts[tuple->front];
	uint8_t dscp =
		delivery->settings->connection_dscp[USER_GROUP_NONE][front->side].tcp;

	/* To copy it waits for an allocation. */
	if (dscp != 0 && dscp <= DSCP_MAX)
		set_dscp(fd, front->local.ip.family, dscp);
}

void stream_marks_allocated(struct stream *stream, const struct allocation *al)
{
	const struct relay_settings *settings = stream->delivery->settings;
	/* The socket's: a client behind a balancer may be of the other family. */
	uint8_t family =
		stream->delivery->turn->shared->fronts[al->tuple.front].local.ip.family;
	int fd = stream->io.fd;
	uint8_t dscp = al->transport == TRANSPORT_TLS
			       ? settings->connection_dscp[al->group][al->side].tls
			       : settings->connection_dscp[al->group][al->side].tcp;

	stream->tos = tos_of_client(fd, family);
	if (dscp == DSCP_COPY)
		dscp = stream->tos >> 2;
	if (socket_dscp(fd, family) != dscp)
		set_dscp(fd, family, dscp);
}
