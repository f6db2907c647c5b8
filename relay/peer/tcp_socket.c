/*
 * tcp_socket.c - see tcp_socket.h.
 */
#include "relay/peer/tcp_socket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sockaddr.h"

enum {
	/* Peers of one allocation; more at once are a flood, and may try again. */
	BACKLOG = 64,
};

static bool set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static int new_socket(const struct endpoint *local)
{
	assert(local->port != 0); /* it is a relayed address */
	int domain = local->ip.family == IP_V4 ? AF_INET : AF_INET6;
	int fd = socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	/* Accepted ones inherit it: urgent bytes are bytes of the stream, and are counted as such. */
	set(fd, SOL_SOCKET, SO_OOBINLINE, 1);
	/* Connections of a call that is over may still linger on the port. */
	if ((domain == AF_INET6 && !set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) ||
	    !set(fd, SOL_SOCKET, SO_REUSEADDR, 1)) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

static bool bind_to(int fd, const struct endpoint *local)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = sockaddr_from_endpoint(local, &sa);

	return bind(fd, (struct sockaddr *)&sa, sa_len) == 0;
}

/*
 * On Linux nothing else can be bound to where a socket listens unless both have SO_REUSEPORT.
 * Set only once it listens, it lets us connect from there, and yet a second relay that wants
 * to listen on the same port fails instead of sharing it in silence.
 */
int tcp_socket_listen(const struct endpoint *local)
{
	int fd = new_socket(local);

	if (fd < 0)
		return fd;
	if (!bind_to(fd, local) || listen(fd, BACKLOG) != 0 ||
	    !set(fd, SOL_SOCKET, SO_REUSEPORT, 1)) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

int tcp_socket_relisten(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	set(fd, SOL_SOCKET, SO_OOBINLINE, 1);
	/* A backlog may be changed at any time. It may have been killed before the last option. */
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    listen(fd, BACKLOG) != 0 || !set(fd, SOL_SOCKET, SO_REUSEPORT, 1))
		return -errno;
	return 0;
}

/* None of these is worth losing a connection for. */
static void configure(int fd, uint32_t timeout_ms)
{
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)timeout_ms);
}

int tcp_socket_connect(const struct endpoint *local, const struct endpoint *peer,
		       uint32_t timeout_ms)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = sockaddr_from_endpoint(peer, &sa);

	assert(peer->ip.family == local->ip.family);
	int fd = new_socket(local);

	if (fd < 0)
		return fd;
	configure(fd, timeout_ms);
	if (!set(fd, SOL_SOCKET, SO_REUSEPORT, 1) || !bind_to(fd, local) ||
	    (connect(fd, (struct sockaddr *)&sa, sa_len) != 0 && errno != EINPROGRESS)) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

int tcp_socket_connected(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return -errno;
	return -error;
}

int tcp_socket_accept(int fd, struct endpoint *peer, uint32_t timeout_ms)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = sizeof(sa);
	int accepted = accept4(fd, (struct sockaddr *)&sa, &sa_len,
			       SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (accepted < 0)
		return -errno;
	if (!sockaddr_to_endpoint(&sa, peer)) {
		close(accepted);
		return -ECONNABORTED;
	}
	configure(accepted, timeout_ms);
	return accepted;
}

void tcp_socket_let_rest(int fd)
{
	set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 0);
	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
	set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
	set(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
	set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0); /* as the system has it */
}

void tcp_socket_reset(int fd)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}
