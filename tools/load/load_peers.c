/*
 * load_peers.c - see load_peers.h.
 *
 * Receives in batches, because the packets of one millisecond tend to meet at one peer. Sends one
 * packet at a time: the stamp in a packet is the time of its own system call.
 */
#include "tools/load/load_peers.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/sockaddr.h"
#include "tools/client/clock.h"

enum {
	BATCH = 64,
	SLOT_EXTRA = 64,  /* so that a longer datagram is not taken for one of ours */
	BUFFER = 4 << 20, /* requested for both directions */
};

struct peer {
	struct load_peers *peers;
	struct endpoint endpoint;
	int fd;
	struct event readable;
};

struct load_peers {
	struct load_peers_config config;
	struct mmsghdr headers[BATCH];
	struct iovec vectors[BATCH];
	union clock_control controls[BATCH];
	uint8_t *buffers;
	uint32_t opened;
	struct peer peers[];
};

static void readable(evutil_socket_t fd, short events, void *arg)
{
	(void)events;
	const struct peer *peer = arg;
	struct load_peers *peers = peer->peers;

	for (int i = 0; i < BATCH; i++)
		peers->headers[i].msg_hdr.msg_controllen = sizeof(peers->controls[i]);
	int count = recvmmsg(fd, peers->headers, BATCH, MSG_DONTWAIT, NULL);
	uint64_t now_ns = count > 0 ? clock_realtime_ns() : 0;
	for (int i = 0; i < count; i++)
		peers->config.data(peers->config.arg, (uint32_t)(peer - peers->peers),
				   (struct slice){peers->vectors[i].iov_base,
						  peers->headers[i].msg_len},
				   clock_arrival_ns(&peers->headers[i].msg_hdr, now_ns));
}

static void enlarge(int fd, int force, int plain)
{
	const int size = BUFFER;

	if (setsockopt(fd, SOL_SOCKET, force, &size, sizeof(size)) != 0)
		setsockopt(fd, SOL_SOCKET, plain, &size, sizeof(size));
}

static bool open_peer(struct load_peers *peers, struct peer *peer)
{
	struct endpoint any = {.ip = peers->config.address};
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_from_endpoint(&any, &sa);
	const int on = 1;

	peer->peers = peers;
	peer->fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (peer->fd < 0)
		return false;
	peers->opened++;
	setsockopt(peer->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	enlarge(peer->fd, SO_RCVBUFFORCE, SO_RCVBUF);
	enlarge(peer->fd, SO_SNDBUFFORCE, SO_SNDBUF);
	if (bind(peer->fd, (struct sockaddr *)&sa, len) != 0)
		return false;
	len = sizeof(sa);
	return getsockname(peer->fd, (struct sockaddr *)&sa, &len) == 0 &&
	       sockaddr_to_endpoint(&sa, &peer->endpoint) &&
	       event_assign(&peer->readable, peers->config.base, peer->fd,
			    EV_READ | EV_PERSIST, readable, peer) == 0 &&
	       event_add(&peer->readable, NULL) == 0;
}

struct load_peers *load_peers_open(const struct load_peers_config *config)
{
	struct load_peers *peers =
		calloc(1, sizeof(*peers) + config->count * sizeof(struct peer));
	size_t slot = config->packet_size + SLOT_EXTRA;

	if (peers == NULL)
		return NULL;
	peers->config = *config;
	peers->buffers = malloc(BATCH * slot);
	if (peers->buffers == NULL)
		goto fail;
	for (size_t i = 0; i < BATCH; i++) {
		peers->vectors[i] = (struct iovec){peers->buffers + i * slot, slot};
		peers->headers[i].msg_hdr.msg_iov = &peers->vectors[i];
		peers->headers[i].msg_hdr.msg_iovlen = 1;
		peers->headers[i].msg_hdr.msg_control = &peers->controls[i];
	}
	for (uint32_t i = 0; i < config->count; i++) {
		if (!open_peer(peers, &peers->peers[i]))
			goto fail;
	}
	return peers;

fail:;
	int error = errno;
	load_peers_close(peers);
	errno = error;
	return NULL;
}

void load_peers_close(struct load_peers *peers)
{
	if (peers == NULL)
		return;
	for (uint32_t i = 0; i < peers->opened; i++) {
		if (peers->peers[i].readable.ev_base != NULL)
			event_del(&peers->peers[i].readable);
		close(peers->peers[i].fd);
	}
	free(peers->buffers);
	free(peers);
}

const struct endpoint *load_peers_endpoint(const struct load_peers *peers, uint32_t index)
{
	assert(index < peers->opened);
	return &peers->peers[index].endpoint;
}

bool load_peers_send(struct load_peers *peers, uint32_t index,
		     const struct sockaddr_storage *to, socklen_t to_len,
		     struct slice payload)
{
	assert(index < peers->opened);
	return sendto(peers->peers[index].fd, payload.data, payload.len,
		      MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)to,
		      to_len) >= 0;
}
