/*
 * tcp.h - accepts stream clients: one SO_REUSEPORT listening socket per front and worker. What
 * they speak shows in their first bytes (stream.h), so the TLS front of a port has no socket of
 * its own: it is the one that follows its TCP front.
 *
 * Owner    the worker; its thread only. tcp_front_bind() is for any thread.
 */
#ifndef RELAY_FRONT_TCP_H
#define RELAY_FRONT_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "stun/endpoint.h"

struct clients;
struct tcp_fronts;

/* None yet. Whoever connects becomes one of clients. NULL and errno. */
struct tcp_fronts *tcp_fronts_new(struct clients *clients);
/* NULL is allowed. Closes all, of which copies may go on listening for the next process. */
void tcp_fronts_free(struct tcp_fronts *fronts);

/*
 * Serve the front of that index, which is not open, on fd from tcp_front_bind(), which is taken
 * over. False if out of memory; then fd is still the caller's.
 */
bool tcp_front_open(struct tcp_fronts *fronts, uint16_t front, int fd);
/* Accept no more; nothing if it is not open. Connections that are there go on. */
void tcp_front_close(struct tcp_fronts *fronts, uint16_t front);

/* Its socket; -1: it is not open. */
int tcp_front_descriptor(const struct tcp_fronts *fronts, uint16_t front);

/* A listening socket for that front, ready for SO_REUSEPORT siblings. Negative errno. */
int tcp_front_bind(const struct endpoint *local);

/* Set the options of one that another process has bound so. False: it is of no use. */
bool tcp_front_adopt(int fd);

/*
 * Take the connections that wait in fd, a listening socket for the front of that index beside the one
 * that serves it, and end it.
 */
void tcp_front_drain(struct tcp_fronts *fronts, uint16_t front, int fd);

#endif
