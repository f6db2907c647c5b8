/*
 * byte_pump.c - see byte_pump.h.
 */
#include "base/net/byte_pump.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>

enum {
	IDLE_PIPES = 4,       /* kept for the next pump that needs one, ... */
	IDLE_PIPES_MAX = 256, /* ... and of those that are kept for good */
};

struct idle_pipe {
	int fds[2];
	uint64_t id;
};

struct byte_pumps {
	struct idle_pipe idle[IDLE_PIPES_MAX];
	unsigned idle_count, used;
	struct byte_pumps_watch watch; /* made is NULL: nobody is told */
	uint8_t buffer[BYTE_PUMP_HELD_MAX];
};

struct byte_pumps *byte_pumps_new(void)
{
	return calloc(1, sizeof(struct byte_pumps));
}

static void close_pipe(const int pipe[2])
{
	close(pipe[0]);
	close(pipe[1]);
}

void byte_pumps_free(struct byte_pumps *pumps)
{
	if (pumps == NULL)
		return;
	assert(pumps->used == 0);
	while (pumps->idle_count > 0)
		close_pipe(pumps->idle[--pumps->idle_count].fds);
	free(pumps);
}

unsigned byte_pumps_pipes(const struct byte_pumps *pumps)
{
	return pumps->used;
}

uint64_t byte_pump_pipe_id(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) ? st.st_ino : 0;
}

void byte_pumps_watch(struct byte_pumps *pumps, const struct byte_pumps_watch *watch)
{
	assert(pumps->used == 0 && pumps->idle_count == 0);
	pumps->watch = *watch;
}

static bool make_pipe(struct byte_pumps *pumps, struct idle_pipe *made)
{
	if (pipe2(made->fds, O_NONBLOCK | O_CLOEXEC) != 0)
		return false;
	/* A smaller one will do, if the user has too many pages in pipes. */
	fcntl(made->fds[1], F_SETPIPE_SZ, BYTE_PUMP_PIPE);
	made->id = byte_pump_pipe_id(made->fds[0]);
	if (pumps->watch.made != NULL)
		pumps->watch.made(pumps->watch.arg, made->fds);
	return true;
}

static void use_pipe(struct byte_pumps *pumps, struct byte_pump *pump,
		     const struct idle_pipe *pipe)
{
	memcpy(pump->pipe, pipe->fds, sizeof(pump->pipe));
	pump->pipe_id = pipe->id;
	pumps->used++;
	if (pumps->watch.used != NULL)
		pumps->watch.used(pumps->watch.arg, pump, pipe->id);
}

/* False: there are enough, or the system has none. */
static bool take_pipe(struct byte_pumps *pumps, struct byte_pump *pump)
{
	struct idle_pipe made;

	if (pumps->used >= BYTE_PUMP_PIPES_MAX)
		return false;
	if (pumps->idle_count > 0)
		made = pumps->idle[--pumps->idle_count];
	else if (!make_pipe(pumps, &made))
		return false;
	if (pumps->watch.ready != NULL && !pumps->watch.ready(pumps->watch.arg)) {
		pumps->idle[pumps->idle_count++] = made;
		return false;
	}
	use_pipe(pumps, pump, &made);
	return true;
}

/* False: it cannot be emptied. */
static bool drain(struct byte_pumps *pumps, const int pipe[2])
{
	ssize_t len;

	do {
		len = read(pipe[0], pumps->buffer, sizeof(pumps->buffer));
	} while (len > 0);
	return len < 0 && errno == EAGAIN;
}

static bool put_aside(struct byte_pumps *pumps, const struct idle_pipe *pipe)
{
	unsigned most = pumps->watch.made != NULL ? IDLE_PIPES_MAX : IDLE_PIPES;

	if (pumps->idle_count >= most)
		return false;
	pumps->idle[pumps->idle_count++] = *pipe;
	return true;
}

static void give_pipe(struct byte_pumps *pumps, struct byte_pump *pump, bool is_empty)
{
	const struct idle_pipe pipe = {{pump->pipe[0], pump->pipe[1]}, pump->pipe_id};

	assert(pumps->used > 0);
	pumps->used--;
	if (pumps->watch.used != NULL)
		pumps->watch.used(pumps->watch.arg, pump, 0);
	if (!is_empty && pumps->watch.made != NULL)
		is_empty = drain(pumps, pipe.fds);
	if (!is_empty || !put_aside(pumps, &pipe))
		close_pipe(pipe.fds);
}

