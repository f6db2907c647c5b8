/*
 * udp_socket.c - see udp_socket.h.
 */
#include "relay/front/udp_socket.h"

#include "base/udp/udp_batch.h"

enum { SOCKET_BUFFER = 4 << 20 }; /* one socket for what all clients send and get */

static const struct udp_bind_options bind_options = {
	.reuse_port = true,
	.receive_tos = true,
	.force_buffers = true,
	.receive_buffer = SOCKET_BUFFER,
	.send_buffer = SOCKET_BUFFER,
};

int udp_socket_bind(const struct endpoint *local)
{
	int fd = udp_batch_bind(local, &bind_options);

	if (fd >= 0)
		udp_batch_enable_gro(fd);
	return fd;
}

bool udp_socket_adopt(int fd, const struct endpoint *local)
{
	if (udp_batch_adopt(fd, local, &bind_options) != 0)
		return false;
	udp_batch_enable_gro(fd);
	/* udp_front_open() asks for it if it is wanted. */
	udp_batch_tell_hop_limit(fd, local->ip.family, false);
	return true;
}
