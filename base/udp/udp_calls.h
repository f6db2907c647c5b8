/*
 * udp_calls.h - system calls of the packet path. Those of the C library are points at which a thread can be
 * cancelled; with several threads it pays two locked instructions for that, each time. No thread of ours is
 * ever cancelled.
 */
#ifndef BASE_UDP_CALLS_H
#define BASE_UDP_CALLS_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As in recvmsg(2) and the others: -1 and errno. */
static inline ssize_t udp_call_recvmsg(int fd, struct msghdr *message)
{
	return syscall(SYS_recvmsg, fd, message, 0);
}

static inline int udp_call_recvmmsg(int fd, struct mmsghdr *messages, unsigned count)
{
	return (int)syscall(SYS_recvmmsg, fd, messages, count, 0, NULL);
}

static inline ssize_t udp_call_sendto(int fd, const void *bytes, size_t len,
				      const struct sockaddr *to, socklen_t to_len)
{
	return syscall(SYS_sendto, fd, bytes, len, 0, to, to_len);
}

static inline ssize_t udp_call_sendmsg(int fd, const struct msghdr *message)
{
	return syscall(SYS_sendmsg, fd, message, 0);
}

static inline int udp_call_sendmmsg(int fd, struct mmsghdr *messages, unsigned count)
{
	return (int)syscall(SYS_sendmmsg, fd, messages, count, 0);
}

#endif
