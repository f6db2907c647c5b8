/*
 * udp.c - receives in batches, because a front serves many clients at once. Replies are sent
 * one by one; what is relayed goes out in runs (base/udp_run.h), which are over with the batch
 * that their payloads lie in.
 */
#include "relay/front/udp.h"

#include <assert.h>
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
#include "relay/front/trace.h"
#include "relay/worker.h"

enum {
	BATCH = 32,
	DATAGRAM_MAX = 65536,    /* touched only as far as datagrams reach */
	SOCKET_BUFFER = 4 << 20, /* one socket for what all clients send and get */
};

struct udp_front {
	struct udp_fronts *owner;
	struct event event;
	int fd;         /* -1: this front is not UDP */
	uint32_t drops; /* by the kernel, as counted */
	uint16_t index;
};

struct udp_fronts {
	struct worker *worker;
	struct udp_front fronts[FRONTS_MAX];
	uint8_t *buffers; /* BATCH times DATAGRAM_MAX */
	struct mmsghdr headers[BATCH];
	struct iovec vectors[BATCH];
	struct sockaddr_storage sources[BATCH];
	union udp_run_control controls[BATCH];
	struct udp_run run; /* to a client */
};

static void send_reply(const struct udp_front *front, const struct endpoint *client,
		       size_t len)
{
	struct worker *worker = front->owner->worker;
	struct sockaddr_storage sa;
	socklen_t sa_len = sockaddr_from_endpoint(client, &sa);

	if (sendto(front->fd, worker->reply, len, 0, (struct sockaddr *)&sa, sa_len) < 0)
		counter_add(&worker->turn.counters.drops[DROP_SEND_FAILED], 1);
}

static void handle(struct udp_front *front, const struct five_tuple *tuple,
		   struct slice message)
{
	struct worker *worker = front->owner->worker;
	struct dispatch dispatch;

	dispatch_from_client(&worker->turn, tuple, message, worker->now_ms,
			     worker->unix_s, worker->reply, &dispatch);
	if (dispatch.action == DISPATCH_FORWARD)
		relay_udp_send(worker->relay_sockets, &dispatch.forward);
	else if (dispatch.action == DISPATCH_REPLY) {
		send_reply(front, &tuple->client, dispatch.reply_len);
		trace_reply(&worker->trace, &worker->turn, tuple,
			    (struct slice){worker->reply, dispatch.reply_len},
			    worker->now_ms);
	}
	if (dispatch.authenticated)
		worker_expire(worker);
}

/* What one receive gave: a datagram, or several of one client. */
static void received(struct udp_front *front, unsigned i)
{
	struct udp_fronts *fronts = front->owner;
	struct worker *worker = fronts->worker;
	struct counters *counters = &worker->turn.counters;
	struct msghdr *header = &fronts->headers[i].msg_hdr;
	struct slice rest = {fronts->vectors[i].iov_base, fronts->headers[i].msg_len};
	struct five_tuple tuple = {.front = front->index};

	if (!sockaddr_to_endpoint(&fronts->sources[i], &tuple.client))
		return;
	if (header->msg_flags & MSG_TRUNC) {
		counter_add(&counters->drops[DROP_TRUNCATED], 1);
		return;
	}
	if (!settings_client_allowed(worker->settings,
				     worker->turn.shared->fronts[front->index].side,
				     &tuple.client.ip)) {
		counter_add(&counters->drops[DROP_CLIENT_ACL], 1);
		return;
	}

	size_t size = udp_run_received_size(header, rest.len);
	for (; rest.len > size; rest = slice_skip(rest, size))
		handle(front, &tuple, (struct slice){rest.data, size});
	handle(front, &tuple, rest);
}

/* A receive writes what it used of these. */
static void make_ready(struct udp_fronts *fronts, unsigned i)
{
	struct msghdr *header = &fronts->headers[i].msg_hdr;

	header->msg_namelen = sizeof(fronts->sources[i]);
	header->msg_controllen = sizeof(fronts->controls[i]);
}

static void readable(evutil_socket_t fd, short events, void *arg)
{
	(void)events;
	struct udp_front *front = arg;
	struct udp_fronts *fronts = front->owner;

	int count = recvmmsg(fd, fronts->headers, BATCH, MSG_DONTWAIT, NULL);
	if (count <= 0)
		return;
	worker_tick(fronts->worker);
	distribution_add(&fronts->worker->turn.counters.batches[SOCKET_FRONT],
			 &distribution_batches, (unsigned)count);
	for (unsigned i = 0; i < (unsigned)count; i++) {
		received(front, i);
		make_ready(fronts, i);
	}
	relay_udp_flush(fronts->worker->relay_sockets);
}

