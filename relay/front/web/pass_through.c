/*
 * pass_through.c - see pass_through.h.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_FRONT
#include "relay/front/web/pass_through.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/log.h"
#include "base/net/half_open.h"
#include "base/sockaddr.h"
#include "relay/core/limiter.h"
#include "relay/core/turn.h"
#include "relay/delivery.h"
#include "relay/loop.h"
#include "relay/reload/relay_settings.h"
#include "stun/proxy_header.h"

enum {
	PIPE_BYTES = 65536, /* the kernel's default */
	PIPES_KEPT = 16,    /* empty ones, for the next that need one */
	MOVES_PER_TURN = 8, /* then others have their turn */
	SILENT_MS = 1000,   /* it may give way to another one of its own source */
	EXPECTED = 1000,    /* the default of connections */
};

struct pipe {
	int in, out; /* -1: none */
};

/* What one end says to the other. */
struct direction {
	int from, to;
	struct pipe pipe; /* while it holds something */
	size_t held;      /* bytes in the pipe */
	bool has_ended;   /* from has nothing more to say */
	bool is_told;     /* and to has been told so */
	bool waits_to_read, waits_to_write;
	struct event readable, writable; /* of from; of to */
};

struct passed {
	LIST_ENTRY(passed) link;
	struct half_open_entry
		source; /* the last one to move a byte is its source's last */
	struct pass_through *set;
	int client, backend;
	struct endpoint address; /* of the backend, for the log */
	bool is_connected;
	uint32_t idle_ms;  /* as configured when it began */
	uint64_t moved_ms; /* a byte, or the beginning */
	struct direction to_backend, to_client;
	struct event timer;
	uint8_t header[PROXY_HEADER_WRITTEN_MAX]; /* for the backend */
	size_t header_len;
};

LIST_HEAD(passed_list, passed);

struct pass_through {
	struct delivery *delivery;
	struct passed_list connections;
	struct half_open *sources; /* of all of them */
	size_t count;
	struct pipe kept[PIPES_KEPT];
	size_t kept_count;
};

/* --- whose it is ------------------------------------------------------------------------------ */

static bool slice_is(struct slice bytes, const char *text)
{
	return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

/* DNS names compare without case; "*.example.com" is for one label in front. */
static bool name_matches(struct slice name, const char *own)
{
	if (own[0] == '*') {
		while (name.len > 0 && name.data[0] != '.')
			name = slice_skip(name, 1);
		own++;
	}
	return name.len == strlen(own) &&
	       strncasecmp((const char *)name.data, own, name.len) == 0;
}

bool pass_through_wants(const struct relay_pass_through *config,
			const struct client_hello *hello)
{
	struct slice alpn = hello->alpn, name;

	if (hello->alpn.len > 0) {
		while (client_hello_alpn_next(&alpn, &name)) {
			if (slice_is(name, "stun.turn") ||
			    slice_is(name, "stun.nat-discovery"))
				return false;
		}
		return true;
	}
	if (hello->server_name.len == 0 || config->own_name_count == 0)
		return false;
	for (size_t i = 0; i < config->own_name_count; i++) {
		if (name_matches(hello->server_name, config->own_names[i]))
			return false;
	}
	return true;
}

/* --- pipes ------------------------------------------------------------------------------------ */

static void pipe_close(struct pipe *pipe)
{
	if (pipe->in >= 0) {
		close(pipe->in);
		close(pipe->out);
	}
	*pipe = (struct pipe){-1, -1};
}

static bool pipe_take(struct pass_through *set, struct pipe *pipe)
{
	int fds[2];

	if (set->kept_count > 0) {
		*pipe = set->kept[--set->kept_count];
		return true;
	}
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0)
		return false;
	*pipe = (struct pipe){.in = fds[1], .out = fds[0]};
	return true;
}

/* It is empty. */
static void pipe_give_back(struct pass_through *set, struct pipe *pipe)
{
	if (pipe->in < 0)
		return;
	if (set->kept_count == PIPES_KEPT) {
		pipe_close(pipe);
		return;
	}
	set->kept[set->kept_count++] = *pipe;
	*pipe = (struct pipe){-1, -1};
}

/* --- the end ---------------------------------------------------------------------------------- */

static void count(struct pass_through *set, enum pass_event event)
{
	counter_add(&set->delivery->turn->counters.pass_events[event], 1);
}

static void direction_end(struct direction *direction)
{
	event_del(&direction->readable);
	event_del(&direction->writable);
	pipe_close(&direction->pipe);
}

static void end(struct passed *passed, enum pass_event event)
{
	struct pass_through *set = passed->set;

	assert(set->count > 0);
	count(set, event);
	LIST_REMOVE(passed, link);
	set->count--;
	if (half_open_has(&passed->source))
		half_open_remove(set->sources, &passed->source);
	direction_end(&passed->to_backend);
	direction_end(&passed->to_client);
	event_del(&passed->timer);
	close(passed->client);
	close(passed->backend);
	free(passed);
}

