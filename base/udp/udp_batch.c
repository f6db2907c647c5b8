/*
 * udp_batch.c - see udp_batch.h.
 *
 * Measured on a veth: a send costs some 4 us however long the datagram is, nearly all of it in
 * the kernel's protocol code, and a segmented one passes that code once.
 */
#include "base/udp/udp_batch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sockaddr.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif

enum {
	WORTH_A_RUN = 3,
	SEND_TRIES = 3,
	REFUSED_RUNS = 1024,  /* sent one by one before the kernel is asked again */
	DATAGRAM_MAX = 65536, /* touched only as far as datagrams reach */
};

/* A receive writes what it used of these. */
static void make_ready(struct udp_batch *batch, unsigned i)
{
	struct msghdr *header = &batch->messages[i].msg_hdr;

	header->msg_namelen = sizeof(batch->sources[i]);
	header->msg_controllen = sizeof(batch->controls[i]);
}

bool udp_batch_init(struct udp_batch *batch, size_t headroom)
{
	assert(headroom <= DATAGRAM_MAX);
	size_t each = (headroom + DATAGRAM_MAX + UDP_BATCH_TAIL + 63) / 64 * 64;

	memset(batch, 0, sizeof(*batch));
	void *buffers = mmap(NULL, UDP_BATCH_MAX * each, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (buffers == MAP_FAILED)
		return false;
	batch->buffers = buffers;
	batch->buffers_len = UDP_BATCH_MAX * each;

	for (unsigned i = 0; i < UDP_BATCH_MAX; i++) {
		batch->buffer_of[i] = (struct iovec){
			batch->buffers + i * each + headroom,
			DATAGRAM_MAX,
		};
		batch->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &batch->sources[i],
			.msg_iov = &batch->buffer_of[i],
			.msg_iovlen = 1,
			.msg_control = &batch->controls[i],
		};
		make_ready(batch, i);
	}
	return true;
}

void udp_batch_destroy(struct udp_batch *batch)
{
	assert(batch->count == 0);
	if (batch->buffers != NULL)
		munmap(batch->buffers, batch->buffers_len);
	batch->buffers = NULL;
}

static void reset(struct udp_batch *batch)
{
	for (unsigned i = 0; i < batch->used; i++)
		make_ready(batch, i);
	batch->used = 0;
}

unsigned udp_batch_receive(struct udp_batch *batch, int fd, unsigned max)
{
	assert(max > 0 && max <= UDP_BATCH_MAX);
	reset(batch);

	int count = recvmmsg(fd, batch->messages, max, 0, NULL);
	if (count > 0)
		batch->used = (unsigned)count;
	return batch->used;
}

unsigned udp_batch_receive_one(struct udp_batch *batch, int fd)
{
	struct msghdr *header = &batch->messages[0].msg_hdr;

	if (batch->used > 1)
		reset(batch);
	make_ready(batch, 0);
	header->msg_flags = 0;
	ssize_t len = recvmsg(fd, header, 0);
	batch->messages[0].msg_len = (unsigned)len;
	batch->used = 1;
	return len >= 0;
}

static bool is_tos(const struct cmsghdr *control)
{
	return (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_TOS) ||
	       (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_TCLASS);
}

static bool is_hop_limit(const struct cmsghdr *control)
{
	return (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_TTL) ||
	       (control->cmsg_level == IPPROTO_IPV6 &&
		control->cmsg_type == IPV6_HOPLIMIT);
}

void udp_batch_read_controls(struct msghdr *header, struct udp_message *message)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(header);
	int value;

	for (; control != NULL; control = CMSG_NXTHDR(header, control)) {
		if (is_tos(control)) {
			/* One byte of IPv4, an int of IPv6. */
			if (control->cmsg_level == IPPROTO_IP) {
				message->tos = *CMSG_DATA(control);
			} else {
				memcpy(&value, CMSG_DATA(control), sizeof(value));
				message->tos = (uint8_t)value;
			}
		} else if (is_hop_limit(control)) {
			memcpy(&value, CMSG_DATA(control), sizeof(value));
			message->hop_limit = (uint8_t)value;
		} else if (control->cmsg_level == IPPROTO_UDP &&
			   control->cmsg_type == UDP_GRO) {
			memcpy(&value, CMSG_DATA(control), sizeof(value));
			if (value > 0 && (size_t)value < message->rest.len) {
				message->size = (size_t)value;
				message->room = NULL;
			}
		}
	}
}