struct udp_fronts *udp_fronts_new(struct worker *worker)
{
	struct udp_fronts *fronts = calloc(1, sizeof(*fronts));
	if (fronts == NULL)
		return NULL;
	fronts->worker = worker;
	fronts->buffers = mmap(NULL, (size_t)BATCH * DATAGRAM_MAX, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (fronts->buffers == MAP_FAILED) {
		free(fronts);
		return NULL;
	}

	for (size_t i = 0; i < BATCH; i++) {
		fronts->vectors[i] = (struct iovec){
			fronts->buffers + i * DATAGRAM_MAX,
			DATAGRAM_MAX,
		};
		fronts->headers[i].msg_hdr = (struct msghdr){
			.msg_name = &fronts->sources[i],
			.msg_iov = &fronts->vectors[i],
			.msg_iovlen = 1,
			.msg_control = &fronts->controls[i],
		};
		make_ready(fronts, (unsigned)i);
	}
	for (size_t i = 0; i < FRONTS_MAX; i++) {
		fronts->fronts[i].owner = fronts;
		fronts->fronts[i].index = (uint16_t)i;
		fronts->fronts[i].fd = -1;
	}
	return fronts;
}

void udp_fronts_free(struct udp_fronts *fronts)
{
	if (fronts == NULL)
		return;
	for (uint16_t i = 0; i < FRONTS_MAX; i++)
		udp_front_close(fronts, i);
	munmap(fronts->buffers, (size_t)BATCH * DATAGRAM_MAX);
	free(fronts);
}

static void count_drops(struct udp_front *front)
{
	uint64_t *counter =
		&front->owner->worker->turn.counters.socket_drops[SOCKET_FRONT];

	counter_add(counter, socket_drops(front->fd, &front->drops));
}

void udp_fronts_count_drops(struct udp_fronts *fronts)
{
	for (size_t i = 0; i < FRONTS_MAX; i++) {
		if (fronts->fronts[i].fd >= 0)
			count_drops(&fronts->fronts[i]);
	}
}

bool udp_front_open(struct udp_fronts *fronts, uint16_t front, int fd)
{
	struct udp_front *opened = &fronts->fronts[front];

	assert(opened->fd < 0);
	if (event_assign(&opened->event, fronts->worker->base, fd, EV_READ | EV_PERSIST,
			 readable, opened) != 0 ||
	    event_add(&opened->event, NULL) != 0)
		return false;
	opened->fd = fd;
	opened->drops = 0;
	return true;
}

void udp_front_close(struct udp_fronts *fronts, uint16_t front)
{
	struct udp_front *closed = &fronts->fronts[front];

	if (closed->fd < 0)
		return;
	count_drops(closed);
	event_del(&closed->event);
	close(closed->fd);
	closed->fd = -1;
}

void udp_front_relay(struct udp_fronts *fronts, uint16_t front,
		     const struct endpoint *client, const struct udp_datagram *datagram)
{
	udp_run_add(&fronts->run, fronts->fronts[front].fd, client, datagram);
}

void udp_fronts_flush(struct udp_fronts *fronts)
{
	struct udp_run *run = &fronts->run;

	udp_run_flush(run);
	if (run->failed > 0) {
		counter_add(&fronts->worker->turn.counters.drops[DROP_SEND_FAILED],
			    run->failed);
		run->failed = 0;
	}
}

int udp_front_bind(const struct endpoint *local)
{
	int domain = local->ip.family == IP_V4 ? AF_INET : AF_INET6;
	int fd = socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;

	int one = 1, size = SOCKET_BUFFER, discovery = IP_PMTUDISC_DONT;
	struct sockaddr_storage sa;
	socklen_t sa_len = sockaddr_from_endpoint(local, &sa);
	if ((domain == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0) ||
	    (domain == AF_INET && setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discovery,
					     sizeof(discovery)) != 0) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0 ||
	    bind(fd, (struct sockaddr *)&sa, sa_len) != 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	/* Without the capability the kernel clips to net.core.[rw]mem_max; good enough. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	udp_run_receive(fd);
	return fd;
}
