/*
 * steering.h - which worker gets a datagram of a client: a hash of its source address and port,
 * the same in the kernel and here. So the worker of a 5-tuple is known before the next
 * datagram comes, whatever the number of workers was when it got its allocation.
 *
 * The kernel runs a classic BPF program for each socket group (SO_ATTACH_REUSEPORT_CBPF), which needs
 * no privilege. Sockets of a group count in the order in which they were bound, so that has to be the
 * order of workers; when one closes, the last one takes its place.
 *
 * The hash has no secret. A stranger can choose ports whose datagrams all go to one worker, but
 * needs one port for that anyway.
 *
 * Two kinds of datagrams may come to another worker: those that waited in a socket while the
 * number of workers changed, and those of IPv6 with extension headers, which the program does
 * not look behind. relay/relocation.h hands them over.
 *
 * Streams are not steered: a connection stays with the worker that accepted it.
 */
#ifndef BASE_UDP_STEERING_H
#define BASE_UDP_STEERING_H

struct endpoint;

/*
 * The worker that the kernel gives datagrams from that address to: 0 to workers - 1. workers: at least
 * 1. On the packet path.
 */
unsigned steering_worker(const struct endpoint *source, unsigned workers);

/*
 * Steer all sockets of the group of fd, a bound UDP socket with SO_REUSEPORT, in place of how they
 * were steered before: the first ones, as many as there are workers, get everything. While there are
 * fewer sockets than workers, the kernel chooses. 0 or negative errno.
 */
int steering_attach(int fd, unsigned workers);

#endif
