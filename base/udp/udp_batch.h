/*
 * udp_batch.h - UDP sockets, read many datagrams at a time; see udp_queue.h for sending.
 *
 * One call takes several messages, and each message may hold several datagrams of one sender
 * (UDP_GRO). The buffers belong to the batch, not to a socket, and have headroom, so that a header can
 * be written in front of a payload without copying it.
 *
 * Owner    whoever embeds it; one thread. The caller owns the sockets.
 * Memory   received bytes are valid until the next receive, or until they are let go if they are held.
 *          Nothing is allocated after udp_batch_init().
 */
#ifndef BASE_UDP_BATCH_H
#define BASE_UDP_BATCH_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/sockaddr.h"
#include "stun/endpoint.h"
#include "stun/wire.h"

enum {
	UDP_BATCH_MAX = 32, /* messages of one receive */
	UDP_BATCH_TAIL = 4, /* bytes behind a payload that may be written */
};

/* What one message brought: a datagram, or several of one sender. */
struct udp_message {
	struct slice rest; /* datagrams not yet taken */
	size_t size;       /* of each; the last may be shorter */
	/*
	 * The payload, if it is the only one: the headroom in front and UDP_BATCH_TAIL bytes
	 * behind are writable. NULL: its neighbours are datagrams.
	 */
	uint8_t *room;
	uint8_t tos; /* of all of them; 0 unless the socket was bound with receive_tos */
	uint8_t hop_limit; /* likewise, or TTL; 0 unless the socket tells it */
};

/* UDP_GRO; IP_TOS or IPV6_TCLASS; IP_TTL or IPV6_HOPLIMIT. */
union udp_batch_control {
	struct cmsghdr alignment;
	char bytes[3 * CMSG_SPACE(sizeof(int))];
};

struct udp_batch {
	unsigned first; /* message of the last receive; those before it are held */
	unsigned used;  /* messages that the last receive wrote to */
	uint8_t *buffers;
	size_t buffers_len;
	struct mmsghdr messages[UDP_BATCH_MAX];
	struct iovec buffer_of[UDP_BATCH_MAX];
	struct sockaddr_storage sources[UDP_BATCH_MAX];
	union udp_batch_control controls[UDP_BATCH_MAX];
};

/* headroom: writable bytes in front of a payload. False if out of memory. */
bool udp_batch_init(struct udp_batch *batch, size_t headroom);
void udp_batch_destroy(struct udp_batch *batch); /* zeros are allowed */

/*
 * Receive up to max messages, at most udp_batch_room(), of a nonblocking socket; how many. What was
 * received before is gone, unless it is held.
 */
unsigned udp_batch_receive(struct udp_batch *batch, int fd, unsigned max);

/* Receive 0 or 1, by the cheapest call. Only for a socket without UDP_GRO. */
unsigned udp_batch_receive_one(struct udp_batch *batch, int fd);

/* What the last receive brought stays until it is let go: its payloads wait to be sent. */
static inline void udp_batch_hold(struct udp_batch *batch)
{
	assert(batch->first + batch->used <= UDP_BATCH_MAX);
	batch->first += batch->used;
	batch->used = 0;
}

/* How many messages a receive can bring beside those that are held. */
static inline unsigned udp_batch_room(const struct udp_batch *batch)
{
	return UDP_BATCH_MAX - batch->first;
}

/* Nothing of what is held is needed any more. */
void udp_batch_let_go(struct udp_batch *batch);

/* What the kernel says of a message: the size of its datagrams, its TOS, its hop limit. */
void udp_batch_read_controls(struct msghdr *header, struct udp_message *message);

/* A message of the last receive. */
static inline struct udp_message udp_batch_message(struct udp_batch *batch, unsigned i)
{
	struct msghdr *header = &batch->messages[batch->first + i].msg_hdr;
	uint8_t *bytes = batch->buffer_of[batch->first + i].iov_base;
	size_t len = batch->messages[batch->first + i].msg_len;
	struct udp_message message = {.rest = {bytes, len}, .size = len, .room = bytes};

	assert(i < batch->used);
	if (header->msg_controllen > 0)
		udp_batch_read_controls(header, &message);
	return message;
}

/* Its sender. False if it has no IP address. */
static inline bool udp_batch_source(const struct udp_batch *batch, unsigned i,
				    struct endpoint *source)
{
	assert(i < batch->used);
	return sockaddr_to_endpoint(&batch->sources[batch->first + i], source);
}

/* It was longer than the buffer. */
static inline bool udp_batch_is_truncated(const struct udp_batch *batch, unsigned i)
{
	assert(i < batch->used);
	return batch->messages[batch->first + i].msg_hdr.msg_flags & MSG_TRUNC;
}

/* Take the next datagram, which may be empty. Call it once, and on while there is a rest. */
static inline struct slice udp_message_take(struct udp_message *message)
{
	struct slice datagram = {
		message->rest.data,
		message->rest.len < message->size ? message->rest.len : message->size,
	};

	message->rest = slice_skip(message->rest, datagram.len);
	return datagram;
}

struct udp_bind_options {
	bool reuse_port;    /* siblings will bind to the same address */
	bool receive_tos;   /* tell the TOS of what arrives */
	bool force_buffers; /* beyond net.core.[rw]mem_max, if the process may */
	int receive_buffer; /* bytes; 0 leaves the system's default */
	int send_buffer;
};

/* A nonblocking socket that sends without DF. Negative errno. */
int udp_batch_bind(const struct endpoint *local, const struct udp_bind_options *options);

/*
 * Set those options of a socket that another process has bound to local with udp_batch_bind(); not
 * those that have to be set before that. 0 or a negative errno.
 */
int udp_batch_adopt(int fd, const struct endpoint *local,
		    const struct udp_bind_options *options);

/* Let the kernel hand over several datagrams as one message. False if it cannot. */
bool udp_batch_enable_gro(int fd);
bool udp_batch_has_gro(int fd);

/* Tell the hop limit (IPv4: TTL) of what arrives from now on, or no longer. */
int udp_batch_tell_hop_limit(int fd, uint8_t family, bool on);

/*
 * Set DF on what a socket sends from now on, or no longer. IPv6 has no such bit: there the sender
 * itself refuses to fragment.
 */
int udp_batch_set_df(int fd, uint8_t family, bool df);

/*
 * Datagrams the kernel dropped because the socket's receive queue was full, since the last call
 * with the same *seen, which starts at 0 with the socket. One system call, so not for the packet
 * path. 0 if the kernel does not tell.
 */
uint32_t udp_batch_drops(int fd, uint32_t *seen);

#endif
