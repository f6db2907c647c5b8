/*
 * handoff.c - a list under a mutex and an eventfd. Posts are rare (settings, questions of the
 * control interface, stop); the packet path never comes here.
 */
#include "relay/handoff.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "relay/worker.h"

struct post {
	struct post *next;
	handoff_fn *fn;
	void *arg;
};

struct handoff {
	struct worker *worker;
	struct event event;
	int fd;
	pthread_mutex_t lock;
	struct post *first, **last;
};

static void run_all(struct handoff *handoff)
{
	pthread_mutex_lock(&handoff->lock);
	struct post *post = handoff->first;
	handoff->first = NULL;
	handoff->last = &handoff->first;
	pthread_mutex_unlock(&handoff->lock);

	while (post != NULL) {
		struct post *next = post->next;
		post->fn(handoff->worker, post->arg);
		free(post);
		post = next;
	}
}

static void readable(evutil_socket_t fd, short events, void *arg)
{
	(void)events;
	struct handoff *handoff = arg;
	eventfd_t ignored;

	eventfd_read(fd, &ignored);
	worker_tick(handoff->worker);
	run_all(handoff);
}

struct handoff *handoff_new(struct event_base *base, struct worker *worker)
{
	struct handoff *handoff = calloc(1, sizeof(*handoff));
	if (handoff == NULL)
		return NULL;

	handoff->worker = worker;
	handoff->last = &handoff->first;
	handoff->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (handoff->fd < 0)
		goto fail;
	pthread_mutex_init(&handoff->lock, NULL);
	if (event_assign(&handoff->event, base, handoff->fd, EV_READ | EV_PERSIST,
			 readable, handoff) != 0 ||
	    event_add(&handoff->event, NULL) != 0) {
		pthread_mutex_destroy(&handoff->lock);
		goto fail;
	}
	return handoff;
fail:
	if (handoff->fd >= 0)
		close(handoff->fd);
	free(handoff);
	return NULL;
}

void handoff_free(struct handoff *handoff)
{
	if (handoff == NULL)
		return;
	run_all(handoff);
	event_del(&handoff->event);
	close(handoff->fd);
	pthread_mutex_destroy(&handoff->lock);
	free(handoff);
}

bool handoff_post(struct handoff *handoff, handoff_fn *fn, void *arg)
{
	struct post *post = malloc(sizeof(*post));
	if (post == NULL)
		return false;
	*post = (struct post){.fn = fn, .arg = arg};

	pthread_mutex_lock(&handoff->lock);
	*handoff->last = post;
	handoff->last = &post->next;
	pthread_mutex_unlock(&handoff->lock);
	eventfd_write(handoff->fd, 1);
	return true;
}

struct call {
	handoff_fn *fn;
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool is_done;
};

static void run_call(struct worker *worker, void *arg)
{
	struct call *call = arg;

	call->fn(worker, call->arg);
	pthread_mutex_lock(&call->lock);
	call->is_done = true;
	pthread_cond_signal(&call->done);
	pthread_mutex_unlock(&call->lock);
}

bool handoff_call(struct handoff *handoff, handoff_fn *fn, void *arg)
{
	struct call call = {
		.fn = fn,
		.arg = arg,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.done = PTHREAD_COND_INITIALIZER,
	};

	if (!handoff_post(handoff, run_call, &call))
		return false;
	pthread_mutex_lock(&call.lock);
	while (!call.is_done)
		pthread_cond_wait(&call.done, &call.lock);
	pthread_mutex_unlock(&call.lock);
	pthread_cond_destroy(&call.done);
	pthread_mutex_destroy(&call.lock);
	return true;
}