/* --- moving ----------------------------------------------------------------------------------- */

static void set_event(struct event *event, bool *waits, bool wants)
{
	if (wants == *waits)
		return;
	if (wants)
		event_add(event, NULL);
	else
		event_del(event);
	*waits = wants;
}

static bool is_for_later(ssize_t result)
{
	return result < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Fill the pipe, which is empty. */
static bool take_in(struct pass_through *set, struct direction *direction)
{
	assert(direction->held == 0 && !direction->has_ended);
	if (direction->pipe.in < 0 && !pipe_take(set, &direction->pipe))
		return false;
	ssize_t got = splice(direction->from, NULL, direction->pipe.in, NULL, PIPE_BYTES,
			     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (got > 0)
		direction->held = (size_t)got;
	else if (got == 0)
		direction->has_ended = true;
	else
		return is_for_later(got);
	return true;
}

/* Empty it as far as the other end takes it; how much, or a negative number if that failed. */
static ssize_t give_out(struct direction *direction)
{
	ssize_t gone = splice(direction->pipe.out, NULL, direction->to, NULL,
			      direction->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (is_for_later(gone))
		return 0;
	if (gone > 0)
		direction->held -= (size_t)gone;
	return gone;
}

/* What there is now, or some of it: events tell of the rest. False if an end is broken. */
static bool move(struct passed *passed, struct direction *direction, uint64_t *bytes)
{
	struct pass_through *set = passed->set;
	unsigned moves = 0;

	while (moves++ < MOVES_PER_TURN) {
		if (direction->held == 0 && !direction->has_ended &&
		    !take_in(set, direction))
			return false;
		if (direction->held == 0)
			break;
		ssize_t gone = give_out(direction);
		if (gone < 0)
			return false;
		if (gone == 0)
			break;
		counter_add(bytes, (uint64_t)gone);
		passed->moved_ms = set->delivery->loop->now_ms;
		half_open_renew(&passed->source);
	}
	if (direction->held == 0)
		pipe_give_back(set, &direction->pipe);
	if (direction->held == 0 && direction->has_ended && !direction->is_told) {
		shutdown(direction->to, SHUT_WR);
		direction->is_told = true;
	}
	set_event(&direction->readable, &direction->waits_to_read,
		  direction->held == 0 && !direction->has_ended);
	set_event(&direction->writable, &direction->waits_to_write, direction->held > 0);
	return true;
}

static void move_both(struct passed *passed)
{
	uint64_t *bytes = passed->set->delivery->turn->counters.pass_bytes;

	if (!move(passed, &passed->to_backend, &bytes[PASS_TO_BACKEND]) ||
	    !move(passed, &passed->to_client, &bytes[PASS_TO_CLIENT]))
		end(passed, PASS_EVENT_BROKEN);
	else if (passed->to_backend.is_told && passed->to_client.is_told)
		end(passed, PASS_EVENT_CLOSED);
}

/* --- connecting ------------------------------------------------------------------------------- */

static void explain(const struct endpoint *backend, int error)
{
	static struct log_limit limit;
	char text[ENDPOINT_TEXT_LEN];

	log_limited(&limit, LOG_LEVEL_WARNING,
		    "cannot pass a connection on to pass_through.backend %s: %s",
		    endpoint_format(backend, text, sizeof(text)), strerror(error));
}

static void fail_to_connect(struct passed *passed, int error)
{
	explain(&passed->address, error);
	end(passed, PASS_EVENT_NO_BACKEND);
}

/* The socket is new, so that it takes all of the header. */
static bool send_header(const struct passed *passed)
{
	return passed->header_len == 0 ||
	       send(passed->backend, passed->header, passed->header_len, MSG_NOSIGNAL) ==
		       (ssize_t)passed->header_len;
}

static void arm(struct passed *passed, uint64_t at_ms)
{
	loop_arm(passed->set->delivery->loop, &passed->timer, at_ms);
}

/* The backend's socket can be written to: there is a connection, or an error. */
static void connected(struct passed *passed)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(passed->backend, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error == 0 && !send_header(passed))
		error = errno;
	if (error != 0) {
		fail_to_connect(passed, error);
		return;
	}
	passed->is_connected = true;
	passed->moved_ms = passed->set->delivery->loop->now_ms;
	arm(passed, passed->moved_ms + passed->idle_ms);
	move_both(passed);
}

static void ready(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct passed *passed = arg;

	loop_turn(passed->set->delivery->loop);
	if (passed->is_connected)
		move_both(passed);
	else
		connected(passed);
}

static void timer_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct passed *passed = arg;
	struct loop *loop = passed->set->delivery->loop;

	loop_turn(loop);
	if (!passed->is_connected)
		fail_to_connect(passed, ETIMEDOUT);
	else if (passed->moved_ms + passed->idle_ms <= loop->now_ms)
		end(passed, PASS_EVENT_IDLE);
	else
		arm(passed, passed->moved_ms + passed->idle_ms);
}

/* 0 or an errno. */
static int connect_to(const struct endpoint *backend, int *fd)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = sockaddr_from_endpoint(backend, &sa);
	int one = 1;

	*fd = socket(backend->ip.family == IP_V4 ? AF_INET : AF_INET6,
		     SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return errno;
	setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(*fd, (struct sockaddr *)&sa, sa_len) == 0 || errno == EINPROGRESS)
		return 0;
	int error = errno;
	close(*fd);
	*fd = -1;
	return error;
}