static size_t *refused_size(struct udp_batch *batch)
{
	return batch->to.ip.family == IP_V4 ? &batch->refused_v4 : &batch->refused_v6;
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
static bool has_fields(const struct udp_batch *batch)
{
	return (batch->tos | batch->hop_limit) != 0;
}

static void add_fields(struct msghdr *message, const struct udp_batch *batch)
{
	bool v4 = batch->to.ip.family == IP_V4;
	int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	int tos = batch->tos, hop_limit = batch->hop_limit;

	if (tos != 0)
		add_control(message, level, v4 ? IP_TOS : IPV6_TCLASS, &tos, sizeof(tos));
	if (hop_limit != 0)
		add_control(message, level, v4 ? IP_TTL : IPV6_HOPLIMIT, &hop_limit,
			    sizeof(hop_limit));
}

/* One after the other; how many the kernel took. */
static unsigned send_each(struct udp_batch *batch, struct sockaddr_storage *sa,
			  socklen_t sa_len)
{
	struct iovec *pieces = batch->vectors;
	union send_control control = {0};
	unsigned sent = 0;
	struct msghdr message = {
		.msg_name = sa,
		.msg_namelen = sa_len,
		.msg_iovlen = batch->pieces,
		.msg_control = &control,
	};

	add_fields(&message, batch);
	for (unsigned i = 0; i < batch->count; i++, pieces += batch->pieces) {
		/* sendto() is cheaper for the one datagram of one piece that most are. */
		if (batch->pieces == 1 && !has_fields(batch) &&
		    sendto(batch->fd, pieces->iov_base, pieces->iov_len, 0,
			   (struct sockaddr *)sa, sa_len) >= 0) {
			sent++;
			continue;
		}
		message.msg_iov = pieces;
		sent += send_message(batch->fd, &message) == 0;
	}
	return sent;
}

/* All in one call. 0 or an errno. */
static int send_together(struct udp_batch *batch, struct sockaddr_storage *sa,
			 socklen_t sa_len)
{
	union send_control control = {0};
	uint16_t size = (uint16_t)batch->size;
	struct msghdr message = {
		.msg_name = sa,
		.msg_namelen = sa_len,
		.msg_iov = batch->vectors,
		.msg_iovlen = batch->count * batch->pieces,
		.msg_control = &control,
	};

	add_control(&message, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size));
	add_fields(&message, batch);
	return send_message(batch->fd, &message);
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

uint64_t udp_batch_flush(struct udp_batch *batch)
{
	struct sockaddr_storage sa;
	size_t *refused = refused_size(batch);
	uint64_t failed = batch->failed;
	unsigned sent = 0;

	batch->failed = 0;
	if (batch->count == 0)
		return failed;
	socklen_t sa_len = sockaddr_from_endpoint(&batch->to, &sa);
	if (*refused != 0 && batch->count >= WORTH_A_RUN && batch->refused_runs > 0 &&
	    --batch->refused_runs == 0)
		*refused = 0;
	if (batch->count < WORTH_A_RUN || (*refused != 0 && batch->size >= *refused)) {
		sent = send_each(batch, &sa, sa_len);
	} else {
		int error = send_together(batch, &sa, sa_len);
		if (error == 0) {
			sent = batch->count;
		} else if (is_about_size(error) || is_about_segments(error)) {
			sent = send_each(batch, &sa, sa_len);
			/* A destination that takes nothing at all says nothing about it. */
			if (sent > 0) {
				*refused = is_about_size(error) ? batch->size : 1;
				batch->refused_runs = REFUSED_RUNS;
			}
		}
	}
	assert(sent <= batch->count);
	failed += batch->count - sent;
	batch->count = 0;
	return failed;
}

static bool joins(const struct udp_batch *batch, int fd, const struct endpoint *to,
		  size_t size, unsigned pieces, const struct udp_datagram *datagram)
{
	return batch->fd == fd && batch->tos == datagram->tos &&
	       batch->hop_limit == datagram->hop_limit && !batch->is_over && size > 0 &&
	       size <= batch->size && batch->pieces == pieces &&
	       batch->count < UDP_BATCH_RUN_MAX &&
	       batch->total + size <= UDP_BATCH_RUN_BYTES &&
	       endpoint_equal(&batch->to, to);
}

void udp_batch_send(struct udp_batch *batch, int fd, const struct endpoint *to,
		    const struct udp_datagram *datagram)
{
	static uint8_t zeros[4];
	size_t header_len = datagram->header.len;
	size_t size = header_len + datagram->payload.len + datagram->padding_len;
	unsigned pieces = header_len + datagram->padding_len > 0 ? UDP_BATCH_PIECES : 1;

	assert(header_len <= UDP_BATCH_HEADER_MAX &&
	       datagram->padding_len < sizeof(zeros));
	if (batch->count > 0 && !joins(batch, fd, to, size, pieces, datagram))
		batch->failed = udp_batch_flush(batch);
	if (batch->count == 0) {
		batch->fd = fd;
		batch->to = *to;
		batch->size = size;
		batch->total = 0;
		batch->tos = datagram->tos;
		batch->hop_limit = datagram->hop_limit;
		batch->pieces = pieces;
		batch->is_over = size == 0;
	}

	assert(batch->count < UDP_BATCH_RUN_MAX && batch->pieces == pieces);
	/* An iovec is not for writing only; the kernel reads from these. */
	struct iovec payload = {(void *)(uintptr_t)datagram->payload.data,
				datagram->payload.len};
	struct iovec *next = &batch->vectors[batch->count * pieces];
	if (pieces == 1) {
		*next = payload;
	} else {
		uint8_t *header = batch->headers[batch->count];
		memcpy(header, datagram->header.data, header_len);
		next[0] = (struct iovec){header, header_len};
		next[1] = payload;
		next[2] = (struct iovec){zeros, datagram->padding_len};
	}
	batch->count++;
	batch->total += size;
	if (size < batch->size)
		batch->is_over = true;
}

int udp_batch_tell_hop_limit(int fd, uint8_t family, bool on)
{
	int value = on;

	if (family == IP_V4)
		return setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &value, sizeof(value));
	return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &value, sizeof(value));
}

