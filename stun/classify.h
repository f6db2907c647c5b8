/*
 * classify.h - classifies a datagram or a connection by its first bytes.
 *
 * Datagrams follow RFC 7983 section 7 and RFC 9443; of the protocols listed there a TURN port
 * uses STUN, DTLS and ChannelData. The functions look at few bytes and at no state, and never
 * read past the slice.
 */
#ifndef STUN_CLASSIFY_H
#define STUN_CLASSIFY_H

#include <stdbool.h>

#include "stun/wire.h"

enum datagram_kind {
	DATAGRAM_EMPTY,
	DATAGRAM_STUN,         /* first byte 0..3 */
	DATAGRAM_CHANNEL_DATA, /* 64..79 */
	DATAGRAM_DTLS,         /* 20..63 */
	DATAGRAM_ZRTP,         /* 16..19 */
	DATAGRAM_RTP,          /* 128..191 */
	DATAGRAM_QUIC,         /* 80..127, 192..255 */
	DATAGRAM_OTHER,        /* 4..15 */
	DATAGRAM_KIND_COUNT
};

enum datagram_kind datagram_classify(struct slice datagram);

/*
 * Whether a datagram is a control message of MS-TURN: top two bits clear and MAGIC-COOKIE as
 * its first attribute. Call it before datagram_classify(): the transaction id of such a message may
 * look like STUN's cookie, and anything else on a 5-tuple of that dialect is data, even if it
 * looks like STUN.
 */
bool datagram_is_ms_control(struct slice datagram);

enum stream_kind {
	STREAM_UNDECIDED,  /* needs more bytes; never with STREAM_CLASSIFY_MAX of them */
	STREAM_STUN,       /* type below 0x0400, whole length, cookie; takes 8 bytes */
	STREAM_TLS,        /* a TLS ClientHello record */
	STREAM_PSEUDO_TLS, /* Microsoft's constant hello, recognized by 11 bytes */
	STREAM_MS_FRAMED,  /* 02 00 / 03 00 framing of MS-TURN */
	STREAM_PROXY,      /* a header of the PROXY protocol (stun/proxy_header.h) */
	STREAM_HTTP,       /* a method name: the client expects a web server */
	STREAM_OTHER,
	STREAM_KIND_COUNT
};

/* The most bytes that a decision takes. */
#define STREAM_CLASSIFY_MAX 12

/*
 * The kind of a new connection. Once decided, it does not change when more bytes arrive, however
 * they are cut. ChannelData cannot come first, before any allocation: it is STREAM_OTHER.
 *
 * 02 00 and 03 00 begin MS framing as well as STUN of method 0x080; bytes 4 to 7 distinguish
 * them: STUN has its cookie there, the first MS frame a message type and a length.
 */
enum stream_kind stream_classify(struct slice first_bytes);

/* "channel-data", "pseudo-tls". */
const char *datagram_kind_name(enum datagram_kind kind);
const char *stream_kind_name(enum stream_kind kind);

#endif
