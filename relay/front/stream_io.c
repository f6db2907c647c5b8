/*
 * stream_io.c - see stream_io.h.
 */
#include "relay/front/stream_io.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/descriptors/connection_store.h"

/* A message leaves the queue as soon as nothing of it is left to send. */
struct stream_message {
	struct stream_message *next;
	enum stream_io_kind kind;
	bool begun;      /* a part of it is gone, or TLS wants to see it again */
	uint32_t record; /* of the state file, or STREAM_RECORD_NONE */
	size_t len, sent;
	uint8_t bytes[];
};

static void check_queue(const struct stream_io *io)
{
	assert((io->first == NULL) == (io->queued == 0));
	assert(*io->end == NULL);
#ifdef AVEDGE_CHECK_INVARIANTS
	size_t queued = 0;

	for (const struct stream_message *m = io->first; m != NULL; m = m->next) {
		assert(m->sent < m->len && (m == io->first || !m->begun));
		queued += m->len - m->sent;
	}
	assert(queued == io->queued);
#endif
}

void stream_io_init(struct stream_io *io, int fd)
{
	*io = (struct stream_io){.fd = fd};
	io->end = &io->first;
}

void stream_io_save(struct stream_io *io)
{
	assert(stream_record_is(&io->record) && io->ssl == NULL);
	for (struct stream_message *m = io->first; m != NULL; m = m->next) {
		m->record = stream_record_queue(
			&io->record, (struct slice){m->bytes + m->sent, m->len - m->sent},
			m->kind == STREAM_IO_REPLY, 0);
		if (m->record == STREAM_RECORD_NONE) {
			stream_io_lose(io);
			return;
		}
		if (m->begun)
			stream_record_offer(&io->record, m->record);
	}
}

static void drop_record(struct stream_io *io, struct stream_message *message)
{
	if (message->record != STREAM_RECORD_NONE)
		stream_record_unqueue(&io->record, message->record);
	message->record = STREAM_RECORD_NONE;
}

void stream_io_unsave(struct stream_io *io)
{
	stream_record_end(&io->record);
	for (struct stream_message *m = io->first; m != NULL; m = m->next)
		drop_record(io, m);
}

void stream_io_lose(struct stream_io *io)
{
	if (!stream_record_is(&io->record))
		return;
	stream_io_unsave(io);
	stream_record_lose(&io->record);
}

void stream_io_leave(struct stream_io *io)
{
	io->record.words = NULL;
	io->is_stored = false;
	for (struct stream_message *m = io->first; m != NULL; m = m->next)
		m->record = STREAM_RECORD_NONE;
}

void stream_io_close(struct stream_io *io)
{
	stream_io_unsave(io);
	while (io->first != NULL) {
		struct stream_message *message = io->first;
		io->first = message->next;
		free(message);
	}
	if (io->ssl != NULL) {
		/* Not after an error, and not before the handshake is done. */
		if (!io->failed && SSL_is_init_finished(io->ssl))
			SSL_shutdown(io->ssl);
		SSL_free(io->ssl);
		ERR_clear_error();
	}
	if (io->fd >= 0 && io->is_stored)
		fd_end(io->fd, io->resets);
	else if (io->fd >= 0)
		close(io->fd);
}

int stream_io_release(struct stream_io *io)
{
	int fd = io->fd;

	assert(io->ssl == NULL && io->queued == 0);
	stream_io_await(io, 1);
	io->fd = -1;
	return fd;
}

