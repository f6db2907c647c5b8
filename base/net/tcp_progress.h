/*
 * tcp_progress.h - how far a TCP connection has come, as its socket knows it: how many bytes this
 * side has taken out of it, and how many it has given to it. Unlike a count that a program keeps,
 * it is right at any moment at which the program may have been killed.
 *
 * Both count from a start that is the socket's own; only differences mean something. An end that has
 * come (FIN) is no byte, and neither is one that was sent. What was peeked at is not taken. An urgent
 * byte counts, so the socket needs SO_OOBINLINE, or what is read comes short of it.
 */
#ifndef BASE_NET_TCP_PROGRESS_H
#define BASE_NET_TCP_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_progress {
	uint64_t taken; /* by recv() and splice() */
	uint64_t given; /* by send() and splice(); acknowledged or not */
};

/*
 * fd: a TCP socket whose connection is established, or was; used by nobody else meanwhile, except
 * by the network. False: it is none, or the system does not say.
 */
bool tcp_progress_read(int fd, struct tcp_progress *progress);

#endif