bool byte_pumps_add(struct byte_pumps *pumps, const int pipe[2])
{
	const struct idle_pipe added = {{pipe[0], pipe[1]}, byte_pump_pipe_id(pipe[0])};

	return drain(pumps, pipe) && put_aside(pumps, &added);
}

/* --- the two ends ---------------------------------------------------------------------------- */

/* What an end says of one read or write. */
enum answer {
	ANSWER_OK,
	ANSWER_AGAIN,
	ANSWER_ENDED,
	ANSWER_BROKEN,
};

static enum answer socket_answer(ssize_t got, size_t *len)
{
	if (got > 0) {
		*len = (size_t)got;
		return ANSWER_OK;
	}
	if (got == 0)
		return ANSWER_ENDED;
	return errno == EAGAIN || errno == EINTR ? ANSWER_AGAIN : ANSWER_BROKEN;
}

/* *crosswise: it waits for the direction that is not its own. */
static enum answer tls_answer(SSL *ssl, int result, int own, bool *crosswise)
{
	int error = SSL_get_error(ssl, result);

	*crosswise = false;
	switch (error) {
	case SSL_ERROR_NONE:
		return ANSWER_OK;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		*crosswise = error != own;
		return ANSWER_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return ANSWER_ENDED;
	case SSL_ERROR_SSL:
		/* Many close TCP without a word of TLS before it. */
		if (ERR_GET_REASON(ERR_peek_error()) ==
		    SSL_R_UNEXPECTED_EOF_WHILE_READING)
			return ANSWER_ENDED;
		return ANSWER_BROKEN;
	default:
		return ANSWER_BROKEN;
	}
}

static enum answer end_read(struct byte_pump *pump, const struct byte_pump_end *source,
			    uint8_t *buf, size_t size, size_t *len)
{
	if (source->ssl == NULL)
		return socket_answer(recv(source->fd, buf, size, MSG_DONTWAIT), len);
	ERR_clear_error();
	int result = SSL_read_ex(source->ssl, buf, size, len);
	return tls_answer(source->ssl, result == 1 ? 1 : 0, SSL_ERROR_WANT_READ,
			  &pump->source_wants_write);
}

static enum answer end_write(struct byte_pump *pump, const struct byte_pump_end *sink,
			     struct slice data, size_t *len)
{
	if (sink->ssl == NULL)
		return socket_answer(send(sink->fd, data.data, data.len,
					  MSG_DONTWAIT | MSG_NOSIGNAL),
				     len);
	ERR_clear_error();
	int result = SSL_write_ex(sink->ssl, data.data, data.len, len);
	return tls_answer(sink->ssl, result == 1 ? 1 : 0, SSL_ERROR_WANT_WRITE,
			  &pump->sink_wants_read);
}

/* Tell the sink that nothing more comes; it may go on sending to us. */
static enum answer end_shut(struct byte_pump *pump, const struct byte_pump_end *sink)
{
	if (sink->ssl != NULL && !(SSL_get_shutdown(sink->ssl) & SSL_SENT_SHUTDOWN)) {
		ERR_clear_error();
		int result = SSL_shutdown(sink->ssl);
		enum answer answer = result >= 0 ? ANSWER_OK
						 : tls_answer(sink->ssl, result,
							      SSL_ERROR_WANT_WRITE,
							      &pump->sink_wants_read);
		if (answer == ANSWER_AGAIN)
			return answer;
	}
	/* One that is gone already will be noticed by the other direction. */
	shutdown(sink->fd, SHUT_WR);
	return ANSWER_OK;
}

/* --- what is under way ----------------------------------------------------------------------- */

bool byte_pump_first(struct byte_pump *pump, struct slice first)
{
	assert(!byte_pump_holds(pump) && first.len <= BYTE_PUMP_HELD_MAX);
	if (first.len == 0)
		return true;
	pump->held = malloc(first.len);
	if (pump->held == NULL)
		return false;
	memcpy(pump->held, first.data, first.len);
	pump->held_len = first.len;
	pump->held_sent = 0;
	return true;
}

