/*
 * udp_queue.c - see udp_queue.h.
 *
 * Measured: a send costs some 3 us however long the datagram is, nearly all of it in the kernel's protocol
 * code, and a segmented one passes that code once. sendmmsg() spares a fifth of it, sendmsg() in place of
 * sendto() adds a twentieth.
 */
#include "base/udp/udp_queue.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "base/sockaddr.h"
#include "base/udp/udp_calls.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum {
	WORTH_A_RUN = 3,
	SEND_TRIES = 3,
	REFUSED_RUNS = 1024, /* sent one by one before the kernel is asked again */
};

static size_t *refused_size(struct udp_queue *queue, const struct udp_run *run)
{
	return run->to.ip.family == IP_V4 ? &queue->refused_v4 : &queue->refused_v6;
}

/* 0 or an errno. */
static int send_message(int fd, const struct msghdr *message)
{
	/*
	 * An ICMP error about an earlier datagram fails the next call, which sends nothing; any
	 * other error comes again. Whoever forges such errors may well hit more than one call.
	 */
	for (int i = 0; i < SEND_TRIES; i++) {
		if (udp_call_sendmsg(fd, message) >= 0)
			return 0;
		if (errno == EAGAIN)
			break;
	}
	return errno;
}

/* Add one to the message's, whose buffer has room for it. */
static void add_control(struct msghdr *message, int level, int type, const void *value,
			size_t size)
{
	struct cmsghdr *control =
		(struct cmsghdr *)(void *)((char *)message->msg_control +
					   message->msg_controllen);

	control->cmsg_level = level;
	control->cmsg_type = type;
	control->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(control), value, size);
	message->msg_controllen += CMSG_SPACE(size);
	assert(message->msg_controllen <= sizeof(union udp_queue_control));
}

/* The socket's own TOS is 0, so that most datagrams need none of this. */
static bool has_fields(const struct udp_run *run)
{
	return (run->tos | run->hop_limit) != 0;
}

static void add_fields(struct msghdr *message, const struct udp_run *run)
{
	bool v4 = run->to.ip.family == IP_V4;
	int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	int tos = run->tos, hop_limit = run->hop_limit;

	if (tos != 0)
		add_control(message, level, v4 ? IP_TOS : IPV6_TCLASS, &tos, sizeof(tos));
	if (hop_limit != 0)
		add_control(message, level, v4 ? IP_TTL : IPV6_HOPLIMIT, &hop_limit,
			    sizeof(hop_limit));
}

/* Of a run, one after the other; how many the kernel took. */
static unsigned send_each(struct udp_queue *queue, const struct udp_run *run)
{
	struct msghdr *message = &queue->messages[run - queue->runs].msg_hdr;
	struct iovec *pieces = &queue->vectors[run->first];
	unsigned sent = 0;

	message->msg_iovlen = run->pieces;
	message->msg_controllen = 0;
	add_fields(message, run);
	for (unsigned i = 0; i < run->count; i++, pieces += run->pieces) {
		/* sendto() is cheaper for the one datagram of one piece that most are. */
		if (run->pieces == 1 && !has_fields(run) &&
		    udp_call_sendto(queue->fd, pieces->iov_base, pieces->iov_len,
				    message->msg_name, message->msg_namelen) >= 0) {
			sent++;
			continue;
		}
		message->msg_iov = pieces;
		sent += send_message(queue->fd, message) == 0;
	}
	return sent;
}

/* Larger than what the device sends in one packet; which of them depends on the kernel. */
static bool is_about_size(int error)
{
	return error == EMSGSIZE || error == EINVAL;
}

/* No segments at all: the device does no checksums, IPsec, or an old kernel. */
static bool is_about_segments(int error)
{
	return error == EIO || error == ENOPROTOOPT || error == EOPNOTSUPP;
}

/* The kernel has refused a run as one message; how many it takes one by one. */
static unsigned refused(struct udp_queue *queue, const struct udp_run *run, int error)
{
	unsigned sent;

	if (run->count == 1 || (!is_about_size(error) && !is_about_segments(error)))
		return 0;
	sent = send_each(queue, run);
	/* A destination that takes nothing at all says nothing about it. */
	if (sent > 0) {
		*refused_size(queue, run) = is_about_size(error) ? run->size : 1;
		queue->refused_runs = REFUSED_RUNS;
	}
	return sent;
}

static bool goes_together(struct udp_queue *queue, const struct udp_run *run)
{
	size_t *size = refused_size(queue, run);

	if (run->count < WORTH_A_RUN)
		return false;
	if (*size != 0 && queue->refused_runs > 0 && --queue->refused_runs == 0)
		*size = 0;
	return *size == 0 || run->size < *size;
}

/* Make the message of a run ready, if it can go out as one. */
static bool is_one_message(struct udp_queue *queue, unsigned i)
{
	const struct udp_run *run = &queue->runs[i];
	struct msghdr *message = &queue->messages[i].msg_hdr;
	uint16_t size = (uint16_t)run->size;

	if (run->count > 1) {
		if (!goes_together(queue, run))
			return false;
		message->msg_iovlen = (size_t)run->count * run->pieces;
		add_control(message, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size));
	}
	add_fields(message, run);
	return true;
}

