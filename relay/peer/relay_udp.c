/*
 * relay_udp.c - one UDP socket per allocation and family. The receive buffers are the worker's,
 * not the socket's: nothing of a datagram is left when the loop resumes.
 *
 * How a socket is read follows what comes. Voice is one datagram each time, and the plainest
 * call is the cheapest for it. A socket whose turn comes again soon after the last one has a
 * queue, and is read in batches; if they show bursts, the kernel is asked to hand those over
 * in one piece (UDP_GRO).
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
#include "base/socket_drops.h"
#include "base/udp_run.h"
#include "relay/dialect/dispatch.h"
#include "relay/worker.h"

enum {
	BATCH = 16,
	BURST = 4,            /* so many at once ask for UDP_GRO */
	SOON = 16,            /* so few other reads between two of a socket */
	IN_VAIN = 16,         /* a batch of one: no further batch for so many reads */
	DATAGRAM_MAX = 65536, /* touched only as far as datagrams reach */
	RECEIVE_BUFFER = 256 << 10,
	TAIL = 4, /* padding of a Data indication */
	BUFFER = (FORWARD_HEADER_MAX + DATAGRAM_MAX + TAIL + 63) / 64 * 64,
};

/* What packets touch comes first and fits a cache line. */
struct relay_socket {
	struct relay_udp *owner; /* NULL: slot not open */
	int fd;
	uint32_t read_at; /* the number of its last read */
	uint8_t family;
	uint8_t in_vain; /* reads to go without a batch */
	bool bursts;     /* UDP_GRO is on */
	bool df;         /* what is sent has DF set */
	uint32_t drops;  /* by the kernel, as counted */
	struct event event;
};

struct relay_udp {
	struct worker *worker;
	struct relay_socket *sockets; /* of IPv4 by slot; behind them those of IPv6 */
	size_t slots;
	uint32_t reads;
	uint8_t *buffers; /* BATCH times BUFFER */
	struct mmsghdr headers[BATCH];
	struct iovec vectors[BATCH];
	struct sockaddr_storage sources[BATCH];
	union udp_run_control controls[BATCH];
	struct udp_run run; /* to a peer */
};

static struct relay_socket *socket_of(struct relay_udp *sockets, uint32_t slot,
				      uint8_t family)
{
	return &sockets->sockets[slot + (family == IP_V6 ? sockets->slots : 0)];
}

static uint32_t slot_of(const struct relay_socket *rs)
{
	size_t place = (size_t)(rs - rs->owner->sockets);

	return (uint32_t)(place < rs->owner->slots ? place : place - rs->owner->slots);
}

/* How many datagrams to ask for. */
static unsigned batch_for(struct relay_udp *sockets, struct relay_socket *rs)
{
	uint32_t since = ++sockets->reads - rs->read_at;

	rs->read_at = sockets->reads;
	if (since > SOON && !rs->bursts)
		return 1;
	if (rs->in_vain > 0) {
		rs->in_vain--;
		return 1;
	}
	return BATCH;
}

/* Into the buffers; how many messages, 0 if none. */
static unsigned receive(struct relay_udp *sockets, struct relay_socket *rs,
			unsigned batch)
{
	if (batch == 1 && !rs->bursts) {
		struct msghdr *header = &sockets->headers[0].msg_hdr;
		header->msg_namelen = sizeof(sockets->sources[0]);
		header->msg_controllen = 0;
		ssize_t len = recvfrom(rs->fd, sockets->vectors[0].iov_base, DATAGRAM_MAX,
				       0, header->msg_name, &header->msg_namelen);
		sockets->headers[0].msg_len = (unsigned)len;
		return len >= 0;
	}
	for (unsigned i = 0; i < batch; i++) {
		sockets->headers[i].msg_hdr.msg_namelen = sizeof(sockets->sources[i]);
		sockets->headers[i].msg_hdr.msg_controllen = sizeof(sockets->controls[i]);
	}
	int count = recvmmsg(rs->fd, sockets->headers, batch, 0, NULL);
	if (batch > 1 && count <= 1)
		rs->in_vain = IN_VAIN;
	if (count >= BURST && !rs->bursts)
		rs->bursts = udp_run_receive(rs->fd);
	return count > 0 ? (unsigned)count : 0;
}

static void relay(struct worker *worker, uint32_t slot, const struct endpoint *source,
		  struct slice payload, uint8_t *room)
{
	struct forward forward;

	dispatch_from_peer(&worker->turn, slot, source, payload, worker->now_ms,
			   &forward);
	if (forward.kind == FORWARD_TO_CLIENT)
		worker_to_client(worker, &forward, room);
}

/* What one receive gave: a datagram, or several of one peer. */
static void received(struct relay_udp *sockets, uint32_t slot, unsigned i)
{
	uint8_t *payload = sockets->vectors[i].iov_base;
	struct slice rest = {payload, sockets->headers[i].msg_len};
	size_t size = udp_run_received_size(&sockets->headers[i].msg_hdr, rest.len);
	struct endpoint source;

	if (!sockaddr_to_endpoint(&sockets->sources[i], &source))
		return;
	if (size == rest.len) {
		relay(sockets->worker, slot, &source, rest, payload);
		return;
	}
	for (; rest.len > size; rest = slice_skip(rest, size))
		relay(sockets->worker, slot, &source, (struct slice){rest.data, size},
		      NULL);
	relay(sockets->worker, slot, &source, rest, NULL);
}

