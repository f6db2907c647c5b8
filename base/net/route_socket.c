/*
 * route_socket.c - see route_socket.h.
 */
#include "base/net/route_socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

int route_socket_open(uint32_t groups)
{
	const struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = groups,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

int route_socket_join(int fd, unsigned group)
{
	return setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
			  sizeof(group)) == 0
		       ? 0
		       : -errno;
}

void route_socket_skip(int fd)
{
	char buffer[8192];
	ssize_t n;

	do {
		n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	} while (n > 0 || (n < 0 && (errno == EINTR || errno == ENOBUFS)));
}

int route_socket_more(int fd, void *reply, size_t size)
{
	ssize_t n;

	do {
		n = recv(fd, reply, size, MSG_DONTWAIT | MSG_TRUNC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n <= size ? (int)n : -EMSGSIZE;
}

int route_socket_ask(int fd, const void *request, size_t len, void *reply, size_t size)
{
	ssize_t n;

	do {
		n = send(fd, request, len, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return route_socket_more(fd, reply, size);
}
