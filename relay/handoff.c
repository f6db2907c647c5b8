/*
 * handoff.c - an inbox whose posts know their worker, and find its clock read.
 */
#include "relay/handoff.h"

#include <stdlib.h>

#include "base/inbox.h"
#include "relay/worker.h"

struct handoff {
	struct worker *worker;
	struct inbox *inbox;
};

struct post {
	struct worker *worker;
	handoff_fn *fn;
	void *arg;
};

struct handoff *handoff_new(struct event_base *base, struct worker *worker)
{
	struct handoff *handoff = calloc(1, sizeof(*handoff));
	if (handoff == NULL)
		return NULL;

	handoff->worker = worker;
	handoff->inbox = inbox_new(base);
	if (handoff->inbox == NULL) {
		free(handoff);
		return NULL;
	}
	return handoff;
}

void handoff_free(struct handoff *handoff)
{
	if (handoff == NULL)
		return;
	inbox_free(handoff->inbox);
	free(handoff);
}

static void run(void *arg)
{
	struct post *post = arg;

	worker_tick(post->worker);
	post->fn(post->worker, post->arg);
}

static void run_and_free(void *arg)
{
	run(arg);
	free(arg);
}

bool handoff_post(struct handoff *handoff, handoff_fn *fn, void *arg)
{
	struct post *post = malloc(sizeof(*post));
	if (post == NULL)
		return false;
	*post = (struct post){handoff->worker, fn, arg};
	if (inbox_post(handoff->inbox, run_and_free, post))
		return true;
	free(post);
	return false;
}

bool handoff_call(struct handoff *handoff, handoff_fn *fn, void *arg)
{
	struct post post = {handoff->worker, fn, arg};

	return inbox_call(handoff->inbox, run, &post);
}
