/*
 * udp_batch.c - see udp_batch.h.
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
#include "base/udp/udp_calls.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { DATAGRAM_MAX = 65536 }; /* touched only as far as datagrams reach */

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
	if (batch->buffers != NULL)
		munmap(batch->buffers, batch->buffers_len);
	batch->buffers = NULL;
}

static void reset(struct udp_batch *batch)
{
	for (unsigned i = 0; i < batch->used; i++)
		make_ready(batch, batch->first + i);
	batch->used = 0;
}

unsigned udp_batch_receive(struct udp_batch *batch, int fd, unsigned max)
{
	assert(max > 0 && max <= udp_batch_room(batch));
	reset(batch);

	int count = udp_call_recvmmsg(fd, batch->messages + batch->first, max);
	if (count > 0)
		batch->used = (unsigned)count;
	return batch->used;
}

unsigned udp_batch_receive_one(struct udp_batch *batch, int fd)
{
	assert(udp_batch_room(batch) > 0);
	if (batch->used > 1)
		reset(batch);

	struct mmsghdr *message = &batch->messages[batch->first];
	make_ready(batch, batch->first);
	message->msg_hdr.msg_flags = 0;
	ssize_t len = udp_call_recvmsg(fd, &message->msg_hdr);
	message->msg_len = (unsigned)len;
	batch->used = 1;
	return len >= 0;
}

void udp_batch_let_go(struct udp_batch *batch)
{
	reset(batch);
	for (unsigned i = 0; i < batch->first; i++)
		make_ready(batch, i);
	batch->first = 0;
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
