/*
 * take_over_listener.c - see take_over_listener.h.
 */
#include "base/descriptors/take_over_listener.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/descriptors/take_over_packet.h"
#include "base/log.h"

static bool fail(char *error, size_t error_size, const char *text)
{
	snprintf(error, error_size, "%s", text);
	return false;
}

/* A connection, until its hello. */
struct asking {
	struct take_over_listener *listener;
	struct event *event; /* NULL: this place is free */
	int fd;
	struct ucred peer;
	uint64_t number; /* the lowest is the oldest */
};

struct take_over_listener {
	struct take_over_source source;
	struct event_base *base;
	struct event *event;
	uint64_t accepted;
	bool has_left;
	struct asking asking[TAKE_OVER_WAITING_MAX];
};

static void end_asking(struct asking *asking)
{
	event_free(asking->event);
	close(asking->fd);
	asking->event = NULL;
}

struct giving {
	int fd;
	uint64_t until_ms;
	uint32_t sum;
	int failed; /* an errno; then nothing more is sent */
	/* Not sent yet. */
	struct take_over_message message;
	int fds[TAKE_OVER_BATCH_MAX];
};

static void send_batch(struct giving *giving)
{
	struct take_over_message *message = &giving->message;

	if (message->count > 0 && giving->failed == 0)
		giving->failed = take_over_send(giving->fd, message, giving->fds,
						giving->until_ms);
	giving->sum += message->count;
	message->count = 0;
}

static void give(void *arg, const char *name, int fd)
{
	struct giving *giving = arg;
	struct take_over_message *message = &giving->message;

	assert(fd >= 0 && strlen(name) < sizeof(message->name));
	if (message->count == TAKE_OVER_BATCH_MAX || strcmp(message->name, name) != 0)
		send_batch(giving);
	strcpy(message->name, name);
	giving->fds[message->count++] = fd;
}

/* Everything, hello first. False with a sentence in error. */
static bool give_all(const struct take_over_source *source, int fd, uint32_t *sum,
		     char *error, size_t error_size)
{
	struct giving giving = {.fd = fd,
				.until_ms = take_over_now_ms() + TAKE_OVER_SEND_MS,
				.message = {.kind = TAKE_OVER_DESCRIPTORS}};
	const struct take_over_message hello = take_over_hello(source->daemon);
	struct take_over_message end = {.kind = TAKE_OVER_END};

	giving.failed = take_over_send(fd, &hello, NULL, giving.until_ms);
	if (giving.failed == 0) {
		source->each(source->self, give, &giving);
		send_batch(&giving);
	}
	if (giving.failed == 0) {
		end.count = giving.sum;
		giving.failed = take_over_send(fd, &end, NULL, giving.until_ms);
	}
	*sum = giving.sum;
	return giving.failed == 0 || fail(error, error_size, strerror(giving.failed));
}

/* Something is there behind its "done". False, with a sentence in error. */
static bool changed_its_mind(int fd, char *error, size_t error_size)
{
	struct take_over_packet packet;

	if (!take_over_receive(fd, &packet, 0, error, error_size))
		return false;
	take_over_drop(&packet);
	return fail(error, error_size,
		    packet.message.kind == TAKE_OVER_NO
			    ? packet.message.text
			    : "the other process sent something else");
}

/* From its hello to the end, whatever that is. True: everything is its now. */
static bool hand_over(const struct take_over_source *source, int fd, uint32_t *sum,
		      char *error, size_t error_size)
{
	const struct take_over_message go = {.kind = TAKE_OVER_GO};
	struct take_over_packet packet;
	int failed;

	if (!give_all(source, fd, sum, error, error_size) ||
	    !take_over_receive(fd, &packet, take_over_now_ms() + TAKE_OVER_DONE_MS, error,
			       error_size))
		return false;
	take_over_drop(&packet);
	if (packet.message.kind == TAKE_OVER_NO)
		return fail(error, error_size, packet.message.text);
	if (packet.message.kind != TAKE_OVER_DONE)
		return fail(error, error_size, "the other process sent something else");
	if (take_over_has_more(fd))
		return changed_its_mind(fd, error, error_size);
	/* This decides (take_over.h). */
	failed = take_over_send(fd, &go, NULL, take_over_now_ms() + TAKE_OVER_SEND_MS);
	if (failed == EPIPE || failed == ECONNRESET)
		return fail(error, error_size, "the other process waits no more");
	return failed == 0 || fail(error, error_size, strerror(failed));
}

