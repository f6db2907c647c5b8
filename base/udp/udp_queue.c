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

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum {
	WORTH_A_RUN = 3,
	SEND_TRIES = 3,
	MESSAGES = 64,       /* of one sendmmsg() */
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
		if (sendmsg(fd, message, 0) >= 0)
			return 0;
		if (errno == EAGAIN)
			break;
	}
	return errno;
}

/* UDP_SEGMENT; IP_TOS or IPV6_TCLASS; IP_TTL or IPV6_HOPLIMIT. */
union send_control {
	struct cmsghdr alignment;
	char bytes[CMSG_SPACE(sizeof(uint16_t)) + 2 * CMSG_SPACE(sizeof(int))];
};

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
	assert(message->msg_controllen <= sizeof(union send_control));
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

/* A message of a run, and what it points to. */
struct outgoing {
	struct sockaddr_storage to;
	union send_control control;
};

/* Of all its datagrams together, or of one: then the vectors are still to be set. */
static struct msghdr message_of(const struct udp_queue *queue, const struct udp_run *run,
				bool together, struct outgoing *out)
{
	uint16_t size = (uint16_t)run->size;
	struct msghdr message = {
		.msg_name = &out->to,
		.msg_namelen = sockaddr_from_endpoint(&run->to, &out->to),
		.msg_iovlen = run->pieces,
	};

	if (together || has_fields(run)) {
		message.msg_control = &out->control;
		memset(&out->control, 0, sizeof(out->control));
	}
	if (together) {
		message.msg_iov = (struct iovec *)(uintptr_t)&queue->vectors[run->first];
		message.msg_iovlen = run->count * run->pieces;
		add_control(&message, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size));
	}
	add_fields(&message, run);
	return message;
}

/* One after the other; how many the kernel took. */
static unsigned send_each(struct udp_queue *queue, const struct udp_run *run)
{
	struct iovec *pieces = &queue->vectors[run->first];
	struct outgoing out;
	struct msghdr message = message_of(queue, run, false, &out);
	unsigned sent = 0;

	for (unsigned i = 0; i < run->count; i++, pieces += run->pieces) {
		/* sendto() is cheaper for the one datagram of one piece that most are. */
		if (run->pieces == 1 && !has_fields(run) &&
		    sendto(queue->fd, pieces->iov_base, pieces->iov_len, 0,
			   (struct sockaddr *)&out.to, message.msg_namelen) >= 0) {
			sent++;
			continue;
		}
		message.msg_iov = pieces;
		sent += send_message(queue->fd, &message) == 0;
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

	if (!is_about_size(error) && !is_about_segments(error))
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

/* The only one in the queue; how many the kernel took. */
static unsigned send_run(struct udp_queue *queue, const struct udp_run *run)
{
	struct outgoing out;
	struct msghdr message;
	int error;

	if (!goes_together(queue, run))
		return send_each(queue, run);
	message = message_of(queue, run, true, &out);
	error = send_message(queue->fd, &message);
	return error == 0 ? run->count : refused(queue, run, error);
}

/* Messages for one sendmmsg(), each of a run. */
struct call {
	unsigned count;
	struct mmsghdr messages[MESSAGES];
	const struct udp_run *runs[MESSAGES];
	bool together[MESSAGES];
};

/* How many datagrams the kernel took. An error is that of the first message which has not gone out. */
static unsigned send_call(struct udp_queue *queue, struct call *call)
{
	unsigned sent = 0;

	for (unsigned i = 0; i < call->count;) {
		int done = sendmmsg(queue->fd, &call->messages[i], call->count - i, 0);

		for (int j = 0; j < done; j++, i++)
			sent += call->together[i] ? call->runs[i]->count : 1;
		if (done > 0)
			continue;
		int error = send_message(queue->fd, &call->messages[i].msg_hdr);
		if (error == 0)
			sent += call->together[i] ? call->runs[i]->count : 1;
		else if (call->together[i])
			sent += refused(queue, call->runs[i], error);
		i++;
	}
	call->count = 0;
	return sent;
}

/* All of the queue; how many datagrams the kernel took. */
static unsigned send_runs(struct udp_queue *queue)
{
	struct outgoing out[UDP_QUEUE_RUNS];
	struct call call;
	unsigned sent = 0;

	call.count = 0;
	for (unsigned i = 0; i < queue->run_count; i++) {
		const struct udp_run *run = &queue->runs[i];
		bool together = goes_together(queue, run);
		struct msghdr message = message_of(queue, run, together, &out[i]);
		unsigned first = run->first;

		for (unsigned j = together ? run->count : 1; j <= run->count; j++) {
			if (!together) {
				message.msg_iov = &queue->vectors[first];
				first += run->pieces;
			}
			if (call.count == MESSAGES)
				sent += send_call(queue, &call);
			call.messages[call.count] = (struct mmsghdr){.msg_hdr = message};
			call.runs[call.count] = run;
			call.together[call.count++] = together;
		}
	}
	return sent + send_call(queue, &call);
}

uint64_t udp_queue_flush(struct udp_queue *queue)
{
	uint64_t failed = queue->failed;
	unsigned sent;

	queue->failed = 0;
	if (queue->waiting == 0)
		return failed;
	sent = queue->run_count == 1 ? send_run(queue, &queue->runs[0])
				     : send_runs(queue);
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

/* The run that the datagram belongs to: the last one, or a new one behind it. */
static struct udp_run *run_for(struct udp_queue *queue, int fd, const struct endpoint *to,
			       size_t size, unsigned pieces,
			       const struct udp_datagram *datagram)
{
	struct udp_run *run = &queue->runs[queue->run_count];

	if (queue->waiting > 0) {
		if (queue->fd == fd && queue->waiting < UDP_QUEUE_WAITING &&
		    joins(run - 1, to, size, pieces, datagram))
			return run - 1;
		if (queue->fd != fd || queue->waiting == UDP_QUEUE_WAITING ||
		    queue->run_count == UDP_QUEUE_RUNS) {
			queue->failed = udp_queue_flush(queue);
			run = queue->runs;
		}
	}
	queue->fd = fd;
	queue->run_count++;
	*run = (struct udp_run){
		.to = *to,
		.size = size,
		.pieces = pieces,
		.first = queue->vector_count,
		.tos = datagram->tos,
		.hop_limit = datagram->hop_limit,
		.is_over = size == 0,
	};
	return run;
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