void byte_pump_restore(struct byte_pump *pump, struct byte_pumps *pumps,
		       const int pipe[2], size_t len)
{
	const struct idle_pipe given = {{pipe[0], pipe[1]}, byte_pump_pipe_id(pipe[0])};

	assert(!byte_pump_holds(pump) && len > 0);
	use_pipe(pumps, pump, &given);
	pump->in_pipe = len;
}

void byte_pump_release(struct byte_pump *pump, struct byte_pumps *pumps)
{
	if (pump->in_pipe > 0)
		give_pipe(pumps, pump, false);
	pump->in_pipe = 0;
	free(pump->held);
	pump->held = NULL;
}

/* OK: nothing is held any more. */
static enum answer send_held(struct byte_pump *pump, const struct byte_pump_end *sink,
			     size_t *taken)
{
	while (pump->held != NULL) {
		const struct slice rest = {pump->held + pump->held_sent,
					   pump->held_len - pump->held_sent};
		size_t len = 0;
		enum answer answer = end_write(pump, sink, rest, &len);

		if (answer != ANSWER_OK)
			return answer;
		assert(len <= rest.len);
		pump->held_sent += len;
		*taken += len;
		if (pump->held_sent == pump->held_len) {
			free(pump->held);
			pump->held = NULL;
		}
	}
	return ANSWER_OK;
}

/* OK: the pipe is empty, and given back. */
static enum answer send_piped(struct byte_pump *pump, struct byte_pumps *pumps,
			      const struct byte_pump_end *sink, size_t *taken)
{
	while (pump->in_pipe > 0) {
		size_t len = 0;
		enum answer answer = socket_answer(
			splice(pump->pipe[0], NULL, sink->fd, NULL, pump->in_pipe,
			       SPLICE_F_MOVE | SPLICE_F_NONBLOCK),
			&len);

		if (answer != ANSWER_OK)
			return answer;
		assert(len <= pump->in_pipe);
		pump->in_pipe -= len;
		*taken += len;
		if (pump->in_pipe == 0)
			give_pipe(pumps, pump, true);
	}
	return ANSWER_OK;
}

/* --- more of it ------------------------------------------------------------------------------ */

static size_t at_most(size_t size, size_t most)
{
	return size < most ? size : most;
}

/* Into a pipe that was just taken, and stays if something is in it. */
static enum answer read_piped(struct byte_pump *pump, struct byte_pumps *pumps,
			      const struct byte_pump_end *source, size_t most)
{
	size_t len = 0;
	enum answer answer = socket_answer(splice(source->fd, NULL, pump->pipe[1], NULL,
						  at_most(BYTE_PUMP_PIPE, most),
						  SPLICE_F_MOVE | SPLICE_F_NONBLOCK),
					   &len);

	if (answer == ANSWER_OK)
		pump->in_pipe = len;
	else
		give_pipe(pumps, pump, true);
	return answer;
}

/* Without a pipe: only what the sink has taken leaves the source, so nothing is held. */
static enum answer copy_peeked(struct byte_pump *pump, struct byte_pumps *pumps,
			       const struct byte_pump_end *source,
			       const struct byte_pump_end *sink, size_t most,
			       size_t *taken)
{
	size_t len = 0, sent = 0;
	enum answer answer = socket_answer(recv(source->fd, pumps->buffer,
						at_most(sizeof(pumps->buffer), most),
						MSG_PEEK | MSG_DONTWAIT),
					   &len);

	if (answer != ANSWER_OK)
		return answer;
	answer = end_write(pump, sink, (struct slice){pumps->buffer, len}, &sent);
	if (answer != ANSWER_OK)
		return answer == ANSWER_AGAIN ? ANSWER_OK : ANSWER_BROKEN;
	*taken += sent;
	return recv(source->fd, NULL, sent, MSG_TRUNC | MSG_DONTWAIT) == (ssize_t)sent
		       ? ANSWER_OK
		       : ANSWER_BROKEN;
}

