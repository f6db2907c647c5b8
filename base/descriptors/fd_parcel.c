/*
 * fd_parcel.c - see fd_parcel.h.
 */
#include "base/descriptors/fd_parcel.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 253 /* SCM_MAX_FD */ };

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(BATCH * sizeof(int))];
};

int fd_parcel_send(int to, const int *fds, size_t count)
{
	union control control = {.bytes = {0}};
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};

	assert(count > 0 && count <= BATCH);
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	return sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : errno;
}

int fd_parcel_open(int *to, int *parcel)
{
	int pair[2];

	/* Not datagrams, of which ten may be queued on some systems (net.unix.max_dgram_qlen). */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return errno;
	*parcel = pair[0];
	*to = pair[1];
	return 0;
}

size_t fd_parcel_pack(const int *fds, size_t count, int *parcel)
{
	size_t packed = 0;
	int to, error;

	error = fd_parcel_open(&to, parcel);
	if (error != 0) {
		errno = error;
		return 0;
	}
	while (packed < count) {
		size_t some = count - packed < BATCH ? count - packed : BATCH;

		error = fd_parcel_send(to, fds + packed, some);
		if (error != 0)
			break;
		packed += some;
	}

	close(to);
	if (packed > 0)
		return packed;
	close(*parcel);
	errno = error;
	return 0;
}

bool fd_parcel_is(int fd)
{
	int domain, type, listens;
	socklen_t len = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	       domain == AF_UNIX &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type == SOCK_SEQPACKET &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && !listens;
}

static bool receive_batch(int from, int flags, void (*add)(void *arg, int fd), void *arg)
{
	union control control;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	if (recvmsg(from, &message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
		return false;
	for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part != NULL;
	     part = CMSG_NXTHDR(&message, part)) {
		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(part) + i * sizeof(fd), sizeof(fd));
			add(arg, fd);
		}
	}
	return true;
}

void fd_parcel_unpack(int parcel, void (*add)(void *arg, int fd), void *arg)
{
	assert(fd_parcel_is(parcel));
	while (receive_batch(parcel, 0, add, arg))
		;
	close(parcel);
}

bool fd_parcel_peek(int parcel, void (*add)(void *arg, int fd), void *arg)
{
	static const int start = 0;

	assert(fd_parcel_is(parcel));
	/* Each look goes on behind what the one before has seen: a byte for each message. */
	if (setsockopt(parcel, SOL_SOCKET, SO_PEEK_OFF, &start, sizeof(start)) != 0)
		return false;
	while (receive_batch(parcel, MSG_PEEK, add, arg))
		;
	return true;
}