int udp_batch_set_df(int fd, uint8_t family, bool df)
{
	/* Like DONT, but an ICMP error about a datagram sent with DF is still told. */
	int mode = df ? IP_PMTUDISC_PROBE : IP_PMTUDISC_OMIT, on = df;

	if (family != IP_V4)
		return setsockopt(fd, IPPROTO_IPV6, IPV6_DONTFRAG, &on, sizeof(on));
	return setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &mode, sizeof(mode));
}

/* Without the capability the kernel clips the size; good enough. */
static void set_buffer(int fd, bool force, int force_option, int option, int size)
{
	if (size == 0)
		return;
	if (!force || setsockopt(fd, SOL_SOCKET, force_option, &size, sizeof(size)) != 0)
		setsockopt(fd, SOL_SOCKET, option, &size, sizeof(size));
}

/* What may be set at any time. IPv6 sends without DF by itself. */
static bool set_header_options(int fd, const struct endpoint *local,
			       const struct udp_bind_options *options)
{
	bool v4 = local->ip.family == IP_V4;
	int one = 1, dont = IP_PMTUDISC_DONT;

	return (!v4 ||
		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &dont, sizeof(dont)) == 0) &&
	       (!options->receive_tos ||
		setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6,
			   v4 ? IP_RECVTOS : IPV6_RECVTCLASS, &one, sizeof(one)) == 0);
}

static void set_buffers(int fd, const struct udp_bind_options *options)
{
	set_buffer(fd, options->force_buffers, SO_RCVBUFFORCE, SO_RCVBUF,
		   options->receive_buffer);
	set_buffer(fd, options->force_buffers, SO_SNDBUFFORCE, SO_SNDBUF,
		   options->send_buffer);
}

int udp_batch_bind(const struct endpoint *local, const struct udp_bind_options *options)
{
	int domain = local->ip.family == IP_V4 ? AF_INET : AF_INET6;
	int fd = socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;

	int one = 1;
	struct sockaddr_storage sa;
	socklen_t sa_len = sockaddr_from_endpoint(local, &sa);
	if ((domain == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0) ||
	    !set_header_options(fd, local, options) ||
	    (options->reuse_port &&
	     setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0) ||
	    bind(fd, (struct sockaddr *)&sa, sa_len) != 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	set_buffers(fd, options);
	return fd;
}

int udp_batch_adopt(int fd, const struct endpoint *local,
		    const struct udp_bind_options *options)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    !set_header_options(fd, local, options))
		return -errno;
	if (local->ip.family == IP_V6)
		udp_batch_set_df(fd, IP_V6, false);
	set_buffers(fd, options);
	return 0;
}

bool udp_batch_enable_gro(int fd)
{
	int on = 1;

	return setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) == 0;
}

bool udp_batch_has_gro(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, &len) == 0 && on != 0;
}

/* SO_MEMINFO's counter has 32 bits and wraps around. */
uint32_t udp_batch_drops(int fd, uint32_t *seen)
{
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof(info);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) != 0 ||
	    len <= SK_MEMINFO_DROPS * sizeof(info[0]))
		return 0;
	uint32_t more = info[SK_MEMINFO_DROPS] - *seen;
	*seen = info[SK_MEMINFO_DROPS];
	return more;
}