/* The runs from first up to end, each as one message; how many datagrams the kernel took. */
static unsigned send_messages(struct udp_queue *queue, unsigned first, unsigned end)
{
	unsigned sent = 0;

	while (first < end) {
		unsigned left = end - first;
		int done = left > 1 ? udp_call_sendmmsg(queue->fd,
							&queue->messages[first], left)
				    : 0;

		for (int i = 0; i < done; i++)
			sent += queue->runs[first++].count;
		if (done > 0)
			continue;
		/* The only one; or the error is that of the first. */
		int error = send_message(queue->fd, &queue->messages[first].msg_hdr);
		sent += error == 0 ? queue->runs[first].count
				   : refused(queue, &queue->runs[first], error);
		first++;
	}
	return sent;
}

/* All of the queue; how many datagrams the kernel took. */
static unsigned send_runs(struct udp_queue *queue)
{
	unsigned sent = 0, first = 0, count = queue->run_count;

	if (count == 1 && queue->runs[0].count < WORTH_A_RUN)
		return send_each(queue, &queue->runs[0]);
	for (unsigned i = 0; i < count; i++) {
		if (is_one_message(queue, i))
			continue;
		sent += send_messages(queue, first, i);
		sent += send_each(queue, &queue->runs[i]);
		first = i + 1;
	}
	return sent + send_messages(queue, first, count);
}

uint64_t udp_queue_flush(struct udp_queue *queue)
{
	uint64_t failed = queue->failed;
	unsigned sent;

	queue->failed = 0;
	if (queue->waiting == 0)
		return failed;
	sent = send_runs(queue);
	assert(sent <= queue->waiting);
	failed += queue->waiting - sent;
	queue->waiting = queue->run_count = queue->vector_count = 0;
	return failed;
}

static bool joins(const struct udp_run *run, const struct endpoint *to, size_t size,
		  unsigned pieces, const struct udp_datagram *datagram)
{
	return run->tos == datagram->tos && run->hop_limit == datagram->hop_limit &&
	       !run->is_over && size > 0 && size <= run->size && run->pieces == pieces &&
	       run->count < UDP_QUEUE_RUN_MAX &&
	       run->total + size <= UDP_QUEUE_RUN_BYTES && endpoint_equal(&run->to, to);
}

/* A new run, behind the others. */
static struct udp_run *new_run(struct udp_queue *queue, const struct endpoint *to,
			       size_t size, unsigned pieces,
			       const struct udp_datagram *datagram)
{
	unsigned i = queue->run_count++;
	union udp_queue_address *address = &queue->addresses[i];
	struct udp_run *run = &queue->runs[i];

	run->to = *to;
	run->size = size;
	run->total = 0;
	run->count = 0;
	run->first = (uint16_t)queue->vector_count;
	run->pieces = (uint8_t)pieces;
	run->tos = datagram->tos;
	run->hop_limit = datagram->hop_limit;
	run->is_over = size == 0;
	queue->messages[i].msg_hdr = (struct msghdr){
		.msg_name = address,
		.msg_namelen = sockaddr_write(to, &address->any),
		.msg_iov = &queue->vectors[queue->vector_count],
		.msg_iovlen = pieces,
		.msg_control = &queue->controls[i],
	};
	return run;
}

/* The run that the datagram belongs to. */
static struct udp_run *run_for(struct udp_queue *queue, int fd, const struct endpoint *to,
			       size_t size, unsigned pieces,
			       const struct udp_datagram *datagram)
{
	if (queue->waiting > 0) {
		struct udp_run *last = &queue->runs[queue->run_count - 1];
		bool fits = queue->fd == fd && queue->waiting < UDP_QUEUE_WAITING;

		if (fits && joins(last, to, size, pieces, datagram))
			return last;
		if (!fits || queue->run_count == UDP_QUEUE_RUNS)
			queue->failed = udp_queue_flush(queue);
	}
	queue->fd = fd;
	return new_run(queue, to, size, pieces, datagram);
}

void udp_queue_add(struct udp_queue *queue, int fd, const struct endpoint *to,
		   const struct udp_datagram *datagram)
{
	static uint8_t zeros[4];
	size_t header_len = datagram->header.len;
	size_t size = header_len + datagram->payload.len + datagram->padding_len;
	unsigned pieces = header_len + datagram->padding_len > 0 ? UDP_QUEUE_PIECES : 1;
	struct udp_run *run;

	assert(header_len <= UDP_QUEUE_HEADER_MAX &&
	       datagram->padding_len < sizeof(zeros));
	run = run_for(queue, fd, to, size, pieces, datagram);
	assert(queue->waiting < UDP_QUEUE_WAITING && run->pieces == pieces);
	/* An iovec is not for writing only; the kernel reads from these. */
	struct iovec payload = {(void *)(uintptr_t)datagram->payload.data,
				datagram->payload.len};
	struct iovec *next = &queue->vectors[queue->vector_count];
	if (pieces == 1) {
		*next = payload;
	} else {
		uint8_t *header = queue->headers[queue->waiting];
		memcpy(header, datagram->header.data, header_len);
		next[0] = (struct iovec){header, header_len};
		next[1] = payload;
		next[2] = (struct iovec){zeros, datagram->padding_len};
	}
	queue->vector_count += pieces;
	queue->waiting++;
	run->count++;
	run->total += size;
	if (size < run->size)
		run->is_over = true;
}
