/*
 * inbox.c - a list under a mutex, and an eventfd. Posts are rare: new settings, requests of
 * the control interface, shutdown.
 */
#include "base/inbox.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

struct post {
	struct post *next;
	inbox_fn *fn;
	void *arg;
};

struct inbox {
	struct event event;
	int fd;
	pthread_mutex_t lock;
	bool closed;
	struct post *first, **last;
};

void inbox_run(struct inbox *inbox)
{
	pthread_mutex_lock(&inbox->lock);
	struct post *post = inbox->first;
	inbox->first = NULL;
	inbox->last = &inbox->first;
	pthread_mutex_unlock(&inbox->lock);

	while (post != NULL) {
		struct post *next = post->next;
		post->fn(post->arg);
		free(post);
		post = next;
	}
}

static void readable(evutil_socket_t fd, short events, void *arg)
{
	(void)events;
	eventfd_t ignored;

	eventfd_read(fd, &ignored);
	inbox_run(arg);
}

struct inbox *inbox_new(struct event_base *base)
{
	struct inbox *inbox = calloc(1, sizeof(*inbox));
	if (inbox == NULL)
		return NULL;

	inbox->last = &inbox->first;
	inbox->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (inbox->fd < 0)
		goto fail;
	if (event_assign(&inbox->event, base, inbox->fd, EV_READ | EV_PERSIST, readable,
			 inbox) != 0 ||
	    event_add(&inbox->event, NULL) != 0)
		goto fail;
	pthread_mutex_init(&inbox->lock, NULL);
	return inbox;
fail:
	if (inbox->fd >= 0)
		close(inbox->fd);
	free(inbox);
	return NULL;
}

void inbox_close(struct inbox *inbox)
{
	pthread_mutex_lock(&inbox->lock);
	inbox->closed = true;
	pthread_mutex_unlock(&inbox->lock);
	inbox_run(inbox);
	assert(inbox->first == NULL);
}

void inbox_free(struct inbox *inbox)
{
	if (inbox == NULL)
		return;
	inbox_close(inbox);
	event_del(&inbox->event);
	close(inbox->fd);
	pthread_mutex_destroy(&inbox->lock);
	free(inbox);
}

bool inbox_post(struct inbox *inbox, inbox_fn *fn, void *arg)
{
	struct post *post = malloc(sizeof(*post));

	assert(fn != NULL);
	if (post == NULL)
		return false;
	*post = (struct post){.fn = fn, .arg = arg};

	pthread_mutex_lock(&inbox->lock);
	bool closed = inbox->closed;
	if (!closed) {
		assert(*inbox->last == NULL);
		*inbox->last = post;
		inbox->last = &post->next;
		/* Under the lock, so that nobody is still in here when the inbox is freed. */
		eventfd_write(inbox->fd, 1);
	}
	pthread_mutex_unlock(&inbox->lock);
	if (closed)
		free(post);
	return !closed;
}

struct call {
	inbox_fn *fn;
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool is_done;
};

static void run_call(void *arg)
{
	struct call *call = arg;

	call->fn(call->arg);
	pthread_mutex_lock(&call->lock);
	call->is_done = true;
	pthread_cond_signal(&call->done);
	pthread_mutex_unlock(&call->lock);
}

bool inbox_call(struct inbox *inbox, inbox_fn *fn, void *arg)
{
	struct call call = {
		.fn = fn,
		.arg = arg,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.done = PTHREAD_COND_INITIALIZER,
	};

	if (!inbox_post(inbox, run_call, &call))
		return false;
	pthread_mutex_lock(&call.lock);
	while (!call.is_done)
		pthread_cond_wait(&call.done, &call.lock);
	pthread_mutex_unlock(&call.lock);
	pthread_cond_destroy(&call.done);
	pthread_mutex_destroy(&call.lock);
	return true;
}
