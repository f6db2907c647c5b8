/*
 * socket_drops.h - what the kernel threw away because nobody read a socket in time.
 */
#ifndef BASE_SOCKET_DROPS_H
#define BASE_SOCKET_DROPS_H

#include <stdint.h>

/*
 * Datagrams that did not fit into the receive queue since the last call with the same *seen,
 * which starts at 0 with the socket. One system call, so not for the packet path. 0 if the kernel
 * does not tell.
 */
uint32_t socket_drops(int fd, uint32_t *seen);

#endif
