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

static bool send_batch(int to, const int *fds, size_t count)
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
	return sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

size_t fd_parcel_pack(const int *fds, size_t count, int *parcel)
{
	size_t packed = 0;
	int pair[2];

	/* Not datagrams, of which ten may be queued on some systems (net.unix.max_dgram_qlen). */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return 0;
	while (packed < count) {
		size_t some = count - packed < BATCH ? count - packed : BATCH;

		if (!send_batch(pair[1], fds + packed, some))
			break;
		packed += some;
	}

	int error = errno;
	close(pair[1]);
	*parcel = pair[0];
	if (packed > 0)
		return packed;
	close(pair[0]);
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

static bool receive_batch(int from, void (*add)(void *arg, int fd), void *arg)
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

	if (recvmsg(from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
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
	while (receive_batch(parcel, add, arg))
		;
	close(parcel);
}
