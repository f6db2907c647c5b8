/*
 * stream_opening.h - a connection from its first bytes until it is open: what they speak, and
 * the handshake of TLS, real or pretended.
 */
#ifndef RELAY_FRONT_STREAM_OPENING_H
#define RELAY_FRONT_STREAM_OPENING_H

#include <stdbool.h>

#include "stun/wire.h"

struct stream;

enum stream_opening {
	STREAM_OPENING_WAITS,  /* for more */
	STREAM_OPENING_FRAMES, /* they come from here on, or the pretended hello does */
	STREAM_OPENING_ENDS,   /* for the reason in why */
};

/* The socket is ready, before the first bytes are known or in a TLS handshake. */
enum stream_opening stream_opening_ready(struct stream *stream);

/* The pretended hello, while it is due: answered in one write. False if it is none. */
bool stream_opening_hello(struct stream *stream, struct slice *arrived);

#endif
