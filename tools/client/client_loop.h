/*
 * client_loop.h - what the clients of one event base share: receive buffers, because nine
 * thousand clients, each awake for one packet, must not each touch memory of their own; and
 * random bytes drawn ahead, so that a Send indication costs no system call.
 *
 * Owner    the program; freed after the clients.
 * Threads  that of the event base.
 */
#ifndef TOOLS_CLIENT_CLIENT_LOOP_H
#define TOOLS_CLIENT_CLIENT_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct client_loop;
struct event_base;

enum { CLIENT_LOOP_BATCH = 8 }; /* datagrams per system call */

/* NULL: no memory. */
struct client_loop *client_loop_new(struct event_base *base);
void client_loop_free(struct client_loop *loop); /* NULL is allowed */

struct event_base *client_loop_base(const struct client_loop *loop);

/* Unpredictable bytes, at most 64. False if the system has none. */
bool client_loop_random(struct client_loop *loop, uint8_t *out, size_t len);

/* Room for the longest message, valid until the next call: for one that is built and sent. */
uint8_t *client_loop_message(struct client_loop *loop);

/* CLIENT_LOOP_BATCH headers, ready for recvmmsg(). */
struct mmsghdr *client_loop_headers(struct client_loop *loop);

/* Handshakes of TLS and DTLS that its clients have completed. */
void client_loop_count_handshake(struct client_loop *loop);
uint64_t client_loop_handshakes(const struct client_loop *loop);

#endif
