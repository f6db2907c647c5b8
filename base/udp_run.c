/*
 * udp_run.c - see udp_run.h.
 *
 * Measured on a veth: a send costs some 4 us however long the datagram is, nearly all of it in
 * the kernel's protocol code, and a segmented one passes that code once.
 */
#include "base/udp_run.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "base/sockaddr.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif

enum { WORTH_A_RUN = 3 };

static size_t *refused_size(struct udp_run *run)
{
	return run->to.ip.family == IP_V4 ? &run->refused_v4 : &run->refused_v6;
}

/* One after the other; how many the kernel took. */
static unsigned send_each(struct udp_run *run, struct sockaddr_storage *sa,
			  socklen_t sa_len)
{
	struct iovec *pieces = run->vectors;
	unsigned sent = 0;

	for (unsigned i = 0; i < run->count; i++, pieces += run->pieces) {
		ssize_t done;
		if (run->pieces == 1) {
			done = sendto(run->fd, pieces->iov_base, pieces->iov_len, 0,
				      (struct sockaddr *)sa, sa_len);
		} else {
			struct msghdr message = {
				.msg_name = sa,
				.msg_namelen = sa_len,
				.msg_iov = pieces,
				.msg_iovlen = run->pieces,
			};
			done = sendmsg(run->fd, &message, 0);
		}
		sent += done >= 0;
	}
	return sent;
}

/* All in one call. 0 or an errno. */
static int send_together(struct udp_run *run, struct sockaddr_storage *sa,
			 socklen_t sa_len)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(uint16_t))];
	} control = {.header = {
			     .cmsg_len = CMSG_LEN(sizeof(uint16_t)),
			     .cmsg_level = IPPROTO_UDP,
			     .cmsg_type = UDP_SEGMENT,
		     }};
	struct msghdr message = {
		.msg_name = sa,
		.msg_namelen = sa_len,
		.msg_iov = run->vectors,
		.msg_iovlen = run->count * run->pieces,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	uint16_t size = (uint16_t)run->size;

	memcpy(CMSG_DATA(&control.header), &size, sizeof(size));
	return sendmsg(run->fd, &message, 0) < 0 ? errno : 0;
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

void udp_run_flush(struct udp_run *run)
{
	struct sockaddr_storage sa;
	size_t *refused = refused_size(run);
	unsigned sent = 0;

	if (run->count == 0)
		return;
	socklen_t sa_len = sockaddr_from_endpoint(&run->to, &sa);
	if (run->count < WORTH_A_RUN || (*refused != 0 && run->size >= *refused)) {
		sent = send_each(run, &sa, sa_len);
	} else {
		int error = send_together(run, &sa, sa_len);
		if (error == 0) {
			sent = run->count;
		} else if (is_about_size(error) || is_about_segments(error)) {
			sent = send_each(run, &sa, sa_len);
			/* A destination that takes nothing at all says nothing about it. */
			if (sent > 0)
				*refused = is_about_size(error) ? run->size : 1;
		}
	}
	run->failed += run->count - sent;
	run->count = 0;
}

static bool joins(const struct udp_run *run, int fd, const struct endpoint *to,
		  size_t size, unsigned pieces)
{
	return run->fd == fd && !run->is_over && size > 0 && size <= run->size &&
	       run->pieces == pieces && run->count < UDP_RUN_MAX &&
	       run->total + size <= UDP_RUN_BYTES_MAX && endpoint_equal(&run->to, to);
}

void udp_run_add(struct udp_run *run, int fd, const struct endpoint *to,
		 const struct udp_datagram *datagram)
{
	static uint8_t zeros[4];
	size_t header_len = datagram->header.len;
	size_t size = header_len + datagram->payload.len + datagram->padding_len;
	unsigned pieces = header_len + datagram->padding_len > 0 ? UDP_RUN_PIECES : 1;

	if (run->count > 0 && !joins(run, fd, to, size, pieces))
		udp_run_flush(run);
	if (run->count == 0) {
		run->fd = fd;
		run->to = *to;
		run->size = size;
		run->total = 0;
		run->pieces = pieces;
		run->is_over = size == 0;
	}

	/* An iovec is not for writing only; the kernel reads from these. */
	struct iovec payload = {(void *)(uintptr_t)datagram->payload.data,
				datagram->payload.len};
	struct iovec *next = &run->vectors[run->count * pieces];
	if (pieces == 1) {
		*next = payload;
	} else {
		uint8_t *header = run->headers[run->count];
		memcpy(header, datagram->header.data, header_len);
		next[0] = (struct iovec){header, header_len};
		next[1] = payload;
		next[2] = (struct iovec){zeros, datagram->padding_len};
	}
	run->count++;
	run->total += size;
	if (size < run->size)
		run->is_over = true;
}

bool udp_run_receive(int fd)
{
	int on = 1;

	return setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) == 0;
}

size_t udp_run_received_size(struct msghdr *message, size_t len)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);
	int size;

	for (; control != NULL; control = CMSG_NXTHDR(message, control)) {
		if (control->cmsg_level != IPPROTO_UDP || control->cmsg_type != UDP_GRO)
			continue;
		memcpy(&size, CMSG_DATA(control), sizeof(size));
		if (size > 0 && (size_t)size < len)
			return (size_t)size;
	}
	return len;
}