static bool may_ask(const struct ucred *peer)
{
	return peer->uid == 0 || peer->uid == geteuid();
}

/* Its hello has come, or something else. What is refused is read, too, or the refusal would not arrive. */
static void answer(struct asking *asking)
{
	struct take_over_listener *listener = asking->listener;
	const struct take_over_source *source = &listener->source;
	int pid = asking->peer.pid;
	char error[TAKE_OVER_TEXT_MAX] = "";
	struct take_over_packet packet;
	uint32_t sum = 0;

	if (!take_over_receive(asking->fd, &packet, 0, error, sizeof(error))) {
		log_warning("take-over: process %d is refused: %s", pid, error);
		take_over_send_no(asking->fd, error);
		return;
	}
	take_over_drop(&packet);
	if (!may_ask(&asking->peer)) {
		log_warning("take-over: process %d of user %u is refused: only root and "
			    "user %u may take over",
			    pid, asking->peer.uid, geteuid());
		take_over_send_no(asking->fd, "only root and the user of the running "
					      "process may take over");
		return;
	}
	if (packet.message.kind != TAKE_OVER_HELLO ||
	    strcmp(packet.message.name, source->daemon) != 0) {
		log_warning("take-over: process %d is refused: it is no %s", pid,
			    source->daemon);
		take_over_send_no(asking->fd, "it is another daemon");
		return;
	}
	if (!source->pause(source->self, error, sizeof(error))) {
		log_warning("take-over: process %d is refused: %s", pid, error);
		take_over_send_no(asking->fd, error);
		return;
	}
	log_notice("take-over: process %d, version %s, asks for everything", pid,
		   packet.message.text);
	if (hand_over(source, asking->fd, &sum, error, sizeof(error))) {
		log_notice("take-over: process %d has taken over with %u descriptors; "
			   "leaving",
			   pid, sum);
		listener->has_left = true;
		source->leave(source->self);
		return;
	}
	take_over_send_no(asking->fd, error);
	source->resume(source->self);
	log_warning("take-over: process %d has failed: %s; serving on", pid, error);
}

static void on_asking(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	struct asking *asking = arg;

	if (events & EV_TIMEOUT)
		log_warning("take-over: process %d sent nothing in time",
			    asking->peer.pid);
	else if (!asking->listener->has_left)
		answer(asking);
	end_asking(asking);
}

/* A free place, or that of the oldest. */
static struct asking *place_for(struct take_over_listener *listener)
{
	struct asking *oldest = &listener->asking[0];

	for (size_t i = 0; i < TAKE_OVER_WAITING_MAX; i++) {
		struct asking *asking = &listener->asking[i];

		if (asking->event == NULL)
			return asking;
		if (asking->number < oldest->number)
			oldest = asking;
	}
	end_asking(oldest);
	return oldest;
}

static void on_connection(evutil_socket_t listening, short events, void *arg)
{
	(void)events;
	static const struct timeval wait = {.tv_sec = TAKE_OVER_HELLO_MS / 1000};
	struct take_over_listener *listener = arg;
	struct ucred peer;
	socklen_t len = sizeof(peer);
	struct asking *asking;
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) {
		close(fd);
		return;
	}
	asking = place_for(listener);
	*asking = (struct asking){listener, NULL, fd, peer, ++listener->accepted};
	asking->event = event_new(listener->base, fd, EV_READ, on_asking, asking);
	if (asking->event == NULL || event_add(asking->event, &wait) != 0) {
		if (asking->event != NULL)
			event_free(asking->event);
		asking->event = NULL;
		close(fd);
	}
}

struct take_over_listener *take_over_listen(struct event_base *base, int fd,
					    const struct take_over_source *source)
{
	struct take_over_listener *listener = calloc(1, sizeof(*listener));

	if (listener == NULL)
		return NULL;
	listener->source = *source;
	listener->base = base;
	listener->event =
		event_new(base, fd, EV_READ | EV_PERSIST, on_connection, listener);
	if (listener->event == NULL || event_add(listener->event, NULL) != 0) {
		if (listener->event != NULL)
			event_free(listener->event);
		free(listener);
		return NULL;
	}
	return listener;
}

void take_over_listener_free(struct take_over_listener *listener)
{
	if (listener == NULL)
		return;
	for (size_t i = 0; i < TAKE_OVER_WAITING_MAX; i++) {
		if (listener->asking[i].event != NULL)
			end_asking(&listener->asking[i]);
	}
	event_free(listener->event);
	free(listener);
}
