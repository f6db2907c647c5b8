/*
 * relay_udp.c - one UDP socket per allocation. The receive buffer is the worker's, not the
 * socket's: a socket is empty between two turns of the loop.
 */
#include "relay/peer/relay_udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/sockaddr.h"
#include "relay/dialect/dispatch.h"
#include "relay/worker.h"

enum {
	DATAGRAM_MAX = 65535,
	TAIL = 4, /* padding of a Data indication */
};

struct relay_socket {
	struct relay_udp *owner; /* NULL: slot not open */
	struct event event;
	int fd;
	uint8_t family;
};

struct relay_udp {
	struct worker *worker;
	struct relay_socket *sockets;
	size_t slots;
	uint8_t buffer[FORWARD_HEADER_MAX + DATAGRAM_MAX + TAIL];
};

static void readable(evutil_socket_t fd, short events, void *arg)
{
	(void)events;
	struct relay_socket *rs = arg;
	struct relay_udp *sockets = rs->owner;
	struct worker *worker = sockets->worker;
	uint32_t slot = (uint32_t)(rs - sockets->sockets);
	uint8_t *payload = sockets->buffer + FORWARD_HEADER_MAX;
	struct sockaddr_storage sa;
	socklen_t sa_len = sizeof(sa);

	ssize_t len =
		recvfrom(fd, payload, DATAGRAM_MAX, 0, (struct sockaddr *)&sa, &sa_len);
	struct endpoint source;
	if (len < 0 || !sockaddr_to_endpoint(&sa, &source))
		return;

	worker_tick(worker);
	struct forward forward;
	dispatch_from_peer(&worker->turn, slot, &source,
			   (struct slice){payload, (size_t)len}, worker->now_ms,
			   &forward);
	if (forward.kind == FORWARD_TO_CLIENT)
		worker_to_client(worker, &forward, payload);
}

struct relay_udp *relay_udp_new(struct worker *worker, size_t slots)
{
	struct relay_udp *sockets = calloc(1, sizeof(*sockets));
	if (sockets == NULL)
		return NULL;

	/* Reserved, not touched: a slot that never opens costs no memory. */
	void *table = mmap(NULL, slots * sizeof(struct relay_socket),
			   PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (table == MAP_FAILED) {
		free(sockets);
		return NULL;
	}
	sockets->worker = worker;
	sockets->sockets = table;
	sockets->slots = slots;
	return sockets;
}

void relay_udp_free(struct relay_udp *sockets)
{
	if (sockets == NULL)
		return;
	/* Allocations close their sockets when they end, and all have ended by now. */
	munmap(sockets->sockets, sockets->slots * sizeof(struct relay_socket));
	free(sockets);
}

/*
 * RFC 8656 section 14 and 15, alternate behaviour (T-401): DF is not set unless a Send asks
 * for it; IPv6 keeps the system's behaviour.
 */
static int set_discovery(int fd, uint8_t family, int mode)
{
	if (family != IP_V4)
		return 0;
	return setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &mode, sizeof(mode));
}

static int open_socket(const struct endpoint *local)
{
	int domain = local->ip.family == IP_V4 ? AF_INET : AF_INET6;
	int fd = socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;

	struct sockaddr_storage sa;
	socklen_t sa_len = sockaddr_from_endpoint(local, &sa);
	int one = 1;
	if ((domain == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0) ||
	    set_discovery(fd, local->ip.family, IP_PMTUDISC_DONT) != 0 ||
	    bind(fd, (struct sockaddr *)&sa, sa_len) != 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

int relay_udp_open(struct relay_udp *sockets, uint32_t slot, const struct endpoint *local)
{
	struct relay_socket *rs = &sockets->sockets[slot];
	int fd = open_socket(local);
	if (fd < 0)
		return fd;

	if (event_assign(&rs->event, sockets->worker->base, fd, EV_READ | EV_PERSIST,
			 readable, rs) != 0 ||
	    event_add(&rs->event, NULL) != 0) {
		close(fd);
		return -ENOMEM;
	}
	rs->owner = sockets;
	rs->fd = fd;
	rs->family = local->ip.family;
	return 0;
}

void relay_udp_close(struct relay_udp *sockets, uint32_t slot)
{
	struct relay_socket *rs = &sockets->sockets[slot];

	event_del(&rs->event);
	close(rs->fd);
	rs->owner = NULL;
}

void relay_udp_send(struct relay_udp *sockets, const struct forward *forward)
{
	const struct relay_socket *rs = &sockets->sockets[forward->slot];
	struct counters *counters = &sockets->worker->turn.counters;
	struct sockaddr_storage sa;
	socklen_t sa_len = sockaddr_from_endpoint(&forward->peer, &sa);

	if (forward->dont_fragment)
		set_discovery(rs->fd, rs->family, IP_PMTUDISC_PROBE);
	ssize_t sent = sendto(rs->fd, forward->payload.data, forward->payload.len, 0,
			      (struct sockaddr *)&sa, sa_len);
	if (sent < 0)
		counter_add(&counters->drops[DROP_SEND_FAILED], 1);
	if (forward->dont_fragment)
		set_discovery(rs->fd, rs->family, IP_PMTUDISC_DONT);
}