static bool direction_begin(struct direction *direction, struct passed *passed, int from,
			    int to)
{
	struct event_base *base = passed->set->delivery->loop->base;

	direction->from = from;
	direction->to = to;
	direction->pipe = (struct pipe){-1, -1};
	return event_assign(&direction->readable, base, from, EV_READ | EV_PERSIST, ready,
			    passed) == 0 &&
	       event_assign(&direction->writable, base, to, EV_WRITE | EV_PERSIST, ready,
			    passed) == 0;
}

static struct passed *passed_new(struct pass_through *set, int client, int backend,
				 const struct ip_addr *prefix)
{
	struct passed *passed = calloc(1, sizeof(*passed));

	if (passed == NULL)
		return NULL;
	passed->set = set;
	passed->client = client;
	passed->backend = backend;
	passed->moved_ms = set->delivery->loop->now_ms;
	/* The connection is there when the backend can be written to. */
	if (!direction_begin(&passed->to_backend, passed, client, backend) ||
	    !direction_begin(&passed->to_client, passed, backend, client) ||
	    event_assign(&passed->timer, set->delivery->loop->base, -1, 0, timer_due,
			 passed) != 0 ||
	    !half_open_add(set->sources, &passed->source, prefix) ||
	    event_add(&passed->to_backend.writable, NULL) != 0) {
		if (half_open_has(&passed->source))
			half_open_remove(set->sources, &passed->source);
		free(passed);
		return NULL;
	}
	passed->to_backend.waits_to_write = true;
	LIST_INSERT_HEAD(&set->connections, passed, link);
	set->count++;
	return passed;
}

static struct passed *passed_of(struct half_open_entry *entry)
{
	return (struct passed *)((char *)entry - offsetof(struct passed, source));
}

/* Fewer than that, and room for one more of that source. False: no other has to give way to it. */
static bool make_room(struct pass_through *set, const struct ip_addr *prefix,
		      uint32_t connections)
{
	uint64_t now_ms = set->delivery->loop->now_ms;

	/* More than one only after a reload that lowered the number. */
	while (set->count >= connections) {
		size_t count, own = half_open_count_from(set->sources, prefix);
		struct half_open_entry *oldest =
			half_open_oldest_of_fullest(set->sources, &count);

		if (oldest == NULL || (count <= own + 1 &&
				       passed_of(oldest)->moved_ms + SILENT_MS > now_ms))
			return false;
		end(passed_of(oldest), PASS_EVENT_GAVE_WAY);
	}
	return true;
}

void pass_through_begin(struct pass_through *set, int fd, enum side side,
			const struct endpoint *client, const struct endpoint *server)
{
	const struct relay_pass_through *config =
		&set->delivery->settings->pass_through[side];
	uint64_t now_ms = set->delivery->loop->now_ms;
	struct ip_addr prefix = source_prefix(&client->ip);
	struct passed *passed;
	int backend = -1, error;

	assert(config->backend.ip.family != IP_NONE);
	count(set, PASS_EVENT_OPENED);
	if (!make_room(set, &prefix, config->connections)) {
		count(set, PASS_EVENT_FULL);
		close(fd);
		return;
	}
	error = connect_to(&config->backend, &backend);
	passed = error == 0 ? passed_new(set, fd, backend, &prefix) : NULL;
	if (passed == NULL) {
		explain(&config->backend, error != 0 ? error : ENOMEM);
		count(set, PASS_EVENT_NO_BACKEND);
		if (backend >= 0)
			close(backend);
		close(fd);
		return;
	}
	passed->address = config->backend;
	passed->idle_ms = config->idle_ms;
	if (config->proxy_protocol)
		passed->header_len =
			proxy_header_write(passed->header, PROXY_STREAM, client, server);
	arm(passed, now_ms + config->connect_timeout_ms);
}

struct pass_through *pass_through_new(struct delivery *delivery)
{
	struct pass_through *set = calloc(1, sizeof(*set));

	if (set == NULL)
		return NULL;
	set->delivery = delivery;
	LIST_INIT(&set->connections);
	set->sources = half_open_new(EXPECTED, &delivery->turn->shared->hash_key);
	if (set->sources == NULL) {
		free(set);
		return NULL;
	}
	return set;
}

void pass_through_free(struct pass_through *set)
{
	if (set == NULL)
		return;
	while (!LIST_EMPTY(&set->connections))
		end(LIST_FIRST(&set->connections), PASS_EVENT_CLOSED);
	while (set->kept_count > 0)
		pipe_close(&set->kept[--set->kept_count]);
	half_open_free(set->sources);
	free(set);
}
