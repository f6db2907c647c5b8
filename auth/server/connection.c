/*
 * connection.c - see connection.h. A bufferevent carries it.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_FRONT
#include "auth/server/connection.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>

#include "auth/server/handshake.h"
#include "auth/server/issuer.h"
#include "auth/server/mras_config.h"
#include "auth/server/mras_settings.h"
#include "base/log.h"

enum {
	DRAIN_MS = 5000,          /* for the last answer */
	FINISHED_MS = 100,        /* for the last answer, if the process leaves */
	QUEUE_MAX = 256 << 10,    /* bytes of answers before we stop listening */
	TIMER_EARLY_MS = 20,      /* libevent's clock may be that much ahead of ours */
	REFUSED_DRAIN_READS = 16, /* of 4 KiB, see part() */
};

const struct mras_config *connection_config(const struct connection *connection)
{
	return connection->issuer->settings->config;
}

static SSL *ssl_of(const struct connection *connection)
{
	return bufferevent_openssl_get_ssl(connection->bev);
}

static struct evbuffer *output_of(const struct connection *connection)
{
	return bufferevent_get_output(connection->bev);
}

struct evbuffer *connection_input(const struct connection *connection)
{
	return bufferevent_get_input(connection->bev);
}

void connection_end(struct connection *connection)
{
	SSL *ssl = ssl_of(connection);

	connection->owner->ends(connection);
	assert(connection->listed == CONNECTION_NOWHERE);
	event_del(&connection->timer);
	http_framing_free(&connection->framing);
	/*
	 * Send a close_notify: some clients take a bare end of the stream for an attack.
	 */
	if (SSL_is_init_finished(ssl)) {
		SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
		SSL_shutdown(ssl);
		ERR_clear_error();
	}
	/* The bufferevent and its SSL outlive us by a turn of the loop. */
	tls_forget(ssl);
	bufferevent_free(connection->bev);
	free(connection);
}

static void set_state(struct connection *connection, enum connection_state state)
{
	connection->state = state;
	connection->state_ms = connection->issuer->now_ms;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The earliest deadline that holds; UINT64_MAX if none does. */
static uint64_t deadline(const struct connection *connection)
{
	const struct mras_config *config = connection_config(connection);
	uint64_t earliest = UINT64_MAX;

	switch (connection->state) {
	case CONNECTION_HANDSHAKE:
		return connection->state_ms + config->limits.handshake_ms;
	case CONNECTION_DRAINING:
		return connection->state_ms + DRAIN_MS;
	case CONNECTION_SERVING:
		break;
	}
	if (connection->begun_ms != 0)
		earliest = connection->begun_ms + config->limits.request_ms;
	if (connection->unread_ms != 0)
		earliest = earlier(earliest,
				   connection->unread_ms + config->limits.request_ms);
	if (config->limits.idle_ms != 0)
		earliest =
			earlier(earliest, connection->heard_ms + config->limits.idle_ms);
	return earliest;
}

/* Arm the timer if it would fire too late; firing too early is harmless and rare. */
static void arm(struct connection *connection)
{
	uint64_t now = connection->issuer->now_ms, at = deadline(connection);

	if (at >= connection->armed_ms)
		return;
	uint64_t wait_ms = at > now ? at - now : 0;
	struct timeval tv = {
		.tv_sec = (time_t)(wait_ms / 1000),
		.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000),
	};
	connection->armed_ms = at;
	event_add(&connection->timer, &tv);
}

static void timer_due(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	struct connection *connection = arg;
	struct issuer *issuer = connection->issuer;

	issuer_tick(issuer);
	connection->armed_ms = UINT64_MAX;
	if (deadline(connection) <= issuer->now_ms + TIMER_EARLY_MS) {
		issuer_count(issuer, COUNT_TIMED_OUT);
		if (connection->state == CONNECTION_HANDSHAKE)
			issuer->mras_counters.handshakes[HANDSHAKE_TIMED_OUT]++;
		connection_end(connection);
	} else {
		arm(connection);
	}
}

/*
 * Everything is written, and the last of it must arrive: closing while the other end
 * still sends would be a reset, which overtakes it. So discard what arrives until that
 * end closes too.
 */
static void linger(struct connection *connection)
{
	SSL *ssl = ssl_of(connection);

	assert(connection->state == CONNECTION_DRAINING);
	if (connection->heard_end) {
		connection_end(connection);
		return;
	}
	SSL_shutdown(ssl);
	ERR_clear_error();
	shutdown(bufferevent_getfd(connection->bev), SHUT_WR);
	evbuffer_drain(connection_input(connection), SIZE_MAX);
}

