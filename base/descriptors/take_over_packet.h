/*
 * take_over_packet.h - messages of a take-over (take_over_message.h) on a nonblocking socket of SOCK_SEQPACKET,
 * with descriptors.
 *
 * Time     monotonic milliseconds; until_ms is when to give up.
 */
#ifndef BASE_DESCRIPTORS_TAKE_OVER_PACKET_H
#define BASE_DESCRIPTORS_TAKE_OVER_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/descriptors/take_over_message.h"

enum { TAKE_OVER_BATCH_MAX = 253 /* SCM_MAX_FD */ };

struct take_over_packet {
	struct take_over_message message;
	int fds[TAKE_OVER_BATCH_MAX]; /* close-on-exec; the caller's */
	size_t fd_count; /* as its message says; 0 if that is of another kind */
	pid_t pid;       /* of the sender, if the socket has SO_PASSCRED; 0: not told */
};

uint64_t take_over_now_ms(void);
/* Until the socket can do that (poll(2)). False: not in time. */
bool take_over_wait(int fd, short events, uint64_t until_ms);
/* Is a message there, or the other end gone? */
bool take_over_has_more(int fd);

/* fds: copies are sent of as many as the message says; NULL for other kinds. 0 or an errno. */
int take_over_send(int fd, const struct take_over_message *message, const int *fds,
		   uint64_t until_ms);
/* That it comes to nothing; lost if there is no room. */
void take_over_send_no(int fd, const char *reason);

/*
 * One that is there already, or comes in time. False with a sentence in error, and then there are no
 * descriptors.
 */
bool take_over_receive(int fd, struct take_over_packet *packet, uint64_t until_ms,
		       char *error, size_t error_size);
/* Close its descriptors. */
void take_over_drop(const struct take_over_packet *packet);

/* The hello of that daemon, of this version. */
struct take_over_message take_over_hello(const char *daemon);

#endif
