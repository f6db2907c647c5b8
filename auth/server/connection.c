/*
 * connection.c - see connection.h. A bufferevent carries it.
 */
#define LOG_SUBSYSTEM SUBSYSTEM_FRONT
#include "auth/server/connection.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>

#include "auth/mras/language.h"
#include "auth/mras/sip.h"
#include "auth/server/handshake.h"
#include "auth/server/http.h"
#include "auth/server/http_reply.h"
#include "auth/server/issuer.h"
#include "auth/server/mras_config.h"
#include "auth/server/mras_settings.h"
#include "base/log.h"
#include "base/tls_server.h"

enum {
	DRAIN_MS = 5000,          /* for the last answer */
	QUEUE_MAX = 256 << 10,    /* bytes of answers before we stop listening */
	INPUT_MAX = 64 << 10,     /* bytes that wait for HTTP */
	ANSWER_READ = 64 << 10,   /* bytes of an answer at a time */
	TIMER_EARLY_MS = 20,      /* libevent's clock may be that much ahead of ours */
	REFUSED_DRAIN_READS = 16, /* of 4 KiB, see part() */
};

static const struct mras_config *config_of(const struct connection *connection)
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

void connection_end(struct connection *connection)
{
	SSL *ssl = ssl_of(connection);

	connection->owner->ends(connection);
	assert(connection->listed == CONNECTION_NOWHERE);
	event_del(&connection->timer);
	if (connection->http != NULL) {
		http_detach(connection->issuer->http, connection);
		bufferevent_free(connection->http);
		http_framing_free(&connection->framing);
	}
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
	const struct mras_config *config = config_of(connection);
	uint64_t earliest = UINT64_MAX;

	switch (connection->state) {
	case CONNECTION_HANDSHAKE:
		return connection->state_ms + config->limits.handshake_ms;
	case CONNECTION_DRAINING:
		return connection->state_ms + DRAIN_MS;
	case CONNECTION_GREETING:
	case CONNECTION_SIP:
	case CONNECTION_HTTP:
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

/*
 * Stop reading while enough waits, and arm the timer. Not by libevent's watermark: it stops
 * within a TLS record, and no event tells of the rest, which OpenSSL has already read.
 */
static void await(struct connection *connection)
{
	size_t max = connection->state == CONNECTION_SIP
			     ? SIP_HEADERS_MAX + config_of(connection)->limits.body
			     : INPUT_MAX;
	bool is_full = evbuffer_get_length(bufferevent_get_input(connection->bev)) >= max;

	assert(connection->state == CONNECTION_SIP ||
	       connection->state == CONNECTION_HTTP);
	if (is_full != connection->is_full && !connection->heard_end) {
		connection->is_full = is_full;
		if (is_full)
			bufferevent_disable(connection->bev, EV_READ);
		else
			bufferevent_enable(connection->bev, EV_READ);
	}
	arm(connection);
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
	evbuffer_drain(bufferevent_get_input(connection->bev), SIZE_MAX);
}

/* Write what is queued, then end. */
static void drain(struct connection *connection)
{
	assert(connection->http == NULL);
	set_state(connection, CONNECTION_DRAINING);
	if (connection->is_full && !connection->heard_end)
		bufferevent_enable(connection->bev, EV_READ);
	connection->armed_ms = UINT64_MAX;
	arm(connection);
	if (evbuffer_get_length(output_of(connection)) == 0)
		linger(connection);
}

/* A certificate can end while its connection lives. */
static bool may_ask(const struct connection *connection)
{
	if (connection->issuer->unix_s <= connection->peer.not_after_s)
		return true;
	log_notice("%s from %s: certificate expired, closing the connection",
		   connection->peer.server->name, connection->name);
	return false;
}

/* --- SIP ------------------------------------------------------------------------------------ */

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

/* answer is taken over; NULL: there is none. False if the connection has to end. */
static bool send_answer(struct connection *connection, char *answer, size_t len)
{
	if (answer == NULL)
		return true;
	note_unread(connection);
	if (evbuffer_add_reference(output_of(connection), answer, len, free_answer,
				   answer) == 0)
		return true;
	free(answer);
	return false;
}

/* The framing is lost. */
static void refuse_sip(struct connection *connection, enum sip_framing why,
		       struct slice arrived)
{
	size_t len;
	char *answer = sip_refuse(why, arrived, &len);

	issuer_count(connection->issuer, COUNT_SIP_BROKEN);
	if (send_answer(connection, answer, len))
		drain(connection);
	else
		connection_end(connection);
}

/* False if the connection has ended or will end. */
static bool answer_sip(struct connection *connection, struct slice message)
{
	struct issuer *issuer = connection->issuer;
	bool close = false;
	size_t len;

	assert(connection->state == CONNECTION_SIP && connection->peer.server != NULL);
	issuer_count(issuer, COUNT_SIP_MESSAGES);
	connection->heard_ms = issuer->now_ms;
	connection->begun_ms = 0;
	connection->wanted = 0;
	if (!may_ask(connection)) {
		connection_end(connection);
		return false;
	}
	uint64_t began_ns = issuer_clock_ns();
	char *answer = sip_respond(&issuer->settings->service, issuer->memory,
				   connection->peer.server, message, issuer->now_ms,
				   issuer->unix_s, &len, &close);

	mras_counters_latency(&issuer->mras_counters, SERVICE_SIP,
			      issuer_clock_ns() - began_ns);
	if (!send_answer(connection, answer, len)) {
		connection_end(connection);
		return false;
	}
	if (close)
		drain(connection);
	return !close;
}

static void read_sip(struct connection *connection)
{
	struct evbuffer *input = bufferevent_get_input(connection->bev);
	size_t body_max = config_of(connection)->limits.body, arrived;

	while ((arrived = evbuffer_get_length(input)) > 0 &&
	       arrived >= connection->wanted &&
	       evbuffer_get_length(output_of(connection)) < QUEUE_MAX) {
		size_t look = connection->wanted != 0     ? connection->wanted
			      : arrived < SIP_HEADERS_MAX ? arrived
							  : SIP_HEADERS_MAX;
		const uint8_t *front = evbuffer_pullup(input, (ev_ssize_t)look);
		struct slice slice = {front, look};
		size_t frame_len = 0, head_len = 0;

		if (front == NULL) {
			connection_end(connection);
			return;
		}
		enum sip_framing framing = sip_framing_next(slice, &frame_len, &head_len);
		assert(frame_len >= head_len);
		if (frame_len > head_len + body_max)
			framing = SIP_TOO_LARGE;
		switch (framing) {
		case SIP_MORE:
			connection->wanted = frame_len;
			if (frame_len == 0 || arrived < frame_len)
				goto incomplete;
			break;
		case SIP_KEEP_ALIVE:
			evbuffer_drain(input, frame_len);
			evbuffer_add(output_of(connection), "\r\n", 2);
			note_unread(connection);
			connection->heard_ms = connection->issuer->now_ms;
			break;
		case SIP_MESSAGE:
			assert(frame_len <= slice.len);
			slice.len = frame_len;
			if (!answer_sip(connection, slice))
				return;
			evbuffer_drain(input, frame_len);
			break;
		case SIP_BROKEN:
		case SIP_TOO_LARGE:
			refuse_sip(connection, framing, slice);
			return;
		}
	}
incomplete:
	if (evbuffer_get_length(input) > 0 && connection->begun_ms == 0)
		connection->begun_ms = connection->issuer->now_ms;
	await(connection);
}

/* --- HTTP: one request at a time, to libmicrohttpd over a socket pair ------------------------- */

static void end_http(struct connection *connection)
{
	http_detach(connection->issuer->http, connection);
	bufferevent_free(connection->http);
	connection->http = NULL;
}

/* Nothing more is read: write what is queued, then end. */
static void drain_http(struct connection *connection)
{
	end_http(connection);
	http_framing_free(&connection->framing);
	http_framing_init(&connection->framing);
	drain(connection);
}

static void refuse_http(struct connection *connection)
{
	static struct log_limit limit;
	struct issuer *issuer = connection->issuer;
	const struct http_refusal *refusal = &connection->framing.refusal;
	size_t len;
	char *answer = http_reply_refuse(refusal->status, refusal->sentence,
					 issuer->unix_s, &len);

	issuer_count(issuer, COUNT_HTTP_BROKEN);
	service_refused(&issuer->settings->service, connection->peer.server, NULL,
			SERVICE_NOT_UNDERSTOOD);
	log_limited(&limit, LOG_LEVEL_NOTICE,
		    "%s from %s: HTTP request refused with %u: %s",
		    connection->peer.server->name, connection->name, refusal->status,
		    refusal->sentence);
	if (answer != NULL && send_answer(connection, answer, len))
		drain_http(connection);
	else
		connection_end(connection);
}

/* False if the connection has ended. */
static bool ask_http(struct connection *connection)
{
	size_t len;

	assert(!connection->is_asking && !connection->is_last);
	connection->is_last = connection->framing.close;
	connection->is_asking = true;
	char *request = http_framing_take(&connection->framing, &len);

	if (request == NULL ||
	    evbuffer_add_reference(bufferevent_get_output(connection->http), request, len,
				   free_answer, request) != 0) {
		free(request);
		connection_end(connection);
		return false;
	}
	return true;
}

/* Read what has arrived, piece by piece; false if the connection has ended or will end. */
static bool read_requests(struct connection *connection)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct evbuffer *input = bufferevent_get_input(connection->bev);
	size_t piece;

	while (!connection->is_asking && !connection->is_last &&
	       evbuffer_get_length(output_of(connection)) < QUEUE_MAX &&
	       (piece = evbuffer_get_contiguous_space(input)) > 0) {
		struct slice rest = {evbuffer_pullup(input, (ev_ssize_t)piece), piece};
		enum http_framing_result result = http_framing_feed(
			&connection->framing, &rest, config_of(connection)->limits.body);

		evbuffer_drain(input, piece - rest.len);
		if (connection->begun_ms == 0)
			connection->begun_ms = connection->issuer->now_ms;
		switch (result) {
		case HTTP_MORE:
			assert(rest.len == 0);
			break;
		case HTTP_CONTINUE:
			evbuffer_add(output_of(connection), go_on, sizeof(go_on) - 1);
			note_unread(connection);
			break;
		case HTTP_REQUEST:
			if (!ask_http(connection))
				return false;
			break;
		case HTTP_REFUSED:
			refuse_http(connection);
			return false;
		}
	}
	return true;
}

static void read_http(struct connection *connection)
{
	const struct evbuffer *input = bufferevent_get_input(connection->bev);

	assert(connection->state == CONNECTION_HTTP && connection->http != NULL);
	if (!read_requests(connection))
		return;
	/* An incomplete request stays so if the other end sends no more. */
	if (connection->heard_end && !connection->is_asking &&
	    (connection->is_last || evbuffer_get_length(input) == 0)) {
		drain_http(connection);
		return;
	}
	await(connection);
}

/* Move what libmicrohttpd has written so far. */
static void take_answer(struct connection *connection)
{
	struct evbuffer *output = output_of(connection);

	bufferevent_read_buffer(connection->http, output);
	while (evbuffer_read(output, bufferevent_getfd(connection->http), ANSWER_READ) >
	       0)
		continue;
	if (evbuffer_get_length(output) > 0)
		note_unread(connection);
}

static void http_moved(struct bufferevent *bev, void *arg)
{
	(void)bev;
	struct connection *connection = arg;

	issuer_tick(connection->issuer);
	take_answer(connection);
	if (connection->is_answered) {
		connection->is_answered = false;
		connection->is_asking = false;
	}
	read_http(connection);
}

/* libmicrohttpd has closed its end: that was the last answer. */
static void http_ended(struct bufferevent *bev, short events, void *arg)
{
	(void)bev;
	(void)events;
	struct connection *connection = arg;

	issuer_tick(connection->issuer);
	take_answer(connection);
	drain_http(connection);
}

static const struct service_server *http_server(void *arg)
{
	const struct connection *connection = arg;

	return may_ask(connection) ? connection->peer.server : NULL;
}

/* libmicrohttpd calls this, so the next request waits until it has returned. */
static void http_answered(void *arg)
{
	struct connection *connection = arg;

	connection->heard_ms = connection->issuer->now_ms;
	connection->begun_ms = 0;
	connection->is_answered = true;
	bufferevent_trigger(connection->http, EV_READ,
			    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

static void begin_http(struct connection *connection)
{
	static const struct http_client_ops ops = {
		.server = http_server,
		.answered = http_answered,
	};

	connection->http = http_attach(connection->issuer->http, &ops, connection);
	if (connection->http == NULL) {
		connection_end(connection);
		return;
	}
	set_state(connection, CONNECTION_HTTP);
	http_framing_init(&connection->framing);
	bufferevent_setcb(connection->http, http_moved, NULL, http_ended, connection);
	bufferevent_enable(connection->http, EV_READ | EV_WRITE);
	read_http(connection);
}

/* --- both ------------------------------------------------------------------------------------ */

static void greet(struct connection *connection)
{
	static struct log_limit limit;
	struct evbuffer *input = bufferevent_get_input(connection->bev);
	size_t len = evbuffer_get_length(input);

	assert(connection->peer.server != NULL); /* its handshake is complete */
	if (len > LANGUAGE_LINE_MAX)
		len = LANGUAGE_LINE_MAX;
	const uint8_t *front = evbuffer_pullup(input, (ev_ssize_t)len);
	if (len == 0 || front == NULL)
		return;
	switch (language_of((struct slice){front, len})) {
	case LANGUAGE_UNDECIDED:
		return;
	case LANGUAGE_SIP:
		set_state(connection, CONNECTION_SIP);
		read_sip(connection);
		return;
	case LANGUAGE_HTTP:
		begin_http(connection);
		return;
	case LANGUAGE_OTHER:
		issuer_count(connection->issuer, COUNT_NO_LANGUAGE);
		log_limited(&limit, LOG_LEVEL_NOTICE,
			    "%s from %s speaks neither SIP nor HTTP",
			    connection->peer.server->name, connection->name);
		connection_end(connection);
		return;
	}
}

static void readable(struct bufferevent *bev, void *arg)
{
	struct connection *connection = arg;

	issuer_tick(connection->issuer);
	switch (connection->state) {
	case CONNECTION_HANDSHAKE:
		return;
	case CONNECTION_DRAINING:
		evbuffer_drain(bufferevent_get_input(bev), SIZE_MAX);
		return;
	case CONNECTION_GREETING:
		greet(connection);
		return;
	case CONNECTION_SIP:
		read_sip(connection);
		return;
	case CONNECTION_HTTP:
		read_http(connection);
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
	case CONNECTION_GREETING:
		return;
	case CONNECTION_SIP:
		read_sip(connection);
		return;
	case CONNECTION_HTTP:
		read_http(connection);
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
	const SSL *ssl = ssl_of(connection);

	assert(connection->state == CONNECTION_HANDSHAKE);
	/* The settings may have changed during the handshake. */
	if ((SSL_get_SSL_CTX(ssl) != issuer->settings->tls &&
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
	set_state(connection, CONNECTION_GREETING);
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
	} else if ((events & BEV_EVENT_EOF) && connection->state != CONNECTION_GREETING &&
		   connection->state != CONNECTION_DRAINING) {
		/*
		 * It sends no more, but may still read; libevent has stopped both ways.
		 */
		connection->heard_end = true;
		bufferevent_disable(bev, EV_READ);
		bufferevent_enable(bev, EV_WRITE);
		if (connection->http != NULL)
			read_http(connection);
		else
			drain(connection);
	} else {
		connection_end(connection);
	}
}

struct connection *connection_new(struct issuer *issuer,
				  const struct connection_owner *owner, int fd,
				  const struct endpoint *client)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	SSL *ssl = NULL;

	if (connection == NULL)
		goto fail;
	connection->issuer = issuer;
	connection->owner = owner;
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
