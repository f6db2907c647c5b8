/*
 * clock.h - nanoseconds, and when the kernel saw a datagram arrive (SO_TIMESTAMPNS, which
 * speaks CLOCK_REALTIME).
 */
#ifndef TOOLS_CLIENT_CLOCK_H
#define TOOLS_CLIENT_CLOCK_H

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* Room for the one control message that the sockets here ask for. */
union clock_control {
	struct cmsghdr align;
	uint8_t bytes[CMSG_SPACE(sizeof(struct timespec))];
};

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline uint64_t clock_realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

static inline uint64_t clock_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* When a datagram arrived; otherwise_ns if the kernel did not say. */
static inline uint64_t clock_arrival_ns(const struct msghdr *header,
					uint64_t otherwise_ns)
{
	const struct cmsghdr *control = CMSG_FIRSTHDR(header);
	struct timespec ts;

	if (control == NULL || control->cmsg_level != SOL_SOCKET ||
	    control->cmsg_type != SCM_TIMESTAMPNS ||
	    control->cmsg_len < CMSG_LEN(sizeof(ts)))
		return otherwise_ns;
	memcpy(&ts, CMSG_DATA(control), sizeof(ts));
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

#endif
