/*
 * client_loop.c - see client_loop.h.
 */
#include "tools/client/client_loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "tools/client/clock.h"

enum {
	DATAGRAM_MAX = 65536,
	RANDOM_LEN = 12 << 10, /* drawn at once */
	RANDOM_MAX = 64,       /* taken at once */
};

struct client_loop {
	struct event_base *base;
	struct mmsghdr headers[CLIENT_LOOP_BATCH];
	struct iovec vectors[CLIENT_LOOP_BATCH];
	union clock_control controls[CLIENT_LOOP_BATCH];
	uint8_t *buffers; /* the datagrams of a batch, and one to be sent */
	uint8_t random[RANDOM_LEN];
	size_t random_used;
	uint64_t handshakes;
};

struct client_loop *client_loop_new(struct event_base *base)
{
	struct client_loop *loop = calloc(1, sizeof(*loop));

	if (loop == NULL)
		return NULL;
	loop->base = base;
	loop->random_used = RANDOM_LEN;
	loop->buffers = malloc((size_t)(CLIENT_LOOP_BATCH + 1) * DATAGRAM_MAX);
	if (loop->buffers == NULL) {
		free(loop);
		return NULL;
	}
	for (size_t i = 0; i < CLIENT_LOOP_BATCH; i++) {
		loop->vectors[i] =
			(struct iovec){loop->buffers + i * DATAGRAM_MAX, DATAGRAM_MAX};
		loop->headers[i].msg_hdr.msg_iov = &loop->vectors[i];
		loop->headers[i].msg_hdr.msg_iovlen = 1;
		loop->headers[i].msg_hdr.msg_control = &loop->controls[i];
	}
	return loop;
}

void client_loop_free(struct client_loop *loop)
{
	if (loop == NULL)
		return;
	free(loop->buffers);
	free(loop);
}

struct event_base *client_loop_base(const struct client_loop *loop)
{
	return loop->base;
}

static bool draw(struct client_loop *loop)
{
	size_t filled = 0;

	while (filled < RANDOM_LEN) {
		ssize_t len = getrandom(loop->random + filled, RANDOM_LEN - filled, 0);
		if (len < 0 && errno != EINTR)
			return false;
		filled += len > 0 ? (size_t)len : 0;
	}
	loop->random_used = 0;
	return true;
}

bool client_loop_random(struct client_loop *loop, uint8_t *out, size_t len)
{
	assert(len <= RANDOM_MAX && loop->random_used <= RANDOM_LEN);
	if (RANDOM_LEN - loop->random_used < len && !draw(loop))
		return false;
	memcpy(out, loop->random + loop->random_used, len);
	loop->random_used += len;
	return true;
}

uint8_t *client_loop_message(struct client_loop *loop)
{
	return loop->buffers + (size_t)CLIENT_LOOP_BATCH * DATAGRAM_MAX;
}

struct mmsghdr *client_loop_headers(struct client_loop *loop)
{
	for (size_t i = 0; i < CLIENT_LOOP_BATCH; i++)
		loop->headers[i].msg_hdr.msg_controllen = sizeof(loop->controls[i]);
	return loop->headers;
}

void client_loop_count_handshake(struct client_loop *loop)
{
	loop->handshakes++;
}

uint64_t client_loop_handshakes(const struct client_loop *loop)
{
	return loop->handshakes;
}
