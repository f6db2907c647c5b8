/*
 * tcp_progress.c - see tcp_progress.h.
 */
#include "base/net/tcp_progress.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>
/* Not <netinet/tcp.h>: its struct tcp_info ends before the counters of bytes. */
#include <linux/tcp.h>

enum {
	TRIES = 1000, /* to see a socket that receives all the time between two packets */
	IS_ESTABLISHED = 1,
	IS_FIN_WAIT1 = 4,
	IS_FIN_WAIT2 = 5,
	IS_TIME_WAIT = 6,
	IS_CLOSE = 7,
	IS_CLOSE_WAIT = 8,
	IS_LAST_ACK = 9,
	IS_CLOSING = 11,
};

/* The kernel counts it as a byte received, which nothing of the receive queue shows. */
static bool has_received_end(unsigned state)
{
	return state == IS_CLOSE_WAIT || state == IS_LAST_ACK || state == IS_CLOSING ||
	       state == IS_TIME_WAIT || state == IS_CLOSE;
}

/* The kernel counts it as a byte sent. */
static bool has_sent_end(unsigned state)
{
	return state == IS_FIN_WAIT1 || state == IS_FIN_WAIT2 || state == IS_LAST_ACK ||
	       state == IS_CLOSING || state == IS_TIME_WAIT || state == IS_CLOSE;
}

static bool read_info(int fd, struct tcp_info *info)
{
	socklen_t len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len) == 0 &&
	       len >= offsetof(struct tcp_info, tcpi_bytes_received) +
			       sizeof(info->tcpi_bytes_received);
}

static bool is_same(const struct tcp_info *a, const struct tcp_info *b)
{
	return a->tcpi_state == b->tcpi_state &&
	       a->tcpi_bytes_received == b->tcpi_bytes_received &&
	       a->tcpi_bytes_acked == b->tcpi_bytes_acked;
}

bool tcp_progress_read(int fd, struct tcp_progress *progress)
{
	struct tcp_info before, after;
	int unread = 0, unacked = 0;

	if (!read_info(fd, &after))
		return false;
	for (int i = 0; i < TRIES; i++) {
		before = after;
		if (ioctl(fd, SIOCINQ, &unread) != 0 ||
		    ioctl(fd, SIOCOUTQ, &unacked) != 0 || !read_info(fd, &after))
			return false;
		if (!is_same(&before, &after))
			continue;
		unsigned state = after.tcpi_state;
		if (state != IS_ESTABLISHED && !has_received_end(state) &&
		    !has_sent_end(state))
			return false;
		progress->taken = after.tcpi_bytes_received - (uint64_t)unread -
				  has_received_end(state);
		progress->given =
			after.tcpi_bytes_acked + (uint64_t)unacked - has_sent_end(state);
		return true;
	}
	return false;
}
