/*
 * conn_end.c - see conn_end.h.
 */
#include "relay/peer/conn_end.h"

#include <assert.h>

void conn_end_open(struct conn_end *end, struct event_base *base, int fd,
		   event_callback_fn ready, void *arg)
{
	assert(end->fd < 0 && fd >= 0);
	end->fd = fd;
	end->waits = 0;
	event_assign(&end->readable, base, fd, EV_READ | EV_PERSIST, ready, arg);
	event_assign(&end->writable, base, fd, EV_WRITE | EV_PERSIST, ready, arg);
}

void conn_end_wait(struct conn_end *end, unsigned waits)
{
	unsigned changed = end->waits ^ waits;

	end->waits = waits;
	if (changed & EV_READ) {
		if (waits & EV_READ)
			event_add(&end->readable, NULL);
		else
			event_del(&end->readable);
	}
	if (changed & EV_WRITE) {
		if (waits & EV_WRITE)
			event_add(&end->writable, NULL);
		else
			event_del(&end->writable);
	}
}

int conn_end_take(struct conn_end *end)
{
	int fd = end->fd;

	if (fd >= 0) {
		event_del(&end->readable);
		event_del(&end->writable);
	}
	end->fd = -1;
	return fd;
}
