/*
 * proxy_header.h - the header of the PROXY protocol, in which a balancer tells whose bytes
 * follow: version 1, a line of text on streams, and version 2, binary, on streams and in front
 * of each datagram. The specification is HAProxy's proxy-protocol.txt; sections below are its.
 *
 * Pure: what the header says is believed or not by the caller, who knows who sent it.
 */
#ifndef STUN_PROXY_HEADER_H
#define STUN_PROXY_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "stun/endpoint.h"
#include "stun/wire.h"

enum {
	PROXY_HEADER_MAX = 4096,  /* a longer one is refused */
	PROXY_HEADER_V2_MIN = 16, /* signature, command, family, length */
	PROXY_HEADER_V1_MAX = 107,
	PROXY_HEADER_WRITTEN_MAX = PROXY_HEADER_V2_MIN + 36,
};

/* What the bytes were carried in, on their way to the balancer and from there. */
enum proxy_transport {
	PROXY_STREAM = 1, /* the values of the wire (section 2.2) */
	PROXY_DGRAM = 2,
};

enum proxy_origin {
	PROXY_ORIGIN_LOCAL, /* the balancer itself, such as a health check */
	PROXY_ORIGIN_UNKNOWN, /* it does not say: UNKNOWN, UNSPEC, AF_UNIX, other transport */
	PROXY_ORIGIN_CLIENT, /* client and server are set */
};

struct proxy_header {
	enum proxy_origin origin;
	uint8_t version;        /* 1 or 2 */
	struct endpoint client; /* an IPv4-mapped address has become IPv4 */
	struct endpoint server; /* what the client has addressed; likewise */
	size_t len;             /* of the header; what follows is the client's */
};

enum proxy_verdict {
	PROXY_COMPLETE,
	PROXY_MORE,     /* it may become one */
	PROXY_NONE,     /* these bytes begin no header */
	PROXY_BROKEN,   /* they begin one that is not valid */
	PROXY_CHECKSUM, /* PP2_TYPE_CRC32C does not match (section 2.2.3) */
	PROXY_TOO_LONG,
};

/*
 * Read a header off the front of bytes. Of the TLVs of version 2 only PP2_TYPE_CRC32C counts,
 * others are skipped, those about TLS too: whoever checked a certificate, it was not we.
 *
 * transport  in which the bytes came; PROXY_DGRAM has no version 1
 * needed     with PROXY_MORE: how many bytes there must be to go on, more than there are and at
 *            most PROXY_HEADER_MAX
 *
 * Only PROXY_COMPLETE sets *header. It and the other verdicts do not change as more bytes come.
 */
enum proxy_verdict proxy_header_read(struct slice bytes, enum proxy_transport transport,
				     struct proxy_header *header, size_t *needed);

/*
 * Write one of version 2. Addresses of different families are both written as IPv6, the IPv4 one
 * mapped. Returns its length.
 */
size_t proxy_header_write(uint8_t out[PROXY_HEADER_WRITTEN_MAX],
			  enum proxy_transport transport, const struct endpoint *client,
			  const struct endpoint *server);

#endif
