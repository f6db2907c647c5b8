/*
 * socket_plane.h - what the relay sends on its sockets for a datagram that has come in: the decisions of
 * relay/dialect and relay/core on the fixture of fake_edge.h, and how relay/front/udp.c and
 * relay/peer/relay_udp.c send what they say. Does not use libcheck.
 */
#ifndef TESTS_UNIT_OFFLOAD_SOCKET_PLANE_H
#define TESTS_UNIT_OFFLOAD_SOCKET_PLANE_H

#include <stdbool.h>

#include "tests/unit/core/fake_edge.h"
#include "tests/unit/offload/frame.h"

/* The system's default, where the relay says none. */
enum { SOCKET_PLANE_HOP_LIMIT = 64 };

/*
 * True if it is relayed to somewhere else, as *sent, whose payload is in bytes (FRAME_MAX). It passes both
 * relayed addresses if the peer is one of ours. Everything that it changes on its way is changed: counters,
 * lifetimes, answers.
 */
bool socket_plane_relays(struct fixture *fixture, const struct datagram *datagram,
			 struct datagram *sent, uint8_t *bytes);

#endif
