/*
 * udp_run.h - datagrams of one size on their way to one destination, by one system call.
 *
 * A run gathers consecutive datagrams and hands them to the kernel together (UDP_SEGMENT).
 * Whoever receives them sees no difference: the same datagrams in the same order. A run ends
 * with a datagram that does not fit it: other socket, other destination, longer; or with a
 * shorter one, which may be its last. One or two go out one by one: for so few the one call
 * costs more than it saves. What the kernel refuses to segment goes out one by one too, and is
 * not tried again.
 *
 * The other direction: the kernel may hand over several datagrams of one sender as one
 * (UDP_GRO) and says of what size they were.
 *
 * Owner    whoever embeds it; one thread.
 * Memory   payloads are borrowed until the run is flushed; headers are copied.
 */
#ifndef BASE_UDP_RUN_H
#define BASE_UDP_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "stun/endpoint.h"
#include "stun/wire.h"

enum {
	UDP_RUN_MAX = 64, /* datagrams of one call; more is refused by older kernels */
	UDP_RUN_BYTES_MAX = 65000, /* of one call */
	UDP_RUN_HEADER_MAX = 48,
	UDP_RUN_PIECES = 3,
};

/* A datagram in pieces. Only what the kernel is to send after payload is ours: zeros. */
struct udp_datagram {
	struct slice header; /* copied; may be empty, else up to UDP_RUN_HEADER_MAX */
	struct slice payload;
	size_t padding_len; /* 0..3 */
};

struct udp_run {
	int fd;
	struct endpoint to;
	size_t size;  /* of all datagrams but the last */
	size_t total; /* bytes so far */
	unsigned count;
	unsigned pieces;   /* of each datagram */
	bool is_over;      /* a shorter one was added */
	size_t refused_v4; /* the kernel does not segment into that size or larger ... */
	size_t refused_v6; /* ... per family; 0 stands for no such size */
	uint64_t failed;   /* datagrams not sent, since the owner last took note */
	struct iovec vectors[UDP_RUN_MAX * UDP_RUN_PIECES];
	uint8_t headers[UDP_RUN_MAX][UDP_RUN_HEADER_MAX];
};

/* Zeros are an empty run. Adding may send what was added before. */
void udp_run_add(struct udp_run *run, int fd, const struct endpoint *to,
		 const struct udp_datagram *datagram);

/* Send it. To be called before the socket is closed and before the payloads are gone. */
void udp_run_flush(struct udp_run *run);

/* Room for what the kernel says about a received message. */
union udp_run_control {
	struct cmsghdr alignment;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* Let the kernel hand over several datagrams as one. False if it knows no such thing. */
bool udp_run_receive(int fd);

/*
 * Of what size the datagrams in a received message of that length were; the last one may be
 * shorter. len, if there is only one.
 */
size_t udp_run_received_size(struct msghdr *message, size_t len);

#endif
