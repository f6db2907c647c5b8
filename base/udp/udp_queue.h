/*
 * udp_queue.h - datagrams of one UDP socket that wait to be sent, many with one call.
 *
 * The queue goes out (sendmmsg) at the flush, or when it is full or another socket's turn comes.
 * Consecutive datagrams of one size to one destination form a run, which the kernel takes as one
 * message (UDP_SEGMENT). The receiver sees no difference: the same datagrams in the same order. A run
 * ends with a datagram that does not fit it (other destination, longer) or with a shorter one, which may
 * be its last. Runs of one or two go out one by one: for so few one message costs more than it saves.
 * What the kernel refuses to segment goes out one by one too, and is tried again a while later.
 *
 * Owner    whoever embeds it; one thread. The caller owns the sockets.
 * Memory   payloads are borrowed until the flush; headers are copied. Nothing is allocated. All zero is
 *          an empty queue.
 */
#ifndef BASE_UDP_UDP_QUEUE_H
#define BASE_UDP_UDP_QUEUE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "stun/endpoint.h"
#include "stun/wire.h"

enum {
	UDP_QUEUE_RUN_MAX = 64,      /* datagrams of one run; older kernels refuse more */
	UDP_QUEUE_RUN_BYTES = 65000, /* of one run */
	UDP_QUEUE_RUNS = 32,         /* that wait */
	UDP_QUEUE_WAITING = 128,     /* datagrams of all of them */
	UDP_QUEUE_HEADER_MAX = 64,   /* of one datagram */
	UDP_QUEUE_PIECES = 3,        /* header, payload, padding */
};

/* A datagram to send, in pieces. Only payload is borrowed; the padding is zeros. */
struct udp_datagram {
	struct slice header; /* copied; may be empty, else up to UDP_QUEUE_HEADER_MAX */
	struct slice payload;
	size_t padding_len; /* 0..3 */
	uint8_t tos;        /* of its IP header: DSCP and ECN */
	uint8_t hop_limit;  /* of its IP header, or TTL; 0: the system's default */
};

/* Datagrams that wait to be sent, to one destination and of one size. */
struct udp_run {
	struct endpoint to;
	size_t size;  /* of all datagrams but the last */
	size_t total; /* bytes so far */
	uint16_t count;
	uint16_t first; /* its first vector */
	uint8_t pieces; /* of each datagram */
	uint8_t tos, hop_limit;
	bool is_over; /* a shorter one was added */
};

/* UDP_SEGMENT; IP_TOS or IPV6_TCLASS; IP_TTL or IPV6_HOPLIMIT. */
union udp_queue_control {
	struct cmsghdr alignment;
	char bytes[CMSG_SPACE(sizeof(uint16_t)) + 2 * CMSG_SPACE(sizeof(int))];
};

union udp_queue_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct udp_queue {
	int fd;
	unsigned run_count;
	unsigned waiting; /* datagrams */
	unsigned vector_count;
	size_t refused_v4; /* the kernel does not segment into that size or larger ... */
	size_t refused_v6; /* ... per family; 0 stands for no such size */
	unsigned refused_runs; /* until that is forgotten: a forged ICMP error may look like it */
	uint64_t failed; /* datagrams not sent since the last flush */
	struct udp_run runs[UDP_QUEUE_RUNS];
	struct mmsghdr messages[UDP_QUEUE_RUNS]; /* of each run; see the two below */
	union udp_queue_address addresses[UDP_QUEUE_RUNS];
	union udp_queue_control controls[UDP_QUEUE_RUNS];
	struct iovec vectors[UDP_QUEUE_WAITING * UDP_QUEUE_PIECES];
	uint8_t headers[UDP_QUEUE_WAITING][UDP_QUEUE_HEADER_MAX];
};

/* Add a datagram. This may send what was added before. On the packet path. */
void udp_queue_add(struct udp_queue *queue, int fd, const struct endpoint *to,
		   const struct udp_datagram *datagram);

/*
 * Send what waits; due before its socket is closed and before its payloads are gone. Returns how
 * many datagrams the kernel refused since the last flush.
 */
uint64_t udp_queue_flush(struct udp_queue *queue);

#endif