void stream_io_abort(struct stream_io *io)
{
	static const struct linger at_once = {.l_onoff = 1};

	io->failed = true;
	io->resets = true;
	setsockopt(io->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static bool has_ended(const struct stream_io *io)
{
	struct pollfd fd = {.fd = io->fd, .events = POLLRDHUP};

	return poll(&fd, 1, 0) == 1 && (fd.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

enum stream_io_result stream_io_look(struct stream_io *io, uint8_t *buf, size_t size,
				     size_t *len)
{
	ssize_t got = recv(io->fd, buf, size, MSG_PEEK | MSG_DONTWAIT);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? STREAM_IO_AGAIN
							 : STREAM_IO_FAILED;
	/* What is there before the end makes it readable again and again. */
	if (got == 0 ||
	    ((size_t)got < size && (size_t)got < io->awaited && has_ended(io)))
		return STREAM_IO_ENDED;
	*len = (size_t)got;
	return STREAM_IO_OK;
}

void stream_io_await(struct stream_io *io, size_t bytes)
{
	int enough = (int)bytes;

	assert(bytes > 0 && bytes <= INT_MAX);
	if (bytes == io->awaited || (bytes == 1 && io->awaited == 0))
		return;
	setsockopt(io->fd, SOL_SOCKET, SO_RCVLOWAT, &enough, sizeof(enough));
	io->awaited = bytes;
}

bool stream_io_skip(struct stream_io *io, size_t len)
{
	uint8_t skipped[1024];

	while (len > 0) {
		size_t some = len < sizeof(skipped) ? len : sizeof(skipped);
		ssize_t got = recv(io->fd, skipped, some, MSG_DONTWAIT);
		if (got <= 0)
			return false;
		len -= (size_t)got;
	}
	return true;
}

enum stream_io_result stream_io_peek(struct stream_io *io, enum stream_kind *kind)
{
	uint8_t first[STREAM_CLASSIFY_MAX];
	size_t len;
	enum stream_io_result result = stream_io_look(io, first, sizeof(first), &len);

	if (result != STREAM_IO_OK)
		return result;
	*kind = stream_classify((struct slice){first, len});
	/* Otherwise what is there already would make it readable, and we would spin. */
	stream_io_await(io, *kind == STREAM_UNDECIDED ? len + 1 : 1);
	return *kind == STREAM_UNDECIDED ? STREAM_IO_AGAIN : STREAM_IO_OK;
}

bool stream_io_start_tls(struct stream_io *io, SSL_CTX *ctx)
{
	assert(io->ssl == NULL && io->queued == 0);
	io->ssl = SSL_new(ctx);
	if (io->ssl == NULL || SSL_set_fd(io->ssl, io->fd) != 1)
		return false;
	SSL_set_accept_state(io->ssl);
	/* One receive for all that is there, instead of two for each record. */
	SSL_set_read_ahead(io->ssl, 1);
	SSL_set_mode(io->ssl,
		     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return true;
}

/* What TLS means by a result that is not success. */
static enum stream_io_result tls_result(struct stream_io *io, int result)
{
	switch (SSL_get_error(io->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return STREAM_IO_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return STREAM_IO_ENDED;
	default:
		io->failed = true;
		return STREAM_IO_FAILED;
	}
}

static enum stream_io_result socket_result(struct stream_io *io)
{
	if (errno == EAGAIN || errno == EINTR)
		return STREAM_IO_AGAIN;
	io->failed = true;
	return STREAM_IO_FAILED;
}

enum stream_io_result stream_io_handshake(struct stream_io *io)
{
	ERR_clear_error();
	int result = SSL_do_handshake(io->ssl);

	io->read_wants_write = result != 1 && SSL_want_write(io->ssl);
	return result == 1 ? STREAM_IO_OK : tls_result(io, result);
}

enum stream_io_result stream_io_read(struct stream_io *io, uint8_t *buf, size_t size,
				     size_t *len)
{
	assert(size > 0); /* or the end would be read, which has not come */
	if (io->failed)
		return STREAM_IO_FAILED;
	if (io->ssl == NULL) {
		ssize_t got = recv(io->fd, buf, size, MSG_DONTWAIT);
		if (got < 0)
			return socket_result(io);
		*len = (size_t)got;
		return got > 0 ? STREAM_IO_OK : STREAM_IO_ENDED;
	}
	ERR_clear_error();
	int result = SSL_read_ex(io->ssl, buf, size, len);
	io->read_wants_write = result != 1 && SSL_want_write(io->ssl);
	return result == 1 ? STREAM_IO_OK : tls_result(io, result);
}

bool stream_io_has_more(const struct stream_io *io)
{
	return io->ssl != NULL && !io->failed && SSL_has_pending(io->ssl);
}

/* As much as the socket takes; *sent counts on. */
static enum stream_io_result transmit(struct stream_io *io, const uint8_t *data,
				      size_t len, size_t *sent)
{
	while (*sent < len) {
		if (io->ssl == NULL) {
			ssize_t done = send(io->fd, data + *sent, len - *sent,
					    MSG_DONTWAIT | MSG_NOSIGNAL);
			if (done < 0)
				return socket_result(io);
			*sent += (size_t)done;
			continue;
		}
		size_t done = 0;
		ERR_clear_error();
		int result = SSL_write_ex(io->ssl, data + *sent, len - *sent, &done);
		if (result != 1)
			return tls_result(io, result);
		*sent += done;
	}
	return STREAM_IO_OK;
}

static void unlink_message(struct stream_io *io, struct stream_message **link)
{
	struct stream_message *message = *link;

	assert(message->sent <= message->len &&
	       io->queued >= message->len - message->sent);
	*link = message->next;
	if (io->end == &message->next)
		io->end = link;
	io->queued -= message->len - message->sent;
	drop_record(io, message);
	free(message);
}

/* Drop old media until len more fit; returns how many messages. */
static unsigned make_room(struct stream_io *io, size_t len, size_t limit)
{
	struct stream_message **link = &io->first;
	unsigned dropped = 0;

	while (*link != NULL && io->queued + len > limit) {
		if ((*link)->kind == STREAM_IO_MEDIA && !(*link)->begun) {
			unlink_message(io, link);
			dropped++;
		} else {
			link = &(*link)->next;
		}
	}
	return dropped;
}

static struct stream_message *append(struct stream_io *io, struct slice bytes,
				     enum stream_io_kind kind)
{
	struct stream_message *message = malloc(sizeof(*message) + bytes.len);

	if (message == NULL)
		return NULL;
	*message = (struct stream_message){
		.kind = kind, .len = bytes.len, .record = STREAM_RECORD_NONE};
	memcpy(message->bytes, bytes.data, bytes.len);
	*io->end = message;
	io->end = &message->next;
	io->queued += bytes.len;
	return message;
}

/*
 * What the socket has not taken of a message of which it has taken sent bytes. False if there is no
 * room for it.
 */
static bool enqueue(struct stream_io *io, struct slice rest, enum stream_io_kind kind,
		    bool begun, size_t sent, size_t limit)
{
	struct stream_message *message;

	/* A message that is begun has to be finished; it is the only one in the queue. */
	assert(!begun || io->first == NULL);
	if (!begun && io->queued + rest.len > limit)
		return false;
	message = append(io, rest, kind);
	if (message == NULL)
		return false;
	message->begun = begun;
	if (!stream_record_is(&io->record))
		return true;
	message->record =
		stream_record_queue(&io->record, rest, kind == STREAM_IO_REPLY, sent);
	if (message->record == STREAM_RECORD_NONE)
		stream_io_lose(io);
	else
		stream_record_gave(&io->record, sent);
	return true;
}

bool stream_io_requeue(struct stream_io *io, const struct saved_message *saved,
		       size_t sent)
{
	struct stream_message *message;

	assert(sent < saved->bytes.len && io->ssl == NULL);
	assert(sent == 0 || io->first == NULL);
	bool is_first = io->first == NULL;
	message = append(io, slice_skip(saved->bytes, sent),
			 saved->is_reply ? STREAM_IO_REPLY : STREAM_IO_MEDIA);
	if (message == NULL)
		return false;
	message->begun = is_first && saved->at != 0;
	return true;
}

unsigned stream_io_send(struct stream_io *io, struct slice message,
			enum stream_io_kind kind, size_t limit)
{
	unsigned dropped = 0;
	bool begun = false;
	size_t sent = 0;

	if (io->failed)
		return 1;
	if (io->record.answering != 0)
		stream_record_answer(&io->record, message.len, io->queued == 0);
	if (io->queued == 0) {
		if (stream_record_is(&io->record))
			stream_record_intend(&io->record, message.len);
		enum stream_io_result result =
			transmit(io, message.data, message.len, &sent);
		if (result == STREAM_IO_OK) {
			if (stream_record_is(&io->record))
				stream_record_gave(&io->record, sent);
			return 0;
		}
		if (result != STREAM_IO_AGAIN) {
			io->failed = true;
			return 1;
		}
		begun = sent > 0 || io->ssl != NULL;
		message = slice_skip(message, sent);
	} else {
		dropped = make_room(io, message.len, limit);
	}
	if (!enqueue(io, message, kind, begun, sent, limit)) {
		dropped++;
		/* Half a message, or a reply that never comes: the connection is useless. */
		if (begun || kind == STREAM_IO_REPLY)
			io->failed = true;
	}
	check_queue(io);
	return dropped;
}

bool stream_io_take_queue(struct stream_io *io, uint8_t *buf, size_t size, size_t *len)
{
	*len = 0;
	if (io->queued > size)
		return false;
	while (io->first != NULL) {
		const struct stream_message *message = io->first;

		memcpy(buf + *len, message->bytes + message->sent,
		       message->len - message->sent);
		*len += message->len - message->sent;
		unlink_message(io, &io->first);
	}
	check_queue(io);
	return true;
}

enum stream_io_result stream_io_flush(struct stream_io *io)
{
	while (io->first != NULL && !io->failed) {
		struct stream_message *message = io->first;
		size_t before = message->sent;

		if (message->record != STREAM_RECORD_NONE && !message->begun)
			stream_record_offer(&io->record, message->record);
		enum stream_io_result result =
			transmit(io, message->bytes, message->len, &message->sent);

		if (message->record != STREAM_RECORD_NONE)
			stream_record_gave(&io->record, message->sent - before);
		io->queued -= message->sent - before;
		message->begun = message->begun || message->sent > 0 || io->ssl != NULL;
		if (result == STREAM_IO_AGAIN)
			return result;
		if (result != STREAM_IO_OK)
			io->failed = true;
		else
			unlink_message(io, &io->first);
	}
	check_queue(io);
	return io->failed ? STREAM_IO_FAILED : STREAM_IO_OK;
}