void connection_drain(struct connection *connection)
{
	assert(connection->state == CONNECTION_SERVING);
	set_state(connection, CONNECTION_DRAINING);
	if (connection->is_full && !connection->heard_end)
		bufferevent_enable(connection->bev, EV_READ);
	connection->armed_ms = UINT64_MAX;
	arm(connection);
	if (evbuffer_get_length(output_of(connection)) == 0)
		linger(connection);
}

bool connection_finish(struct connection *connection, uint64_t quiet_ms)
{
	uint64_t now_ms = connection->issuer->now_ms;
	bool asks = connection->begun_ms != 0 ||
		    evbuffer_get_length(connection_input(connection)) > 0;

	switch (connection->state) {
	case CONNECTION_HANDSHAKE:
		return now_ms - connection->state_ms >= quiet_ms;
	case CONNECTION_SERVING:
		if (asks || now_ms - connection->heard_ms < quiet_ms)
			return false;
		connection_drain(connection);
		return false;
	case CONNECTION_DRAINING:
		/* Written, and for so long it may have crossed a request that nobody answers. */
		return evbuffer_get_length(output_of(connection)) == 0 &&
		       now_ms - connection->state_ms >= FINISHED_MS;
	}
	return true;
}

bool connection_may_ask(const struct connection *connection)
{
	if (connection->issuer->unix_s <= connection->peer.not_after_s)
		return true;
	log_notice("%s from %s: certificate expired, closing the connection",
		   connection->peer.server->name, connection->name);
	return false;
}

/* --- answers ---------------------------------------------------------------------------------- */

/* An answer waits to be read: from now on, if none did before. */
static void note_unread(struct connection *connection)
{
	if (connection->unread_ms == 0)
		connection->unread_ms = connection->issuer->now_ms;
}

static void free_answer(const void *data, size_t len, void *extra)
{
	(void)data;
	(void)len;
	free(extra);
}

bool connection_send(struct connection *connection, char *answer, size_t len)
{
	assert(connection->state == CONNECTION_SERVING);
	if (answer == NULL)
		return true;
	note_unread(connection);
	if (evbuffer_add_reference(output_of(connection), answer, len, free_answer,
				   answer) == 0)
		return true;
	free(answer);
	return false;
}

bool connection_send_static(struct connection *connection, const char *text)
{
	note_unread(connection);
	return evbuffer_add(output_of(connection), text, strlen(text)) == 0;
}

bool connection_has_room(const struct connection *connection)
{
	return evbuffer_get_length(output_of(connection)) < QUEUE_MAX;
}

void connection_served(struct connection *connection)
{
	connection->heard_ms = connection->issuer->now_ms;
	connection->begun_ms = 0;
}

/*
 * Not by libevent's watermark: it stops within a TLS record, and no event tells of the rest,
 * which OpenSSL has already read.
 */
void connection_await(struct connection *connection, bool has_begun, size_t input_max)
{
	bool is_full = evbuffer_get_length(connection_input(connection)) >= input_max;

	assert(connection->state == CONNECTION_SERVING);
	if (has_begun && connection->begun_ms == 0)
		connection->begun_ms = connection->issuer->now_ms;
	/* What is incomplete stays so if the other end sends no more. */
	if (connection->heard_end && connection_has_room(connection)) {
		connection_drain(connection);
		return;
	}
	if (is_full != connection->is_full && !connection->heard_end) {
		connection->is_full = is_full;
		if (is_full)
			bufferevent_disable(connection->bev, EV_READ);
		else
			bufferevent_enable(connection->bev, EV_READ);
	}
	arm(connection);
}

/* --- events ----------------------------------------------------------------------------------- */

static void readable(struct bufferevent *bev, void *arg)
{
	struct connection *connection = arg;

	issuer_tick(connection->issuer);
	switch (connection->state) {
	case CONNECTION_HANDSHAKE:
		return;
	case CONNECTION_SERVING:
		connection->read(connection);
		return;
	case CONNECTION_DRAINING:
		evbuffer_drain(bufferevent_get_input(bev), SIZE_MAX);
		return;
	}
}