static void readable(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct relay_socket *rs = arg;
	struct relay_udp *sockets = rs->owner;
	struct worker *worker = sockets->worker;
	uint32_t slot = slot_of(rs);

	unsigned count = receive(sockets, rs, batch_for(sockets, rs));
	if (count == 0)
		return;
	worker_tick(worker);
	distribution_add(&worker->turn.counters.batches[SOCKET_RELAY],
			 &distribution_batches, count);
	for (unsigned i = 0; i < count; i++)
		received(sockets, slot, i);
	worker_flush_clients(worker);
}

/* Reserved, not touched: what is never used costs no memory. */
static void *reserve(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory != MAP_FAILED ? memory : NULL;
}

struct relay_udp *relay_udp_new(struct worker *worker, size_t slots)
{
	struct relay_udp *sockets = calloc(1, sizeof(*sockets));
	if (sockets == NULL)
		return NULL;

	sockets->worker = worker;
	sockets->slots = slots;
	sockets->sockets = reserve(2 * slots * sizeof(struct relay_socket));
	sockets->buffers = reserve((size_t)BATCH * BUFFER);
	if (sockets->sockets == NULL || sockets->buffers == NULL) {
		relay_udp_free(sockets);
		return NULL;
	}
	for (size_t i = 0; i < BATCH; i++) {
		sockets->vectors[i] = (struct iovec){
			sockets->buffers + i * BUFFER + FORWARD_HEADER_MAX,
			DATAGRAM_MAX,
		};
		sockets->headers[i].msg_hdr = (struct msghdr){
			.msg_name = &sockets->sources[i],
			.msg_iov = &sockets->vectors[i],
			.msg_iovlen = 1,
			.msg_control = &sockets->controls[i],
		};
	}
	return sockets;
}

void relay_udp_free(struct relay_udp *sockets)
{
	if (sockets == NULL)
		return;
	/* Allocations close their sockets when they end, and all have ended by now. */
	if (sockets->sockets != NULL)
		munmap(sockets->sockets,
		       2 * sockets->slots * sizeof(struct relay_socket));
	if (sockets->buffers != NULL)
		munmap(sockets->buffers, (size_t)BATCH * BUFFER);
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
	int one = 1, size = RECEIVE_BUFFER;
	if ((domain == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0) ||
	    set_discovery(fd, local->ip.family, IP_PMTUDISC_DONT) != 0 ||
	    bind(fd, (struct sockaddr *)&sa, sa_len) != 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	/* Charged as far as it is filled; the system's default is less than one key frame. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

int relay_udp_open(struct relay_udp *sockets, uint32_t slot, const struct endpoint *local)
{
	struct relay_socket *rs = socket_of(sockets, slot, local->ip.family);
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
	rs->read_at = sockets->reads - SOON;
	rs->in_vain = 0;
	rs->bursts = false;
	rs->df = false;
	rs->drops = 0;
	return 0;
}

static void count_drops(struct relay_udp *sockets, struct relay_socket *rs)
{
	counter_add(&sockets->worker->turn.counters.socket_drops[SOCKET_RELAY],
		    socket_drops(rs->fd, &rs->drops));
}

uint32_t relay_udp_count_drops(struct relay_udp *sockets, uint32_t slot, uint32_t some)
{
	for (; slot < sockets->slots && some > 0; slot++) {
		const struct allocation *al =
			allocation_next(sockets->worker->turn.table, slot);

		if (al == NULL)
			return SLOT_NONE;
		slot = al->slot;
		for (uint8_t family = IP_V4; family <= IP_V6; family++) {
			struct relay_socket *rs = socket_of(sockets, slot, family);

			if (allocation_has_family(al, family) && rs->owner != NULL)
				count_drops(sockets, rs);
		}
		some--;
	}
	return slot < sockets->slots ? slot : SLOT_NONE;
}

void relay_udp_close(struct relay_udp *sockets, uint32_t slot, uint8_t family)
{
	struct relay_socket *rs = socket_of(sockets, slot, family);

	relay_udp_flush(sockets); /* the descriptor may be somebody else's soon */
	count_drops(sockets, rs);
	event_del(&rs->event);
	close(rs->fd);
	rs->owner = NULL;
}

void relay_udp_flush(struct relay_udp *sockets)
{
	struct udp_run *run = &sockets->run;

	udp_run_flush(run);
	if (run->failed > 0) {
		counter_add(&sockets->worker->turn.counters.drops[DROP_SEND_FAILED],
			    run->failed);
		run->failed = 0;
	}
}

/* DF belongs to the socket, so what was added before goes out before it changes. */
static void set_df(struct relay_udp *sockets, struct relay_socket *rs, bool df)
{
	if (rs->df == df)
		return;
	relay_udp_flush(sockets);
	set_discovery(rs->fd, rs->family, df ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT);
	rs->df = df;
}

void relay_udp_send(struct relay_udp *sockets, const struct forward *forward)
{
	struct relay_socket *rs =
		socket_of(sockets, forward->slot, forward->peer.ip.family);
	const struct udp_datagram datagram = {.payload = forward->payload};

	set_df(sockets, rs, forward->dont_fragment);
	udp_run_add(&sockets->run, rs->fd, &forward->peer, &datagram);
	/* Who asks for DF probes the path: each of these stands for itself. */
	if (forward->dont_fragment)
		relay_udp_flush(sockets);
}
