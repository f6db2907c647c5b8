/*
 * socket_drops.c - SO_MEMINFO, whose counter has 32 bits and turns over.
 */
#include "base/socket_drops.h"

#include <linux/sock_diag.h>
#include <sys/socket.h>

uint32_t socket_drops(int fd, uint32_t *seen)
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