/* The queue is empty: the other end has read its answers. */
static void written(struct bufferevent *bev, void *arg)
{
	(void)bev;
	struct connection *connection = arg;

	issuer_tick(connection->issuer);
	connection->unread_ms = 0;
	switch (connection->state) {
	case CONNECTION_HANDSHAKE:
		return;
	case CONNECTION_SERVING:
		connection->read(connection);
		return;
	case CONNECTION_DRAINING:
		linger(connection);
		return;
	}
}

/*
 * The alert must arrive: closing with bytes unread would send a reset, which overtakes it.
 */
static void part(struct connection *connection)
{
	int fd = bufferevent_getfd(connection->bev);
	uint8_t rest[4096];

	shutdown(fd, SHUT_WR);
	for (int i = 0; i < REFUSED_DRAIN_READS; i++) {
		if (recv(fd, rest, sizeof(rest), MSG_DONTWAIT) <= 0)
			break;
	}
	connection_end(connection);
}

static void refused(struct connection *connection)
{
	handshake_refused(connection->issuer, connection->name, &connection->peer,
			  ssl_of(connection),
			  bufferevent_get_openssl_error(connection->bev));
	part(connection);
}

bool connection_check_again(struct connection *connection)
{
	const struct mras_settings *settings = connection->issuer->settings;

	connection->peer.service = &settings->service;
	return tls_issuer_check_again(ssl_of(connection), settings->tls,
				      &connection->peer);
}

static void trusted(struct connection *connection)
{
	struct issuer *issuer = connection->issuer;
	SSL *ssl = ssl_of(connection);

	assert(connection->state == CONNECTION_HANDSHAKE);
	/* The settings may have changed during the handshake, and its signature is known now. */
	if (((SSL_get_SSL_CTX(ssl) != issuer->settings->tls || tls_is_legacy(ssl)) &&
	     !connection_check_again(connection)) ||
	    connection->peer.server == NULL) {
		refused(connection);
		return;
	}
	issuer_count(issuer, COUNT_TRUSTED);
	assert(connection->peer.service == &issuer->settings->service);
	log_debug("%s from %s: connected, %s with %s%s", connection->peer.server->name,
		  connection->name, SSL_get_version(ssl), SSL_get_cipher_name(ssl),
		  tls_is_legacy(ssl) ? ", which legacy_tls permits" : "");
	set_state(connection, CONNECTION_SERVING);
	connection->heard_ms = issuer->now_ms;
	connection->begun_ms = issuer->now_ms;
	connection->armed_ms = UINT64_MAX;
	connection->owner->opened(connection);
	arm(connection);
}

static void happened(struct bufferevent *bev, short events, void *arg)
{
	struct connection *connection = arg;

	issuer_tick(connection->issuer);
	if (events & BEV_EVENT_CONNECTED) {
		trusted(connection);
	} else if (connection->state == CONNECTION_HANDSHAKE) {
		refused(connection);
	} else if ((events & BEV_EVENT_EOF) && connection->state == CONNECTION_SERVING) {
		/*
		 * It sends no more, but may still read; libevent has stopped both ways.
		 */
		connection->heard_end = true;
		bufferevent_disable(bev, EV_READ);
		bufferevent_enable(bev, EV_WRITE);
		connection->read(connection);
	} else {
		connection_end(connection);
	}
}

struct connection *connection_new(struct issuer *issuer,
				  const struct connection_owner *owner,
				  connection_read_fn *read, int fd,
				  const struct endpoint *client)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	SSL *ssl = NULL;

	if (connection == NULL)
		goto fail;
	connection->issuer = issuer;
	connection->owner = owner;
	connection->read = read;
	connection->peer.service = &issuer->settings->service;
	connection->peer.source = client->ip;
	connection->armed_ms = UINT64_MAX;
	endpoint_format(client, connection->name, sizeof(connection->name));
	ssl = tls_issuer_accept(issuer->settings->tls, &connection->peer);
	if (ssl == NULL || event_assign(&connection->timer, issuer->base, -1, 0,
					timer_due, connection) != 0)
		goto fail;
	connection->bev = bufferevent_openssl_socket_new(
		issuer->base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (connection->bev == NULL)
		goto fail;
	bufferevent_openssl_set_allow_dirty_shutdown(connection->bev, 1);
	bufferevent_setcb(connection->bev, readable, written, happened, connection);
	bufferevent_enable(connection->bev, EV_READ | EV_WRITE);
	set_state(connection, CONNECTION_HANDSHAKE);
	arm(connection);
	return connection;
fail:
	SSL_free(ssl);
	free(connection);
	evutil_closesocket(fd);
	return NULL;
}