static enum answer copy(struct byte_pump *pump, struct byte_pumps *pumps,
			const struct byte_pump_end *source,
			const struct byte_pump_end *sink, size_t most, size_t *taken)
{
	size_t len = 0, sent = 0;
	enum answer answer = end_read(pump, source, pumps->buffer,
				      at_most(BYTE_PUMP_PIECE, most), &len);

	if (answer != ANSWER_OK)
		return answer;
	answer = end_write(pump, sink, (struct slice){pumps->buffer, len}, &sent);
	if (answer != ANSWER_OK && answer != ANSWER_AGAIN)
		return ANSWER_BROKEN;
	*taken += sent;
	const struct slice rest = {pumps->buffer + sent, len - sent};
	return byte_pump_first(pump, rest) ? ANSWER_OK : ANSWER_BROKEN;
}

/* OK: all of it is read. */
static enum answer skip_repeated(struct byte_pump *pump,
				 const struct byte_pump_end *source)
{
	while (pump->repeated > 0) {
		size_t len = 0;
		enum answer answer = socket_answer(recv(source->fd, NULL, pump->repeated,
							MSG_TRUNC | MSG_DONTWAIT),
						   &len);

		if (answer != ANSWER_OK)
			return answer == ANSWER_AGAIN ? answer : ANSWER_BROKEN;
		pump->repeated -= len;
	}
	return ANSWER_OK;
}

/* Read once, 1..most bytes. *full: the sink took nothing of it, and nothing is held. */
static enum answer more(struct byte_pump *pump, struct byte_pumps *pumps,
			const struct byte_pump_end *source,
			const struct byte_pump_end *sink, size_t most, size_t *taken,
			bool *full)
{
	size_t before = *taken;
	enum answer answer;

	assert(!byte_pump_holds(pump) && most > 0);
	*full = false;
	if (pump->repeated > 0 && (answer = skip_repeated(pump, source)) != ANSWER_OK)
		return answer;
	if (source->ssl != NULL || sink->ssl != NULL)
		return copy(pump, pumps, source, sink, most, taken);
	if (take_pipe(pumps, pump)) {
		answer = read_piped(pump, pumps, source, most);
		/*
		 * splice() stops before an urgent byte (RFC 9293 section 3.8.5), for good, while the
		 * source stays readable. A run that finds nothing looks whether that is why.
		 */
		if (answer != ANSWER_AGAIN || before > 0)
			return answer;
	}
	answer = copy_peeked(pump, pumps, source, sink, most, taken);
	*full = answer == ANSWER_OK && *taken == before;
	return answer;
}

/* OK: nothing is under way. */
static enum answer send_all(struct byte_pump *pump, struct byte_pumps *pumps,
			    const struct byte_pump_end *sink, size_t *taken)
{
	enum answer answer = send_held(pump, sink, taken);

	if (answer == ANSWER_OK)
		answer = send_piped(pump, pumps, sink, taken);
	/* A sink does not end, it breaks. */
	return answer == ANSWER_ENDED ? ANSWER_BROKEN : answer;
}

static enum byte_pump_result finish(struct byte_pump *pump,
				    const struct byte_pump_end *sink)
{
	if (!pump->is_done && end_shut(pump, sink) == ANSWER_AGAIN)
		return BYTE_PUMP_FULL;
	pump->is_done = true;
	return BYTE_PUMP_DONE;
}

enum byte_pump_result byte_pump_run(struct byte_pump *pump, struct byte_pumps *pumps,
				    const struct byte_pump_end *source,
				    const struct byte_pump_end *sink, size_t budget,
				    size_t *taken)
{
	bool full = false;

	*taken = 0;
	while (*taken < budget) {
		enum answer answer = send_all(pump, pumps, sink, taken);

		if (answer != ANSWER_OK)
			return answer == ANSWER_AGAIN ? BYTE_PUMP_FULL : BYTE_PUMP_BROKEN;
		if (pump->ended)
			return finish(pump, sink);
		if (*taken >= budget)
			break;
		answer = more(pump, pumps, source, sink, budget - *taken, taken, &full);
		if (full)
			return BYTE_PUMP_FULL;
		if (answer == ANSWER_AGAIN)
			return BYTE_PUMP_EMPTY;
		if (answer == ANSWER_BROKEN)
			return BYTE_PUMP_BROKEN;
		pump->ended = answer == ANSWER_ENDED;
	}
	return BYTE_PUMP_MORE;
}
